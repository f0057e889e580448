"""Nanoseconds since 1970 as ISO 8601 in a time zone, the offset always shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from zoneguard.errors import MachineLacksError
from zoneguard.text import Text

SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Known without a time zone database: these two have had one offset for as long as captures exist.
_FIXED: dict[str, tzinfo] = {"Asia/Tokyo": timezone(timedelta(hours=9), "JST"), "UTC": UTC}

_ERAS = (
    ("2019-05-01", "令和"),
    ("1989-01-08", "平成"),
    ("1926-12-25", "昭和"),
    ("1912-07-30", "大正"),
    ("1873-01-01", "明治"),
)


def time_zone(name: str) -> tzinfo:
    """Find a time zone by its IANA name; a machine without the database is told so."""
    if name in _FIXED:
        return _FIXED[name]
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise _no_zone(name) from error


def iso(time: int, zone: tzinfo) -> str:
    """Write a time with all nine digits of its fraction: 2026-04-01T09:00:00.123456789+09:00."""
    date, clock, offset = _second(time // SECOND, zone)
    return f"{date}T{clock}.{time % SECOND:09d}{offset}"


def short(time: int, zone: tzinfo) -> str:
    """Write a time for reading, to the millisecond: 2026-04-01 09:00:00.123+09:00."""
    date, clock, offset = _second(time // SECOND, zone)
    return f"{date} {clock}.{time % SECOND // 1_000_000:03d}{offset}"


def day(time: int, zone: tzinfo) -> str:
    """Write the day a time falls on: 2026-04-01."""
    return _second(time // SECOND, zone)[0]


def era_day(iso_date: str) -> str | None:
    """Write an ISO date in the Japanese era, as forms of the administration do: 令和8年4月1日.

    None before the Gregorian calendar was adopted (Meiji 6, 1873), where no day is meant by it.
    """
    for begin, era in _ERAS:
        if iso_date >= begin:
            year = int(iso_date[:4]) - int(begin[:4]) + (6 if era == "明治" else 1)
            return f"{era}{'元' if year == 1 else year}年{int(iso_date[5:7])}月{int(iso_date[8:10])}日"
    return None


def moment(time: int, zone: tzinfo) -> datetime:
    """Give a time as a datetime, cut to the microseconds that one can hold."""
    return (_EPOCH + timedelta(microseconds=time // 1000)).astimezone(zone)


@lru_cache(maxsize=4096)
def _second(seconds: int, zone: tzinfo) -> tuple[str, str, str]:
    moment = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone)
    text = moment.isoformat()
    return text[:10], text[11:19], text[19:]


def _no_zone(name: str) -> MachineLacksError:
    return MachineLacksError(
        Text(
            ja=f"タイムゾーン {name} の定義がこの機器にありません。tzdata を導入してください。",
            en=f"This machine does not know the time zone {name}; install tzdata.",
        )
    )
