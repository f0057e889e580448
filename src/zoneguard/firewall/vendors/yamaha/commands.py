"""Commands of a YAMAHA configuration: lines that a console wrapped joined again, and the words that begin one."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import LineState
from zoneguard.firewall.secrets import REDACTED
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.export import Export

COLUMNS = 80  # of a console, unless `console columns` says otherwise
MOST_PIECES = 64  # lines of one command: more than its longest list takes


class Command(NamedTuple):
    """One command: its lines counted from 1, its words, and the remarks right above it.

    `unsure` when the console may have wrapped it inside a number and both readings name filters.
    """

    first: int
    last: int
    words: list[str]
    remark: str = ""
    unsure: bool = False


def commands_of(export: Export) -> Iterator[Command]:
    """Yield the commands of an export; remarks, prompts and blank lines are marked as irrelevant on the way."""
    _put_away_secrets(export)
    columns = _columns(export.lines)
    known = _filter_numbers(export.lines)
    remarks: list[str] = []
    at = 0
    while at < len(export.lines):
        text = export.lines[at].rstrip("\r")
        if not begins_command(text):
            stripped = text.strip()
            if _is_silent(stripped):
                export.mark(at + 1, LineState.IRRELEVANT)
            else:
                export.fault(at + 1, LineState.UNKNOWN, _no_command(stripped))
            if stripped.startswith("#"):
                remarks.append(stripped.lstrip("# \t"))
            else:
                remarks = []
            at += 1
            continue
        end, pieces = at + 1, [text]
        while end < min(at + MOST_PIECES, len(export.lines)) and _continues(
            export.lines[end], pieces[-1], pieces[0]
        ):
            pieces.append(export.lines[end].rstrip("\r"))
            end += 1
        words, unsure = _joined(pieces, columns, known)
        yield Command(at + 1, end, words, " ".join(remarks[-5:]), unsure)
        remarks = []
        at = end


def _no_command(text: str) -> Text:
    shown = text if len(text) <= 40 else text[:39] + "…"
    return Text(
        ja=f"「{shown}」はこのルーターのコマンドとして知られていません。パケットに関わるかどうかは分かりません。",
        en=f"`{shown}` is no command of this router that is known; whether it bears on packets is not known.",
    )


def begins_command(line: str) -> bool:
    """Tell a line whose first word is one of the router's commands."""
    word = line.split(maxsplit=1)[0] if line.strip() else ""
    return word in FIRST_WORDS


# First words of commands (ヤマハルーター コマンドリファレンス), whether they bear on packets or not.
_WORDS = """
    account administrator alarm analog anonymous auth bgp bridge bri clear cloud cloud-service config connect console
    cooperation copy dashboard date description dhcp diagnose disconnect dns ethernet external-memory fax heartbeat
    heartbeat2 hold http httpd igmp interface ip ipip ipsec ipv6 isdn keepalive l2ms l2tp lan lan-map leased line login loopback lua
    mail map-e mld mobile nat netvolante netvolante-dns ngn no ntp ntpd ntpdate operation ospf packet-buffer pim pki pp ppp
    pppoe pptp provider qac-tm queue radius remote rip rtfs save schedule scp security set sftpd show sip snmp
    snmpv2c snmpv3 speed ssh sshd statistics switch syslog system tcp telnet telnetd terminate tftp time timezone tunnel upnp url
    usbhost user vlan vrrp wan web wins wlan wol yno dtcp lldp loop detect
"""
FIRST_WORDS = frozenset(_WORDS.split())


def _is_silent(text: str) -> bool:
    """Tell remarks, prompts, pagers and blank lines."""
    return (
        not text
        or text.startswith(("#", "!", ";", "---"))
        or re.fullmatch(r"[\w.-]{0,40}[>#]\s*(?:show .*|exit|quit|administrator|save)?", text) is not None
        or text in ("Password:", "パスワード:", "つづく")
    )


def _continues(line: str, before: str, first: str) -> bool:
    if begins_command(line) or _is_silent(line.strip()):
        return False
    return REDACTED in first or _width(before) >= 60


