from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.firewall.model import Action, Filter, LineState, ParseResult, Rewrite
from zoneguard.firewall.parse import format_of, parse

ROOT = Path(__file__).resolve().parents[3]
HEAD = "version 15.7\nhostname rt1\nservice timestamps log datetime\n"
TWO = """interface Vlan210
 ip address 172.16.10.1 255.255.255.0
{}
interface Vlan310
 ip address 192.168.10.1 255.255.255.192
{}
"""
PERMIT, DENY = Action.PERMIT, Action.DENY


def read(text: str) -> ParseResult:
    return parse("rt1.txt", (HEAD + text).encode(), format_name="ios")


def asked(text: str, **packet):
    """Ask for one packet from Vlan210 to Vlan310."""
    given = {
        "ingress": "Vlan210", "egress": "Vlan310", "source": "172.16.10.9", "destination": "192.168.10.9",
        "protocol": 6, "dport": 443,
    }  # fmt: skip
    return verdict(read(text).rulesets[0], **{**given, **packet})[0]


def with_list(entries: str, applied: str = " ip access-group LG in", more: str = "") -> str:
    return TWO.format(applied, "") + more + "ip access-list extended LG\n" + entries


def test_a_switch_without_any_list_forwards_between_its_vlans() -> None:
    assert asked(TWO.format("", "")) is PERMIT
    assert asked("no ip routing\n" + TWO.format("", "")) is DENY
    assert not read("no ip routing\n" + TWO.format("", "")).rulesets[0].forwards


def test_an_undefined_list_permits_all() -> None:
    assert asked(TWO.format(" ip access-group NOWHERE in", "")) is PERMIT


def test_a_list_of_remarks_only_permits_all() -> None:
    assert asked(with_list(" remark nothing here yet\n")) is PERMIT


def test_what_no_entry_matches_is_denied() -> None:
    text = with_list(" permit tcp any any eq www\n")
    assert asked(text, dport=80) is PERMIT
    assert asked(text) is DENY
    assert asked(text, ingress="Vlan310", egress="Vlan210") is PERMIT


def test_entries_stand_in_the_order_of_their_sequence_numbers() -> None:
    text = with_list(" 20 permit ip any any\n 10 deny tcp any any eq 443\n")
    assert asked(text) is DENY
    assert [line.id for line in _filter(text).lines[:2]] == ["LG sequence 10", "LG sequence 20"]


def test_a_list_applied_out_is_asked_where_the_packet_leaves() -> None:
    text = TWO.format("", " ip access-group 110 out") + "access-list 110 permit udp any any range 5000 5010\n"
    assert asked(text) is DENY
    assert asked(text, protocol=17, dport=5005) is PERMIT
    assert asked(text, ingress="Vlan310", egress="Vlan210") is PERMIT


def test_a_standard_list_asks_the_source_only_and_one_address_needs_no_mask() -> None:
    text = TWO.format(" ip access-group 10 in", "") + "access-list 10 permit 172.16.10.9\n"
    assert asked(text) is PERMIT
    assert asked(text, source="172.16.10.8") is DENY


def test_a_wildcard_mask_with_scattered_bits_takes_every_other_address() -> None:
    text = with_list(" permit ip 172.16.10.1 0.0.0.254 any\n")
    assert asked(text, source="172.16.10.7") is PERMIT
    assert asked(text, source="172.16.10.8") is DENY


def test_a_wildcard_mask_too_scattered_to_expand_is_perhaps_a_match() -> None:
    assert asked(with_list(" permit ip 10.0.0.0 85.85.85.85 any\n")) is None


def test_established_takes_no_first_packet() -> None:
    text = with_list(" permit tcp any any established\n")
    assert asked(text, flags=0x02) is DENY
    assert asked(text, flags=0x12) is PERMIT
    assert asked(text, flags=0x04) is PERMIT


def test_flags_are_read_with_match_all_and_match_any() -> None:
    assert asked(with_list(" permit tcp any any match-all +syn -ack\n"), flags=0x12) is DENY
    assert asked(with_list(" permit tcp any any match-any +rst +ack\n"), flags=0x10) is PERMIT


