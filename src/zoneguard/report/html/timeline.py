"""When findings were seen, as a drawing: a row for each rule, a bar for each time something was going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.findings.finding import SEVERITY_ORDER, Severity, Verdict
from zoneguard.report.when import SECOND, moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from zoneguard.findings.finding import Finding

_BINS = 120
_LEFT, _RIGHT = 90.0, 790.0
_WIDTH = 860.0
_ROW = 24.0
_TOP = 34.0
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STEPS = (
    *(1, 2, 5, 10, 15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY),
    *(91 * _DAY, 182 * _DAY, 365 * _DAY, 3650 * _DAY),
)  # seconds


class Tick(NamedTuple):
    """A time on the axis."""

    x: float
    label: str


class Bar(NamedTuple):
    """A time in which findings of a rule were going on, and how many began or went on there at most."""

    x: float
    width: float
    is_violated: bool
    findings: int


class Row(NamedTuple):
    """A rule, its gravest severity, and how many of its findings have a time."""

    rule: str
    severity: Severity
    findings: int
    y: float
    bars: tuple[Bar, ...]


class Timeline(NamedTuple):
    """The whole drawing, in the units of its view box."""

    width: float
    height: float
    left: float
    right: float
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]


def timeline(findings: Sequence[Finding], period: tuple[int, int] | None, zone: tzinfo) -> Timeline | None:
    """Draw the findings that have a time over the observed period; None when there is nothing to draw.

    Times are ns since 1970. At most 120 bars a row, however many findings there are.
    """
    timed = [
        one for one in findings if one.first_seen is not None and one.verdict is not Verdict.UNVERIFIABLE
    ]
    if not timed:
        return None
    spans = [(one.first_seen or 0, one.last_seen or one.first_seen or 0) for one in timed]
    begin = min([start for start, _ in spans] + ([period[0]] if period else []))
    end = max([stop for _, stop in spans] + ([period[1]] if period else []))
    end = max(end, begin + SECOND)
    of_rule: dict[str, list[Finding]] = {}
    for one in timed:
        of_rule.setdefault(one.rule, []).append(one)
    rows = []
    for at, (rule, group) in enumerate(
        sorted(of_rule.items(), key=lambda item: (_gravest(item[1]), item[0]))
    ):
        rows.append(
            Row(
                rule=rule,
                severity=SEVERITY_ORDER[_gravest(group)],
                findings=len(group),
                y=_TOP + at * _ROW,
                bars=tuple(_bars(group, begin, end)),
            )
        )
    return Timeline(
        width=_WIDTH,
        height=_TOP + len(rows) * _ROW + 8,
        left=_LEFT,
        right=_RIGHT,
        ticks=tuple(_ticks(begin, end, zone)),
        rows=tuple(rows),
    )


def _gravest(findings: Sequence[Finding]) -> int:
    return min(SEVERITY_ORDER.index(one.severity) for one in findings)


def _bars(group: Sequence[Finding], begin: int, end: int) -> list[Bar]:
    """Count findings in bins and join neighbouring bins that say the same."""
    step = [0] * (_BINS + 1)
    bad = [0] * (_BINS + 1)
    for one in group:
        first, last = one.first_seen or 0, one.last_seen or one.first_seen or 0
        start, stop = _bin(first, begin, end), _bin(last, begin, end) + 1
        step[start] += 1
        step[stop] -= 1
        if one.verdict is Verdict.VIOLATED:
            bad[start] += 1
            bad[stop] -= 1
    bars: list[Bar] = []
    wide = (_RIGHT - _LEFT) / _BINS
    running = violated = 0
    for at in range(_BINS):
        running, violated = running + step[at], violated + bad[at]
        if not running:
            continue
        x, is_bad = _LEFT + at * wide, violated > 0
        before = bars[-1] if bars else None
        if before and before.is_violated is is_bad and abs(before.x + before.width - x) < 0.01:
            bars[-1] = before._replace(width=before.width + wide, findings=max(before.findings, running))
        else:
            bars.append(Bar(x, wide, is_bad, running))
    return bars


def _bin(time: int, begin: int, end: int) -> int:
    return min(_BINS - 1, max(0, (time - begin) * _BINS // (end - begin)))


def _ticks(begin: int, end: int, zone: tzinfo) -> list[Tick]:
    """Mark round times of the zone, six at most; the first and every new day name the day."""
    long = (end - begin) / SECOND
    step = next((one for one in _STEPS if long / one <= 6), _STEPS[-1])
    offset = moment(begin, zone).utcoffset()
    shift = int(offset.total_seconds()) if offset else 0
    first = -((begin // -SECOND - shift) // step) * step - shift  # the first at or after the begin
    ticks = []
    told = ""
    for second in range(first, end // SECOND + 1, step):
        at = moment(second * SECOND, zone)
        day = at.date().isoformat()
        clock = at.strftime("%H:%M:%S" if step < _MINUTE else "%H:%M")
        label = day if step >= _DAY else clock if day == told else f"{day} {clock}"
        told = day
        ticks.append(Tick(_LEFT + (second * SECOND - begin) / (end - begin) * (_RIGHT - _LEFT), label))
    return ticks
