"""When the sensor watches."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zoneguard.sensor.config import Period, Recurrence
from zoneguard.sensor.schedule import SECOND, is_cron, latest_begin, next_begin, period_of

TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
CRONS = ("0 * * * *", "*/20 * * * *", "30 1 * * *", "30 2 * * *", "0 9 * * 1-5", "15 0-4 * * *", "0 0 29 2 *")


def at(text: str, zone=TOKYO, fold: int = 0) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)
    return int(moment.timestamp()) * SECOND


def local(instant: int, zone) -> str:
    return datetime.fromtimestamp(instant // SECOND, UTC).astimezone(zone).strftime("%m-%d %H:%M %Z")


def every(begin: str) -> Recurrence:
    return Recurrence(begin=begin, seconds=600)


def test_office_hours_begin_at_nine_on_working_days():
    hours = every("0 9 * * 1-5")
    assert latest_begin(hours, at("2026-11-27T12:00"), TOKYO) == at("2026-11-27T09:00")
    assert next_begin(hours, at("2026-11-27T12:00"), TOKYO) == at("2026-11-30T09:00")


def test_the_begin_itself_has_begun():
    moment = at("2026-11-27T09:00")
    assert latest_begin(every("0 9 * * *"), moment, TOKYO) == moment
    assert next_begin(every("0 9 * * *"), moment, TOKYO) == at("2026-11-28T09:00")
    assert latest_begin(every("0 9 * * *"), moment - 1, TOKYO) == at("2026-11-26T09:00")


def test_a_time_that_spring_leaves_out_comes_after_the_gap():
    gap = next_begin(every("30 2 * * *"), at("2026-03-08T01:00", NEW_YORK), NEW_YORK)
    assert local(gap, NEW_YORK) == "03-08 03:00 EDT"
    assert latest_begin(every("30 2 * * *"), gap, NEW_YORK) == gap


def test_a_time_that_autumn_repeats_comes_once():
    first = next_begin(every("30 1 * * *"), at("2026-10-31T12:00", NEW_YORK), NEW_YORK)
    assert local(first, NEW_YORK) == "11-01 01:30 EDT"
    again = at("2026-11-01T01:10", NEW_YORK, fold=1)
    assert latest_begin(every("30 1 * * *"), again, NEW_YORK) == first
    assert local(next_begin(every("30 1 * * *"), again, NEW_YORK), NEW_YORK) == "11-02 01:30 EST"


def test_minutes_of_every_hour_go_by_real_time_when_clocks_change():
    begin, begins = at("2026-11-01T00:00", NEW_YORK), []
    for _ in range(4):
        begin = next_begin(every("0 * * * *"), begin, NEW_YORK)
        begins.append(begin)
    assert [b - a for a, b in pairwise(begins)] == [3600 * SECOND] * 3


@settings(max_examples=150, deadline=None)
@given(
    cron=st.sampled_from(CRONS),
    now=st.one_of(
        st.integers(at("2026-01-01T00:00"), at("2028-12-31T00:00")),
        st.integers(at("2026-11-01T00:00", NEW_YORK), at("2026-11-01T04:00", NEW_YORK)),
        st.integers(at("2026-03-08T00:00", NEW_YORK), at("2026-03-08T05:00", NEW_YORK)),
    ),
    zone=st.sampled_from([TOKYO, NEW_YORK, ZoneInfo("Australia/Lord_Howe")]),
)
@example(cron="30 1 * * *", now=at("2026-11-01T01:10", NEW_YORK, fold=1), zone=NEW_YORK)
def test_looking_back_and_looking_ahead_agree(cron, now, zone):
    recurrence = every(cron)
    before, after = latest_begin(recurrence, now, zone), next_begin(recurrence, now, zone)
    assert before <= now < after
    assert latest_begin(recurrence, after, zone) == after
    assert next_begin(recurrence, before, zone) == after
    assert latest_begin(recurrence, after - 1, zone) == before


@pytest.mark.parametrize(
    "text", ["", "* * * *", "* * * * * *", "60 * * * *", "0 0 31 2 *", "0 9 * * 1-x", "０ * * * *"]
)
def test_what_cron_would_not_run_is_no_schedule(text):
    assert not is_cron(text)


@pytest.mark.parametrize("text", CRONS)
def test_what_cron_runs_is_a_schedule(text):
    assert is_cron(text)


def test_a_period_is_a_day_or_a_week_of_the_policys_time_zone():
    midnight = at("2026-11-23T00:00")
    assert period_of(midnight, Period.DAY, TOKYO) == "2026-11-23"
    assert period_of(midnight - 1, Period.DAY, TOKYO) == "2026-11-22"
    assert period_of(midnight - 1, Period.WEEK, TOKYO) == "2026-W47"
    assert period_of(midnight, Period.WEEK, TOKYO) == "2026-W48"
