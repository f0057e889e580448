"""What the two sides of a TCP connection speak, told by their opening words, and read layer within layer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

from zoneguard.dissect import (
    dns,
    files,
    http,
    opening,
    rdp,
    rfb,
    smb,
    smtp,
    socks,
    ssh,
    starttls,
    tls,
)
from zoneguard.dissect.found import Found
from zoneguard.dissect.record import DialogueSeen, ScreenSeen, Spoken

_MOST_LAYERS = 4
_MAIL_PORTS, _FTP_PORT = frozenset({25, 465, 587, 2525}), 21
_SMTP_CLIENT = re.compile(rb"(?:EHLO|HELO|LHLO)[ \r\n]|(?:MAIL FROM|RCPT TO):", re.IGNORECASE)
_FTP_CLIENT = re.compile(
    rb"(?:USER|PASS|AUTH|FEAT|SYST|OPTS|PBSZ|PASV|EPSV|PORT|CWD|PWD|TYPE)(?: |\r?\n)", re.IGNORECASE
)
_IMAP_CLIENT = re.compile(
    rb"[!-~]{1,32} (?:CAPABILITY|LOGIN|STARTTLS|AUTHENTICATE|ID|NOOP|SELECT)[ \r\n]", re.IGNORECASE
)
_GREETING = re.compile(rb"(?:220|421|554)[ -]")


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides' octets in runs between gaps, and what hints there are."""

    orig_pieces: tuple[bytes, ...]
    resp_pieces: tuple[bytes, ...]
    port: int
    hint: str | None

    @property
    def orig(self) -> bytes:
        """Give what the opener said up to the first gap."""
        return self.orig_pieces[0] if self.orig_pieces else b""

    @property
    def resp(self) -> bytes:
        """Give what the responder said up to the first gap."""
        return self.resp_pieces[0] if self.resp_pieces else b""

    def swapped(self) -> Sides:
        """Take the responder for the opener, as captures without the handshake may need."""
        return Sides(self.resp_pieces, self.orig_pieces, self.port, self.hint)

    def behind(self, offsets: tuple[int, int]) -> Sides:
        """Give what follows in the first run of each side; runs behind a gap are told to be of that layer, too."""
        cut = [
            (pieces[0][at:], *pieces[1:]) if pieces else ()
            for pieces, at in zip((self.orig_pieces, self.resp_pieces), offsets, strict=True)
        ]
        return Sides(cut[0], cut[1], 0, None)

    def __repr__(self) -> str:
        return f"Sides({len(self.orig_pieces)}, {len(self.resp_pieces)})"


def read(sides: Sides, layers: int = _MOST_LAYERS) -> Found | None:
    """Read the outermost layer and those within; None where nothing is told beyond doubt."""
    for reader in _READERS:
        found = reader(sides)
        if found is None:
            continue
        if found.behind is not None and layers > 1:
            inner = read(sides.behind(found.behind), layers - 1)
            if inner is not None:
                return found.around(inner)
        return found
    return None


def read_middle(sides: Sides) -> Found | None:
    """Tell what shows itself without its opening."""
    return Found(spoken=Spoken.TLS) if tls.is_middle(sides.orig) or tls.is_middle(sides.resp) else None


def _tls(sides: Sides) -> Found | None:
    orig, resp = sides.orig, sides.resp
    if not (tls.is_tls(orig, 1) or tls.is_old_hello(orig) or tls.is_tls(resp, 2)):
        return None
    seen = tls.read_tls(orig, resp)
    is_mail = sides.port in _MAIL_PORTS or (sides.hint or "").startswith("smtp")
    is_cut = seen is None or (bool(seen.offered) and seen.ja4 is None and not tls.is_old_hello(orig))
    return Found(
        spoken=Spoken.TLS,
        tls=seen,
        dialogue=DialogueSeen(encrypted=True) if is_mail else None,
        troubles=("hello-cut",) if is_cut else (),
    )


def _http(sides: Sides) -> Found | None:
    if not http.is_http(sides.orig, sides.resp):
        return None
    seen = http.read_http(sides.orig, sides.resp)
    return Found(
        spoken=Spoken.HTTP,
        web=seen.web,
        proxy=seen.proxy,
        behind=seen.inside,
        troubles=(seen.trouble,) if seen.trouble else (),
    )


def _ssh(sides: Sides) -> Found | None:
    if not ssh.is_ssh(sides.orig, sides.resp):
        return None
    return Found(spoken=Spoken.SSH, banner=ssh.read_banner(sides.orig, sides.resp))


def _rfb(sides: Sides) -> Found | None:
    if not rfb.is_rfb(sides.orig, sides.resp):
        return None
    seen, trouble = rfb.read_rfb(sides.orig, sides.resp)
    return Found(spoken=Spoken.RFB, screen=seen, troubles=(trouble,) if trouble else ())


