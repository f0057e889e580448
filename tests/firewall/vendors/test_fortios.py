from __future__ import annotations

from datetime import date
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.firewall.model import Action, Filter, LineState, Mapping, Rewrite
from zoneguard.firewall.parse import format_of, parse
from zoneguard.net.address import spans_of

HERE = Path(__file__).parent / "fortios"
EXPORTS = Path(__file__).resolve().parents[3] / "exports" / "fortios"
FIXTURES = sorted([*HERE.glob("*.conf"), *EXPORTS.glob("*.conf")])
PERMIT, DENY = Action.PERMIT, Action.DENY
HEAD = "#config-version=FGT60F-7.2.8-FW-build1639-240313:opmode=0:vdom=0:user=admin\n"
DEVICE = """config system interface
    edit "port1"
        set ip 10.1.0.1 255.255.0.0
    next
    edit "port2"
        set ip 10.2.0.1 255.255.0.0
    next
end
"""
OBJECTS = """config firewall address
    edit "a"
        set subnet 10.1.0.0 255.255.0.0
    next
    edit "b"
        set subnet 10.2.0.80 255.255.255.255
    next
end
"""
ORDINARY = {
    "srcintf": '"port1"',
    "dstintf": '"port2"',
    "action": "accept",
    "srcaddr": '"a"',
    "dstaddr": '"b"',
    "schedule": '"always"',
    "service": '"HTTPS"',
}


def policy(number=1, **changes):
    settings = {**ORDINARY, **{key.replace("_", "-"): value for key, value in changes.items()}}
    body = "".join(f"        set {key} {value}\n" for key, value in settings.items() if value is not None)
    return f"    edit {number}\n{body}    next\n"


def policies(*texts, table="policy"):
    return f"config firewall {table}\n{''.join(texts)}end\n"


def read(*texts, head=HEAD, device=DEVICE, objects=OBJECTS):
    return parse("fw.conf", (head + device + objects + "".join(texts)).encode(), format_name="fortios")


def only(*texts, **where):
    (ruleset,) = read(*texts, **where).rulesets
    return ruleset


def decide(ruleset, **packet):
    asked = {
        "ingress": "port1",
        "egress": "port2",
        "source": "10.1.0.9",
        "destination": "10.2.0.80",
        "protocol": 6,
        "dport": 443,
    }
    return verdict(ruleset, **{**asked, **packet})


def lines(ruleset):
    return next(step for step in ruleset.steps if isinstance(step, Filter)).lines


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_line_of_an_export_is_accounted_for(path):
    octets = path.read_bytes()
    result = parse(path.name, octets)
    assert result.format == "fortios"
    assert len(result.states) == len(octets.decode().splitlines())
    assert LineState.UNKNOWN not in result.states


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_no_secret_of_an_export_is_repeated(path):
    shown = repr(parse(path.name, path.read_bytes()))
    for secret in (
        "invented1",
        "invented-community",
        "inventedENC",
        "inventedKey",
        "inventedUser",
        "inventedPsk",
    ):
        assert secret not in shown


def test_secrets_leave_the_text_wherever_it_may_be_repeated():
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.fortios import FORMAT

    export = Export.of("vdoms.conf", (HERE / "vdoms.conf").read_bytes())
    FORMAT.parse(export)
    assert not [line for line in export.lines if "inventedKey" in line or "inventedENC" in line]
    assert export.redacted >= 6


def test_the_format_is_told_by_its_head_or_by_its_blocks():
    assert format_of(HEAD.encode()).name == "fortios"
    assert format_of(policies(policy()).encode()).name == "fortios"


def test_policies_are_asked_in_file_order_and_not_by_number():
    ruleset = only(policies(policy(9, action=None), policy(2)))
    assert decide(ruleset) == (DENY, "policy 9")


def test_a_policy_without_action_denies():
    assert decide(only(policies(policy(1, action=None)))) == (DENY, "policy 1")


def test_what_no_policy_matches_is_denied_by_the_device():
    ruleset = only(policies(policy(1)), "config log setting\n    set fwpolicy-implicit-log enable\nend\n")
    assert decide(ruleset, dport=22) == (DENY, "firewall policy default")
    assert ruleset.steps[0].default_log is True


