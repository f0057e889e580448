"""Packet headers under pseudonyms: only what is understood is kept, the rest of the frame is cut.

Kept are Ethernet and the cooked links of Linux, VLAN tags, MPLS, ARP, IPv4 and IPv6, these inside each other, in GRE
and in VXLAN too, and the first octets of TCP, UDP, SCTP and ICMP. Options become no-operation, checksums become zero: that of a header would
give its original addresses away.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zoneguard.bundle.pseudonyms import Pseudonyms
    from zoneguard.capture.cutting import CutFrame

_MOST_LAYERS: Final = 8
_TAGS: Final = (0x8100, 0x88A8, 0x9100)
_ARP, _IP, _IP6, _MPLS = 0x0806, 0x0800, 0x86DD, 0x8847
_NOP: Final = 1  # an option of TCP and IPv4 that does nothing (RFC 9293, RFC 791)
_TCP, _UDP, _GRE = 6, 17, 47
_VXLAN_PORTS: Final = (4789, 8472)  # RFC 7348, and the one of Linux before it
_BRIDGED: Final = 0x6558  # Ethernet in GRE
# Octets kept of a transport header, and where its checksum stands. TCP, UDP, ICMP, ICMPv6, SCTP, UDP-Lite, IGMP.
_TRANSPORT: Final = {6: (20, 16), 17: (8, 6), 1: (4, 2), 58: (4, 2), 132: (12, 8), 136: (8, 6), 2: (4, 2)}
_QUOTES: Final = {
    1: (3, 4, 5, 11, 12),
    58: (1, 2, 3, 4),
}  # ICMP types that quote a packet (RFC 792, RFC 4443)


class _Link(IntEnum):
    """Link types, as pcapng numbers them."""

    ETHERNET = 1
    RAW = 101
    COOKED = 113
    IPV4 = 228
    IPV6 = 229
    COOKED2 = 276


def conceal_frame(frame: CutFrame, names: Pseudonyms) -> CutFrame:
    """Give the frame under pseudonyms; its length on the wire stays."""
    data = bytes(frame.data)
    match frame.link:
        case _Link.ETHERNET:
            made = _ethernet(data, names, 0)
        case _Link.COOKED if len(data) >= 16:
            made = _cooked(data, names)
        case _Link.COOKED2 if len(data) >= 20:
            kept = data[:2] + bytes(2) + data[4:12] + _mac(data[12:18], names) + bytes(2)
            made = kept + _network(struct.unpack_from(">H", data)[0], data[20:], names, 0)
        case _Link.RAW | _Link.IPV4 | _Link.IPV6:
            made = _network(_IP if data[:1] and data[0] >> 4 == 4 else _IP6, data, names, 0)
        case _:
            made = b""
    return replace(frame, data=made)


def _ethernet(data: bytes, names: Pseudonyms, depth: int) -> bytes:
    if len(data) < 14 or depth > _MOST_LAYERS:
        return b""
    head = _mac(data[:6], names) + _mac(data[6:12], names) + data[12:14]
    return head + _network(int.from_bytes(data[12:14], "big"), data[14:], names, depth)


def _cooked(data: bytes, names: Pseudonyms) -> bytes:
    """Linux cooked capture: packet type, ARPHRD, length of the address, address, EtherType."""
    address = _mac(data[6:12], names) if data[4:6] == b"\0\6" else bytes(6)
    head = data[:6] + address + bytes(2) + data[14:16]
    return head + _network(int.from_bytes(data[14:16], "big"), data[16:], names, 0)


def _network(kind: int, data: bytes, names: Pseudonyms, depth: int) -> bytes:
    """Conceal what an EtherType announces; nothing is kept of what is not understood."""
    if depth > _MOST_LAYERS:
        return b""
    if kind in _TAGS and len(data) >= 4:
        return data[:4] + _network(int.from_bytes(data[2:4], "big"), data[4:], names, depth + 1)
    if kind == _MPLS and len(data) >= 5:
        under = _MPLS if not data[2] & 1 else _IP if data[4] >> 4 == 4 else _IP6
        return data[:4] + _network(under, data[4:], names, depth + 1)
    if kind == _ARP:
        return _arp(data, names)
    return _packet(kind, data, names, depth)


def _packet(kind: int, data: bytes, names: Pseudonyms, depth: int) -> bytes:
    if kind == _IP and len(data) >= 20 and data[0] >> 4 == 4:
        return _ipv4(data, names, depth)
    if kind == _IP6 and len(data) >= 40 and data[0] >> 4 == 6:
        return _ipv6(data, names, depth)
    return b""


def _arp(data: bytes, names: Pseudonyms) -> bytes:
    if len(data) < 28 or data[:6] != b"\0\1\x08\0\6\4":
        return b""
    return (
        data[:8]
        + _mac(data[8:14], names)
        + _address(data[14:18], names)
        + _mac(data[18:24], names)
        + _address(data[24:28], names)
    )


def _ipv4(data: bytes, names: Pseudonyms, depth: int) -> bytes:
    size = max((data[0] & 15) * 4, 20)
    options = bytes([_NOP]) * (min(size, len(data)) - 20)
    head = data[:10] + bytes(2) + _address(data[12:16], names) + _address(data[16:20], names) + options
    if int.from_bytes(data[6:8], "big") & 0x1FFF:  # a later fragment begins in the middle
        return head
    return head + _body(data[9], data[size:], names, depth)


def _ipv6(data: bytes, names: Pseudonyms, depth: int) -> bytes:
    head = data[:1] + bytes(
        [data[1] & 0xF0, 0, 0]
    )  # the flow label may be made from the addresses (RFC 6437)
    head += data[4:8] + _address(data[8:24], names) + _address(data[24:40], names)
    return head + _body(data[6], data[40:], names, depth)


def _body(protocol: int, data: bytes, names: Pseudonyms, depth: int) -> bytes:
    if protocol in (4, 41):
        return _network(_IP if protocol == 4 else _IP6, data, names, depth + 1)
    if protocol == _GRE:
        return _gre(data, names, depth)
    if protocol not in _TRANSPORT:
        return b""
    size, checksum = _TRANSPORT[protocol]
    head = bytearray(data[:size])
    head[checksum : checksum + 2] = bytes(len(head[checksum : checksum + 2]))
    if protocol == 132:  # its checksum has four octets (RFC 9260)
        head[8:12] = bytes(len(head[8:12]))
    if protocol == _UDP and len(data) >= 16 and int.from_bytes(data[2:4], "big") in _VXLAN_PORTS:
        return bytes(head) + data[8:16] + _ethernet(data[16:], names, depth + 1)
    if protocol == _TCP and len(data) >= 20:
        head += bytes([_NOP]) * (min((data[12] >> 4) * 4, len(data)) - 20)
    if data[:1] and data[0] in _QUOTES.get(protocol, ()) and len(data) > 8:
        kind = _IP if data[8] >> 4 == 4 else _IP6
        return bytes(head) + bytes(4) + _network(kind, data[8:], names, depth + 1)
    return bytes(head)


def _gre(data: bytes, names: Pseudonyms, depth: int) -> bytes:
    """Keep the header of GRE (RFC 2784, RFC 2890) but for its checksum, and what it carries."""
    if len(data) < 4 or data[1] & 7:
        return b""
    checked, keyed, counted = data[0] >> 7, data[0] >> 5 & 1, data[0] >> 4 & 1
    begin = 4 + 4 * checked
    end = begin + 4 * (keyed + counted)
    head = data[:4] + bytes(4 * checked) + data[begin:end]
    if len(data) < end:
        return b""
    kind = int.from_bytes(data[2:4], "big")
    if kind == _BRIDGED:
        return head + _ethernet(data[end:], names, depth + 1)
    return head + _network(kind, data[end:], names, depth + 1)


def _mac(octets: bytes, names: Pseudonyms) -> bytes:
    return names.mac(int.from_bytes(octets, "big")).to_bytes(6, "big")


def _address(octets: bytes, names: Pseudonyms) -> bytes:
    if len(octets) == 4:
        return names.address(IPv4Address(octets)).packed
    return names.address(IPv6Address(octets)).packed
