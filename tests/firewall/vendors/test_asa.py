from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.firewall.model import Action, Filter, LineState, ParseResult, Rewrite
from zoneguard.firewall.parse import format_of, parse
from zoneguard.firewall.permit import Permitter, services_of
from zoneguard.net.product import Product
from zoneguard.net.spans import ANYWHERE
from zoneguard.net.universe import ServiceUniverse

ROOT = Path(__file__).resolve().parents[3]
HEAD = "ASA Version 9.16(4)\nhostname asa1\n"
PERMIT, DENY = Action.PERMIT, Action.DENY
THREE = """interface GigabitEthernet0/0
 nameif inside
 security-level 100
 ip address 172.16.10.1 255.255.255.0
interface GigabitEthernet0/1
 nameif outside
 security-level 0
 ip address 192.168.10.1 255.255.255.192
interface GigabitEthernet0/2
 nameif dmz
 security-level 50
 ip address 192.168.250.1 255.255.255.224
"""
SERVER = "object network SERVER\n host 172.16.10.25\n"
OPEN = "access-list OPEN extended permit ip any any\naccess-group OPEN in interface outside\n"


def read(text: str, head: str = HEAD) -> ParseResult:
    return parse("asa1.txt", (head + text).encode(), format_name="asa")


def asked(text: str, *, head: str = HEAD, **packet):
    """Ask for one packet from inside to outside."""
    given = {
        "ingress": "inside", "egress": "outside", "source": "172.16.10.9", "destination": "192.168.10.9",
        "protocol": 6, "dport": 443,
    }  # fmt: skip
    return verdict(read(text, head).rulesets[0], **{**given, **packet})[0]


def entering(text: str, *, head: str = HEAD, **packet):
    """Ask for one packet from outside to inside."""
    given = {
        "ingress": "outside", "egress": "inside", "source": "192.168.10.9", "destination": "172.16.10.25",
    }  # fmt: skip
    return asked(text, head=head, **{**given, **packet})


def bound(entries: str, how: str = "in interface outside", more: str = "") -> str:
    lines = "".join(f"access-list A {entry}\n" for entry in entries.strip().splitlines())
    return THREE + more + lines + f"access-group A {how}\n"


# --- security levels ------------------------------------------------------------------------------------


def test_without_a_list_a_higher_level_opens_to_a_lower_one_and_not_the_other_way() -> None:
    assert asked(THREE) is PERMIT
    assert entering(THREE) is DENY


def test_the_written_security_level_is_what_permits() -> None:
    level = next(line for line in _incoming(THREE).lines if line.id == "security-level 100 of inside")
    assert not level.implicit
    assert level.places[0].text == "security-level 100"
    assert level.match.egress == {"outside", "dmz"}


def test_a_name_without_a_written_level_is_100_for_inside_and_0_for_others() -> None:
    text = THREE.replace(" security-level 100\n", "").replace(" security-level 50\n", "")
    assert asked(text) is PERMIT
    assert asked(text, egress="dmz") is PERMIT
    assert asked(text, ingress="dmz") is DENY


def test_equal_levels_do_not_speak_to_each_other_unless_the_command_permits_it() -> None:
    text = THREE.replace("security-level 50", "security-level 0")
    assert asked(text, ingress="dmz") is DENY
    assert asked("same-security-traffic permit inter-interface\n" + text, ingress="dmz") is PERMIT


def test_whether_a_list_alone_joins_equal_levels_is_left_open() -> None:
    text = bound("extended permit ip any any", "in interface dmz").replace(
        "security-level 50", "security-level 0"
    )
    assert asked(text, ingress="dmz") is None
    assert asked("same-security-traffic permit inter-interface\n" + text, ingress="dmz") is PERMIT
    assert asked(text, ingress="dmz", egress="inside") is PERMIT


def test_a_packet_leaves_by_the_interface_it_came_in_by_only_where_the_command_permits_it() -> None:
    text = bound("extended permit ip any any")
    assert entering(text, egress="outside") is DENY
    assert entering("same-security-traffic permit intra-interface\n" + text, egress="outside") is PERMIT


def test_a_management_only_interface_forwards_nothing() -> None:
    text = THREE.replace(" nameif dmz\n", " management-only\n nameif dmz\n").replace(" 50\n", " 100\n")
    assert asked(text, ingress="dmz") is DENY
    assert asked(text, egress="dmz") is DENY
    assert not any("dmz" in line.id for line in _incoming(text).lines)


def test_an_interface_without_a_name_or_shut_down_passes_nothing() -> None:
    text = THREE.replace(" nameif dmz\n", " no nameif\n").replace(
        " nameif inside\n", " nameif inside\n shutdown\n"
    )
    interfaces = {one.name: one.enabled for one in read(text).rulesets[0].interfaces}
    assert interfaces == {"inside": False, "outside": True}
    assert not read("interface GigabitEthernet0/0\n no nameif\n").rulesets[0].forwards


