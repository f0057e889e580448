"""The capture engine's slow and obvious twin: octets of a capture to flows, with dicts and slices only.

It is written from what the formats and the product mean, shares no code with the kernels, and is what they
are compared with. It knows one sensor and no files; the identity of a tunnel is its chain of ends.
"""

from __future__ import annotations

import contextlib
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.naive.classes import class_of
from zoneguard.net.flow import Payload

SECOND = 1_000_000_000
FURTHEST = 1 << 62
LARGEST = 262_144
GRE, VXLAN, GENEVE, GTP_U, IPIP, SIX_IN_FOUR, TEREDO, PPPOE = 1, 3, 4, 5, 6, 7, 8, 10
ARP, NDP, DHCP_CLIENT, DHCP_SERVER, ROUTER, REDIRECT, STP, CDP, LLDP = range(1, 10)
BY_SYN, BY_SYN_ACK, BY_ISN, BY_GREETING, BY_FIRST_PACKET = 0, 1, 2, 3, 7
FIN, SYN, RST, ACK = 1, 2, 4, 16
ASKS = {"TLS_CLIENT", "HTTP_REQUEST", "SMTP_CLIENT", "FTP_CLIENT", "POP3_CLIENT", "DNS_QUERY"}
ANSWERS = {
    "TLS_SERVER", "HTTP_RESPONSE", "SMTP_OR_FTP_SERVER", "SMTP_SERVER", "FTP_SERVER", "POP3_SERVER",
    "IMAP_SERVER", "DNS_RESPONSE",
}  # fmt: skip


class Side(NamedTuple):
    address: bytes  # sixteen octets; IPv4 is mapped
    port: int


class Ends(NamedTuple):
    kind: int
    ends: frozenset[bytes]
    number: int


@dataclass
class Packet:
    """One IP packet (a layer of a frame)."""

    source: Side
    target: Side
    protocol: int
    vlan: int
    domain: int
    tunnel: tuple[Ends, ...]
    time: int
    frame: int
    octets: int
    hops: int
    source_mac: int
    target_mac: int
    number: int = 0  # IP identification
    checksum: int = 0
    flags: int = 0
    sequence: int = 0
    acknowledged: int = 0
    has_payload: bool = False
    payload: bytes | None = None  # what was captured of it, for TCP and UDP
    length: int = 0  # of it on the wire
    request: int = 0
    quotes: bool = False  # stands for the flow that an ICMP error quotes
    packets: int = 1


@dataclass
class Flow:
    """One flow; side 0 is the lesser endpoint."""

    sides: tuple[Side, Side]
    protocol: int
    domain: int
    tunnel: tuple[Ends, ...]
    opener: int
    first: int
    last: int
    frame: int
    rung: int = BY_FIRST_PACKET
    packets: list[int] = field(default_factory=lambda: [0, 0])
    octets: list[int] = field(default_factory=lambda: [0, 0])
    flags: list[int] = field(default_factory=lambda: [0, 0])
    payload: list[int | None] = field(default_factory=lambda: [None, None])
    links: list[tuple[int, int, int] | None] = field(default_factory=lambda: [None, None])
    isn: int | None = None
    answered: bool = False
    acked: bool = False
    fin: list[bool] = field(default_factory=lambda: [False, False])
    reset: bool = False
    unreachable: bool = False
    copies: int = 0
    copy: tuple[int, int, int] = (0, 0, 0)
    members: list[tuple[Any, ...]] = field(default_factory=list)  # packets whose frames stand at their place
    begins_early: bool = False  # with fragments that came before their first one


# --- files ------------------------------------------------------------------------------------------------


class Record(NamedTuple):
    link: int
    data: bytes
    wire: int
    time: int
    frame: int