def _rdp(sides: Sides) -> Found | None:
    if not rdp.is_rdp(sides.orig) and not (not sides.orig and rdp.is_rdp_answer(sides.resp)):
        return None
    seen, behind = rdp.read_rdp(sides.orig, sides.resp)
    return Found(
        spoken=Spoken.RDP, screen=seen, behind=behind, troubles=() if sides.resp else ("answer-unseen",)
    )


def _ica(sides: Sides) -> Found | None:
    if not opening.is_ica(sides.orig, sides.resp):
        return None
    return Found(spoken=Spoken.ICA, screen=ScreenSeen(protocol=Spoken.ICA))


def _smb(sides: Sides) -> Found | None:
    if not smb.is_smb(sides.orig) and not smb.is_smb(sides.resp):
        return None
    return Found(spoken=Spoken.SMB, files=smb.read_smb(sides.orig_pieces, sides.resp_pieces))


def _smtp(sides: Sides) -> Found | None:
    by_client = _SMTP_CLIENT.match(sides.orig) is not None
    expected = sides.port in _MAIL_PORTS or (sides.hint or "").startswith("smtp")
    greeted = _GREETING.match(sides.resp) is not None
    named = b"SMTP" in sides.resp[:512].split(b"\n")[0].upper()
    if not by_client and not (greeted and _FTP_CLIENT.match(sides.orig) is None and (expected or named)):
        return None
    seen = smtp.read_smtp(sides.orig, sides.resp)
    return Found(
        spoken=Spoken.SMTP,
        dialogue=seen.dialogue,
        behind=seen.inside,
        numbers=seen.numbers,
        troubles=seen.troubles,
    )


def _ftp(sides: Sides) -> Found | None:
    greeted = _GREETING.match(sides.resp) is not None
    by_client = _FTP_CLIENT.match(sides.orig) is not None
    named = b"FTP" in sides.resp[:512].split(b"\n")[0].upper()
    expected = sides.port == _FTP_PORT or sides.hint == "ftp"
    if not (greeted and (by_client or ((named or expected) and not sides.orig))) and not (
        by_client and expected and not sides.resp
    ):
        return None
    seen, behind = files.read_ftp(sides.orig, sides.resp)
    return Found(spoken=Spoken.FTP, files=seen, behind=behind)


def _pop3(sides: Sides) -> Found | None:
    if not sides.resp.startswith((b"+OK", b"-ERR")):
        return None
    return Found(spoken=Spoken.POP3, behind=starttls.behind_pop3(sides.orig, sides.resp))


def _imap(sides: Sides) -> Found | None:
    by_client = _IMAP_CLIENT.match(sides.orig) is not None
    if not sides.resp.startswith((b"* OK", b"* PREAUTH", b"* BYE")) and not (by_client and not sides.resp):
        return None
    return Found(spoken=Spoken.IMAP, behind=starttls.behind_imap(sides.orig, sides.resp))


def _socks(sides: Sides) -> Found | None:
    seen = socks.read_socks(sides.orig, sides.resp)
    if seen is not None:
        return Found(spoken=Spoken.SOCKS, proxy=seen[0], behind=seen[1])
    return Found(spoken=Spoken.SOCKS) if socks.is_greeting(sides.orig, sides.resp) else None


def _names(sides: Sides) -> Found | None:
    asked, answered = dns.over_tcp(sides.orig), dns.over_tcp(sides.resp)
    first = asked[:1] or answered[:1]
    if not first or not dns.is_dns(first[0]):
        return None
    turns = (
        message
        for pair in zip_longest(((True, one) for one in asked), ((False, one) for one in answered))
        for message in pair
        if message is not None
    )
    return Found(spoken=Spoken.DNS, names=dns.read_names(turns))


def _ldap(sides: Sides) -> Found | None:
    if not starttls.is_ldap(sides.orig) and not (not sides.orig and starttls.is_ldap(sides.resp)):
        return None
    return Found(spoken=Spoken.LDAP, behind=starttls.behind_ldap(sides.orig, sides.resp))


def _others(sides: Sides) -> Found | None:
    orig, resp = sides.orig, sides.resp
    if opening.is_kerberos(orig) or opening.is_kerberos(resp):
        return Found(spoken=Spoken.KERBEROS)
    if opening.is_telnet(orig, resp):
        return Found(spoken=Spoken.TELNET)
    if opening.is_openvpn_stream(orig) or opening.is_openvpn_stream(resp):
        return Found(spoken=Spoken.OPENVPN)
    return None


_READERS = (
    _tls,
    _http,
    _ssh,
    _rfb,
    _rdp,
    _ica,
    _smb,
    _smtp,
    _ftp,
    _pop3,
    _imap,
    _socks,
    _names,
    _ldap,
    _others,
)
