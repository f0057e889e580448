from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.errors import InputRefusedError
from zoneguard.firewall.model import Action, Filter, LineState, Rewrite
from zoneguard.firewall.parse import format_of, parse
from zoneguard.net.address import V4_FIRST

HERE = Path(__file__).parent / "junos"
EXPORTS = Path(__file__).resolve().parents[3] / "exports" / "junos"
FIXTURES = sorted([*HERE.iterdir(), *EXPORTS.glob("*.conf")])
PERMIT, DENY = Action.PERMIT, Action.DENY
OUT, IN, DMZ = "ge-0/0/0.0", "ge-0/0/1.0", "ge-0/0/2.0"
ZONES = f"""
set security forwarding-options family inet6 mode flow-based
set security zones security-zone untrust interfaces {OUT}
set security zones security-zone trust interfaces {IN}
set security zones security-zone dmz interfaces {DMZ}
set interfaces ge-0/0/0 unit 0 family inet address 203.0.113.1/24
set interfaces ge-0/0/1 unit 0 family inet address 192.168.10.1/24
set interfaces ge-0/0/2 unit 0 family inet address 192.168.20.1/24
"""


def read(text: str):
    return parse("srx.txt", text.encode(), format_name="junos")


def fixture(name: str):
    return parse(name, (HERE / name).read_bytes())


def policy(name: str, *, zones="from-zone trust to-zone untrust", source="any", destination="any", application="any",
           then="permit", more=()) -> str:  # fmt: skip
    at = f"set security policies {zones} policy {name}"
    lines = [
        f"{at} match source-address {source}",
        f"{at} match destination-address {destination}",
        f"{at} match application {application}",
        f"{at} then {then}",
        *(f"{at} {one}" for one in more),
    ]
    return "\n".join(lines) + "\n"


def ask(text: str, **packet):
    asked = {"ingress": IN, "egress": OUT, "source": "192.168.10.5", "destination": "198.51.100.9", "protocol": 6, "dport": 443}  # fmt: skip
    result = text if not isinstance(text, str) else read(text)
    return verdict(result.rulesets[0], **{**asked, **packet})


def policies(result) -> Filter:
    return next(step for step in result.rulesets[0].steps if step.name == "security policies")


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_every_line_is_accounted_for_and_no_secret_is_in_sight(path) -> None:
    octets = path.read_bytes()
    result = parse(path.name, octets)
    assert result.format == "junos"
    assert len(result.states) == octets.count(b"\n")
    assert LineState.UNKNOWN not in result.states
    shown = repr(result)
    for secret in ("inventedsalt", "inventedhash", "inventedsecret", "inventedcommunity", "$6$", "$9$"):
        assert secret not in shown


def test_secrets_are_counted() -> None:
    assert fixture("branch.set.txt").redacted == 6


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_the_format_is_told_by_content(path) -> None:
    assert format_of(path.read_bytes()).name == "junos"


def test_a_policy_of_zones_is_asked_before_the_global_ones_and_the_default_comes_last() -> None:
    text = ZONES + policy("any", zones="global") + policy("no", then="deny")
    assert ask(text) == (DENY, "from-zone trust to-zone untrust policy no")
    assert ask(text, egress=DMZ) == (PERMIT, "global policy any")
    assert ask(ZONES) == (DENY, "security policies default")
    assert ask(ZONES + "set security policies default-policy permit-all\n")[0] is PERMIT


def test_traffic_within_a_zone_needs_a_policy() -> None:
    text = ZONES + "set security zones security-zone trust interfaces ge-0/0/3.0\n"
    assert ask(text, egress="ge-0/0/3.0")[0] is DENY
    assert ask(text + policy("in", zones="from-zone trust to-zone trust"), egress="ge-0/0/3.0")[0] is PERMIT


def test_a_global_policy_may_name_zones() -> None:
    text = ZONES + policy("g", zones="global", more=("match from-zone trust", "match to-zone dmz"))
    assert ask(text)[0] is DENY
    assert ask(text, egress=DMZ)[0] is PERMIT


