from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.policies import allowed, end, tcp, udp
from tests.rules.building import evidence
from zoneguard.findings.finding import Verdict
from zoneguard.firewall.parse import parse
from zoneguard.net.address import address_at
from zoneguard.policy.graph import paths_over_devices
from zoneguard.policy.load import load_policy
from zoneguard.rules.catalogue import judge
from zoneguard.rules.pathing import path_crossings
from zoneguard.rules.permitting import held_of, permissions

POLICY = load_policy(Path(__file__).parents[3] / "zones.yaml")
HEAD = "項番,有効,送信元ゾーン,送信元アドレス,宛先ゾーン,宛先アドレス,プロトコル,ポート番号,動作,ログ,用途\n"
DENY = "その他,○,－,－,－,－,－,－,拒否,○,記録する\n"
LEAK = "TCP,1433,許可,○,帳票"


def device(name, row):
    text = f"# 機器: {name}\n{HEAD}1,○,{row}\n{DENY}"
    return parse(f"{name}.csv", text.encode(), format_name="csv")


def beyond(name, before, behind, *, row=LEAK, target="192.168.20.50"):
    return device(name, f"{before},172.16.20.36,{behind},{target},{row}")


def crossings(*results, policy=POLICY):
    found = list(path_crossings(policy, held_of(policy, results)))
    return [one for one in found if (one.orig_zone, one.resp_zone) == ("lgwan", "internet")]


def test_two_devices_that_each_pass_on_make_a_way_past_the_gateways():
    (path,) = crossings(beyond("inner", "lgwan", "border"), beyond("outer", "border", "internet"))
    assert [(hop.device, hop.before, hop.behind) for hop in path.hops] == [
        ("inner", "lgwan", "border"),
        ("outer", "border", "internet"),
    ]
    assert path.sure
    assert path.example.service.dport == 1433


def test_one_device_that_denies_on_the_way_closes_it():
    deny = LEAK.replace("許可", "拒否")
    assert (
        crossings(beyond("inner", "lgwan", "border"), beyond("outer", "border", "internet", row=deny)) == []
    )


def test_devices_that_pass_different_packets_make_no_way():
    other = beyond("outer", "border", "internet", target="192.168.20.51")
    assert crossings(beyond("inner", "lgwan", "border"), other) == []


def test_one_device_alone_has_no_path():
    assert crossings(beyond("inner", "lgwan", "border")) == []


def test_a_way_past_the_gateways_is_told_with_the_path_drawn_and_both_lines():
    results = [beyond("inner", "lgwan", "border"), beyond("outer", "border", "internet")]
    seen = replace(
        evidence(policy=POLICY),
        permissions=permissions(POLICY, results),
        path_crossings=tuple(path_crossings(POLICY, held_of(POLICY, results))),
        traffic=False,
    )
    found = [one for one in judge(seen) if one.name == "sanitiser-bypass-path"]
    (finding,) = [one for one in found if (one.orig.zone, one.resp.zone) == ("lgwan", "internet")]
    assert (finding.rule, finding.verdict) == ("ZG-B01", Verdict.VIOLATED)
    assert "lgwan → [inner] → border → [outer] → internet" in finding.message.ja
    assert [place.file for place in finding.locators] == ["inner.csv", "outer.csv"]


def test_ways_are_simple_and_the_shortest_comes_first():
    joins = {"a": ["x", "y"], "b": ["y", "z"], "c": ["y", "w"], "d": ["w", "z"], "e": ["x", "z"]}
    ways = list(paths_over_devices(joins, "x", "z"))
    assert ways[0] == (("a", "x", "y"), ("b", "y", "z"))
    assert (("a", "x", "y"), ("c", "y", "w"), ("d", "w", "z")) in ways
    assert all(len(way) > 1 for way in ways)  # the direct one is told by its device alone


NFT_LINKS = (
    "1: eth0: <UP> mtu 1500\n    inet 172.16.20.1/22 scope global eth0\n"
    "2: eth1: <UP> mtu 1500\n    inet 172.16.251.1/29 scope global eth1\n"
    "3: eth2: <UP> mtu 1500\n    inet 192.168.20.1/22 scope global eth2\n"
)