def test_a_disabled_policy_stands_in_the_list_and_matches_nothing():
    ruleset = only(policies(policy(1, status="disable")))
    assert [line.enabled for line in lines(ruleset) if line.id == "policy 1"] == [False]
    assert decide(ruleset) == (DENY, "firewall policy default")


def test_moves_and_deletions_of_a_script_change_the_order():
    text = policies(policy(1), policy(2, action="deny"), policy(3), "    move 2 before 1\n    delete 3\n")
    assert [line.id for line in lines(only(text)) if not line.implicit] == ["policy 2", "policy 1"]


def test_a_later_block_changes_the_same_policy():
    ruleset = only(policies(policy(1)), policies("    edit 1\n        set status disable\n    next\n"))
    assert [line.enabled for line in lines(ruleset) if line.id == "policy 1"] == [False]


def test_a_zone_expands_to_its_interfaces_and_denies_between_them():
    zone = 'config system zone\n    edit "both"\n        set interface "port1" "port2"\n    next\nend\n'
    ruleset = only(zone, policies(policy(1, srcintf='"both"', dstintf='"port2"', dstaddr='"a"')))
    assert lines(ruleset)[0].match.ingress == {"port1", "port2"}
    assert {one.zone for one in ruleset.interfaces} == {"both"}
    assert decide(ruleset) == (DENY, "firewall policy default")


def test_a_zone_that_allows_inside_traffic_does_so_after_the_policies():
    zone = 'config system zone\n    edit "z"\n        set intrazone allow\n        set interface "port1" "port2"\n    next\nend\n'
    ruleset = only(zone, policies(policy(1, srcintf='"z"', dstintf='"z"', action="deny")))
    assert decide(ruleset) == (DENY, "policy 1")
    assert decide(ruleset, dport=22) == (PERMIT, "zone z intrazone")


def test_sd_wan_zones_expand_to_their_members():
    wan = """config system sdwan
    set status enable
    config zone
        edit "virtual-wan-link"
        next
        edit "overlay"
        next
    end
    config members
        edit 1
            set interface "port2"
        next
    end
end
"""
    ruleset = only(wan, policies(policy(1, dstintf='"virtual-wan-link"')))
    assert lines(ruleset)[0].match.egress == {"port2"}


def test_an_interface_that_nothing_defines_is_left_open():
    result = read(policies(policy(1, dstintf='"port77"')))
    (ruleset,) = result.rulesets
    assert decide(ruleset) == (None, "policy 1")
    assert [fault.state for fault in result.faults] == [LineState.UNKNOWN]


def test_a_fragment_without_interfaces_takes_their_names_from_the_policies():
    ruleset = only(policies(policy(1)), device="")
    assert decide(ruleset) == (PERMIT, "policy 1")
    assert [one.name for one in ruleset.interfaces] == ["port1", "port2"]


def test_negation_inverts_the_whole_list():
    ruleset = only(policies(policy(1, dstaddr='"a" "b"', dstaddr_negate="enable")))
    assert decide(ruleset) == (DENY, "firewall policy default")
    assert decide(ruleset, destination="10.2.0.81") == (PERMIT, "policy 1")
    assert decide(ruleset, destination="2001:db8::1") == (DENY, "firewall policy default")


def test_negated_services_are_all_others():
    ruleset = only(policies(policy(1, service='"HTTPS" "DNS"', service_negate="enable")))
    assert decide(ruleset) == (DENY, "firewall policy default")
    assert decide(ruleset, dport=53, protocol=17) == (DENY, "firewall policy default")
    assert decide(ruleset, dport=80) == (PERMIT, "policy 1")
    assert decide(ruleset, protocol=47, dport=0) == (PERMIT, "policy 1")


def test_a_group_excludes_members_and_nests():
    groups = """config firewall address
    edit "part"
        set type iprange
        set start-ip 10.1.0.100
        set end-ip 10.1.0.199
    next
end
config firewall addrgrp
    edit "inner"
        set member "a"
        set exclude enable
        set exclude-member "part"
    next
    edit "outer"
        set member "inner" "b"
    next
end
"""
    ruleset = only(groups, policies(policy(1, srcaddr='"outer"')))
    assert decide(ruleset) == (PERMIT, "policy 1")
    assert decide(ruleset, source="10.1.0.150") == (DENY, "firewall policy default")


