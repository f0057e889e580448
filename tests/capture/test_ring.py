"""Blocks of a ring as the system lays them out (linux/if_packet.h), made by hand: no interface is needed."""

from __future__ import annotations

import struct
import sys
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naive import compare
from tests.naive import generate as g
from tests.naive.generate import Frame
from zoneguard.capture import layout
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.flows import to_flows
from zoneguard.capture.tables import Meter
from zoneguard.net.flow import FlowTable

if TYPE_CHECKING:
    from collections.abc import Iterable

TAGS = (0x8100, 0x88A8, 0x9100)


def block(frames: Iterable[Frame]) -> tuple[bytes, int]:
    """Lay frames out as a block; an outer tag is taken out and told beside, as Linux does."""
    packets = []
    for frame in frames:
        data, status, tci, tpid = frame.data, 1, 0, 0
        kind = int.from_bytes(data[12:14], "big")
        if kind in TAGS and len(data) >= 18:
            status |= layout.VLAN_VALID
            tpid, tci = struct.unpack(">HH", data[12:16])
            data = data[:12] + data[16:]
        wire = max(frame.wire or len(frame.data), len(frame.data)) - (len(frame.data) - len(data))
        seconds, rest = divmod(frame.time, 10**9)
        head = (seconds, rest, len(data), wire, status, 82, 96, 0, tci, tpid, 0)
        packets.append((head, bytes(34) + data))
    body = b""
    for i, (head, rest) in enumerate(packets):
        size = -(-(48 + len(rest)) // 16) * 16
        follow = size if i < len(packets) - 1 else 0
        body += (struct.pack("=IIIIIIHHIIHH", follow, *head).ljust(48, b"\0") + rest).ljust(size, b"\0")
    about = struct.pack("=IIIIIIQIIII", 1, 48, 1, len(packets), 48, 48 + len(body), 1, 0, 0, 0, 0)
    return about.ljust(48, b"\0") + body, len(packets)


def metered(octets: bytes, count: int, *, compiled: bool) -> tuple[FlowTable, Meter, bool]:
    blocks: list[Any] = []
    forever = Timeouts(active=0)
    meter = Meter(compiled=compiled, emit=lambda rows: blocks.append(rows.copy()), timeouts=forever)
    z = meter.t.scalars
    z[layout.Z_FORMAT], z[layout.Z_BIG], z[layout.Z_LINK] = layout.FORMAT_RING, int(sys.byteorder == "big"), 1
    z[layout.Z_LEFT], z[layout.Z_LARGEST] = count, 1518
    words = np.frombuffer(bytearray(octets), np.uint8) if compiled else bytearray(octets)
    whole = meter.take(words, layout.B_HEADER, len(octets))
    meter.finish()
    return FlowTable.concatenate([to_flows(rows) for rows in blocks]), meter, whole


@settings(max_examples=60, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), compiled=st.booleans())
def test_a_block_says_what_a_file_of_the_same_frames_says(seed: int, *, compiled: bool) -> None:
    frames = [frame for frame in g.conversations(Random(seed), 12) if frame.link == 1]
    here, meter, whole = metered(*block(frames), compiled=compiled)
    there, file = compare.metered(g.pcap(frames, nano=True), compiled=compiled)
    assert whole
    live = compare.described(here, meter)
    assert compare.told(compare.as_set(live), compare.as_set(compare.described(there, file)), "flow") == ""
    assert compare.claims_of(meter) == compare.claims_of(file)
    assert meter.coverage() == file.coverage()


@settings(max_examples=300, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_stands_in_a_block_nothing_beyond_it_is_read(seed: int) -> None:
    random = Random(seed)
    frames = [frame for frame in g.conversations(random, 4) if frame.link == 1][:40]
    octets, count = block(frames)
    broken = bytearray(octets)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(layout.B_HEADER, len(broken))
        if random.random() < 0.7:  # most often in the header of the first packets, which leads everywhere
            at = layout.B_HEADER + random.randrange(48)
        broken[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
    size = random.choice((len(broken), random.randrange(layout.B_HEADER, len(broken) + 1)))
    count = random.choice((count, count + 1, 0xFFFFFFFF, 0))
    (one, a, whole), (other, b, also) = (
        metered(bytes(broken[:size]), count, compiled=compiled) for compiled in (True, False)
    )
    assert compare.equal_tables(one, other)
    assert (a.coverage(), whole) == (b.coverage(), also)
    assert a.coverage().packets <= count


@pytest.mark.parametrize("compiled", [True, False])
def test_frames_larger_than_the_interface_allows_are_counted(*, compiled: bool) -> None:
    large = g.ethernet(g.ipv4("10.0.0.1", "10.0.0.2", 17, g.udp(1, 2, bytes(1600))))
    small = g.ethernet(g.ipv4("10.0.0.1", "10.0.0.2", 17, g.udp(1, 2, bytes(1400))))
    frames = [Frame(g.BEGIN, large), Frame(g.BEGIN + 1, small), Frame(g.BEGIN + 2, small[:100], len(small))]
    _, meter, _ = metered(*block(frames), compiled=compiled)
    z = meter.t.scalars
    assert (z[layout.N_MERGED], z[layout.N_SHORTENED], z[layout.N_PACKETS]) == (1, 1, 3)
    assert z[layout.N_BYTES] == len(large) + 2 * len(small)
