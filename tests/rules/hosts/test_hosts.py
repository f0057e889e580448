from __future__ import annotations

from dataclasses import replace
from datetime import date
from ipaddress import ip_network

import pytest

from tests.rules.building import (
    DAY,
    GATEWAY_MAC,
    IN,
    IN_LEG,
    LG,
    LG_LEG,
    LG_ROUTER,
    LG_SERVER,
    MN,
    SCREEN,
    SECOND,
    STRANGER,
    attempt,
    city,
    claim,
    judged,
    only,
    talk,
)
from zoneguard.findings.finding import PacketLocator, Party, Severity, Verdict
from zoneguard.net.flow import ClaimKind, State
from zoneguard.policy.model import Sensor, Waiver
from zoneguard.rules.evidence import Decision

PC, VIRTUAL, ROGUE = 0x021620000077, 0x00005E000107, 0x02DEAD000001
TEN_MINUTES = 600 * SECOND


def in_both(mac=PC, *, apart=SECOND, one=(LG, 220), other=(IN, 320)):
    return claim(mac, *one), claim(mac, *other, seen=DAY + apart)


def test_a_device_that_claims_addresses_of_two_zones_at_one_time_is_a_violation():
    finding = only(claims=in_both())
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-E01", Verdict.VIOLATED, Severity.HIGH)
    assert {finding.orig.zone, finding.resp.zone} == {"lgwan", "internet"}
    assert len(finding.locators) == 2


def test_with_the_mynumber_zone_it_is_critical():
    assert only(claims=in_both(other=(MN, 120))).severity is Severity.CRITICAL


@pytest.mark.parametrize("mac", [GATEWAY_MAC, LG_ROUTER, VIRTUAL])
def test_registered_and_virtual_devices_may_stand_in_two_zones(mac):
    assert judged(claims=in_both(mac), policy=city(SCREEN, lgwan_routers=[LG_ROUTER])) == ()


def test_a_gateway_is_known_by_its_legs_too():
    legs = claim(PC, LG_LEG, 251), claim(PC, IN_LEG, 351)
    assert judged(claims=legs + in_both()) == ()


def test_a_docking_station_that_moved_is_not_dual_homed():
    assert judged(claims=in_both(apart=TEN_MINUTES + 1)) == ()


def test_what_forwards_for_others_looks_like_a_router_to_be_registered():
    carried = [
        talk(LG, LG_SERVER, port, decision=Decision.WITHIN, orig_mac=PC, resp_mac=PC) for port in (80, 81)
    ]
    claims = claim(PC, "172.16.20.1", 220), claim(PC, "192.168.20.1", 320)
    assert only(*carried, claims=claims).verdict is Verdict.REVIEW


def test_an_address_in_no_zone_is_for_review_once():
    talks = [talk(STRANGER, LG_SERVER, port, decision=Decision.UNKNOWN) for port in (80, 443)]
    finding = only(*talks)
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-E02", Verdict.REVIEW, Severity.MEDIUM)
    assert finding.orig.address == STRANGER
    assert finding.flows == 2


def test_unanswered_tries_towards_unknown_addresses_are_one_finding_of_their_source():
    tries = [attempt(talk(LG, f"172.31.0.{n}", 443, decision=Decision.UNKNOWN)) for n in range(1, 9)]
    finding = only(*tries)
    assert finding.orig.address == LG
    assert finding.severity is Severity.LOW


def test_a_device_in_no_inventory_is_for_review_where_there_is_one():
    claims = [claim(ROGUE, LG, 220)]
    assert only(claims=claims, policy=city(SCREEN, inventory=(PC,))).rule == "ZG-E02"
    assert judged(claims=claims, policy=city(SCREEN, inventory=(ROGUE,))) == ()
    assert judged(claims=claims) == ()


def strangers(*addresses, port=80):
    return [
        talk(
            one,
            LG_SERVER,
            port,
            decision=Decision.UNKNOWN,
            locator=PacketLocator(file="a", frame=n, time=DAY),
        )
        for n, one in enumerate(addresses, 1)
    ]


def test_addresses_in_no_zone_are_one_finding_that_leads_to_each():
    finding = only(*strangers("172.31.0.10", "172.31.0.9", "172.31.0.1", "172.31.1.1"))
    assert finding.orig == Party(zone="unknown")
    assert finding.flows == 4
    assert [one.frame for one in finding.locators] == [3, 2, 1, 4]
    assert finding.message.en.startswith(
        "4 addresses in no declared zone (172.31.0.1, 172.31.0.9, 172.31.0.10 and 1 more) took part in"
        " conversations, with lgwan among others."
    )
    assert "4 個のアドレス（172.31.0.1、172.31.0.9、172.31.0.10、ほか 1 個）" in finding.message.ja


def test_the_fingerprint_of_many_does_not_depend_on_who_and_how_many():
    some, others = (
        strangers("172.31.0.1", "172.31.0.2"),
        strangers(STRANGER, "172.31.0.9", "172.31.0.7", port=22),
    )
    assert only(*some).fingerprint == only(*others).fingerprint != only(*some[:1]).fingerprint


def test_collapsed_addresses_are_counted_among_many():
    many = talk(STRANGER, LG_SERVER, 22, decision=Decision.UNKNOWN, peers=1_000, first_seen=DAY + SECOND)
    many = replace(many, orig=replace(many.orig, address="1,000 addresses"))
    assert (
        "1,001 addresses in no declared zone (172.31.0.1 and 1,000 more)"
        in only(*strangers("172.31.0.1"), many).message.en
    )


