from __future__ import annotations

import pytest

from tests.rules.building import ASP, DAY, MN, SECOND, allowed, city, end, evidence, judged, only, talk
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.policy.model import FlowKind, Sensor
from zoneguard.rules.catalogue import judge
from zoneguard.rules.evidence import Decision

OWN, OTHER, VIRTUAL = 0x021010000051, 0x021010000099, 0x00005E000107
ELTAX = allowed("SP-05", end("mynumber", MN, macs=(OWN,)), end("ext_lgwan", ASP), 443, kind=FlowKind.TOKUTEI)


def eltax(mac, **more):
    return talk(MN, ASP, 443, decision=Decision.ALLOWED, allowed_by="SP-05", orig_mac=mac, **more)


def test_a_registered_address_from_another_mac_is_for_review():
    finding = only(eltax(OTHER), policy=city(ELTAX))
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-C03", Verdict.REVIEW, Severity.HIGH)
    assert "02:10:10:00:00:51" in finding.message.ja
    assert "02:10:10:00:00:99" in finding.message.en


@pytest.mark.parametrize("mac", [OWN, 0])
def test_the_registered_mac_and_no_mac_at_all_are_not_reported(mac):
    assert judged(eltax(mac), policy=city(ELTAX)) == ()


@pytest.mark.parametrize(
    ("adjacent", "mac", "verdict"),
    [
        (True, OTHER, Verdict.REVIEW),
        (False, OTHER, Verdict.UNVERIFIABLE),
        (True, VIRTUAL, Verdict.UNVERIFIABLE),
    ],
)
def test_behind_a_router_the_mac_cannot_be_verified(adjacent, mac, verdict):
    sensors = [Sensor(id="S1", l2_adjacent=adjacent)]
    assert only(eltax(mac, sensor="S1"), policy=city(ELTAX, sensors=sensors)).verdict is verdict


def until(day, *, seen):
    flow = allowed("SP-07", end("mynumber"), end("ext_lgwan"), 443, until=day)
    return judged(policy=city(flow), allowed_seen={"SP-07": (DAY, DAY)} if seen else {})


def test_an_ended_approval_whose_traffic_goes_on_is_a_violation():
    (finding,) = until("2026-11-15", seen=True)
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-C04", Verdict.VIOLATED, Severity.HIGH)
    assert finding.allowed_by == "SP-07"


def test_an_ended_approval_without_traffic_is_for_review():
    (finding,) = until("2026-11-15", seen=False)
    assert finding.verdict is Verdict.REVIEW


@pytest.mark.parametrize("day", ["2026-11-16", "2026-12-16"])
def test_the_last_day_still_counts_and_the_last_thirty_days_are_told(day):
    (finding,) = until(day, seen=True)
    assert finding.severity is Severity.INFO


def test_an_approval_with_time_left_is_not_reported():
    assert until("2026-12-17", seen=True) == ()


def required(window, seen=None, observed=None):
    flow = allowed("A-WU", end("lgwan"), end("ext_lgwan"), 8530, required_every=86_400)
    policy = city(flow)
    zones = frozenset(one.id for one in policy.zones) if observed is None else observed
    return [
        finding
        for finding in judge(
            evidence(
                policy=policy,
                window=(0, window),
                allowed_seen={"A-WU": seen} if seen else {},
                zones_observed=zones,
            )
        )
        if finding.rule == "ZG-C07"
    ]


def test_a_required_flow_that_is_absent_for_too_long_is_reported():
    (never,) = required(3 * DAY)
    (stopped,) = required(3 * DAY, seen=(0, DAY))
    assert never.verdict is stopped.verdict is Verdict.REVIEW
    assert "172,800 seconds" in stopped.message.en


def test_a_required_flow_that_was_seen_in_time_is_not_reported():
    assert required(3 * DAY, seen=(SECOND, 3 * DAY - SECOND)) == []
    assert required(SECOND, seen=(0, 0)) == []


def test_a_window_too_short_or_elsewhere_cannot_tell_of_a_required_flow():
    for told in (required(SECOND), required(3 * DAY, observed=frozenset({"mgmt"}))):
        assert [finding.verdict for finding in told] == [Verdict.UNVERIFIABLE]
