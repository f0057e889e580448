"""A temporary capture, dissected by tshark: names of protocols, commands and counts a flow; never payload."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from zoneguard.dissect.dns import type_name
from zoneguard.dissect.record import FilesSeen, Look, NamesSeen, ScreenSeen, Spoken, TlsSeen
from zoneguard.dissect.sandbox import Limits, run
from zoneguard.dissect.tool import Lack, Tool, lack_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DECODERS: Final = {  # protocol a policy declares -> tshark's name of its dissector
    "rdp": "tpkt", "vnc": "vnc", "tls": "tls", "http": "http", "smtp": "smtp", "ftp": "ftp",
    "ssh": "ssh", "smb": "nbss", "ldap": "ldap", "kerberos": "kerberos", "dns": "dns",
}  # fmt: skip
# No field of these holds payload: numbers, lengths, and names of protocols, channels, servers and types.
FIELDS: Final = (
    "frame.number", "frame.protocols", "rdp.name", "rdp.negReq.selectedProtocol", "smb.cmd", "smb.flags.response",
    "smb2.cmd", "smb2.flags.response", "smb2.header.transform.flags.encrypted", "ftp.request.command",
    "tftp.opcode", "dns.flags.response", "dns.flags.rcode", "dns.count.answers", "dns.qry.type",
    "dns.qry.name.len", "tls.handshake.type", "tls.handshake.extensions_server_name",
    "tls.handshake.extensions_alpn_str", "vnc.client_cut_text_len", "vnc.server_cut_text_len",
    "imf.content.type.type",
)  # fmt: skip
_LONGEST_LINE: Final = 1 << 18
_MOST_GARBAGE: Final = 1000  # lines
_MOST: Final = 64  # distinct names kept of one kind in one flow
# Protocols whose dissectors take nothing else for theirs. Those of HTTP, SSH, SMTP, VNC or Telnet label whatever runs on
# their port, or on one that was declared to be theirs: that they were called proves nothing.
_SPOKEN: Final = {
    "quic": Spoken.QUIC, "dtls": Spoken.DTLS, "rdp": Spoken.RDP, "smb": Spoken.SMB, "smb2": Spoken.SMB,
}  # fmt: skip
_SECURITY: Final = {0: "rdp", 1: "tls", 2: "credssp", 4: "rdstls", 8: "credssp-ex"}


@dataclass(slots=True)
class Dissected:
    """What tshark told of one flow. All counts are of what it understood, not of all there was."""

    frames: int = 0
    protocols: Counter[str] = field(default_factory=Counter)  # every layer name; frames it occurred in
    counts: Counter[str] = field(default_factory=Counter)  # "smb2.read", "ftp.STOR", "dns.query", "rfb.cut" …
    channels: set[str] = field(default_factory=set)
    servers: set[str] = field(default_factory=set)  # SNI
    alpn: set[str] = field(default_factory=set)
    security: int | None = None  # RDP selectedProtocol
    longest: int = 0  # octets of the longest name asked
    types: Counter[str] = field(default_factory=Counter)  # DNS, asked
    mail: Counter[str] = field(default_factory=Counter)  # content types of messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissection:
    """Results by flow, and why they are not whole, if they are not."""

    flows: Mapping[int, Dissected]
    lack: Lack | None = None


def dissect(
    capture: Path,
    *,
    owners: Sequence[int],
    declared: Mapping[int, str],
    tool: Tool | Lack,
    limits: Limits | None = None,
) -> Dissection:
    """Dissect a capture whose frame n belongs to flow `owners[n - 1]`; never raises for what tshark does.

    `declared` maps TCP ports to protocols of `DECODERS`; others are left to tshark. Two flows with the same addresses
    and ports must not share a capture: tshark knows no domains. One pass of one child, output read line by line.
    """
    if isinstance(tool, Lack):
        return Dissection(flows={}, lack=tool)
    reader = _Lines(owners)
    try:
        source = capture.open("rb")
    except OSError:
        return Dissection(flows={}, lack=Lack.UNREADABLE)
    with source:
        try:
            told = run(
                [tool.path, *_options(declared)],
                isolation=tool.isolation,
                search=tool.search,
                limits=limits or Limits(),
                take=reader.take,
                source=source,
            )
        except _NonsenseError:
            return Dissection(flows=reader.flows, lack=Lack.GARBAGE)
    lack = lack_of(told)
    if lack is None and (reader.garbage or reader.rest or reader.untold):
        lack = Lack.GARBAGE
    return Dissection(flows=reader.flows, lack=lack)


def complete(look: Look, seen: Dissected) -> Look:
    """Fill what a look lacks; what our own readers found stays."""
    return replace(
        look,
        spoken=look.spoken or _spoken(seen),
        tls=look.tls or _tls(seen),
        screen=_screen(look.screen, seen),
        names=look.names or _names(seen),
        files=look.files or _files(seen),
    )


def _options(declared: Mapping[int, str]) -> list[str]:
    words = ["-n", "-Q", "-r", "-", "-T", "ek", "-o", "tcp.desegment_tcp_streams:TRUE"]
    for port, protocol in sorted(declared.items()):
        if protocol in DECODERS and 0 < port < 65536:
            words += ["-d", f"tcp.port=={port},{DECODERS[protocol]}"]
    for name in FIELDS:
        words += ["-e", name]
    return words


class _NonsenseError(Exception):
    """More lines were not understood than are worth reading."""


class _Lines:
    """Folds `-T ek` line by line into flows, holding at most one line."""

    def __init__(self, owners: Sequence[int]) -> None:
        self.flows: dict[int, Dissected] = {}
        self.garbage = 0
        self.rest = b""
        self.untold = dict(enumerate(owners, start=1))
        self._skipping = False

    def take(self, chunk: bytes) -> None:
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            elif line and not line.startswith(b'{"index"'):
                self._line(line)
        if len(self.rest) > _LONGEST_LINE:
            self.garbage += not self._skipping
            self._skipping = True
            self.rest = b""

    def _line(self, line: bytes) -> None:
        try:
            layers = json.loads(line)["layers"]
            values = {str(key): [str(value) for value in layers[key]] for key in layers}
            number = int(values["frame_number"][0])
            owner = self.untold.pop(number)  # each frame is told once
            known = self.flows.get(owner)
            seen = Dissected() if known is None else known
            _fold(seen, values)
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            self.garbage += 1
            if self.garbage > _MOST_GARBAGE:
                raise _NonsenseError from None
            return
        self.flows[owner] = seen


def _fold(seen: Dissected, values: Mapping[str, list[str]]) -> None:
    seen.frames += 1
    for name in set(values["frame_protocols"][0].split(":")):
        _count(seen.protocols, name[:40])
    _add(seen.channels, values.get("rdp_name", ()))
    _add(seen.alpn, values.get("tls_handshake_extensions_alpn_str", ()))
    _add(
        seen.servers,
        [name.lower().rstrip(".") for name in values.get("tls_handshake_extensions_server_name", ())],
    )
    for word in values.get("rdp_negReq_selectedProtocol", ()):
        seen.security = int(word, 0)
    _fold_files(seen, values)
    _fold_names(seen, values)
    for word in (*values.get("vnc_client_cut_text_len", ()), *values.get("vnc_server_cut_text_len", ())):
        seen.counts["rfb.cut"] += int(word, 0) >= 0
    for word in values.get("imf_content_type_type", ()):
        _count(seen.mail, word.lower()[:80])


def _fold_files(seen: Dissected, values: Mapping[str, list[str]]) -> None:
    for kind, reads, writes in (("smb2", {8}, {9}), ("smb", {0x0A, 0x2E}, {0x0B, 0x2F})):
        commands = values.get(f"{kind}_cmd", [])
        answers = values.get(f"{kind}_flags_response", [])
        for command, answer in zip(commands, answers, strict=False):
            if answer not in {"1", "true", "True"}:
                seen.counts[f"{kind}.read"] += int(command, 0) in reads
                seen.counts[f"{kind}.write"] += int(command, 0) in writes
    seen.counts["smb2.encrypted"] += "smb2_header_transform_flags_encrypted" in values
    for word in values.get("ftp_request_command", ()):
        if word.upper() in {"RETR", "STOR", "STOU", "APPE", "AUTH"}:
            seen.counts[f"ftp.{word.upper()}"] += 1
    for word in values.get("tftp_opcode", ()):
        seen.counts["tftp.read"] += int(word, 0) == 1
        seen.counts["tftp.write"] += int(word, 0) == 2


def _fold_names(seen: Dissected, values: Mapping[str, list[str]]) -> None:
    flags = values.get("dns_flags_response", [])
    if not flags:
        return
    if flags[0] in {"1", "true", "True"}:
        answers = int(values.get("dns_count_answers", ["0"])[0], 0)
        seen.counts["dns.answered"] += answers > 0 and int(values.get("dns_flags_rcode", ["1"])[0], 0) == 0
        return
    seen.counts["dns.query"] += 1
    for word in values.get("dns_qry_type", ()):
        _count(seen.types, type_name(int(word, 0)))
    for word in values.get("dns_qry_name_len", ()):
        seen.longest = max(seen.longest, int(word, 0))
        seen.counts["dns.octets"] += int(word, 0)


def _count(counter: Counter[str], name: str) -> None:
    if name in counter or len(counter) < _MOST:
        counter[name] += 1


def _add(names: set[str], more: Sequence[str]) -> None:
    for name in more:
        if len(names) < _MOST and name.isprintable():
            names.add(name[:255])


def _spoken(seen: Dissected) -> Spoken | None:
    told = next((said for name, said in _SPOKEN.items() if seen.protocols[name]), None)
    if told is None and (seen.servers or seen.alpn):
        return Spoken.TLS
    if told is None and any(count for name, count in seen.counts.items() if name.startswith("ftp.")):
        return Spoken.FTP
    return told


def _tls(seen: Dissected) -> TlsSeen | None:
    if not seen.servers and not seen.alpn:
        return None
    return TlsSeen(server_name=min(seen.servers, default=None), alpn=tuple(sorted(seen.alpn)))


def _screen(known: ScreenSeen | None, seen: Dissected) -> ScreenSeen | None:
    if known is not None:
        return replace(
            known,
            channels=known.channels or tuple(sorted(seen.channels)),
            clipboard=max(known.clipboard, seen.counts["rfb.cut"]),
        )
    if seen.protocols["rdp"]:
        security = None if seen.security is None else _SECURITY.get(seen.security)
        return ScreenSeen(protocol=Spoken.RDP, security=security, channels=tuple(sorted(seen.channels)))
    return None


def _names(seen: Dissected) -> NamesSeen | None:
    if not seen.counts["dns.query"]:
        return None
    return NamesSeen(
        queries=seen.counts["dns.query"],
        answered=seen.counts["dns.answered"],
        longest=seen.longest,
        types=tuple(sorted(seen.types.items())),
        octets=seen.counts["dns.octets"],
    )


def _files(seen: Dissected) -> FilesSeen | None:
    counts = seen.counts
    if seen.protocols["smb2"]:
        return FilesSeen(
            protocol="smb2",
            reads=counts["smb2.read"],
            writes=counts["smb2.write"],
            encrypted=counts["smb2.encrypted"] > 0,
        )
    if seen.protocols["smb"]:
        return FilesSeen(protocol="smb1", reads=counts["smb.read"], writes=counts["smb.write"])
    if seen.protocols["ftp"]:
        return FilesSeen(
            protocol="ftp",
            reads=counts["ftp.RETR"],
            writes=counts["ftp.STOR"] + counts["ftp.STOU"] + counts["ftp.APPE"],
            encrypted=counts["ftp.AUTH"] > 0 and seen.protocols["tls"] > 0,
        )
    if seen.protocols["tftp"]:
        return FilesSeen(protocol="tftp", reads=counts["tftp.read"], writes=counts["tftp.write"])
    return None
