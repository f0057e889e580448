from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.errors import InputRefusedError
from zoneguard.firewall.model import Action, Filter, LineState
from zoneguard.firewall.parse import format_of, parse
from zoneguard.firewall.permit import known_as

HERE = Path(__file__).parent / "nftables"
ROOT = Path(__file__).parents[3]
PERMIT, DENY = Action.PERMIT, Action.DENY
ESTABLISHED, INVALID, UNTRACKED = 2, 8, 16
FORWARD = "type filter hook forward priority filter; policy {};"


def read(*rules, policy="drop", family="inet", sets="", chains=None, other=""):
    bodies = {"forward": [FORWARD.format(policy), *rules]}
    bodies.update(chains or {})
    text = f"table {family} fw {{\n{sets}\n"
    for name, lines in bodies.items():
        text += f"\tchain {name} {{\n" + "".join(f"\t\t{line}\n" for line in lines) + "\t}\n"
    return parse("fw1.txt", f"{text}}}\n{other}".encode())


def ask(result, source="10.1.0.5", destination="10.2.0.9", protocol=6, dport=80, **more):
    ruleset = result.rulesets[0]
    names = {
        side: known_as(more.pop(side, default), ruleset.interfaces)
        for side, default in (("ingress", "eth0"), ("egress", "eth1"))
    }
    return verdict(
        ruleset, source=source, destination=destination, protocol=protocol, dport=dport, **names, **more
    )


def v6(result, **more):
    return ask(result, source="fd00:1::5", destination="fd00:2::9", **more)


def test_text_and_json_are_recognised():
    assert (
        format_of(b"table inet fw {\n\tchain c {\n\t\ttype filter hook forward priority filter;\n").name
        == "nftables"
    )
    assert format_of(b'{"nftables": [{"metainfo": {"version": "1.0.6"}}]}').name == "nftables"


def test_first_rule_that_matches_decides_and_the_policy_decides_the_rest():
    result = read("ip saddr 10.1.0.5 drop", "tcp dport 80 accept")
    assert ask(result) == (DENY, "forward 1")
    assert ask(result, source="10.1.0.6") == (PERMIT, "forward 2")
    assert ask(result, source="10.1.0.6", dport=81)[0] is DENY


def test_policy_that_is_not_written_accepts():
    result = parse(
        "x", b"table inet fw {\n\tchain c {\n\t\ttype filter hook forward priority filter;\n\t}\n}\n"
    )
    assert ask(result)[0] is PERMIT


def test_accept_ends_its_base_chain_only_and_drop_is_final():
    later = ["type filter hook forward priority filter + 10; policy accept;", "tcp dport 80 drop"]
    earlier = ["type filter hook forward priority -5; policy accept;", "udp dport 53 drop"]
    result = read("accept", chains={"later": later, "earlier": earlier})
    assert [step.name for step in result.rulesets[0].steps] == [
        "inet fw earlier",
        "inet fw forward",
        "inet fw later",
    ]
    assert ask(result) == (DENY, "later 1")
    assert ask(result, protocol=17, dport=53) == (DENY, "earlier 1")
    assert ask(result, dport=81)[0] is PERMIT


def test_hooks_are_met_in_their_order_and_input_decides_nothing():
    chains = {
        "after": ["type filter hook postrouting priority mangle; policy accept;", "udp dport 1 drop"],
        "before": ["type filter hook prerouting priority raw; policy accept;", "udp dport 2 drop"],
        "mine": ["type filter hook input priority filter; policy drop;", "nonsense"],
    }
    result = read("accept", chains=chains)
    assert [step.name for step in result.rulesets[0].steps] == [
        "inet fw before",
        "inet fw forward",
        "inet fw after",
    ]
    assert not result.faults


def test_inet_chain_sees_both_families_and_ip_chain_one():
    assert v6(read("tcp dport 80 accept"))[0] is PERMIT
    assert v6(read("ip saddr 10.0.0.0/8 accept"))[0] is DENY
    assert v6(read("tcp dport 80 accept", family="ip", policy="drop"))[0] is PERMIT
    assert ask(read(family="ip6", policy="drop"))[0] is PERMIT
    assert v6(read(family="ip6", policy="drop"))[0] is DENY


def test_jump_returns_and_goto_does_not():
    chains = {"web": ["tcp dport 443 accept", "udp dport 53 return", "meta l4proto udp drop"]}
    result = read("jump web", "tcp dport 80 accept", chains=chains)
    assert ask(result) == (PERMIT, "forward 2")
    result = read("goto web", "tcp dport 80 accept", chains=chains)
    assert ask(result)[0] is DENY
    assert ask(result, dport=443) == (PERMIT, "forward 1 > web 1")


