from __future__ import annotations

import pytest

from tests.capture.seen import flows_of, frames_of, seen
from tests.naive import generate as g

FOUR = g.ipv4("10.0.0.1", "10.0.0.2", 17, g.udp(1000, 2000, b"x"))
SIX = g.ipv6("2001:db8::1", "2001:db8::2", 17, g.udp(1000, 2000, b"x"))
FOUR_SEEN = "17 10.0.0.1:1000 > 10.0.0.2:2000 1/0 29/0 ATTEMPT FIRST_PACKET"
SIX_SEEN = "17 2001:db8::1:1000 > 2001:db8::2:2000 1/0 49/0 ATTEMPT FIRST_PACKET"
OUTER = ("192.0.2.1", "192.0.2.2")


@pytest.mark.parametrize(
    ("link", "around"),
    [
        (1, lambda p: g.ethernet(p, g.kind_of(p))),
        (1, lambda p: g.tagged(p, 10, kind=g.kind_of(p))),
        (1, lambda p: g.tagged(p, 1, 2, 3, kind=g.kind_of(p), tpid=0x88A8)),
        (1, lambda p: g.tagged(p, 0xE000, kind=g.kind_of(p), tpid=0x9100)),
        (1, lambda p: g.ethernet(g.snap(p, g.kind_of(p)), len(p) + 8)),
        (1, lambda p: g.ethernet(g.mpls(p, 16, 17, 18), 0x8847)),
        (1, lambda p: g.ethernet(g.mpls(bytes(4) + g.ethernet(p, g.kind_of(p)), 16), 0x8847)),
        (12, lambda p: p),
        (14, lambda p: p),
        (101, lambda p: p),
        (228, lambda p: p),
        (229, lambda p: p),
        (0, lambda p: b"\x02\0\0\0" + p),
        (0, lambda p: b"\0\0\0\x1e" + p),
        (108, lambda p: b"\0\0\0\x02" + p),
        (113, g.sll),
        (276, g.sll2),
        (9, lambda p: b"\xff\x03\0" + (b"\x21" if p[0] >> 4 == 4 else b"\x57") + p),
        (50, lambda p: (b"\x21" if p[0] >> 4 == 4 else b"\x57") + p),
        (204, lambda p: b"\1\xff\x03\0" + (b"\x21" if p[0] >> 4 == 4 else b"\x57") + p),
        (104, lambda p: b"\x0f\0" + g.kind_of(p).to_bytes(2, "big") + p),
        (105, lambda p: g.wireless(p, g.kind_of(p))),
        (105, lambda p: g.wireless(p, g.kind_of(p), to_station=True, qos=True)),
        (127, lambda p: b"\0\0\x0c\0" + bytes(8) + g.wireless(p, g.kind_of(p))),
        (192, lambda p: b"\0\0\x08\0\x69\0\0\0" + g.wireless(p, g.kind_of(p))),
    ],
)  # fmt: skip
def test_each_link_layer_gives_the_same_flow(link: int, around) -> None:  # type: ignore[no-untyped-def]
    assert seen(around(FOUR), link=link) == [FOUR_SEEN]
    assert seen(around(SIX), link=link) == [SIX_SEEN]


def test_a_link_type_that_is_not_known_is_counted() -> None:
    lines, meter = flows_of(g.pcap(frames_of(FOUR, FOUR), link=147))
    assert lines == []
    assert meter.coverage().not_decoded == {"unsupported link type": 2}


def test_wireless_frames_that_carry_no_readable_packet_are_counted() -> None:
    beacon, secret = b"\x80" + bytes(40), b"\x08\x41" + bytes(40)
    _, meter = flows_of(g.pcap(frames_of(beacon, secret), link=105))
    assert meter.coverage().not_decoded == {
        "wireless management or control frame": 1,
        "encrypted wireless frame": 1,
    }


def test_a_protocol_that_carries_no_ip_is_counted_by_its_ethertype() -> None:
    _, meter = flows_of(g.pcap(frames_of(g.ethernet(bytes(50), 0x88F7), g.ethernet(bytes(50), 0x88F7))))
    assert meter.coverage().not_decoded == {"ethertype 0x88f7": 2}