def test_an_interface_without_a_zone_passes_nothing() -> None:
    text = ZONES + "set interfaces ge-0/0/9 unit 0 family inet address 10.9.0.1/24\n"
    text += "set security policies default-policy permit-all\n"
    assert ask(text, ingress="ge-0/0/9.0") == (DENY, "null zone")
    assert ask(text, egress="ge-0/0/9.0") == (DENY, "null zone")


def test_a_policy_for_the_device_itself_is_no_line() -> None:
    text = ZONES + policy("self", zones="from-zone trust to-zone junos-host")
    assert policies(read(text)).lines == ()
    assert read(text).faults == ()


def test_policies_are_asked_in_their_order() -> None:
    first = policy("web", application="junos-https") + policy("no", then="reject")
    assert ask(ZONES + first)[0] is PERMIT
    last = policy("no", then="reject") + policy("web", application="junos-https")
    assert ask(ZONES + last)[0] is DENY


def test_a_deactivated_policy_stays_in_the_list_and_matches_nothing() -> None:
    at = "security policies from-zone trust to-zone untrust"
    for off in (f"{at} policy web", at):
        result = read(ZONES + policy("web") + f"deactivate {off}\n")
        assert ask(result)[0] is DENY
        assert [line.enabled for line in policies(result).lines] == [False]


def test_an_inactive_block_in_braces_is_off() -> None:
    result = fixture("router.conf")
    assert [line.id for step in result.rulesets[0].steps for line in step.lines if not line.enabled] == [
        "filter BRANCH-IN term everything"
    ]
    assert {one.name for one in result.rulesets[0].interfaces} == {"xe-0/0/0.0", "xe-0/0/1.0"}


def test_a_zone_without_interfaces_matches_nothing_and_an_undefined_one_may() -> None:
    empty = "set security zones security-zone lab tcp-rst\n"
    assert ask(ZONES + empty + policy("x", zones="from-zone lab to-zone untrust"))[0] is DENY
    result = read(ZONES + policy("x", zones="from-zone nosuch to-zone untrust"))
    assert ask(result)[0] is None
    assert result.faults


@pytest.mark.parametrize(
    ("address", "inside", "outside"),
    [
        ("10.1.0.0/16", "10.1.255.9", "10.2.0.1"),
        ("10.1.0.7", "10.1.0.7", "10.1.0.8"),
        ("10.1.0.7/8", "10.200.0.1", "11.0.0.1"),
        ("range-address 10.1.0.5 to 10.1.0.9", "10.1.0.9", "10.1.0.10"),
        ("wildcard-address 10.0.11.0/255.0.255.0", "10.99.11.200", "10.99.12.200"),
        ("2001:db8::/32", "2001:db8::5", "2001:db9::5"),
    ],
)
def test_each_kind_of_address_is_read(address, inside, outside) -> None:
    text = ZONES + f"set security address-book global address a {address}\n" + policy("p", destination="a")
    source = "2001:db8:1::1" if ":" in inside else "192.168.10.5"
    assert ask(text, source=source, destination=inside)[0] is PERMIT
    assert ask(text, source=source, destination=outside)[0] is DENY


def test_any_ipv4_and_any_ipv6_are_one_family_each() -> None:
    text = ZONES + policy("p", source="any-ipv4", destination="any-ipv4")
    assert ask(text)[0] is PERMIT
    assert ask(text, source="2001:db8::1", destination="2001:db8::2")[0] is DENY


def test_address_sets_are_opened_however_deep_and_in_circles() -> None:
    book = "set security address-book global "
    text = (
        ZONES
        + f"{book}address a 10.1.0.0/24\n{book}address-set s address a\n{book}address-set t address-set s\n"
    )
    text += f"{book}address-set s address-set t\n" + policy("p", destination="t")
    assert ask(text, destination="10.1.0.1")[0] is PERMIT
    assert ask(text, destination="10.2.0.1")[0] is DENY


