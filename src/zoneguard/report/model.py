"""The report as a value: the JSON contract `zoneguard.report/1`, decided elsewhere and only said here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from zoneguard.findings.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zoneguard.errors import ExitCode
    from zoneguard.findings.finding import Clause, Finding, Verdict
    from zoneguard.findings.passage import Passage
    from zoneguard.text import Lang, Text

SCHEMA = "zoneguard.report/1"

InputKind = Literal["capture", "export"]
InputStatus = Literal["read", "partial", "refused"]
WaiverState = Literal["active", "expiring", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What made the report."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRead:
    """A zone as declared: its role is the word of zones.yaml (mynumber, lgwan, internet, …)."""

    id: str
    role: str
    name: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRead:
    """The policy that was judged by; all times of the report are told in its time zone."""

    path: str
    sha256: str
    organization: Text
    model: str
    timezone: str
    zones: tuple[ZoneRead, ...] = ()
    to_decide: int = 0  # points that people still have to decide (`zoneguard policy lint` names them)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRead:
    """One piece of evidence: what it is, how much of it was read, and what stood in the way."""

    path: str
    kind: InputKind
    format: str
    size: int
    status: InputStatus
    sha256: str | None = None
    packets: int | None = None
    first_seen: int | None = None  # ns since 1970
    last_seen: int | None = None
    lines: int | None = None  # of an export
    lines_not_understood: int | None = None
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unverifiable:
    """A rule that cannot be verified from here, and why (検証不能)."""

    rule: str
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was seen and what was not; never a silent zero."""

    packets: int = 0
    bytes: int = 0
    flows: int = 0
    decoded: int = 0
    not_decoded: Mapping[str, int] = field(default_factory=dict)  # reason → packets
    duplicates: int = 0
    truncated: int = 0
    dropped: int = 0
    opened: int = 0  # flows that the deep look opened
    not_opened: int = 0  # flows that it was to open and did not, for the bound on their number
    unknown_endpoints: int = 0
    zones_observed: tuple[str, ...] = ()
    zones_not_observed: tuple[str, ...] = ()
    unverifiable: tuple[Unverifiable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How many of what, and the exit code they amount to."""

    findings: int
    by_severity: Mapping[Severity, int]
    by_verdict: Mapping[Verdict, int]
    exit_code: ExitCode
    waived: int = 0
    fail_on: Severity = Severity.MEDIUM
    fail_on_new: bool = False  # only what is new against the baseline fails the run


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """What is declared and what was observed from one zone (who opened) to another."""

    orig: str
    resp: str
    allowed_flows: int
    observed_flows: int
    observed_packets: int
    observed_bytes: int
    violations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A line of the register: a flow the municipality allows, by whose approval, and when it was last seen.

    Dates are ISO dates. `observable` is False when neither of its zones was observed, so that its absence
    says nothing.
    """

    id: str
    kind: str  # screen | mail | file | tokutei | permit | breakout
    orig: str
    resp: str
    services: tuple[str, ...]
    observable: bool
    number: str | None = None
    by: str | None = None
    on: str | None = None
    until: str | None = None
    reason: str | None = None
    first_seen: int | None = None  # ns since 1970
    last_seen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRead:
    """A rule of the catalogue; not `asked` when the evidence it speaks of (captures, exports) was not given.

    A rule with a `shortfall` was not, or not wholly, verified in this run, for the reason told there.
    """

    id: str
    name: str
    severity: Severity
    title: Text
    why: Text
    remedy: Text
    asked: bool
    shortfall: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverRead:
    """A waiver of the policy, and how many findings it covers; `exceeded` are those too grave for it."""

    id: str
    rule: str
    owner: str
    reason: str
    until: str  # ISO date
    state: WaiverState
    covered: int
    exceeded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The earlier report that the findings were held against, and how they differ."""

    path: str
    sha256: str
    generated: int  # ns since 1970
    new: int
    unchanged: int
    absent: int
    notes: tuple[Text, ...] = ()  # what makes the two runs hard to compare


class Grade(StrEnum):
    """不適合 / 要確認 / 検証不能 / 適合（観測範囲内）, worst first."""

    VIOLATED = "violated"
    REVIEW = "review"
    UNVERIFIABLE = "unverifiable"
    SATISFIED = "satisfied"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseGraded:
    """A clause, the rules that ask about it, and what they found.

    Invariant: `grade` is SATISFIED only if some rule asks about the clause, none of them has a shortfall and
    nothing was found, waived findings included.
    """

    key: str
    clause: Clause
    grade: Grade
    rules: tuple[str, ...] = ()
    short: tuple[str, ...] = ()  # of these, the rules with a shortfall
    violated: int = 0
    review: int = 0
    waived: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run, judged; `absent` are findings of the baseline that this run did not make."""

    tool: Tool
    generated: int  # ns since 1970
    lang: Lang
    policy: PolicyRead
    inputs: tuple[InputRead, ...]
    coverage: Coverage
    summary: Summary
    matrix: tuple[MatrixCell, ...]
    findings: tuple[Finding, ...]
    gateways: tuple[Passage, ...] = ()
    rules: tuple[RuleRead, ...] = ()
    waivers: tuple[WaiverRead, ...] = ()
    baseline: Baseline | None = None
    absent: tuple[Finding, ...] = ()
    today: str | None = None  # ISO date that approvals and waivers were held against
    register: tuple[Registered, ...] = ()
    clauses: tuple[ClauseGraded, ...] = ()


def observed_period(report: Report) -> tuple[int, int] | None:
    """Give the first and the last packet of all inputs; None when no packet was read."""
    first = [one.first_seen for one in report.inputs if one.first_seen is not None]
    last = [one.last_seen for one in report.inputs if one.last_seen is not None]
    return (min(first), max(last)) if first and last else None