def test_a_refused_neighbour_of_a_small_licence_is_not_reached() -> None:
    text = THREE.replace("GigabitEthernet0/2", "Vlan3").replace(
        " nameif inside\n", " no forward interface Vlan3\n nameif inside\n"
    )
    assert asked(text, egress="dmz") is DENY
    assert asked(text) is PERMIT


# --- bound lists ----------------------------------------------------------------------------------------


def test_a_list_bound_in_replaces_the_level_and_ends_in_a_denial() -> None:
    text = bound("extended permit tcp any any eq www", "in interface inside")
    assert asked(text, dport=80) is PERMIT
    assert asked(text) is DENY
    assert _incoming(text).default_log


def test_a_list_bound_out_is_asked_besides_the_level() -> None:
    text = bound("extended permit tcp any any eq www", "out interface outside")
    assert asked(text, dport=80) is PERMIT
    assert asked(text) is DENY
    assert asked(text, ingress="outside", egress="inside", dport=80) is DENY


def test_the_global_list_comes_after_the_list_of_the_interface_and_before_the_implicit_denial() -> None:
    text = (
        bound("extended deny tcp any any eq 22")
        + "access-list G extended permit tcp any any range 22 23\naccess-group G global\n"
    )
    assert entering(text, dport=22) is DENY
    assert entering(text, dport=23) is PERMIT
    assert entering(text, dport=24) is DENY


def test_a_line_of_the_global_list_stands_once_however_many_interfaces_there_are() -> None:
    text = (
        bound("extended permit tcp any any eq 22")
        + "access-list G extended deny ip any any\naccess-group G global\n"
    )
    assert [line.id for line in _incoming(text).lines].count("G line 1") == 1


def test_what_levels_permit_beneath_a_global_list_is_left_open() -> None:
    text = THREE + "access-list G extended deny tcp any any eq 23\naccess-group G global\n"
    assert asked(text, dport=23) is DENY
    assert asked(text, dport=22) is None
    assert entering(text, dport=22) is DENY
    closed = text.replace("access-group", "access-list G extended deny ip any any\naccess-group")
    assert asked(closed, dport=22) is DENY


def test_a_control_plane_list_is_about_the_device_itself() -> None:
    result = read(
        THREE
        + OPEN
        + "access-list M extended deny ip any any\naccess-group M in interface outside control-plane\n"
    )
    assert entering(THREE + OPEN) is PERMIT
    assert result.states[-2:] == (LineState.IRRELEVANT, LineState.IRRELEVANT)
    assert result.faults == ()


def test_lists_that_users_bring_with_them_are_told() -> None:
    assert _faulty(THREE + OPEN.rstrip() + " per-user-override\n") == [
        "access-group OPEN in interface outside per-user-override"
    ]


def test_a_bound_list_that_the_export_leaves_out_is_left_open() -> None:
    assert entering(THREE + "access-group NOWHERE in interface outside\n") is None
    assert _faulty(THREE + "access-group NOWHERE in interface outside\n")


def test_an_interface_that_the_export_leaves_out_has_no_known_level() -> None:
    text = THREE + "access-list A extended permit tcp any any eq 25\naccess-group A in interface line\n"
    assert asked(text, ingress="line", dport=25) is PERMIT
    assert asked(text, egress="line", ingress="outside") is None
    assert _faulty(text)


# --- entries --------------------------------------------------------------------------------------------


def test_masks_are_netmasks_and_never_wildcard_masks() -> None:
    text = bound("extended permit tcp any 172.16.10.0 255.255.255.0")
    assert entering(text) is PERMIT
    assert entering(text, destination="172.16.11.25") is DENY
    wildcard = bound("extended permit tcp any 172.16.10.0 0.0.0.255")
    assert entering(wildcard) is None
    assert LineState.UNKNOWN in read(wildcard).states


def test_a_netmask_with_scattered_bits_takes_what_it_says() -> None:
    text = bound("extended permit tcp any 172.16.0.25 255.255.0.255")
    assert entering(text, destination="172.16.77.25") is PERMIT
    assert entering(text, destination="172.16.77.26") is DENY


@pytest.mark.parametrize(
    ("condition", "taken", "left"),
    [
        ("eq www", 80, 81), ("neq https", 80, 443), ("lt 1024", 1023, 1024), ("gt 1023", 1024, 1023),
        ("range ftp-data ftp", 21, 22), ("eq kerberos", 750, 88), ("eq citrix-ica", 1494, 1495), ("eq h323", 1720, 1719),
    ],
)  # fmt: skip
def test_ports_are_read_by_operator_and_by_name(condition: str, taken: int, left: int) -> None:
    text = bound(f"extended permit tcp any any {condition}")
    assert entering(text, dport=taken) is PERMIT
    assert entering(text, dport=left) is DENY


def test_names_that_cisco_numbers_in_its_own_way() -> None:
    text = bound("extended permit udp any any eq radius")
    assert entering(text, protocol=17, dport=1645) is PERMIT
    assert entering(text, protocol=17, dport=1812) is DENY


