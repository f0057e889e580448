"""Frames as the mirror port of the example town's core switch shows them, and the files that hold them.

Every frame carries the 802.1Q tag of its sender's segment and goes to that segment's gateway, as it does
on a trunk between the hosts and the router. All numbers come from counters and checksums: no randomness.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from zlib import crc32

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import NoPayload, Packet, Padding

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

JST = timezone(timedelta(hours=9))
DAY = datetime(2026, 11, 16, 9, 0, tzinfo=JST)
SECOND = 1_000_000_000
GAP = SECOND // 2000  # between two packets of one conversation
SHORTEST = 60  # octets of the shortest frame, without its check sequence
BROADCAST = "ff:ff:ff:ff:ff:ff"
SECURITY_CLOUD = "02:00:00:fe:00:01"  # the registered next hop towards the Internet


@dataclass(frozen=True, slots=True)
class Segment:
    """A range of the town's plan: its VLAN, its gateway, and the first half of its hosts' MACs.

    Hosts of a segment without `stem` lie behind a router and show its MAC, `far`.
    """

    cidr: str
    vlan: int
    gateway: str
    stem: str = ""
    far: str = ""


SEGMENTS = (
    Segment("10.10.10.0/24", 110, "02:00:00:fe:01:10", "02:10:10"),
    Segment("10.10.20.0/23", 120, "02:00:00:fe:01:10", "02:10:20"),
    Segment("10.10.64.0/19", 164, "02:00:00:fe:01:10", "02:10:64"),
    Segment("172.16.10.0/24", 210, "02:00:00:fe:02:10", "02:16:10"),
    Segment("172.16.12.0/26", 212, "02:00:00:fe:02:10", "02:16:12"),
    Segment("172.16.20.0/22", 220, "02:00:00:fe:02:10", "02:16:20"),
    Segment("172.16.251.0/29", 251, "02:00:00:fe:02:51", "02:02:51"),
    Segment("172.16.252.0/29", 252, "02:00:00:fe:02:52", "02:02:52"),
    Segment("192.168.10.0/26", 310, "02:00:00:fe:03:10", "02:68:10"),
    Segment("192.168.11.0/24", 311, "02:00:00:fe:03:10", "02:68:11"),
    Segment("192.168.20.0/22", 320, "02:00:00:fe:03:10", "02:68:20"),
    Segment("192.168.250.0/27", 350, "02:00:00:fe:03:10", "02:68:50"),
    Segment("192.168.251.0/29", 351, "02:00:00:fe:03:51", "02:03:51"),
    Segment("192.168.253.0/29", 353, "02:00:00:fe:03:10", "02:68:53"),
    Segment("192.168.254.0/30", 354, "02:00:00:fe:03:54", far=SECURITY_CLOUD),
    Segment("10.255.0.0/24", 999, "02:00:00:fe:99:10", "02:99:00"),
    Segment("10.200.0.0/16", 290, "02:00:00:fe:02:91", far="02:00:00:fe:02:90"),
    Segment("10.202.0.0/24", 192, "02:00:00:fe:01:91", far="02:00:00:fe:01:92"),
    Segment("10.203.0.0/24", 193, "02:00:00:fe:01:91", far="02:00:00:fe:01:93"),
    Segment("10.30.0.0/16", 430, "02:00:00:fe:04:30", "02:30:00"),
    Segment("10.50.0.0/20", 450, "02:00:00:fe:04:50", "02:50:00"),
    Segment("0.0.0.0/0", 354, "02:00:00:fe:03:54", far=SECURITY_CLOUD),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """An end station: where its frames enter the trunk and to whom they are sent there."""

    address: str
    vlan: int
    mac: str
    next_hop: str


@dataclass(slots=True)
class Tape:
    """A capture in the making: frames with their times (ns since 1970), and the counters of its hosts."""

    now: int = int(DAY.timestamp()) * SECOND
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    idents: dict[str, int] = field(default_factory=dict)
    ports: int = 49152

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * SECOND)

    def put(self, frame: Packet) -> None:
        """Write a frame down at the present moment, which then passes."""
        self.frames.append((self.now, bytes(frame).ljust(SHORTEST, b"\0")))
        self.now += GAP

    def ident(self, address: str) -> int:
        """Give the next IP identification of a host."""
        self.idents[address] = self.idents.get(address, crc32(address.encode())) + 1 & 0xFFFF
        return self.idents[address]

    def port(self) -> int:
        """Give the next ephemeral port."""
        self.ports = 49152 + (self.ports + 1 - 49152) % 16384
        return self.ports


def host(
    address: str, *, mac: str | None = None, vlan: int | None = None, next_hop: str | None = None
) -> Host:
    """Place an address in its segment of the town; what is given explicitly departs from the plan."""
    segment = _segment(address)
    number = int(ip_address(address)) - int(ip_network(segment.cidr).network_address)
    own = segment.far or (segment.gateway if number == 1 else f"{segment.stem}:{_digits(number)}")
    return Host(
        address=address,
        vlan=vlan or segment.vlan,
        mac=mac or own,
        next_hop=next_hop or segment.gateway,
    )


def tcp_session(
    tape: Tape,
    client: Host,
    server: Host,
    port: int,
    talk: Iterable[tuple[str, bytes]] = (),
    *,
    sides: str = "cs",
) -> None:
    """Play a TCP connection: handshake, what each side ("c" or "s") says in turn, and its end.

    `sides` names whose packets the mirror shows.
    """
    ends = {"c": (client, tape.port()), "s": (server, port)}
    tuple_ = f"{client.address} {ends['c'][1]} {server.address} {port}"
    sequence = {side: crc32(f"{side} {tuple_}".encode()) for side in "cs"}

    def send(side: str, flags: str, payload: bytes = b"") -> None:
        other = "s" if side == "c" else "c"
        if side in sides:
            segment = TCP(
                sport=ends[side][1],
                dport=ends[other][1],
                seq=sequence[side],
                ack=sequence[other] if "A" in flags else 0,
                flags=flags,
                window=64240,
                options=[("MSS", 1460)] if "S" in flags else [],
            )
            packet(tape, ends[side][0], ends[other][0], segment / payload if payload else segment)
        else:
            tape.now += GAP
        sequence[side] = sequence[side] + len(payload) + ("S" in flags or "F" in flags) & 0xFFFFFFFF

    send("c", "S")
    send("s", "SA")
    send("c", "A")
    for side, words in talk:
        send(side, "PA", words)
        send("s" if side == "c" else "c", "A")
    send("c", "FA")
    send("s", "FA")
    send("c", "A")


def syn(tape: Tape, client: Host, server: Host, port: int, *, refused: bool = False) -> None:
    """Play an attempt: a SYN that nobody answers, or that is refused."""
    sport = tape.port()
    sequence = crc32(f"{client.address} {sport} {port}".encode())
    opening = TCP(sport=sport, dport=port, seq=sequence, flags="S", window=64240, options=[("MSS", 1460)])
    packet(tape, client, server, opening)
    if refused:
        answer = TCP(sport=port, dport=sport, seq=0, ack=sequence + 1 & 0xFFFFFFFF, flags="RA", window=0)
        packet(tape, server, client, answer)


def udp_exchange(
    tape: Tape,
    client: Host,
    server: Host,
    port: int,
    talk: tuple[bytes, bytes],
    *,
    sport: int | None = None,
) -> None:
    """Play a question and its answer over UDP."""
    request, reply = talk
    sport = sport or tape.port()
    packet(tape, client, server, UDP(sport=sport, dport=port) / request)
    packet(tape, server, client, UDP(sport=port, dport=sport) / reply)


def packet(tape: Tape, sender: Host, receiver: Host, content: Packet) -> None:
    """Send an IP packet from one host to another, through the sender's gateway unless they share a VLAN."""
    mac = receiver.mac if receiver.vlan == sender.vlan else sender.next_hop
    if ip_address(sender.address).version == 6:
        layer = IPv6(src=sender.address, dst=receiver.address, hlim=64)
    else:
        layer = IP(
            src=sender.address, dst=receiver.address, ttl=64, id=tape.ident(sender.address), flags="DF"
        )
    tape.put(_tagged(sender.vlan, sender.mac, mac) / layer / content)