def test_the_book_of_a_zone_comes_before_the_global_one() -> None:
    book = "set security address-book "
    text = ZONES + f"{book}global address web 10.1.0.1/32\n{book}global address other 10.3.0.1/32\n"
    attached = f"{book}mine address web 10.2.0.1/32\n{book}mine attach zone untrust\n"
    inline = "set security zones security-zone untrust address-book address web 10.2.0.1/32\n"
    for own in (attached, inline):
        asked = text + own + policy("p", destination="web") + policy("q", destination="other")
        assert ask(asked, destination="10.2.0.1")[0] is PERMIT
        assert ask(asked, destination="10.1.0.1")[0] is DENY
        assert ask(asked, destination="10.3.0.1")[0] is PERMIT


def test_excluded_turns_the_union_of_addresses_around() -> None:
    book = "set security address-book global address"
    text = ZONES + f"{book} a 10.1.0.0/24\n{book} b 10.2.0.0/24\n"
    text += policy("p", destination="[ a b ]", more=("match destination-address-excluded",))
    assert ask(text, destination="10.1.0.1")[0] is DENY
    assert ask(text, destination="10.2.0.1")[0] is DENY
    assert ask(text, destination="10.3.0.1")[0] is PERMIT


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        ("set security address-book global address a dns-name www.example.jp", "destination-address a"),
        ("", "destination-address nosuch"),
        ("", "application nosuch"),
        ("", "application junos-ms-rpc-epm"),
        ("", "dynamic-application junos:HTTP"),
        ("", "source-identity authenticated-user"),
        ("", "url-category Games"),
        ("", "novelty 1"),
        ("set applications application a protocol tcp\nset applications application a uuid 1-2-3", "application a"),
    ],
)  # fmt: skip
def test_what_the_export_does_not_settle_may_match_and_never_must(setting, match) -> None:
    at = "set security policies from-zone trust to-zone untrust policy p"
    key = match.split()[0]
    plain = [one for one in policy("p").splitlines() if key not in one]
    result = read("\n".join([ZONES, setting, *plain, f"{at} match {match}"]) + "\n")
    assert ask(result) == (None, "from-zone trust to-zone untrust policy p")
    assert result.faults


def test_what_a_list_surely_holds_stays_sure_beside_what_is_open() -> None:
    book = "set security address-book global address"
    text = ZONES + f"{book} web 10.1.0.1/32\n{book} name dns-name www.example.jp\n"
    both = text + policy("p", destination="[ web name ]")
    assert ask(both, destination="10.1.0.1")[0] is PERMIT
    assert ask(both, destination="10.1.0.2")[0] is None
    turned = text + policy("p", destination="[ web name ]", more=("match destination-address-excluded",))
    assert ask(turned, destination="10.1.0.2")[0] is None
    assert ask(turned, destination="10.1.0.1")[0] is DENY


@pytest.mark.parametrize("left_out", ["source-address", "destination-address", "application"])
def test_a_policy_without_a_condition_that_it_needs_is_left_open(left_out) -> None:
    lines = [one for one in policy("p").splitlines() if left_out not in one]
    assert ask(ZONES + "\n".join(lines) + "\n")[0] is None


