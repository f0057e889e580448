"""What is easily told wrongly about traffic, each trap as a capture of a few frames."""

from __future__ import annotations

import struct

import pytest

from tests.capture.seen import flows_of, frames_of, seen
from tests.naive import compare
from tests.naive import generate as g
from tests.naive.generate import ACK, BEGIN, FIN, MICROSECOND, MILLISECOND, PSH, RST, SECOND, SYN, Frame

A, B = "10.0.0.1", "10.0.0.2"


def there(flags: int, seq: int = 0, ack: int = 0, payload: bytes = b"", *, ident: int = 0) -> bytes:
    return g.ethernet(
        g.ipv4(A, B, 6, g.tcp(1024, 443, flags, seq=seq, ack=ack, payload=payload), ident=ident)
    )


def back(flags: int, seq: int = 0, ack: int = 0, payload: bytes = b"") -> bytes:
    packet = g.ipv4(B, A, 6, g.tcp(443, 1024, flags, seq=seq, ack=ack, payload=payload))
    return g.ethernet(packet, src=g.B_MAC, dst=g.A_MAC)


HANDSHAKE = (there(SYN, 100), back(SYN | ACK, 500, 101), there(ACK, 101, 501))
HELLO = bytes.fromhex("16030100200100001c0303") + bytes(26)


def one(*frames: Frame) -> dict[str, object]:
    (flow,) = compare.described(*compare.metered(g.pcap(frames, nano=True), compiled=False))
    return flow


@pytest.mark.parametrize(
    ("second", "later", "copies"),
    [
        ("the same frame", 300 * MICROSECOND, 1),
        ("the same frame", 5 * MILLISECOND, 0),  # its sender repeated it
        ("routed", 1 * MILLISECOND, 1),
        ("routed", 1900 * MILLISECOND, 1),
        ("routed", 2100 * MILLISECOND, 0),
        ("another VLAN", 1 * MILLISECOND, 1),
    ],
)
def test_a_packet_seen_twice_through_a_mirror_is_counted_once(second: str, later: int, copies: int) -> None:
    def packet(ttl: int) -> bytes:
        return g.ipv4(A, B, 17, g.udp(5, 6, b"once"), ident=7, ttl=ttl)

    again = {
        "the same frame": g.ethernet(packet(64)),
        "routed": g.ethernet(packet(63), src=g.ROUTER_MAC),
        "another VLAN": g.tagged(packet(64), 20),
    }[second]
    flow = one(Frame(BEGIN, g.ethernet(packet(64))), Frame(BEGIN + later, again))
    assert (flow["orig_packets"], flow["copies"]) == (2 - copies, copies)
    if second == "another VLAN":
        assert (flow["orig_vlan"], flow["copy_vlan"]) == (0, 20)
    if second == "routed" and copies:
        assert flow["copy_mac"] == g.ROUTER_MAC


def test_the_servers_half_alone_still_tells_the_client() -> None:
    assert seen(back(SYN | ACK, 500, 101), back(ACK | PSH, 501, 150, b"HTTP/1.1 200 OK")) == [
        "6 10.0.0.1:1024 > 10.0.0.2:443 0/2 0/95 DATA SYN_ACK"
    ]


def test_mid_stream_the_first_words_tell_who_asked() -> None:
    assert seen(back(ACK, 501, 101), there(ACK | PSH, 101, 501, HELLO)) == [
        "6 10.0.0.1:1024 > 10.0.0.2:443 1/1 77/40 DATA GREETING"
    ]


def test_mid_stream_without_words_the_first_packet_is_all_there_is() -> None:
    assert seen(back(ACK, 501, 101), there(ACK, 101, 501)) == [
        "6 10.0.0.2:443 > 10.0.0.1:1024 1/1 40/40 ESTABLISHED FIRST_PACKET"
    ]


def test_a_syn_ack_that_overtook_its_syn_does_not_turn_the_flow() -> None:
    assert seen(HANDSHAKE[1], HANDSHAKE[0], HANDSHAKE[2])[0].startswith("6 10.0.0.1:1024 > 10.0.0.2:443 2/1")


