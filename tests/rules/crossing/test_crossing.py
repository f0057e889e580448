from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rules.building import (
    ASP,
    DAY,
    IN,
    LG,
    LG_LEG,
    LG_SERVER,
    MGMT,
    MN,
    MN_CLOUD,
    SCHOOL,
    STRANGER,
    VDI,
    WEB,
    attempt,
    judged,
    only,
    talk,
)
from zoneguard.findings.finding import PacketLocator, Severity, Verdict
from zoneguard.net.flow import Payload, State
from zoneguard.rules.evidence import Decision


def shown(finding):
    return finding.rule, str(finding.verdict), str(finding.severity)


def test_an_unregistered_conversation_of_the_mynumber_zone_is_a_critical_violation():
    assert shown(only(talk(MN, LG, 8443))) == ("ZG-A01", "violated", "critical")


@pytest.mark.parametrize("decision", [Decision.ALLOWED, Decision.WITHIN])
def test_a_registered_conversation_of_the_mynumber_zone_is_not_reported(decision):
    assert judged(talk(MN, MN_CLOUD, 443, decision=decision)) == ()


def test_tries_of_one_source_are_one_finding_with_their_number():
    tries = [attempt(talk(MN, WEB, port, decision=Decision.FORBIDDEN)) for port in (443, 80, 8443)]
    finding = only(*(replace(one, flows=100) for one in tries))
    assert shown(finding) == ("ZG-A02", "review", "medium")
    assert finding.flows == 300
    assert finding.resp.address == WEB
    assert finding.service is None
    assert "300 times" in finding.message.en
    assert "300 回" in finding.message.ja


def test_known_noise_that_stays_denied_is_for_information_only():
    finding = only(attempt(talk(LG, WEB, 80, decision=Decision.NOISE)))
    assert shown(finding) == ("ZG-A02", "review", "info")
    assert "OS既定通信" in finding.message.ja


def test_noise_and_other_tries_of_one_source_stay_apart():
    noise = attempt(talk(LG, WEB, 80, decision=Decision.NOISE))
    other = attempt(talk(LG, WEB, 8081))
    assert sorted(finding.severity for finding in judged(noise, other)) == [Severity.INFO, Severity.LOW]


def swept(*addresses):
    return [
        attempt(talk(LG, address, 445, locator=PacketLocator(file="a", frame=n, time=DAY)))
        for n, address in enumerate(addresses, 1)
    ]


def test_a_sweep_of_many_zones_is_one_finding_that_counts_each():
    finding = only(*swept(MN, MN_CLOUD, IN, SCHOOL, WEB), attempt(talk(LG, IN, 22, flows=3)))
    assert (finding.name, finding.severity, finding.flows) == ("crossing-attempt-sweep", Severity.MEDIUM, 8)
    assert (finding.orig.address, finding.resp, len(finding.locators)) == (LG, None, 5)
    assert finding.message.en == (
        "172.16.20.5 (lgwan) tried 8 times to reach 5 zones; none was answered. By zone: mynumber 1 (1 target),"
        " mynumber_cloud 1 (1 target), internet 4 (1 target), the public Internet 1 (1 target), school 1"
        " (1 target). Seen were 8 flows, 6 packets and 3,600 octets."
    )


def test_the_fingerprint_of_a_sweep_does_not_depend_on_the_zones():
    assert (
        only(*swept(MN, IN, SCHOOL, WEB)).fingerprint == only(*swept(MN_CLOUD, IN, SCHOOL, WEB)).fingerprint
    )


def test_a_few_zones_are_told_one_by_one():
    assert len(judged(*swept(MN, IN, SCHOOL))) == 3


def test_noise_that_is_answered_is_no_longer_noise():
    assert only(talk(LG, IN, 9999, decision=Decision.NOISE)).verdict is Verdict.VIOLATED


def test_a_try_from_the_wrong_side_names_what_it_would_have_been():
    finding = only(attempt(talk(IN, LG, 3389, decision=Decision.REVERSED, allowed_by="A-SCR")))
    assert finding.rule == "ZG-A02"
    assert finding.related == ("ZG-A05",)


def test_nothing_is_tried_within_a_zone():
    assert judged(attempt(talk(LG, LG_SERVER, 443, decision=Decision.WITHIN))) == ()


