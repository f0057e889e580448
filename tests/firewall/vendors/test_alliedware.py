from __future__ import annotations

from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.firewall.model import Action, LineState
from zoneguard.firewall.parse import format_of, parse

FIXTURE = Path(__file__).parent / "alliedware" / "border.txt"
PERMIT, DENY = Action.PERMIT, Action.DENY
ENTITIES = """
zone in
 network lan
  ip subnet 10.1.0.0/16
  host web
   ip address 10.1.0.80
zone out
 network wan
  ip subnet 0.0.0.0/0 interface eth1
interface eth1
 ip address 203.0.113.1/24
interface vlan1
 ip address 10.1.0.1/16
"""


def fixture():
    return parse("border.txt", FIXTURE.read_bytes())


def read(text: str):
    return parse("ar.txt", (ENTITIES + text).encode(), format_name="alliedware")


def ask(result, **packet):
    asked = {"ingress": "vlan1", "egress": "eth1", "source": "10.1.0.5", "destination": "198.51.100.9", "protocol": 6, "dport": 443}  # fmt: skip
    return verdict(result.rulesets[0], **{**asked, **packet})


def lgwan(**packet):
    asked = {
        "ingress": "vlan220",
        "egress": "eth1",
        "source": "172.16.20.5",
        "destination": "192.168.10.9",
        "dport": 3389,
    }
    return ask(fixture(), **{**asked, **packet})


def test_every_line_is_accounted_for_and_no_secret_is_in_sight() -> None:
    octets = FIXTURE.read_bytes()
    result = fixture()
    assert result.format == "alliedware" == format_of(octets).name
    assert len(result.states) == octets.count(b"\n")
    assert LineState.UNKNOWN not in result.states
    assert not any(
        secret in repr(result) for secret in ("inventedhash", "inventedcommunity", "inventedpsk", "$1$")
    )


def test_what_no_rule_matches_is_dropped_and_without_protect_nothing_is() -> None:
    assert ask(read("firewall\n protect\n")) == (DENY, "firewall default")
    assert ask(read("firewall\n rule 10 deny any from in to out\n"))[0] is PERMIT


def test_rules_are_asked_by_their_numbers() -> None:
    text = "firewall\n rule 20 permit any from in to out\n rule 10 deny any from in to out\n protect\n"
    assert ask(read(text)) == (DENY, "rule 10")


def test_a_log_rule_goes_on_to_the_next() -> None:
    text = "firewall\n rule 10 log any from in to out\n rule 20 permit any from in to out log\n protect\n"
    assert ask(read(text)) == (PERMIT, "rule 20")
    assert read(text).rulesets[0].steps[0].lines[0].log is True


def test_entities_are_zone_network_and_host_and_an_interface_narrows_them() -> None:
    assert lgwan() == (PERMIT, "rule 10")
    assert lgwan(ingress="vlan210") == (DENY, "firewall default")
    assert lgwan(source="172.16.30.5")[0] is DENY
    assert lgwan(ingress="vlan210", source="172.16.10.9", dport=23) == (DENY, "rule 20")
    assert lgwan(ingress="vlan210", source="172.16.10.9", dport=24) == (PERMIT, "rule 30")


@pytest.mark.parametrize(
    ("application", "packet", "passes"),
    [
        ("any", {}, True),
        ("https", {}, True),
        ("HTTPS", {}, True),
        ("http", {}, False),
        ("ping", {"protocol": 1, "dport": 2048}, True),
        ("own", {"dport": 8080}, True),
        ("own", {"dport": 8081, "sport": 80}, False),
        ("one", {"protocol": 50, "dport": 0}, True),
    ],
)
def test_applications_are_read(application, packet, passes) -> None:
    own = "application own\n protocol tcp\n sport 1024 to 65535\n dport 8080 to 8089\napplication one\n protocol 50\n"
    result = read(own + f"firewall\n rule 10 permit {application} from in to out\n protect\n")
    assert (ask(result, **packet)[0] is PERMIT) is passes


def test_an_own_application_stands_before_the_predefined() -> None:
    own = "application http\n protocol tcp\n dport 443\nfirewall\n rule 10 permit http from in to out\n protect\n"
    assert ask(read(own))[0] is PERMIT