def test_groups_in_a_circle_are_left_open():
    circle = """config firewall addrgrp
    edit "x"
        set member "y"
    next
    edit "y"
        set member "x"
    next
end
"""
    result = read(circle, policies(policy(1, srcaddr='"x"')))
    assert decide(result.rulesets[0]) == (None, "policy 1")
    assert result.faults


def test_a_wildcard_mask_need_not_be_contiguous():
    wildcard = """config firewall address
    edit "w"
        set type wildcard
        set wildcard 10.2.0.80 255.255.0.255
    next
end
"""
    ruleset = only(wildcard, policies(policy(1, dstaddr='"w"')))
    assert decide(ruleset, destination="10.2.77.80") == (PERMIT, "policy 1")
    assert decide(ruleset, destination="10.2.77.81") == (DENY, "firewall policy default")


def test_an_address_without_subnet_is_every_address():
    every = 'config firewall address\n    edit "e"\n    next\nend\n'
    assert decide(only(every, policies(policy(1, dstaddr='"e"'))), destination="203.0.113.9") == (
        PERMIT,
        "policy 1",
    )


def test_a_name_that_only_dns_can_resolve_is_a_may_beside_what_is_sure():
    fqdn = 'config firewall address\n    edit "f"\n        set type fqdn\n        set fqdn "x.example"\n    next\nend\n'
    result = read(fqdn, policies(policy(1, dstaddr='"b" "f"')))
    (ruleset,) = result.rulesets
    assert decide(ruleset) == (PERMIT, "policy 1")
    assert decide(ruleset, destination="203.0.113.9") == (None, "policy 1")
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED]


def test_an_address_that_nothing_defines_is_a_may():
    result = read(policies(policy(1, dstaddr='"nowhere"')))
    assert decide(result.rulesets[0], destination="203.0.113.9") == (None, "policy 1")
    assert result.faults[0].state is LineState.UNKNOWN


def test_port_ranges_hold_destination_then_source():
    service = 'config firewall service custom\n    edit "s"\n        set tcp-portrange 8000-8010:1024-2000 443\n    next\nend\n'
    ruleset = only(service, policies(policy(1, service='"s"')))
    assert decide(ruleset, dport=8005, sport=1500) == (PERMIT, "policy 1")
    assert decide(ruleset, dport=8005, sport=49152) == (DENY, "firewall policy default")
    assert decide(ruleset) == (PERMIT, "policy 1")


@pytest.mark.parametrize(
    ("name", "protocol", "dport", "expected"),
    [
        ("ALL", 132, 9, PERMIT),
        ("ALL_TCP", 6, 65535, PERMIT),
        ("ALL_TCP", 6, 0, DENY),
        ("DNS", 17, 53, PERMIT),
        ("PING", 1, 8 * 256, PERMIT),
        ("PING", 1, 0, DENY),
        ("ALL_ICMP", 1, 11 * 256, PERMIT),
        ("GRE", 47, 0, PERMIT),
        ("Windows AD", 6, 445, PERMIT),
        ("SAMBA", 6, 445, DENY),
    ],
)
def test_services_of_the_factory_need_no_definition(name, protocol, dport, expected):
    ruleset = only(policies(policy(1, service=f'"{name}"')))
    assert decide(ruleset, protocol=protocol, dport=dport)[0] is expected


def test_a_service_of_the_user_takes_the_place_of_one_of_the_factory():
    service = (
        'config firewall service custom\n    edit "HTTPS"\n        set tcp-portrange 8443\n    next\nend\n'
    )
    assert decide(only(service, policies(policy(1))))[0] is DENY


def test_icmp_types_and_codes():
    service = 'config firewall service custom\n    edit "i"\n        set protocol ICMP\n        set icmptype 3\n        set icmpcode 4\n    next\nend\n'
    ruleset = only(service, policies(policy(1, service='"i"')))
    assert decide(ruleset, protocol=1, dport=3 * 256 + 4)[0] is PERMIT
    assert decide(ruleset, protocol=1, dport=3 * 256 + 1)[0] is DENY


def test_several_icmp_types_in_one_service_are_left_open():
    # The device takes one; generators (Aerleon 1.18.0) write several.
    service = 'config firewall service custom\n    edit "i"\n        set protocol ICMP\n        set icmptype 0 8\n    next\nend\n'
    result = read(service, policies(policy(1, service='"i"')))
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED]
    assert decide(result.rulesets[0], protocol=1, dport=0)[0] is None