def test_a_deny_of_fragments_denies_no_whole_packet() -> None:
    assert asked(with_list(" deny ip any any fragments\n permit ip any any\n")) is PERMIT
    assert asked(with_list(" permit ip any any fragments\n")) is None


def test_lists_are_stateless() -> None:
    assert not _filter(with_list(" permit ip any any\n")).stateful


def test_icmp_messages_are_types_and_codes() -> None:
    text = with_list(" permit icmp any any port-unreachable\n permit icmp any any 8 0\n")
    assert asked(text, protocol=1, dport=3 * 256 + 3) is PERMIT
    assert asked(text, protocol=1, dport=3 * 256 + 1) is DENY
    assert asked(text, protocol=1, dport=8 * 256) is PERMIT


@pytest.mark.parametrize(
    ("condition", "port", "action"),
    [
        ("eq 22 443", 443, PERMIT),
        ("eq 22 80", 443, DENY),
        ("neq 443", 443, DENY),
        ("lt 443", 442, PERMIT),
        ("lt 443", 443, DENY),
        ("gt 443", 444, PERMIT),
        ("gt 443", 443, DENY),
        ("range 440 450", 443, PERMIT),
    ],
)
def test_port_conditions(condition: str, port: int, action: Action) -> None:
    assert asked(with_list(f" permit tcp any any {condition}\n"), dport=port) is action


def test_object_groups_nest_and_their_masks_are_netmasks() -> None:
    groups = """object-group network OUTER
 group-object INNER
 host 192.0.2.1
object-group network INNER
 172.16.10.0 255.255.255.0
 group-object OUTER
object-group service WEB
 tcp eq www
 tcp-udp source gt 1023 eq 443
"""
    text = with_list(" permit object-group WEB object-group OUTER any\n", more=groups)
    assert asked(text) is PERMIT
    assert asked(text, protocol=17) is PERMIT
    assert asked(text, sport=1000) is DENY
    assert asked(text, source="172.16.11.9") is DENY


def test_an_undefined_group_is_perhaps_a_match() -> None:
    result = read(with_list(" permit ip object-group NOWHERE any\n"))
    assert asked(with_list(" permit ip object-group NOWHERE any\n")) is None
    assert len(result.faults) == 1


def test_an_absolute_time_range_gives_the_last_day() -> None:
    ranges = """time-range WORKS
 absolute start 09:00 01 March 2025 end 23:59 31 March 2025
time-range NIGHT
 periodic daily 0:00 to 6:00
time-range MIDNIGHT
 absolute end 00:00 1 April 2025
"""
    line = _filter(with_list(" permit ip any any time-range WORKS\n", more=ranges)).lines[0]
    assert (line.begins, line.expires) == (date(2025, 3, 1), date(2025, 3, 31))
    line = _filter(with_list(" permit ip any any time-range MIDNIGHT\n", more=ranges)).lines[0]
    assert line.expires == date(2025, 3, 31)
    assert asked(with_list(" permit ip any any time-range NIGHT\n", more=ranges)) is None
    assert asked(with_list(" permit ip any any time-range NOWHERE\n")) is None


def test_a_reflexive_list_opens_the_way_back_and_only_perhaps() -> None:
    text = (
        TWO.format(" ip access-group BACK in", "")
        + """ip access-list extended OUT
 permit tcp any host 172.16.10.9 eq 443 reflect SEEN timeout 60
ip access-list extended BACK
 evaluate SEEN
"""
    )
    assert asked(text, sport=443, dport=50000, state=1) is DENY
    assert asked(text, sport=443, dport=50000, state=2, flags=0x10) is None


def test_what_cannot_be_decided_from_the_header_is_perhaps_a_match() -> None:
    for option in ("dscp ef", "ttl eq 1", "precedence critical", "option any-options", "newword 5"):
        assert asked(with_list(f" permit ip any any {option}\n")) is None