def arp(tape: Tape, asker: Host, wanted: str, answerer_mac: str | None = None) -> None:
    """Ask who has an address, and let its owner answer (None: nobody does)."""
    question = ARP(op="who-has", hwsrc=asker.mac, psrc=asker.address, hwdst="00:00:00:00:00:00", pdst=wanted)
    tape.put(_tagged(asker.vlan, asker.mac, BROADCAST) / question)
    if answerer_mac is not None:
        answer = ARP(op="is-at", hwsrc=answerer_mac, psrc=wanted, hwdst=asker.mac, pdst=asker.address)
        tape.put(_tagged(asker.vlan, answerer_mac, asker.mac) / answer)


def vxlan(tape: Tape, near: Host, far: Host, number: int, inner: Iterable[tuple[bool, Packet]]) -> None:
    """Carry frames between two tunnel ends; each is told with True when the near end sends it."""
    for from_near, frame in inner:
        sender, receiver = (near, far) if from_near else (far, near)
        entropy = 49152 + crc32(sender.address.encode()) % 16384
        outer = UDP(sport=entropy, dport=4789, chksum=0) / VXLAN(flags="Instance", vni=number)
        packet(tape, sender, receiver, outer / frame)


def gre(tape: Tape, near: Host, far: Host, inner: Iterable[tuple[bool, Packet]]) -> None:
    """Carry IP packets between two tunnel ends over GRE (RFC 2784)."""
    for from_near, content in inner:
        sender, receiver = (near, far) if from_near else (far, near)
        packet(tape, sender, receiver, GRE(proto=0x0800) / content)


