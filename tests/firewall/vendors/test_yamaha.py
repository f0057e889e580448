from __future__ import annotations

from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.firewall.export import Export
from zoneguard.firewall.model import Action, Filter, LineState, Rewrite
from zoneguard.firewall.parse import format_of, parse

HERE = Path(__file__).parent / "yamaha"
EXPORTS = Path(__file__).resolve().parents[3] / "exports" / "yamaha"
FIXTURES = sorted([*HERE.glob("*.txt"), *EXPORTS.glob("*.txt")])
ADDRESSES = "ip lan1 address 192.168.1.1/24\nip lan2 address 192.0.2.1/24\n"
PERMIT, DENY = Action.PERMIT, Action.DENY


def read(text: str):
    return parse("rt.txt", (ADDRESSES + text).encode(), format_name="yamaha")


def decide(text: str, **packet):
    asked = {
        "ingress": "lan2",
        "egress": "lan1",
        "source": "198.51.100.9",
        "destination": "192.168.1.80",
        "protocol": 6,
    }
    return verdict(read(text).rulesets[0], **{**asked, "dport": 80, **packet})


def outward(text: str, **packet):
    return decide(text, **{"ingress": "lan1", "egress": "lan2", "source": "192.168.1.80", "destination": "198.51.100.9", **packet})  # fmt: skip


def fixture(name: str):
    return parse(name, (HERE / name).read_bytes())


def test_an_interface_without_filters_passes_all() -> None:
    assert decide("ip filter 1 reject * * * * *\n")[0] is PERMIT


def test_once_any_filter_is_applied_the_rest_of_that_direction_is_discarded() -> None:
    text = "ip lan2 secure filter in 1\nip filter 1 pass * * udp * *\n"
    assert decide(text) == (DENY, "ip lan2 secure filter in default")
    assert outward(text)[0] is PERMIT


def test_filters_are_asked_in_the_order_of_the_list_and_not_of_their_numbers() -> None:
    filters = "ip filter 1 reject * * * * *\nip filter 2 pass * * tcp * www\n"
    assert decide("ip lan2 secure filter in 2 1\n" + filters) == (PERMIT, "ip filter 2")
    assert decide("ip lan2 secure filter in 1 2\n" + filters) == (DENY, "ip filter 1")


def test_www_is_one_port_in_a_static_filter_and_two_in_a_dynamic_one() -> None:
    static = "ip lan2 secure filter out 1\nip filter 1 pass * * tcp * www\n"
    dynamic = "ip lan2 secure filter out dynamic 1\nip filter dynamic 1 * * www\n"
    assert outward(static, dport=80)[0] is PERMIT
    assert outward(static, dport=443)[0] is DENY
    assert outward(dynamic, dport=443) == (PERMIT, "ip filter dynamic 1")
    assert outward(dynamic, dport=8080)[0] is DENY


def test_a_dynamic_filter_lets_replies_back_through_the_other_direction() -> None:
    text = "ip lan2 secure filter in 1\nip lan2 secure filter out 2 dynamic 1\nip filter 1 reject * * * * *\nip filter 2 pass * * * * *\nip filter dynamic 1 * * www\n"
    reply = {"dport": 50000, "flags": 0x12, "state": 2}
    assert decide(text, sport=443, **reply)[0] is PERMIT
    assert decide(text, sport=22, **reply)[0] is DENY
    assert decide(text, sport=443, dport=50000, flags=2, state=1) == (DENY, "ip filter 1")


def test_static_filters_keep_no_state_and_established_is_a_matter_of_flags() -> None:
    text = "ip lan2 secure filter in 1\nip filter 1 pass * * established * *\n"
    assert decide(text, flags=0x10)[0] is PERMIT
    assert decide(text, flags=0x04)[0] is PERMIT
    assert decide(text, flags=0x02)[0] is DENY


@pytest.mark.parametrize(
    ("protocol", "flags", "passes"),
    [
        ("tcpflag=0x0002/0x0017", 0x02, True),
        ("tcpflag=0x0002/0x0017", 0x0A, True),
        ("tcpflag=0x0002/0x0017", 0x12, False),
        ("tcpflag!=0x0000/0x0014", 0x10, True),
        ("tcpfin", 0x11, True),
        ("tcprst", 0x04, True),
        ("tcprst", 0x10, False),
    ],
)
def test_tcp_flags_are_matched_under_their_mask(protocol, flags, passes) -> None:
    text = f"ip lan2 secure filter in 1\nip filter 1 pass * * {protocol} * *\n"
    assert (decide(text, flags=flags)[0] is PERMIT) is passes


