"""Protocols that are told by their opening octets alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.dissect.octets import Octets, ShortError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ICA, _CGP = b"\x7f\x7fICA\0", b"\x1aCGP/"
_TELNET = re.compile(rb"(?:\xff[\xfb-\xfe][\x00-\x31\x8a-\x8c\xff]){1,}")
_KERBEROS = {0x6A: 10, 0x6B: 11, 0x6C: 12, 0x6D: 13, 0x6E: 14, 0x6F: 15, 0x7E: 30}
_WIREGUARD = {1: 148, 2: 92, 3: 64}  # octets of a message (section 5.4 of the WireGuard paper)
_ENOUGH = 3
_RESET_CLIENT, _RESET_SERVER, _RESET_CLIENT_3 = 7, 8, 10  # OpenVPN: P_CONTROL_HARD_RESET_*


def is_ica(orig: bytes, resp: bytes) -> bool:
    """Tell Citrix ICA, or CGP that carries it (session reliability), by the first octets of either side."""
    return any(octets.startswith((_ICA, _CGP)) for octets in (orig, resp))


def is_telnet(orig: bytes, resp: bytes) -> bool:
    """Tell options being negotiated (RFC 854)."""
    return any(_TELNET.match(octets[:64]) is not None for octets in (orig, resp))


def is_kerberos(octets: bytes) -> bool:
    """Tell a Kerberos message, over TCP behind its length (RFC 4120 sections 5.4 and 7.2.2)."""
    if len(octets) >= 8 and octets[:1] == b"\0" and octets[4] in _KERBEROS:
        octets = octets[4:]
    kind = _KERBEROS.get(octets[0]) if octets else None
    if kind is None:
        return False
    reader = Octets(octets, 1)
    try:
        _pass_length(reader)
        if reader.number(1) != 0x30:
            return False
        _pass_length(reader)
        return reader.take(5) in {b"\xa1\x03\x02\x01\x05", b"\xa0\x03\x02\x01\x05"}
    except ShortError:
        return False


def is_wireguard(datagram: bytes) -> bool:
    """Tell a handshake message of WireGuard by its type and fixed size."""
    return datagram[1:4] == b"\0\0\0" and _WIREGUARD.get(datagram[0]) == len(datagram)


def is_wireguard_data(datagrams: Sequence[bytes]) -> bool:
    """Tell the middle of a WireGuard session: at least three messages with data, padded to 16 octets."""
    return len(datagrams) >= _ENOUGH and all(
        one[:4] == b"\x04\0\0\0" and len(one) >= 32 and len(one) % 16 == 0 for one in datagrams
    )


def is_openvpn(datagram: bytes) -> bool:
    """Tell the packet with which OpenVPN begins: a hard reset with key 0, packet id 0 or an HMAC before it."""
    if len(datagram) < 14 or datagram[0] & 7:
        return False
    kind = datagram[0] >> 3
    if kind not in {_RESET_CLIENT, _RESET_SERVER, _RESET_CLIENT_3}:
        return False
    if kind == _RESET_CLIENT and len(datagram) == 14:
        return datagram[9:] == b"\0\0\0\0\0"
    return len(datagram) in _RESET_SIZES[kind]


# Without authentication, with an HMAC of 16, 20, 32 or 64 octets, packet id and time, or as tls-crypt seals it.
_RESET_SIZES = {
    _RESET_CLIENT: frozenset({14, 38, 42, 54, 86}),
    _RESET_SERVER: frozenset({26, 50, 54, 66, 98}),
    _RESET_CLIENT_3: range(54, 1500),
}


def is_openvpn_stream(octets: bytes) -> bool:
    """Tell the same over TCP, behind its length."""
    size = int.from_bytes(octets[:2], "big")
    return 14 <= size <= len(octets) - 2 and is_openvpn(octets[2 : 2 + size])


def is_ike(datagram: bytes) -> bool:
    """Tell IKE version 1 or 2 (RFC 7296 section 3.1), also behind the marker of port 4500 (RFC 3948)."""
    if datagram[:4] == b"\0\0\0\0":
        datagram = datagram[4:]
    if len(datagram) < 28 or datagram[:8] == b"\0" * 8 or datagram[17] not in {0x10, 0x20}:
        return False
    exchanges = {2, 4, 5, 6, 32, 33} if datagram[17] == 0x10 else range(34, 47)
    return datagram[18] in exchanges and int.from_bytes(datagram[24:28], "big") == len(datagram)


def is_ntp(datagram: bytes, port: int) -> bool:
    """Tell NTP (RFC 5905 section 7.3); its first octet alone proves little, so its port must be there, too."""
    version, mode = datagram[0] >> 3 & 7, datagram[0] & 7
    return port == 123 and 1 <= version <= 4 and 1 <= mode <= 7 and (len(datagram) >= 48 or mode in {6, 7})


def is_snmp(datagram: bytes) -> bool:
    """Tell an SNMP message: a sequence that begins with version 0, 1 or 3 (RFC 3416, RFC 3412)."""
    reader = Octets(datagram)
    try:
        if reader.number(1) != 0x30:
            return False
        _pass_length(reader)
        if reader.take(2) != b"\x02\x01":
            return False
        version, following = reader.number(1), reader.number(1)
    except ShortError:
        return False
    return (version in {0, 1} and following == 0x04) or (version == 3 and following == 0x30)


def _pass_length(reader: Octets) -> None:
    first = reader.number(1)
    if first & 0x80:
        reader.take(first & 0x7F if first & 0x7F <= 4 else reader.left + 1)
