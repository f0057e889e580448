"""What a sensor has counted since it started: for its metrics and its status."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneguard.findings.finding import Severity
    from zoneguard.sensor.commands import Window

SECOND = 1_000_000_000
LATENCIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0)  # upper bounds of the classes, in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceCounts:
    """One interface: what reached the meter, what the kernel dropped, how long nothing was seen."""

    packets: int = 0
    bytes: int = 0
    dropped: int = 0
    blind: float = 0.0  # seconds within scheduled watches


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolCounts:
    """One output: what waits for it, since when, and how it fares."""

    waiting: int = 0
    oldest: int | None = None  # of what waits, ns since 1970
    delivered: int = 0
    last_success: int | None = None  # ns since 1970
    failing: str | None = None  # why the last attempt failed


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCount:
    """How many open findings there are of a kind; no addresses."""

    rule: str
    severity: Severity
    orig: str  # zone
    resp: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long judgements took: how many in each class of LATENCIES, the last class for all above."""

    classes: tuple[int, ...] = (0,) * (len(LATENCIES) + 1)
    total: float = 0.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A snapshot. Interfaces and outputs go by name."""

    started: int = 0  # ns since 1970
    interfaces: dict[str, InterfaceCounts] = field(default_factory=dict)
    spools: dict[str, SpoolCounts] = field(default_factory=dict)
    findings: tuple[FindingCount, ...] = ()
    flows: int = 0
    windows: int = 0  # judged
    files: int = 0  # read to their end
    files_refused: int = 0
    table_rows: int = 0
    table_room: int = 0
    judging: Latency = Latency()
    last_success: int | None = None  # of a commit, ns since 1970
    policy_refused: bool = False
    disk_low: bool = False


def with_window(counts: Counts, window: Window, seconds: float) -> Counts:
    """Add a judged window; `seconds` is how long its judgement took."""
    interfaces = dict(counts.interfaces)
    for name, dropped in window.dropped:
        one = interfaces.get(name, InterfaceCounts())
        interfaces[name] = replace(one, dropped=one.dropped + dropped)
    for blind in window.blind:
        one = interfaces.get(blind.interface, InterfaceCounts())
        interfaces[blind.interface] = replace(one, blind=one.blind + (blind.ended - blind.begun) / SECOND)
    return replace(
        counts,
        interfaces=interfaces,
        windows=counts.windows + 1,
        files=counts.files + len(window.files),
        files_refused=counts.files_refused + len(window.refused),
        judging=_with_latency(counts.judging, seconds),
    )


def _with_latency(latency: Latency, seconds: float) -> Latency:
    at = bisect_left(LATENCIES, seconds)
    classes = tuple(number + (place == at) for place, number in enumerate(latency.classes))
    return Latency(classes=classes, total=latency.total + seconds)
