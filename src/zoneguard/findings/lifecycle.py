"""The life of a finding between judgements: new, ongoing, gone, returned, and what of it must be told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.findings.finding import SEVERITY_ORDER, Severity
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zoneguard.findings.finding import Finding

NANOSECONDS = 1_000_000_000
_OVER = Text(ja="消滅した指摘", en="A finding that is gone")  # in memory alone: the store keeps the words

Blind = tuple[int, int]  # ns since 1970: from, to


class Status(StrEnum):
    """Where a finding stands after the last judgement."""

    NEW = "new"  # its present spell began with this judgement
    ONGOING = "ongoing"
    GONE = "gone"


class Change(StrEnum):
    """What happened to a finding that somebody must be told, once."""

    NEW = "new"
    RETURNED = "returned"
    GRAVER = "graver"
    GONE = "gone"


class Key(NamedTuple):
    """Whose finding, and which."""

    sensor: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Somebody knows and deals with it; times in ns since 1970, without `until` for as long as it lasts."""

    by: str
    at: int
    note: str = ""
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is remembered of one finding; times in ns since 1970.

    Invariants: `told` is the gravest severity told in the present spell and None in a spell that was never
    told (all of it waived); a finding that is gone is neither told nor acknowledged; `first_seen` never
    grows and `last_seen` never shrinks.
    """

    key: Key
    finding: Finding  # as last judged
    status: Status
    first_seen: int
    last_seen: int
    spell: int = 1  # counts from one: how often it came
    told: Severity | None = None
    acknowledged: Acknowledgement | None = None

    @property
    def severity(self) -> Severity:
        """Give the severity of the last judgement."""
        return self.finding.severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One thing to tell, with what is known after it."""

    change: Change
    known: Known
    before: Severity | None = None  # of GRAVER and GONE: the gravest that was told until now


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one judgement changes: every finding known after it that differs from before, and what to tell."""

    known: tuple[Known, ...]
    tellings: tuple[Telling, ...]


Settled = tuple[Known, Telling | None]


def advance(
    known: Mapping[Key, Known],
    findings: Iterable[Finding],
    *,
    sensor: str,
    now: int,
    gone_after: float,
    blind: Sequence[Blind] = (),
) -> Step:
    """Hold a judgement against what is known of this sensor's findings.

    `findings` may be cumulative: what is in it with no newer packets than before is no new sighting. A finding without packets (of an
    export, of the coverage) is seen whenever it is judged. It is gone when `gone_after` seconds of
    observation have passed since its last sighting; the intervals in `blind` are no observation, so that a sensor
    that saw nothing never gives an all-clear. `now` is in ns since 1970, on the clock that the packets were stamped by.
    Order: gravest first, then by fingerprint. Linear in findings and known.
    """

    def settled(after: Known, finding: Finding | None) -> Settled:
        observed = _observed(after.last_seen, now, blind)
        return _settled(after, finding, now=now, over=observed > gone_after * NANOSECONDS)

    present = _present(findings)
    unseen = {key.fingerprint: one for key, one in known.items() if key.sensor == sensor}
    changed: list[Known] = []
    tellings: list[Telling] = []
    for fingerprint, finding in present.items():
        before = unseen.pop(fingerprint, None)
        after = _sighted(before, finding, sensor=sensor, now=now)
        _collect(settled(after, finding), before, changed, tellings)
    for before in unseen.values():
        _collect(settled(before, None), before, changed, tellings)
    tellings.sort(key=lambda one: (_rank(one.known.severity), one.known.key))
    changed.sort(key=lambda one: one.key)
    return Step(known=tuple(changed), tellings=tuple(tellings))


def is_acknowledged(known: Known, now: int) -> bool:
    """Tell whether an acknowledgement holds at a time."""
    given = known.acknowledged
    return given is not None and (given.until is None or now < given.until)


def acknowledge(known: Known, given: Acknowledgement) -> Known:
    """Put an acknowledgement on a finding; raises ValueError when it is gone, for then there is nothing to deal with."""
    if known.status is Status.GONE:
        raise ValueError("A finding that is gone cannot be acknowledged.")
    return replace(known, acknowledged=given)


def remembered(known: Known) -> Known:
    """Give what need be held in memory: of what is gone its times and its spell, and no words, clauses or places."""
    if known.status is not Status.GONE or known.finding.title is _OVER:
        return known
    finding = replace(
        known.finding, title=_OVER, message=_OVER, remedy=_OVER, clauses=(), locators=(), related=()
    )
    return replace(known, finding=finding)


def graver(one: Severity, other: Severity) -> bool:
    """Tell whether the first severity is graver than the second."""
    return _rank(one) < _rank(other)


def _rank(severity: Severity) -> int:
    return SEVERITY_ORDER.index(severity)


def _present(findings: Iterable[Finding]) -> dict[str, Finding]:
    """One finding a fingerprint: of several, the gravest, and an open one before a waived one."""
    present: dict[str, Finding] = {}
    for finding in findings:
        other = present.get(finding.fingerprint)
        if other is None or _weight(finding) < _weight(other):
            present[finding.fingerprint] = finding
    return present


def _weight(finding: Finding) -> tuple[bool, int, int]:
    return finding.waiver is not None, _rank(finding.severity), -(finding.last_seen or 0)


def _sighted(before: Known | None, finding: Finding, *, sensor: str, now: int) -> Known:
    """Put what the judgement saw into what is known; a spell begins where there was none or it was gone."""
    last_seen = now if finding.last_seen is None else finding.last_seen
    first_seen = last_seen if finding.first_seen is None else finding.first_seen
    if before is None:
        return Known(
            key=Key(sensor, finding.fingerprint),
            finding=finding,
            status=Status.NEW,
            first_seen=min(first_seen, last_seen),
            last_seen=last_seen,
        )
    if before.status is Status.GONE and last_seen <= before.last_seen:
        return before  # a cumulative judgement still holds what is over
    returned = before.status is Status.GONE
    return replace(
        before,
        finding=finding,
        status=Status.NEW if returned else Status.ONGOING,
        first_seen=min(before.first_seen, first_seen),
        last_seen=max(before.last_seen, last_seen),
        spell=before.spell + returned,
    )


def _settled(
    after: Known,
    finding: Finding | None,
    *,
    now: int,
    over: bool,
) -> Settled:
    """Decide whether it is over, what to tell, and whether its acknowledgement still holds."""
    if after.status is Status.GONE:
        return after, None
    if after.status is not Status.NEW or finding is None:
        after = replace(after, status=Status.ONGOING)
        if over:
            gone = replace(after, status=Status.GONE, told=None, acknowledged=None)
            told = after.told is not None
            return gone, Telling(change=Change.GONE, known=gone, before=after.told) if told else None
    if after.acknowledged is not None and not is_acknowledged(after, now):
        after = replace(after, acknowledged=None)
    if finding is None or finding.waiver is not None:
        return after, None
    if after.told is not None and not graver(after.severity, after.told):
        return after, None
    now_told = replace(after, told=after.severity, acknowledged=None)
    change = Change.GRAVER if after.told else Change.NEW if after.spell == 1 else Change.RETURNED
    return now_told, Telling(change=change, known=now_told, before=after.told)


def _observed(since: int, now: int, blind: Sequence[Blind]) -> int:
    """Count the nanoseconds between two times in which something could have been seen."""
    return max(now - since, 0) - sum(end - start for start, end in _union(since, now, blind))


def _union(since: int, now: int, blind: Sequence[Blind]) -> Iterator[Blind]:
    reached = since
    for start, end in sorted(blind):
        start, end = max(start, reached), min(end, now)  # noqa: PLW2901 - cut to what is asked for
        if start < end:
            yield start, end
            reached = end


def _collect(
    settled: Settled,
    before: Known | None,
    changed: list[Known],
    tellings: list[Telling],
) -> None:
    after, telling = settled
    if after != before:
        changed.append(after)
    if telling is not None:
        tellings.append(telling)
