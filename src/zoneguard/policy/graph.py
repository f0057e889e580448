"""The policy as a graph: zones, gateways and devices, and the flows that join them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

from zoneguard.policy.model import PUBLIC, FlowKind, Principle
from zoneguard.policy.services import format_service
from zoneguard.policy.verdict import root_zone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from zoneguard.policy.model import AllowedFlow, FlowEnd, Policy, Separation


def build_graph(policy: Policy) -> nx.MultiDiGraph:
    """Draw the policy.

    Nodes are ("zone", id), ("gateway", id) and ("device", id). Edges carry `relation`: "flow" from who opens
    to who answers (key: the flow's id), "leg" and "interface" from a gateway or device to the zone it faces.
    """
    graph = nx.MultiDiGraph()
    for zone in policy.zones:
        graph.add_node(("zone", zone.id), role=zone.role.value, extends=zone.extends)
    for gateway in policy.gateways:
        graph.add_node(("gateway", gateway.id), sanitizes=gateway.sanitizes.value)
        for zone_id, networks in gateway.legs:
            graph.add_edge(
                ("gateway", gateway.id),
                ("zone", zone_id),
                key=f"leg {zone_id}",
                relation="leg",
                networks=tuple(str(network) for network in networks),
            )
    for device in policy.devices:
        graph.add_node(("device", device.id), format=device.format)
        for interface, zone_id in device.interfaces:
            graph.add_edge(("device", device.id), ("zone", zone_id), key=interface, relation="interface")
    if any(PUBLIC in (flow.source.zone, flow.destination.zone) for flow in policy.flows):
        graph.add_node(("zone", PUBLIC), role=PUBLIC, extends=None)
    for flow in policy.flows:
        graph.add_edge(
            _node(flow.source),
            _node(flow.destination),
            key=flow.id,
            relation="flow",
            kind=flow.kind.value,
            services=tuple(format_service(service) for service in flow.services),
            until=flow.approval.until if flow.approval else None,
        )
    return graph


def crossings_without_gateway(policy: Policy) -> tuple[tuple[Separation, AllowedFlow], ...]:
    """Give the declared flows that cross a division and meet no gateway.

    Screen transfer is a way of sanitising in itself and needs none.
    """
    return tuple(
        (separation, flow)
        for separation in policy.separations
        if separation.principle is Principle.DIVISION
        for flow in policy.flows
        if flow.kind is not FlowKind.SCREEN
        and flow.source.gateway is None
        and flow.destination.gateway is None
        and _divides(policy, separation, flow)
    )


def reachable(policy: Policy) -> dict[str, frozenset[str]]:
    """Give for each zone the others that it reaches by declared flows, one after the other, gateways passed.

    What a gateway or a host passes on is sanitised or decided there: this tells paths, not permissions.
    """
    graph = build_graph(policy)
    flows = nx.MultiDiGraph()
    flows.add_nodes_from(graph)
    flows.add_edges_from(
        (a, b) for a, b, relation in graph.edges(data="relation") if relation == "flow" and a != b
    )
    return {
        zone.id: frozenset(name for kind, name in nx.descendants(flows, ("zone", zone.id)) if kind == "zone")
        for zone in policy.zones
    }


def paths_over_devices(
    joins: Mapping[str, Collection[str]], orig: str, resp: str, *, most_devices: int = 3
) -> Iterator[tuple[tuple[str, str, str], ...]]:
    """Yield the ways from one zone to another over two or more devices, the shortest first.

    `joins` names the zones that each device faces. A way is a row of (device, zone before, zone behind) that
    meets no zone and no device twice.
    """
    graph = nx.Graph()
    for device, zones in joins.items():
        graph.add_edges_from((("device", device), ("zone", zone)) for zone in zones)
    ends = ("zone", orig), ("zone", resp)
    if not all(end in graph for end in ends):
        return
    found = nx.all_simple_paths(graph, *ends, cutoff=2 * most_devices)
    for path in sorted((path for path in found if len(path) > 3), key=lambda path: (len(path), path)):
        yield tuple((path[at][1], path[at - 1][1], path[at + 1][1]) for at in range(1, len(path), 2))


def _node(end: FlowEnd) -> tuple[str, str]:
    return ("gateway", end.gateway) if end.gateway is not None else ("zone", end.zone)


def _divides(policy: Policy, separation: Separation, flow: AllowedFlow) -> bool:
    ends = [root_zone(policy, end.zone) for end in (flow.source, flow.destination)]
    if ends[0] == ends[1]:
        return False
    first, second = (zone if zone == "*" else root_zone(policy, zone) for zone in separation.between)
    return any(first in ("*", a) and second in ("*", b) for a, b in (ends, ends[::-1]))
