from __future__ import annotations

import io
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naive import compare
from tests.naive import generate as g
from tests.naive.generate import ACK, BEGIN, FIN, PSH, RST, SECOND, SYN, Frame
from zoneguard.capture import expiry, flows, layout
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.flows import to_flows
from zoneguard.capture.source import Source
from zoneguard.capture.tables import Meter
from zoneguard.net.flow import FlowTable, Opener, State

A, B = "10.0.0.1", "10.0.0.2"
MINUTE = 60 * SECOND


class Endless:
    """A meter of an endless input in the middle of its life, and the rows it has handed on."""

    def __init__(self, *, compiled: bool = False, **options: Any) -> None:
        self.rows: list[np.ndarray] = []
        timeouts = options.pop("timeouts", Timeouts())
        self.meter = Meter(
            compiled=compiled, emit=lambda rows: self.rows.append(rows.copy()), timeouts=timeouts, **options
        )
        self.now = BEGIN

    def see(self, *packets: bytes, at: int) -> None:
        frames = [Frame(BEGIN + at + i, packet) for i, packet in enumerate(packets)]
        self.meter.read_bytes(g.pcap(frames, nano=True))

    def expire(self, at: int) -> int:
        before = self.handed_on
        self.meter.expire(BEGIN + at)
        return self.handed_on - before

    @property
    def handed_on(self) -> int:
        return sum(map(len, self.rows))

    @property
    def live(self) -> int:
        return int(self.meter.t.scalars[layout.Z_ROWS])

    def flows(self) -> FlowTable:
        return FlowTable.concatenate([to_flows(rows) for rows in self.rows])


def there(flags: int, *, port: int = 443, seq: int = 101, payload: bytes = b"") -> bytes:
    return g.ethernet(g.ipv4(A, B, 6, g.tcp(1024, port, flags, seq=seq, ack=501, payload=payload)))


def back(flags: int, *, port: int = 443, payload: bytes = b"") -> bytes:
    packet = g.ipv4(B, A, 6, g.tcp(port, 1024, flags, seq=500, ack=102, payload=payload))
    return g.ethernet(packet, src=g.B_MAC, dst=g.A_MAC)


def handshake(port: int = 443) -> tuple[bytes, ...]:
    return there(SYN, port=port, seq=100), back(SYN | ACK, port=port), there(ACK, port=port)


def datagram(sport: int, dport: int, ident: int = 1, *, src: str = A, dst: str = B) -> bytes:
    return g.ethernet(g.ipv4(src, dst, 17, g.udp(sport, dport, b"text"), ident=ident))


def test_a_flow_leaves_after_its_silence_and_the_others_stay() -> None:
    endless = Endless(timeouts=Timeouts(active=0))
    endless.see(*handshake(443), *handshake(80), at=0)
    endless.see(there(ACK, port=80), at=50 * MINUTE)
    assert endless.expire(59 * MINUTE) == 0
    for at in range(60, 72):  # the hold after a jump of the clock is over
        endless.expire(at * MINUTE)
    assert (endless.handed_on, endless.live) == (1, 1)
    assert endless.flows().resp_port.tolist() == [443]


@pytest.mark.parametrize(
    "packets",
    [
        (there(SYN, seq=100),),
        (there(SYN, seq=100), back(RST | ACK)),
        (*handshake(), there(FIN | ACK), back(FIN | ACK), there(ACK)),
        (*handshake(), there(RST | ACK)),
        (datagram(5, 514),),
    ],
)
def test_attempts_closed_connections_and_unanswered_datagrams_leave_after_a_minute(
    packets: tuple[bytes, ...],
) -> None:
    endless = Endless()
    endless.see(*packets, at=0)
    assert endless.expire(59 * SECOND) == 0
    assert endless.expire(61 * SECOND) == 1
    assert endless.live == 0


@pytest.mark.parametrize(
    "packets",
    [handshake(), (*handshake(), there(FIN | ACK)), (datagram(5, 53), datagram(53, 5, src=B, dst=A))],
)
def test_what_was_answered_and_is_not_closed_outlives_the_minute(packets: tuple[bytes, ...]) -> None:
    endless = Endless()
    endless.see(*packets, at=0)
    endless.expire(55 * SECOND)
    assert endless.expire(110 * SECOND) == 0
    assert endless.live == 1


