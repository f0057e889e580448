from __future__ import annotations

from datetime import date
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.errors import InputRefusedError
from zoneguard.firewall.model import Action, Filter, LineState, Mapping
from zoneguard.firewall.parse import format_of, parse
from zoneguard.net.address import spans_of

HERE = Path(__file__).parent / "panos"
EXPORTS = Path(__file__).resolve().parents[3] / "exports" / "panos"
FIXTURES = sorted([*HERE.glob("*.xml"), *HERE.glob("*.txt"), *EXPORTS.glob("*.xml")])
PERMIT, DENY = Action.PERMIT, Action.DENY
ZONES = """<zone>
<entry name="a"><network><layer3><member>e1</member><member>e2</member></layer3></network></entry>
<entry name="b"><network><layer3><member>e3</member></layer3></network></entry>
</zone>
"""
ORDINARY = {
    "from": ["a"],
    "to": ["b"],
    "source": ["any"],
    "destination": ["any"],
    "application": ["any"],
    "service": ["service-https"],
    "action": "allow",
}


def rule(name="r", **changes):
    parts = {**ORDINARY, **{key.replace("_", "-").removesuffix("-"): value for key, value in changes.items()}}
    body = "".join(
        f"<{key}>{''.join(f'<member>{one}</member>' for one in value) if isinstance(value, list) else value}</{key}>\n"
        for key, value in parts.items()
        if value is not None
    )
    return f'<entry name="{name}">\n{body}</entry>\n'


def read(*rules, objects="", shared="", nat="", defaults="", zones=ZONES, base="rulebase"):
    text = f"""<config version="10.2.0" urldb="paloaltonetworks">
<shared>{shared}</shared>
<devices><entry name="localhost.localdomain">
<vsys><entry name="vsys1">
{zones}{objects}<{base}>
<security><rules>
{"".join(rules)}</rules></security>
<nat><rules>
{nat}</rules></nat>
<default-security-rules><rules>{defaults}</rules></default-security-rules>
</{base}>
</entry></vsys>
</entry></devices>
</config>
"""
    return parse("pa.xml", text.encode())


def only(*rules, **where):
    (ruleset,) = read(*rules, **where).rulesets
    return ruleset


