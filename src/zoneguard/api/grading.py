"""The grade of each clause, from what was found and from what could not be asked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.report.model import ClauseGraded, Grade, RuleRead
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from zoneguard.findings.finding import Clause, Finding
    from zoneguard.policy.model import Policy, Role
    from zoneguard.rules.base import Rule

NO_TRAFFIC = Text(
    ja="通信の記録（キャプチャ）が与えられていないため、検証していません。",
    en="No capture was given, so this was not asked.",
)
NOT_OPENED = Text(
    ja="中を確かめるべきフローの一部を開いていないため、検証しきれていません（--look の数を増やしてください）。",
    en="Some flows that were to be opened were not, so this was not verified in full; give --look a greater number.",
)
NO_SUBJECT = Text(
    ja="方針に、この規則の対象となる許可が登録されていません。",
    en="The policy declares no flow that this rule is about.",
)
NO_EXPORTS = Text(
    ja="機器の設定が与えられていないため、検証していません。",
    en="No export of a device was given, so this was not asked.",
)


def rules_read(
    catalogue: Sequence[Rule],
    findings: Sequence[Finding],
    *,
    policy: Policy,
    observed: Container[str],
    traffic: bool,
    exports: bool,
    traffic_short: Text | None,
    exports_short: Text | None,
    all_opened: bool = True,
) -> tuple[RuleRead, ...]:
    """Tell of each rule what kept it from being verified; None of `…_short` means that evidence was whole.

    `observed` are the zones of which there was traffic; `all_opened` tells whether every flow that a rule
    asked for was looked into.
    """
    unverified: dict[str, Text] = {}
    for finding in findings:
        if finding.verdict is Verdict.UNVERIFIABLE:
            unverified.setdefault(finding.rule, finding.message)

    def shortfall(rule: Rule) -> Text | None:
        if not is_asked(rule, traffic=traffic, exports=exports):
            return NO_EXPORTS if rule.needs_exports and not exports else NO_TRAFFIC
        if rule.id in unverified:
            return unverified[rule.id]
        if rule.opens and not all_opened:
            return NOT_OPENED
        unseen = _no_subject(policy, rule) or (_unseen(policy, rule.roles, observed) if traffic else None)
        if unseen is not None:
            return unseen
        if exports and exports_short and (rule.needs_exports or not rule.needs_traffic):
            return exports_short
        return traffic_short if traffic and not _is_of_exports_alone(rule) else None

    return tuple(
        rule_read(rule, asked=is_asked(rule, traffic=traffic, exports=exports), shortfall=shortfall(rule))
        for rule in catalogue
    )


def rule_read(rule: Rule, *, asked: bool, shortfall: Text | None = None) -> RuleRead:
    """Say of a rule what a report holds of it."""
    return RuleRead(
        id=rule.id,
        name=rule.name,
        severity=rule.severity,
        title=rule.title,
        why=rule.why,
        remedy=rule.remedy,
        asked=asked,
        shortfall=shortfall,
    )


def is_asked(rule: Rule, *, traffic: bool, exports: bool) -> bool:
    """Tell whether the kinds of evidence that a rule speaks of were given."""
    return (traffic or not rule.needs_traffic) and (exports or not rule.needs_exports)


def clause_grades(
    clauses: Mapping[str, Clause],
    catalogue: Sequence[Rule],
    asked: Sequence[RuleRead],
    findings: Sequence[Finding],
) -> tuple[ClauseGraded, ...]:
    """Grade every clause of the table, in its order; one that no rule asks about cannot be verified here.

    A finding counts against the clauses of its rule and of the rules that hang on it, for it speaks for them.
    One that a waiver covers counts apart and leaves its clauses to be reviewed at best.
    """
    short = {rule.id for rule in asked if rule.shortfall is not None}
    cited = {rule.id: rule.clauses for rule in catalogue}
    counted: dict[str, Counter[str]] = {key: Counter() for key in clauses}
    for finding in findings:
        kind = "waived" if finding.waiver is not None else finding.verdict.value
        for key in {key for rule in (finding.rule, *finding.related) for key in cited.get(rule, ())}:
            counted[key][kind] += 1
    citing: dict[str, list[str]] = {}
    for rule in catalogue:
        for key in rule.clauses:
            citing.setdefault(key, []).append(rule.id)
    graded = []
    for key, clause in clauses.items():
        rules, counts = citing.get(key, []), counted[key]
        wanting = [rule for rule in rules if rule in short]
        graded.append(
            ClauseGraded(
                key=key,
                clause=clause,
                grade=_grade(counts, verified=bool(rules) and not wanting),
                rules=tuple(rules),
                short=tuple(wanting),
                violated=counts[Verdict.VIOLATED],
                review=counts[Verdict.REVIEW],
                waived=counts["waived"],
            )
        )
    return tuple(graded)


def coverage_shortfall(findings: Sequence[Finding], *, of_exports: bool) -> Text | None:
    """Give the first finding on coverage that leaves the run inconclusive, of the exports or of the traffic."""
    return next(
        (
            one.message
            for one in findings
            if one.verdict is Verdict.UNVERIFIABLE
            and one.severity is not Severity.INFO
            and one.rule == "ZG-I01"
            and one.name.endswith("-placement") is of_exports
        ),
        None,
    )


def _grade(counts: Counter[str], *, verified: bool) -> Grade:
    if counts[Verdict.VIOLATED]:
        return Grade.VIOLATED
    if counts[Verdict.REVIEW] or counts["waived"]:
        return Grade.REVIEW
    if counts[Verdict.UNVERIFIABLE] or not verified:
        return Grade.UNVERIFIABLE
    return Grade.SATISFIED


def _no_subject(policy: Policy, rule: Rule) -> Text | None:
    if not rule.kinds or any(flow.kind in rule.kinds for flow in policy.flows):
        return None
    return NO_SUBJECT


def _unseen(policy: Policy, roles: Sequence[Role], observed: Container[str]) -> Text | None:
    """Name the zones of the first of these roles of which nothing was observed; a role without zones is none."""
    for role in roles:
        zones = [zone for zone in policy.zones if policy.role(zone.id) is role]
        if zones and not any(zone.id in observed for zone in zones):
            return Text(
                ja=f"次の領域の通信が観測されていないため、検証できません: {'、'.join(zone.name.ja for zone in zones)}。",
                en=f"No traffic of {', '.join(zone.name.en for zone in zones)} was observed, so this cannot be verified.",
            )
    return None


def _is_of_exports_alone(rule: Rule) -> bool:
    return rule.needs_exports and not rule.needs_traffic
