from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.firewall.export import Export
from zoneguard.firewall.model import Action, Filter, LineState, Rewrite
from zoneguard.firewall.parse import format_of, parse

HERE = Path(__file__).parent / "nec_ix"
EXPORTS = Path(__file__).resolve().parents[3] / "exports" / "nec-ix"
FIXTURES = sorted([*HERE.glob("*.txt"), *EXPORTS.glob("*.txt")])
WAN, LAN = "GigaEthernet0.0", "GigaEthernet1.0"
PERMIT, DENY = Action.PERMIT, Action.DENY


def config(lists: str, wan: str = "", lan: str = "", version: str = "10.11.6") -> str:
    return (
        f"! IX Series IX2215 (magellan-sec) Software, Version {version}, RELEASE SOFTWARE\nhostname ix\n{lists}"
        f"interface {WAN}\n  ip address 192.0.2.1/24\n{wan}interface {LAN}\n  ip address 192.168.1.1/24\n{lan}"
    )


def read(text: str):
    return parse("ix.txt", text.encode(), format_name="nec-ix")


def inward(text: str, **packet):
    asked = {
        "ingress": WAN,
        "egress": LAN,
        "source": "198.51.100.9",
        "destination": "192.168.1.80",
        "protocol": 6,
    }
    return verdict(read(text).rulesets[0], **{**asked, "dport": 80, **packet})


def outward(text: str, **packet):
    return inward(text, **{"ingress": LAN, "egress": WAN, "source": "192.168.1.80", "destination": "198.51.100.9", **packet})  # fmt: skip


def fixture(name: str):
    return parse(name, (HERE / name).read_bytes())


def test_an_interface_without_filters_passes_all() -> None:
    assert inward(config("ip access-list a deny ip src any dest any\n"))[0] is PERMIT


def test_once_any_filter_is_applied_the_rest_of_that_direction_is_discarded() -> None:
    text = config("ip access-list a permit udp src any dest any\n", "  ip filter a 1 in\n")
    assert inward(text) == (DENY, f"{WAN} ip filter in default")
    assert inward(text, protocol=17) == (PERMIT, "a 1")
    assert outward(text)[0] is PERMIT


def test_several_lists_are_asked_by_their_sequence_numbers() -> None:
    lists = "ip access-list a deny tcp src any sport any dest any dport eq 80\nip access-list b permit ip src any dest any\n"
    assert inward(config(lists, "  ip filter b 20 in\n  ip filter a 10 in\n"))[0] is DENY
    assert inward(config(lists, "  ip filter b 10 in\n  ip filter a 20 in\n"))[0] is PERMIT


def test_what_no_entry_of_a_list_matches_goes_on_to_the_next_list() -> None:
    lists = "ip access-list a deny udp src any dest any\nip access-list b permit tcp src any dest any\n"
    assert inward(config(lists, "  ip filter a 1 in\n  ip filter b 2 in\n")) == (PERMIT, "b 1")


def test_entries_follow_the_file_or_their_own_sequence_numbers() -> None:
    plain = "ip access-list a permit ip src any dest any\nip access-list a deny ip src any dest any\n"
    numbered = (
        "ip access-list a 20 permit ip src any dest any\nip access-list a 10 deny ip src any dest any\n"
    )
    assert inward(config(plain, "  ip filter a 1 in\n"))[0] is PERMIT
    assert inward(config(numbered, "  ip filter a 1 in\n")) == (DENY, "a 10")


def test_a_list_that_no_filter_names_filters_nothing() -> None:
    text = config("ip access-list a deny ip src any dest any\nssh-server ip access-list a\n")
    assert inward(text)[0] is PERMIT