def decide(ruleset, **packet):
    asked = {
        "ingress": "e1",
        "egress": "e3",
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
    assert result.format == "panos"
    assert len(result.states) == len(octets.decode().splitlines())
    assert LineState.UNKNOWN not in result.states


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_no_secret_of_an_export_is_repeated(path):
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.panos import FORMAT

    export = Export.of(path.name, path.read_bytes())
    shown = repr(FORMAT.parse(export)) + repr(export)
    for secret in ("inventedphash", "inventedpresharedkey"):
        assert secret not in shown


def test_a_word_that_names_a_secret_in_a_text_does_not_break_the_xml():
    (ruleset,) = parse("pa.xml", (HERE / "firewall.xml").read_bytes()).rulesets
    assert ruleset.device == "pa-reiji"


def test_the_format_is_told_by_its_content():
    assert format_of(b"set rulebase security rules a from any\n").name == "panos"
    assert format_of((HERE / "panorama.xml").read_bytes()).name == "panos"


def test_broken_xml_is_refused_with_its_line():
    with pytest.raises(InputRefusedError, match=r"pa.xml:2:"):
        parse("pa.xml", b'<config urldb="paloaltonetworks">\n<vsys>\n', format_name="panos")


def test_the_first_rule_that_matches_decides():
    ruleset = only(rule("x", action="drop"), rule("y"))
    assert decide(ruleset) == (DENY, "rule x")
    assert decide(ruleset, dport=80) == (DENY, "security default")


@pytest.mark.parametrize("action", ["deny", "drop", "reset-client", "reset-server", "reset-both"])
def test_each_way_to_refuse_denies(action):
    assert decide(only(rule(action=action))) == (DENY, "rule r")


def test_a_disabled_rule_stands_in_the_list_and_matches_nothing():
    ruleset = only(rule(disabled="yes"))
    assert lines(ruleset)[0].enabled is False
    assert decide(ruleset) == (DENY, "security default")


def test_zones_expand_to_interfaces_and_talk_within_themselves():
    ruleset = only(rule())
    assert lines(ruleset)[0].match.ingress == {"e1", "e2"}
    assert decide(ruleset, egress="e2", dport=22) == (PERMIT, "intrazone-default")


def test_both_default_rules_may_be_overridden():
    within = '<entry name="intrazone-default"><action>deny</action></entry>'
    between = '<entry name="interzone-default"><action>allow</action><log-end>yes</log-end></entry>'
    assert decide(only(rule(), defaults=within), egress="e2") == (DENY, "intrazone-default")
    ruleset = only(rule(action="deny"), defaults=between)
    assert decide(ruleset, dport=22) == (PERMIT, "security default")
    assert ruleset.steps[0].default_log is True
    assert ruleset.steps[0].default_places


def test_intrazone_and_interzone_rules_keep_to_their_kind():
    inside = only(rule(rule_type="intrazone", to=["any"], action="deny"))
    assert decide(inside, egress="e2") == (DENY, "rule r")
    assert decide(inside) == (DENY, "security default")
    between = only(rule(rule_type="interzone", from_=["any"], to=["any"]))
    assert decide(between) == (PERMIT, "rule r")
    assert decide(between, egress="e2", dport=443) == (PERMIT, "intrazone-default")


def test_a_zone_that_nothing_defines_is_left_open():
    result = read(rule(to=["nowhere"]))
    assert decide(result.rulesets[0]) == (None, "rule r")
    assert result.faults


def test_a_fragment_without_zones_takes_them_as_interfaces():
    ruleset = only(rule(), zones="")
    assert [(one.name, one.zone) for one in ruleset.interfaces] == [("a", "a"), ("b", "b")]
    assert decide(ruleset, ingress="a", egress="b") == (PERMIT, "rule r")


def test_an_application_makes_a_rule_a_may():
    assert decide(only(rule(application=["ssl"]))) == (None, "rule r")
    assert decide(only(rule(application=["ssl"])), dport=80) == (DENY, "security default")


def test_the_default_ports_of_an_application_are_any_ports():
    assert decide(only(rule(application=["dns"], service=["application-default"])), dport=9) == (
        None,
        "rule r",
    )


@pytest.mark.parametrize(
    "narrowing", [{"source_user": ["city\\\\taro"]}, {"category": ["news"]}, {"source_hip": ["patched"]}]
)
def test_what_narrows_a_rule_makes_it_a_may(narrowing):
    result = read(rule(**narrowing))
    assert decide(result.rulesets[0]) == (None, "rule r")
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED]


def test_an_element_nobody_knows_makes_the_rule_a_may_and_is_told():
    result = read(rule(moon_phase="full"))
    assert decide(result.rulesets[0]) == (None, "rule r")
    assert [fault.state for fault in result.faults] == [LineState.UNKNOWN]


OBJECTS = """<address>
<entry name="net"><ip-netmask>10.2.0.0/16</ip-netmask></entry>
<entry name="host"><ip-netmask>10.2.0.80</ip-netmask></entry>
<entry name="range"><ip-range>10.2.0.1-10.2.0.99</ip-range></entry>
<entry name="wild"><ip-wildcard>10.2.0.80/0.0.255.0</ip-wildcard></entry>
<entry name="name"><fqdn>x.example</fqdn></entry>
</address>
<address-group>
<entry name="group"><static><member>host</member><member>inner</member></static></entry>
<entry name="inner"><static><member>range</member></static></entry>
<entry name="circle"><static><member>circle</member></static></entry>
</address-group>
"""