def test_a_one_time_schedule_gives_the_days_and_the_line_stays():
    once = 'config firewall schedule onetime\n    edit "t"\n        set start 00:00 2025/04/01\n        set end 00:00 2025/07/01\n    next\nend\n'
    (line, *_) = lines(only(once, policies(policy(1, schedule='"t"'))))
    assert (line.begins, line.expires) == (date(2025, 4, 1), date(2025, 6, 30))
    assert line.enabled


def test_a_recurring_schedule_is_a_may_and_one_of_all_week_is_not():
    again = """config firewall schedule recurring
    edit "office"
        set day monday
        set start 08:00
        set end 17:00
    next
    edit "week"
        set day sunday monday tuesday wednesday thursday friday saturday
    next
end
"""
    assert decide(only(again, policies(policy(1, schedule='"office"')))) == (None, "policy 1")
    assert decide(only(again, policies(policy(1, schedule='"week"')))) == (PERMIT, "policy 1")


def test_the_schedule_none_never_holds():
    assert decide(only(policies(policy(1, schedule='"none"')))) == (DENY, "firewall policy default")


def test_the_expiry_of_a_policy_is_its_last_day():
    ruleset = only(policies(policy(1, policy_expiry="enable", policy_expiry_date="2026-03-31 00:00:00")))
    assert lines(ruleset)[0].expires == date(2026, 3, 31)


@pytest.mark.parametrize(
    "setting", [{"groups": '"staff"'}, {"users": '"taro"'}, {"ztna_status": "enable"}, {"tos": "0x10"}]
)
def test_what_narrows_a_policy_makes_it_a_may(setting):
    result = read(policies(policy(1, **setting)))
    assert decide(result.rulesets[0]) == (None, "policy 1")
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED]


def test_a_setting_nobody_knows_makes_the_policy_a_may_and_is_told():
    result = read(policies(policy(1, only_on_full_moon="enable")))
    assert decide(result.rulesets[0]) == (None, "policy 1")
    assert [fault.state for fault in result.faults] == [LineState.UNKNOWN]


def test_an_internet_service_takes_the_place_of_destination_and_service():
    result = read(
        policies(
            policy(1, dstaddr=None, service=None, internet_service="enable", internet_service_name='"X"')
        )
    )
    assert decide(result.rulesets[0], destination="203.0.113.9", dport=9) == (None, "policy 1")
    assert result.faults


def test_a_policy_of_both_families_keeps_them_apart():
    v6 = 'config firewall address6\n    edit "a6"\n        set ip6 2001:db8:1::/64\n    next\nend\n'
    ruleset = only(v6, policies(policy(1, srcaddr6='"a6"', dstaddr6='"all"')))
    assert decide(ruleset, source="2001:db8:1::9", destination="2001:db8:2::9") == (PERMIT, "policy 1")
    assert decide(ruleset, source="2001:db8:9::9", destination="2001:db8:2::9")[0] is DENY
    assert decide(ruleset, destination="10.2.0.81")[0] is DENY


def test_all_of_one_family_is_not_all_of_the_other():
    ruleset = only(policies(policy(1, srcaddr='"all"', dstaddr='"all"', service='"ALL"')))
    assert decide(ruleset, source="2001:db8::1", destination="2001:db8::2")[0] is DENY


def test_the_older_ipv6_table_and_the_consolidated_one():
    six = policies(policy(4, srcaddr='"all"', dstaddr='"all"'), table="policy6")
    assert decide(only(six), source="2001:db8::1", destination="2001:db8::2") == (PERMIT, "policy6 4")
    assert decide(only(six))[0] is DENY
    both = policies(
        policy(
            5, srcaddr=None, dstaddr=None, srcaddr4='"a"', dstaddr4='"b"', srcaddr6='"all"', dstaddr6='"all"'
        ),
        table="consolidated policy",
    )
    assert decide(only(both)) == (PERMIT, "consolidated policy 5")
    assert decide(only(both), source="2001:db8::1", destination="2001:db8::2")[0] is PERMIT


VIP = """config firewall vip
    edit "v"
        set extip 10.1.0.250
        set mappedip "10.2.0.80"
        set extintf "port1"
        set portforward enable
        set extport 8443
        set mappedport 443
    next
end
"""
OUTER = {"destination": "10.1.0.250", "dport": 8443}
DENY_ALL = policy(1, action="deny", srcaddr='"all"', dstaddr='"all"', service='"ALL"', dstintf='"any"')
OLD = "#config-version=FGT60E-6.4.9-FW-build1966-220421:opmode=0:vdom=0:user=admin\n"


