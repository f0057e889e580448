from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from tests.capture.seen import flows_of, frames_of
from tests.naive import generate as g
from zoneguard.capture import pcap
from zoneguard.capture.tables import Meter

if TYPE_CHECKING:
    from pathlib import Path

PING = g.ethernet(g.ipv4("10.0.0.1", "10.0.0.2", 1, g.icmp(8)))
FLOW = ["1 10.0.0.1:0 > 10.0.0.2:2048 1/0 28/0 ATTEMPT GREETING"]


def times(capture: bytes) -> list[int]:
    from tests.naive.compare import metered

    return sorted(metered(capture, compiled=False)[0].first_seen.tolist())


@pytest.mark.parametrize("big", [True, False])
@pytest.mark.parametrize("nano", [True, False])
def test_both_byte_orders_and_both_clocks_of_pcap_are_read(*, big: bool, nano: bool) -> None:
    capture = g.pcap([g.Frame(g.BEGIN + 123_456_000, PING)], big=big, nano=nano)
    assert flows_of(capture)[0] == FLOW
    assert times(capture) == [g.BEGIN + 123_456_000]


def test_the_length_of_the_frame_check_sequence_is_no_part_of_the_link_type() -> None:
    capture = bytearray(g.pcap(frames_of(PING)))
    capture[20:24] = struct.pack("<I", 1 | 0x2400_0000)
    assert flows_of(bytes(capture))[0] == FLOW


@pytest.mark.parametrize("big", [True, False])
def test_each_interface_of_pcapng_has_its_own_link_type_and_clock(*, big: bool) -> None:
    packet, other = (g.ipv4("10.0.0.1", "10.0.0.2", 1, g.icmp(8), ident=i) for i in (1, 2))
    seconds = g.BEGIN // g.SECOND
    capture = (
        g.section(big=big)
        + g.described(1, big=big)
        + g.described(101, resolution=9, big=big)
        + g.described(113, resolution=0x80 | 10, offset=5, big=big)
        + g.enhanced(PING, seconds * 1_000_000, big=big)
        + g.enhanced(packet, g.BEGIN + 1, interface=1, big=big, comment="one ns later")
        + g.enhanced(g.sll(other), (seconds << 10) + 512, interface=2, big=big)
    )
    lines, meter = flows_of(capture)
    assert lines == ["1 10.0.0.1:0 > 10.0.0.2:2048 3/0 84/0 ATTEMPT GREETING"]
    assert meter.t.scalars[11] == g.BEGIN + 5_500_000_000  # the latest time


@pytest.mark.parametrize("exponent", [0, 3, 9, 10, 33, 34, 50, 51, 62, 127])
@pytest.mark.parametrize("binary", [True, False])
def test_no_resolution_of_the_clock_makes_a_time_that_does_not_fit(exponent: int, *, binary: bool) -> None:
    from tests.naive.compare import difference

    head = g.section() + g.described(resolution=exponent | (0x80 if binary else 0), offset=-(2**40))
    capture = b"".join(g.enhanced(PING, units) for units in (0, 1, 2**40 + 7, 2**63 - 1))
    assert difference(head + capture, compiled=False) == ""
    assert all(0 <= time <= 1 << 62 for time in times(head + capture))


def test_a_section_may_change_the_byte_order_and_begins_with_no_interfaces() -> None:
    capture = (
        g.section()
        + g.described()
        + g.enhanced(PING, 1)
        + g.section(big=True)
        + g.enhanced(PING, 2, big=True)
        + g.described(big=True)
        + g.enhanced(PING, 3, big=True)
    )
    lines, meter = flows_of(capture)
    assert lines == ["1 10.0.0.1:0 > 10.0.0.2:2048 2/0 56/0 ATTEMPT GREETING"]
    assert meter.coverage().packets == 3
    assert meter.coverage().not_decoded == {"undeclared pcapng interface": 1}


