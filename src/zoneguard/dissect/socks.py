"""SOCKS 4, 4a and 5: where a client asked to be connected to, and the answer (RFC 1928, RFC 1929)."""

from __future__ import annotations

import ipaddress

from zoneguard.dissect.hostname import hostname
from zoneguard.dissect.octets import Octets, ShortError
from zoneguard.dissect.record import ProxySeen

_MOST_USER = 512


def read_socks(orig: bytes, resp: bytes) -> tuple[ProxySeen, tuple[int, int] | None] | None:
    """Give what was asked for, and the offsets behind an accepted request; None for what is not SOCKS."""
    try:
        if orig[:1] == b"\x04":
            return _read_4(orig, resp)
        if orig[:1] == b"\x05":
            return _read_5(orig, resp)
    except ShortError:
        return None
    return None


def is_greeting(orig: bytes, resp: bytes) -> bool:
    """Tell a SOCKS 5 client that offers methods, and a server that chose one or none of them."""
    offers = len(orig) >= 3 and orig[0] == 5 and 0 < orig[1] <= len(orig) - 2
    return (
        offers and len(resp) >= 2 and resp[0] == 5 and (resp[1] in orig[2 : 2 + orig[1]] or resp[1] == 0xFF)
    )


def _read_4(orig: bytes, resp: bytes) -> tuple[ProxySeen, tuple[int, int] | None] | None:
    reader = Octets(orig, 1)
    command, port, address = reader.number(1), reader.number(2), reader.take(4)
    _text(reader)
    host: str | None = str(ipaddress.IPv4Address(address))
    if address[:3] == b"\0\0\0" and address[3]:
        host = hostname(_text(reader))
    if command not in {1, 2} or host is None or (resp and resp[0] != 0) or (not resp and reader.left):
        return None
    accepted = resp[1] == 90 if len(resp) >= 8 else None
    if accepted is not None and resp[1] not in range(90, 94):
        return None
    seen = ProxySeen(how="socks4", host=host, port=port, accepted=accepted)
    return seen, (reader.at, 8) if accepted else None


def _read_5(orig: bytes, resp: bytes) -> tuple[ProxySeen, tuple[int, int] | None] | None:
    asked, answered = Octets(orig, 1), Octets(resp)
    methods = asked.vector(1).rest()
    if not methods:
        return None
    method = _method(answered, methods)
    if method == 2:
        if asked.number(1) != 1:
            return None
        asked.vector(1)
        asked.vector(1)
        if answered.left:
            answered.take(2)
    version, command, zero = asked.number(1), asked.number(1), asked.number(1)
    host, port = _address(asked), asked.number(2)
    if version != 5 or command not in {1, 2, 3} or zero or host is None or (not resp and asked.left):
        return None
    accepted = None
    if answered.left >= 4:
        version, reply, _ = answered.number(1), answered.number(1), answered.number(1)
        accepted = reply == 0
        if version != 5:
            return None
        _address(answered)
        answered.take(2)
    seen = ProxySeen(how="socks5", host=host, port=port, accepted=accepted)
    return seen, (asked.at, answered.at) if accepted and command == 1 else None


def _method(answered: Octets, methods: bytes) -> int:
    if answered.left < 2:
        return methods[0] if len(methods) == 1 else 0
    if answered.number(1) != 5:
        raise ShortError
    return answered.number(1)


def _address(reader: Octets) -> str | None:
    kind = reader.number(1)
    if kind == 1:
        return str(ipaddress.IPv4Address(reader.take(4)))
    if kind == 4:
        return str(ipaddress.IPv6Address(reader.take(16)))
    return hostname(reader.vector(1).rest()) if kind == 3 else None


def _text(reader: Octets) -> bytes:
    end = reader.data.find(b"\0", reader.at, reader.at + _MOST_USER)
    if end < 0:
        raise ShortError
    text = reader.take(end - reader.at)
    reader.take(1)
    return text