def test_a_source_port_is_told_from_a_destination_port() -> None:
    text = bound("extended permit tcp any eq 20 any gt 1023")
    assert entering(text, sport=20, dport=5000) is PERMIT
    assert entering(text, sport=21, dport=5000) is DENY


def test_any_is_both_families_since_9_0_and_ipv4_before() -> None:
    text = bound("extended permit tcp any any")
    six = {"source": "2001:db8::1", "destination": "2001:db8:10::25"}
    assert entering(text, **six) is PERMIT
    assert entering(text, head="ASA Version 8.4(7)\n", **six) is DENY
    four = bound("extended permit tcp any4 any4")
    assert entering(four, **six) is DENY
    assert entering(bound("extended permit tcp any6 any6"), **six) is PERMIT
    assert entering(bound("extended permit tcp any6 any6")) is DENY


def test_ipv6_addresses_are_hosts_and_prefixes() -> None:
    text = bound("extended permit tcp 2001:db8::/32 host 2001:db8:10::25")
    assert entering(text, source="2001:db8::1", destination="2001:db8:10::25") is PERMIT
    assert entering(text, source="2001:db9::1", destination="2001:db8:10::25") is DENY


def test_icmp_is_read_by_type_and_code_and_apart_from_icmp6() -> None:
    text = bound("extended permit icmp any any unreachable 4\nextended permit icmp6 any6 any6 echo")
    assert entering(text, protocol=1, dport=3 * 256 + 4) is PERMIT
    assert entering(text, protocol=1, dport=3 * 256 + 3) is DENY
    six = {"source": "2001:db8::1", "destination": "2001:db8:10::25"}
    assert entering(text, protocol=58, dport=128 * 256, **six) is PERMIT
    assert entering(text, protocol=58, dport=8 * 256, **six) is DENY


def test_an_inactive_line_matches_nothing() -> None:
    text = bound("extended permit tcp any any eq 22 inactive\nextended deny ip any any")
    assert entering(text, dport=22) is DENY
    assert not _incoming(text).lines[0].enabled


def test_a_time_range_gives_days_or_stays_a_condition() -> None:
    ranges = (
        "time-range WORKS\n absolute start 09:00 01 October 2025 end 23:59 31 March 2026\n"
        "time-range NIGHT\n periodic weekdays 0:00 to 6:00\n"
    )
    text = ranges + bound(
        "extended permit tcp any any eq 22 time-range WORKS\nextended permit tcp any any time-range NIGHT"
    )
    works, night = _incoming(text).lines[:2]
    assert (works.begins, works.expires) == (date(2025, 10, 1), date(2026, 3, 31))
    assert works.match.unknown == ()
    assert entering(text) is None
    assert night.match.unknown


def test_remarks_are_the_comment_of_the_next_line_and_count_as_lines() -> None:
    line = _incoming(bound("remark R8-情-012 画面転送\nextended permit tcp any any eq 3389")).lines[0]
    assert (line.id, line.comment) == ("A line 2", "R8-情-012 画面転送")


def test_a_line_number_puts_an_entry_in_at_its_place() -> None:
    text = bound("extended permit tcp any any\nline 1 extended deny tcp any any eq 22")
    assert entering(text, dport=22) is DENY
    assert entering(text) is PERMIT


def test_a_permit_tells_its_log_only_where_it_is_written_and_a_denial_always_does() -> None:
    lines = _incoming(
        bound(
            "extended permit tcp any any eq 1\nextended permit tcp any any eq 2 log\nextended permit tcp any any eq 3 log disable\n"
            "extended permit tcp any any eq 4 log warnings interval 60\nextended deny ip any any\nextended deny ip any any log disable"
        )
    ).lines
    assert [line.log for line in lines[:6]] == [None, True, False, True, True, False]


def test_a_standard_entry_asks_the_source_only() -> None:
    text = bound("standard permit 192.168.10.0 255.255.255.192\nstandard permit host 192.168.20.9")
    assert entering(text) is PERMIT
    assert entering(text, source="192.168.20.9") is PERMIT
    assert entering(text, source="192.168.20.8") is DENY


def test_an_ethertype_entry_is_about_no_ip_packet() -> None:
    result = read(bound("ethertype deny any") + OPEN)
    assert result.faults == ()
    assert result.states[len(THREE.splitlines()) + 2] is LineState.IRRELEVANT


@pytest.mark.parametrize("way", ["in", "out"])
def test_an_ethertype_list_stands_beside_the_list_of_ip_packets_of_an_interface(way: str) -> None:
    other = "access-list ETHER ethertype permit ipx\naccess-group ETHER {} interface {}\n"
    assert entering(THREE + OPEN + other.format("in", "outside")) is PERMIT
    assert asked(THREE + other.format(way, "inside" if way == "in" else "outside")) is PERMIT


