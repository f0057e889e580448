from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.rules.building import evidence
from zoneguard.findings.finding import Verdict
from zoneguard.firewall.parse import parse
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


def crossings(*results):
    found = list(path_crossings(POLICY, held_of(POLICY, results)))
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