def test_a_garbled_entry_could_be_either() -> None:
    result = read(with_list(" permti ip any any\n permit tcp any any\n"))
    assert verdict(
        result.rulesets[0],
        ingress="Vlan210",
        egress="Vlan310",
        source="172.16.10.9",
        destination="192.168.10.9",
        protocol=6,
    )[0] is None  # fmt: skip
    assert result.states.count(LineState.UNKNOWN) == 1


def test_ipv6_passes_a_list_for_ipv4_where_ipv6_is_routed() -> None:
    text = with_list(" deny ip any any\n")
    v6 = {"source": "2001:db8::1", "destination": "2001:db8:1::1"}
    assert asked(text, **v6) is DENY
    assert asked("ipv6 unicast-routing\n" + text, **v6) is PERMIT
    assert asked("ipv6 unicast-routing\n" + text) is DENY


def test_an_ipv6_list_permits_neighbour_discovery_before_its_implicit_deny() -> None:
    text = (
        "ipv6 unicast-routing\n"
        + TWO.format(" ipv6 traffic-filter SIX in", "")
        + "ipv6 access-list SIX\n sequence 10 permit tcp 2001:db8::/32 any eq 443\n"
    )
    v6 = {"source": "2001:db8::1", "destination": "2001:db8:1::1"}
    assert asked(text, **v6) is PERMIT
    assert asked(text, **v6, dport=80) is DENY
    assert asked(text, **{**v6, "protocol": 58, "dport": 135 * 256}) is PERMIT
    assert asked(text, **{**v6, "protocol": 58, "dport": 128 * 256}) is DENY
    assert asked(text, dport=80) is PERMIT


def test_remarks_are_the_comment_of_the_next_entry_and_log_is_read() -> None:
    lines = _filter(with_list(" remark 暫定\n remark R7.3.31まで\n permit ip any any log\n")).lines
    assert lines[0].comment == "暫定 R7.3.31まで"
    assert lines[0].log


def test_entries_pasted_without_indentation_are_still_of_their_list() -> None:
    text = (
        TWO.format(" ip access-group LG in", "") + "ip access-list extended LG\npermit tcp any any eq 443\n"
    )
    assert asked(text) is PERMIT
    assert asked(text, dport=80) is DENY


def test_routing_instances_are_kept_apart_unless_routes_leak() -> None:
    vrfs = "vrf definition LG\n rd 1:1\n route-target {} 1:1\nvrf definition IN\n rd 1:2\n route-target import 1:{}\n"
    two = TWO.format(" vrf forwarding LG", " vrf forwarding IN")
    assert asked(vrfs.format("export", "2") + two) is DENY
    assert asked(vrfs.format("export", "1") + two) is None


def test_a_list_on_a_switch_port_is_said_not_to_be_modelled() -> None:
    result = read(
        "interface GigabitEthernet1/0/1\n switchport access vlan 210\n ip access-group 100 in\n"
        + TWO.format("", "")
    )
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED]


def test_vlan_maps_are_said_not_to_be_modelled() -> None:
    result = read("vlan access-map VM 10\n action drop\nvlan filter VM vlan-list 210\n" + TWO.format("", ""))
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED] * 2


ZONES = """zone security LG
zone security IN
class-map type inspect match-any WEB
 match protocol https
 match protocol bittorrent
class-map type inspect match-all LGWEB
 match class-map WEB
 match access-group name LGNET
policy-map type inspect PM
 class type inspect LGWEB
  {}
 class class-default
  drop log
zone-pair security ZP source LG destination IN
 service-policy type inspect PM
ip access-list extended LGNET
 deny ip host 172.16.10.66 any
 permit ip 172.16.10.0 0.0.0.255 any
"""
ZONED = TWO.format(" zone-member security LG", " zone-member security IN")


def test_a_zone_pair_inspects_nested_classes_and_drops_the_rest() -> None:
    text = ZONES.format("inspect") + ZONED
    assert asked(text) is PERMIT
    assert asked(text, source="172.16.10.66") is DENY
    assert asked(text, source="172.16.11.1") is DENY
    assert asked(text, ingress="Vlan310", egress="Vlan210", sport=443) is DENY
    assert asked(text, dport=6881) is None  # an application that only NBAR knows


