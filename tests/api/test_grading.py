"""A clause is satisfied only when every rule that asks about it was verified and found nothing."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.policies import city
from zoneguard.api.grading import NO_EXPORTS, NO_TRAFFIC, clause_grades, coverage_shortfall, rules_read
from zoneguard.findings.finding import AppliedWaiver, Clause, Finding, Severity, Verdict
from zoneguard.policy.model import FlowKind, Role
from zoneguard.report.model import Grade
from zoneguard.rules.base import Rule
from zoneguard.text import Text

SAID = Text(ja="文", en="sentence")
CLAUSES = {
    key: Clause(document="d", edition="e", section=key, text=key) for key in ("one", "two", "three", "bare")
}


def rule(name, *clauses, **rest):
    return Rule(
        id=name,
        name=name.lower(),
        order=1,
        severity=Severity.HIGH,
        clauses=clauses,
        title=SAID,
        why=SAID,
        remedy=SAID,
        example=SAID,
        false_positives=SAID,
        check=lambda evidence: iter(()),
        **rest,
    )


RULES = (
    rule("ZG-A01", "one", "two"),
    rule("ZG-A02", "two"),
    rule("ZG-H01", "three", needs_traffic=False, needs_exports=True),
)


def found(name, verdict=Verdict.VIOLATED, **rest):
    return Finding(
        rule=name,
        name=name,
        verdict=verdict,
        severity=Severity.HIGH,
        title=SAID,
        message=SAID,
        remedy=SAID,
        **rest,
    )


def graded(*findings, rules=RULES, traffic=True, exports=True, **rest):
    rest = {"traffic_short": None, "exports_short": None, "observed": {"mynumber"}} | rest
    asked = rules_read(rules, findings, policy=city(), traffic=traffic, exports=exports, **rest)
    return {one.key: one for one in clause_grades(CLAUSES, rules, asked, findings)}


def grades(*findings, **rest):
    return {key: one.grade for key, one in graded(*findings, **rest).items()}


def test_nothing_found_by_rules_that_were_all_verified_satisfies():
    assert grades() == {
        "one": Grade.SATISFIED,
        "two": Grade.SATISFIED,
        "three": Grade.SATISFIED,
        "bare": Grade.UNVERIFIABLE,
    }


def test_a_rule_that_was_not_asked_leaves_its_clauses_unverifiable():
    assert grades(exports=False)["three"] is Grade.UNVERIFIABLE
    without = graded(traffic=False)
    assert without["one"].grade is Grade.UNVERIFIABLE
    assert without["one"].short == ("ZG-A01",)
    assert without["three"].grade is Grade.SATISFIED


def test_the_reason_names_the_evidence_that_is_missing():
    read = rules_read(
        RULES,
        (),
        policy=city(),
        observed=(),
        traffic=False,
        exports=False,
        traffic_short=None,
        exports_short=None,
    )
    assert [(one.asked, one.shortfall) for one in read] == [
        (False, NO_TRAFFIC),
        (False, NO_TRAFFIC),
        (False, NO_EXPORTS),
    ]


def test_traffic_that_was_not_seen_whole_satisfies_nothing_that_rests_on_it():
    told = grades(traffic_short=SAID)
    assert told["one"] is told["two"] is Grade.UNVERIFIABLE
    assert told["three"] is Grade.SATISFIED
    assert grades(exports_short=SAID)["three"] is Grade.UNVERIFIABLE


def test_a_rule_about_zones_that_were_not_observed_is_not_verified():
    of_lgwan = (rule("ZG-A03", "one", roles=(Role.LGWAN,)),)
    assert grades(rules=of_lgwan)["one"] is Grade.UNVERIFIABLE
    assert grades(rules=of_lgwan, observed={"lgwan"})["one"] is Grade.SATISFIED


def test_a_finding_counts_against_the_clauses_of_the_rules_that_hang_on_it():
    told = graded(found("ZG-H01", related=("ZG-A01",)))
    assert {key: one.violated for key, one in told.items()} == {"one": 1, "two": 1, "three": 1, "bare": 0}
    assert told["two"].grade is Grade.VIOLATED


def test_a_waived_finding_is_counted_apart_and_never_satisfies():
    waiver = AppliedWaiver(id="W", owner="o", reason="r", until="2027-01-01")
    told = graded(found("ZG-H01", waiver=waiver))["three"]
    assert (told.grade, told.violated, told.waived) == (Grade.REVIEW, 0, 1)


def test_the_worst_that_was_found_gives_the_grade():
    review = found("ZG-A02", Verdict.REVIEW)
    assert grades(review)["two"] is Grade.REVIEW
    assert grades(review, found("ZG-A01"))["two"] is Grade.VIOLATED
    assert grades(found("ZG-A02", Verdict.UNVERIFIABLE))["two"] is Grade.UNVERIFIABLE


FINDINGS = st.builds(
    found,
    st.sampled_from([one.id for one in RULES]),
    st.sampled_from(Verdict),
    related=st.lists(st.sampled_from([one.id for one in RULES]), max_size=2).map(tuple),
    waiver=st.none() | st.just(AppliedWaiver(id="W", owner="o", reason="r", until="2027-01-01")),
)


@given(st.lists(FINDINGS, max_size=4), st.booleans(), st.booleans(), st.sampled_from([None, SAID]))
def test_satisfied_means_verified_and_nothing_found_whatever_happened(findings, traffic, exports, short):
    for one in graded(*findings, traffic=traffic, exports=exports, traffic_short=short).values():
        touching = [finding for finding in findings if {finding.rule, *finding.related} & set(one.rules)]
        clean = bool(one.rules) and not one.short and not touching
        assert (one.grade is Grade.SATISFIED) is clean
        if any(finding.verdict is Verdict.VIOLATED and finding.waiver is None for finding in touching):
            assert one.grade is Grade.VIOLATED


def test_a_shortfall_of_coverage_is_told_of_the_kind_of_evidence_it_is_about():
    grave = found("ZG-I01", Verdict.UNVERIFIABLE)
    dropped = replace(grave, name="coverage-dropped", message=Text(ja="落", en="dropped"))
    placed = replace(grave, name="coverage-placement", message=Text(ja="口", en="placement"))
    told = [replace(dropped, severity=Severity.INFO), placed, dropped]
    assert coverage_shortfall(told, of_exports=False) == dropped.message
    assert coverage_shortfall(told, of_exports=True) == placed.message
    assert coverage_shortfall(told[:1], of_exports=False) is None


def test_flows_that_were_not_opened_leave_the_rules_that_open_them_unverified():
    rules = (replace(RULES[0], opens=True), *RULES[1:])
    assert grades(rules=rules)["one"] is Grade.SATISFIED
    assert grades(rules=rules, all_opened=False)["one"] is Grade.UNVERIFIABLE


def test_a_rule_without_a_subject_in_the_policy_satisfies_nothing():
    rules = (replace(RULES[0], kinds=(FlowKind.BREAKOUT,)), *RULES[1:])
    assert grades(rules=rules)["one"] is Grade.UNVERIFIABLE