def test_a_virtual_ip_is_matched_as_the_packet_arrives_and_its_service_as_mapped():
    ruleset = only(VIP, policies(policy(1, dstaddr='"v"')))
    assert decide(ruleset, **OUTER) == (PERMIT, "policy 1")
    assert decide(ruleset) == (DENY, "firewall policy default")
    assert decide(only(VIP, policies(policy(1, dstaddr='"v"', service='"ALL_UDP"'))), **OUTER) == (
        DENY,
        "policy 0",
    )
    (_, rewrite) = ruleset.steps
    (translation,) = rewrite.translations
    assert translation.destination == Mapping(address=spans_of(ip_network("10.2.0.80"))[0], port=(443, 443))
    assert translation.source is None


def test_packets_of_a_virtual_ip_meet_no_policy_that_does_not_name_it():
    every = policy(1, srcaddr='"all"', dstaddr='"all"', service='"ALL"')
    ruleset = only(VIP, policies(every, policy(2, dstaddr='"v"', service='"SSH"')))
    assert decide(ruleset, **OUTER) == (DENY, "policy 0")


def test_a_virtual_ip_that_no_policy_names_takes_nothing():
    every = policy(1, srcaddr='"all"', dstaddr='"all"', service='"ALL"')
    assert decide(only(VIP, policies(every)), **OUTER) == (PERMIT, "policy 1")


def test_a_denial_of_everything_stops_a_virtual_ip_only_with_match_vip():
    text = (VIP, policies(DENY_ALL, policy(2, dstaddr='"v"')))
    assert decide(only(*text, head=OLD), **OUTER) == (PERMIT, "policy 2")
    assert decide(only(*text), **OUTER) == (DENY, "policy 1")
    assert decide(only(*text, head=""), **OUTER) == (None, "policy 1")
    without = (
        VIP,
        policies(
            DENY_ALL.replace("set schedule", "set match-vip disable\n        set schedule"),
            policy(2, dstaddr='"v"'),
        ),
    )
    assert decide(only(*without), **OUTER) == (PERMIT, "policy 2")


def test_groups_of_virtual_ips_and_ranges_of_ports():
    group = 'config firewall vipgrp\n    edit "g"\n        set member "v"\n    next\nend\n'
    ranged = VIP.replace("8443", "8000-8009").replace("mappedport 443", "mappedport 440-449")
    ruleset = only(ranged, group, policies(policy(1, dstaddr='"g"')))
    assert decide(ruleset, destination="10.1.0.250", dport=8003) == (PERMIT, "policy 1")
    assert decide(ruleset, destination="10.1.0.250", dport=8004) == (DENY, "policy 0")


def test_a_source_filter_limits_what_a_virtual_ip_takes():
    limited = VIP.replace("set portforward", 'set src-filter "10.1.0.0/28"\n        set portforward')
    ruleset = only(limited, policies(policy(1, dstaddr='"v"')))
    assert decide(ruleset, **OUTER) == (PERMIT, "policy 1")
    assert decide(ruleset, source="10.1.0.99", **OUTER) == (DENY, "firewall policy default")


def test_the_second_of_two_virtual_ips_on_one_place_is_a_may():
    second = VIP.replace('"v"', '"w"').replace("10.2.0.80", "10.2.0.81")
    ruleset = only(VIP, second, policies(policy(1, dstaddr='"w"'), policy(2, dstaddr='"v"')))
    assert decide(ruleset, **OUTER) == (None, "policy 1")


def test_a_balanced_virtual_ip_may_go_to_each_of_its_servers():
    balanced = """config firewall vip
    edit "v"
        set type server-load-balance
        set extip 10.1.0.250
        set extintf "port1"
        set server-type tcp
        set extport 443
        config realservers
            edit 1
                set ip 10.2.0.80
                set port 443
            next
            edit 2
                set ip 10.2.0.99
                set port 8443
            next
        end
    next
end
"""
    ruleset = only(balanced, policies(policy(1, dstaddr='"v"')))
    assert decide(ruleset, destination="10.1.0.250") == (None, "policy 1")
    assert [one.destination.port for one in ruleset.steps[1].translations] == [(443, 443), (8443, 8443)]