def test_chain_that_the_listing_does_not_have_is_left_open():
    assert ask(read("jump nowhere", "drop"))[0] is None


@pytest.mark.parametrize(("words", "matching", "other"), [
    ("tcp dport 80", 80, 81),
    ("tcp dport != 80", 81, 80),
    ("tcp dport 80-90", 90, 91),
    ("tcp dport != 80-90", 91, 90),
    ("tcp dport { 80, 443, 8000-8010 }", 8005, 81),
    ("tcp dport != { 80, 443 }", 81, 443),
    ("tcp dport >= 1024", 1024, 1023),
    ("tcp dport < 1024", 1023, 1024),
    ("tcp dport https", 443, 80),
    ("meta l4proto { tcp, udp } th dport 53", 53, 54),
    ("tcp dport @ports", 443, 80),
    ("tcp dport != @ports", 80, 443),
    ("ip daddr . tcp dport @pairs", 443, 80),
    ("ip daddr . tcp dport { 10.2.0.0/16 . 80-90, 10.9.0.1 . 22 }", 85, 22),
])  # fmt: skip
def test_ports_and_sets_of_them(words, matching, other):
    sets = (
        "\tset ports {\n\t\ttype inet_service\n\t\tflags interval\n\t\telements = { 443, 8000-8010 }\n\t}\n"
        "\tset pairs {\n\t\ttype ipv4_addr . inet_service\n\t\telements = { 10.2.0.9 . 443,\n\t\t\t     10.2.0.10 . 80 }\n\t}\n"
    )
    result = read(f"{words} accept", sets=sets)
    assert ask(result, dport=matching)[0] is PERMIT
    assert ask(result, dport=other)[0] is DENY
    assert ask(result, protocol=50, dport=matching)[0] in ({DENY, None} if "th" in words else {DENY})
    assert not result.faults


@pytest.mark.parametrize(("words", "matching", "other"), [
    ("ip saddr 10.1.0.0/24", "10.1.0.7", "10.1.1.7"),
    ("ip saddr 10.1.0.4-10.1.0.6", "10.1.0.6", "10.1.0.7"),
    ("ip saddr != { 10.1.0.0/24, 10.9.0.1 }", "10.1.1.7", "10.9.0.1"),
    ("ip saddr & 255.0.255.0 == 10.0.1.0", "10.77.1.9", "10.77.2.9"),
])  # fmt: skip
def test_addresses(words, matching, other):
    result = read(f"{words} accept")
    assert ask(result, source=matching)[0] is PERMIT
    assert ask(result, source=other)[0] is DENY
    assert v6(result)[0] is DENY


@pytest.mark.parametrize(("words", "matching"), [
    ("syn", {0x02, 0x12}),
    ("syn,ack", {0x02, 0x10, 0x12}),
    ("== syn", {0x02}),
    ("!= syn", {0x00, 0x10, 0x12}),
    ("syn / fin,syn,rst,ack", {0x02}),
    ("& (fin | syn | rst | ack) == syn", {0x02}),
    ("!= syn / fin,syn", {0x00, 0x10}),
    ("{ syn, syn | ack }", {0x02, 0x12}),
    ("== 0x12", {0x12}),
])  # fmt: skip
def test_tcp_flags(words, matching):
    result = read(f"tcp flags {words} accept")
    assert {flags for flags in (0x00, 0x02, 0x10, 0x12) if ask(result, flags=flags)[0] is PERMIT} == matching


@pytest.mark.parametrize(("words", "matching"), [
    ("established,related", {2}),
    ("{ new, untracked }", {1, 16}),
    ("!= established", {1, 8, 16}),
    ("!= { established, new }", {8, 16}),
    ("invalid", {8}),
])  # fmt: skip
def test_connection_states(words, matching):
    result = read(f"ct state {words} accept")
    assert {state for state in (1, 2, 8, 16) if ask(result, state=state)[0] is PERMIT} == matching


def test_before_connections_are_tracked_every_packet_is_invalid():
    hook = "type filter hook prerouting priority raw; policy accept;"
    assert ask(read("accept", chains={"raw": [hook, "ct state new drop"]}))[0] is PERMIT
    assert ask(read("accept", chains={"raw": [hook, "ct state invalid drop"]}))[0] is DENY