def test_a_direct_conversation_between_divided_zones_is_a_violation():
    assert shown(only(talk(LG, IN, 1433))) == ("ZG-A03", "violated", "high")


def test_a_screen_session_opened_from_its_declared_side_is_not_reported():
    assert judged(talk(LG, VDI, 3389, decision=Decision.ALLOWED, allowed_by="A-SCR")) == ()


@pytest.mark.parametrize(
    ("orig", "severity", "rule"),
    [(LG, "high", "ZG-A04"), (MN, "critical", "ZG-A01"), (MGMT, "high", "ZG-A04")],
)
def test_a_closed_zone_that_reaches_a_public_address_is_a_violation(orig, severity, rule):
    assert shown(only(talk(orig, WEB, 5223))) == (rule, "violated", severity)


def test_an_external_network_with_a_public_address_is_for_review():
    assert shown(only(talk(ASP, WEB, 5223))) == ("ZG-A04", "review", "high")


def test_a_declared_flow_opened_from_the_wrong_side_is_a_violation():
    finding = only(talk(IN, LG, 3389, decision=Decision.REVERSED, allowed_by="A-SCR"))
    assert shown(finding) == ("ZG-A05", "violated", "high")
    assert finding.related == ("ZG-A03",)
    assert finding.allowed_by == "A-SCR"
    assert "A-SCR" in finding.message.ja


@pytest.mark.parametrize(
    ("decision", "rule"), [(Decision.REVERSED, "ZG-A05"), (Decision.OTHER_SERVICE, "ZG-A06")]
)
def test_of_the_mynumber_zone_the_special_case_speaks_and_is_critical(decision, rule):
    finding = only(talk(ASP, MN, 8443, decision=decision, allowed_by="SP-01"))
    assert shown(finding) == (rule, "violated", "critical")
    assert finding.related == ("ZG-A01",)


def test_an_unsure_opener_makes_a_violation_a_review():
    finding = only(talk(IN, LG, 3389, decision=Decision.REVERSED, allowed_by="A-SCR", certain=False))
    assert finding.verdict is Verdict.REVIEW
    assert finding.initiator == "unknown"
    assert "could not be told" in finding.message.en


def test_a_declared_pair_over_another_service_is_a_violation():
    finding = only(talk(LG, VDI, 9443, decision=Decision.OTHER_SERVICE, allowed_by="A-SCR"))
    assert shown(finding) == ("ZG-A06", "violated", "high")


def test_a_declared_flow_without_its_answers_is_for_review():
    heard = talk(
        LG,
        VDI,
        3389,
        decision=Decision.ALLOWED,
        allowed_by="A-SCR",
        resp_packets=0,
        orig_payload=Payload.OTHER,
    )
    assert "ZG-A07" in {finding.rule for finding in judged(heard)}


@pytest.mark.parametrize("change", [{"resp_packets": 5}, {"state": State.ATTEMPT}])
def test_a_declared_flow_with_answers_or_without_success_is_not_one_way(change):
    heard = talk(LG, VDI, 3389, decision=Decision.ALLOWED, allowed_by="A-SCR", resp_packets=0)
    assert judged(replace(heard, **change)) == ()


def test_a_network_out_of_scope_that_meets_a_zone_is_a_violation():
    assert shown(only(talk(SCHOOL, LG_SERVER, 9443))) == ("ZG-A08", "violated", "high")


def test_the_traffic_of_a_network_out_of_scope_with_the_internet_is_not_ours():
    assert shown(only(talk(SCHOOL, WEB, 443))) == ("ZG-A08", "review", "low")


def test_every_forbidden_conversation_that_came_about_gives_exactly_one_finding():
    ends = [MN, LG, IN, LG_LEG, MGMT, ASP, SCHOOL, WEB]
    for orig in ends:
        for resp in ends:
            if orig != resp:
                for port in (22, 25, 53, 443, 9443):
                    finding = only(talk(orig, resp, port))
                    assert finding.severity is not Severity.INFO


def test_an_end_in_no_zone_is_never_a_violation():
    for decision in (Decision.UNKNOWN, Decision.NOISE):
        assert only(talk(STRANGER, LG, 443, decision=decision)).verdict is Verdict.REVIEW