@pytest.mark.parametrize(
    ("entry", "packet", "passes"),
    [
        ("tcp src any sport any dest any dport eq 80", {}, True),
        ("tcp src any sport any dest any dport eq www", {}, True),
        ("tcp src any sport any dest any dport range 70 90", {}, True),
        ("tcp src any sport gt 1023 dest any dport lt 81", {}, True),
        ("tcp src any sport eq 80 dest any dport any", {}, False),
        ("ip src 198.51.100.0/24 dest 192.168.1.80/32", {}, True),
        ("ip src 198.51.100.9 dest 192.168.1.81", {}, False),
        ("icmp src any dest any", {"protocol": 1, "dport": 2048}, True),
        ("icmp src any dest any type 8 code 0", {"protocol": 1, "dport": 2048}, True),
        ("icmp src any dest any type 0", {"protocol": 1, "dport": 2048}, False),
        ("50 src any dest any", {"protocol": 50, "dport": 0}, True),
        ("udp src any dest any", {}, False),
    ],
)
def test_each_field_of_an_entry_is_read(entry, packet, passes) -> None:
    text = config(f"ip access-list a permit {entry}\n", "  ip filter a 1 in\n")
    assert read(text).faults == ()
    assert (inward(text, **packet)[0] is PERMIT) is passes


@pytest.mark.parametrize("entry", ["tcp src any dest any established", "nosuch src any dest any", "ip src www.example.jp dest any",
                                   "tcp src any dest any dport eq nosuch", "ip src any dest any dport eq 80", "tcp src any dest any dscp 46"])  # fmt: skip
def test_what_is_not_understood_in_an_entry_may_match_and_never_must(entry) -> None:
    text = config(f"ip access-list a permit {entry}\n", "  ip filter a 1 in\n")
    assert inward(text) == (None, "a 1")
    assert read(text).faults[0].state is LineState.UNKNOWN


def test_a_list_that_is_not_defined_leaves_the_rest_open_and_is_said() -> None:
    text = config("", "  ip filter nosuch 1 in\n")
    assert inward(text)[0] is None
    assert read(text).faults


DYNAMIC = "ip access-list t permit tcp src 192.168.1.0/24 sport any dest any dport eq 443\nip access-list dynamic d access t\nip access-list no deny ip src any dest any\n"


def test_a_dynamic_list_lets_replies_back_before_static_lists_are_asked() -> None:
    text = config(DYNAMIC, "  ip filter d 1 out\n  ip filter no 1 in\n")
    reply = {"dport": 50000, "flags": 0x12, "state": 2}
    assert outward(text, dport=443) == (PERMIT, "d 1")
    assert inward(text, sport=443, **reply)[0] is PERMIT
    assert inward(text, sport=22, **reply)[0] is DENY
    assert inward(text, sport=443, dport=50000) == (DENY, "no 1")


def test_sessions_are_known_only_to_the_interface_of_the_dynamic_list() -> None:
    text = config(DYNAMIC, "  ip filter no 1 in\n", "  ip filter d 1 in\n")
    assert inward(text, sport=443, dport=50000, flags=0x12, state=2)[0] is DENY


def test_static_lists_keep_no_state() -> None:
    text = config(DYNAMIC, "  ip filter t 1 out\n  ip filter no 1 in\n")
    assert inward(text, sport=443, dport=50000, flags=0x12, state=2)[0] is DENY


def test_of_a_static_and_a_dynamic_list_of_one_name_the_dynamic_one_counts() -> None:
    lists = "ip access-list same deny ip src any dest any\nip access-list t permit tcp src any sport any dest any dport eq 80\nip access-list dynamic same access t\n"
    text = config(lists, "  ip filter same 1 in\n")
    assert inward(text) == (PERMIT, "same 1")


def test_a_deny_in_a_trigger_list_leaves_open_what_happens() -> None:
    lists = "ip access-list t deny tcp src any sport any dest any dport eq 80\nip access-list t permit ip src any dest any\nip access-list dynamic d access t\n"
    assert inward(config(lists, "  ip filter d 1 in\n"))[0] is None


NAPT = "  ip napt enable\n  ip napt static 192.168.1.80 tcp 443\n  ip filter no 1 in\n"


