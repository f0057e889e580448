"""When the sensor watches: recurrences as pure functions of the time, right across changes of the clocks.

Instants are ns since 1970. A recurrence begins where cron says, in a time zone, and lasts its seconds of real
time. Clock changes are taken as Debian's cron takes them: a time of day that spring leaves out comes just after
the gap, one that autumn repeats comes once, and minutes of every hour go by real time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cronsim import CronSim, CronSimError

from zoneguard.sensor.config import Period

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from zoneguard.sensor.config import Recurrence

SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEAR = 3 * 3600 * SECOND  # more than any zone has ever moved its clocks by


def is_cron(expression: str) -> bool:
    """Tell whether an expression has the five fields of cron and ever comes true."""
    if len(expression.split()) != 5 or not expression.isascii():
        return False
    try:
        next(CronSim(expression, _EPOCH))
    except (CronSimError, StopIteration):
        return False
    return True


def latest_begin(recurrence: Recurrence, now: int, zone: tzinfo) -> int | None:
    """Give the latest begin that is not after `now`; None when there was none for decades."""
    start = now + (_NEAR if _clocks_change_near(now, zone) else SECOND)
    return next((begin for begin in _begins(recurrence, start, zone, reverse=True) if begin <= now), None)


def next_begin(recurrence: Recurrence, now: int, zone: tzinfo) -> int | None:
    """Give the first begin after `now`; None when there will be none for decades."""
    start = now - (_NEAR if _clocks_change_near(now, zone) else 0)
    return next((begin for begin in _begins(recurrence, start, zone, reverse=False) if begin > now), None)


def period_of(now: int, period: Period, zone: tzinfo) -> str:
    """Name the day (2026-11-23) or the week (2026-W48) an instant falls in; later names sort later."""
    day = _moment(now, zone).date()
    if period is Period.DAY:
        return day.isoformat()
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


def _begins(recurrence: Recurrence, start: int, zone: tzinfo, *, reverse: bool) -> Iterator[int]:
    for moment in CronSim(recurrence.begin, _moment(start, zone), reverse=reverse):
        yield int(moment.timestamp()) * SECOND


def _clocks_change_near(now: int, zone: tzinfo) -> bool:
    """Tell whether a local time may be missing or doubled; only then is it worth looking further afield."""
    return len({_moment(now + far, zone).utcoffset() for far in (-_NEAR, 0, _NEAR)}) > 1


def _moment(instant: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(seconds=instant // SECOND)).astimezone(zone)
