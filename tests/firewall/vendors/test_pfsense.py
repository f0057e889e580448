from __future__ import annotations

from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.errors import InputRefusedError
from zoneguard.firewall.model import Action, LineState
from zoneguard.firewall.parse import format_of, parse

HERE = Path(__file__).parent / "pfsense"
FIXTURES = sorted(HERE.iterdir())
PERMIT, DENY = Action.PERMIT, Action.DENY
ANY = "<any></any>"


def fixture(name: str):
    return parse(name, (HERE / name).read_bytes())


def ask(result, **packet):
    asked = {"ingress": "lan", "egress": "wan", "source": "192.168.10.5", "destination": "8.8.8.8", "protocol": 6, "dport": 443}  # fmt: skip
    return verdict(result.rulesets[0], **{**asked, **packet})


def rule(kind: str = "pass", *, source: str = ANY, destination: str = ANY, more: str = "", interface: str = "lan") -> str:  # fmt: skip
    side = f"<source>{source}</source>\n<destination>{destination}</destination>\n"
    return f"<rule>\n<type>{kind}</type>\n<interface>{interface}</interface>\n<ipprotocol>inet</ipprotocol>\n{side}{more}</rule>\n"


def read(rules: str, more: str = "", system: str = "<ipv6allow></ipv6allow>", root: str = "pfsense"):
    interfaces = "".join(
        f"<{name}>\n<enable></enable>\n<if>em{at}</if>\n<ipaddr>{address}</ipaddr>\n<subnet>24</subnet>\n</{name}>\n"
        for at, (name, address) in enumerate({"wan": "203.0.113.1", "lan": "192.168.10.1", "opt1": "192.168.20.1"}.items())
    )  # fmt: skip
    text = f"<{root}>\n<system>{system}</system>\n<interfaces>\n{interfaces}</interfaces>\n<filter>\n{rules}</filter>\n{more}</{root}>\n"
    return parse("config.xml", text.encode())


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_every_line_is_accounted_for_and_no_secret_is_in_sight(path) -> None:
    octets = path.read_bytes()
    result = parse(path.name, octets)
    assert result.format == "pfsense" == format_of(octets).name
    assert len(result.states) == octets.count(b"\n")
    assert LineState.UNKNOWN not in result.states
    shown = repr(result)
    for secret in ("invented", "aW52ZW50", "$2"):
        assert secret not in shown


def test_every_secret_is_counted() -> None:
    assert fixture("pfsense.xml").redacted == 7


def test_what_no_rule_of_the_incoming_interface_passes_is_blocked() -> None:
    assert ask(read("")) == (DENY, "rules in default")
    assert ask(read(rule())) == (PERMIT, "rules out default")
    assert ask(read(rule(interface="opt1")))[0] is DENY


def test_rules_of_an_interface_are_asked_first_match_first() -> None:
    assert ask(read(rule("block") + rule()))[0] is DENY
    assert ask(read(rule() + rule("reject")))[0] is PERMIT


def test_a_match_rule_decides_nothing() -> None:
    assert ask(read(rule("match") + rule()))[0] is PERMIT


def test_a_disabled_rule_stays_and_matches_nothing() -> None:
    assert ask(read(rule(more="<disabled></disabled>\n")))[0] is DENY
    assert ask(read(rule(more="<disabled>1</disabled>\n"), root="opnsense"))[0] is DENY
    assert ask(read(rule(more="<disabled>0</disabled>\n"), root="opnsense"))[0] is PERMIT


FLOATING = "<floating>yes</floating>\n<direction>in</direction>\n"


def test_quick_floating_rules_come_first_and_others_only_where_nothing_else_decides() -> None:
    quick = rule("block", more=FLOATING + "<quick>yes</quick>\n")
    slow = rule("block", more=FLOATING)
    assert ask(read(rule() + quick))[0] is DENY
    assert ask(read(rule() + slow))[0] is PERMIT


def test_of_floating_rules_without_quick_the_last_match_decides() -> None:
    slow = rule("block", more=FLOATING) + rule("pass", more=FLOATING)
    assert ask(read(slow))[0] is PERMIT
    assert ask(read(rule("pass", more=FLOATING) + rule("block", more=FLOATING)))[0] is DENY


def test_a_floating_rule_of_the_way_out_is_asked_on_the_outgoing_interface() -> None:
    out = rule(
        "block",
        interface="wan",
        more="<floating>yes</floating>\n<direction>out</direction>\n<quick>yes</quick>\n<tracker>9</tracker>\n",
    )
    assert ask(read(rule() + out)) == (DENY, "rule 9")
    assert ask(read(rule() + out), egress="opt1")[0] is PERMIT


def test_rules_of_a_group_come_before_those_of_its_interfaces() -> None:
    group = "<ifgroups>\n<ifgroupentry>\n<ifname>IN</ifname>\n<members>lan opt1</members>\n</ifgroupentry>\n</ifgroups>\n"
    assert ask(read(rule() + rule("block", interface="IN"), group))[0] is DENY
    assert ask(read(rule(interface="IN"), group), ingress="opt1")[0] is PERMIT


