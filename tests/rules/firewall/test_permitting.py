from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from tests.rules.building import IN, LG, SCREEN, allowed, city, end, evidence, talk
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.firewall.model import (
    Action,
    Filter,
    Interface,
    Line,
    Mapping,
    Match,
    ParseResult,
    Rewrite,
    Ruleset,
    Translation,
)
from zoneguard.firewall.parse import parse
from zoneguard.net.address import spans_of
from zoneguard.net.flow import State
from zoneguard.net.service import Service
from zoneguard.policy.model import Device
from zoneguard.rules.catalogue import judge
from zoneguard.rules.evidence import Decision
from zoneguard.rules.permitting import permissions

HEAD = "# 機器: fw\n項番,有効,送信元ゾーン,送信元アドレス,宛先ゾーン,宛先アドレス,プロトコル,ポート番号,動作,ログ,用途\n"
DENY = "その他,○,－,－,－,－,－,－,拒否,○,記録する\n"


def listed(*rows):
    text = HEAD + "".join(f"{at},○,{row}\n" for at, row in enumerate(rows, 1)) + DENY
    return parse("fw.csv", text.encode(), format_name="csv")


def permission(*rows, policy=None):
    (found,) = permissions(policy or city(SCREEN), [listed(*rows)])
    return found


def judged(*rows, traffic=(), policy=None):
    policy = policy or city(SCREEN)
    seen = evidence(*traffic, policy=policy)
    return judge(replace(seen, permissions=permissions(policy, [listed(*rows)]), traffic=bool(traffic)))


def ids(findings):
    return [finding.rule for finding in findings]


ALLOWED = "lgwan,172.16.20.0/24,internet,192.168.10.0/26,TCP,3389,許可,○,R8-情-012"


def test_a_line_within_a_declared_flow_is_no_finding():
    assert permission(ALLOWED).crossings == ()
    assert judged(ALLOWED) == ()


def test_a_line_not_understood_within_a_declared_flow_is_no_finding():
    rule = "ip saddr 172.16.20.5 ip daddr 192.168.10.5 tcp dport 3389 meta skuid 1000 accept"
    head = "type filter hook forward priority filter; policy drop;"
    text = f"table inet filter {{\n\tchain forward {{\n\t\t{head}\n\t\t{rule}\n\t}}\n}}\n"
    (found,) = permissions(city(SCREEN), [parse("fw.nft", text.encode())])
    assert [line.line.match.unknown for line in found.lines] == [("skuid 1000",)]
    assert found.crossings == ()


def test_a_line_beyond_the_policy_is_told_with_its_widest_part_and_its_place():
    (finding,) = judged(ALLOWED, "internet,192.168.20.0/24,lgwan,172.16.20.5,TCP,445,許可,○,共有")
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-H02", Verdict.VIOLATED, Severity.HIGH)
    assert "192.168.20.0/24 → 172.16.20.5" in finding.message.en
    assert "tcp/445" in finding.message.ja
    assert [place.line for place in finding.locators] == [4]
    assert finding.device == "fw"


def test_only_the_part_outside_of_the_flow_is_told():
    (finding,) = judged("lgwan,172.16.20.0/24,internet,192.168.10.0/26,TCP,3388-3389,許可,○,画面")
    assert "tcp/3388" in finding.message.en
    assert "tcp/3389" not in finding.message.en


def test_a_deny_before_it_takes_its_part_away():
    beyond = "lgwan,172.16.20.5,internet,192.168.20.7,TCP,1433,許可,○,帳票"
    deny = "lgwan,172.16.20.0/24,internet,any,TCP,1433,拒否,○,禁止"
    assert ids(judged(ALLOWED, deny, beyond)) == ["ZG-H05"]
    assert ids(judged(ALLOWED, beyond, deny)) == ["ZG-H02"]


def test_a_line_behind_one_that_takes_all_of_it_is_unreachable():
    first = "lgwan,172.16.20.0/24,internet,192.168.10.0/26,TCP,3389,許可,○,R8-情-012"
    (finding,) = judged(first, "lgwan,172.16.20.5,internet,192.168.10.3,TCP,3389,拒否,○,停止")
    assert (finding.rule, finding.name, finding.severity) == ("ZG-H05", "unreachable-line", Severity.MEDIUM)
    assert finding.verdict is Verdict.REVIEW


def test_what_depends_on_something_not_understood_is_unverifiable_and_never_clean():
    finding, *rest = judged("lgwan,srv-group,internet,192.168.20.7,TCP,1433,許可,○,帳票")
    assert (finding.rule, finding.verdict) == ("ZG-H02", Verdict.UNVERIFIABLE)
    assert "ZG-H05" in ids(rest)  # the declared flow is not surely permitted


def test_a_permit_whose_comment_names_a_past_end_is_a_violation():
    past = "lgwan,172.16.20.0/24,internet,192.168.10.0/26,TCP,3389,許可,○,令和7年3月31日まで"
    (finding,) = judged(past)
    assert (finding.rule, finding.name, finding.verdict) == ("ZG-C04", "expired-line", Verdict.VIOLATED)