def test_of_the_filters_a_dynamic_one_refers_to_only_protocol_and_ports_count() -> None:
    text = "ip lan2 secure filter out dynamic 9\nip filter 1 reject 10.0.0.1 10.0.0.2 tcp * 8443\nip filter dynamic 9 192.168.1.0/24 * filter 1\n"
    assert outward(text, dport=8443)[0] is PERMIT
    assert outward(text, dport=443)[0] is DENY
    assert outward(text, dport=8443, source="192.168.2.1")[0] is DENY


def test_restrict_may_pass_and_else_discards() -> None:
    text = "ip lan2 secure filter in 1\nip filter 1 restrict * * tcp * www\n"
    assert decide(text) == (None, "ip filter 1")
    (step,) = [one for one in read(text).rulesets[0].steps if one.name.endswith(" in")]
    assert [line.action for line in step.lines] == [PERMIT, DENY]


@pytest.mark.parametrize(
    ("fields", "packet", "passes"),
    [
        ("192.0.2.0/24,198.51.100.0-198.51.100.99 *", {}, True),
        ("198.51.100.* *", {}, True),
        ("198.51.100.0/255.255.255.0 192.168.1.80", {}, True),
        ("198.51.100.9", {}, True),
        ("* * tcp,udp * 79-81,443", {}, True),
        ("* * tcp 1024-65535 *", {"sport": 80}, False),
        ("* * icmp * *", {"protocol": 1, "dport": 2048}, True),
        ("* * icmp 8 *", {"protocol": 1, "dport": 2048}, True),
        ("* * icmp 0 *", {"protocol": 1, "dport": 2048}, False),
        ("* * icmp-info * *", {"protocol": 1, "dport": 2048}, True),
        ("* * icmp-error * *", {"protocol": 1, "dport": 768}, True),
        ("* * icmp-error * *", {"protocol": 1, "dport": 2048}, False),
        ("* * 47 * *", {"protocol": 47, "dport": 0}, True),
        ("* * * * *", {"protocol": 50, "dport": 0}, True),
    ],
)
def test_each_field_of_a_filter_is_read(fields, packet, passes) -> None:
    text = f"ip lan2 secure filter in 1\nip filter 1 pass {fields}\n"
    assert (decide(text, **packet)[0] is PERMIT) is passes


@pytest.mark.parametrize(
    "fields",
    ["www.example.jp *", "* * tcp * nosuchport", "* * nosuchproto * *", "* * * * 80", "* * tcp * * extra"],
)
def test_what_is_not_understood_in_a_filter_may_match_and_never_must(fields) -> None:
    assert decide(f"ip lan2 secure filter in 1\nip filter 1 pass {fields}\n") == (None, "ip filter 1")


def test_a_number_that_no_filter_has_leaves_the_rest_open_and_is_said() -> None:
    text = "ip lan2 secure filter in 7 1\nip filter 1 pass * * * * *\n"
    assert decide(text)[0] is None
    assert read(text).faults[0].state is LineState.UNKNOWN


def test_a_named_set_of_filters_is_applied_by_its_name() -> None:
    text = "ip filter 1 pass * * tcp * www\nip filter set web in 1\nip lan2 secure filter name web\n"
    assert decide(text)[0] is PERMIT
    assert decide(text, dport=22)[0] is DENY


def test_a_console_that_cut_a_list_inside_a_number_is_joined_again() -> None:
    result = fixture("wrapped.txt")
    step = next(one for one in result.rulesets[0].steps if one.name == "ip lan2 secure filter in")
    assert [line.id.split()[-1] for line in step.lines] == ["1000", *map(str, range(101, 115)), "199"]
    assert {one.dport for one in step.lines[0].match.services} == {(135, 139), (445, 445)}
    assert result.faults == ()


def test_a_list_that_was_cut_at_a_blank_is_joined_at_the_blank() -> None:
    filters = "".join(f"ip filter {number} pass * 192.168.1.{number} tcp * 22\n" for number in range(10, 30))
    text = "ip lan2 secure filter in " + " ".join(map(str, range(10, 25))) + "\n25 26 27\n" + filters
    (step,) = [one for one in read(text).rulesets[0].steps if one.name.endswith(" in")]
    assert len(step.lines) == 18