def test_source_nat_hides_behind_the_outgoing_interface_or_a_pool():
    (_, rewrite) = only(policies(policy(1, nat="enable"))).steps
    assert isinstance(rewrite, Rewrite)
    assert rewrite.translations[0].source.address == spans_of(ip_network("10.2.0.1"))[0]
    pool = 'config firewall ippool\n    edit "p"\n        set startip 10.2.0.40\n        set endip 10.2.0.43\n    next\nend\n'
    (_, rewrite) = only(pool, policies(policy(1, nat="enable", ippool="enable", poolname='"p"'))).steps
    assert rewrite.translations[0].source.address == spans_of(ip_network("10.2.0.40/30"))[0]


def test_a_policy_without_nat_keeps_its_packets_from_the_nat_of_a_later_one():
    (_, rewrite) = only(policies(policy(1), policy(2, service='"ALL"', nat="enable"))).steps
    assert [(one.id, one.source is None) for one in rewrite.translations] == [
        ("policy 1", True),
        ("policy 2", False),
    ]


CENTRAL = "config system settings\n    set central-nat enable\nend\n"


def test_with_central_nat_virtual_ips_act_alone_and_policies_see_the_mapped_address():
    snat = """config firewall central-snat-map
    edit 1
        set srcintf "port1"
        set dstintf "port2"
        set orig-addr "a"
        set dst-addr "all"
    next
end
"""
    ruleset = only(CENTRAL, VIP, snat, policies(policy(1)))
    assert [step.name for step in ruleset.steps] == ["vip", "firewall policy", "central-snat-map"]
    assert decide(ruleset, **OUTER) == (PERMIT, "policy 1")
    assert ruleset.steps[2].translations[0].source.address == spans_of(ip_network("10.2.0.1"))[0]


def test_a_central_entry_may_exempt():
    snat = 'config firewall central-snat-map\n    edit 1\n        set srcintf "any"\n        set dstintf "any"\n        set orig-addr "a"\n        set dst-addr "b"\n        set nat disable\n    next\nend\n'
    (one,) = only(CENTRAL, snat, policies(policy(1))).steps[-1].translations
    assert one.source is None


def test_policy_based_mode_leaves_every_permit_to_a_stage_that_is_not_modelled():
    mode = "config system settings\n    set ngfw-mode policy-based\nend\n"
    result = read(
        mode, policies(policy(1)), policies(policy(1, application="15832"), table="security-policy")
    )
    assert decide(result.rulesets[0]) == (None, "security-policy")
    assert decide(result.rulesets[0], dport=22) == (DENY, "firewall policy default")
    assert [fault.place.text for fault in result.faults] == ["config firewall security-policy"]


def test_an_administrative_vdom_forwards_nothing():
    assert only("config system settings\n    set vdom-type admin\nend\n").forwards is False


def test_packets_that_turn_round_on_one_interface_may_pass_without_policy():
    turn = {"egress": "port1", "destination": "10.1.0.77"}
    assert decide(only(policies(policy(1))), **turn) == (None, "allow-traffic-redirect")
    off = "config system global\n    set allow-traffic-redirect disable\nend\n"
    assert decide(only(off, policies(policy(1))), **turn) == (DENY, "firewall policy default")
    newer = "#config-version=FGT60F-7.6.5-FW-build3500-251001:opmode=0:vdom=0:user=admin\n"
    assert decide(only(policies(policy(1)), head=newer), **turn) == (DENY, "firewall policy default")


def test_each_vdom_is_a_device_of_its_own():
    result = parse("vdoms.conf", (HERE / "vdoms.conf").read_bytes())
    root, mynumber = result.rulesets
    assert [root.device, mynumber.device] == ["fw-reiji/root", "fw-reiji/MN"]
    assert [one.name for one in mynumber.interfaces] == ["mn1", "vlan110"]
    assert mynumber.interfaces[1].vlan == 110
    assert decide(mynumber, ingress="vlan110", egress="mn1") == (DENY, "policy 1")
    assert ip_network("2001:db8:20::/64") in root.interfaces[0].networks
    assert [route.interface for route in root.routes] == ["port2", "mn0"]