@pytest.mark.parametrize(
    ("application", "packet", "passes"),
    [
        ("junos-https", {}, True),
        ("junos-http", {}, False),
        ("[ junos-http junos-https ]", {}, True),
        ("junos-dns-udp", {"protocol": 17, "dport": 53}, True),
        ("junos-cifs", {"dport": 445}, True),
        ("junos-ping", {"protocol": 1, "dport": 2048}, True),
        ("junos-gre", {"protocol": 47, "dport": 0}, True),
        ("one", {"dport": 8081}, True),
        ("one", {"dport": 8081, "sport": 1000}, False),
        ("terms", {"dport": 7000}, True),
        ("terms", {"protocol": 17, "dport": 7001}, True),
        ("terms", {"protocol": 17, "dport": 7000}, False),
        ("oneline", {"dport": 7100}, True),
        ("outer", {"dport": 8081}, True),
        ("outer", {"dport": 443}, True),
        ("echo", {"protocol": 1, "dport": 2048}, True),
        ("echo", {"protocol": 1, "dport": 0}, False),
    ],
)
def test_applications_of_each_kind_are_read(application, packet, passes) -> None:
    at = "set applications application"
    text = ZONES + "\n".join((
        f"{at} one protocol tcp", f"{at} one source-port 1024-65535", f"{at} one destination-port 8080-8088",
        f"{at} terms term a protocol tcp", f"{at} terms term a destination-port 7000",
        f"{at} terms term b protocol udp", f"{at} terms term b destination-port 7001",
        f"{at} oneline term a protocol tcp source-port 0-65535 destination-port 7100 inactivity-timeout 60",
        f"{at} echo protocol icmp", f"{at} echo icmp-type echo-request",
        "set applications application-set inner application one",
        "set applications application-set outer application-set inner",
        "set applications application-set outer application junos-https", "",
    )) + policy("p", application=application)  # fmt: skip
    result = read(text)
    assert result.faults == ()
    assert (ask(result, **packet)[0] is PERMIT) is passes


def test_an_application_of_the_device_stands_before_the_predefined() -> None:
    at = "set applications application junos-https"
    text = ZONES + f"{at} protocol tcp\n{at} destination-port 8443\n" + policy("p", application="junos-https")
    assert ask(text)[0] is DENY
    assert ask(text, dport=8443)[0] is PERMIT


def test_a_scheduler_with_days_gives_the_days_and_one_with_hours_is_left_open() -> None:
    at = "set schedulers scheduler s"
    days = f"{at} start-date 2026-03-01.00:00 stop-date 2026-03-31.23:59\n"
    line = policies(read(ZONES + days + policy("p", more=("scheduler-name s",)))).lines[0]
    assert (line.begins, line.expires, line.match.unknown) == (date(2026, 3, 1), date(2026, 3, 31), ())
    hours = f"{at} daily start-time 09:00 stop-time 17:00\n"
    line = policies(read(ZONES + hours + policy("p", more=("scheduler-name s",)))).lines[0]
    assert line.match.unknown == ("scheduler s",)


def test_a_stop_at_midnight_ends_with_the_day_before() -> None:
    at = "set schedulers scheduler s"
    text = f"{at} start-date 2026-03-01.00:00\n{at} stop-date 2026-04-01.00:00\n"
    line = policies(read(ZONES + text + policy("p", more=("scheduler-name s",)))).lines[0]
    assert line.expires == date(2026, 3, 31)


def test_what_is_logged_follows_from_session_init_and_session_close() -> None:
    def log(**said) -> bool | None:
        return policies(read(ZONES + policy("p", **said))).lines[0].log

    assert log() is False
    assert log(more=("then log session-close",)) is True
    assert log(then="deny", more=("then log session-close",)) is False
    assert log(then="deny", more=("then log session-init",)) is True


def test_description_and_annotation_are_the_comment() -> None:
    assert "画面転送 R8-情-012" in [
        line.comment for line in policies(parse("c", (EXPORTS / "clean.conf").read_bytes())).lines
    ]
    line = policies(read(ZONES + policy("p", more=('description "R8-1 ticket"',)))).lines[0]
    assert line.comment == "R8-1 ticket"


GROUPS = """
set groups log-all security policies from-zone <*> to-zone <*> policy last match source-address any
set groups log-all security policies from-zone <*> to-zone <*> policy last match destination-address any
set groups log-all security policies from-zone <*> to-zone <*> policy last match application any
set groups log-all security policies from-zone <*> to-zone <*> policy last then deny
set groups log-all security policies from-zone <*> to-zone <*> policy last then log session-init
"""