def test_a_cut_that_may_be_inside_a_number_or_beside_it_leaves_the_list_open() -> None:
    filters = "ip filter 1 pass * * udp * *\nip filter 2 pass * * udp * *\nip filter 12 pass * * tcp * *\n"
    text = "ip lan2 secure filter in " + "2 " * 20 + "1\n2\n" + filters
    assert decide(text)[0] is None


def test_incoming_packets_meet_the_filter_with_their_address_translated() -> None:
    nat = "ip lan2 nat descriptor 1\nnat descriptor type 1 masquerade\nnat descriptor address outer 1 primary\nnat descriptor masquerade static 1 1 192.168.1.80 tcp 8080=www\n"
    text = nat + "ip lan2 secure filter in 1\nip filter 1 pass * 192.168.1.80 tcp * www\n"
    assert decide(text, destination="192.0.2.1", dport=8080) == (PERMIT, "ip filter 1")
    assert decide(text, destination="192.0.2.1", dport=80)[0] is DENY


def test_outgoing_packets_meet_the_filter_before_their_address_is_translated() -> None:
    nat = (
        "ip lan2 nat descriptor 1\nnat descriptor type 1 masquerade\nnat descriptor address outer 1 primary\n"
    )
    text = nat + "ip lan2 secure filter out 1\nip filter 1 pass 192.168.1.0/24 * * * *\n"
    assert outward(text) == (PERMIT, "ip filter 1")
    kinds = [type(step) for step in read(text).rulesets[0].steps]
    assert kinds.index(Rewrite) > max(at for at, kind in enumerate(kinds) if kind is Filter)


def test_an_outer_address_that_the_configuration_leaves_out_makes_translation_open() -> None:
    text = "ip lan2 nat descriptor 1\nnat descriptor type 1 masquerade\nnat descriptor masquerade static 1 1 192.168.1.80 tcp 443\n"
    assert decide(text, destination="203.0.113.7", dport=443)[0] is None
    assert LineState.UNSUPPORTED in read(text).states


def test_a_static_translation_maps_address_by_address() -> None:
    nat = "ip lan2 nat descriptor 1\nnat descriptor type 1 nat\nnat descriptor address outer 1 203.0.113.1\nnat descriptor static 1 1 203.0.113.2=192.168.1.2 2\n"
    text = nat + "ip lan2 secure filter in 1\nip filter 1 pass * 192.168.1.3 tcp * 22\n"
    assert decide(text, destination="203.0.113.3", dport=22)[0] is PERMIT
    assert decide(text, destination="203.0.113.2", dport=22)[0] is DENY


def test_filters_of_both_families_stand_apart() -> None:
    ruleset = fixture("ipv6.txt").rulesets[0]
    asked = {"ingress": "lan2", "egress": "lan1", "protocol": 6}
    v6 = {"source": "2001:db8:9::1", "destination": "2001:db8:100::5"}
    assert verdict(ruleset, **asked, **v6, dport=113) == (PERMIT, "ipv6 filter 101001")
    assert verdict(ruleset, **asked, **v6, dport=80)[0] is DENY
    assert verdict(ruleset, **asked, source="198.51.100.1", destination="192.168.100.5", dport=113)[0] is DENY


def test_ipv6_is_not_passed_by_a_router_without_any_of_its_addresses() -> None:
    packet = {"source": "2001:db8::1", "destination": "2001:db8::2"}
    assert decide("", **packet) == (DENY, "ipv6 is not routed")


def test_pp_and_tunnel_filters_belong_to_what_was_selected() -> None:
    ruleset = fixture("branch.txt").rulesets[0]
    names = {step.name for step in ruleset.steps}
    assert {"ip pp 1 secure filter in", "ip tunnel 1 secure filter in", "ip lan1 secure filter in"} <= names
    asked = {"ingress": "pp 1", "egress": "lan1", "source": "198.51.100.1", "protocol": 6}
    assert verdict(ruleset, **asked, destination="203.0.113.10", dport=8080) == (PERMIT, "ip filter 200080")
    assert verdict(ruleset, **asked, destination="192.168.100.9", dport=3389)[0] is DENY