@pytest.mark.parametrize(
    ("name", "destination", "expected"),
    [
        ("net", "10.2.9.9", PERMIT),
        ("host", "10.2.0.80", PERMIT),
        ("host", "10.2.0.81", DENY),
        ("range", "10.2.0.99", PERMIT),
        ("wild", "10.2.7.80", PERMIT),
        ("wild", "10.2.7.81", DENY),
        ("group", "10.2.0.5", PERMIT),
        ("circle", "10.2.0.80", None),
        ("name", "203.0.113.9", None),
        ("JP", "203.0.113.9", None),
        ("10.2.0.0/24", "10.2.0.7", PERMIT),
        ("10.2.0.7-10.2.0.8", "10.2.0.9", DENY),
        ("0.0.0.0/0", "2001:db8::1", DENY),
        ("::/0", "10.2.0.80", PERMIT),
        ("::/8", "10.2.0.80", PERMIT),
        ("2001:db8::/32", "10.2.0.80", DENY),
    ],
)
def test_what_a_destination_may_be(name, destination, expected):
    assert decide(only(rule(destination=[name]), objects=OBJECTS), destination=destination)[0] is expected


def test_any_is_both_families():
    assert decide(only(rule()), source="2001:db8::1", destination="2001:db8::2") == (PERMIT, "rule r")


def test_negation_inverts_the_whole_list():
    ruleset = only(rule(destination=["host", "range"], negate_destination="yes"), objects=OBJECTS)
    assert decide(ruleset)[0] is DENY
    assert decide(ruleset, destination="10.2.0.200") == (PERMIT, "rule r")


def test_a_sure_part_of_a_list_stays_sure():
    ruleset = only(rule(destination=["host", "name"]), objects=OBJECTS)
    assert decide(ruleset) == (PERMIT, "rule r")
    assert decide(ruleset, destination="203.0.113.9") == (None, "rule r")


def test_the_inner_object_hides_the_shared_one():
    shared = '<address><entry name="host"><ip-netmask>10.9.9.9</ip-netmask></entry></address>'
    ruleset = only(rule(destination=["host"]), objects=OBJECTS, shared=shared)
    assert decide(ruleset) == (PERMIT, "rule r")
    assert decide(ruleset, destination="10.9.9.9")[0] is DENY


def test_services_with_lists_ranges_source_ports_and_groups():
    objects = """<service>
<entry name="s"><protocol><udp><port>53,8000-8010</port><source-port>1024-2000</source-port></udp></protocol></entry>
</service>
<service-group><entry name="g"><members><member>s</member><member>service-http</member></members></entry></service-group>
"""
    ruleset = only(rule(service=["g"]), objects=objects)
    assert decide(ruleset, protocol=17, dport=8005, sport=1500) == (PERMIT, "rule r")
    assert decide(ruleset, protocol=17, dport=8005)[0] is DENY
    assert decide(ruleset, dport=8080) == (PERMIT, "rule r")


def test_a_schedule_gives_the_days_and_a_recurring_one_is_a_may():
    objects = """<schedule>
<entry name="once"><schedule-type><non-recurring><member>2025/04/01@00:00-2026/03/31@23:59</member></non-recurring></schedule-type></entry>
<entry name="daily"><schedule-type><recurring><daily><member>08:30-17:15</member></daily></recurring></schedule-type></entry>
</schedule>
"""
    line = lines(only(rule(schedule="once"), objects=objects))[0]
    assert (line.begins, line.expires, line.match.unknown) == (date(2025, 4, 1), date(2026, 3, 31), ())
    assert decide(only(rule(schedule="daily"), objects=objects)) == (None, "rule r")


NAT = """<entry name="in">
<from><member>a</member></from><to><member>a</member></to>
<source><member>any</member></source><destination><member>10.1.0.250</member></destination>
<service>service-https</service>
<destination-translation><translated-address>10.2.0.80</translated-address><translated-port>8443</translated-port></destination-translation>
</entry>
"""