def test_pieces_of_a_long_connection_know_who_opened_it_and_count_each_packet_once() -> None:
    endless = Endless(timeouts=Timeouts(active=600))
    endless.see(*handshake(), there(PSH | ACK, payload=b"GET / HTTP/1.1"), at=0)
    for minute in range(1, 31):
        endless.see(back(ACK, payload=b"more"), at=minute * MINUTE)
        endless.expire(minute * MINUTE)
    endless.meter.finish()
    pieces = endless.flows()
    assert len(pieces) == 3
    assert pieces.orig_port.tolist() == [1024] * 3
    assert pieces.opener.tolist() == [Opener.SYN] * 3
    assert pieces.state.tolist() == [State.DATA] * 3
    assert int((pieces.orig_packets + pieces.resp_packets).sum()) == 34
    assert flows.continued(np.concatenate(endless.rows)).tolist() == [False, True, True]
    assert (pieces.first_seen <= pieces.last_seen).all()
    assert pieces.first_seen[1] > pieces.last_seen[0]


def test_a_datagram_flow_that_was_answered_stays_answered_in_its_later_pieces() -> None:
    endless = Endless(timeouts=Timeouts(active=60))
    endless.see(datagram(5, 53), datagram(53, 5, src=B, dst=A), at=0)
    endless.expire(55 * SECOND)
    endless.expire(61 * SECOND)
    endless.see(datagram(53, 5, 7, src=B, dst=A), at=90 * SECOND)
    endless.meter.finish()
    pieces = endless.flows()
    assert pieces.state.tolist() == [State.DATA, State.DATA]
    assert pieces.orig_port.tolist() == [5, 5]
    assert pieces.resp_packets.tolist() == [1, 1]


def test_a_piece_is_not_handed_on_again_when_nothing_follows() -> None:
    endless = Endless(timeouts=Timeouts(active=60))
    endless.see(*handshake(), at=0)
    endless.expire(55 * SECOND)
    endless.expire(100 * SECOND)
    endless.expire(150 * SECOND)
    endless.meter.finish()
    assert endless.flows().orig_packets.tolist() == [2]


def test_a_mirror_copy_after_a_piece_is_told_with_it() -> None:
    endless = Endless(timeouts=Timeouts(active=60))
    packet = g.ipv4(A, B, 17, g.udp(5, 514, b"text"), ident=77)
    endless.see(g.ethernet(packet), at=0)
    endless.see(g.ethernet(packet), at=62 * SECOND)
    endless.expire(62 * SECOND)  # within the two seconds in which a copy may come
    endless.see(g.tagged(packet, 7), at=63 * SECOND)
    endless.meter.finish()
    assert int(endless.flows().copies.sum()) == 1
    assert (endless.flows().first_seen <= endless.flows().last_seen).all()


@pytest.mark.parametrize("step", [3600, -3600])
def test_a_clock_that_jumps_an_hour_ends_no_conversation(step: int) -> None:
    endless = Endless()
    endless.see(*handshake(), at=0)
    endless.expire(1 * SECOND)
    endless.expire(step * SECOND)
    endless.see(there(ACK), back(ACK), at=(step + 30) * SECOND)
    for minute in range(40):
        endless.expire((step + 60 * minute) * SECOND)
        endless.see(there(ACK), at=(step + 60 * minute + 1) * SECOND)
    endless.meter.finish()
    pieces = endless.flows()
    assert set(pieces.opener.tolist()) == {Opener.SYN}
    assert set(pieces.orig_port.tolist()) == {1024}
    assert int((pieces.orig_packets + pieces.resp_packets).sum()) == 45
    assert (pieces.first_seen <= pieces.last_seen).all()


def scan(count: int, *, first: int = 0) -> list[bytes]:
    return [
        datagram(40_000, 9, i, dst=f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}")
        for i in range(first, first + count)
    ]


@pytest.mark.parametrize("compiled", [True, False])
def test_a_full_table_gives_up_attempts_before_conversations(*, compiled: bool) -> None:
    endless = Endless(compiled=compiled, most_rows=4096)
    endless.see(*handshake(), at=0)
    endless.see(*scan(12_000), at=SECOND)
    assert endless.live <= 4096
    assert endless.meter.evicted == endless.handed_on > 7000
    assert endless.meter.forgotten == 0
    endless.see(there(ACK), at=2 * SECOND)
    endless.meter.finish()
    table = endless.flows()
    tcp = table.take(np.flatnonzero(table.protocol == 6))
    assert tcp.orig_packets.tolist() == [3]
    assert len(table) == 12_001