def test_states_are_left_open_for_packets_taken_out_of_tracking():
    hook = "type filter hook prerouting priority raw; policy accept;"
    result = read("ct state new accept", chains={"raw": [hook, "udp dport 514 notrack"]})
    assert ask(result, protocol=17, dport=514)[0] is None


def test_replies_need_a_line():
    (filter_,) = read("accept").rulesets[0].steps
    assert isinstance(filter_, Filter)
    assert not filter_.stateful


def test_icmp_type_is_every_code_and_of_its_family():
    result = read(
        "icmp type { echo-request, destination-unreachable } accept", "icmpv6 type echo-request accept"
    )
    assert ask(result, protocol=1, dport=8 * 256 + 7)[0] is PERMIT
    assert ask(result, protocol=1, dport=0)[0] is DENY
    assert v6(result, protocol=58, dport=128 * 256)[0] is PERMIT
    result = read("icmp type echo-request icmp code 0 accept")
    assert ask(result, protocol=1, dport=8 * 256 + 7)[0] is DENY


def test_verdict_map_decides_by_its_key_and_goes_on_where_it_has_none():
    chains = {"web": ["ip saddr 10.1.0.5 accept"]}
    result = read(
        "tcp dport vmap { 22 : drop, 80-90 : jump web, 443 : accept }", "tcp dport 25 accept", chains=chains
    )
    asked = {port: ask(result, dport=port)[1] for port in (22, 85, 443, 25)}
    assert asked == {22: "forward 1", 85: "forward 1 > web 1", 443: "forward 1", 25: "forward 2"}


def test_verdict_map_of_a_name_and_with_a_catch_all():
    sets = "\tmap v {\n\t\ttype inet_service : verdict\n\t\telements = { 22 : accept, * : drop }\n\t}\n"
    result = read("tcp dport vmap @v", "accept", sets=sets)
    assert [ask(result, dport=port)[0] for port in (22, 80)] == [PERMIT, DENY]
    assert ask(result, protocol=17)[0] is PERMIT


def test_verdict_map_of_interface_pairs():
    result = read(
        'iifname . oifname vmap { "eth0" . "eth1" : accept, "eth1" . "eth0" : drop }', policy="drop"
    )
    assert ask(result)[0] is PERMIT
    assert ask(result, ingress="eth1", egress="eth0") == (DENY, "forward 1")


def test_interface_pattern_stands_for_interfaces_that_the_listing_does_not_name():
    result = read('iifname "eth*" accept', 'iifname != "ppp0" drop', policy="accept")
    assert ask(result, ingress="eth7") == (PERMIT, "forward 1")
    assert ask(result, ingress="wg0") == (DENY, "forward 2")
    assert ask(result, ingress="ppp0")[0] is PERMIT


def test_reject_with_an_answer_of_one_family_is_a_rule_of_that_family():
    # `meta nfproto ipv6 tcp dport 80 reject` is listed so.
    result = read("tcp dport 80 reject with icmpv6 port-unreachable", policy="accept")
    assert v6(result)[0] is DENY
    assert ask(result)[0] is PERMIT


@pytest.mark.parametrize("words", [
    "meta mark 0x00000001", "fib saddr . iif oif missing", "limit rate 10/second burst 5 packets", "ct count over 5",
    "limit rate over 1 mbytes/second", "quota over 25 mbytes", 'meta hour "09:00"-"17:00"', "ct status dnat",
    "ether saddr 02:00:00:00:00:01", "ip ttl 1", "numgen random mod 2 0", "ip saddr @gone", "tcp dport $web",
    "ct direction reply", "ip saddr @dynamic", "exthdr frag exists", "invented 5",
])  # fmt: skip
def test_condition_that_is_not_evaluated_may_match_and_is_said(words):
    sets = "\tset dynamic {\n\t\ttype ipv4_addr\n\t\tflags dynamic,timeout\n\t\ttimeout 1h\n\t}\n"
    result = read(f"{words} accept", "drop", sets=sets)
    assert ask(result)[0] is None
    assert LineState.UNSUPPORTED in result.states


@pytest.mark.parametrize(
    "words", ["queue num 0", "xt target CHAOS", "dup to 10.0.0.1 invented", "ip saddr set 10.9.9.9"]
)
def test_statement_that_may_do_anything_is_left_open(words):
    expected = {None} if not words.startswith("dup") else {DENY}
    assert ask(read(words, "drop"))[0] in expected