def test_rules_see_the_address_before_nat_and_the_zone_behind_it():
    ruleset = only(rule(destination=["10.1.0.250"]), nat=NAT)
    assert [step.name for step in ruleset.steps] == ["security", "nat"]
    assert decide(ruleset, destination="10.1.0.250") == (PERMIT, "rule r")
    assert decide(only(rule(destination=["10.2.0.80"]), nat=NAT), destination="10.1.0.250")[0] is DENY
    (one,) = ruleset.steps[1].translations
    assert one.destination == Mapping(address=spans_of(ip_network("10.2.0.80"))[0], port=(8443, 8443))
    assert one.match.egress is None


def test_static_nat_of_both_directions_has_a_reverse():
    nat = """<entry name="s">
<from><member>a</member></from><to><member>b</member></to>
<source><member>10.1.0.25</member></source><destination><member>any</member></destination><service>any</service>
<source-translation><static-ip><translated-address>203.0.113.12</translated-address><bi-directional>yes</bi-directional></static-ip></source-translation>
</entry>
"""
    out, back = only(rule(), nat=nat).steps[1].translations
    assert out.source.address == spans_of(ip_network("203.0.113.12"))[0]
    assert back.match.destination == spans_of(ip_network("203.0.113.12"))
    assert back.destination.address == spans_of(ip_network("10.1.0.25"))[0]


def test_a_nat_rule_without_translation_exempts_and_order_counts():
    plain = "<from><member>a</member></from><to><member>b</member></to><source><member>any</member></source><destination><member>any</member></destination><service>any</service>"
    hide = "<source-translation><dynamic-ip-and-port><translated-address><member>203.0.113.4-203.0.113.7</member></translated-address></dynamic-ip-and-port></source-translation>"
    first, second = (
        only(rule(), nat=f'<entry name="x">{plain}</entry><entry name="y">{plain}{hide}</entry>')
        .steps[1]
        .translations
    )
    assert first.source is None
    assert second.source.address == spans_of(ip_network("203.0.113.4/30"))[0]


def test_the_rules_of_panorama_lie_around_those_of_a_group():
    city, branch = parse("panorama.xml", (HERE / "panorama.xml").read_bytes()).rulesets
    assert branch.device == "panorama/branch"
    assert [line.id for line in lines(branch) if line.name.endswith(("pre", "post"))] == [
        "pre rule shared-pre",
        "pre rule city-pre",
        "post rule branch-post",
        "post rule shared-post",
    ]
    packet = {"ingress": "lgwan", "egress": "internet"}
    assert decide(branch, **packet, destination="10.0.0.2") == (PERMIT, "pre rule city-pre")
    assert decide(city, **packet, destination="10.0.0.2") == (DENY, "post rule shared-post")
    assert decide(branch, ingress="lgwan", egress="lgwan", source="10.66.0.1") == (
        DENY,
        "pre rule shared-pre",
    )


def test_the_firewall_of_the_manual():
    (ruleset,) = parse("firewall.xml", (HERE / "firewall.xml").read_bytes()).rulesets
    assert [(one.name, one.zone, one.vlan) for one in ruleset.interfaces] == [
        ("ethernet1/1", "untrust", None),
        ("ethernet1/1.10", "dmz", 10),
        ("ethernet1/2", "trust", None),
    ]
    packet = {"ingress": "ethernet1/1", "egress": "ethernet1/1.10", "source": "198.51.100.9"}
    assert decide(ruleset, **packet, destination="203.0.113.10", dport=9005) == (PERMIT, "rule publish")
    assert decide(ruleset, ingress="ethernet1/2", egress="ethernet1/1", source="10.1.0.53") == (
        None,
        "rule web-out",
    )
    line = lines(ruleset)[0]
    assert (line.comment, line.log, line.expires) == ("公開 R8-情-099", False, date(2026, 3, 31))
    assert ruleset.steps[1].translations[1].source.address == spans_of(ip_network("203.0.113.1"))[0]