def test_a_lone_syn_ack_proves_no_connection() -> None:
    assert seen(back(SYN | ACK, 500, 101)) == ["6 10.0.0.1:1024 > 10.0.0.2:443 0/1 0/40 ATTEMPT SYN_ACK"]


def test_a_port_that_is_used_again_makes_a_second_flow() -> None:
    ends = (there(FIN | ACK, 101, 501), back(FIN | ACK, 501, 102))
    lines = seen(*HANDSHAKE, *ends, there(SYN, 9000), back(RST | ACK, 0, 9001))
    assert lines == [
        "6 10.0.0.1:1024 > 10.0.0.2:443 1/1 40/40 ATTEMPT SYN",
        "6 10.0.0.1:1024 > 10.0.0.2:443 3/2 120/80 ESTABLISHED SYN",
    ]


def test_a_repeated_syn_makes_no_second_flow() -> None:
    assert seen(there(SYN, 100, ident=1), there(SYN, 100, ident=2)) == [
        "6 10.0.0.1:1024 > 10.0.0.2:443 2/0 80/0 ATTEMPT SYN"
    ]


@pytest.mark.parametrize(
    ("answers", "state", "blocked"),
    [
        ((), 0, 0),
        ((back(RST | ACK, 0, 101),), 0, 1),
        ((back(SYN | ACK, 500, 101),), 1, 0),
        ((back(SYN | ACK, 500, 101), there(ACK, 101, 501)), 1, 0),
        ((back(SYN | ACK, 500, 101), there(ACK | PSH, 101, 501, b"data")), 2, 0),
        ((back(SYN | ACK, 500, 101), there(ACK | PSH, 101, 501, b"data"), back(RST, 501)), 2, 0),
    ],
)
def test_how_far_an_attempt_came_is_told(answers: tuple[bytes, ...], state: int, blocked: int) -> None:
    flow = one(*frames_of(there(SYN, 100), *answers))
    assert (flow["state"], flow["blocked"]) == (state, blocked)


@pytest.mark.parametrize(("code", "blocked"), [(1, 2), (10, 2), (13, 2), (4, 0)])
def test_a_routers_refusal_belongs_to_the_flow_that_it_quotes(code: int, blocked: int) -> None:
    error = g.ethernet(g.ipv4("192.0.2.1", A, 1, g.icmp(3, code, payload=there(SYN, 100)[14:][:28])))
    flow = one(*frames_of(there(SYN, 100), error))
    assert (flow["state"], flow["blocked"], flow["orig_packets"], flow["resp_packets"]) == (0, blocked, 1, 0)


def test_a_refusal_too_short_to_quote_ports_is_a_flow_of_its_router() -> None:
    error = g.ethernet(g.ipv4("192.0.2.1", A, 1, g.icmp(3, 13, payload=there(SYN, 100)[14:][:22])))
    assert seen(error) == ["1 192.0.2.1:0 > 10.0.0.1:781 1/0 50/0 ATTEMPT FIRST_PACKET"]


def test_an_ipv6_refusal_is_attached_too() -> None:
    packet = g.ipv6("2001:db8::1", "2001:db8::2", 6, g.tcp(1024, 443, SYN, seq=5))
    error = g.ipv6("2001:db8::fe", "2001:db8::1", 58, g.icmp(1, 1, payload=packet))
    flow = one(*frames_of(g.ethernet(packet, 0x86DD), g.ethernet(error, 0x86DD)))
    assert (flow["protocol"], flow["blocked"]) == (6, 2)


def test_the_asker_of_an_echo_is_told_by_its_type() -> None:
    reply = g.ethernet(g.ipv4(B, A, 1, g.icmp(0)))
    request = g.ethernet(g.ipv4(A, B, 1, g.icmp(8)))
    assert seen(reply, request) == ["1 10.0.0.1:0 > 10.0.0.2:2048 1/1 28/28 ESTABLISHED GREETING"]