def test_a_temporary_permit_without_an_end_is_for_review():
    (finding,) = judged("lgwan,172.16.20.0/24,internet,192.168.10.0/26,TCP,3389,許可,○,暫定")
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-C04", Verdict.REVIEW, Severity.MEDIUM)


def test_permits_without_log_are_told_together():
    unlogged = ALLOWED.replace("○", "×")
    (finding,) = judged(unlogged, unlogged.replace("172.16.20.0/24", "172.16.21.0/24"))
    assert (finding.rule, finding.name, finding.verdict) == ("ZG-H03", "unlogged-permit", Verdict.REVIEW)
    assert [place.line for place in finding.locators] == [3, 4]


def test_traffic_that_came_about_though_the_export_denies_it_contradicts_it():
    crossing = talk(LG, IN, 1433, decision=Decision.FORBIDDEN, state=State.DATA)
    (finding, *_) = judged(ALLOWED, traffic=[crossing])
    assert (finding.rule, finding.name) == ("ZG-H05", "observed-though-denied")
    assert "ZG-A03" in finding.related


def test_a_mere_attempt_agrees_with_an_export_that_denies_it():
    attempt = talk(LG, IN, 1433, decision=Decision.FORBIDDEN, state=State.ATTEMPT)
    assert "ZG-H05" not in ids(judged(ALLOWED, traffic=[attempt]))


def test_a_permit_that_the_captures_do_not_show_is_told_as_unused():
    other = talk(IN, LG, 445, decision=Decision.FORBIDDEN, state=State.ATTEMPT)
    assert "ZG-C06" in ids(judged(ALLOWED, traffic=[other]))


def test_with_an_export_alone_no_rule_about_traffic_speaks():
    assert judged(ALLOWED) == ()


def test_a_row_for_any_zone_reaches_zones_that_no_row_names():
    row = "lgwan,172.16.20.5,any,192.168.20.7,TCP,1433,許可,○,帳票"
    assert crossed(permission(row)) == {("lgwan", "internet")}
    device = Device(id="fw", format="csv", interfaces=(("port1", "lgwan"), ("port2", "internet")))
    (one,) = permission(row, policy=replace(city(SCREEN), devices=(device,))).crossings
    assert (one.ingress, one.egress) == ("lgwan", "port2")


def test_what_may_pass_within_a_declared_flow_is_no_finding():
    assert permission("lgwan,srv-group,internet,192.168.20.7,TCP,3389,許可,○,画面").crossings == ()


NFT = "table inet filter {\n chain forward {\n  type filter hook forward priority filter; policy drop;\n%s }\n}\n"


def nft(*rules, policy):
    result = parse(
        "fw.nft", (NFT % "".join(f"  {rule}\n" for rule in rules)).encode(), format_name="nftables"
    )
    (found,) = permissions(policy, [result])
    return found


def crossed(found):
    return {(one.orig_zone, one.resp_zone) for one in found.crossings}


def test_a_ruleset_that_names_no_interface_is_judged_all_the_same():
    found = nft("ip saddr 192.168.20.0/24 ip daddr 172.16.20.5 tcp dport 445 accept", policy=city(SCREEN))
    assert crossed(found) == {("internet", "lgwan")}


def test_a_declared_interface_is_known_by_the_pattern_that_stands_for_it():
    device = Device(id="fw", format="nftables", interfaces=(("eth3", "lgwan"), ("eth7", "internet")))
    policy = replace(city(SCREEN), devices=(device,))
    rule = 'iifname "eth*" oifname != "eth9" ip daddr 172.16.20.5 tcp dport 445 accept'
    found = nft(rule, policy=policy)
    assert found.faces == {"eth3": ("lgwan",), "eth7": ("internet",)}
    assert ("internet", "lgwan") in crossed(found)
    assert ("internet", "lgwan") not in crossed(nft(rule.replace("eth*", "lan*"), policy=policy))


def test_a_device_of_which_nothing_can_be_judged_is_told():
    text = "hostname gate\ninterface GigabitEthernet0/0\n ip address 172.16.20.1 255.255.252.0\n"
    policy = city(SCREEN)
    found = permissions(policy, [parse("gate.cfg", text.encode(), format_name="ios")])
    assert not found[0].joins
    seen = replace(evidence(policy=policy), permissions=found, traffic=False)
    (told,) = [one for one in judge(seen) if one.name == "coverage-placement"]
    assert (told.verdict, told.severity) == (Verdict.UNVERIFIABLE, Severity.MEDIUM)
    assert "gate" in told.message.ja


def test_a_line_for_answers_of_tcp_that_lets_a_connection_be_opened_is_beyond_the_policy():
    text = (
        "interface GigabitEthernet0/0\n ip address 172.16.20.1 255.255.252.0\n"
        "interface GigabitEthernet0/1\n ip address 192.168.10.1 255.255.255.192\n ip access-group BACK in\n"
        "ip access-list extended BACK\n permit tcp 192.168.10.0 0.0.0.63 eq 3389 172.16.20.0 0.0.0.255%s\n"
    )

    def back(word):
        result = parse("gate.cfg", (text % word).encode(), format_name="ios")
        (found,) = permissions(city(SCREEN), [result])
        return ("internet", "lgwan") in crossed(found)

    assert back("")
    assert not back(" established")