def test_when_all_are_conversations_those_that_were_silent_longest_leave() -> None:
    endless = Endless(compiled=True, most_rows=4096)
    for i in range(5000):
        there_, back_ = datagram(i + 1, 53), datagram(53, i + 1, src=B, dst=A)
        endless.see(there_, back_, at=i * 1000)
    evicted = endless.meter.evicted
    assert evicted == endless.meter.forgotten > 1000
    assert sorted(endless.flows().orig_port.tolist()) == list(range(1, evicted + 1))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), compiled=st.booleans(), active=st.integers(1, 40))
def test_pieces_joined_are_the_flows(seed: int, active: int, *, compiled: bool) -> None:
    frames = [frame for frame in g.conversations(Random(seed), 12) if frame.link == 1]
    frames.sort(key=lambda frame: frame.time)
    whole, _ = compare.metered(g.pcap(frames, nano=True), compiled=compiled)
    forever = 1 << 31
    timeouts = Timeouts(idle_tcp=forever, idle_other=forever, light=forever, active=active)
    endless = Endless(compiled=compiled, timeouts=timeouts)
    for z in (layout.Z_IDLE_TCP, layout.Z_IDLE_OTHER):
        endless.meter.t.scalars[z] = (
            layout.IDLE_TCP if z == layout.Z_IDLE_TCP else layout.IDLE_OTHER
        ) * SECOND
    for frame in frames:
        endless.meter.read_bytes(g.pcap([frame], nano=True))
        endless.meter.expire(frame.time)
    endless.meter.finish()
    rows = flows.join(
        np.concatenate([np.empty((0, layout.ROW_STRIDE), np.int64), *endless.rows]), compiled=compiled
    )
    here, there_ = (
        sorted(
            (
                tuple(table.orig_address[i].tolist()), tuple(table.resp_address[i].tolist()), int(table.orig_port[i]),
                int(table.resp_port[i]), int(table.protocol[i]), int(table.orig_packets[i]),
                int(table.resp_packets[i]), int(table.orig_bytes[i]), int(table.copies[i]), int(table.first_seen[i]),
                int(table.last_seen[i]), int(table.opener[i]), int(table.state[i]), int(table.blocked[i]),
                int(table.orig_vlan[i]), int(table.resp_vlan[i]), int(table.orig_mac[i]), int(table.resp_mac[i]),
            )
            for i in range(len(table))
        )
        for table in (to_flows(rows), whole)
    )  # fmt: skip
    assert here == there_


