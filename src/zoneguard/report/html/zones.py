"""The zones that a report speaks of, in the order in which its matrix and its graph show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.findings.finding import Verdict
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zoneguard.report.model import MatrixCell, Report
    from zoneguard.text import Lang

MOST_ZONES = 30  # that a matrix on A4 and a graph can show; those that matter most come first

# From the closed side to the open one, so that what crosses the tiers is drawn across the figure.
_ORDER = ("mynumber", "lgwan", "management", "border", "internet", "public", "external", "other")
_IMPLICIT = {
    "public": Text(ja="インターネット（公衆網）", en="public Internet"),
    "unknown": Text(ja="宣言のない領域", en="no declared zone"),
}


class Pair(NamedTuple):
    """What is to be shown of one direction between two zones; `found` counts findings, not flows."""

    orig: str
    resp: str
    allowed: int
    flows: int
    packets: int
    violations: int  # flows
    violated: int  # findings of verdict violated that no waiver covers
    review: int

    @property
    def is_bad(self) -> bool:
        """Tell whether something between the two violates the policy."""
        return bool(self.violations or self.violated)


def zone_pairs(report: Report) -> tuple[Pair, ...]:
    """Join the matrix with the findings: what exports permit is no traffic, and is shown as well."""
    cells = {(cell.orig, cell.resp): cell for cell in report.matrix}
    violated: dict[tuple[str, str], int] = {}
    review: dict[tuple[str, str], int] = {}
    for finding in report.findings:
        if finding.orig is None or finding.resp is None or finding.waiver is not None:
            continue
        kinds = {Verdict.VIOLATED: violated, Verdict.REVIEW: review}
        if finding.verdict in kinds:
            counted = kinds[finding.verdict]
            pair = finding.orig.zone, finding.resp.zone
            counted[pair] = counted.get(pair, 0) + 1
    return tuple(
        _pair(pair, cells.get(pair), violated.get(pair, 0), review.get(pair, 0))
        for pair in dict.fromkeys([*cells, *violated, *review])
    )


def shown_zones(report: Report, pairs: Sequence[Pair]) -> tuple[tuple[str, ...], int]:
    """Give the zones to show, from the closed side to the open one, and how many were left out for want of room."""
    weight: dict[str, int] = {zone.id: 0 for zone in report.policy.zones}
    for pair in pairs:
        for zone in (pair.orig, pair.resp):
            matters = 3 if pair.is_bad else 2 if pair.flows else 1
            weight[zone] = max(weight.get(zone, 0), matters)
    kept = sorted(weight, key=lambda zone: -weight[zone])[:MOST_ZONES]
    roles = {zone.id: zone.role for zone in report.policy.zones}
    declared = {zone: at for at, zone in enumerate(weight)}

    def place(zone: str) -> tuple[int, int]:
        role = roles.get(zone, zone)
        return (_ORDER.index(role) if role in _ORDER else len(_ORDER)), declared[zone]

    return tuple(sorted(kept, key=place)), len(weight) - len(kept)


def zone_names(report: Report) -> Mapping[str, str]:
    """Name every zone in the language of the report; one without a declaration keeps its id."""
    lang: Lang = report.lang
    named = {zone.id: zone.name.in_(lang) for zone in report.policy.zones}
    return {**{zone: name.in_(lang) for zone, name in _IMPLICIT.items()}, **named}


def _pair(pair: tuple[str, str], cell: MatrixCell | None, violated: int, review: int) -> Pair:
    return Pair(
        orig=pair[0],
        resp=pair[1],
        allowed=cell.allowed_flows if cell else 0,
        flows=cell.observed_flows if cell else 0,
        packets=cell.observed_packets if cell else 0,
        violations=cell.violations if cell else 0,
        violated=violated,
        review=review,
    )
