from __future__ import annotations

import pytest

from zoneguard.errors import MachineLacksError
from zoneguard.report.when import day, era_day, iso, short, time_zone


def test_a_time_keeps_all_its_digits():
    assert iso(1_775_001_600_000_000_001, time_zone("Asia/Tokyo")) == "2026-04-01T09:00:00.000000001+09:00"


def test_a_time_before_1970_is_told_too():
    assert iso(-1, time_zone("UTC")) == "1969-12-31T23:59:59.999999999+00:00"


@pytest.mark.parametrize("time", [-(2**63), 2**63 - 1])
def test_every_time_a_capture_can_hold_can_be_told(time):
    assert short(time, time_zone("Asia/Tokyo")).endswith("+09:00")


def test_the_day_is_that_of_the_zone():
    just_before = 1_774_969_200_000_000_000 - 1  # 2026-04-01 00:00 in Tokyo, less 1 ns
    assert day(just_before, time_zone("Asia/Tokyo")) == "2026-03-31"
    assert day(just_before + 1, time_zone("Asia/Tokyo")) == "2026-04-01"


def test_an_unknown_time_zone_is_refused_with_a_way_out():
    with pytest.raises(MachineLacksError, match="tzdata"):
        time_zone("Atlantis/Capital")


@pytest.mark.parametrize(
    ("day_", "told"),
    [
        ("2026-04-01", "令和8年4月1日"),
        ("2019-05-01", "令和元年5月1日"),
        ("2019-04-30", "平成31年4月30日"),
        ("1989-01-07", "昭和64年1月7日"),
        ("1912-07-29", "明治45年7月29日"),
        ("1873-01-01", "明治6年1月1日"),
        ("1872-12-31", None),
    ],
)
def test_a_day_is_told_in_the_japanese_era(day_, told):
    assert era_day(day_) == told
