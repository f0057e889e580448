"""A finding: one disagreement, the clause it touches and the evidence that anybody can re-check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from zoneguard.text import Text


class Verdict(StrEnum):
    """不適合 / 要確認 / 検証不能."""

    VIOLATED = "violated"
    REVIEW = "review"
    UNVERIFIABLE = "unverifiable"


class Severity(StrEnum):
    """How much it matters, gravest first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


BaselineState = Literal["new", "unchanged", "absent"]

SEVERITY_ORDER: tuple[Severity, ...] = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A passage of law or ordinance; `verified` is False where the number was not checked in the source."""

    document: str
    edition: str
    section: str
    text: str
    verified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketLocator:
    """Where to find the packet again: input, frame number as Wireshark counts, time in ns since 1970."""

    file: str
    frame: int
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLocator:
    """Where to find the line again."""

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One end of what a finding speaks of."""

    zone: str
    address: str | None = None
    port: int | None = None
    mac: str | None = None
    vlan: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedWaiver:
    """The waiver that covers a finding: owner, reason, last day (ISO date)."""

    id: str
    owner: str
    reason: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One disagreement. Fields that do not apply are None and are left out of the report."""

    rule: str  # ZG-A05
    name: str  # reverse-initiation
    verdict: Verdict
    severity: Severity
    title: Text
    message: Text
    remedy: Text
    clauses: tuple[Clause, ...] = ()
    orig: Party | None = None
    resp: Party | None = None
    protocol: int | None = None  # IANA number
    service: str | None = None  # tcp/3389
    state: str | None = None  # attempt | established | data
    initiator: str | None = None  # orig | unknown
    flows: int | None = None
    packets: int | None = None
    bytes: int | None = None
    first_seen: int | None = None  # ns since 1970
    last_seen: int | None = None
    locators: tuple[PacketLocator | LineLocator, ...] = ()
    device: str | None = None  # whose export this is about
    line: str | None = None  # of that device, as its people call it: "policy 12"
    allowed_by: str | None = None  # nearest allowed flow
    related: tuple[str, ...] = ()  # rules that hang on this primary finding
    waiver: AppliedWaiver | None = None
    baseline: BaselineState | None = None  # None: held against no earlier report
    fingerprint: str = ""
