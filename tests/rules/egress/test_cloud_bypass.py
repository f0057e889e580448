from __future__ import annotations

from tests.rules.building import EXIT_MAC, IN, SCREEN, WEB, attempt, city, judged, only, talk
from zoneguard.findings.finding import Verdict
from zoneguard.rules.evidence import Decision

CITY = city(SCREEN, exits=[EXIT_MAC])
SECOND_LINE = 0x02DEAD000001


def test_an_undeclared_way_to_the_internet_is_a_violation():
    finding = only(talk(IN, WEB, 443))
    assert (finding.rule, finding.verdict) == ("ZG-D03", Verdict.VIOLATED)


def test_a_declared_flow_through_an_unregistered_next_hop_is_a_violation():
    finding = only(talk(IN, WEB, 443, decision=Decision.ALLOWED, orig_next_hop=SECOND_LINE), policy=CITY)
    assert finding.rule == "ZG-D03"
    assert "02:de:ad:00:00:01" in finding.message.ja


def test_the_registered_exit_is_not_reported():
    assert judged(talk(IN, WEB, 443, decision=Decision.ALLOWED, orig_next_hop=EXIT_MAC), policy=CITY) == ()
    assert judged(talk(IN, WEB, 443, decision=Decision.ALLOWED), policy=CITY) == ()


def test_a_try_is_no_way_out():
    assert only(attempt(talk(IN, WEB, 443)), policy=CITY).rule == "ZG-A02"
