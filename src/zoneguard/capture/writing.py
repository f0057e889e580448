"""Frames to a pcapng file (IETF draft-ietf-opsawg-pcapng), whole or with their headers only."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from zoneguard.capture import blank, kernels, layout
from zoneguard.capture.cutting import CutFrame, CutPacket

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

F = TypeVar("F", CutPacket, CutFrame)

_SECTION: Final = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
_NANOSECONDS: Final = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)  # if_tsresol 10^-9, and the end of options
_ETHERNET, _COOKED, _COOKED2 = 1, 113, 276
_ARP: Final = 28  # octets, over Ethernet and IPv4 (RFC 826)
_TCP: Final = 6
# Octets of headers that are no payload: ICMP, IGMP, UDP, GRE, ESP, AH, ICMPv6, SCTP, UDP-Lite.
_HEADERS: Final = {1: 8, 2: 8, 17: 8, 47: 4, 50: 8, 51: 12, 58: 8, 132: 12, 136: 8}


def write_capture(path: Path, packets: Iterable[CutPacket | CutFrame]) -> int:
    """Write frames to a new pcapng file that only its owner may read, in nanoseconds; give how many.

    Frame n of the file is the nth of `packets`. Each link type gets an interface of its own. Raises OSError,
    also when the file is there already.
    """
    interfaces: dict[int, int] = {}
    count = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
        file.write(_SECTION)
        for packet in packets:
            if packet.link not in interfaces:
                interfaces[packet.link] = len(interfaces)
                file.write(_block(1, struct.pack("<HHI", packet.link, 0, 0) + _NANOSECONDS))
            data = packet.data
            high, low = packet.time >> 32, packet.time & layout.MASK32
            head = struct.pack(
                "<IIIII", interfaces[packet.link], high, low, len(data), max(packet.wire, len(data))
            )
            file.write(_block(6, head + data + bytes(-len(data) % 4)))
            count += 1
    return count


def header_only(packet: F) -> F:
    """Cut the frame behind the headers of its innermost packet; what is kept stands as it was recorded.

    Of an ICMP error eight octets behind the quoted IP header are kept (RFC 792), of ARP everything, of a frame
    that holds no readable IP packet its link layer at most.
    """
    data = packet.data[: _header_end(packet.link, packet.data, packet.wire)]
    if isinstance(packet, CutPacket):
        return replace(packet, data=data, payload=b"")
    return replace(packet, data=data)


def _block(kind: int, body: bytes) -> bytes:
    size = len(body) + 12
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def _header_end(link: int, data: bytes, wire: int) -> int:
    decoding = kernels.load(compiled=False)
    t = blank.tables(1, (), compiled=False)
    count = decoding.decode_frame(t, bytearray(data), 0, len(data), link, max(wire, len(data)), 0, 0, 0)
    if not count:
        return _link_end(link, data)
    innermost = t.batch[count - 1]
    body = int(innermost.body)
    if body < 0:
        return -body  # a later fragment
    if innermost.kind == layout.ICMP_ERROR:
        end = body + 8 + _quoted(data[body + 8 :])
    elif innermost.protocol == _TCP:
        end = body + max(20, data[body + 12] >> 4 << 2) if len(data) > body + 12 else len(data)
    else:
        end = body + _HEADERS.get(innermost.protocol, 0)
    return min(end, int(innermost.payload_end))


def _quoted(packet: bytes) -> int:
    if packet[:1] and packet[0] >> 4 == 4:
        return (packet[0] & 15) * 4 + 8
    return 40 + 8


def _link_end(link: int, data: bytes) -> int:
    if link != _ETHERNET:
        return {_COOKED: 16, _COOKED2: 20}.get(link, 0)
    end = 14
    while data[end - 2 : end] in (b"\x81\x00", b"\x88\xa8", b"\x91\x00"):
        end += 4
    return end + _ARP if data[end - 2 : end] == b"\x08\x06" else end
