"""Held against an earlier report: what is new is never taken for known, and what became worse is new."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report.sample import REVERSED, UNSEEN, WAIVED
from zoneguard.findings.baseline import hold_against
from zoneguard.findings.finding import SEVERITY_ORDER, Severity, Verdict
from zoneguard.findings.threshold import fails

REVIEW = replace(REVERSED, severity=Severity.MEDIUM, verdict=Verdict.REVIEW)


def states(findings, earlier):
    held = hold_against(findings, earlier)
    return [one.baseline for one in held.findings], [one.fingerprint for one in held.absent]


def test_findings_are_new_unchanged_or_absent():
    assert states([REVERSED, UNSEEN], [UNSEEN, WAIVED]) == (["new", "unchanged"], ["77aa"])
    assert states([], [REVERSED]) == ([], ["5f2a"])
    assert states([REVERSED], []) == (["new"], [])
    assert hold_against([], [REVERSED]).absent[0].baseline == "absent"


@pytest.mark.parametrize(
    "worse",
    [{"severity": Severity.HIGH}, {"severity": Severity.CRITICAL}, {"verdict": Verdict.VIOLATED}],
)
def test_a_finding_that_became_worse_is_new(worse):
    assert states([replace(REVIEW, **worse)], [REVIEW]) == (["new"], [])
    assert states([REVIEW], [replace(REVIEW, **worse)]) == (["unchanged"], [])


def test_a_finding_whose_waiver_ended_is_new():
    assert states([replace(WAIVED, waiver=None)], [WAIVED]) == (["new"], [])
    assert states([WAIVED], [replace(WAIVED, waiver=None)]) == (["unchanged"], [])


@pytest.mark.parametrize("severity", SEVERITY_ORDER)
def test_only_what_is_new_fails_when_asked_so(severity):
    known, new = (replace(REVIEW, severity=severity, baseline=state) for state in ("unchanged", "new"))
    for threshold in SEVERITY_ORDER:
        grave = SEVERITY_ORDER.index(severity) <= SEVERITY_ORDER.index(threshold)
        assert fails(known, threshold, only_new=False) == grave
        assert fails(new, threshold, only_new=True) == grave
        assert not fails(known, threshold, only_new=True)
        assert not fails(replace(new, waiver=WAIVED.waiver), threshold, only_new=False)
        assert not fails(replace(new, verdict=Verdict.UNVERIFIABLE), threshold, only_new=False)