def test_a_waived_address_stays_apart_from_many():
    waiver = Waiver(
        id="W-1",
        rule="ZG-E02",
        owner="情報政策課",
        reason="複合機",
        until=date(2027, 3, 31),
        networks=(ip_network(STRANGER),),
    )
    talks = strangers(STRANGER, "172.31.0.1", "172.31.0.2")
    found = judged(*talks, policy=city(SCREEN, waivers=[waiver]))
    assert [(one.orig.address, bool(one.waiver)) for one in found] == [(None, False), (STRANGER, True)]


def test_what_answered_and_what_was_tried_in_vain_are_told_apart():
    tries = [attempt(talk(one, STRANGER, 443, decision=Decision.UNKNOWN)) for one in (LG, LG_SERVER)]
    answers = [talk(LG, f"172.31.0.{n}", 80, decision=Decision.UNKNOWN) for n in (1, 2)]
    found = judged(*tries, *answers)
    assert {one.name for one in found} == {"unmanaged-address", "unmanaged-address-tried"}
    assert len({one.fingerprint for one in found}) == 2


def test_devices_in_no_inventory_are_one_finding_a_zone():
    claims = [claim(ROGUE + n, f"172.16.20.{n}", 220) for n in range(4)]
    finding = only(claims=claims, policy=city(SCREEN, inventory=(PC,)))
    assert (finding.packets, finding.orig) == (4, Party(zone="lgwan"))
    assert "4 devices in no inventory (02:de:ad:00:00:01" in finding.message.en


def test_a_sender_on_a_vlan_of_another_zone_is_for_review():
    finding = only(talk(LG, LG_SERVER, 443, decision=Decision.WITHIN, orig_vlan=320, orig_mac=PC))
    assert (finding.rule, finding.verdict) == ("ZG-E03", Verdict.REVIEW)


@pytest.mark.parametrize(("mac", "rules"), [(LG_ROUTER, set()), (ROGUE, {"ZG-E03"})])
def test_towards_the_vlans_own_zone_only_a_registered_router_may_send(mac, rules):
    coming = talk(IN, LG, 3389, decision=Decision.ALLOWED, orig_vlan=220, orig_mac=mac)
    found = judged(coming, policy=city(SCREEN, lgwan_routers=[LG_ROUTER]))
    assert {finding.rule for finding in found} == rules


@pytest.mark.parametrize("vlan", [220, 210, 0, 290, 4000])
def test_own_untagged_transit_and_undeclared_vlans_are_not_reported(vlan):
    assert judged(talk(LG, LG_SERVER, 443, decision=Decision.WITHIN, orig_vlan=vlan)) == ()


def test_a_sensor_behind_a_router_sees_any_source():
    seen = talk(LG, LG_SERVER, 443, decision=Decision.WITHIN, orig_vlan=320, sensor="S1")
    assert judged(seen, policy=city(SCREEN, sensors=[Sensor(id="S1", transit=True)])) == ()


@pytest.mark.parametrize("kind", [ClaimKind.DHCP_SERVER, ClaimKind.ROUTER_ADVERTISEMENT, ClaimKind.REDIRECT])
def test_an_unregistered_router_is_a_violation_where_routers_are_registered(kind):
    claims = [claim(ROGUE, "172.16.20.1", 220, kind=kind)]
    finding = only(claims=claims, policy=city(SCREEN, lgwan_routers=[LG_ROUTER]))
    assert (finding.rule, finding.verdict) == ("ZG-E04", Verdict.VIOLATED)
    assert only(claims=claims).verdict is Verdict.REVIEW


def test_unregistered_routers_are_told_together_only_where_none_are_registered():
    claims = [claim(ROGUE + n, f"172.16.20.{n}", 220, kind=ClaimKind.DHCP_SERVER) for n in range(3)]
    finding = only(claims=claims)
    assert (finding.rule, finding.orig) == ("ZG-E04", Party(zone="lgwan"))
    assert finding.message.en.startswith("3 devices not registered as routers (02:de:ad:00:00:01, ")
    assert len(judged(claims=claims, policy=city(SCREEN, lgwan_routers=[LG_ROUTER]))) == 3


def test_a_registered_router_is_not_reported():
    claims = [claim(LG_ROUTER, "172.16.20.1", 220, kind=ClaimKind.DHCP_SERVER)]
    assert judged(claims=claims, policy=city(SCREEN, lgwan_routers=[LG_ROUTER])) == ()


@pytest.mark.parametrize(("protocol", "port"), [(89, 0), (112, 0), (17, 1985), (17, 520)])
def test_routing_protocols_of_an_unregistered_device_are_reported(protocol, port):
    hello = talk(
        "172.16.20.9",
        "224.0.0.5",
        port,
        protocol=protocol,
        decision=Decision.LINK_SCOPE,
        state=State.ATTEMPT,
        orig_mac=ROGUE,
        orig_vlan=220,
    )
    assert only(hello, policy=city(SCREEN, lgwan_routers=[LG_ROUTER])).rule == "ZG-E04"


def broadcast(vlan):
    return talk(
        LG,
        "172.16.23.255",
        137,
        protocol=17,
        decision=Decision.LINK_SCOPE,
        state=State.ATTEMPT,
        orig_mac=PC,
        orig_vlan=vlan,
    )


def test_layer_two_of_one_zone_on_a_vlan_of_another_is_one_finding():
    finding = only(broadcast(320), claims=[claim(PC, LG, 320)])
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-E05", Verdict.REVIEW, Severity.MEDIUM)
    assert only(broadcast(120)).severity is Severity.HIGH


def test_layer_two_at_home_is_not_reported():
    assert judged(broadcast(220), claims=[claim(PC, LG, 220)]) == ()
