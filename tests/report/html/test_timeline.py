from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.report.sample import REVERSED, START, UNSEEN, WAIVED
from zoneguard.findings.finding import Verdict
from zoneguard.report.html.timeline import timeline
from zoneguard.report.when import time_zone

TOKYO = time_zone("Asia/Tokyo")
MINUTE = 60 * 10**9


def seen(start, length, verdict=Verdict.VIOLATED):
    return replace(REVERSED, first_seen=start, last_seen=start + length, verdict=verdict)


def test_findings_without_a_time_draw_nothing():
    assert timeline((UNSEEN, replace(WAIVED, first_seen=None)), None, TOKYO) is None


def test_ticks_are_round_times_of_the_policys_zone():
    drawn = timeline((seen(START, 0),), (START, START + 60 * MINUTE), TOKYO)
    assert drawn is not None
    assert [tick.label for tick in drawn.ticks] == [
        "2026-04-01 09:10",
        "09:20",
        "09:30",
        "09:40",
        "09:50",
        "10:00",
    ]


def test_a_new_day_is_named():
    drawn = timeline((seen(START, 0),), (START, START + 30 * 60 * MINUTE), TOKYO)
    assert drawn is not None
    assert [tick.label for tick in drawn.ticks] == [
        "2026-04-01 12:00",
        "18:00",
        "2026-04-02 00:00",
        "06:00",
        "12:00",
    ]


def test_times_that_touch_are_one_bar_and_count_what_went_on_at_once():
    drawn = timeline(
        (seen(START, 10 * MINUTE), seen(START + 5 * MINUTE, 10 * MINUTE), seen(START + 50 * MINUTE, 0)),
        (START, START + 60 * MINUTE),
        TOKYO,
    )
    assert drawn is not None
    (row,) = drawn.rows
    assert row.findings == 3
    assert [bar.findings for bar in row.bars] == [2, 1]


def test_what_violates_is_told_from_what_is_to_be_reviewed():
    drawn = timeline(
        (seen(START, MINUTE), seen(START + 30 * MINUTE, MINUTE, Verdict.REVIEW)),
        (START, START + 60 * MINUTE),
        TOKYO,
    )
    assert drawn is not None
    assert [bar.is_violated for bar in drawn.rows[0].bars] == [True, False]


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.integers(0, 2**61)), min_size=1, max_size=50))
def test_any_times_give_a_drawing_of_bounded_size_within_its_axis(times):
    drawn = timeline([seen(start, length) for start, length in times], None, TOKYO)
    assert drawn is not None
    assert len(drawn.ticks) <= 8 or times
    (row,) = drawn.rows
    assert 1 <= len(row.bars) <= 120
    assert all(drawn.left - 0.1 <= bar.x and bar.x + bar.width <= drawn.right + 0.1 for bar in row.bars)