def records(capture: bytes) -> list[Record]:
    """Read the frames of a capture up to its end or its first impossible length."""
    magic = capture[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        return blocks(capture)
    kinds = {
        b"\xa1\xb2\xc3\xd4": (">", 1000),
        b"\xd4\xc3\xb2\xa1": ("<", 1000),
        b"\xa1\xb2\x3c\x4d": (">", 1),
        b"\x4d\x3c\xb2\xa1": ("<", 1),
    }
    if magic not in kinds or len(capture) < 24:
        return []
    order, unit = kinds[magic]
    link = struct.unpack(order + "I", capture[20:24])[0] & 0xFFFF
    found: list[Record] = []
    at = 24
    while len(capture) - at >= 16:
        seconds, fraction, size, wire = struct.unpack_from(order + "IIII", capture, at)
        if size > LARGEST or len(capture) - at - 16 < size:
            break
        data = capture[at + 16 : at + 16 + size]
        found.append(Record(link, data, max(wire, size), seconds * SECOND + fraction * unit, len(found) + 1))
        at += 16 + size
    return found


def blocks(capture: bytes) -> list[Record]:
    """Read the frames of a pcapng capture."""
    found: list[Record] = []
    order, interfaces = "<", []
    at = frame = latest = 0
    while len(capture) - at >= 12:
        if capture[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            mark = capture[at + 8 : at + 12]
            if mark not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                break
            order, interfaces = ">" if mark == b"\x1a\x2b\x3c\x4d" else "<", []
        kind, size = struct.unpack_from(order + "II", capture, at)
        body = capture[at + 8 : at + size - 4]
        if kind not in (2, 3, 6):
            if size < 12 or size % 4 or len(capture) - at < size:
                break
            if kind == 1 and size <= LARGEST and len(body) >= 8 and len(interfaces) < 1024:
                interfaces.append(interface(body, order))
            at += size
            continue
        smallest = 16 if kind == 3 else 32
        if size % 4 or size < 16 or size > LARGEST + 65_536 or len(capture) - at < size:
            break
        if struct.unpack_from(order + "I", capture, at + size - 4)[0] != size or size < smallest:
            break
        at += size
        if kind == 3:
            number, (wire,) = 0, struct.unpack_from(order + "I", body)
            data = body[4 : 4 + wire]
            if interfaces and interfaces[0]["snaplen"]:
                data = data[: interfaces[0]["snaplen"]]
        else:
            number, high, low, captured, wire = struct.unpack_from(
                order + ("IIIII" if kind == 6 else "HxxIIII"), body
            )
            if captured > len(body) - 20:
                break
            data = body[20 : 20 + captured]
        frame += 1
        if number >= len(interfaces):
            continue
        time = latest if kind == 3 else moment(interfaces[number], (high & 0x7FFFFFFF) << 32 | low)
        latest = max(latest, time)
        found.append(Record(interfaces[number]["link"], data, max(wire, len(data)), time, frame))
    return found


def interface(body: bytes, order: str) -> dict[str, int]:
    """Read an interface description: link type, snap length, resolution and offset of its clock."""
    link, snaplen = struct.unpack_from(order + "HxxI", body)
    about = {"link": link, "snaplen": snaplen, "resolution": 6, "binary": 0, "offset": 0}
    at, left = 8, 256
    while at + 4 <= len(body) and left:
        code, size = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + size]
        if code == 0 or len(value) < size:
            break
        if code == 9 and size >= 1:
            about["resolution"], about["binary"] = value[0] & 0x7F, value[0] >> 7
        elif code == 14 and size == 8:
            about["offset"] = struct.unpack(order + "q", value)[0]
        at += 4 + (size + 3) // 4 * 4
        left -= 1
    return about


def moment(about: dict[str, int], units: int) -> int:
    """Turn a clock's units into ns since 1970; impossible times are brought to the edge of possible ones."""
    exponent = about["resolution"]
    if about["binary"]:
        exponent = min(exponent, 62)
        # Beyond 2^-50 s the engine counts by whole units to the ns.
        time = units // ((1 << exponent) // SECOND) if exponent > 50 else units * SECOND >> exponent
    else:
        exponent = min(exponent, 27)
        time = units * SECOND // 10**exponent
    time = min(time, FURTHEST) + max(-(1 << 32), min(1 << 32, about["offset"])) * SECOND
    return max(0, min(FURTHEST, time))


# --- frames -----------------------------------------------------------------------------------------------


class Cut(Exception):  # noqa: N818 - not an error: the frame ends here
    """The frame ends before its headers do, or holds nothing that is followed."""


class View:
    """Some octets, with their length on the wire, that cannot be read past their end."""

    def __init__(self, data: bytes, wire: int) -> None:
        self.data, self.wire = data, max(wire, len(data))

    def __len__(self) -> int:
        return len(self.data)

    def number(self, at: int, size: int) -> int:
        if at + size > len(self.data):
            raise Cut
        return int.from_bytes(self.data[at : at + size], "big")

    def after(self, count: int) -> View:
        # The length on the wire shrinks with what is taken off; what was captured is at least there.
        return View(self.data[count:], self.wire - count)


@dataclass
class Around:
    """What stands around the IP packet that is being looked at."""

    vlan: int = 0
    source_mac: int = 0
    target_mac: int = 0
    tunnel: tuple[Ends, ...] = ()


class Twin:
    """Reads captures one after another into one table of flows."""

    def __init__(
        self, *, domains: list[int] | None = None, idle_tcp: int = 3600, idle_other: int = 600
    ) -> None:
        self.domains = domains or []
        self.idle = {True: idle_tcp * SECOND, False: idle_other * SECOND}
        self.live: dict[Any, Flow] = {}
        self.done: list[Flow] = []
        self.recent: dict[Any, tuple[int, Any]] = {}
        self.fragments: dict[Any, dict[str, Any]] = {}
        self.claims: Counter[tuple[int, int, bytes, int]] = Counter()
        self.packets = self.copies = self.errors = self.decoded = 0
        self.file = -1
        self.record: Record | None = None

    def read(self, capture: bytes) -> None:
        """Read one capture."""
        self.file += 1
        for record in records(capture):
            self.packets += 1
            self.record, self.out = record, []
            self.waits = False
            if record.data:
                with contextlib.suppress(Cut):
                    self.link(record.link, View(record.data, record.wire))
            self.decoded += bool(self.out) or self.waits
            for packet in self.out:
                self.meter(packet)

    def flows(self) -> list[dict[str, Any]]:
        """Give all flows; fragments whose first never came are flows without ports."""
        self.record = None
        for waiting in self.fragments.values():
            if waiting["ports"] is None and waiting["packets"]:
                self.meter(self.lost(waiting))
        self.fragments.clear()
        return [columns(flow) for flow in (*self.done, *self.live.values())]

    # --- link layers ---

    def link(self, kind: int, v: View) -> None:
        around = Around()
        if kind == 192:
            if len(v) < 8:
                raise Cut
            kind = int.from_bytes(v.data[4:8], "little")
            v = self.skip(v, int.from_bytes(v.data[2:4], "little"))
        if kind in (119, 127):
            if len(v) < 8:
                raise Cut
            if kind == 127:
                size = int.from_bytes(v.data[2:4], "little")
            elif v.number(0, 4) == 0x80211001:
                size = v.number(4, 4)
            else:
                size = int.from_bytes(v.data[4:8], "little")
            v, kind = self.skip(v, size), 105
        if kind == 1:
            self.ethernet(v, around)
        elif kind in (12, 14, 101, 228, 229):
            self.ip(v, around)
        elif kind in (0, 108):
            self.ip(self.skip(v, 4), around)
        elif kind == 113:
            v.number(0, 16)
            if v.number(4, 2) == 6:
                around.source_mac = v.number(6, 6)
            self.ethertype(v.number(14, 2), v.after(16), around)
        elif kind == 276:
            v.number(0, 20)
            if v.number(11, 1) == 6:
                around.source_mac = v.number(12, 6)
            self.ethertype(v.number(0, 2), v.after(20), around)
        elif kind == 9 and v.data[:2] in (b"\x0f\x00", b"\x8f\x00") and len(v) >= 4:
            self.ethertype(v.number(2, 2), v.after(4), around)
        elif kind in (9, 50, 204):
            v = v.after(1) if kind == 204 else v
            self.ppp(v.after(2) if v.data[:2] == b"\xff\x03" else v, around)
        elif kind == 104:
            self.ethertype(v.number(2, 2), self.skip(v, 4), around)
        elif kind == 105:
            self.wireless(v, around)

    def skip(self, v: View, count: int) -> View:
        if count > len(v):
            raise Cut
        return v.after(count)

    def wireless(self, v: View, around: Around) -> None:
        control, flags = v.number(0, 1), v.number(1, 1)
        v.number(0, 24)
        if control & 0x0C != 0x08 or control & 0x40 or flags & 0x40:
            raise Cut
        first, second, third = v.number(4, 6), v.number(10, 6), v.number(16, 6)
        to_station, from_station = flags & 1, flags & 2
        around.target_mac = third if to_station else first
        around.source_mac = third if from_station and not to_station else second
        size = 24 + (6 if to_station and from_station else 0) + (2 if control & 0x80 else 0)
        self.llc(self.skip(v, size), around)

    def ethernet(self, v: View, around: Around) -> None:
        v.number(0, 14)
        around.target_mac, around.source_mac = v.number(0, 6), v.number(6, 6)
        kind = v.number(12, 2)
        if kind <= 1500:
            self.llc(v.after(14), around)
        else:
            self.ethertype(kind, v.after(14), around)

    def llc(self, v: View, around: Around) -> None:
        v.number(0, 3)
        sap = v.number(0, 2)
        if sap == 0xAAAA and len(v) >= 8:
            organisation, kind = v.number(3, 3), v.number(6, 2)
            if organisation == 0x00000C and kind == 0x2000:
                self.claim(CDP, around.source_mac, bytes(16), around)
            elif organisation in (0, 0x0000F8):
                self.ethertype(kind, v.after(8), around)
        elif sap == 0x4242:
            self.claim(STP, around.source_mac, bytes(16), around)
        elif sap == 0x0606:
            self.ip(v.after(3), around)

    def ethertype(self, kind: int, v: View, around: Around) -> None:
        if kind in (0x0800, 0x86DD):
            self.ip(v, around)
        elif kind in (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300):
            around.vlan = v.number(0, 2) & 0xFFF or around.vlan
            inner = v.number(2, 2)
            if inner <= 1500:
                self.llc(v.after(4), around)
            else:
                self.ethertype(inner, v.after(4), around)
        elif kind in (0x8847, 0x8848):
            self.mpls(v, around)
        elif kind == 0x8864:
            v.number(0, 8)
            around.tunnel = (*around.tunnel, Ends(PPPOE, frozenset([bytes(16)]), v.number(2, 2)))
            self.ppp(v.after(6), around)
        elif kind == 0x0806:
            v.number(0, 28)
            if v.data[:6] == bytes.fromhex("000108000604"):
                address = v.data[14:18]
                mapped = bytes(10) + b"\xff\xff" + address if any(address) else bytes(16)
                self.claim(ARP, v.number(8, 6), mapped, around)
        elif kind == 0x88CC:
            self.claim(LLDP, around.source_mac, bytes(16), around)

    def mpls(self, v: View, around: Around) -> None:
        for _ in range(16):
            bottom = v.number(0, 4) >> 8 & 1
            v = v.after(4)
            if bottom:
                break
        else:
            raise Cut
        version = v.number(0, 1) >> 4
        if version in (4, 6):
            self.ip(v, around)
        elif version == 0 and len(v) >= 18:
            self.ethernet(v.after(4), around)

    def ppp(self, v: View, around: Around) -> None:
        v.number(0, 2)
        size = 1 if v.number(0, 1) & 1 else 2
        kind = {0x21: 0x0800, 0x57: 0x86DD, 0x281: 0x8847}.get(v.number(0, size))
        if kind is not None:
            self.ethertype(kind, v.after(size), around)

    # --- IP ---

    def ip(self, v: View, around: Around) -> None:
        if len(self.out) >= 6 or len(v) < 20:
            raise Cut
        fragment = more = False
        offset = number = 0
        version = v.number(0, 1) >> 4
        if version == 4:
            size, total = (v.number(0, 1) & 15) * 4, v.number(2, 2) or v.wire
            if size < 20 or total < size:
                raise Cut
            number, protocol, hops = v.number(4, 2), v.number(9, 1), v.number(8, 1)
            more, offset = bool(v.number(6, 2) & 0x2000), v.number(6, 2) & 0x1FFF
            addresses = [bytes(10) + b"\xff\xff" + v.data[i : i + 4] for i in (12, 16)]
        elif version == 6 and len(v) >= 40:
            size, total, protocol, hops = 40, v.number(4, 2) + 40, v.number(6, 1), v.number(7, 1)
            addresses = [v.data[8:24], v.data[24:40]]
            if total == 40 and protocol == 0:
                total = v.wire
            for _ in range(12):
                rest = v.data[:total][size:]
                if protocol not in (0, 43, 44, 60, 135, 139, 140) or len(rest) < 8:
                    break
                if protocol == 44:
                    offset, number = int.from_bytes(rest[2:4], "big"), int.from_bytes(rest[4:8], "big")
                    more, offset = bool(offset & 1), offset >> 3
                    protocol, size = rest[0], size + 8
                    if offset:
                        break
                else:
                    protocol, size = rest[0], size + (rest[1] + 1) * 8
        else:
            raise Cut
        fragment = offset != 0
        wire = min(v.wire, total)
        body = View(v.data[:total][size:], wire - size)
        domain = self.domains[around.vlan] if around.vlan < len(self.domains) else 0
        packet = Packet(
            source=Side(addresses[0], 0),
            target=Side(addresses[1], 0),
            protocol=protocol,
            vlan=around.vlan,
            domain=domain,
            tunnel=around.tunnel,
            time=self.record.time,
            frame=self.record.frame,
            octets=wire,
            hops=hops,
            source_mac=around.source_mac,
            target_mac=around.target_mac,
            number=number,
        )
        self.out.append(packet)
        if fragment:
            packet.sequence = offset
            self.later_fragment(packet)
            raise Cut
        if protocol in (1, 58) and len(body) >= 2:
            self.icmp(body, packet, around)
            if more and not packet.quotes:
                self.first_fragment(packet)
            raise Cut
        whole = self.transport(packet, body, max(0, total - size))
        if more:
            self.first_fragment(packet)
        elif whole:
            self.inside(version, packet, body, around)

    def transport(self, packet: Packet, body: View, octets: int) -> bool:
        """Read ports and numbers; `octets` is the segment's length by the IP header."""
        have, protocol = len(body), packet.protocol
        if protocol in (6, 17, 132, 136):
            if have < 4:
                return False
            packet.source = packet.source._replace(port=body.number(0, 2))
            packet.target = packet.target._replace(port=body.number(2, 2))
        if protocol == 6:
            if have >= 14:
                packet.sequence, packet.acknowledged = body.number(4, 4), body.number(8, 4)
                size, packet.flags = (body.number(12, 1) >> 4) * 4, body.number(13, 1)
                packet.checksum = body.number(16, 2) if have >= 18 else 0
                if 20 <= size < octets:
                    packet.has_payload, packet.payload, packet.length = True, body.data[size:], octets - size
        elif protocol in (17, 136):
            packet.checksum = body.number(6, 2) if have >= 8 else 0
            if octets > 8:
                packet.has_payload, packet.payload, packet.length = True, body.data[8:], octets - 8
            if have >= 16:
                packet.sequence, packet.acknowledged = body.number(8, 4), body.number(12, 4)
        elif protocol == 132:
            packet.sequence = body.number(8, 4) if have >= 12 else 0
            packet.has_payload = octets > 12
        else:
            if have >= 8:
                packet.sequence, packet.acknowledged = body.number(0, 4), body.number(4, 4)
            packet.has_payload = octets > 0
        return True

    def icmp(self, body: View, packet: Packet, around: Around) -> None:
        kind, code = body.number(0, 1), body.number(1, 1)
        packet.has_payload = len(body) > 8
        if len(body) >= 8:
            packet.sequence, packet.checksum = body.number(4, 4), body.number(2, 2)
        six = packet.protocol == 58
        if not six and kind == 5:
            self.claim(REDIRECT, around.source_mac, packet.source.address, around)
        if six:
            self.neighbour(kind, body, packet, around)
        if kind < 128 if six else kind in (3, 4, 5, 11, 12):
            self.errors += 1
            quoted = self.quote(body.data[8:])
            if quoted is not None:
                packet.source, packet.target, packet.protocol = quoted
                packet.quotes = True
                packet.request = int(kind == 1 if six else kind == 3 and code != 4)
                return
        kind, packet.request = request_of(packet.protocol, kind)
        packet.source = packet.source._replace(port=kind << 8 | code)
        packet.target = packet.target._replace(port=kind << 8 | code)

    def quote(self, data: bytes) -> tuple[Side, Side, int] | None:
        """Read the packet that an ICMP error quotes."""
        version = data[0] >> 4 if len(data) >= 20 else 0
        if version == 4:
            size, protocol = (data[0] & 15) * 4, data[9]
            if size < 20 or (data[6] & 0x1F or data[7]):
                return None
            addresses = [bytes(10) + b"\xff\xff" + data[i : i + 4] for i in (12, 16)]
        elif version == 6 and len(data) >= 40:
            size, protocol = 40, data[6]
            addresses = [data[8:24], data[24:40]]
        else:
            return None
        ports = [0, 0]
        rest = data[size:]
        if protocol in (6, 17, 132, 136):
            if len(rest) < 4:
                return None
            ports = list(struct.unpack(">HH", rest[:4]))
        elif protocol in (1, 58):
            if len(rest) < 2:
                return None
            ports = [request_of(protocol, rest[0])[0] << 8 | rest[1]] * 2
        return Side(addresses[0], ports[0]), Side(addresses[1], ports[1]), protocol

    # --- fragments ---

    def datagram(self, p: Packet) -> Any:
        return (p.source.address, p.target.address, p.protocol, p.domain, p.tunnel, p.number)

    def waiting(self, packet: Packet) -> Any:
        """Give what is known of the datagram; what is older than a minute is another datagram."""
        key = self.datagram(packet)
        known = self.fragments.get(key)
        if known is not None and abs(packet.time - known["time"]) > 60 * SECOND:
            del self.fragments[key]
            if known["ports"] is None:
                self.out.append(self.lost(known))
            return None
        return known

    def lost(self, known: dict[str, Any]) -> Packet:
        packet: Packet = known["packet"]
        packet.packets, packet.octets = known["packets"], known["octets"]
        return packet

    def first_fragment(self, packet: Packet) -> None:
        known = self.waiting(packet)
        ports = (packet.source.port, packet.target.port)
        if known is not None and known["ports"] is None:
            packet.packets += known["packets"]
            packet.octets_extra = known["octets"]  # type: ignore[attr-defined]
        key = self.datagram(packet)
        self.fragments[key] = {"time": packet.time, "ports": ports, "packets": 0, "octets": 0}

    def later_fragment(self, packet: Packet) -> None:
        self.out.pop()
        known = self.waiting(packet)
        if known is not None and known["ports"] is not None:
            packet.source = packet.source._replace(port=known["ports"][0])
            packet.target = packet.target._replace(port=known["ports"][1])
            self.out.append(packet)
            return
        self.waits = True
        if known is None:
            known = {"time": packet.time, "ports": None, "packets": 0, "octets": 0, "packet": packet}
            self.fragments[self.datagram(packet)] = known
        known["packets"] += 1
        known["octets"] += packet.octets

    # --- tunnels ---

    def inside(self, version: int, packet: Packet, body: View, around: Around) -> None:
        """Go on with what the packet carries, if it carries another one."""
        protocol = packet.protocol

        def enter(kind: int, number: int = 0) -> None:
            ends = frozenset([packet.source.address, packet.target.address])
            around.tunnel = (*around.tunnel, Ends(kind, ends, number))

        if protocol == 17:
            self.inside_udp(packet, body.after(8), around, enter)
        elif protocol in (4, 41):
            if looks_like_ip(body):
                enter(SIX_IN_FOUR if protocol == 41 and version == 4 else IPIP)
                self.ip(body, around)
        elif protocol == 97 and len(body) >= 16:
            enter(GRE, 97)
            around.vlan = 0
            self.ethernet(body.after(2), around)
        elif protocol == 47:
            self.inside_gre(body, around, enter)

    def inside_udp(self, packet: Packet, v: View, around: Around, enter: Any) -> None:
        ports = (packet.source.port, packet.target.port)
        if ports[1] in (67, 68):
            self.dhcp(v, packet, around)
        elif ports[1] in (4789, 8472) and len(v) >= 22 and v.number(0, 1) & 8:
            enter(VXLAN, v.number(4, 3))
            around.vlan = 0
            self.ethernet(v.after(8), around)
        elif ports[1] == 6081 and len(v) >= 8 and v.number(0, 1) >> 6 == 0:
            inner = self.skip(v, 8 + (v.number(0, 1) & 0x3F) * 4)
            enter(GENEVE, v.number(4, 3))
            around.vlan = 0
            if v.number(2, 2) == 0x6558:
                self.ethernet(inner, around)
            else:
                self.ethertype(v.number(2, 2), inner, around)
        elif 2152 in ports and len(v) >= 8 and v.number(0, 1) >> 4 == 3:
            if v.number(1, 1) == 255:
                inner = v.after(gtp_header(v))
                if looks_like_ip(inner):
                    enter(GTP_U)
                    self.ip(inner, around)
        elif 3544 in ports:
            if len(v) >= 13 and v.number(0, 2) == 1:
                v = v.after(13 + v.number(2, 1) + v.number(3, 1))
            if len(v) >= 8 and v.number(0, 2) == 0:
                v = v.after(8)
            if len(v) >= 40 and v.number(0, 1) >> 4 == 6:
                enter(TEREDO)
                self.ip(v, around)

    def inside_gre(self, v: View, around: Around, enter: Any) -> None:
        head, kind = v.number(0, 2), v.number(2, 2)
        size = 4 + (4 if head & 0xC000 else 0)
        number = 0
        if head & 0x2000:
            number = v.number(size, 4)
            size += 4
        size += 4 if head & 0x1000 else 0
        size += 4 if head & 7 == 1 and head & 0x80 else 0
        if size >= len(v):
            return
        v = v.after(size)
        if kind == 0x6558:
            enter(GRE, number)
            around.vlan = 0
            self.ethernet(v, around)
        elif kind == 0x880B:
            enter(GRE)
            self.ppp(v.after(2) if v.data[:2] == b"\xff\x03" else v, around)
        elif kind == 0x88BE:
            around.vlan = 0
            if head & 0x1000:
                v.number(0, 8)
                around.vlan = v.number(0, 2) & 0xFFF
                v = v.after(8)
            self.ethernet(v, around)
        elif kind == 0x22EB:
            v.number(0, 12)
            around.vlan = v.number(0, 2) & 0xFFF
            self.ethernet(v.after(20 if v.number(11, 1) & 1 else 12), around)
        elif kind in (0x0800, 0x86DD, 0x8847, 0x8848, 0x8100):
            enter(GRE, number)
            self.ethertype(kind, v, around)

    # --- claims ---

    def claim(self, kind: int, mac: int, address: bytes, around: Around) -> None:
        self.claims[kind, mac, address, around.vlan] += 1

    def dhcp(self, v: View, packet: Packet, around: Around) -> None:
        if len(v) < 244 or v.number(236, 4) != 0x63825363:
            return
        at, message, requested = 240, 0, bytes(4)
        for _ in range(64):
            if at >= len(v) or v.data[at] == 255:
                break
            if v.data[at] == 0:
                at += 1
                continue
            if at + 1 >= len(v):
                break
            code, size = v.data[at], v.data[at + 1]
            value = v.data[at + 2 : at + 2 + size]
            if code == 53 and size == 1 and value:
                message = value[0]
            if code == 50 and size == 4 and len(value) == 4:
                requested = value
            at += 2 + size
        mapped = bytes(10) + b"\xff\xff"
        if message in (2, 5):
            self.claim(DHCP_SERVER, around.source_mac, mapped + packet.source.address[12:], around)
        elif message in (1, 3) and v.data[2] == 6:
            own = v.data[12:16] if any(v.data[12:16]) else requested
            self.claim(DHCP_CLIENT, v.number(28, 6), mapped + own if any(own) else bytes(16), around)

    def neighbour(self, kind: int, body: View, packet: Packet, around: Around) -> None:
        source, data = packet.source.address, body.data
        if kind == 134:
            self.claim(ROUTER, around.source_mac, source, around)
        elif kind == 137:
            self.claim(REDIRECT, around.source_mac, source, around)
        elif kind == 136 and len(body) >= 24:
            told = len(body) >= 32 and data[24:26] == b"\x02\x01"
            self.claim(NDP, body.number(26, 6) if told else around.source_mac, data[8:24], around)
        elif kind == 135 and any(source[8:]) and len(body) >= 32 and data[24:26] == b"\x01\x01":
            self.claim(NDP, body.number(26, 6), source, around)

    # --- metering ---

    def meter(self, p: Packet) -> None:
        """Add one packet to its flow."""
        sides = (p.source, p.target) if p.source <= p.target else (p.target, p.source)
        way = int((p.source, p.target) != sides)
        key = (sides, p.protocol, p.domain, p.tunnel)
        flow = self.live.get(key)
        if p.quotes:
            if flow is not None and p.request:
                flow.unreachable = True
            return
        if self.seen_before(p, key, way) and flow is not None:
            self.copies += 1
            flow.copies += 1
            flow.copy = (p.vlan, p.source_mac, p.target_mac)
            return
        tcp = p.protocol == 6
        if flow is not None and self.begins_anew(flow, p):
            self.done.append(flow)
            flow = None
        elif flow is not None and p.time - flow.last > self.idle[tcp]:
            self.done.append(flow)
            flow = self.live[key] = continued(flow, p)
        if flow is None:
            flow = self.live[key] = Flow(sides, p.protocol, p.domain, p.tunnel, way, p.time, p.time, p.frame)
        flow.first, flow.last = min(flow.first, p.time), max(flow.last, p.time)
        flow.packets[way] += p.packets
        flow.octets[way] += p.octets + getattr(p, "octets_extra", 0)
        if flow.links[way] is None:
            flow.links[way] = (p.vlan, p.source_mac, p.target_mac)
        flow.begins_early = flow.begins_early or (p.packets > 1 and not flow.members)
        if self.record is not None and self.record.frame == p.frame:
            flow.members.append(
                (self.file, p.frame, p.time, way, p.flags, p.payload or b"", self.record.data)
            )
        if tcp:
            self.tcp(flow, p, way)
            carries = p.has_payload and not p.flags & (SYN | RST)
        else:
            if p.request:
                self.opened(flow, BY_GREETING, way if p.request == 1 else 1 - way)
            carries = p.has_payload
        if carries and not flow.payload[way]:
            ports = {p.source.port, p.target.port}
            too_short = p.payload is None or p.length < 3
            name = "NONE" if too_short else class_of(p.payload, p.length, p.protocol, ports)
            flow.payload[way] = Payload[name]
            if name in ASKS:
                self.opened(flow, BY_GREETING, way)
            elif name in ANSWERS:
                self.opened(flow, BY_GREETING, 1 - way)

    def opened(self, flow: Flow, rung: int, side: int) -> None:
        if flow.rung > rung:
            flow.rung, flow.opener = rung, side

    def begins_anew(self, flow: Flow, p: Packet) -> bool:
        if p.protocol != 6 or p.flags & (SYN | RST) != SYN:
            return False
        ended = flow.reset or any(flow.fin)
        if p.flags & ACK:
            return flow.isn is None and ended
        if flow.isn is None:
            return True
        return flow.isn != p.sequence and (ended or flow.answered or flow.acked)

    def tcp(self, flow: Flow, p: Packet, way: int) -> None:
        flow.flags[way] |= p.flags
        if p.flags & (SYN | RST) == SYN:
            if p.flags & ACK:
                if flow.isn is None:
                    flow.isn = (p.acknowledged - 1) % (1 << 32)
                self.opened(flow, BY_SYN_ACK, 1 - way)
                flow.answered = True
            else:
                flow.isn, flow.rung, flow.opener = p.sequence, BY_SYN, way
        elif p.flags & RST:
            flow.reset = True
            if p.flags & ACK and p.sequence == 0 and p.acknowledged:
                self.opened(flow, BY_ISN, 1 - way)
        elif p.flags & ACK:
            flow.acked = True
        if p.flags & FIN:
            flow.fin[way] = True

    def seen_before(self, p: Packet, key: Any, way: int) -> bool:
        same = (key, way, p.number, p.checksum, p.octets, p.sequence, p.acknowledged, p.flags)
        link = (p.source_mac, p.target_mac, p.vlan, p.hops)
        before = self.recent.get(same)
        if before is not None:
            age = abs(p.time - before[0])
            numbered = p.number or p.has_payload or p.flags & (SYN | FIN)
            if age <= 2 * SECOND if before[1] != link else age <= 1_000_000 and numbered:
                return True
        self.recent[same] = (p.time, link)
        return False


def continued(flow: Flow, p: Packet) -> Flow:
    """After a silence the same conversation goes on: who opened it is still known."""
    fresh = Flow(flow.sides, flow.protocol, flow.domain, flow.tunnel, flow.opener, p.time, p.time, p.frame)
    fresh.rung, fresh.isn, fresh.reset = flow.rung, flow.isn, flow.reset
    fresh.answered, fresh.acked = flow.answered, flow.acked
    fresh.fin, fresh.payload = list(flow.fin), list(flow.payload)
    return fresh


def request_of(protocol: int, kind: int) -> tuple[int, int]:
    """Give the type of the request that an ICMP message belongs to, and which side of it this is."""
    requests = (8, 10, 13, 15, 17) if protocol == 1 else (128, 139)
    replies = {0: 8, 9: 10, 14: 13, 16: 15, 18: 17} if protocol == 1 else {129: 128, 140: 139}
    if kind in replies:
        return replies[kind], 2
    return kind, int(kind in requests)


def looks_like_ip(v: View) -> bool:
    if len(v) < 20:
        return False
    version = v.number(0, 1) >> 4
    if version == 4:
        size = (v.number(0, 1) & 15) * 4
        return size >= 20 and v.number(2, 2) >= size
    return version == 6 and len(v) >= 40


def gtp_header(v: View) -> int:
    flags = v.number(0, 1)
    if not flags & 7:
        return 8
    size = 12
    follow = v.data[11] if flags & 4 and len(v) >= 12 else 0
    for _ in range(8):
        if not follow or size + 4 > len(v):
            break
        size += max(v.data[size], 1) * 4
        if size > len(v):
            break
        follow = v.data[size - 1]
    return size


def columns(flow: Flow) -> dict[str, Any]:
    """Name a flow's values as the columns of the flow table are named."""
    tcp = flow.protocol == 6
    stands = flow.acked or (flow.answered and flow.rung == BY_SYN)
    established = stands if tcp else all(flow.packets)
    some = any(kind is not None for kind in flow.payload)
    state = (2 if some else 1) if established else 0
    blocked = 0 if state else 2 if flow.unreachable else int(flow.reset)
    orig, resp = flow.opener, 1 - flow.opener
    named: dict[str, Any] = {
        "protocol": flow.protocol,
        "domain": flow.domain,
        "tunnel": flow.tunnel,
        "opener": flow.rung,
        "state": state,
        "blocked": blocked,
        "first_seen": flow.first,
        "last_seen": flow.last,
        "copies": flow.copies,
        "copy_vlan": flow.copy[0],
        "copy_mac": flow.copy[1],
        "copy_next_hop": flow.copy[2],
        "frame": flow.frame,
    }
    for name, side in (("orig", orig), ("resp", resp)):
        vlan, mac, hop = flow.links[side] or (0, 0, 0)
        kind = flow.payload[side]
        icmp_source = flow.protocol in (1, 58) and name == "orig"
        named |= {
            f"{name}_address": flow.sides[side].address,
            f"{name}_port": 0 if icmp_source else flow.sides[side].port,
            f"{name}_packets": flow.packets[side],
            f"{name}_bytes": flow.octets[side],
            f"{name}_flags": flow.flags[side],
            f"{name}_payload": 0 if kind is None else kind or 1,
            f"{name}_vlan": vlan,
            f"{name}_mac": mac,
            f"{name}_next_hop": hop,
        }
    return named


def naive_flows(*captures: bytes) -> list[dict[str, Any]]:
    """Read captures one after another and give their flows."""
    twin = Twin()
    for capture in captures:
        twin.read(capture)
    return twin.flows()