def test_a_group_with_wildcards_adds_its_policy_behind_those_of_every_pair_of_zones() -> None:
    text = (
        ZONES
        + GROUPS
        + "set security policies apply-groups log-all\n"
        + policy("web", application="junos-https")
    )
    assert ask(text)[0] is PERMIT
    assert ask(text, dport=80) == (DENY, "from-zone trust to-zone untrust policy last")
    assert ask(text, ingress=OUT, egress=IN) == (DENY, "security policies default")


def test_what_a_place_says_itself_comes_before_its_group() -> None:
    text = ZONES + GROUPS + "set apply-groups log-all\n" + policy("last")
    assert ask(text)[0] is PERMIT


def test_a_group_that_is_not_applied_or_excepted_adds_nothing() -> None:
    pair = policy("web", application="junos-https")
    assert ask(ZONES + GROUPS + pair, dport=80)[1] == "security policies default"
    excepted = "set apply-groups log-all\nset security policies apply-groups-except log-all\n"
    assert ask(ZONES + GROUPS + excepted + pair, dport=80)[1] == "security policies default"


def test_an_undefined_group_is_said() -> None:
    result = read(ZONES + "set apply-groups nosuch\n")
    assert [fault.state for fault in result.faults] == [LineState.UNKNOWN]


def test_ipv6_is_open_where_its_mode_is_not_written() -> None:
    packet = {"source": "2001:db8::1", "destination": "2001:db8:1::1"}
    unwritten = ZONES.replace("set security forwarding-options family inet6 mode flow-based\n", "") + policy(
        "p"
    )
    assert ask(unwritten)[0] is PERMIT
    assert ask(unwritten, **packet)[0] is None
    drop = ZONES.replace("flow-based", "drop") + policy("p")
    assert ask(drop, **packet) == (DENY, "inet6 mode")
    assert ask(ZONES + policy("p"), **packet)[0] is PERMIT


def test_a_device_that_forwards_packet_by_packet_asks_no_policy() -> None:
    text = ZONES + "set security forwarding-options family mpls mode packet-based\n"
    assert read(text).rulesets[0].steps == ()


def test_static_nat_comes_before_destination_nat_and_policies_see_the_inside_address() -> None:
    result = fixture("branch.set.txt")
    inward = {"ingress": OUT, "source": "198.51.100.9"}
    published = "from-zone untrust to-zone trust policy published"
    assert ask(result, **inward, egress=IN, destination="203.0.113.80", dport=8080) == (PERMIT, published)
    assert ask(result, **inward, egress="ge-0/0/2.20", destination="203.0.113.80", dport=25)[0] is DENY
    mail = "from-zone untrust to-zone dmz policy mail"
    assert ask(result, **inward, egress="ge-0/0/2.20", destination="203.0.113.81", dport=25) == (PERMIT, mail)


def test_source_nat_comes_after_policies_static_nat_in_reverse_first() -> None:
    steps = fixture("branch.set.txt").rulesets[0].steps
    assert [step.name for step in steps] == [
        "static and destination nat",
        "security policies",
        "static and source nat",
    ]
    after = steps[-1]
    assert isinstance(after, Rewrite)
    assert [one.id for one in after.translations] == [
        "static rule-set inbound rule web in reverse",
        "source rule-set hide rule keep",
        "source rule-set hide rule all",
    ]
    assert after.translations[1].source is None
    own = V4_FIRST | 0xCB007101
    assert after.translations[2].source.address == (own, own)


def test_a_wider_rule_set_behind_a_more_specific_one_is_left_open_where_they_meet() -> None:
    nat = "set security nat destination"
    text = ZONES + "\n".join((
        f"{nat} pool a address 192.168.10.1/32", f"{nat} pool b address 192.168.10.2/32",
        f"{nat} rule-set wide from zone untrust",
        f"{nat} rule-set wide rule r match destination-address 203.0.113.8/32",
        f"{nat} rule-set wide rule r then destination-nat pool a",
        f"{nat} rule-set narrow from interface {OUT}",
        f"{nat} rule-set narrow rule r match destination-address 203.0.113.9/32",
        f"{nat} rule-set narrow rule r then destination-nat pool b", "",
    ))  # fmt: skip
    found = read(text).rulesets[0].steps[0].translations
    assert [(one.id, one.match.unknown) for one in found] == [
        ("destination rule-set narrow rule r", ()),
        ("destination rule-set wide rule r", ("rule-set wide",)),
    ]