@pytest.mark.parametrize(
    ("packet", "outer", "name"),
    [
        (g.ipv4(*OUTER, 4, FOUR), "4 {}:0 > {}:0", "IPIP 0"),
        (g.ipv4(*OUTER, 47, g.gre(FOUR, 0x0800)), "47 {}:0 > {}:0", "GRE 0"),
        (g.ipv4(*OUTER, 47, g.gre(FOUR, 0x0800, key=7, seq=1)), "47 {}:0 > {}:0", "GRE 7"),
        (g.ipv4(*OUTER, 47, g.gre(g.ethernet(FOUR), 0x6558, key=8)), "47 {}:0 > {}:0", "GRE 8"),
        (g.ipv4(*OUTER, 47, g.gre(b"\xff\x03\0\x21" + FOUR, 0x880B, key=1)), "47 {}:0 > {}:0", "GRE 0"),
        (g.ipv4(*OUTER, 97, b"\x30\0" + g.ethernet(FOUR)), "97 {}:0 > {}:0", "GRE 97"),
        (g.ipv4(*OUTER, 17, g.udp(5, 4789, g.vxlan(g.ethernet(FOUR), 42))), "17 {}:5 > {}:4789", "VXLAN 42"),
        (g.ipv4(*OUTER, 17, g.udp(5, 8472, g.vxlan(g.tagged(FOUR, 9), 43))), "17 {}:5 > {}:8472", "VXLAN 43"),
        (g.ipv4(*OUTER, 17, g.udp(5, 6081, g.geneve(g.ethernet(FOUR), 44, options=bytes(8)))), "17 {}:5 > {}:6081", "GENEVE 44"),
        (g.ipv4(*OUTER, 17, g.udp(5, 6081, g.geneve(FOUR, 45, 0x0800))), "17 {}:5 > {}:6081", "GENEVE 45"),
        (g.ipv4(*OUTER, 17, g.udp(2152, 2152, g.gtp(FOUR, 1))), "17 {}:2152 > {}:2152", "GTP_U 0"),
        (g.ipv4(*OUTER, 17, g.udp(2152, 2152, g.gtp(FOUR, 1, extension=True))), "17 {}:2152 > {}:2152", "GTP_U 0"),
    ],
)  # fmt: skip
def test_each_tunnel_gives_the_outer_and_the_inner_flow(packet: bytes, outer: str, name: str) -> None:
    lines = seen(g.ethernet(packet))
    assert len(lines) == 2
    assert f"{FOUR_SEEN} in {name}" in lines
    assert any(line.startswith(outer.format(*OUTER) + f" 1/0 {len(packet)}/0") for line in lines)


@pytest.mark.parametrize(
    ("packet", "name"),
    [
        (g.ipv4(*OUTER, 41, SIX), "SIX_IN_FOUR 0"),
        (g.ipv6("2001:db8::a", "2001:db8::b", 41, SIX), "IPIP 0"),
        (g.ipv4(*OUTER, 17, g.udp(40_000, 3544, SIX)), "TEREDO 0"),
        (g.ipv4(*OUTER, 17, g.udp(3544, 40_000, b"\0\0\xff\xff" + bytes(4) + SIX)), "TEREDO 0"),
    ],
)
def test_ipv6_in_tunnels_is_seen(packet: bytes, name: str) -> None:
    assert f"{SIX_SEEN} in {name}" in seen(g.ethernet(packet, g.kind_of(packet)))


def test_pppoe_sessions_are_told_apart() -> None:
    lines = seen(g.ethernet(g.pppoe(FOUR, 1), 0x8864), g.ethernet(g.pppoe(FOUR, 2), 0x8864))
    assert lines == [f"{FOUR_SEEN} in PPPOE 1", f"{FOUR_SEEN} in PPPOE 2"]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_mirrored_frame_in_erspan_was_not_tunnelled_by_anybody(version: int) -> None:
    carried = g.ipv4(*OUTER, 47, g.erspan(g.ethernet(FOUR), version, 30))
    assert FOUR_SEEN in seen(g.ethernet(carried))
    _, meter = flows_of(g.pcap(frames_of(g.ethernet(carried))))
    assert meter.tunnels() == []


def test_both_directions_of_a_tunnel_are_one_tunnel() -> None:
    answer = g.ipv4("10.0.0.2", "10.0.0.1", 17, g.udp(2000, 1000, b"yy"))
    there = g.ipv4(*OUTER, 17, g.udp(5, 4789, g.vxlan(g.ethernet(FOUR), 42)))
    back = g.ipv4(*reversed(OUTER), 17, g.udp(6, 4789, g.vxlan(g.ethernet(answer), 42)))
    lines, meter = flows_of(g.pcap(frames_of(g.ethernet(there), g.ethernet(back))))
    assert "17 10.0.0.1:1000 > 10.0.0.2:2000 1/1 29/30 DATA FIRST_PACKET in VXLAN 42" in lines
    assert len(meter.tunnels()) == 1