def test_simple_and_obsolete_packet_blocks_are_read() -> None:
    capture = g.section() + g.described() + g.enhanced(PING, 77, old=True) + g.simple(PING) + g.simple(PING)
    assert flows_of(capture)[0] == ["1 10.0.0.1:0 > 10.0.0.2:2048 3/0 84/0 ATTEMPT GREETING"]
    assert times(capture) == [77_000]


def test_a_simple_packet_ends_at_the_snap_length_of_its_interface() -> None:
    long = g.ethernet(g.ipv4("10.0.0.1", "10.0.0.2", 17, g.udp(5, 6, bytes(400))))
    capture = g.section() + g.described(snaplen=60) + g.simple(long[:60], wire=len(long))
    assert flows_of(capture)[0] == ["17 10.0.0.1:5 > 10.0.0.2:6 1/0 428/0 ATTEMPT FIRST_PACKET"]


def test_drops_that_the_capturing_program_counted_are_reported() -> None:
    statistics = (
        struct.pack("<III", 0, 0, 0) + g.option(4, bytes(8), "<") + g.option(5, struct.pack("<Q", 41), "<")
    )
    statistics += g.option(7, struct.pack("<Q", 1), "<") + bytes(4)
    _, meter = flows_of(g.section() + g.described() + g.enhanced(PING, 1) + g.block(5, statistics, "<"))
    assert meter.coverage().dropped == 42


def test_unknown_blocks_and_great_ones_are_passed_over() -> None:
    capture = (
        g.section() + g.block(0x0BAD, bytes(64), "<") + g.block(10, bytes(700_000), "<")
        + g.described() + g.block(4, bytes(8), "<") + g.enhanced(PING, 1)
    )  # fmt: skip
    assert flows_of(capture)[0] == FLOW


def test_a_damaged_option_ends_the_options_and_nothing_else() -> None:
    assert pcap.options(struct.pack("<HH", 2, 400) + b"short", big=False) == []
    assert pcap.options(g.option(2, b"eth0", "<") + struct.pack("<HH", 9, 1), big=False) == [(2, b"eth0")]
    assert pcap.read_interface(b"\1\0", big=False) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda c: c[:-1], "is cut"),
        (lambda c: c[: 24 + 16 + len(PING) + 7], "is cut"),
        (lambda c: c + struct.pack("<IIII", 1, 2, 1 << 20, 60), "impossible length"),
        (lambda c: c + struct.pack("<IIII", 1, 2, 0xFFFF_FFFF, 60), "impossible length"),
    ],
)
def test_what_stands_before_a_lie_or_a_cut_is_read_and_the_fault_is_told(change, fault: str) -> None:  # type: ignore[no-untyped-def]
    blocks = []
    meter = Meter(compiled=False, emit=blocks.append)
    reading = meter.read_bytes(change(g.pcap(frames_of(PING, PING))))
    meter.finish()
    assert [fault in text.en for text in reading.faults] == [True]
    assert reading.packets in (1, 2)
    assert len(blocks) == 1


@pytest.mark.parametrize("size", [13, 28, 36, 1 << 30, 0xFFFF_FFFC])
def test_a_block_whose_two_lengths_differ_ends_the_reading(size: int) -> None:
    lying = bytearray(g.enhanced(PING, 2))
    lying[4:8] = struct.pack("<I", size)
    meter = Meter(compiled=False)
    reading = meter.read_bytes(g.section() + g.described() + g.enhanced(PING, 1) + bytes(lying))
    assert reading.packets == 1
    assert len(reading.faults) == 1


def test_the_time_of_the_first_packet_orders_rotated_files(tmp_path: Path) -> None:
    early, late = tmp_path / "p_10.pcap", tmp_path / "p_9.pcapng"
    early.write_bytes(g.pcap(frames_of(PING), big=True))
    late.write_bytes(g.pcapng([g.Frame(g.BEGIN + g.SECOND, PING)]))
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    assert pcap.first_time(early) == g.BEGIN
    assert pcap.first_time(late) == g.BEGIN + g.SECOND
    assert pcap.first_time(empty) == pcap.first_time(tmp_path / "missing") == 2**63 - 1