def test_translations_that_are_not_settled_are_left_open_and_said() -> None:
    nat = "set security nat destination rule-set r"
    text = ZONES + f"{nat} from zone untrust\n{nat} rule x match destination-address 203.0.113.8/32\n"
    result = read(text + f"{nat} rule x then destination-nat pool nosuch\n")
    assert result.rulesets[0].steps[0].translations[0].match.unknown == ("pool nosuch",)
    assert result.faults


def router(**packet):
    asked = {
        "ingress": "xe-0/0/0.0",
        "egress": "xe-0/0/9.0",
        "source": "10.5.0.1",
        "destination": "198.51.100.9",
    }
    return ask(fixture("router.conf"), **{**asked, **packet})


def test_a_stateless_filter_decides_by_its_terms_and_discards_the_rest() -> None:
    assert router() == (PERMIT, "filter BRANCH-IN term web")
    assert router(dport=22) == (DENY, "filter BRANCH-IN end")
    assert router(dport=22, flags=0x10) == (PERMIT, "filter BRANCH-IN term replies")
    assert router(flags=0x12) == (PERMIT, "filter BRANCH-IN term replies")


def test_of_prefixes_with_except_the_longest_decides() -> None:
    assert router(source="10.1.9.9")[0] is DENY
    assert router(source="10.1.2.9")[0] is PERMIT
    assert router(source="11.0.0.1")[0] is DENY


def test_a_term_without_then_accepts_and_next_term_decides_nothing() -> None:
    assert router(source="10.1.9.9", protocol=1, dport=2048) == (PERMIT, "filter BRANCH-IN term no-then")


def test_a_condition_that_is_not_modelled_leaves_a_term_open() -> None:
    assert router(source="10.9.0.1", protocol=17) == (None, "filter BRANCH-IN term vague")


def test_filters_of_a_list_are_asked_one_after_the_other() -> None:
    outward = {"ingress": "xe-0/0/9.0", "egress": "xe-0/0/1.0"}
    assert router(**outward, dport=445) == (DENY, "filter FIRST term no-smb")
    assert router(**outward, dport=138, protocol=17) == (DENY, "filter SECOND term rest")
    assert router(**outward, dport=5000, sport=53) == (DENY, "filter SECOND term rest")
    assert router(**outward) == (PERMIT, "filter SECOND term all")


def test_a_filter_keeps_no_state_and_asks_one_family() -> None:
    step = fixture("router.conf").rulesets[0].steps[0]
    assert isinstance(step, Filter)
    assert step.stateful is False
    assert router(source="2001:db8::9", destination="2001:db8:1::1")[0] is PERMIT


def test_a_filter_that_is_not_defined_may_discard_all() -> None:
    text = "set interfaces ge-0/0/0 unit 0 family inet filter input nosuch\n"
    text += "set interfaces ge-0/0/0 unit 0 family inet address 192.0.2.1/24\n"
    result = read(text)
    assert ask(result, ingress=OUT)[0] is None
    assert [fault.state for fault in result.faults] == [LineState.UNKNOWN]


def test_a_filter_of_the_loopback_filters_nothing_that_is_forwarded() -> None:
    result = fixture("branch.set.txt")
    assert not any(isinstance(step, Filter) and not step.stateful for step in result.rulesets[0].steps)
    assert result.faults == ()


@pytest.mark.parametrize(("said", "flags", "passes"), [
    ("syn", 2, True), ("syn & !ack", 0x12, False), ("(ack | rst)", 4, True), ("!syn", 2, False), ("0x10", 0x10, True),
    ("syn,fin", 1, True),
])  # fmt: skip
def test_expressions_of_tcp_flags_are_read(said, flags, passes) -> None:
    at = "set firewall filter f term t"
    text = f'set interfaces ge-0/0/1 unit 0 family inet filter input f\n{at} from protocol tcp\n{at} from tcp-flags "{said}"\n'
    assert (ask(text + f"{at} then accept\n", flags=flags)[0] is PERMIT) is passes