@settings(max_examples=30, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), compiled=st.booleans())
def test_rows_that_leave_take_no_other_flow_along(seed: int, *, compiled: bool) -> None:
    """A gap among the slots would make a flow that is still there unfindable: it would begin anew."""
    random = Random(seed)
    endless = Endless(compiled=compiled, timeouts=Timeouts(light=5, active=0))
    seen: dict[int, tuple[int, int]] = {}
    expected, at = 0, 0
    for _ in range(60):
        at += random.randrange(SECOND // 10, SECOND)
        ports = random.sample(range(1, 400), 60)
        endless.see(*(datagram(port, 9) for port in ports), at=at)
        for i, port in enumerate(ports):
            seen[port] = (at + i, seen.get(port, (0, 0))[1] + 1)
        endless.expire(at)
        for port, (last, _) in list(seen.items()):
            if last < at - 5 * SECOND:
                expected += 1
                del seen[port]
        assert endless.live == len(seen)
        assert endless.handed_on == expected


def test_the_two_ways_to_tell_what_is_light_agree() -> None:
    frames = [frame for frame in g.conversations(Random(11), 300) if frame.link == 1]
    endless = Endless(timeouts=Timeouts(idle_tcp=1 << 31, idle_other=1 << 31, light=1 << 31, active=0))
    endless.meter.read_bytes(g.pcap(frames, nano=True))
    light = flows.light(endless.meter.live_rows())
    assert 20 < int(light.sum()) < len(light) - 20
    expiry._sweep(endless.meter, BEGIN, light=layout.FURTHEST, tcp=0, other=0, budget=len(light))
    assert endless.live == int((~light).sum())


def test_claims_are_told_to_be_of_the_file_they_were_in() -> None:
    meter = Meter(compiled=False)
    for file, address in enumerate(("10.0.0.1", "10.0.0.2")):
        frame = Frame(BEGIN, g.ethernet(g.arp(1, file + 1, address, "10.0.0.9"), 0x0806))
        meter.read(source_of(g.pcap([frame])), file=file)
    assert [claim.file for claim in meter.all_claims()] == [0, 1]


def source_of(capture: bytes) -> Any:
    import io

    from zoneguard.capture.source import Source

    stream = io.BytesIO(capture)
    return Source(name="", size=len(capture), stream=stream, compressed=False, digest=None, raw=stream)


def test_only_a_meter_with_timeouts_expires_anything() -> None:
    with pytest.raises(ValueError, match="timeouts"):
        Meter(compiled=False).expire(BEGIN)


def test_each_window_tells_what_came_in_it_and_the_tunnels_that_are_in_use() -> None:
    endless = Endless()
    inner = g.ipv4("192.168.0.1", "192.168.0.2", 17, g.udp(1, 2, b"x"))
    outer = g.ipv4("10.0.0.1", "10.0.0.2", 47, g.gre(g.ipv4("10.1.0.1", "10.1.0.2", 4, inner), 0x0800, key=7))
    passing = g.ipv4("10.0.0.3", "10.0.0.4", 47, g.gre(inner, 0x0800, key=8))
    arp = g.ethernet(g.arp(1, 9, "10.0.0.1", "10.0.0.2"), 0x0806)
    endless.see(g.ethernet(outer), g.ethernet(passing), arp, at=0)
    first = endless.meter.window()
    assert (first.coverage.packets, len(first.claims), len(first.tunnels)) == (3, 1, 3)
    endless.see(g.ethernet(outer), at=50 * SECOND)
    endless.expire(100 * SECOND)
    second = endless.meter.window()
    assert (second.coverage.packets, second.claims, len(second.tunnels)) == (1, [], 3)
    third = endless.meter.window()
    assert sorted(tunnel.number for tunnel in third.tunnels) == [0, 7]
    assert third.coverage.packets == 0
    endless.see(g.ethernet(outer), at=101 * SECOND)  # found again where it was left
    assert endless.meter.window().tunnels == third.tunnels


@pytest.mark.parametrize("compiled", [True, False])
def test_more_tunnels_than_the_table_holds_are_told_window_by_window(*, compiled: bool) -> None:
    endless = Endless(compiled=compiled)
    inner = g.ipv4("192.168.0.1", "192.168.0.2", 17, g.udp(1, 2, b"x"))
    for window in range(12):
        tunnels = [
            g.ethernet(g.ipv4("10.0.0.1", "10.0.0.2", 47, g.gre(inner, 0x0800, key=1000 * window + i)))
            for i in range(400)
        ]
        endless.see(*tunnels, at=window * 61 * SECOND)
        seen = endless.meter.window()
        assert "tunnels beyond the bound" not in seen.coverage.not_decoded
        assert {tunnel.number for tunnel in seen.tunnels} >= set(range(1000 * window, 1000 * window + 400))


@pytest.mark.parametrize("compiled", [True, False])
def test_packets_of_the_furthest_time_are_handed_on_too(*, compiled: bool) -> None:
    packet = datagram(5, 514)
    capture = (
        g.section() + g.described(resolution=0) + g.enhanced(packet, 1 << 50) + g.enhanced(packet, 1 << 60)
    )
    endless = Endless(compiled=compiled)
    endless.meter.read_bytes(capture)
    endless.meter.finish()
    assert endless.flows().first_seen.tolist() == [layout.FURTHEST]
    assert int(endless.flows().orig_packets.sum() + endless.flows().copies.sum()) == 2


def test_only_files_that_something_tells_of_are_in_use():
    endless = Endless()
    meter = endless.meter
    for file in range(4):
        frame = g.ethernet(g.ipv4(A, B, 17, g.udp(1000 + file, 53)))
        source = io.BytesIO(g.pcap([Frame(BEGIN + file * 90 * SECOND, frame)], nano=True))
        meter.read(
            Source(name="", size=None, stream=source, compressed=False, digest=None, raw=source), file=file
        )
        meter.expire(BEGIN + file * 90 * SECOND)
        meter.expire(BEGIN + file * 90 * SECOND + 10 * SECOND)
    assert meter.files_in_use() == {3}