def _columns(lines: list[str]) -> int:
    for line in lines:
        if found := re.match(r"\s*console columns (\d{2,3})\b", line):
            return int(found[1])
    return COLUMNS


def _filter_numbers(lines: list[str]) -> frozenset[str]:
    """List the numbers under which filters are defined: what a list that was cut inside a number must name."""
    found = (re.match(r"\s*(?:ip|ipv6|ethernet) filter (?:dynamic )?(\d+)\b", line) for line in lines)
    return frozenset(one[1] for one in found if one)


def _joined(pieces: list[str], columns: int, known: frozenset[str]) -> tuple[list[str], bool]:
    """Join the pieces of one command: a console cuts at its last column, a mail or an editor at a blank."""
    if len(pieces) == 1:
        return pieces[0].split(), False
    text, unsure = pieces[0], False
    for before, piece in pairwise(pieces):
        glued, spaced = text + piece, text.rstrip() + " " + piece.lstrip()
        full = _width(before) == columns
        if " secure filter " in pieces[0] and text[-1:].isdecimal() and piece[:1].isdecimal():
            cut = _names(text.split()[-1] + piece.split()[0], known)
            apart = _names(text.split()[-1], known) and _names(piece.split()[0], known)
            unsure = unsure or (cut and apart and not full)
            text = glued if cut and (full or not apart) else spaced if apart or not full else glued
        else:
            text = glued if full else spaced
    return text.split(), unsure


def _names(word: str, known: frozenset[str]) -> bool:
    return word in known


def _width(text: str) -> int:
    """Count columns: a wide character takes two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(one) in "WFA" else 1 for one in text)


_SECRET = re.compile(
    r"""(?x)^\s*(?:
      login\s+user\s+\S+(?:\s+encrypted)?
    | (?:login|administrator)\s+(?:radius\s+)?password(?:\s+encrypted)?
    | (?:pp\s+)?auth\s+(?:user|myname|username)\s+(?:\d+\s+)?\S+
    | mobile\s+(?:auth|pin\s+code)\s+(?:myname\s+)?\S+
    | radius\s+secret
    | snmp(?:v2c)?\s+(?:trap\s+)?community(?:\s+(?:read-only|read-write))?
    | snmpv3\s+usm\s+user(?:\s+\d+)?\s+\S+(?:\s+group\s+\d+)?(?:\s+(?:md5|sha))
    | l2tp\s+tunnel\s+auth\s+on | tunnel\s+\w+\s+auth\s+on
    | ipsec\s+ike\s+(?:pre-shared-key|xauth\s+myname|eap\s+myname)\s+\S+(?:\s+text)?(?:\s+(?!text)\S+(?=\s+\S))?
    | ipsec\s+(?:sa\s+policy.*?\s|ike\s+.*?\s)(?:auth-key|enc-key|key)
    | bgp\s+neighbor\s+pre-shared-key\s+\d+(?:\s+text)? | wlan\s+.*?psk
    | (?:ip|ipv6)\s+\S+\s+(?:rip\s+auth\s+key(?:\s+text)?|ospf\s+area\s.*?(?:authkey|md5-key)[\s=])
    | mail\s+server\s+\w+\s+\d+\s+.*?(?:apop|cram-md5|login|plain|pop|smtp-auth|pop-before-smtp)\s+\S+
    | (?:yno\s+access\s+code|sshd\s+host\s+key\s+generate|sshd\s+authorized-keys|upnp\s+secret|operation\s+.*?password|cloud-service\s+\S+\s+key)(?:\s+encrypted)?
    )\s+(?P<secret>"[^"]*"|\S.*)$"""
)


def _put_away_secrets(export: Export) -> None:
    """Put away what follows the words for a secret, to the end of the command: it may be wrapped too."""
    for number, line in enumerate(export.lines, 1):
        if found := _SECRET.match(line):
            secret = found["secret"].strip()
            if secret not in ("*", REDACTED):
                export.redact(number, secret)
        if REDACTED in export.lines[number - 1]:
            for after in range(number + 1, min(number + 4, len(export.lines) + 1)):
                rest = export.lines[after - 1].strip()
                if begins_command(rest) or _is_silent(rest):
                    break
                export.redact(after, rest)