def test_a_list_of_a_bridge_group_may_permit_what_comes_in_by_its_members() -> None:
    text = (
        "interface GigabitEthernet0/3\n bridge-group 1\n nameif a\n security-level 90\n"
        "interface GigabitEthernet0/4\n bridge-group 1\n nameif b\n security-level 10\n"
        "interface BVI1\n nameif lan\n security-level 90\n ip address 192.168.60.1 255.255.255.0\n"
        "access-list LAN extended permit tcp any any eq 445\naccess-group LAN in interface lan\n"
    )
    assert asked(THREE + text, ingress="b", egress="a", dport=445) is None
    assert asked(THREE + text, ingress="b", egress="a", dport=443) is DENY
    assert "interface BVI1" in _faulty(THREE + text)


def test_the_address_of_an_interface_is_read_where_it_is_written() -> None:
    text = bound("extended permit tcp any interface inside eq 22")
    assert entering(text, destination="172.16.10.1", dport=22) is PERMIT
    assert entering(text, dport=22) is DENY
    leased = text.replace("ip address 172.16.10.1 255.255.255.0", "ip address dhcp")
    assert entering(leased, dport=22) is None


def test_a_name_stands_for_its_address() -> None:
    text = bound("extended permit tcp any host mta", more="name 172.16.10.25 mta description mail\n")
    assert entering(text) is PERMIT
    assert entering(text, destination="172.16.10.26") is DENY


def test_users_and_security_groups_are_left_open() -> None:
    assert entering(bound("extended permit tcp user REIJI\\yamada any any eq 443")) is None
    assert entering(bound("extended permit tcp any security-group name HR any eq 443")) is None
    assert entering(bound("extended permit tcp user REIJI\\yamada any any eq 22")) is DENY


def test_an_entry_that_is_not_understood_may_permit_and_may_deny() -> None:
    assert entering(bound("extended permit tcp any any eq nonsense\nextended deny ip any any")) is None
    assert entering(bound("advanced trust ip any any rule-id 1\nextended permit ip any any")) is None


# --- objects and groups ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "taken", "left"),
    [
        ("host 172.16.10.25", "172.16.10.25", "172.16.10.26"),
        ("subnet 172.16.10.0 255.255.255.0", "172.16.10.26", "172.16.11.1"),
        ("range 172.16.10.20 172.16.10.30", "172.16.10.30", "172.16.10.31"),
        ("subnet 2001:db8:10::/64", "2001:db8:10::1", "2001:db8:11::1"),
    ],
)
def test_a_network_object_is_a_host_a_subnet_or_a_range(body: str, taken: str, left: str) -> None:
    text = bound("extended permit ip any object X", more=f"object network X\n {body}\n")
    source = {"source": "2001:db8::1"} if ":" in taken else {}
    assert entering(text, destination=taken, **source) is PERMIT
    assert entering(text, destination=left, **source) is DENY


def test_an_object_that_dns_resolves_is_left_open_and_an_undefined_one_too() -> None:
    assert (
        entering(bound("extended permit ip any object X", more="object network X\n fqdn v4 a.example\n"))
        is None
    )
    assert entering(bound("extended permit ip any object X")) is None
    assert entering(bound("extended permit ip any object-group X")) is None


def test_groups_are_read_through_groups_and_a_circle_ends() -> None:
    groups = (
        "object-group network ONE\n network-object host 172.16.10.25\n group-object TWO\n"
        "object-group network TWO\n network-object 172.16.11.0 255.255.255.0\n network-object object SERVER\n group-object ONE\n"
    )
    text = bound("extended permit ip any object-group ONE", more=SERVER + groups)
    assert entering(text, destination="172.16.11.7") is PERMIT
    assert entering(text, destination="172.16.12.7") is DENY


def test_a_service_object_has_source_and_destination_ports() -> None:
    text = bound(
        "extended permit object S any any",
        more="object service S\n service tcp source range 1024 2048 destination eq https\n",
    )
    assert entering(text, sport=2000) is PERMIT
    assert entering(text, sport=3000) is DENY


def test_service_objects_that_every_device_has_need_no_definition() -> None:
    text = bound(
        "extended permit object tcp-https any any\nextended permit object tcp-udp-domain any any\n"
        "extended permit object icmp-echo any any\nextended permit object esp any any"
    )
    assert entering(text) is PERMIT
    assert entering(text, protocol=17, dport=53) is PERMIT
    assert entering(text, protocol=1, dport=8 * 256) is PERMIT
    assert entering(text, protocol=50, dport=0) is PERMIT
    assert entering(text, dport=444) is DENY
    own = bound(
        "extended permit object tcp-https any any",
        more="object service tcp-https\n service tcp destination eq 444\n",
    )
    assert entering(own, dport=444) is PERMIT
    assert entering(own) is DENY