def test_not_turns_an_address_around_and_aliases_nest_in_circles() -> None:
    result = fixture("pfsense.xml")
    assert ask(result, destination="10.9.0.5", dport=445) == (PERMIT, "rules out default")
    assert ask(result, destination="192.168.20.105", dport=445)[0] is PERMIT
    assert ask(result, destination="192.168.20.120", dport=445) == (DENY, "rule 200")
    assert ask(result, destination="192.168.20.120", dport=446)[0] is PERMIT


def test_an_excluded_member_of_an_alias_is_taken_out() -> None:
    result = fixture("opnsense.xml")
    assert ask(result, destination="10.1.0.5")[0] is PERMIT
    assert ask(result, destination="10.1.9.5")[0] is DENY


@pytest.mark.parametrize(
    ("destination", "inside", "outside"),
    [
        ("<address>10.1.0.0/16</address>", "10.1.2.3", "10.2.0.1"),
        ("<address>10.1.0.7</address>", "10.1.0.7", "10.1.0.8"),
        ("<network>opt1</network>", "192.168.20.9", "192.168.21.9"),
        ("<network>opt1ip</network>", "192.168.20.1", "192.168.20.2"),
        ("<network>(self)</network>", "203.0.113.1", "203.0.113.2"),
        ("<network>opt1</network><not></not>", "192.168.21.9", "192.168.20.9"),
    ],
)  # fmt: skip
def test_each_kind_of_address_is_read(destination, inside, outside) -> None:
    result = read(rule(destination=destination))
    assert ask(result, destination=inside)[0] is PERMIT
    assert ask(result, destination=outside)[0] is DENY


@pytest.mark.parametrize(
    ("more", "destination", "packet", "passes"),
    [
        ("<protocol>tcp</protocol>\n", f"{ANY}<port>443</port>", {}, True),
        ("<protocol>tcp</protocol>\n", f"{ANY}<port>400-500</port>", {}, True),
        ("<protocol>tcp</protocol>\n", f"{ANY}<port>https</port>", {}, True),
        ("<protocol>udp</protocol>\n", f"{ANY}<port>443</port>", {}, False),
        ("<protocol>tcp/udp</protocol>\n", f"{ANY}<port>443</port>", {"protocol": 17}, True),
        ("<protocol>esp</protocol>\n", ANY, {"protocol": 50, "dport": 0}, True),
        ("<protocol>icmp</protocol>\n<icmptype>echoreq</icmptype>\n", ANY, {"protocol": 1, "dport": 2048}, True),
        ("<protocol>icmp</protocol>\n<icmptype>echoreq</icmptype>\n", ANY, {"protocol": 1, "dport": 0}, False),
        ("<protocol>tcp</protocol>\n<tcpflags1>syn</tcpflags1>\n<tcpflags2>syn,ack</tcpflags2>\n", ANY, {"flags": 18}, False),
    ],
)  # fmt: skip
def test_protocols_ports_and_flags_are_read(more, destination, packet, passes) -> None:
    result = read(rule(more=more, destination=destination))
    assert result.faults == ()
    assert (ask(result, **packet)[0] is PERMIT) is passes


@pytest.mark.parametrize(
    ("more", "destination"),
    [
        ("<os>Linux</os>\n", ANY),
        ("<sched>office</sched>\n", ANY),
        ("<tagged>x</tagged>\n", ANY),
        ("<novelty>x</novelty>\n", ANY),
        ("<protocol>nosuch</protocol>\n", ANY),
        ("", "<address>nosuch</address>"),
        ("", "<address>www.example.jp</address>"),
        ("", "<address>TABLE</address>"),
        ("<protocol>tcp</protocol>\n", f"{ANY}<port>nosuch</port>"),
    ],
)
def test_what_the_export_does_not_settle_may_match_and_never_must(more, destination) -> None:
    table = "<aliases>\n<alias>\n<name>TABLE</name>\n<type>urltable</type>\n<url>https://example.jp/x</url>\n</alias>\n</aliases>\n"
    result = read(rule(more=more, destination=destination), table)
    assert ask(result) == (None, "rule 1")
    assert result.faults


def test_what_an_alias_surely_holds_stays_sure() -> None:
    alias = "<aliases>\n<alias>\n<name>A</name>\n<type>host</type>\n<address>10.1.0.1 www.example.jp</address>\n</alias>\n</aliases>\n"
    result = read(rule(destination="<address>A</address>"), alias)
    assert ask(result, destination="10.1.0.1")[0] is PERMIT
    assert ask(result, destination="10.1.0.2")[0] is None


def test_ipv6_is_blocked_unless_it_is_allowed() -> None:
    packet = {"source": "2001:db8:10::5", "destination": "2001:4860::1"}
    both = rule().replace("inet<", "inet46<")
    assert ask(read(both), **packet)[0] is PERMIT
    assert ask(read(both, system=""), **packet) == (DENY, "IPv6 not allowed")


def test_private_and_impossible_sources_are_blocked_ahead_of_rules() -> None:
    result = fixture("pfsense.xml")
    inward = {"ingress": "wan", "egress": "opt1", "destination": "192.168.20.80"}
    assert ask(result, **inward, source="8.8.8.8")[0] is PERMIT
    assert ask(result, **inward, source="172.16.0.1") == (DENY, "wan blockpriv")
    assert ask(result, **inward, source="198.51.100.1") == (None, "wan blockbogons")