def nft(name, links, chain, *rules):
    text = (
        f"table inet t {{\n chain nat {{\n  type nat hook {chain[0]} priority 0; policy accept;\n  {chain[1]}\n }}\n"
        " chain forward {\n  type filter hook forward priority 0; policy drop;\n  "
        + "\n  ".join(rules)
        + "\n }\n}\n"
    )
    lines = NFT_LINKS.splitlines(keepends=True)
    text += "".join(lines[2 * at] + lines[2 * at + 1] for at in links)
    return parse(f"{name}.nft", text.encode(), format_name="nftables")


def with_flow(orig, resp, service):
    flow = allowed("EXTRA", orig, resp, service)
    return replace(POLICY, flows=(*POLICY.flows, flow))


def test_a_way_through_an_address_that_the_second_device_publishes_is_told():
    publish = "prerouting", "ip daddr 172.16.251.5 tcp dport 8443 dnat ip to 192.168.20.50:1433"
    outer = nft("outer", (1, 2), publish, "ip daddr 192.168.20.50 accept")
    inner = device("inner", "lgwan,172.16.20.36,border,172.16.251.5,TCP,8443,許可,○,帳票")
    (path,) = crossings(inner, outer)
    assert not path.sure  # something was translated
    assert str(address_at(path.example.destination)) == "192.168.20.50"
    assert path.example.service.dport == 1433


def test_an_address_published_right_beside_a_zone_hides_no_way_into_it():
    publish = "prerouting", "ip daddr 192.168.19.255 tcp dport 8443 dnat ip to 192.168.20.50:1433"
    outer = nft("outer", (1, 2), publish, "ip daddr 192.168.19.255-192.168.20.255 udp dport 514 accept")
    inner = device("inner", "lgwan,172.16.20.36,border,any,UDP,514,許可,○,帳票")
    (path,) = crossings(inner, outer)
    assert path.sure
    assert str(address_at(path.example.destination)) == "192.168.20.0"


def test_a_source_that_the_first_device_hides_is_judged_by_where_it_came_from():
    hide = "postrouting", 'oifname "eth1" snat ip to 172.16.251.5'
    inner = nft("inner", (0, 1), hide, "ip saddr 172.16.20.36 tcp dport 1433 accept")
    outer = device("outer", "border,172.16.251.5,internet,192.168.20.50,TCP,1433,許可,○,帳票")
    policy = with_flow(end("border", "172.16.251.5/32"), end("internet", "192.168.20.50/32"), tcp(1433))
    (path,) = crossings(inner, outer, policy=policy)
    assert str(address_at(path.example.source)) == "172.16.20.36"


def test_what_the_second_device_denies_of_translated_sources_is_followed_back_to_the_first():
    hide = "postrouting", "snat ip prefix to ip saddr map { 172.16.20.32/30 : 172.16.251.4/30 }"
    inner = nft("inner", (0, 1), hide, "tcp dport 1433 accept")
    outer = device("outer", "border,172.16.251.6,internet,192.168.20.50,TCP,1433,許可,○,帳票")
    (path,) = crossings(inner, outer)
    assert str(address_at(path.example.source)) == "172.16.20.34"


def test_an_answer_is_no_way_through_only_where_no_device_tells_answers_from_openings():
    inner = parse(
        "inner.cfg",
        (
            b"hostname inner\n"
            b"interface GigabitEthernet0/0\n ip address 172.16.20.1 255.255.252.0\n ip access-group OUT in\n"
            b"interface GigabitEthernet0/1\n ip address 172.16.251.1 255.255.255.248\n"
            b"ip access-list extended OUT\n permit udp host 172.16.20.36 eq 514 host 192.168.20.50\n"
        ),
        format_name="ios",
    )
    outer = device("outer", "border,172.16.20.36,internet,192.168.20.50,UDP,any,許可,○,帳票")
    policy = with_flow(end("internet", "192.168.20.50/32"), end("lgwan", "172.16.20.36/32"), udp(514))
    (path,) = crossings(inner, outer, policy=policy)
    assert path.example.service.sport == 514