def test_a_service_group_mixes_protocols_ports_and_messages() -> None:
    group = (
        "object service S\n service udp destination eq 500\n"
        "object-group service G\n service-object object S\n service-object tcp-udp destination eq sip\n"
        " service-object icmp echo\n service-object esp\n service-object tcp source eq 20\n service-object tcp eq 990\n"
    )
    text = bound("extended permit object-group G any any", more=group)
    assert entering(text, protocol=17, dport=500) is PERMIT
    assert entering(text, protocol=17, dport=5060) is PERMIT
    assert entering(text, protocol=1, dport=8 * 256) is PERMIT
    assert entering(text, protocol=50, dport=0) is PERMIT
    assert entering(text, dport=7, sport=20) is PERMIT
    assert entering(text, dport=990) is PERMIT
    assert entering(text, dport=991) is DENY


def test_a_group_behind_the_source_is_of_ports_or_of_addresses_by_its_kind() -> None:
    groups = (
        "object-group service P tcp\n port-object eq www\n port-object range 8000 8080\n"
        "object-group network N\n network-object host 172.16.10.25\n"
    )
    text = bound("extended permit tcp any object-group P object-group N object-group P", more=groups)
    assert entering(text, sport=80, dport=8001) is PERMIT
    assert entering(text, dport=8001) is DENY
    assert (
        entering(bound("extended permit tcp any object-group N object-group P", more=groups), dport=80)
        is PERMIT
    )


def test_a_protocol_group_takes_ports_where_all_its_protocols_have_them() -> None:
    group = "object-group protocol TCPUDP\n protocol-object udp\n protocol-object tcp\n"
    text = bound("extended permit object-group TCPUDP any any eq domain", more=group)
    assert entering(text, dport=53) is PERMIT
    assert entering(text, protocol=17, dport=53) is PERMIT
    assert entering(text, dport=54) is DENY


def test_an_icmp_group_narrows_icmp_and_leaves_icmp6_open() -> None:
    group = "object-group icmp-type T\n icmp-object echo\n"
    text = bound("extended permit icmp any any object-group T", more=group)
    assert entering(text, protocol=1, dport=8 * 256) is PERMIT
    assert entering(text, protocol=1, dport=0) is DENY
    assert (
        entering(bound("extended permit icmp6 any any object-group T", more=group), protocol=58, dport=0)
        is None
    )


def test_a_group_of_another_kind_is_never_an_empty_condition() -> None:
    group = "object-group network N\n network-object host 172.16.10.25\n"
    assert (
        entering(bound("extended deny object-group N any any\nextended permit ip any any", more=group))
        is None
    )
    assert (
        entering(
            bound("extended permit ip any object-group E", more="object-group network E\n description x\n")
        )
        is None
    )


# --- translation ----------------------------------------------------------------------------------------


def test_a_list_speaks_of_the_real_address_behind_a_static_translation() -> None:
    nat = "object network SERVER\n nat (inside,outside) static 192.168.10.60\n"
    real = bound("extended permit tcp any object SERVER eq 443", more=SERVER) + nat
    assert entering(real, destination="192.168.10.60") is PERMIT
    mapped = bound("extended permit tcp any host 192.168.10.60 eq 443", more=SERVER) + nat
    assert entering(mapped, destination="192.168.10.60") is DENY


def test_a_translated_destination_is_looked_at_before_the_way_out_is_known() -> None:
    nat = "object network SERVER\n nat (inside,outside) static 192.168.10.60\n"
    text = bound("extended permit tcp any object SERVER eq 443", more=SERVER) + nat
    assert entering(text, destination="192.168.10.60", egress="dmz") is PERMIT
    assert entering(text, destination="192.168.10.60", ingress="dmz") is DENY


def test_a_static_translation_of_a_service_moves_the_port_before_the_list() -> None:
    nat = "object network SERVER\n nat (inside,outside) static interface service tcp https 8443\n"
    text = bound("extended permit tcp any object SERVER eq 443", more=SERVER) + nat
    assert entering(text, destination="192.168.10.1", dport=8443) is PERMIT
    assert entering(text, destination="192.168.10.1", dport=443) is DENY
    assert entering(text, destination="192.168.10.1", dport=8443, protocol=17) is DENY


def test_a_translated_subnet_keeps_the_host_part() -> None:
    nat = "object network LG\n subnet 172.16.10.0 255.255.255.0\n nat (inside,outside) static 192.168.99.0\n"
    text = bound("extended permit tcp any host 172.16.10.25", more=nat)
    assert entering(text, destination="192.168.99.25") is PERMIT
    assert entering(text, destination="192.168.99.26") is DENY


def test_manual_rules_come_before_those_of_objects_and_those_after_auto_come_last() -> None:
    objects = (
        SERVER + "object network OTHER\n host 172.16.10.26\nobject network SEEN\n host 192.168.10.60\n"
        "object network OTHER\n nat (inside,outside) static SEEN\n"
    )
    first = objects + "nat (inside,outside) source static SERVER SEEN\n"
    last = objects + "nat (inside,outside) after-auto source static SERVER SEEN\n"
    only = "extended permit tcp any host 172.16.10.25"
    assert entering(bound(only, more=first), destination="192.168.10.60") is PERMIT
    assert entering(bound(only, more=last), destination="192.168.10.60") is DENY