def test_pass_keeps_no_session_so_replies_need_a_policy_of_their_own() -> None:
    text = ZONES.format("pass") + ZONED
    assert asked(text) is PERMIT
    filters = {one.name: one for one in read(text).rulesets[0].steps if isinstance(one, Filter)}
    assert not filters["zone-pair ZP"].stateful
    assert not filters["zone IN to LG"].stateful


def test_within_a_zone_all_passes_and_to_no_zone_nothing() -> None:
    text = ZONES.format("inspect") + TWO.format(" zone-member security LG", " zone-member security LG")
    assert asked(text, dport=80) is PERMIT
    text = ZONES.format("inspect") + TWO.format(" zone-member security LG", "")
    assert asked(text) is DENY
    assert asked(text, ingress="Vlan310", egress="Vlan210") is DENY


def test_the_self_zone_is_not_about_forwarded_packets() -> None:
    text = ZONES.format("inspect") + "zone-pair security ZS source LG destination self\n" + ZONED
    assert [one.name for one in read(text).rulesets[0].steps if "ZS" in one.name] == []


def test_classic_inspection_opens_replies_and_only_perhaps() -> None:
    text = "ip inspect name FW tcp\n" + with_list(
        " deny ip any any\n", " ip access-group LG in\n ip inspect FW out"
    )
    assert asked(text) is DENY
    assert asked(text, state=2, flags=0x10) is None


def test_static_translation_opens_the_way_in_and_lists_see_the_outside_address() -> None:
    text = """interface Vlan210
 ip address 172.16.10.1 255.255.255.0
 ip nat inside
interface Vlan310
 ip address 192.168.10.1 255.255.255.192
 ip access-group IN in
 ip nat outside
ip nat inside source static tcp 172.16.10.25 25 192.168.10.30 2525 extendable
ip access-list extended IN
 permit tcp any host 192.168.10.30 eq 2525
"""
    packet = {"ingress": "Vlan310", "egress": "Vlan210", "source": "192.168.10.9", "dport": 2525}
    assert asked(text, **packet, destination="192.168.10.30") is PERMIT
    assert asked(text, **{**packet, "dport": 25}, destination="172.16.10.25") is DENY
    into = next(step for step in read(text).rulesets[0].steps if isinstance(step, Rewrite))
    mapping = into.translations[0].destination
    assert mapping
    assert mapping.port == (25, 25)


def test_overload_translates_what_its_list_permits_and_not_what_it_denies() -> None:
    text = """interface Vlan210
 ip address 172.16.10.1 255.255.255.0
 ip nat inside
interface Vlan310
 ip address 192.168.10.1 255.255.255.192
 ip nat outside
 ip access-group SEEN out
ip nat inside source list 1 interface Vlan310 overload
access-list 1 deny   172.16.10.66
access-list 1 permit 172.16.10.0 0.0.0.255
ip access-list extended SEEN
 permit ip host 192.168.10.1 any
"""
    assert asked(text) is PERMIT
    assert asked(text, source="172.16.10.66") is DENY


def test_a_translation_that_is_not_modelled_is_said() -> None:
    assert len(read("ip nat inside source static esp 10.0.0.1 interface Vlan1\n").faults) == 1


def test_every_line_of_an_export_ends_in_one_state() -> None:
    for path in (*ROOT.glob("exports/ios/*.txt"), *Path(__file__).parent.glob("ios/*.txt")):
        octets = path.read_bytes()
        result = parse(path.name, octets)
        assert result.format == "ios", path
        assert len(result.states) == len(octets.decode().splitlines())
        assert LineState.UNKNOWN not in result.states, path
        assert not re.search("Invented|0822455D0A16", repr(result)), path