@pytest.mark.parametrize("application", ["youtube", "dns"])
def test_an_application_told_by_content_or_not_beyond_doubt_is_left_open(application) -> None:
    result = read(f"firewall\n rule 10 permit {application} from in to out\n protect\n")
    assert ask(result, protocol=17, dport=53) == (None, "rule 10")
    assert result.faults


def test_where_content_is_inspected_names_mean_content() -> None:
    result = read("dpi\n enable\nfirewall\n rule 10 permit http from in to out\n protect\n")
    assert ask(result)[0] is None


@pytest.mark.parametrize(
    "rule",
    ["permit any from nosuch to out", "permit any from in to out.nosuch", "permit half from in to out"],
)
def test_a_rule_with_an_incomplete_definition_is_not_put_to_use(rule) -> None:
    result = read(f"application half\n dport 80\nfirewall\n rule 10 {rule}\n protect\n")
    assert ask(result, dport=80)[0] is DENY
    assert result.faults
    assert result.rulesets[0].steps[0].lines[0].enabled is False


def test_a_host_by_name_is_left_open() -> None:
    assert lgwan(destination="8.8.8.8", protocol=1, dport=2048) == (None, "rule 80")
    assert any("rule 90" in fault.message.en for fault in fixture().faults)


def test_a_port_forward_comes_before_the_firewall_and_still_needs_a_rule() -> None:
    inward = {"ingress": "eth1", "egress": "vlan210", "source": "198.51.100.9", "destination": "203.0.113.80"}
    assert lgwan(**inward, dport=443) == (PERMIT, "rule 40")
    assert lgwan(**inward, dport=80)[0] is DENY


def test_masquerading_comes_behind_the_firewall() -> None:
    steps = fixture().rulesets[0].steps
    assert [step.name for step in steps] == ["nat dst", "firewall", "nat src"]
    assert {one.source.address for one in steps[2].translations} == {(0xFFFFCB007101, 0xFFFFCB007101)}


def test_nat_that_is_not_enabled_translates_nothing() -> None:
    result = read("nat\n rule 10 masq any from in to out\nfirewall\n protect\n")
    assert [step.name for step in result.rulesets[0].steps] == ["firewall"]


def test_a_port_forward_without_a_destination_listens_on_the_device() -> None:
    text = (
        "nat\n rule 10 portfwd https from out with dst in.lan.web dport 8443\n enable\nfirewall\n protect\n"
    )
    made = read(text).rulesets[0].steps[0].translations[0]
    assert made.match.destination == ((0xFFFF0A010001, 0xFFFF0A010001), (0xFFFFCB007101, 0xFFFFCB007101))
    assert made.destination.port == (8443, 8443)


def test_interfaces_and_routes_are_read() -> None:
    ruleset = fixture().rulesets[0]
    assert [(one.name, one.vlan) for one in ruleset.interfaces] == [
        ("eth1", None),
        ("vlan210", 210),
        ("vlan220", 220),
    ]
    assert [(str(one.network), one.gateway) for one in ruleset.routes] == [("0.0.0.0/0", "203.0.113.254")]


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("novelty on", LineState.UNKNOWN),
        ("firewall\n rule 10 allow any from in to out", LineState.UNKNOWN),
        ("access-list 3000 deny ip any any", LineState.UNSUPPORTED),
        ("interface port1.0.9\n access-group 3000", LineState.UNSUPPORTED),
        ("ip policy-route 10 match x", LineState.UNSUPPORTED),
    ],
)
def test_what_is_not_modelled_is_said(line, state) -> None:
    assert [fault.state for fault in read(line + "\n").faults] == [state]


@pytest.mark.parametrize(
    "said",
    [
        "protocol icmp\n icmp-type 8\n icmp-code",
        "protocol icmp\n icmp-type 8\n icmp-code 1 2",
        "protocol tcp\n dport to",
        "protocol tcp\n dport 1_0",
        "protocol tcp\n sport 1 2 3",
    ],
)
def test_an_application_that_is_no_application_is_left_open(said):
    result = read(f"application odd\n {said}\nfirewall\n rule 10 permit odd from in to out\n protect\n")
    assert ask(result)[0] is None