def test_rules_of_objects_stand_static_first_then_by_size_address_and_name() -> None:
    # The example of the guide, "NAT Rule Order".
    objects = (
        ("a", "subnet 192.168.1.0 255.255.255.0", "static 203.0.113.0"),
        ("b", "subnet 192.168.1.0 255.255.255.0", "dynamic 198.51.100.1"),
        ("c", "subnet 10.1.1.0 255.255.255.0", "static 198.51.100.0"),
        ("d", "host 192.168.1.1", "static 198.51.100.9"),
        ("def", "subnet 172.16.1.0 255.255.255.0", "dynamic 198.51.100.2"),
        ("abc", "subnet 172.16.1.0 255.255.255.0", "dynamic 198.51.100.3"),
    )
    text = THREE + "".join(
        f"object network {name}\n {body}\n nat (inside,outside) {nat}\n" for name, body, nat in objects
    )
    made = _rewrites(text)[-1].translations
    assert [one.id.split()[2] for one in made] == ["d", "c", "a", "abc", "def", "b"]


def test_an_identity_translation_keeps_addresses_that_a_later_rule_would_change() -> None:
    objects = (
        "object network LG\n subnet 172.16.10.0 255.255.255.0\nobject network FAR\n subnet 10.200.0.0 255.255.0.0\n"
        "nat (inside,outside) source static LG LG destination static FAR FAR no-proxy-arp route-lookup\n"
        "nat (inside,outside) after-auto source dynamic any interface\n"
    )
    source = _rewrites(THREE + objects)[-1].translations
    assert source[0].source is None
    assert source[0].match.destination == _spans("10.200.0.0", "10.200.255.255")
    assert source[-1].source is not None
    assert source[-1].source.port == (1024, 65535)


def test_twice_nat_gives_the_real_destination_and_its_port_to_the_lists() -> None:
    objects = (
        SERVER + "object network FAR\n host 192.168.10.70\nobject network SEEN\n host 172.16.99.70\n"
        "object service P8443\n service tcp destination eq 8443\nobject service P443\n service tcp destination eq https\n"
        "nat (inside,outside) source static SERVER SERVER destination static SEEN FAR service P8443 P443\n"
    )
    text = bound("extended permit tcp any host 192.168.10.70 eq https", "in interface inside", objects)
    there = {"destination": "172.16.99.70", "dport": 8443}
    assert asked(text, source="172.16.10.25", **there) is PERMIT
    assert asked(text, source="172.16.10.26", **there) is DENY
    assert asked(text, source="172.16.10.25", destination="172.16.99.70") is DENY


def test_a_unidirectional_or_inactive_rule_opens_no_way_back() -> None:
    objects = SERVER + "object network SEEN\n host 192.168.10.60\n"
    only = "extended permit tcp any object SERVER"
    rule = "nat (inside,outside) source static SERVER SEEN"
    to = {"destination": "192.168.10.60"}
    assert entering(bound(only, more=f"{objects}{rule}\n"), **to) is PERMIT
    assert entering(bound(only, more=f"{objects}{rule} unidirectional\n"), **to) is DENY
    assert entering(bound(only, more=f"{objects}{rule} inactive\n"), **to) is DENY


def test_a_rule_of_any_interfaces_is_asked_everywhere() -> None:
    nat = "object network SERVER\n nat (any,any) static 192.168.10.60\n"
    text = bound("extended permit tcp any object SERVER", "in interface dmz", SERVER) + nat
    assert entering(text, ingress="dmz", destination="192.168.10.60") is PERMIT


def test_a_pool_and_an_interface_hide_many_behind_ports() -> None:
    nat = (
        "object network LG\n subnet 172.16.10.0 255.255.255.0\nobject network POOL\n range 192.168.10.40 192.168.10.45\n"
        "object network LG\n nat (inside,outside) dynamic pat-pool POOL round-robin interface\n"
    )
    made = _rewrites(THREE + nat)[-1].translations[0]
    assert made.source is not None
    assert (made.source.address, made.source.port) == (
        _spans("192.168.10.40", "192.168.10.45")[0],
        (1024, 65535),
    )
    assert asked(THREE + nat) is PERMIT


def test_what_hides_behind_a_leased_address_may_be_anywhere() -> None:
    text = THREE.replace("ip address 192.168.10.1 255.255.255.192", "ip address dhcp setroute")
    nat = SERVER + " nat (inside,outside) static interface service tcp https 8443\n"
    permit = "access-list A extended permit tcp any object SERVER\naccess-group A in interface outside\n"
    result = read(text + nat + permit)
    assert verdict(
        result.rulesets[0], ingress="outside", egress="inside", source="192.168.10.9", destination="192.0.2.9",
        protocol=6, dport=8443,
    )[0] is None  # fmt: skip
    assert result.faults
    assert [str(route.network) for route in result.rulesets[0].routes] == ["0.0.0.0/0"]