@pytest.mark.parametrize("destination", ["192.0.2.1", "192.168.1.80"])
@pytest.mark.parametrize(
    ("version", "action"),
    [("7.5.11", PERMIT), ("8.0.3", DENY), ("10.11.6", DENY), ("7.6.1", None), ("?", None)],
)
def test_napt_goes_before_incoming_filters_up_to_one_version_and_beside_them_from_another(
    version, action, destination
) -> None:
    text = config("ip access-list no deny ip src any dest any\n", NAPT, version=version)
    (ruleset,) = read(text).rulesets
    filters = replace(ruleset, steps=tuple(one for one in ruleset.steps if isinstance(one, Filter)))
    asked = {
        "ingress": WAN,
        "egress": LAN,
        "source": "198.51.100.9",
        "destination": destination,
        "protocol": 6,
    }
    assert verdict(filters, **asked, dport=443)[0] is action
    assert verdict(filters, **asked, dport=22)[0] is DENY


def test_on_which_side_of_a_filter_napt_stands_is_left_open() -> None:
    (ruleset,) = read(config("ip access-list no deny ip src any dest any\n", NAPT)).rulesets
    napt = [
        (type(one).__name__, one.translations[0].match.unknown)
        for one in ruleset.steps
        if isinstance(one, Rewrite)
    ]
    assert napt[0] == ("Rewrite", ("NAPT before or behind the filter",))
    assert napt[1] == ("Rewrite", ())


def test_from_8_0_3_a_static_napt_entry_needs_a_filter_that_permits_it() -> None:
    permit = "ip access-list no permit tcp src any sport any dest any dport eq 443\n"
    for lists, certain in ((permit, PERMIT), ("ip access-list no permit udp src any dest any\n", DENY)):
        ruleset = read(config(lists, NAPT)).rulesets[0]
        step = next(one for one in ruleset.steps if one.name == f"{WAN} ip filter in")
        assert (step.lines[0].match.services[0].protocol == (6, 6)) is (certain is PERMIT)
        assert not any(line.implicit for line in step.lines)


def test_napt_without_a_filter_translates_for_sure() -> None:
    text = config(
        "ip access-list no deny ip src any dest 192.168.1.80/32\n",
        "  ip napt enable\n  ip napt static 192.168.1.80 tcp 443\n",
        "  ip filter no 1 out\n",
    )
    assert inward(text, destination="192.0.2.1", dport=443) == (DENY, "no 1")


def test_napt_entries_of_the_router_itself_translate_nothing() -> None:
    ruleset = fixture("branch.txt").rulesets[0]
    step = [one for one in ruleset.steps if one.name == "GigaEthernet0.1 napt in"][-1]
    assert [one.id for one in step.translations] == ["ip napt static 192.168.10.80 tcp 443"]


def test_a_napt_service_names_inner_port_and_outer_service() -> None:
    wan = "  ip napt enable\n  ip napt service web 192.168.1.80 80 tcp 8080\n"
    text = config(
        "ip access-list a permit tcp src any sport any dest 192.168.1.80/32 dport eq 80\n",
        wan,
        "  ip filter a 1 out\n",
    )
    assert inward(text, destination="192.0.2.1", dport=8080)[0] is PERMIT


def test_filters_of_both_families_stand_apart() -> None:
    ruleset = fixture("ipv6.txt").rulesets[0]
    asked = {"ingress": WAN, "egress": LAN, "protocol": 6, "dport": 443}
    assert verdict(ruleset, **asked, source="2001:db8::1", destination="2001:db8:100::80") == (
        PERMIT,
        "v6-in 2",
    )
    assert verdict(ruleset, **asked, source="2001:db8::1", destination="2001:db8:100::81") == (
        DENY,
        "v6-in 3",
    )
    assert verdict(ruleset, **asked, source="198.51.100.1", destination="192.168.10.80") == (DENY, "v4-in 1")


def test_ipv6_is_not_passed_where_no_interface_has_it_enabled() -> None:
    assert inward(config(""), source="2001:db8::1", destination="2001:db8::2") == (
        DENY,
        "ipv6 is not enabled",
    )


