"""A waiver covers what somebody accepted, and never hides anything worse."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.sample import REVERSED
from zoneguard.findings.finding import SEVERITY_ORDER, Severity
from zoneguard.policy.model import Waiver
from zoneguard.rules.catalogue import USUAL
from zoneguard.rules.waiving import register, waive

TODAY = "2026-11-16"
FINDING = replace(REVERSED, waiver=None)
WAIVER = Waiver(id="W-1", rule="ZG-A05", owner="情報政策課", reason="更改まで", until=date(2027, 3, 31))


def waived(finding, *waivers, usual=USUAL):
    return waive(finding, waivers, today=TODAY, usual=usual).waiver


@given(
    st.sampled_from(SEVERITY_ORDER),
    st.sampled_from(SEVERITY_ORDER),
    st.none() | st.sampled_from(SEVERITY_ORDER),
)
def test_a_waiver_never_covers_what_is_graver_than_it_was_made_for(severity, usual, own):
    waiver = replace(WAIVER, severity=own and own.value)
    applied = waived(replace(FINDING, severity=severity), waiver, usual={"ZG-A05": usual})
    most = own or usual
    assert (applied is not None) == (SEVERITY_ORDER.index(severity) >= SEVERITY_ORDER.index(most))


def test_the_same_finding_grown_critical_counts_again():
    medium = replace(WAIVER, severity="medium")
    grown = replace(FINDING, severity=Severity.CRITICAL)
    known = replace(FINDING, severity=Severity.MEDIUM)
    assert waived(known, medium) is not None
    assert waived(grown, medium) is None
    assert grown.fingerprint == known.fingerprint


def test_a_second_waiver_that_goes_further_covers_it():
    further = replace(WAIVER, id="W-2", severity="critical")
    assert waived(FINDING, replace(WAIVER, severity="low"), further).id == "W-2"


@pytest.mark.parametrize(
    ("days", "state"), [(-1, "expired"), (0, "expiring"), (30, "expiring"), (31, "active")]
)
def test_the_register_says_which_waivers_end(days, state):
    until = date.fromisoformat(TODAY) + timedelta(days=days)
    (entry,) = register([], [replace(WAIVER, until=until)], today=TODAY, usual=USUAL)
    assert entry.state == state


def test_the_register_counts_what_is_covered_and_what_is_too_grave():
    waiver = replace(WAIVER, severity="medium")
    found = [
        waive(replace(FINDING, severity=severity), [waiver], today=TODAY, usual=USUAL)
        for severity in (Severity.CRITICAL, Severity.MEDIUM, Severity.LOW)
    ]
    (entry,) = register(found, [waiver], today=TODAY, usual=USUAL)
    assert (entry.covered, entry.exceeded) == (2, 1)
    (ended,) = register(found, [replace(waiver, until=date(2026, 1, 1))], today=TODAY, usual=USUAL)
    assert (ended.covered, ended.exceeded) == (0, 0)