def test_groups_that_are_translated_address_by_address_are_left_open() -> None:
    groups = (
        "object-group network REAL\n network-object host 172.16.10.25\n network-object host 172.16.10.30\n"
        "object-group network SEEN\n network-object host 192.168.10.60\n network-object host 192.168.10.50\n"
        "nat (inside,outside) source static REAL SEEN\n"
    )
    text = bound("extended permit tcp any host 172.16.10.25", more=groups)
    assert entering(text, destination="192.168.10.60") is None
    assert _faulty(text)


def test_a_translation_that_is_not_understood_is_told() -> None:
    rules = (
        "nat (inside,outside) source static NOBODY NOTHING\nnat (inside) 1 0.0.0.0 0.0.0.0\nglobal (outside) 1 interface\n"
        "static (inside,outside) 192.168.10.60 172.16.10.25 netmask 255.255.255.255\n"
    )
    assert _faulty(THREE + rules) == rules.splitlines()


# --- what is not modelled -------------------------------------------------------------------------------


def test_a_release_before_8_3_is_told_because_its_lists_speak_of_translated_addresses() -> None:
    assert _faulty(THREE, head="ASA Version 8.2(5)\n") == ["ASA Version 8.2(5)"]
    assert _faulty(THREE, head="PIX Version 8.0(4)\n") == ["PIX Version 8.0(4)"]
    assert _faulty(THREE, head="ASA Version 8.3(1)\n") == []


def test_the_system_space_of_contexts_is_no_ruleset_and_says_so() -> None:
    result = read(
        "context city\n allocate-interface GigabitEthernet0/0\n", head="ASA Version 9.12(4) <system>\n"
    )
    assert result.rulesets == ()
    assert {fault.state for fault in result.faults} == {LineState.UNSUPPORTED}


def test_several_contexts_in_one_file_are_several_rulesets() -> None:
    other = "ASA Version 9.16(4) <context>\nhostname asa2\n" + THREE + OPEN
    first, second = read(THREE + other).rulesets
    assert (first.device, second.device) == ("asa1", "asa2")
    asking = {
        "ingress": "outside",
        "egress": "inside",
        "source": "192.168.10.9",
        "destination": "172.16.10.9",
        "protocol": 6,
    }
    assert verdict(first, **asking)[0] is DENY
    assert verdict(second, **asking)[0] is PERMIT


def test_tunnels_bypass_lists_unless_the_device_is_told_otherwise() -> None:
    tunnels = (
        "crypto map VPN 10 set peer 203.0.113.1\ncrypto map VPN interface outside\nwebvpn\n enable outside\n"
    )
    assert _faulty(THREE + tunnels) == ["crypto map VPN interface outside", "enable outside"]
    assert _faulty(THREE + tunnels + "no sysopt connection permit-vpn\n") == []


def test_what_may_deny_more_or_open_more_is_told() -> None:
    lines = [
        "aaa authentication match A inside LOCAL", "established tcp 6000 0 permitto tcp 1024",
        "filter url http 0 0 0 0", "ip verify reverse-path interface outside", "ipv6 access-list X permit ip any any",
        "shun 192.0.2.1", "threat-detection scanning-threat shun",
    ]  # fmt: skip
    assert _faulty(THREE + "\n".join(lines) + "\n") == lines
    assert {fault.state for fault in read(THREE + "\n".join(lines)).faults} == {LineState.UNSUPPORTED}


def test_inspection_is_irrelevant_but_for_what_it_drops() -> None:
    policy = "policy-map P\n class C\n  inspect ftp\n{}service-policy P global\n"
    assert _faulty(THREE + policy.format("")) == []
    assert _faulty(THREE + policy.format("  sfr fail-open\n")) == ["sfr fail-open"]
    bypass = "set connection advanced-options tcp-state-bypass"
    assert _faulty(THREE + policy.format(f"  {bypass}\n")) == [bypass]


def test_bridge_groups_stay_apart_and_routing_beyond_them_is_left_open() -> None:
    group = (
        "interface GigabitEthernet0/3\n bridge-group 1\n nameif a\n security-level 90\n"
        "interface GigabitEthernet0/4\n bridge-group 1\n nameif b\n security-level 10\n"
        "interface BVI1\n{} ip address 192.168.60.1 255.255.255.0\n"
    )
    assert asked(THREE + group.format(""), ingress="a", egress="b") is PERMIT
    assert asked(THREE + group.format(""), ingress="a") is DENY
    routed = THREE + group.format(" nameif lan\n security-level 90\n")
    assert asked(routed, ingress="a") is None
    assert _faulty(routed) == ["interface BVI1"]
    networks = {one.name: [str(its) for its in one.networks] for one in read(routed).rulesets[0].interfaces}
    assert networks["a"] == networks["b"] == ["192.168.60.0/24"]
    assert "lan" not in networks