def test_secrets_of_every_kind_are_out_of_sight() -> None:
    secrets = """enable secret 5 SECRETaa
username kanri privilege 15 password 7 SECRETab
snmp-server community SECRETac RO
snmp-server host 10.0.0.1 version 2c SECRETad
snmp-server user u g v3 auth sha SECRETae priv aes 128 SECRETaf
crypto isakmp key SECRETag address 192.0.2.1
crypto isakmp key 6 SECRETah address 192.0.2.1
tacacs-server key 7 SECRETai
radius-server host 10.0.0.1 auth-port 1812 key 7 SECRETaj
tacacs server T
 key 7 SECRETak
key chain K
 key 1
  key-string 7 SECRETal
ntp authentication-key 1 md5 SECRETam 7
interface Vlan9
 ip ospf message-digest-key 1 md5 7 SECRETan
 ip ospf authentication-key SECRETao
 standby 1 authentication md5 key-string 7 SECRETap
 ip nhrp authentication SECRETaq
 ppp chap password 7 SECRETar
crypto keyring R
  pre-shared-key address 0.0.0.0 0.0.0.0 key SECRETas
router bgp 65000
 neighbor 192.0.2.1 password 7 SECRETat
line vty 0 4
 password 7 SECRETau
enable password level 15 7 SECRETav
"""
    assert "SECRET" not in repr(read(secrets))


def test_the_format_is_told_by_content() -> None:
    told = format_of((HEAD + TWO.format("", "")).encode())
    assert told
    assert told.name == "ios"
    other = format_of(b"ASA Version 9.16(4)\nhostname fw\ninterface GigabitEthernet0/0\n nameif inside\n")
    assert other is None or other.name != "ios"


def test_an_unclosed_banner_hides_nothing() -> None:
    assert asked("banner motd ^C\n" + TWO.format("", "")) is PERMIT


def test_the_clean_sample_permits_the_approved_flows_and_nothing_beside() -> None:
    ruleset = parse("clean.txt", (ROOT / "exports/ios/clean.txt").read_bytes()).rulesets[0]
    lg, vdi, dmz = "GigabitEthernet0/0/0.220", "GigabitEthernet0/0/1.310", "GigabitEthernet0/0/1.350"
    legs = "GigabitEthernet0/0/1.351"

    def ask(ingress, egress, source, destination, dport, *, protocol=6):
        return verdict(
            ruleset, ingress=ingress, egress=egress, source=source, destination=destination,
            protocol=protocol, dport=dport,
        )[0]  # fmt: skip

    assert ask(lg, vdi, "172.16.20.7", "192.168.10.5", 3389) is PERMIT
    assert ask(lg, vdi, "172.16.20.7", "192.168.10.5", 3389, protocol=17) is PERMIT
    assert ask(vdi, lg, "192.168.10.5", "172.16.20.7", 3389) is DENY
    assert ask(lg, dmz, "172.16.20.7", "192.168.250.10", 3389) is DENY
    assert ask(dmz, legs, "192.168.250.25", "192.168.251.2", 25) is PERMIT
    assert ask(legs, "GigabitEthernet0/0/0.251", "192.168.251.2", "172.16.251.2", 25) is DENY


def _filter(text: str) -> Filter:
    return next(
        step
        for step in read(text).rulesets[0].steps
        if isinstance(step, Filter) and step.name.startswith("LG")
    )


def test_what_class_default_passes_opens_no_way_back() -> None:
    zones = ZONES.replace(" match protocol bittorrent\n", "")
    text = zones.format("drop").replace("drop log", "pass") + ZONED
    assert asked(text, dport=80) is PERMIT
    assert asked(text, ingress="Vlan310", egress="Vlan210", sport=80, dport=50000, state=2) is DENY


def test_what_is_inspected_comes_back_where_something_else_passes() -> None:
    text = ZONES.format("inspect").replace("drop log", "pass") + ZONED
    back = {"ingress": "Vlan310", "egress": "Vlan210", "source": "192.168.10.9", "destination": "172.16.10.9"}
    assert asked(text, **back, sport=443, dport=50000, state=2, flags=0x10) is PERMIT
    assert asked(text, **back, sport=443, dport=50000) is DENY