def test_the_same_addresses_in_two_overlays_are_two_flows() -> None:
    one, two = (g.ipv4(*OUTER, 17, g.udp(5, 4789, g.vxlan(g.ethernet(FOUR), n))) for n in (1, 2))
    lines = seen(g.ethernet(one), g.ethernet(two))
    assert [line for line in lines if "in VXLAN" in line] == [
        f"{FOUR_SEEN} in VXLAN 1",
        f"{FOUR_SEEN} in VXLAN 2",
    ]


def test_tunnels_in_tunnels_end_somewhere() -> None:
    packet = FOUR
    for i in range(12):
        packet = g.ipv4(f"192.0.2.{i}", "192.0.2.99", 4, packet)
    lines, meter = flows_of(g.pcap(frames_of(g.ethernet(packet))))
    assert len(lines) == 6
    assert meter.coverage().not_decoded == {"too many layers of tunnels": 1}


def test_a_tunnel_that_cannot_be_opened_is_counted() -> None:
    _, meter = flows_of(g.pcap(frames_of(g.ethernet(g.ipv4(*OUTER, 47, g.gre(bytes(30), 0x883E))))))
    assert meter.coverage().tunnels_not_opened == 1


def test_devices_are_heard_when_they_say_who_they_are() -> None:
    from zoneguard.net.flow import ClaimKind

    mac = 0x02_11_22_33_44_55
    advert = g.icmp(136, 0, b"\x60\0\0\0", g.address("2001:db8::5") + b"\x02\x01" + mac.to_bytes(6, "big"))
    offer = g.ipv4("10.0.0.1", "10.0.0.9", 17, g.udp(67, 68, g.dhcp(2, mac)))
    ask = g.ipv4(
        "0.0.0.0", "255.255.255.255", 17, g.udp(68, 67, g.dhcp(3, mac, options=bytes([50, 4, 10, 0, 0, 9])))
    )
    _, meter = flows_of(g.pcap(frames_of(
        g.tagged(g.arp(1, mac, "10.0.0.7", "10.0.0.1"), 10, kind=0x0806, src=mac),
        g.tagged(g.arp(1, mac, "10.0.0.7", "10.0.0.1"), 10, kind=0x0806, src=mac),
        g.ethernet(g.arp(1, mac, "0.0.0.0", "10.0.0.1"), 0x0806, mac),
        g.ethernet(g.ipv6("fe80::5", "ff02::1", 58, advert), 0x86DD, mac),
        g.ethernet(g.ipv6("fe80::1", "ff02::1", 58, g.icmp(134, payload=bytes(8))), 0x86DD, mac),
        g.ethernet(offer, 0x0800, mac),
        g.ethernet(ask, 0x0800, mac),
        g.ethernet(g.ipv4("10.0.0.1", "10.0.0.9", 1, g.icmp(5, 1, bytes(4), FOUR)), 0x0800, mac),
        g.ethernet(b"\x42\x42\x03" + bytes(35), 38, mac),
        g.ethernet(b"\x02\x07\x04" + bytes(40), 0x88CC, mac),
        g.ethernet(b"\xaa\xaa\x03\0\0\x0c\x20\0" + bytes(40), 48, mac),
    )))  # fmt: skip
    four = 0xFFFF_0A00_0000
    claims = [(claim.kind, claim.mac, claim.address, claim.vlan, claim.count) for claim in meter.all_claims()]
    assert claims == [
        (ClaimKind.ARP, mac, (0, four + 7), 10, 2),
        (ClaimKind.ARP, mac, (0, 0), 0, 1),
        (ClaimKind.NDP, mac, (0x2001_0DB8 << 32, 5), 0, 1),
        (ClaimKind.ROUTER_ADVERTISEMENT, mac, (0xFE80 << 48, 1), 0, 1),
        (ClaimKind.DHCP_SERVER, mac, (0, four + 1), 0, 1),
        (ClaimKind.DHCP_CLIENT, mac, (0, four + 9), 0, 1),
        (ClaimKind.REDIRECT, mac, (0, four + 1), 0, 1),
        (ClaimKind.STP, mac, (0, 0), 0, 1),
        (ClaimKind.LLDP, mac, (0, 0), 0, 1),
        (ClaimKind.CDP, mac, (0, 0), 0, 1),
    ]


def test_every_frame_that_ends_early_is_counted() -> None:
    whole = g.ethernet(g.ipv4(*OUTER, 17, g.udp(5, 4789, g.vxlan(g.ethernet(SIX, 0x86DD), 42))))
    for size in range(1, len(whole)):
        _, meter = flows_of(g.pcap([g.Frame(g.BEGIN, whole[:size], len(whole))]))
        coverage = meter.coverage()
        assert coverage.decoded or coverage.truncated, size
