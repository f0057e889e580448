"""What goes into the store and comes out of it, as plain values; all times are ns since 1970."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zoneguard.findings.finding import Finding, Severity
    from zoneguard.findings.lifecycle import Acknowledgement, Known, Status
    from zoneguard.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Blindness:
    """An interval in which nothing was observed, and why."""

    start: int
    end: int
    reason: str  # as the sensor names it: down, gone, outside the schedule…
    interface: str = ""  # empty: all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageWindow:
    """What one window of one run saw and did not see; a window committed again replaces itself."""

    start: int
    end: int
    packets: int = 0
    bytes: int = 0
    dropped: int = 0  # by the kernel
    truncated: int = 0
    not_decoded: Mapping[str, int] = field(default_factory=dict)  # reason → packets
    blind: tuple[Blindness, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDay:
    """The flows of one day between two zones by one service, as this run counted them so far.

    Committed again within the same run it replaces itself; the total of a day is the sum over runs.
    """

    day: str  # ISO date, in the policy's time zone
    orig_zone: str
    resp_zone: str
    service: str  # tcp/443
    flows: int
    packets: int
    bytes: int
    violations: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDone:
    """A capture file that was judged to its end."""

    path: str
    size: int
    mtime: int  # ns since 1970
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of the flow history; `number` never repeats for a sensor."""

    day: str
    number: int
    flows: int
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """Give the path below the folder of the history."""
        return f"day={self.day}/part-{self.number:08d}.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing to send to one sink; the body is JSON values, see sensor/messages.py."""

    sink: str
    kind: str  # findings | digest | notice
    body: Mapping[str, Any]
    items: int = 1  # how many things it tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """All that one judgement changes, written whole or not at all.

    `serial` counts a run's commits from one. A commit whose serial the run has already reached is not written again:
    after StoreUnavailableError hand in the very same commit until it is answered. `known` is what
    `findings.lifecycle.advance` gave. `findings` are all findings of the run so far; their counts replace those
    of the run's earlier commits.
    """

    sensor: str
    run: int
    serial: int
    at: int
    known: Sequence[Known] = ()
    findings: Sequence[Finding] = ()
    coverage: Sequence[CoverageWindow] = ()
    flow_days: Sequence[FlowDay] = ()
    files: Sequence[FileDone] = ()
    parts: Sequence[Part] = ()
    messages: Sequence[Message] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The number of a commit, counted per sensor; `pruned` tells rows given up to make room."""

    number: int
    pruned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A message in the outbox that was not delivered yet; those of one `batch` go out together, again and again."""

    sink: str
    sequence: int  # per sensor and sink, in the order of commits
    key: str  # the same at every attempt: receivers drop what they have seen
    kind: str
    body: Mapping[str, Any]
    items: int
    created: int
    attempts: int = 0
    next_attempt: int = 0
    batch: int | None = None  # sequence of the last of them


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFinding:
    """A finding with its life and its totals over all runs."""

    finding: Finding
    sensor: str
    status: Status
    first_seen: int
    last_seen: int
    spell: int
    acknowledged: Acknowledgement | None
    flows: int
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many findings of one severity stand where."""

    sensor: str
    severity: Severity
    status: Status
    acknowledged: int
    waived: int
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitDone:
    """One line of the log of commits."""

    sensor: str
    number: int
    run: int
    at: int
    findings: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolDepth:
    """What waits for one sink."""

    sensor: str
    sink: str
    waiting: int
    oldest: int | None
    attempts: int  # of the one at the head
    next_attempt: int | None
    delivered: int  # still kept
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run: one process lifetime within one judging period."""

    sensor: str
    run: int
    started: int
    last_commit: int | None
    serial: int
    policy_sha256: str
    tool_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageSum:
    """What a sensor saw and did not see in a period."""

    sensor: str
    windows: int
    packets: int
    bytes: int
    dropped: int
    truncated: int
    not_decoded: Mapping[str, int]
    blind: tuple[Blindness, ...]
    gaps: tuple[tuple[int, int], ...]  # parts of the period that no window speaks of


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many days what is over is kept; what is open or not yet delivered always is."""

    gone_findings: float = 400
    delivered: float = 30
    flow_days: float = 400
    coverage: float = 400
    runs: float = 30  # then their counts are folded into one row a finding or day
    files: float = 90
    commits: float = 30


class Began(StrEnum):
    """How a store came to be open."""

    FOUND = "found"
    NEW = "new"
    ANEW = "anew"  # the old file was corrupt and lies aside


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNotes:
    """What happened at opening; the notices are for the log, the sinks and the status page."""

    began: Began
    notices: tuple[Text, ...] = ()
