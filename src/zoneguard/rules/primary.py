"""One conversation, one primary finding: the most specific speaks, the others hang on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard.findings.finding import SEVERITY_ORDER, Verdict
from zoneguard.policy.verdict import owed
from zoneguard.rules.sight import carriers, is_breach, is_tunnel_service, is_tunnelled
from zoneguard.rules.telling import fingerprint, merge, with_counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from zoneguard.findings.finding import Clause, Finding
    from zoneguard.policy.model import Policy
    from zoneguard.rules.base import Rule
    from zoneguard.rules.evidence import Evidence

# Lower is more specific: F02 > F01 > B01 > B02 > A05 > A06 > A01 > A08 > D03 > A04 > G > A03 > A02 > the rest.
# Family G yields to A03 where the two zones owe isolation or division: there the separation itself is
# the matter, and which service broke it is a detail.
_SERVICES = "ZG-G"
_AFTER_DIVISION = 85


def primaries(
    evidence: Evidence, found: Iterable[tuple[Rule, Finding]], cited: Mapping[str, tuple[Clause, ...]]
) -> Iterator[Finding]:
    """Give one finding for each subject, with the rules that also hold, merged where they say the same.

    `cited` are the clauses of each rule by its id.
    Findings speak of the same conversation when ends, service, state and first packet are the same.
    What carried a forbidden inner conversation is told together with it, not a second time.
    """
    told_inside = carriers(one for one in evidence.conversations if is_tunnelled(one) and is_breach(one))
    subjects: dict[object, list[tuple[int, Finding]]] = {}
    for rule, finding in found:
        if not _is_carrier(finding, told_inside):
            order = _rank(evidence.policy, rule, finding)
            subjects.setdefault(_subject(finding), []).append((order, finding))
    alike: dict[str, list[Finding]] = {}
    for subject, group in subjects.items():
        finding = _speaker(group, cited, name=subject if isinstance(subject, str) else None)
        alike.setdefault(finding.fingerprint, []).append(finding)
    for same in alike.values():
        yield with_counts(merge(same))


def _is_carrier(finding: Finding, told_inside: frozenset[frozenset[str]]) -> bool:
    if finding.orig is None or finding.resp is None or finding.protocol is None:
        return False
    pair = frozenset({finding.orig.address, finding.resp.address})
    return pair in told_inside and is_tunnel_service(finding.protocol, finding.resp.port or 0)


def _rank(policy: Policy, rule: Rule, finding: Finding) -> int:
    if not rule.id.startswith(_SERVICES) or finding.orig is None or finding.resp is None:
        return rule.order
    is_owed = owed(policy, finding.orig.zone, finding.resp.zone) is not None
    return _AFTER_DIVISION if is_owed else rule.order


def _subject(finding: Finding) -> object:
    if finding.state is None or not finding.locators:
        return fingerprint(finding)  # which names the rule, too
    return finding.orig, finding.resp, finding.service, finding.state, finding.locators[0]


def _precedence(one: tuple[int, Finding]) -> tuple[int, int, str]:
    order, finding = one
    return list(Verdict).index(finding.verdict), order, finding.rule


def _speaker(
    group: list[tuple[int, Finding]], cited: Mapping[str, tuple[Clause, ...]], *, name: str | None
) -> Finding:
    """Let the most specific of the surest findings speak; it is as grave as the gravest that says as much.

    A violation never hangs on what is merely for review, nor that on what could not be verified. `name` is the
    fingerprint that all of them share, where they do.
    """
    first, hanging = group[0][1], {*group[0][1].related}
    grave = first.severity
    if len(group) > 1:  # most stand alone
        ranked = [finding for _, finding in sorted(group, key=_precedence)]
        first = ranked[0]
        hanging = {rule for finding in ranked for rule in (finding.rule, *finding.related)}
        grave = min(
            (finding.severity for finding in ranked if finding.verdict is first.verdict),
            key=SEVERITY_ORDER.index,
        )
    return replace(
        first,
        related=tuple(sorted(hanging - {first.rule})),
        severity=grave,
        clauses=cited[first.rule],
        fingerprint=name or fingerprint(first),
    )
