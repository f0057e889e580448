"""POP3, IMAP and LDAP: where the two sides agree to go on in TLS (RFC 2595, RFC 9051, RFC 4511 section 4.14)."""

from __future__ import annotations

import re

from zoneguard.dissect.octets import Octets, ShortError

_STLS = re.compile(rb"(?:^|\n)STLS[ \t]*\r?\n", re.IGNORECASE)
_STARTTLS = re.compile(rb"(?:^|\n)([!-~]{1,64}) STARTTLS[ \t]*\r?\n", re.IGNORECASE)
_OID = b"1.3.6.1.4.1.1466.20037"
_MOST_BEFORE = 1 << 14  # octets that precede the request


def behind_pop3(orig: bytes, resp: bytes) -> tuple[int, int] | None:
    """Give the offsets behind an accepted STLS: TLS records begin there."""
    request = _STLS.search(orig[:_MOST_BEFORE])
    return request and _with_tls(orig, resp, request.end())


def behind_imap(orig: bytes, resp: bytes) -> tuple[int, int] | None:
    """Give the offsets behind an accepted STARTTLS."""
    request = _STARTTLS.search(orig[:_MOST_BEFORE])
    if request is None:
        return None
    accepted = re.search(
        rb"(?:^|\n)" + re.escape(request.group(1)) + rb" OK\b[^\r\n]{0,512}\r?\n",
        resp[:_MOST_BEFORE],
        re.IGNORECASE,
    )
    return (request.end(), accepted.end()) if accepted else _with_tls(orig, resp, request.end())


def behind_ldap(orig: bytes, resp: bytes) -> tuple[int, int] | None:
    """Give the offsets behind an accepted StartTLS."""
    at = orig.find(_OID, 0, _MOST_BEFORE)
    return None if at < 0 else _with_tls(orig, resp, at + len(_OID))


def is_ldap(octets: bytes) -> bool:
    """Tell an LDAPMessage: a sequence of an id and an operation (RFC 4511 section 4.1.1)."""
    reader = Octets(octets)
    try:
        if reader.number(1) != 0x30:
            return False
        size = _length(reader)
        if reader.number(1) != 2:
            return False
        width = reader.number(1)
        reader.take(width)
        operation = reader.number(1)
    except ShortError:
        return False
    return 1 <= width <= 4 and size >= 5 and operation in _OPERATIONS


_OPERATIONS = frozenset({0x60, 0x61, 0x42, 0x63, 0x64, 0x65, 0x66, 0x68, 0x4A, 0x6C, 0x6E, 0x77, 0x78})


def _length(reader: Octets) -> int:
    first = reader.number(1)
    return reader.number(first & 0x7F) if first & 0x80 and first & 0x7F <= 4 else first


def _with_tls(orig: bytes, resp: bytes, behind: int) -> tuple[int, int] | None:
    """Take it as accepted when the client goes on with a TLS record; the server's begins where one is found."""
    if not orig[behind:].startswith(b"\x16\x03"):
        return None
    at = re.search(rb"\x16\x03[\x00-\x04]..\x02", resp, re.DOTALL)
    return behind, at.start() if at else len(resp)