def test_what_only_iptables_shows_is_left_open():
    result = read("tcp dport 80 counter packets 0 bytes 0 # xt_recent", "accept")
    assert ask(result)[0] is None


@pytest.mark.parametrize("words", [
    "counter packets 1 bytes 2", "meta mark set 0x00000002", "tcp option maxseg size set rt mtu", "continue",
    "add @dynamic { ip saddr timeout 1m }", "ct mark set meta mark", 'log prefix "x: " group 2', "flow add @ft",
])  # fmt: skip
def test_statement_that_decides_nothing_goes_on(words):
    sets = "\tset dynamic {\n\t\ttype ipv4_addr\n\t\tflags dynamic,timeout\n\t}\n"
    result = read(words, "tcp dport 80 accept", sets=sets)
    assert ask(result) == (PERMIT, "forward 2")
    assert not result.faults


def test_log_says_that_the_lines_behind_it_are_logged():
    result = read("tcp dport 80 accept", 'log prefix "drop: "', policy="drop")
    (filter_,) = result.rulesets[0].steps
    assert (filter_.lines[0].log, filter_.default_log) == (False, True)
    result = read('tcp dport 80 log prefix "x" accept')
    assert result.rulesets[0].steps[0].lines[0].log


DNAT = "type nat hook prerouting priority dstnat; policy accept;"


def test_destination_is_rewritten_before_the_filter_sees_it():
    nat = [DNAT, "ip daddr 192.0.2.1 tcp dport 8443 dnat ip to 10.2.0.9:443"]
    result = read("ip daddr 10.2.0.9 tcp dport 443 accept", chains={"nat": nat})
    assert ask(result, destination="192.0.2.1", dport=8443) == (PERMIT, "forward 1")
    assert ask(result, destination="192.0.2.1", dport=443)[0] is DENY


def test_destination_may_come_from_a_map():
    nat = [DNAT, "dnat ip to tcp dport map { 22 : 10.2.0.1, 80 : 10.2.0.2 }"]
    result = read("ip daddr 10.2.0.2 accept", chains={"nat": nat})
    assert [ask(result, dport=port)[0] for port in (80, 22, 25)] == [PERMIT, DENY, DENY]


def test_nat_chain_that_accepts_leaves_the_packet_to_the_next_nat_chain():
    first = [DNAT, "ip saddr 10.1.0.5 accept", "dnat ip to 10.2.0.1"]
    second = [DNAT.replace("dstnat", "dstnat + 5"), "dnat ip to 10.2.0.2"]
    result = read("ip daddr 10.2.0.2 accept", chains={"second": second, "first": first})
    assert ask(result)[0] is PERMIT
    assert ask(result, source="10.1.0.6")[0] is DENY


def test_nat_chains_are_met_at_one_place_whatever_their_priority():
    nat = ["type nat hook prerouting priority 300; policy accept;", "dnat ip to 10.2.0.2"]
    pre = ["type filter hook prerouting priority -50; policy accept;", "ip daddr 10.2.0.2 drop"]
    assert ask(read("accept", chains={"pre": pre, "nat": nat}))[0] is DENY


def test_drop_of_a_nat_chain_drops_new_connections():
    result = read("accept", chains={"nat": [DNAT, "tcp dport 80 drop", "dnat ip to 10.2.0.2"]})
    assert ask(result) == (DENY, "nat 1")
    assert ask(result, dport=81)[0] is PERMIT


def test_redirected_packets_are_not_forwarded_and_that_is_said():
    result = read("accept", chains={"nat": [DNAT, "tcp dport 80 redirect to :3128"]})
    assert ask(result) == (DENY, "nat 1")
    assert "not forwarded" in result.faults[0].message.en


def test_network_is_translated_address_by_address():
    nat = [DNAT, "ip daddr 192.0.2.0/24 dnat ip prefix to 10.3.0.0/24"]
    result = read("ip daddr 10.3.0.7 accept", chains={"nat": nat})
    assert ask(result, destination="192.0.2.7")[0] is PERMIT
    assert ask(result, destination="192.0.2.8")[0] is DENY


def test_dormant_table_decides_nothing():
    text = f"table inet fw {{\n\tflags dormant\n\n\tchain c {{\n\t\t{FORWARD.format('drop')}\n\t}}\n}}\n"
    assert ask(parse("x", text.encode()))[0] is PERMIT


def test_bridge_chain_is_a_fault():
    result = read("accept", family="bridge")
    assert result.faults[0].state is LineState.UNSUPPORTED