def test_the_three_forms_of_one_configuration_say_the_same() -> None:
    said = fixture("branch.xml")
    inward = {"ingress": OUT, "egress": IN, "source": "198.51.100.9"}
    published = "from-zone untrust to-zone trust policy published"
    assert ask(said, **inward, destination="203.0.113.80", dport=80) == (PERMIT, published)
    assert ask(said, **inward, destination="192.168.10.25", dport=8080) == (PERMIT, published)
    assert ask(said, **inward, destination="192.168.10.40", dport=8080)[0] is DENY
    assert [line.enabled for line in policies(said).lines if not line.implicit] == [True, False]
    assert said.rulesets[0].interfaces[1].zone == "trust"


def test_each_logical_system_is_a_device() -> None:
    inside = (ZONES + policy("p")).replace("set ", "set logical-systems LS1 ")
    result = read("set system host-name srx\n" + ZONES + inside)
    assert [one.device for one in result.rulesets] == ["srx", "srx/LS1"]
    assert ask(result)[0] is DENY
    assert verdict(result.rulesets[1], ingress=IN, egress=OUT, source="192.168.10.5", destination="198.51.100.9", protocol=6)[0] is PERMIT  # fmt: skip


def test_interfaces_know_their_zone_vlan_and_instance() -> None:
    text = (
        ZONES
        + "set routing-instances VR interface ge-0/0/2.0\nset vlans v20 vlan-id 20\nset vlans v20 l3-interface irb.20\n"
    )
    text += "set interfaces irb unit 20 family inet address 10.20.0.1/24\n"
    text += "set routing-instances VR routing-options static route 10.0.0.0/8 next-hop 192.168.20.9\n"
    ruleset = read(text).rulesets[0]
    by_name = {one.name: one for one in ruleset.interfaces}
    assert (by_name[DMZ].zone, by_name[DMZ].vrf) == ("dmz", "VR")
    assert by_name["irb.20"].vlan == 20
    assert [(str(one.network), one.gateway, one.vrf) for one in ruleset.routes] == [
        ("10.0.0.0/8", "192.168.20.9", "VR")
    ]


@pytest.mark.parametrize(
    "line",
    ["set security newthing on", "set novelty 5", "delete security policies", "insert security policies global policy a before policy b", "nonsense"],
)  # fmt: skip
def test_what_nobody_knows_is_said(line) -> None:
    result = read(ZONES + line + "\n")
    assert result.states[-1] is LineState.UNKNOWN
    assert result.faults[-1].place.text == line


def test_a_file_that_ends_inside_a_block_is_said() -> None:
    octets = (EXPORTS / "clean.conf").read_bytes()
    result = parse("cut", octets[: len(octets) // 2].rpartition(b"\n")[0] + b"\n", format_name="junos")
    assert any("cut off" in fault.message.en for fault in result.faults)


def test_a_quotation_that_never_ends_hides_nothing_below_it() -> None:
    text = 'security {\n    log {\n        mode "open;\n    }\n    policies {\n        default-policy {\n            permit-all;\n        }\n    }\n}\n'
    result = read(text)
    assert policies(result).default is PERMIT
    assert result.faults


def test_broken_xml_is_refused_with_its_line() -> None:
    with pytest.raises(InputRefusedError, match=r"srx\.txt:2"):
        read("<configuration>\n<security></configuration>\n")


def test_no_depth_or_length_harms() -> None:
    for text in (
        "{" * 5000,
        "a {\n" * 5000 + "}\n" * 5000,
        "set " + "a " * 5000,
        "x [ " + "y " * 50_000 + "];",
        '"' * 5000,
        "/*" * 5000,
    ):
        assert isinstance(read(text + "\n").states, tuple)
