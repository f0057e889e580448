"""What would be said once for each of many is said once of all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zoneguard.rules.telling import merge
from zoneguard.rules.waiving import naming
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from zoneguard.findings.finding import Finding, Party
    from zoneguard.rules.evidence import Evidence

NAMED = 3  # in the sentence; the locators lead to the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """A finding of one address, device or zone, as it would be told by itself."""

    finding: Finding
    name: str
    count: int = 1  # > 1: so many addresses were collapsed, and `name` is none of them


def together(
    evidence: Evidence,
    members: Sequence[Alone],
    sentence: Callable[[Sequence[Alone]], Text],
    *,
    name: str,
    orig: Party | None = None,
    resp: Party | None = None,
    least: int = 2,
) -> Iterator[Finding]:
    """Yield one finding of all members, each with a locator in their order; fewer than `least` stay apart.

    Its parties are as given, so that its fingerprint does not change with who joins; without `orig` it is
    what all members share. A waiver must cover it just as it covers each member: what is waived member by member stays so.
    """
    waived: dict[str | None, list[Alone]] = {}
    for member in members:
        waived.setdefault(_waiver(evidence, member.finding), []).append(member)
    for waiver, group in waived.items():
        findings = [member.finding for member in group]
        if len(group) >= least:
            merged = merge(findings)
            joined = replace(
                merged,
                name=name,
                message=sentence(group),
                orig=orig or merged.orig,
                resp=resp,
                service=None,
                allowed_by=None,
                locators=tuple(dict.fromkeys(finding.locators[0] for finding in findings)),
            )
            if _waiver(evidence, joined) == waiver:
                findings = [joined]
        yield from findings


def _waiver(evidence: Evidence, finding: Finding) -> str | None:
    # By name alone: of a group that grew too grave for its waiver, nothing is waived (catalogue.judge).
    found = next(naming(finding, evidence.policy.waivers, today=evidence.today), None)
    return found.id if found else None


def how_many(members: Sequence[Alone]) -> int:
    """Count the members, with those that were collapsed."""
    return sum(member.count for member in members)


def named(members: Sequence[Alone]) -> Text:
    """Name the first few, and say how many more there are."""
    names = [member.name for member in members if member.count == 1][:NAMED]
    more = how_many(members) - len(names)
    if not more:
        return Text(ja="、".join(names), en=", ".join(names))
    if not names:
        return Text(ja=f"{more:,} 個", en=f"{more:,}")
    return Text(ja=f"{'、'.join(names)}、ほか {more:,} 個", en=f"{', '.join(names)} and {more:,} more")
