"""Packets to ask the kernel about: how they look on the wire, and what state connection tracking gives them."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from tests.oracle.world import INSIDE, OUTSIDE, OWN

if TYPE_CHECKING:
    from random import Random

NEW, ESTABLISHED, INVALID = 1, 2, 8
# SYN, SYN ACK, ACK, RST, RST ACK, FIN ACK, FIN, nothing, everything, FIN PSH URG, PSH ACK, SYN FIN, ECE CWR SYN
FLAGS = (0x02, 0x12, 0x10, 0x04, 0x14, 0x11, 0x01, 0x00, 0x3F, 0x29, 0x18, 0x03, 0xC2)
PORTS = (22, 25, 53, 80, 443, 445, 3389, 8000, 8001, 8080, 8443)
_VALID_FLAGS = {0x02, 0x22, 0x12, 0x04, 0x14, 0x11, 0x31, 0x10, 0x30}


class Packet(NamedTuple):
    """One packet as the sender sends it; ICMP has type * 256 + code in `dport`, as ZoneGuard does."""

    ingress: str
    source: str
    destination: str
    protocol: int
    sport: int = 0
    dport: int = 0
    flags: int = 0

    @property
    def is_v6(self) -> bool:
        return ":" in self.source


def random_packet(random: Random, number: int, *, v6: bool, translated: bool) -> Packet:
    """Make the `number`th packet: no two are of one connection, not even behind a translation.

    That is by source port or ICMP identifier. Protocols without either are left out where translations could
    make two connections one, of which the kernel then drops the second.
    """
    ingress = random.choice(INSIDE)
    source = random_address(random, ingress, v6=v6)
    destination = random_address(random, random.choice(OUTSIDE), v6=v6)
    protocol = random.choice((6, 6, 6, 17, 17, 58 if v6 else 1, *(() if translated else (50, 103))))
    sport = 1024 + number % 60_000
    dport = random.choice(PORTS) if random.random() < 0.8 else random.randrange(1, 65536)
    if protocol == 6:
        flags = 0x02 if random.random() < 0.6 else random.choice(FLAGS)
        return Packet(ingress, source, destination, 6, sport, dport, flags)
    if protocol == 17:
        return Packet(ingress, source, destination, 17, sport, dport)
    if protocol in {1, 58}:
        kinds = (
            ((128, 0), (128, 1), (129, 0), (200, 3))
            if v6
            else ((8, 0), (8, 0), (8, 5), (0, 0), (13, 0), (17, 0), (40, 2))
        )
        kind, code = random.choice(kinds)
        return Packet(ingress, source, destination, protocol, 0, kind * 256 + code)
    return Packet(ingress, source, destination, protocol)


def random_address(random: Random, interface: str, *, v6: bool) -> str:
    """Draw one of few addresses behind an interface, so that rules meet them."""
    while True:
        if v6:
            side, number = (1 if interface.startswith("in") else 2), interface[-1]
            address = f"fd00:{side}:{number}::{random.randrange(4)}:{random.randrange(2, 24):x}"
            address = str(ip_address(address))
        else:
            side, half = (1 if interface.startswith("in") else 2), 128 * int(interface[-1])
            address = f"10.{side}.{half + random.randrange(4)}.{random.randrange(2, 24)}"
        if address not in OWN[interface]:
            return address


def state_of(packet: Packet) -> int:
    """Say what state connection tracking gives to the first packet of its kind.

    nf_conntrack_proto_tcp.c: flags that no stack sends are invalid; a SYN opens, and an ACK alone is taken up in
    the midst of a connection (nf_conntrack_tcp_loose). ICMP opens by requests only.
    """
    if packet.protocol == 6:
        flags = packet.flags & ~0xC8  # without PSH, ECE, CWR
        if flags not in _VALID_FLAGS:
            return INVALID
        return NEW if flags & 0x17 in {0x02, 0x10} else INVALID
    kind = packet.dport >> 8
    if packet.protocol == 1:
        return NEW if kind in {8, 13, 15, 17} else INVALID
    if packet.protocol == 58:
        return NEW if kind in {128, 139} else INVALID
    return NEW


def reply_to(packet: Packet, egress: str) -> Packet | None:
    """Make what the destination would answer, seen from its own interface; None when it would not."""
    back = packet._replace(ingress=egress, source=packet.destination, destination=packet.source)
    if packet.protocol == 6 and packet.flags == 0x02:
        return back._replace(sport=packet.dport, dport=packet.sport, flags=0x12)
    if packet.protocol == 17:
        return back._replace(sport=packet.dport, dport=packet.sport)
    if packet.protocol == 1 and packet.dport >> 8 == 8:
        return back._replace(dport=packet.dport & 0xFF)
    if packet.protocol == 58 and packet.dport >> 8 == 128:
        return back._replace(dport=129 * 256 + (packet.dport & 0xFF))
    return None


def wire(packet: Packet, tag: int) -> bytes:
    """Write a packet as octets; `tag` is in its payload, to know it again."""
    source, destination = ip_address(packet.source).packed, ip_address(packet.destination).packed
    payload = b"ZG" + struct.pack("!I", tag)
    if packet.protocol == 6:
        inner = (
            struct.pack("!HHIIBBHHH", packet.sport, packet.dport, 1, 1, 5 << 4, packet.flags, 1024, 0, 0)
            + payload
        )
        inner = _summed(inner, 16, _pseudo(source, destination, 6, len(inner)))
    elif packet.protocol == 17:
        inner = struct.pack("!HHHH", packet.sport, packet.dport, 8 + len(payload), 0) + payload
        inner = _summed(inner, 6, _pseudo(source, destination, 17, len(inner)))
    elif packet.protocol in {1, 58}:
        inner = struct.pack("!BBHI", packet.dport >> 8, packet.dport & 0xFF, 0, tag & 0xFFFF) + payload
        inner = _summed(inner, 2, _pseudo(source, destination, 58, len(inner)) if packet.is_v6 else b"")
    else:
        inner = struct.pack("!IIII", 1, 1, 1, 1) + payload
    if packet.is_v6:
        return struct.pack("!IHBB", 6 << 28, len(inner), packet.protocol, 64) + source + destination + inner
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(inner), tag & 0xFFFF, 0, 64, packet.protocol, 0)
    return _summed(head + source + destination, 10, b"") + inner


class Seen(NamedTuple):
    """A packet that came out: its tag, and what may have been rewritten."""

    tag: int
    source: str
    destination: str
    sport: int
    dport: int


def seen(octets: bytes) -> Seen | None:
    """Read a packet that came out; None when it is none of ours."""
    v6 = octets[0] >> 4 == 6
    source, destination = (octets[8:24], octets[24:40]) if v6 else (octets[12:16], octets[16:20])
    protocol, inner = (octets[6], octets[40:]) if v6 else (octets[9], octets[20:])
    at = {6: 20, 17: 8, 1: 8, 58: 8}.get(protocol, 16)
    if inner[at : at + 2] != b"ZG":
        return None
    sport, dport = struct.unpack("!HH", inner[:4]) if protocol in {6, 17} else (0, 0)
    (tag,) = struct.unpack("!I", inner[at + 2 : at + 6])
    return Seen(tag, str(ip_address(source)), str(ip_address(destination)), sport, dport)


def _pseudo(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    return source + destination + struct.pack("!II", length, protocol)


def _summed(octets: bytes, at: int, before: bytes) -> bytes:
    everything = before + octets
    everything += b"\0" * (len(everything) % 2)
    total = sum(struct.unpack(f"!{len(everything) // 2}H", everything))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return octets[:at] + struct.pack("!H", ~total & 0xFFFF) + octets[at + 2 :]
