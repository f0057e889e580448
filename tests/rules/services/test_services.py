from __future__ import annotations

import pytest

from tests.rules.building import IN, LG, LG_SERVER, MGMT, attempt, judged, only, talk
from zoneguard.findings.finding import Verdict
from zoneguard.rules.evidence import Decision

LEAKS = [(17, 53, "ZG-G01"), (6, 853, "ZG-G01"), (17, 123, "ZG-G02"), (6, 3128, "ZG-G02"), (6, 389, "ZG-G03")]


@pytest.mark.parametrize(("protocol", "port", "rule"), LEAKS)
def test_a_service_across_zones_that_owe_nothing_speaks_for_itself(protocol, port, rule):
    finding = only(talk(MGMT, LG_SERVER, port, protocol=protocol))
    assert (finding.rule, finding.verdict) == (rule, Verdict.VIOLATED)
    assert finding.related == ("ZG-A03",)


@pytest.mark.parametrize(("protocol", "port", "rule"), LEAKS)
def test_a_service_across_divided_zones_hangs_on_the_crossing(protocol, port, rule):
    finding = only(talk(IN, LG_SERVER, port, protocol=protocol))
    assert finding.rule in {"ZG-A03", "ZG-B01"}
    assert rule in finding.related


@pytest.mark.parametrize(("protocol", "port", "rule"), LEAKS)
def test_a_service_within_a_zone_or_declared_or_denied_is_no_leak(protocol, port, rule):
    assert judged(talk(LG, LG_SERVER, port, protocol=protocol, decision=Decision.WITHIN)) == ()
    assert judged(talk(MGMT, LG_SERVER, port, protocol=protocol, decision=Decision.ALLOWED)) == ()
    assert only(attempt(talk(MGMT, LG_SERVER, port, protocol=protocol))).rule == "ZG-A02"