def test_interfaces_routes_device_version_comments_and_logs_are_read() -> None:
    result = fixture("branch.txt")
    ruleset = result.rulesets[0]
    assert (ruleset.device, ruleset.version) == ("branch-rt", "14.01.42")
    vlan = next(one for one in ruleset.interfaces if one.name == "lan1/2")
    assert (vlan.vlan, str(vlan.networks[0])) == (101, "192.168.101.0/24")
    assert [(str(one.network), one.interface, one.gateway) for one in ruleset.routes] == [
        ("0.0.0.0/0", "pp 1", None),
        ("10.10.0.0/16", "tunnel 1", None),
        ("10.60.0.0/16", None, "192.0.2.254"),
        ("10.60.0.0/16", None, "192.0.2.253"),
    ]
    step = next(one for one in ruleset.steps if one.name == "ip pp 1 secure filter in")
    line = next(one for one in step.lines if one.id == "ip filter 200080")
    assert (line.comment, line.log) == ("R8-情-021 公開サーバ", True)
    assert step.default_log is True
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED]  # the route by filter


def test_what_is_not_modelled_leaves_packets_open() -> None:
    assert decide("ethernet filter 1 pass-nolog * *\nethernet lan2 filter in 1\n")[0] is None
    assert decide("ip policy filter 1 pass * * * * *\nip policy filter set enable 1\n")[0] is None
    assert decide("ip lan2 nat descriptor reverse 1\n", destination="192.0.2.1")[0] is None


def test_no_secret_of_a_configuration_is_in_the_result() -> None:
    wrapped = "ipsec ike pre-shared-key 1 text hunter-" + "x" * 50 + "\nhunterrest\n"
    for result in (fixture("branch.txt"), read(wrapped)):
        assert "hunter" not in repr(result)
        assert result.redacted


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_configurations_are_recognised_and_every_line_is_accounted_for(path: Path) -> None:
    octets = path.read_bytes()
    chosen = format_of(octets)
    assert chosen is not None
    assert chosen.name == "yamaha"
    result = parse(path.name, octets)
    assert len(result.states) == len(Export.of(path.name, octets).lines) > 0
    assert LineState.UNKNOWN not in result.states


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
        ("lan1/2", "lan2/1", "172.16.20.9", "192.168.10.9", 3389),
        ("lan2/2", "lan3/2", "192.168.250.25", "192.168.251.2", 25),
        ("lan3/1", "lan1/1", "172.16.251.2", "172.16.10.25", 25),
        ("lan1/1", "lan3/1", "172.16.10.25", "172.16.251.2", 25),
        ("lan3/2", "lan2/2", "192.168.251.2", "192.168.250.25", 25),
        ("lan2/1", "lan3/2", "192.168.10.9", "192.168.251.3", 443),
        ("lan1/2", "lan3/1", "172.16.20.9", "172.16.251.3", 443),
    ]
    for flow in declared:
        back = (flow[1], flow[0], flow[3], flow[2])
        assert asked_of("clean.txt", flow) is PERMIT
        assert asked_of("clean.txt", (*flow[:4], 22)) is DENY
        assert (asked_of("clean.txt", (*back, flow[4])) is PERMIT) is ((*back, flow[4]) in declared)
        assert asked_of("clean.txt", (*back, 50000), sport=flow[4], flags=0x12, state=2) is PERMIT


def test_the_sample_with_mistakes_permits_what_its_readme_says() -> None:
    assert asked_of("mistakes.txt", ("lan2/2", "lan1/1", "192.168.250.15", "172.16.10.40", 445)) is PERMIT
    assert asked_of("mistakes.txt", ("lan1/1", "lan2/2", "172.16.10.30", "192.168.250.10", 23)) is PERMIT
    assert asked_of("mistakes.txt", ("lan2/1", "lan1/2", "192.168.10.9", "172.16.20.9", 3389)) is PERMIT
    assert asked_of("mistakes.txt", ("lan2/2", "lan1/1", "192.0.2.9", "192.168.250.1", 8443)) is PERMIT


def test_a_line_that_is_no_command_is_said() -> None:
    result = read("frobnicate lan1\n")
    assert [fault.state for fault in result.faults] == [LineState.UNKNOWN]
    assert result.states[-1] is LineState.UNKNOWN
