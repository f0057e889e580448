from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rules.building import IN, LG, LG_SERVER, MN, WEB, allowed, city, end, judged, only, talk
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import State, Tunnel
from zoneguard.rules.evidence import Decision, TunnelSeen

VPN = allowed("B-TW", end("lgwan"), end("public"), 4500, protocol=17, tunnel=True)
VXLAN = TunnelSeen(
    kind=Tunnel.VXLAN, outer_orig=MN, outer_resp=IN, outer_zones=("mynumber", "internet"), number=7
)


@pytest.mark.parametrize(("protocol", "port"), [(47, 0), (50, 0), (17, 1194), (17, 51820), (6, 1723)])
def test_a_tunnel_across_zones_is_a_violation(protocol, port):
    finding = only(talk(LG, WEB, port, protocol=protocol))
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-F01", Verdict.VIOLATED, Severity.HIGH)


def test_a_tunnel_within_a_zone_is_for_review():
    finding = only(talk(LG, LG_SERVER, 0, protocol=47, decision=Decision.WITHIN))
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-F01", Verdict.REVIEW, Severity.MEDIUM)


def test_a_registered_tunnel_is_not_reported():
    vpn = talk(LG, WEB, 4500, protocol=17, decision=Decision.ALLOWED, allowed_by="B-TW")
    assert judged(vpn, policy=city(VPN)) == ()
    assert only(vpn, policy=city(replace(VPN, tunnel=False))).verdict is Verdict.REVIEW


def test_a_mirror_that_nobody_answers_is_no_tunnel():
    mirror = talk(
        LG, LG_SERVER, 0, protocol=47, decision=Decision.WITHIN, state=State.ATTEMPT, resp_packets=0
    )
    assert judged(mirror) == ()


def test_a_crossing_inside_a_tunnel_speaks_for_the_tunnel_too():
    inner = talk(MN, IN, 445, tunnel=VXLAN)
    there = talk(MN, IN, 4789, protocol=17, state=State.ATTEMPT)
    back = talk(IN, MN, 4789, protocol=17, state=State.ATTEMPT)
    finding = only(inner, there, back)
    assert (finding.rule, finding.severity) == ("ZG-F02", Severity.CRITICAL)
    assert {"ZG-A01", "ZG-F01"} <= set(finding.related)
    assert "VXLAN" in finding.message.ja


def test_a_tunnel_that_carries_nothing_forbidden_is_still_a_tunnel():
    inner = talk("172.16.20.8", "172.16.20.9", 445, decision=Decision.WITHIN, tunnel=VXLAN)
    there = talk(MN, IN, 4789, protocol=17, state=State.ATTEMPT)
    assert only(inner, there).rule == "ZG-F01"


def test_other_traffic_between_the_ends_of_a_tunnel_is_told_apart():
    found = judged(talk(MN, IN, 445, tunnel=VXLAN), talk(MN, IN, 9443))
    assert sorted(finding.rule for finding in found) == ["ZG-A01", "ZG-F02"]


@pytest.mark.parametrize("kind", [Tunnel.ERSPAN, Tunnel.MPLS, Tunnel.PPPOE])
def test_what_merely_carries_the_link_hides_nothing(kind):
    assert only(talk(MN, IN, 9443, tunnel=replace(VXLAN, kind=kind))).rule == "ZG-A01"


def v6(orig, resp, **more):
    return talk(orig, resp, 9443, **({"orig_vlan": 220, "resp_vlan": 220} | more))


def test_ipv6_in_an_ipv4_only_zone_is_one_finding_a_host():
    talks = [v6("2001:db8::31", f"2001:db8::{n}", decision=Decision.WITHIN) for n in (1, 2)]
    finding = only(*talks)
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-F03", Verdict.REVIEW, Severity.MEDIUM)
    assert finding.flows == 2


def test_neighbour_discovery_is_for_information_only():
    finding = only(
        v6("fe80::1", "ff02::1", decision=Decision.LINK_SCOPE, orig_zone="lgwan", resp_zone="lgwan")
    )
    assert (finding.rule, finding.severity) == ("ZG-F03", Severity.INFO)


def test_ipv6_where_it_is_declared_is_not_reported():
    home = {"orig_zone": "internet", "resp_zone": "internet", "orig_vlan": 320, "resp_vlan": 320}
    assert judged(v6("2001:db8::31", "2001:db8::1", decision=Decision.WITHIN, **home)) == ()


def test_ipv6_that_crosses_hangs_on_the_crossing():
    finding = only(v6("fd00::5", "2001:db8::1", orig_zone="lgwan", resp_zone="internet", resp_vlan=320))
    assert finding.rule == "ZG-A03"
    assert "ZG-F03" in finding.related