def test_port_forwarding_comes_before_the_rules_and_still_needs_one() -> None:
    result = fixture("pfsense.xml")
    inward = {"ingress": "wan", "egress": "opt1", "source": "8.8.8.8"}
    assert ask(result, **inward, destination="203.0.113.80", dport=8443)[0] is PERMIT
    assert ask(result, **inward, destination="203.0.113.80", dport=443)[0] is DENY
    assert ask(result, **inward, destination="203.0.113.90", dport=443) == (DENY, "rules in default")


def test_port_forwarding_that_passes_asks_no_rule() -> None:
    result = fixture("pfsense.xml")
    assert (
        ask(result, ingress="wan", egress="opt1", source="8.8.8.8", destination="203.0.113.1", dport=2222)[0]
        is PERMIT
    )
    assert result.rulesets[0].steps[1].lines[0].id == "nat rule 2 pass"


def test_a_range_of_ports_is_forwarded_from_the_first_port_on() -> None:
    side = "<source><any></any></source>\n<destination><network>wanip</network><port>8000-8010</port></destination>\n"
    to = "<target>192.168.10.9</target>\n<local-port>80</local-port>\n"
    nat = f"<nat>\n<rule>\n<interface>wan</interface>\n<protocol>tcp</protocol>\n{side}{to}</rule>\n</nat>\n"
    translation = read("", nat).rulesets[0].steps[0].translations[0]
    assert translation.destination.port == (80, 90)


def test_outbound_nat_comes_after_the_rules_one_to_one_first() -> None:
    steps = fixture("pfsense.xml").rulesets[0].steps
    assert [step.name for step in steps] == ["nat in", "rules in", "nat out", "rules out"]
    assert [one.id for one in steps[2].translations] == [
        "nat onetoone 1",
        "nat outbound rule 1",
        "automatic outbound nat wan",
    ]
    assert steps[2].translations[1].source is None


def test_a_device_whose_filter_is_off_passes_everything() -> None:
    assert ask(read("", system="<disablefilter></disablefilter>"))[0] is PERMIT


def test_rules_of_the_newer_model_of_opnsense_are_told_as_not_modelled() -> None:
    model = "<OPNsense>\n<Firewall>\n<Filter>\n<rules>\n<rule>\n<enabled>1</enabled>\n</rule>\n</rules>\n</Filter>\n</Firewall>\n</OPNsense>\n"
    result = read("", model, root="opnsense")
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED]


def test_policy_routing_and_stateless_rules_are_said() -> None:
    result = read(rule(more="<gateway>WAN2</gateway>\n<statetype>none</statetype>\n"))
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED] * 2
    assert ask(result)[0] is PERMIT


@pytest.mark.parametrize(
    "text",
    ["<pfsense>", "<pfsense>\n<a></b>\n</pfsense>", '<!DOCTYPE x [<!ENTITY a "b">]>\n<pfsense>&a;</pfsense>'],
)
def test_what_is_no_configuration_is_refused_with_its_place(text) -> None:
    with pytest.raises(InputRefusedError, match=r"config\.xml:\d"):
        parse("config.xml", text.encode(), format_name="pfsense")


def test_a_block_that_nobody_knows_is_said() -> None:
    result = read("", "<novelty>\n<x>1</x>\n</novelty>\n")
    assert [fault.state for fault in result.faults] == [LineState.UNKNOWN]
    assert result.states.count(LineState.UNKNOWN) == 3


def test_a_comment_with_the_word_password_breaks_nothing() -> None:
    result = read(rule(more="<descr><![CDATA[new password tanaka]]></descr>\n"))
    assert ask(result)[0] is PERMIT
    assert "tanaka" not in repr(result)


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ("<defaultgw4>B</defaultgw4>", ["opt1"]),
        ("<defaultgw4></defaultgw4>", ["wan"]),
        ("", ["wan"]),
        ("<defaultgw4>-</defaultgw4>", []),
        ("<defaultgw4>GROUP</defaultgw4>", []),
    ],
)
def test_the_default_gateway_is_a_route(chosen, wanted) -> None:
    text = f"""<pfsense>
<interfaces>
<wan><enable></enable><if>em0</if><ipaddr>203.0.113.1</ipaddr><subnet>24</subnet><gateway>A</gateway></wan>
<opt1><enable></enable><if>em1</if><ipaddr>192.168.20.1</ipaddr><subnet>24</subnet></opt1>
</interfaces>
<gateways>
<gateway_item><interface>wan</interface><gateway>203.0.113.254</gateway><name>A</name></gateway_item>
<gateway_item><interface>opt1</interface><gateway>192.168.20.254</gateway><name>B</name></gateway_item>
{chosen}
</gateways>
<filter></filter>
</pfsense>
"""
    (ruleset,) = parse("config.xml", text.encode(), format_name="pfsense").rulesets
    assert [one.interface for one in ruleset.routes if one.network.prefixlen == 0] == wanted