def test_interfaces_routes_device_version_comments_and_logs_are_read() -> None:
    result = fixture("branch.txt")
    ruleset = result.rulesets[0]
    assert (ruleset.device, ruleset.version) == ("ix-branch", "10.11.6")
    ports = {one.name: one for one in ruleset.interfaces}
    assert ports["GigaEthernet1.1"].vlan == 120
    assert not ports["GigaEthernet0.0"].enabled
    assert [(str(one.network), one.interface, one.gateway) for one in ruleset.routes] == [
        ("0.0.0.0/0", "GigaEthernet0.1", None),
        ("10.10.0.0/16", "Tunnel0.0", None),
        ("10.60.0.0/16", None, "192.168.10.254"),
    ]
    step = next(one for one in ruleset.steps if one.name == "GigaEthernet0.1 ip filter in")
    line = next(one for one in step.lines if one.id == "web-in 1")
    assert line.comment == "R8-情-021 公開サーバ"
    assert step.default_log is True
    assert result.faults == ()


def test_what_is_not_modelled_leaves_packets_open() -> None:
    assert inward(config("", "  filter frames 1 in\n"))[0] is None
    assert inward(config("", "  ip nat static 192.168.1.80 192.0.2.80\n"))[0] is None


def test_no_secret_of_a_configuration_is_in_the_result() -> None:
    result = fixture("branch.txt")
    assert "hunter" not in repr(result)
    assert result.redacted >= 5


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_configurations_are_recognised_and_every_line_is_accounted_for(path: Path) -> None:
    octets = path.read_bytes()
    chosen = format_of(octets)
    assert chosen is not None
    assert chosen.name == "nec-ix"
    result = parse(path.name, octets)
    assert len(result.states) == len(Export.of(path.name, octets).lines) > 0
    assert LineState.UNKNOWN not in result.states


LG_SERVERS, LG_CLIENTS, IN_VDI, IN_DMZ, BD_LG, BD_IN = (
    f"GigaEthernet{number}" for number in ("0.1", "0.2", "1.1", "1.2", "2.1", "2.2")
)


def asked_of(name: str, flow: tuple, **packet):
    ingress, egress, source, destination, dport = flow
    (ruleset,) = parse(name, (EXPORTS / name).read_bytes()).rulesets
    asked = {
        "ingress": ingress,
        "egress": egress,
        "source": source,
        "destination": destination,
        "protocol": 6,
    }
    return verdict(ruleset, **asked, dport=dport, **packet)[0]


def test_the_clean_sample_permits_what_the_policy_declares_and_nothing_beside_it() -> None:
    assert parse("clean.txt", (EXPORTS / "clean.txt").read_bytes()).faults == ()
    declared = [
        (LG_CLIENTS, IN_VDI, "172.16.20.9", "192.168.10.9", 3389),
        (IN_DMZ, BD_IN, "192.168.250.25", "192.168.251.2", 25),
        (BD_LG, LG_SERVERS, "172.16.251.2", "172.16.10.25", 25),
        (LG_SERVERS, BD_LG, "172.16.10.25", "172.16.251.2", 25),
        (BD_IN, IN_DMZ, "192.168.251.2", "192.168.250.25", 25),
        (IN_VDI, BD_IN, "192.168.10.9", "192.168.251.3", 443),
        (LG_CLIENTS, BD_LG, "172.16.20.9", "172.16.251.3", 443),
    ]
    for flow in declared:
        back = (flow[1], flow[0], flow[3], flow[2])
        assert asked_of("clean.txt", flow) is PERMIT
        assert asked_of("clean.txt", (*flow[:4], 22)) is DENY
        assert (asked_of("clean.txt", (*back, flow[4])) is PERMIT) is ((*back, flow[4]) in declared)
        assert asked_of("clean.txt", (*back, 50000), sport=flow[4], flags=0x12, state=2) is PERMIT


def test_the_sample_with_mistakes_permits_what_its_readme_says() -> None:
    name = "mistakes.txt"
    assert asked_of(name, (IN_VDI, LG_CLIENTS, "192.168.10.9", "172.16.20.9", 3389)) is PERMIT
    # The others pass an interface with NAPT and filters, where the side of NAPT is open: so is the verdict.
    assert asked_of(name, (IN_DMZ, LG_SERVERS, "192.168.250.15", "172.16.10.40", 445)) is PERMIT
    assert asked_of(name, (IN_DMZ, LG_SERVERS, "192.0.2.9", "192.168.250.1", 8443)) is None