def pieces(*, six: bool = False) -> list[bytes]:
    body = g.udp(700, 2049, bytes(88))
    if six:
        return [
            g.ethernet(g.ipv6("2001:db8::1", "2001:db8::2", 17, body[i : i + 32], extensions=[(44, struct.pack(">BHI", 0, i | (i < 64), 9))]), 0x86DD)
            for i in (0, 32, 64)
        ]  # fmt: skip
    return [
        g.ethernet(g.ipv4(A, B, 17, body[i : i + 32], ident=9, offset=i // 8, more=i < 64))
        for i in (0, 32, 64)
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_later_fragments_follow_their_first_in_whatever_order(order: tuple[int, ...]) -> None:
    four, six = pieces(), pieces(six=True)
    assert seen(*(four[i] for i in order)) == [
        "17 10.0.0.1:700 > 10.0.0.2:2049 3/0 156/0 ATTEMPT FIRST_PACKET"
    ]
    assert seen(*(six[i] for i in order)) == [
        "17 2001:db8::1:700 > 2001:db8::2:2049 3/0 240/0 ATTEMPT FIRST_PACKET"
    ]


def test_fragments_whose_first_never_came_are_a_flow_without_ports() -> None:
    lines, meter = flows_of(g.pcap(frames_of(*pieces()[1:])))
    assert lines == ["17 10.0.0.1:0 > 10.0.0.2:0 2/0 104/0 ATTEMPT FIRST_PACKET"]
    assert meter.coverage().fragments_without_first == 2


@pytest.mark.parametrize(
    "extensions",
    [
        [(0, b"\0" + bytes(6))],
        [(0, b"\0" + bytes(6)), (43, b"\1" + bytes(14)), (60, b"\0" + bytes(6))],
        [(44, bytes(7))],
        [(135, b"\0" + bytes(6))],
    ],
)
def test_ipv6_extension_headers_are_passed(extensions: list[tuple[int, bytes]]) -> None:
    packet = g.ipv6("2001:db8::1", "2001:db8::2", 6, g.tcp(1, 2, SYN), extensions=extensions)
    assert seen(g.ethernet(packet, 0x86DD))[0].startswith("6 2001:db8::1:1 > 2001:db8::2:2 1/0")


def test_a_chain_of_extension_headers_without_end_is_given_up() -> None:
    chain = [(60, b"\0" + bytes(6))] * 40
    packet = g.ipv6("2001:db8::1", "2001:db8::2", 6, g.tcp(1, 2, SYN), extensions=chain)
    assert seen(g.ethernet(packet, 0x86DD))[0].startswith("60 2001:db8::1:0 > 2001:db8::2:0 1/0")


def test_a_jumbogram_is_as_long_as_its_frame() -> None:
    packet = g.ipv6(
        "2001:db8::1", "2001:db8::2", 6, g.tcp(1, 2, ACK), extensions=[(0, b"\0\xc2\4\0\1\0\0")], total=0
    )
    assert seen(g.ethernet(packet, 0x86DD))[0].startswith("6 2001:db8::1:1 > 2001:db8::2:2 1/0 68/0")


def test_padding_options_and_offloaded_lengths_are_counted_rightly() -> None:
    segment = g.tcp(1, 2, ACK, payload=b"x" * 4)
    padded = g.ethernet(g.ipv4(A, B, 6, segment, ident=1)) + bytes(2)
    options = g.ethernet(g.ipv4(A, B, 6, segment, ident=2, options=b"\x94\4\0\0"))
    offloaded = g.ethernet(g.ipv4(A, B, 6, segment + bytes(2000), ident=3, total=0))
    lying = g.ethernet(g.ipv4(A, B, 6, segment, ident=4, total=4000))
    octets = 44 + 48 + 2044 + 44
    assert seen(padded, options, offloaded, lying)[0].startswith(f"6 10.0.0.1:1 > 10.0.0.2:2 4/0 {octets}/0")


def test_a_header_length_that_cannot_be_is_counted() -> None:
    packet = bytearray(g.ipv4(A, B, 6, g.tcp(1, 2, SYN)))
    packet[0] = 0x44
    _, meter = flows_of(g.pcap(frames_of(g.ethernet(bytes(packet)))))
    assert meter.coverage().not_decoded == {"malformed IP header": 1}


UDP = g.ipv4(A, B, 17, g.udp(5, 6, b"v"))
ANSWER = g.ipv4(B, A, 17, g.udp(6, 5, b"v"))


def test_a_different_tag_on_each_direction_is_one_flow_with_both_tags() -> None:
    flow = one(*frames_of(g.tagged(UDP, 10), g.tagged(ANSWER, 20)))
    assert (flow["orig_vlan"], flow["resp_vlan"], flow["state"]) == (10, 20, 2)


def test_vlans_that_reuse_the_same_addresses_are_kept_apart_by_their_domain() -> None:
    domains = [0] * 4096
    domains[42] = 1
    lines = seen(g.tagged(UDP, 10), g.tagged(ANSWER, 20), g.tagged(UDP, 42), domains=domains)
    assert len(lines) == 2


def test_a_priority_tag_names_no_vlan_and_the_inner_of_two_tags_counts() -> None:
    assert one(*frames_of(g.tagged(UDP, 0xE000)))["orig_vlan"] == 0
    assert one(*frames_of(g.tagged(UDP, 100, 20, tpid=0x88A8)))["orig_vlan"] == 20
    assert one(*frames_of(g.tagged(UDP, 20, 0xE000)))["orig_vlan"] == 20


@pytest.mark.parametrize("six", [True, False])
def test_a_short_snap_length_shortens_no_count(*, six: bool) -> None:
    hosts = ("2001:db8::1", "2001:db8::2") if six else (A, B)
    packet = g.ip(*hosts, 6, g.tcp(1, 2, ACK, payload=bytes(1000)))
    capture = g.pcap(frames_of(g.ethernet(packet, g.kind_of(packet))), snaplen=74)
    (line,) = flows_of(capture)[0]
    assert f"1/0 {len(packet)}/0 DATA" in line


def test_a_group_address_is_never_the_one_that_opened() -> None:
    lines = seen(g.ethernet(g.ipv4(A, "224.0.0.251", 17, g.udp(5353, 5353, bytes(12)))))
    assert lines[0].startswith("17 10.0.0.1:5353 > 224.0.0.251:5353")


def test_a_clock_that_steps_back_ends_no_flow() -> None:
    frames = [Frame(BEGIN + 10_000 * SECOND, there(SYN, 100)), Frame(BEGIN, back(SYN | ACK, 500, 101))]
    lines, meter = flows_of(g.pcap(frames))
    assert lines == ["6 10.0.0.1:1024 > 10.0.0.2:443 1/1 40/40 ESTABLISHED SYN"]
    assert meter.coverage().clock_steps_back == 1


@pytest.mark.parametrize("other", ["2001:db9::1", "2001:db8:1::1", "2001:db8:0:0:0:1::1", "2001:db8::2"])
def test_alike_packets_of_other_hosts_are_no_copies(other: str) -> None:
    target = "2001:db8::99"
    there = [
        g.ethernet(g.ipv6(host, target, 17, g.udp(5, 6, b"same")), 0x86DD) for host in ("2001:db8::1", other)
    ]
    to = [
        g.ethernet(g.ipv6(target, host, 17, g.udp(5, 6, b"same")), 0x86DD) for host in ("2001:db8::1", other)
    ]
    for packets in (there, to):
        lines, meter = flows_of(g.pcap(frames_of(*packets, step=MICROSECOND)))
        assert len(lines) == 2
        assert meter.coverage().duplicates == 0


def test_fragments_that_waited_in_vain_are_found_again_by_file_and_frame() -> None:
    import io

    from zoneguard.capture.flows import to_flows
    from zoneguard.capture.source import Source
    from zoneguard.capture.tables import Meter

    blocks: list[object] = []
    meter = Meter(compiled=False, emit=blocks.append)
    for file, frames in enumerate((frames_of(there(SYN, 100), pieces()[1]), frames_of(there(SYN, 100)))):
        stream = io.BytesIO(g.pcap(frames))
        meter.read(
            Source(name="", size=None, stream=stream, compressed=False, digest=None, raw=stream), file=file
        )
    meter.finish()
    table = to_flows(blocks[-1])  # type: ignore[arg-type]
    where = {
        int(p): (int(f), int(n)) for p, f, n in zip(table.protocol, table.file, table.frame, strict=True)
    }
    assert where[17] == (0, 2)