def inner_frames(play: Tape) -> list[tuple[bool, Packet]]:
    """Take what was played on a tape as frames without tags, each with whether the first sender sent it."""
    frames = [Ether(data) for _, data in play.frames]
    for frame in frames:
        if Padding in frame:
            frame[Padding].underlayer.remove_payload()
        tag = frame[Dot1Q]
        frame.type = tag.type
        frame.payload = NoPayload()
        frame.add_payload(tag.payload)
    return [(frame.src == frames[0].src, frame) for frame in frames]


def write_pcap(path: Path, tape: Tape) -> None:
    """Write a classic capture file: little endian, microseconds, Ethernet."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)]
    for time, data in sorted(tape.frames, key=lambda one: one[0]):
        seconds, rest = divmod(time, SECOND)
        parts.append(struct.pack("<IIII", seconds, rest // 1000, len(data), len(data)) + data)
    path.write_bytes(b"".join(parts))


def write_pcapng(path: Path, tape: Tape, interface: str) -> None:
    """Write a pcapng file of one section and one interface, named, in nanoseconds, with its statistics."""
    frames = sorted(tape.frames, key=lambda one: one[0])
    parts = [
        _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
        _block(
            1,
            struct.pack("<HHI", 1, 0, 262144)
            + _option(2, interface.encode())
            + _option(9, b"\x09")
            + _option(0),
        ),
    ]
    for time, data in frames:
        head = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(data), len(data))
        parts.append(_block(6, head + _aligned(data)))
    last = frames[-1][0]
    statistics = _option(4, struct.pack("<Q", len(frames))) + _option(5, struct.pack("<Q", 0)) + _option(0)
    parts.append(_block(5, struct.pack("<III", 0, last >> 32, last & 0xFFFFFFFF) + statistics))
    path.write_bytes(b"".join(parts))


def _segment(address: str) -> Segment:
    place = ip_address(address)
    holders = [one for one in SEGMENTS if place in ip_network(one.cidr)]
    return max(holders, key=lambda one: ip_network(one.cidr).prefixlen)


def _digits(number: int) -> str:
    return f"{number // 10000:02d}:{number // 100 % 100:02d}:{number % 100:02d}"


def _tagged(vlan: int, source: str, destination: str) -> Packet:
    return Ether(src=source, dst=destination) / Dot1Q(vlan=vlan)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def _option(code: int, value: bytes = b"") -> bytes:
    return struct.pack("<HH", code, len(value)) + _aligned(value)


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
