"""Law 6, carried on: a meter that goes on from a checkpoint says what one that never stopped would have said."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naive import generate
from zoneguard.capture import layout
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.source import open_source
from zoneguard.capture.tables import Meter
from zoneguard.errors import InputRefusedError

if TYPE_CHECKING:
    from zoneguard.capture.source import Source

SAMPLES = sorted(Path("captures").glob("*.pcap*"))


class Stream:
    """A meter that may change its process between two inputs, and what it has handed on."""

    def __init__(self, *, compiled: bool, **options: Any) -> None:
        self.compiled, self.options = compiled, options
        self.blocks: list[np.ndarray] = []
        self.meter = self._new()

    def _new(self) -> Meter:
        return Meter(
            compiled=self.compiled, emit=lambda rows: self.blocks.append(rows.copy()), **self.options
        )

    def read(self, source: Source | bytes, file: int) -> None:
        if isinstance(source, bytes):
            self.meter.read_bytes(source)
        else:
            self.meter.read(source, file=file)
            source.raw.close()

    def move(self, *, compiled: bool | None = None) -> None:
        state = frozen(self.meter)
        if compiled is not None:
            self.compiled = compiled
        self.meter = self._new()
        self.meter.restore(io.BytesIO(state))

    def said(self) -> tuple[Any, ...]:
        self.meter.finish()
        rows = np.concatenate([np.empty((0, layout.ROW_STRIDE), np.int64), *self.blocks])
        claims = sorted(map(repr, self.meter.all_claims()))
        flows = sorted(map(tuple, rows.tolist()))
        return flows, claims, self.meter.tunnels(), self.meter.coverage(), self.meter.evicted


def frozen(meter: Meter) -> bytes:
    out = io.BytesIO()
    meter.checkpoint(out)
    return out.getvalue()


@settings(max_examples=25, derandomize=True, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    cuts=st.lists(st.integers(0, 120), min_size=1, max_size=4),
    compiled=st.booleans(),
    endless=st.booleans(),
)
def test_checkpoints_anywhere_change_nothing(
    seed: int, cuts: list[int], *, compiled: bool, endless: bool
) -> None:
    frames = generate.conversations(Random(seed), 12)
    edges = [0, *sorted(min(cut, len(frames)) for cut in cuts), len(frames)]
    pieces = [generate.pcapng(frames[i:j]) for i, j in pairwise(edges)]
    options = {"timeouts": Timeouts(light=1, active=2)} if endless else {}
    still, moved = Stream(compiled=compiled, **options), Stream(compiled=compiled, **options)
    for piece in pieces:
        still.read(piece, 0)
        moved.read(piece, 0)
        moved.move()
    assert moved.said() == still.said()


@pytest.mark.parametrize("seed", range(4))
def test_samples_as_one_stream_are_the_same_with_a_new_process_between(seed: int) -> None:
    order = SAMPLES[:]
    Random(seed).shuffle(order)
    stops = set(Random(seed).sample(range(len(order)), 5))
    still, moved = Stream(compiled=True), Stream(compiled=True)
    for file, path in enumerate(order):
        still.read(open_source(path), file)
        moved.read(open_source(path), file)
        if file in stops:
            moved.move()
    assert moved.said() == still.said()


def test_a_state_of_the_interpreted_kernel_serves_the_compiled_one_and_back() -> None:
    frames = generate.conversations(Random(5), 40)
    still, moved = Stream(compiled=True), Stream(compiled=True)
    for i in range(0, len(frames), 20):
        piece = generate.pcapng(frames[i : i + 20])
        still.read(piece, 0)
        moved.read(piece, 0)
        moved.move(compiled=i % 40 != 0)
    assert moved.said() == still.said()


GO_ON = """
import sys, json
from pathlib import Path
from tests.laws.test_law6_checkpoints import Stream
from zoneguard.capture.source import open_source
stream = Stream(compiled=False)
with Path(sys.argv[1]).open("rb") as state:
    stream.meter.restore(state)
for file, name in enumerate(sys.argv[3:], int(sys.argv[2])):
    stream.read(open_source(Path(name)), file)
print(json.dumps([str(part) for part in stream.said()]))
"""


def test_another_process_goes_on_where_this_one_stopped(tmp_path: Path) -> None:
    names = SAMPLES[-6:]
    still, first = Stream(compiled=False), Stream(compiled=False)
    for file, path in enumerate(names):
        still.read(open_source(path), file)
        if file < 3:
            first.read(open_source(path), file)
    handed_on = len(first.blocks)
    state = tmp_path / "state"
    with state.open("wb") as file:
        first.meter.checkpoint(file)
    assert len(first.blocks) == handed_on
    arguments = [sys.executable, "-c", GO_ON, str(state), "3", *map(str, names[3:])]
    out = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    assert json.loads(out) == [str(part) for part in still.said()]


def test_fewer_rows_than_the_state_holds_are_taken_the_latest_first() -> None:
    frames = [
        generate.Frame(
            generate.BEGIN + i,
            generate.ethernet(generate.ipv4("10.0.0.1", "10.0.0.2", 17, generate.udp(i, 9))),
        )
        for i in range(6000)
    ]
    large = Stream(compiled=True, timeouts=Timeouts())
    large.read(generate.pcap(frames, nano=True), 0)
    small = Stream(compiled=True, timeouts=Timeouts(), most_rows=4096)
    small.meter.restore(io.BytesIO(frozen(large.meter)))
    assert small.meter.evicted == 6000 - (4096 - layout.MOST_NEW)
    assert max(row[layout.R_FIRST] for block in small.blocks for row in block) < generate.BEGIN + 2500
    assert len(small.said()[0]) == 6000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: b"PK" + state, "no saved state"),
        (lambda state: b"", "no saved state"),
        (lambda state: state[:-1], "damaged"),
        (lambda state: state[:5000] + b"\1" + state[5001:], "damaged"),
        (lambda state: state[:20] + bytes(8) + state[28:], "another version"),
    ],
)
def test_a_state_that_cannot_be_used_is_refused_and_the_meter_stays_new(change: Any, says: str) -> None:
    stream = Stream(compiled=False)
    stream.read(generate.pcap(generate.conversations(Random(1), 5)), 0)
    state = change(frozen(stream.meter))
    fresh = Meter(compiled=False)
    with pytest.raises(InputRefusedError, match=says):
        fresh.restore(io.BytesIO(state))
    fresh.read_bytes(generate.pcap(generate.conversations(Random(1), 5)))
    assert fresh.coverage() == stream.meter.coverage()


def test_a_meter_with_pieces_on_the_disk_has_no_checkpoint() -> None:
    meter = Meter(compiled=False, spill=lambda rows: None)
    meter.spills = 1
    with pytest.raises(ValueError, match="on the disk"):
        meter.checkpoint(io.BytesIO())


def test_what_is_compared_holds_something() -> None:
    stream = Stream(compiled=True)
    for file, path in enumerate(SAMPLES):
        stream.read(open_source(path), file)
    flows, claims, _, coverage, _ = stream.said()
    assert len(flows) > 100
    assert len(claims) > 10
    assert coverage.packets > 1000