def test_what_only_another_pair_of_interfaces_lets_pass_belongs_to_the_crossing_too():
    faces = (("lan0", "lgwan"), ("lan1", "lgwan"), ("wan", "internet"))
    policy = replace(city(), devices=(Device(id="fw", format="nftables", interfaces=faces),))
    way_out = 'oifname "wan" ip version 4 accept'

    def size(*rules):
        found = nft(*rules, policy=policy).crossings
        return sum(one.size for one in found if (one.orig_zone, one.resp_zone) == ("lgwan", "internet"))

    assert size('iifname "lan0" tcp dport 1433 drop', way_out) == size(way_out) > 0


def test_a_default_nobody_wrote_that_something_not_understood_may_stop_is_never_clean():
    """The device's own default permits; the only line before it denies perhaps."""
    line = Line(
        id="10", action=Action.DENY, match=Match(unknown=("user-group staff",)), places=(), implicit=False
    )
    networks = {"lan": "172.16.20.0/22", "wan": "192.168.20.0/22"}
    ruleset = Ruleset(
        device="fw",
        format="model",
        steps=(Filter(name="users", lines=(line,), default=Action.PERMIT),),
        interfaces=tuple(
            Interface(name=name, networks=(ip_network(network),)) for name, network in networks.items()
        ),
    )
    result = ParseResult(file="fw.conf", format="model", rulesets=(ruleset,), states=())
    policy = city()
    found = permissions(policy, [result])
    told = {(one.orig_zone, one.resp_zone, one.sure, one.unknown) for one in found[0].crossings}
    assert ("lgwan", "internet", False, ("user-group staff",)) in told
    seen = replace(evidence(policy=policy), permissions=found, traffic=False)
    unverifiable = [one for one in judge(seen) if one.rule == "ZG-H02"]
    assert {one.verdict for one in unverifiable} == {Verdict.UNVERIFIABLE}
    assert "user-group staff" in unverifiable[0].message.ja


def test_a_flow_that_only_a_published_address_carries_is_permitted():
    """The filter is asked before the translation, and permits the published address alone."""
    published, server = (spans_of(ip_network(one))[0] for one in ("192.168.10.9/32", "172.16.20.5/32"))
    asked = Match(destination=(published,), services=(Service(protocol=(6, 6), dport=(8443, 8443)),))
    publish = Translation(
        id="vip", match=asked, places=(), destination=Mapping(address=server, port=(443, 443))
    )
    line = Line(id="1", action=Action.PERMIT, match=asked, places=())
    ruleset = Ruleset(
        device="fw",
        format="model",
        steps=(
            Filter(name="list", lines=(line,), default=Action.DENY),
            Rewrite(name="nat", translations=(publish,)),
        ),
    )
    result = ParseResult(file="fw.conf", format="model", rulesets=(ruleset,), states=())
    faces = (("port1", "lgwan"), ("port2", "internet"))
    flow = allowed("PUBLISHED", end("internet"), end("lgwan", "172.16.20.5/32"), 443)
    policy = replace(city(flow), devices=(Device(id="fw", format="model", interfaces=faces),))
    (found,) = permissions(policy, [result])
    assert found.denied_flows == ()
    assert found.crossings == ()


def test_a_wide_line_with_a_condition_not_understood_is_not_told_as_sure():
    text = "# 機器: fw\n# default: permit\n番号,送信元,宛先,プロトコル,ポート,動作\n1,srv-group,172.16.20.0/24,tcp,445,許可\n"
    policy = city()
    found = permissions(policy, [parse("fw.csv", text.encode(), format_name="csv")])
    (wide,) = [
        one
        for one in judge(replace(evidence(policy=policy), permissions=found, traffic=False))
        if one.rule == "ZG-H01"
    ]
    assert wide.verdict is Verdict.UNVERIFIABLE
    assert "srv-group" in wide.message.ja
    assert "srv-group" in wide.message.en


def test_a_written_default_that_permits_is_told_with_its_place():
    open_chain = NFT.replace("drop", "accept") % ""
    policy = city()
    found = permissions(policy, [parse("fw.nft", open_chain.encode(), format_name="nftables")])
    told = [
        one
        for one in judge(replace(evidence(policy=policy), permissions=found, traffic=False))
        if one.rule == "ZG-H02"
    ]
    assert {place.line for one in told for place in one.locators} == {2}


def test_no_packet_goes_from_an_address_of_one_family_to_one_of_the_other():
    """LGWAN has IPv4 addresses alone; all of the Internet that speaks IPv4 is allowed."""
    policy = city(allowed("OUT", end("lgwan"), end("public", "0.0.0.0/0"), 443))
    faces = (("eth0", "lgwan"), ("eth1", "public"))
    policy = replace(policy, devices=(Device(id="fw", format="nftables", interfaces=faces),))
    found = nft('iifname "eth0" oifname "eth1" tcp dport 443 accept', policy=policy)
    assert ("lgwan", "public") not in crossed(found)