def test_chain_of_a_device_is_asked_for_what_comes_in_there():
    ingress = ['type filter hook ingress device "eth0" priority -500; policy accept;', "tcp dport 80 drop"]
    result = read("accept", chains={"early": ingress})
    assert ask(result) == (DENY, "early 1")
    assert ask(result, ingress="eth1")[0] is PERMIT


def test_ip_addr_in_the_same_file_gives_interfaces():
    result = read('iifname != "eth0" accept', other="2: eth0    inet 10.1.0.1/16 scope global eth0\n3: eth1    inet 10.2.0.1/16 scope global eth1\n")  # fmt: skip
    assert [one.name for one in result.rulesets[0].interfaces] == ["eth0", "eth1"]


def test_listing_that_is_cut_is_said_so():
    result = parse(
        "x", f"table inet fw {{\n\tchain c {{\n\t\t{FORWARD.format('drop')}\n\t\ttcp dport 80 acc".encode()
    )
    assert any("cut" in fault.message.en for fault in result.faults)
    with pytest.raises(InputRefusedError):
        parse("x", b'{"nftables": [{"table": {"family": "inet", "name": "f", "handle": 1}}, {"chain": {"fam')


def test_json_and_text_of_one_ruleset_say_the_same():
    text = parse("a.txt", (HERE / "statements.txt").read_bytes()).rulesets[0]
    from_json = parse("a.json", (HERE / "statements.json").read_bytes()).rulesets[0]
    assert [step.name for step in text.steps] == [step.name for step in from_json.steps]
    for one, other in zip(text.steps, from_json.steps, strict=True):
        pairs = [
            {
                (line.id, getattr(line, "action", None), line.match)
                for line in _members(step)
                if not line.match.unknown
            }
            for step in (one, other)
        ]
        assert pairs[0] == pairs[1]
        assert [bool(line.match.unknown) for line in _members(one)] == [
            bool(line.match.unknown) for line in _members(other)
        ]


def _members(step):
    return step.lines if isinstance(step, Filter) else step.translations


def test_place_of_a_rule_in_json_shows_the_rule():
    result = parse("border.json", (HERE / "border.json").read_bytes())
    (forward,) = [step for step in result.rulesets[0].steps if step.name.endswith("forward")]
    assert '"chain": "forward"' in forward.lines[0].places[0].text
    assert result.rulesets[0].version == "1.0.6"


def test_every_line_of_the_fixtures_and_samples_ends_in_one_state():
    files = [*HERE.glob("*.txt"), *HERE.glob("*.json"), *(ROOT / "exports/nftables").glob("*.txt")]
    assert len(files) >= 5
    for path in files:
        result = parse(path.name, path.read_bytes())
        assert result.format == "nftables"
        assert len(result.states) == len(path.read_text("utf-8").splitlines())
        assert LineState.UNKNOWN not in result.states, path


def test_clean_sample_is_understood_as_a_whole():
    result = parse("clean", (ROOT / "exports/nftables/clean.txt").read_bytes())
    assert not result.faults
    assert result.rulesets[0].steps[0].default_log


def test_quote_that_is_never_closed_leaves_its_rule_open():
    assert ask(read('tcp dport 80 log prefix "x drop', "accept"))[0] is None


def test_hostile_json_is_read_or_refused():
    for depth in (100, 900, 5000):
        deep = '{"nftables": [' + '{"rule": ' * depth + "1" + "}" * depth + "]}"
        with pytest.raises(InputRefusedError):
            parse("x", deep.encode(), format_name="nftables")
    odd = [
        {"rule": {"expr": 5}},
        {"chain": {"hook": "forward", "name": [1]}},
        {"set": {"name": "s", "elem": 3}},
        7,
        {},
    ]
    assert parse("x", json.dumps({"nftables": odd}).encode()).format == "nftables"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("tcp flags syn", "tcp flags syn / syn,ack"),
        ("tcp dport 80", "tcp dport 80 . ip saddr 10.1.0.5"),
        ("ct state established", "ct state established,related"),
        ("ip saddr 10.1.0.5", "ip saddr 10.1.0.5/32"),
        ("meta l4proto tcp", "meta l4proto { tcp, udp }"),
    ],
)
def test_rules_that_begin_alike_are_each_read_to_their_end(first, second):
    together, apart = read(f"{first} accept", f"{second} accept"), read(f"{second} accept")
    (rule, alone) = (result.rulesets[0].steps[0].lines[-1] for result in (together, apart))
    assert rule.match == alone.match
