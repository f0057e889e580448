from __future__ import annotations

from dataclasses import replace

from tests.policies import city
from zoneguard.policy.graph import build_graph, crossings_without_gateway, reachable
from zoneguard.policy.model import Device, Principle, Separation

CITY = replace(
    city(),
    separations=(
        Separation(between=("lgwan", "internet"), principle=Principle.DIVISION),
        Separation(between=("lgwan", "*"), principle=Principle.DIVISION),
        Separation(between=("mynumber", "*"), principle=Principle.ISOLATION),
    ),
    devices=(Device(id="fw1", format="fortios", interfaces=(("port1", "lgwan"), ("port2", "internet"))),),
)


def test_zones_gateways_and_devices_are_nodes_and_flows_are_edges():
    graph = build_graph(CITY)
    assert {("zone", "lgwan"), ("zone", "public"), ("gateway", "mail"), ("device", "fw1")} <= set(graph)
    edge = graph[("zone", "lgwan")][("zone", "internet")]["A-SCR"]
    assert edge["relation"] == "flow"
    assert edge["services"] == ("tcp/3389", "udp/3389")
    assert graph.has_edge(("gateway", "mail"), ("zone", "lgwan"), key="A-MAIL")
    assert graph.has_edge(("device", "fw1"), ("zone", "internet"), key="port2")


def test_only_flows_that_cross_a_division_unsanitised_are_listed():
    listed = {(one.between, flow.id) for one, flow in crossings_without_gateway(CITY)}
    assert listed == {(("lgwan", "*"), "A-ASP"), (("lgwan", "*"), "BREAKOUT")}


def test_reachability_follows_flows_and_not_legs():
    found = reachable(CITY)
    assert found["lgwan"] == {"internet", "ext_lgwan", "public"}
    assert found["internet"] == frozenset()
