"""Law 6: the compiled kernel, the interpreted kernel and the naive twin say the same of every capture."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naive import compare, generate
from tests.naive.generate import Frame
from tests.naive.twin import Twin, naive_flows
from zoneguard.capture import layout, tables

BOUND = 64


@pytest.fixture(scope="module", autouse=True)
def _kernels() -> None:
    compare.warm()


@settings(max_examples=150, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 20))
def test_compiled_interpreted_and_naive_agree(seed: int, count: int) -> None:
    capture = generate.capture(Random(seed), count)
    assert compare.difference(capture, compiled=False) == ""
    one, _ = compare.metered(capture, compiled=True)
    other, _ = compare.metered(capture, compiled=False)
    assert compare.equal_tables(one, other)


def test_a_long_capture_agrees_too() -> None:
    frames = [frame for frame in generate.conversations(Random(6), 1500) if frame.link == 1]
    assert len(frames) > 3000
    assert compare.difference(generate.pcap(frames, nano=True), compiled=True) == ""


def test_many_more_claims_than_the_table_holds_are_all_counted() -> None:
    frames = [
        Frame(generate.BEGIN, generate.ethernet(generate.arp(1, i % 7, "10.0.0.1", "10.0.0.2"), 0x0806))
        for i in range(3 * layout.CLAIMS)
    ]
    assert compare.difference(generate.pcap(frames), compiled=True) == ""


@settings(max_examples=40, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 100), max_size=3))
def test_splitting_a_capture_into_files_changes_nothing_but_the_frame_numbers(
    seed: int, cuts: list[int]
) -> None:
    frames = [frame for frame in generate.conversations(Random(seed), 12) if frame.link == 1]
    edges = [0, *sorted(min(cut, len(frames)) for cut in cuts), len(frames)]
    files = [generate.pcap(frames[i:j], nano=True) for i, j in pairwise(edges)]
    whole = compare.described(*compare.metered(generate.pcap(frames, nano=True), compiled=True))
    split = compare.described(*compare.metered(*files, compiled=True))
    for flow in (*whole, *split):
        del flow["frame"]
    assert compare.as_set(whole) == compare.as_set(split)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_exchanging_the_hosts_exchanges_orig_and_resp_and_nothing_else(seed: int) -> None:
    talk = generate.Talk(Random(seed))
    talk.host = lambda six=None: talk.random.choice(("10.0.0.1", "10.0.0.2"))  # type: ignore[method-assign]
    for _ in range(6):
        talk.random.choice((talk.tcp, talk.udp, talk.echo))()
    plain = [
        frame
        for frame in talk.frames
        if frame.link == 1 and frame.data[12:15] == b"\x08\0\x45" and len(frame.data) > 34
        and frame.data[:6] in MACS and frame.data[6:12] in MACS
        and frame.data[26:30] != frame.data[30:34] and frame.data[26:29] == frame.data[30:33] == b"\x0a\0\0"
        and frame.data[23] != 1
    ]  # fmt: skip
    here = compare.described(*compare.metered(generate.pcap(plain), compiled=True))
    there = compare.described(*compare.metered(generate.pcap(generate.swapped(plain)), compiled=True))
    hosts = {mapped("10.0.0.1"): mapped("10.0.0.2"), mapped("10.0.0.2"): mapped("10.0.0.1")}
    macs = {generate.A_MAC: generate.B_MAC, generate.B_MAC: generate.A_MAC}
    for flow in there:
        for name, value in flow.items():
            if name.endswith("_address"):
                flow[name] = hosts[value]
            elif name.endswith(("_mac", "_next_hop")):
                flow[name] = macs.get(value, value)
    assert compare.as_set(here) == compare.as_set(there)


MACS = {generate.A_MAC.to_bytes(6, "big"), generate.B_MAC.to_bytes(6, "big")}


def mapped(text: str) -> bytes:
    return bytes(10) + b"\xff\xff" + generate.address(text)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_bound_on_the_live_flows_changes_no_flow(
    seed: int, *, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [frame for frame in generate.conversations(Random(seed), 700) if frame.link == 1]
    capture = generate.pcap(frames, nano=True)
    free = compare.described(*compare.metered(capture, compiled=compiled))
    room = layout.MOST_NEW + BOUND
    monkeypatch.setattr(tables, "FIRST_ROWS", room)
    table, meter = compare.bounded(capture, compiled=compiled, most_rows=room)
    assert meter.spills > 3
    assert compare.told(compare.as_set(compare.described(table, meter)), compare.as_set(free), "flow") == ""


def test_the_table_never_holds_more_rows_than_its_bound() -> None:
    frames = [
        Frame(
            generate.BEGIN, generate.ethernet(generate.ipv4("10.0.0.1", "10.0.0.2", 17, generate.udp(i, 9)))
        )
        for i in range(12_000)
    ]
    table, meter = compare.bounded(generate.pcap(frames), compiled=True, most_rows=5000)
    assert (len(table), meter.rows_now) == (12_000, 5000)
    assert meter.spills == 2


@settings(max_examples=40, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_flows_of_another_capture_in_between_change_no_flow(seed: int) -> None:
    here = [frame for frame in generate.conversations(Random(seed), 8) if frame.link == 1]
    others = [
        frame._replace(
            data=generate.tagged(generate.ipv4("172.16.0.1", f"172.16.1.{i}", 17, generate.udp(i, 9)), 5)
        )
        for i, frame in enumerate(generate.conversations(Random(seed + 1), 4)[:200])
    ]
    mixed = sorted([*here, *others], key=lambda frame: frame.time)
    alone = compare.described(*compare.metered(generate.pcap(here, nano=True), compiled=True))
    among = compare.described(*compare.metered(generate.pcap(mixed, nano=True), compiled=True))
    among = [flow for flow in among if not flow["orig_address"].startswith(mapped("172.16.0.1")[:14])]
    for flow in (*alone, *among):
        del flow["frame"]
    assert compare.as_set(alone) == compare.as_set(among)


def test_the_twin_knows_what_a_minute_and_an_idle_hour_are() -> None:
    """The twin itself, on the two clocks that random captures seldom reach."""
    packet = generate.ipv4("10.0.0.1", "10.0.0.2", 17, generate.udp(5, 6, b"x"), ident=1)
    again = generate.ipv4("10.0.0.1", "10.0.0.2", 17, generate.udp(5, 6, b"y"), ident=2)
    late = generate.BEGIN + 601 * generate.SECOND
    frames = [Frame(generate.BEGIN, generate.ethernet(packet)), Frame(late, generate.ethernet(again))]
    assert len(naive_flows(generate.pcap(frames))) == 2
    piece = generate.ipv4("10.0.0.1", "10.0.0.2", 17, bytes(8), ident=9, offset=4)
    first = generate.ipv4("10.0.0.1", "10.0.0.2", 17, generate.udp(5, 6, bytes(24)), ident=9, more=True)
    frames = [
        Frame(generate.BEGIN, generate.ethernet(piece)),
        Frame(generate.BEGIN + 61 * generate.SECOND, generate.ethernet(first)),
    ]
    capture = generate.pcap(frames)
    assert sorted(flow["orig_port"] for flow in naive_flows(capture)) == [0, 5]
    assert compare.difference(capture, compiled=False) == ""
    twin = Twin()
    twin.read(b"no capture at all")
    assert twin.flows() == []