def test_set_commands_say_the_same_as_xml():
    (ruleset,) = parse("commands.txt", (HERE / "commands.txt").read_bytes()).rulesets
    (same,) = parse("firewall.xml", (HERE / "firewall.xml").read_bytes()).rulesets
    publish = next(line for line in lines(ruleset) if line.id == "rule publish")
    assert publish.match == lines(same)[0].match
    assert [(one.name, one.zone, one.networks, one.vlan) for one in ruleset.interfaces] == [
        (one.name, one.zone, one.networks, one.vlan) for one in same.interfaces
    ]
    assert [(one.network, one.interface, one.gateway) for one in ruleset.routes] == [
        (one.network, one.interface, one.gateway) for one in same.routes
    ]
    assert ruleset.steps[1].translations[0].match == same.steps[1].translations[0].match
    assert ruleset.steps[0].default_log is True


def test_set_commands_may_move_and_delete_rules():
    octets = (HERE / "commands.txt").read_bytes()
    (ruleset,) = parse("commands.txt", octets).rulesets
    assert lines(ruleset)[0].id == "rule stop"
    (ruleset,) = parse("commands.txt", octets + b"delete rulebase security rules stop\n").rulesets
    assert lines(ruleset)[0].id == "rule publish"
    result = parse("commands.txt", octets + b"delete zone\n")
    assert [fault.place.text for fault in result.faults] == ["delete zone"]


def test_rulebases_that_may_decide_and_are_not_modelled_are_told():
    text = (
        (HERE / "firewall.xml")
        .read_text()
        .replace("<nat>", '<pbf><rules><entry name="p"/></rules></pbf>\n<nat>')
    )
    assert any("<pbf>" in fault.place.text for fault in parse("pa.xml", text.encode()).faults)


def test_the_sample_of_the_city_is_clean():
    result = parse("clean.xml", (EXPORTS / "clean.xml").read_bytes())
    (ruleset,) = result.rulesets
    assert not result.faults
    inward = {"ingress": "ethernet1/2", "egress": "ethernet1/1", "source": "192.168.10.9"}
    outward = {"ingress": "ethernet1/1", "egress": "ethernet1/2", "source": "172.16.21.9"}
    assert decide(ruleset, **outward, destination="192.168.10.9", dport=3389) == (PERMIT, "rule A-SCR")
    assert decide(ruleset, **inward, destination="172.16.21.9", dport=3389) == (DENY, "rule DENY-ALL")


def test_the_mistakes_of_the_city_are_in_its_sample():
    result = parse("mistakes.xml", (EXPORTS / "mistakes.xml").read_bytes())
    (ruleset,) = result.rulesets
    assert not result.faults
    inward = {"ingress": "ethernet1/2", "egress": "ethernet1/1", "source": "192.168.10.9"}
    lgwan = {"ingress": "ethernet1/1", "source": "172.16.21.9"}
    assert decide(ruleset, **inward, destination="172.16.21.9", dport=3389) == (PERMIT, "rule VDI-GYAKU")
    assert decide(ruleset, **inward, destination="192.168.10.61", dport=8443) == (
        PERMIT,
        "rule BUNSHO-KOUKAI",
    )
    assert decide(ruleset, **lgwan, egress="ethernet1/3", destination="172.16.251.3", dport=23) == (
        PERMIT,
        "rule LG-ALL",
    )
    mail = {"ingress": "ethernet1/1", "egress": "ethernet1/2", "source": "172.16.10.25", "dport": 25}
    assert decide(ruleset, **mail, destination="192.168.250.25") == (PERMIT, "rule LG-OTHER")
    assert next(line for line in lines(ruleset) if line.id == "rule KARI-SHARE").expires == date(2026, 3, 31)