# --- the whole ------------------------------------------------------------------------------------------


def test_interfaces_and_routes_go_by_their_names() -> None:
    routes = (
        "name 172.16.0.0 lg-net\nroute inside lg-net 255.255.0.0 172.16.10.254 1\nroute outside 0 0 192.168.10.2\n"
        "route outside 0.0.0.0 0.0.0.0 192.168.10.3 tunneled\nipv6 route outside ::/0 2001:db8::2\n"
        "route Null0 172.16.99.0 255.255.255.0\n"
    )
    text = THREE.replace(" nameif dmz\n", " vlan 350\n nameif dmz\n") + routes
    ruleset = read(text).rulesets[0]
    assert [(str(one.network), one.interface, one.gateway) for one in ruleset.routes] == [
        ("172.16.0.0/16", "inside", "172.16.10.254"),
        ("0.0.0.0/0", "outside", "192.168.10.2"),
        ("::/0", "outside", "2001:db8::2"),
        ("172.16.99.0/24", "Null0", None),
    ]
    dmz = next(one for one in ruleset.interfaces if one.name == "dmz")
    assert (dmz.vlan, [str(one) for one in dmz.networks]) == (350, ["192.168.250.0/27"])
    assert (ruleset.device, ruleset.version) == ("asa1", "9.16(4)")


def test_no_secret_of_the_fixture_is_left() -> None:
    octets = (ROOT / "tests/firewall/vendors/asa/everything.txt").read_bytes()
    result = parse("everything.txt", octets, format_name="asa")
    assert len(set(re.findall(rb"INVENTEDSECRET\d+", octets))) == 20
    assert "INVENTEDSECRET" not in repr(result)
    assert result.redacted >= 20


def test_the_fixture_leaves_unknown_only_what_is_nonsense() -> None:
    text = (ROOT / "tests/firewall/vendors/asa/everything.txt").read_text(encoding="utf-8")
    result = parse("everything.txt", text.encode(), format_name="asa")
    unknown = [
        line.strip()
        for line, state in zip(text.splitlines(), result.states, strict=True)
        if state is LineState.UNKNOWN
    ]
    assert unknown == [
        "service tcp destination eq nonsense", "access-list IN extended permit tcp any 10.0.0.0 0.0.0.255",
        "unheard-of statement",
    ]  # fmt: skip


def test_ios_and_asa_are_told_apart() -> None:
    for folder, name in (("asa", "asa"), ("ios", "ios")):
        for path in sorted((ROOT / "exports" / folder).glob("*.txt")):
            found = format_of(path.read_bytes())
            assert found is not None
            assert found.name == name
    headless = format_of((THREE + OPEN).encode())
    assert headless is not None
    assert headless.name == "asa"


def test_no_other_sample_is_taken_for_an_asa() -> None:
    from zoneguard.firewall.vendors.asa import FORMAT

    others = [path for path in (ROOT / "exports").glob("*/*") if path.parent.name != "asa"]
    others += [path for path in (ROOT / "tests/firewall/vendors").glob("*/*") if path.parent.name != "asa"]
    assert len(others) > 40
    for path in others:
        assert FORMAT.recognises(path.read_bytes()[:65536].decode("utf-8", "replace")) == 0, path


def test_the_engine_permits_what_the_walk_permits() -> None:
    text = bound("extended permit tcp 192.168.10.0 255.255.255.192 object SERVER eq 443", more=SERVER)
    text += "object network SERVER\n nat (inside,outside) static 192.168.10.60 service tcp https 8443\n"
    ruleset = read(text).rulesets[0]
    universe = ServiceUniverse(services_of([ruleset]))
    passages = list(
        Permitter(ruleset, universe).passages(
            Product(ANYWHERE, ANYWHERE, universe.everything), "outside", "inside"
        )
    )
    entered = {(one.entered.destination, one.left.destination) for one in passages}
    real, mapped = _spans("172.16.10.25", "172.16.10.25"), _spans("192.168.10.60", "192.168.10.60")
    assert entered == {(mapped, real), (real, real)}
    assert all(one.sure for one in passages)


def _incoming(text: str) -> Filter:
    found = [
        one
        for one in read(text).rulesets[0].steps
        if isinstance(one, Filter) and one.name == "access lists in"
    ]
    assert len(found) == 1
    return found[0]


def _rewrites(text: str) -> list[Rewrite]:
    return [one for one in read(text).rulesets[0].steps if isinstance(one, Rewrite)]


def _faulty(text: str, head: str = HEAD) -> list[str]:
    return [fault.place.text for fault in sorted(read(text, head).faults, key=lambda one: one.place.line)]


def _spans(first: str, last: str):
    from ipaddress import ip_address

    from zoneguard.net.address import number_of

    return ((number_of(ip_address(first)), number_of(ip_address(last))),)