def test_a_value_over_several_lines_is_no_configuration():
    result = parse("full.conf", (HERE / "full.conf").read_bytes())
    (ruleset,) = result.rulesets
    assert [line.id for line in lines(ruleset) if not line.implicit] == ["policy 1", "policy 2", "policy6 1"]
    packet = {"ingress": "internal", "egress": "wan1", "source": "10.10.64.9", "destination": "203.0.113.9"}
    assert decide(ruleset, **packet) == (PERMIT, "policy 1")


def test_blocks_that_may_decide_and_are_not_modelled_are_told():
    result = parse("full.conf", (HERE / "full.conf").read_bytes())
    told = {fault.place.text for fault in result.faults}
    assert {"config firewall multicast-policy", "config router policy"} <= told


def test_a_block_nobody_knows_is_told():
    result = read("config firewall moon-policy\n    edit 1\n    next\nend\n", policies(policy(1)))
    assert [fault.place.text for fault in result.faults] == ["config firewall moon-policy"]
    assert result.states.count(LineState.UNKNOWN) == 4


def test_traffic_to_the_box_itself_is_not_in_the_model():
    result = read(
        'config firewall local-in-policy\n    edit 1\n        set intf "port1"\n    next\nend\n',
        policies(policy(1)),
    )
    assert not result.faults
    assert [line.id for line in lines(result.rulesets[0]) if not line.implicit] == ["policy 1"]


def test_static_routes_are_read():
    routes = 'config router static\n    edit 1\n        set dst 10.9.0.0 255.255.0.0\n        set gateway 10.2.0.2\n        set device "port2"\n    next\n    edit 2\n        set status disable\n    next\nend\n'
    (route,) = only(routes).routes
    assert (str(route.network), route.interface, route.gateway) == ("10.9.0.0/16", "port2", "10.2.0.2")


def test_comments_names_logging_and_places_are_kept():
    (line, *_) = lines(
        only(policies(policy(1, name='"screen"', comments='"R8-情-012 \\"A\\""', logtraffic="all")))
    )
    assert (line.name, line.comment, line.log) == ("screen", 'R8-情-012 "A"', True)
    assert [place.text for place in line.places] == ["edit 1", 'edit "a"', 'edit "b"']


def test_prompts_and_windows_line_ends_are_no_configuration():
    text = f"fw-border # show firewall policy\n{OBJECTS}{policies(policy(1))}fw-border # \n".replace(
        "\n", "\r\n"
    )
    result = parse("fw.conf", text.encode(), format_name="fortios")
    assert LineState.UNKNOWN not in result.states


def test_an_unclosed_quotation_swallows_nothing_but_its_line():
    result = read('config system global\n    set alias "half\nend\n', policies(policy(1)).replace('"', ""))
    assert [line.id for line in lines(result.rulesets[0]) if not line.implicit] == ["policy 1"]
    assert any(fault.place.text == 'set alias "half' for fault in result.faults)


def test_the_sample_of_the_city_is_clean():
    result = parse("clean.conf", (EXPORTS / "clean.conf").read_bytes())
    (ruleset,) = result.rulesets
    assert not result.faults
    screen = {"source": "172.16.21.9", "destination": "192.168.10.9", "dport": 3389}
    assert decide(ruleset, **screen) == (PERMIT, "policy 12")
    assert decide(
        ruleset, ingress="port2", egress="port1", source="192.168.10.9", destination="172.16.21.9", dport=3389
    ) == (DENY, "policy 99")


def test_the_mistakes_of_the_city_are_in_its_sample():
    result = parse("mistakes.conf", (EXPORTS / "mistakes.conf").read_bytes())
    (ruleset,) = result.rulesets
    assert not result.faults
    inward = {"ingress": "port2", "egress": "port1", "source": "192.168.10.9"}
    assert decide(ruleset, **inward, destination="172.16.21.9", dport=3389) == (PERMIT, "policy 33")
    assert decide(ruleset, **inward, destination="192.168.10.61", dport=8443) == (PERMIT, "policy 36")
    assert decide(ruleset, source="172.16.21.9", destination="172.16.251.3", egress="port3", dport=23) == (
        PERMIT,
        "policy 32",
    )
    assert decide(ruleset, source="172.16.10.25", destination="192.168.250.25", dport=25) == (
        PERMIT,
        "policy 35",
    )
    assert next(line for line in lines(ruleset) if line.id == "policy 31").expires == date(2026, 3, 31)
