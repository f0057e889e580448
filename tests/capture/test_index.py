from __future__ import annotations

import json
from itertools import pairwise
from random import Random

import pytest

from tests.naive import generate
from zoneguard.capture import layout, reading, tables
from zoneguard.capture.index import LEAST_STRETCHES, MOST_SETTINGS, MOST_STRETCHES, Index, Spans, share


def noted(times, *, most, settings=lambda i: b"one"):
    """Note a stretch of ten octets and one frame for each time."""
    index = Index(most=most)
    latest = 0
    for i, time in enumerate(times):
        latest = max(latest, time)
        index.note(
            begin=24 + 10 * i,
            end=34 + 10 * i,
            before=i,
            frames=1,
            least=time,
            latest=latest,
            setting=settings(i),
        )
    return index


@pytest.mark.parametrize("most", [2, 3, 4, 7, 64])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 64, 65, 1000])
def test_an_index_is_told_as_plain_data_and_made_of_it_again(most, count):
    index = noted(range(count), most=most, settings=lambda i: b"one" if i < count // 2 else b"\0two")
    assert list(Index.of(json.loads(json.dumps(index.told())))) == list(index)


@pytest.mark.parametrize("most", [2, 3, 4, 7, 64])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 64, 65, 1000])
def test_stretches_are_merged_beyond_the_bound_and_none_is_lost(most, count):
    random = Random(most * 1000 + count)
    times = [random.randrange(1000) for _ in range(count)]
    stretches = list(noted(times, most=most))
    assert len(stretches) <= max(most, 2)
    assert (stretches[0].begin, stretches[-1].end) == (24, 24 + 10 * count)
    for one, following in pairwise(stretches):
        assert (one.end, one.before + one.frames) == (following.begin, following.before)
    for stretch in stretches:
        held = times[stretch.before : stretch.before + stretch.frames]
        assert stretch.frames * 10 == stretch.end - stretch.begin
        assert (stretch.least, stretch.latest) == (min(held), max(times[: stretch.before + stretch.frames]))
        assert stretch.so_far == max(times[: stretch.before], default=0)


def test_a_capture_of_many_sections_keeps_a_bounded_number_of_settings():
    stretches = list(noted(range(500), most=1000, settings=lambda i: str(i).encode()))
    assert len({stretch.setting for stretch in stretches}) == len(stretches) == MOST_SETTINGS
    assert stretches[-1].end == 24 + 10 * 500


def test_inputs_share_the_room_that_a_run_has():
    assert share(1) == MOST_STRETCHES
    assert share(64) * 64 == MOST_STRETCHES
    assert share(100_000) == LEAST_STRETCHES


def test_spans_of_time_meet_where_they_have_a_moment_in_common():
    spans = Spans([(10, 20), (15, 30), (40, 40)])
    met = [at for at in range(50) if spans.meet(at, at)]
    assert met == [*range(10, 31), 40]
    assert spans.meet(0, 10)
    assert not spans.meet(31, 39)
    assert not Spans([]).meet(0, 1 << 62)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_meter_notes_the_earliest_and_the_latest_time_of_each_stretch(monkeypatch, compiled):
    for module in (reading, tables):
        monkeypatch.setattr(module, "CHUNK", 400)
    frames = [
        generate.Frame(0 if i == 0 else generate.BEGIN - i % 7 * generate.SECOND, bytes(60))
        for i in range(200)
    ]
    read = tables.Meter(compiled=compiled).read_bytes(generate.pcap(frames, nano=True))
    assert (read.first_seen, read.last_seen) == (0, generate.BEGIN)
    stretches = list(read.index)
    assert len(stretches) > 20
    assert sum(stretch.frames for stretch in stretches) == 200
    for stretch in stretches:
        held = [frame.time for frame in frames[stretch.before : stretch.before + stretch.frames]]
        assert stretch.least == min(held)
        assert max(held) <= stretch.latest <= layout.FURTHEST
