"""Frames and captures made of octets alone: what the tests of the capture engine feed it."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MICROSECOND, MILLISECOND, SECOND = 1_000, 1_000_000, 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
A_MAC, B_MAC, ROUTER_MAC = 0x02_00_00_00_00_0A, 0x02_00_00_00_00_0B, 0x02_00_00_00_00_01


class Frame(NamedTuple):
    time: int
    data: bytes
    wire: int = 0  # 0: as long as the data
    link: int = 1


# --- layers -----------------------------------------------------------------------------------------------


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def ethernet(payload: bytes, kind: int = 0x0800, src: int = A_MAC, dst: int = B_MAC) -> bytes:
    return dst.to_bytes(6, "big") + src.to_bytes(6, "big") + struct.pack(">H", kind) + payload


def tagged(
    payload: bytes, *tags: int, kind: int = 0x0800, tpid: int = 0x8100, src: int = A_MAC, dst: int = B_MAC
) -> bytes:
    """Put 802.1Q tags (or those of another ethertype) around a payload, the outermost first."""
    for tag in reversed(tags):
        payload = struct.pack(">HH", tag, kind) + payload
        kind = tpid
    return ethernet(payload, kind, src, dst)


def kind_of(packet: bytes) -> int:
    return 0x0800 if packet[0] >> 4 == 4 else 0x86DD


def ipv4(
    src: str, dst: str, protocol: int, payload: bytes, *, ttl: int = 64, ident: int = 0, offset: int = 0,
    more: bool = False, options: bytes = b"", total: int | None = None,
) -> bytes:  # fmt: skip
    size = 20 + len(options)
    total = size + len(payload) if total is None else total
    flags = (0x2000 if more else 0) | offset
    head = struct.pack(
        ">BBHHHBBH4s4s",
        0x40 | size // 4,
        0,
        total,
        ident,
        flags,
        ttl,
        protocol,
        0,
        address(src),
        address(dst),
    )
    head += options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(
    src: str, dst: str, protocol: int, payload: bytes, *, hops: int = 64, extensions: Iterable[tuple[int, bytes]] = (),
    total: int | None = None,
) -> bytes:  # fmt: skip
    """Make an IPv6 packet; `extensions` are (their own number, what follows their next-header octet)."""
    chain = b""
    for number, body in reversed(list(extensions)):
        chain = bytes([protocol]) + body + chain
        protocol = number
    chain += payload
    size = len(chain) if total is None else total
    return struct.pack(">IHBB", 6 << 28, size, protocol, hops) + address(src) + address(dst) + chain


def ip(src: str, dst: str, protocol: int, payload: bytes, *, ttl: int = 64, ident: int = 0) -> bytes:
    if ":" in src:
        return ipv6(src, dst, protocol, payload, hops=ttl)
    return ipv4(src, dst, protocol, payload, ttl=ttl, ident=ident)


def tcp(
    sport: int,
    dport: int,
    flags: int,
    *,
    seq: int = 0,
    ack: int = 0,
    payload: bytes = b"",
    options: bytes = b"",
) -> bytes:
    size = 20 + len(options)
    return (
        struct.pack(
            ">HHIIBBHHH",
            sport,
            dport,
            seq,
            ack,
            size // 4 << 4,
            flags,
            8192,
            checksum(payload) ^ seq & 0xFFFF,
            0,
        )
        + options
        + payload
    )


def udp(sport: int, dport: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), checksum(payload)) + payload


def sctp(sport: int, dport: int, tag: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HHII", sport, dport, tag, 0) + payload


def icmp(kind: int, code: int = 0, rest: bytes = bytes(4), payload: bytes = b"") -> bytes:
    head = struct.pack(">BBH", kind, code, 0) + rest + payload
    return head[:2] + struct.pack(">H", checksum(head)) + head[4:]


def arp(operation: int, mac: int, sender: str, target: str) -> bytes:
    return (
        bytes.fromhex("0001080006 04".replace(" ", "")) + struct.pack(">H", operation) + mac.to_bytes(6, "big")
        + address(sender) + bytes(6) + address(target)
    )  # fmt: skip


def dhcp(kind: int, mac: int, *, own: str = "0.0.0.0", options: bytes = b"") -> bytes:
    head = struct.pack(">BBBBIHH", 1 if kind in (1, 3) else 2, 1, 6, 0, 7, 0, 0) + address(own) + bytes(12)
    head += mac.to_bytes(6, "big") + bytes(10) + bytes(192)
    return head + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + options + b"\xff"


def gre(payload: bytes, kind: int, *, key: int | None = None, seq: int | None = None) -> bytes:
    head = (0x2000 if key is not None else 0) | (0x1000 if seq is not None else 0)
    words = b"".join(struct.pack(">I", word) for word in (key, seq) if word is not None)
    return struct.pack(">HH", head, kind) + words + payload


def erspan(frame: bytes, version: int, vlan: int) -> bytes:
    """Put a frame into ERSPAN of type I, II or III, with its GRE header."""
    if version == 1:
        return gre(frame, 0x88BE)
    if version == 2:
        return gre(struct.pack(">HHI", 0x1000 | vlan, 1, 0) + frame, 0x88BE, seq=1)
    return gre(struct.pack(">HHIHH", 0x2000 | vlan, 1, 0, 0, 0) + frame, 0x22EB, seq=1)


def vxlan(frame: bytes, number: int) -> bytes:
    return struct.pack(">II", 0x08000000, number << 8) + frame


def geneve(payload: bytes, number: int, kind: int = 0x6558, options: bytes = b"") -> bytes:
    return struct.pack(">BBHI", len(options) // 4, 0, kind, number << 8) + options + payload


def gtp(packet: bytes, teid: int, *, extension: bool = False) -> bytes:
    more = struct.pack(">HBB", 1, 0, 0x85) + bytes([1, 0, 9, 0]) if extension else b""
    return (
        struct.pack(">BBHI", 0x34 if extension else 0x30, 255, len(more) + len(packet), teid) + more + packet
    )


def mpls(payload: bytes, *labels: int) -> bytes:
    words = [label << 12 | 64 for label in labels]
    words[-1] |= 0x100
    return b"".join(struct.pack(">I", word) for word in words) + payload


def pppoe(packet: bytes, session: int) -> bytes:
    kind = 0x21 if packet[0] >> 4 == 4 else 0x57
    return struct.pack(">BBHHH", 0x11, 0, session, len(packet) + 2, kind) + packet


def sll(packet: bytes, src: int = A_MAC) -> bytes:
    return struct.pack(">HHH6s2sH", 0, 1, 6, src.to_bytes(6, "big"), b"\0\0", kind_of(packet)) + packet


def sll2(packet: bytes, src: int = A_MAC) -> bytes:
    return (
        struct.pack(">HHIHBB6s2s", kind_of(packet), 0, 1, 1, 0, 6, src.to_bytes(6, "big"), b"\0\0") + packet
    )


def snap(payload: bytes, kind: int) -> bytes:
    return b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", kind) + payload


def wireless(payload: bytes, kind: int, *, to_station: bool = False, qos: bool = False) -> bytes:
    bodies = b"".join(mac.to_bytes(6, "big") for mac in (B_MAC, A_MAC, ROUTER_MAC))
    head = (
        bytes([0x88 if qos else 0x08, 1 if to_station else 2, 0, 0])
        + bodies
        + b"\0\0"
        + (b"\0\0" if qos else b"")
    )
    return head + snap(payload, kind)


# --- files ------------------------------------------------------------------------------------------------


def pcap(
    frames: Iterable[Frame], *, big: bool = False, nano: bool = False, link: int = 1, snaplen: int = 262_144
) -> bytes:
    order = ">" if big else "<"
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for frame in frames:
        seconds, fraction = divmod(frame.time, SECOND)
        fraction = fraction if nano else fraction // 1000
        data = frame.data[:snaplen]
        parts.append(
            struct.pack(order + "IIII", seconds, fraction, len(data), frame.wire or len(frame.data)) + data
        )
    return b"".join(parts)


def block(kind: int, body: bytes, order: str) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def option(code: int, value: bytes, order: str) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(*, big: bool = False) -> bytes:
    order = ">" if big else "<"
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def described(
    link: int = 1,
    *,
    resolution: int | None = None,
    offset: int = 0,
    snaplen: int = 0,
    name: str = "",
    big: bool = False,
) -> bytes:
    """Make an interface description block."""
    order = ">" if big else "<"
    options = b""
    if name:
        options += option(2, name.encode(), order)
    if resolution is not None:
        options += option(9, bytes([resolution]), order)
    if offset:
        options += option(14, struct.pack(order + "q", offset), order)
    return block(
        1, struct.pack(order + "HHI", link, 0, snaplen) + options + (bytes(4) if options else b""), order
    )


def enhanced(
    data: bytes,
    units: int,
    *,
    interface: int = 0,
    wire: int = 0,
    comment: str = "",
    big: bool = False,
    old: bool = False,
) -> bytes:
    """Make an enhanced packet block, or the obsolete packet block."""
    order = ">" if big else "<"
    head = struct.pack(order + "HH", interface, 0) if old else struct.pack(order + "I", interface)
    head += struct.pack(order + "IIII", units >> 32, units & 0xFFFFFFFF, len(data), wire or len(data))
    options = option(1, comment.encode(), order) + bytes(4) if comment else b""
    return block(2 if old else 6, head + data + bytes(-len(data) % 4) + options, order)


def simple(data: bytes, *, wire: int = 0, big: bool = False) -> bytes:
    order = ">" if big else "<"
    return block(3, struct.pack(order + "I", wire or len(data)) + data, order)


def pcapng(frames: Iterable[Frame], *, big: bool = False) -> bytes:
    """Write frames with an interface for each link type; every other interface counts ns, the others µs."""
    parts, interfaces = [section(big=big)], {}
    for frame in frames:
        if frame.link not in interfaces:
            nano = len(interfaces) % 2 == 1
            interfaces[frame.link] = (len(interfaces), 1 if nano else 1000)
            parts.append(described(frame.link, resolution=9 if nano else None, big=big))
        number, unit = interfaces[frame.link]
        parts.append(enhanced(frame.data, frame.time // unit, interface=number, wire=frame.wire, big=big))
    return b"".join(parts)


# --- conversations ----------------------------------------------------------------------------------------


@dataclass
class Talk:
    """Makes the packets of one random conversation after another."""

    random: Random
    time: int = BEGIN
    frames: list[Frame] = field(default_factory=list)

    def host(self, *, six: bool | None = None) -> str:
        number = self.random.randrange(1, 12)
        six = self.random.random() < 0.3 if six is None else six
        return f"2001:db8::{number:x}" if six else f"10.{self.random.randrange(3)}.0.{number}"

    def pair(self, *, six: bool | None = None) -> tuple[str, str]:
        one = self.host(six=six)
        while (other := self.host(six=":" in one)) == one:
            pass
        return one, other

    def tick(self) -> int:
        self.time += self.random.choice((MICROSECOND * 7, MICROSECOND * 900, MILLISECOND * 40, SECOND * 3))
        return self.time

    def send(self, packet: bytes, *, back: bool = False) -> None:
        """Put a packet on the wire in one of many ways, now and then with a mirror copy."""
        src, dst = (B_MAC, A_MAC) if back else (A_MAC, B_MAC)
        choice = self.random.randrange(14)
        kind, link = kind_of(packet), 1
        if choice == 0:
            data = tagged(packet, 10, kind=kind, src=src, dst=dst)
        elif choice == 1:
            data = tagged(packet, 100, 20, kind=kind, tpid=0x88A8, src=src, dst=dst)
        elif choice == 2:
            data, link = sll(packet, src), 113
        elif choice == 3:
            data, link = packet, 101
        elif choice == 4:
            data = ethernet(mpls(packet, 16, 17), 0x8847, src, dst)
        elif choice == 5:
            data = ethernet(pppoe(packet, 9), 0x8864, src, dst)
        elif choice == 6:
            data, link = sll2(packet, src), 276
        else:
            data = ethernet(packet, kind, src, dst) + (bytes(6) if self.random.random() < 0.2 else b"")
        time = self.tick()
        cut = self.random.random() < 0.05
        self.frames.append(
            Frame(time, data[: self.random.randrange(1, len(data))] if cut else data, len(data), link)
        )
        if choice > 6 and self.random.random() < 0.2:
            self.mirror(packet, time, src, dst)

    def mirror(self, packet: bytes, time: int, src: int, dst: int) -> None:
        """Show the same packet again: to the last bit, routed, or in another VLAN."""
        kind = kind_of(packet)
        way = self.random.randrange(3)
        if way == 0:
            self.frames.append(Frame(time + 300 * MICROSECOND, ethernet(packet, kind, src, dst)))
        elif way == 1:
            at = 8 if kind == 0x0800 else 7
            routed = packet[:at] + bytes([packet[at] - 1]) + packet[at + 1 :]
            self.frames.append(Frame(time + MILLISECOND, ethernet(routed, kind, ROUTER_MAC, dst)))
        else:
            self.frames.append(Frame(time + MILLISECOND, tagged(packet, 77, kind=kind, src=src, dst=dst)))
        self.time = max(self.time, time + MILLISECOND)

    def tcp(self) -> None:
        one, other = self.pair()
        sport, dport = self.random.randrange(1024, 1030), self.random.choice((22, 80, 443, 3389))
        for _ in range(self.random.choice((1, 1, 2))):  # again: the port is reused
            self.connection(one, other, sport, dport)

    def connection(self, one: str, other: str, sport: int, dport: int) -> None:
        seq, answer = self.random.getrandbits(32), self.random.getrandbits(32)
        ident = self.random.getrandbits(16)

        def go(flags: int, s: int, a: int, payload: bytes = b"", *, back: bool = False) -> bytes:
            ports = (dport, sport) if back else (sport, dport)
            ends = (other, one) if back else (one, other)
            return ip(
                *ends, 6, tcp(*ports, flags, seq=s, ack=a, payload=payload), ident=ident + len(steps) & 0xFFFF
            )

        steps: list[tuple[bytes, bool]] = []
        words = self.random.choice(
            (
                b"GET / HTTP/1.1\r\n\r\n",
                bytes.fromhex("16030100200100001c0303") + bytes(26),
                b"SSH-2.0-x\r\n",
                b"\0" * 9,
                b"220 hello\r\n",
                b"220 hello ESMTP\r\n",
                b"+OK hello\r\n",
                b"USER hello\r\n",
                bytes.fromhex("170303001000") + bytes(15),
            )
        )
        steps.append((go(SYN, seq, 0), False))
        end = self.random.randrange(6)
        if end == 0:
            steps.append((go(RST | ACK, 0, seq + 1 & 0xFFFFFFFF, back=True), True))
        elif end > 1:
            steps.append((go(SYN | ACK, answer, seq + 1 & 0xFFFFFFFF, back=True), True))
            steps.append((go(ACK, seq + 1 & 0xFFFFFFFF, answer + 1 & 0xFFFFFFFF), False))
            if self.random.random() < 0.2:  # a keep-alive
                steps.append((go(ACK, seq, answer + 1 & 0xFFFFFFFF, b"\0"), False))
            steps.append((go(ACK | PSH, seq + 1 & 0xFFFFFFFF, answer + 1 & 0xFFFFFFFF, words), False))
            steps.append(
                (go(ACK, answer + 1 & 0xFFFFFFFF, seq + 1 + len(words) & 0xFFFFFFFF, back=True), True)
            )
            steps.append(
                (
                    go(
                        ACK | PSH,
                        answer + 1 & 0xFFFFFFFF,
                        seq + 1 + len(words) & 0xFFFFFFFF,
                        b"HTTP/1.1 200 OK\r\n\r\n",
                        back=True,
                    ),
                    True,
                )
            )
        if end > 3:
            steps.append((go(FIN | ACK, seq + 1 + len(words) & 0xFFFFFFFF, 1), False))
            steps.append((go(FIN | ACK, answer + 20 & 0xFFFFFFFF, 1, back=True), True))
        if end == 3:
            steps.append((go(RST, seq + 9 & 0xFFFFFFFF, 0), False))
        if self.random.random() < 0.3:  # the beginning was not captured, or came in another order
            steps = steps[self.random.randrange(1, len(steps) + 1) :]
        elif self.random.random() < 0.2 and len(steps) > 1:
            steps[0], steps[1] = steps[1], steps[0]
        for packet, back in steps:
            self.send(packet, back=back)
            if self.random.random() < 0.1:
                self.send(packet, back=back)
        if end == 1:
            self.refused(steps[0][0] if steps else go(SYN, seq, 0))

    def refused(self, packet: bytes) -> None:
        """Let a router refuse a packet."""
        six = packet[0] >> 4 == 6
        if six:
            body = icmp(1, self.random.choice((1, 4)), payload=packet[:60])
            self.send(ipv6("2001:db8::fe", str(ipaddress.ip_address(packet[8:24])), 58, body), back=True)
        else:
            body = icmp(3, self.random.choice((1, 4, 13)), payload=packet[: self.random.choice((21, 28, 60))])
            self.send(ipv4("10.9.9.9", str(ipaddress.ip_address(packet[12:16])), 1, body), back=True)

    def udp(self) -> None:
        one, other = self.pair()
        sport, dport = self.random.randrange(1024, 1030), self.random.choice((53, 123, 514))
        query = bytes([0, 7, 1, 0]) + bytes(20)
        self.send(ip(one, other, 17, udp(sport, dport, query), ident=self.random.getrandbits(16)))
        if self.random.random() < 0.6:
            answer = bytes([0, 7, 0x81, 0]) + bytes(60)
            self.send(
                ip(other, one, 17, udp(dport, sport, answer), ident=self.random.getrandbits(16)), back=True
            )
        elif self.random.random() < 0.5:
            self.refused(ip(one, other, 17, udp(sport, dport, query)))

    def echo(self) -> None:
        one, other = self.pair()
        six = ":" in one
        request, reply, protocol = (128, 129, 58) if six else (8, 0, 1)
        rest = self.random.randbytes(4)
        steps = [
            (ip(one, other, protocol, icmp(request, 0, rest, bytes(32))), False),
            (ip(other, one, protocol, icmp(reply, 0, rest, bytes(32))), True),
        ]
        for packet, back in steps if self.random.random() < 0.8 else reversed(steps):
            self.send(packet, back=back)

    def fragments(self) -> None:
        one, other = self.pair()
        sport = self.random.randrange(1024, 1030)
        body = udp(sport, 2049, self.random.randbytes(100))
        ident = self.random.getrandbits(16)
        cuts = [(0, 48), (48, 96), (96, len(body))]
        pieces = []
        for begin, end in cuts:
            more = end < len(body)
            if ":" in one:
                head = struct.pack(">BHI", 0, begin | more, ident)
                pieces.append(ipv6(one, other, 17, body[begin:end], extensions=[(44, head)]))
            else:
                pieces.append(
                    ipv4(one, other, 17, body[begin:end], ident=ident, offset=begin // 8, more=more)
                )
        way = self.random.randrange(4)
        if way == 1:
            pieces.reverse()
        elif way == 2:
            self.random.shuffle(pieces)
        elif way == 3:
            del pieces[self.random.randrange(3)]
        for piece in pieces:
            self.send(piece)

    def tunnel(self) -> None:
        one, other = self.pair(six=False)
        inner = Talk(self.random, self.time)
        self.random.choice((inner.udp, inner.echo, inner.tcp))()
        way = self.random.randrange(11)
        number = self.random.randrange(1, 4)
        for frame in inner.frames:
            packet = frame.data if frame.link == 101 else None
            layer = frame.data if frame.link == 1 else ethernet(packet or b"", 0x0800)
            if way == 0:
                self.send(ipv4(one, other, 47, gre(layer, 0x6558, key=number)))
            elif way == 1:
                self.send(ipv4(one, other, 47, erspan(layer, number, 30)))
            elif way == 2:
                self.send(ipv4(one, other, 17, udp(5000, 4789, vxlan(layer, number))))
            elif way == 3:
                self.send(
                    ipv4(one, other, 17, udp(5000, 6081, geneve(layer, number, options=bytes(4 * number))))
                )
            elif way == 4:
                self.send(ipv4(one, other, 97, b"\x30\0" + layer))
            elif packet is None:
                continue
            elif way == 5:
                self.send(ipv4(one, other, 17, udp(2152, 2152, gtp(packet, number, extension=number == 2))))
            elif way == 6:
                self.send(ipv4(one, other, 4 if packet[0] >> 4 == 4 else 41, packet))
            elif way == 7:
                self.send(ipv4(one, other, 47, gre(packet, kind_of(packet))))
            elif way == 8:
                self.send(ipv6("2001:db8::1", "2001:db8::2", 4 if packet[0] >> 4 == 4 else 41, packet))
            elif way == 9 and packet[0] >> 4 == 6:
                origin = b"\0\0\xff\xff" + bytes(4) if number == 1 else b""
                self.send(ipv4(one, other, 17, udp(40000, 3544, origin + packet)))
            else:
                self.send(ipv4(one, other, 47, gre(b"\xff\x03\0\x21" + packet, 0x880B, key=1, seq=2)))
        self.time = max(self.time, inner.time)

    def odd(self) -> None:
        """Make a packet with options, extension headers, other transports or lengths that do not fit."""
        one, other = self.pair(six=False)
        way = self.random.randrange(9)
        segment = tcp(1024, 80, ACK, seq=5, ack=6, payload=b"odd")
        if way == 0:
            self.send(ipv4(one, other, 6, segment, options=b"\x94\x04\0\0" + bytes(8), ident=3))
        elif way == 1:
            self.send(ipv4(one, other, 6, segment, total=0))
        elif way == 2:
            self.send(ipv4(one, other, 6, segment, total=9000))
        elif way == 3:
            chain = [(0, b"\0" + bytes(6)), (60, b"\1" + bytes(14)), (43, b"\0" + bytes(6)), (44, bytes(7))]
            self.send(
                ipv6(
                    "2001:db8::1", "2001:db8::2", 6, segment, extensions=chain[: self.random.randrange(1, 5)]
                )
            )
        elif way == 4:
            self.send(
                ipv6(
                    "2001:db8::1", "2001:db8::2", 6, segment, extensions=[(0, b"\0\xc2\x04\0\1\0\0")], total=0
                )
            )
        elif way == 5:
            self.send(ipv4(one, other, 132, sctp(36412, 36412, 7, b"\0\3\0\x10" + bytes(12))))
        elif way == 6:
            self.send(ipv4(one, other, 50, bytes(40)))
        elif way == 7:
            self.send(ipv6("2001:db8::1", "2001:db8::2", 59, b""))
        else:
            self.send(ipv4(one, one, 17, udp(5, 5, b"land")))

    def claims(self) -> None:
        """Make messages by which devices say who they are."""
        mac = A_MAC + self.random.randrange(3)
        way = self.random.randrange(7)
        if way == 0:
            data = ethernet(arp(1, mac, self.host(six=False), "10.0.0.1"), 0x0806, mac)
        elif way == 1:
            data = tagged(arp(2, mac, "0.0.0.0", "10.0.0.1"), 10, kind=0x0806, src=mac)
        elif way == 2:
            body = icmp(136, 0, b"\x60\0\0\0", address("2001:db8::5") + b"\x02\x01" + mac.to_bytes(6, "big"))
            data = ethernet(ipv6("2001:db8::5", "ff02::1", 58, body), 0x86DD, mac)
        elif way == 3:
            body = icmp(135, 0, bytes(4), address("2001:db8::6") + b"\x01\x01" + mac.to_bytes(6, "big"))
            data = ethernet(ipv6("2001:db8::5", "ff02::1:ff00:6", 58, body), 0x86DD, mac)
        elif way == 4:
            message = dhcp(self.random.choice((1, 3)), mac, options=bytes([50, 4, 10, 0, 0, 9]))
            data = ethernet(ipv4("0.0.0.0", "255.255.255.255", 17, udp(68, 67, message)), 0x0800, mac)
        elif way == 5:
            message = dhcp(self.random.choice((2, 5)), mac)
            data = ethernet(ipv4("10.0.0.1", "10.0.0.9", 17, udp(67, 68, message)), 0x0800, mac)
        else:
            frame = b"\x42\x42\x03" + bytes(35)
            data = ethernet(frame, len(frame), mac)
        self.frames.append(Frame(self.tick(), data))


def conversations(random: Random, count: int) -> list[Frame]:
    """Make the frames of some random conversations, one after another."""
    talk = Talk(random)
    kinds = (
        talk.tcp,
        talk.tcp,
        talk.udp,
        talk.echo,
        talk.fragments,
        talk.tunnel,
        talk.odd,
        talk.claims,
        talk.claims,
    )
    for _ in range(count):
        random.choice(kinds)()
    return talk.frames


def capture(random: Random, count: int = 12) -> bytes:
    """Write random conversations into a capture of a random format."""
    frames = conversations(random, count)
    if random.random() < 0.4:
        return pcapng(frames, big=random.random() < 0.5)
    return pcap(
        [f for f in frames if f.link == 1],
        big=random.random() < 0.5,
        nano=random.random() < 0.5,
        snaplen=random.choice((262_144, 96)),
    )


def swapped(frames: Iterable[Frame]) -> list[Frame]:
    """Exchange 10.0.0.1 with 10.0.0.2 in untunnelled Ethernet frames, and their MACs."""
    one, other = address("10.0.0.1"), address("10.0.0.2")
    a, b = A_MAC.to_bytes(6, "big"), B_MAC.to_bytes(6, "big")
    table = {one: other, other: one}
    result = []
    for frame in frames:
        data = frame.data
        macs = {a: b, b: a}
        data = (
            macs[data[:6]]
            + macs[data[6:12]]
            + data[12:26]
            + table[data[26:30]]
            + table[data[30:34]]
            + data[34:]
        )
        result.append(frame._replace(data=data))
    return result
