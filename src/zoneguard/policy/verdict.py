"""What the policy says of one packet, and the set of all packets it allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from zoneguard.net.address import LINK_SPANS, LOCAL_SPANS, is_link_scope, number_of, spans_of
from zoneguard.net.packetset import PacketSet
from zoneguard.policy.model import PUBLIC, UNKNOWN, Principle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from zoneguard.net.address import Address, Network, Span
    from zoneguard.policy.model import AllowedFlow, FlowEnd, Noise, Policy, Segment, Service


class Decision(StrEnum):
    """What the policy says of one flow between two endpoints, most telling first."""

    WITHIN = "within"  # both ends in one zone
    ALLOWED = "allowed"  # a declared flow, opened from its declared side
    NOISE = "noise"  # known and denied
    REVERSED = "reversed"  # a declared flow, opened from the wrong side
    OTHER_SERVICE = "other-service"  # a declared pair of hosts, another service
    GATEWAY_LEG = "gateway-leg"  # a host of one zone met a sanitising gateway's leg in another zone
    FORBIDDEN = "forbidden"  # different zones, nothing declared
    LINK_SCOPE = "link-scope"  # multicast, broadcast or link-local: belongs to its layer-2 domain
    UNKNOWN = "unknown"  # an end that lies in no zone


DECISIONS: tuple[Decision, ...] = tuple(Decision)
VIOLATIONS = frozenset(
    {
        Decision.REVERSED,
        Decision.OTHER_SERVICE,
        Decision.GATEWAY_LEG,
        Decision.FORBIDDEN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A packet on its way from who opened to who answers, each with the zone it was seen to lie in."""

    orig: Address
    resp: Address
    orig_zone: str
    resp_zone: str
    protocol: int
    port: int  # of the responder; type*256+code for ICMP; 0 without ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A decision and the declared flow that carries it, or comes nearest."""

    decision: Decision
    flow: str | None = None


def verdict(policy: Policy, packet: Packet) -> Ruling:
    """Judge one packet by reading the policy from top to bottom.

    MAC limits do not change the decision: they are a matter of the register (ZG-C03).
    """
    if is_link_scope(number_of(packet.orig)) or is_link_scope(number_of(packet.resp)):
        return Ruling(decision=Decision.LINK_SCOPE)
    flow = _first(policy.flows, lambda one: _pair_fits(one, packet) and is_served(one.services, packet))
    if _kin(policy, packet.orig_zone, packet.resp_zone):
        to_all = _is_directed_broadcast(policy, packet.resp)
        return Ruling(decision=Decision.LINK_SCOPE if to_all else Decision.WITHIN, flow=flow)
    if flow is not None:
        return Ruling(decision=Decision.ALLOWED, flow=flow)
    if any(_is_noise(one, packet) for one in policy.noise):
        return Ruling(decision=Decision.NOISE)
    if UNKNOWN in (packet.orig_zone, packet.resp_zone):
        return Ruling(decision=Decision.UNKNOWN)
    return _violation(policy, packet)


def _violation(policy: Policy, packet: Packet) -> Ruling:
    """Name the way in which a packet between two zones is not allowed, the most telling first."""
    turned = _turned(packet)
    flow = _first(policy.flows, lambda one: _pair_fits(one, turned) and is_served(one.services, packet))
    if flow is not None:
        return Ruling(decision=Decision.REVERSED, flow=flow)
    flow = _first(policy.flows, lambda one: _pair_fits(one, packet))
    if flow is not None:
        return Ruling(decision=Decision.OTHER_SERVICE, flow=flow)
    if _meets_foreign_leg(policy, packet):
        return Ruling(decision=Decision.GATEWAY_LEG)
    return Ruling(decision=Decision.FORBIDDEN)


def _first(flows: Iterable[AllowedFlow], fits: Callable[[AllowedFlow], bool]) -> str | None:
    return next((flow.id for flow in flows if fits(flow)), None)


def _turned(packet: Packet) -> Packet:
    """Exchange the ends and keep the service: it is on the side that answers."""
    return Packet(
        orig=packet.resp,
        resp=packet.orig,
        orig_zone=packet.resp_zone,
        resp_zone=packet.orig_zone,
        protocol=packet.protocol,
        port=packet.port,
    )


def _pair_fits(flow: AllowedFlow, packet: Packet) -> bool:
    return end_fits(flow.source, packet.orig_zone, packet.orig) and end_fits(
        flow.destination, packet.resp_zone, packet.resp
    )


def end_fits(end: FlowEnd, zone: str, address: Address) -> bool:
    """Tell whether an address is this end; a gateway's leg is known by its address, wherever it lies."""
    return (end.gateway is not None or end.zone == zone) and (
        not end.networks or any(address in network for network in end.networks)
    )


def is_served(services: Iterable[Service], packet: Packet) -> bool:
    """Tell whether a packet goes to one of the services."""
    return any(
        service.protocol in (None, packet.protocol) and service.ports[0] <= packet.port <= service.ports[1]
        for service in services
    )


def root_zone(policy: Policy, zone_id: str) -> str:
    """Give the zone that this one is, in the end, a part of."""
    zone = policy.zone(zone_id)
    return zone_id if zone is None or zone.extends is None else root_zone(policy, zone.extends)


def _kin(policy: Policy, a: str, b: str) -> bool:
    return UNKNOWN not in (a, b) and root_zone(policy, a) == root_zone(policy, b)


def _is_directed_broadcast(policy: Policy, address: Address) -> bool:
    return any(
        network.version == 4 and network.prefixlen <= 30 and network.broadcast_address == address
        for zone in policy.zones
        for network in (segment.network for segment in zone.segments)
    )


def _is_noise(noise: Noise, packet: Packet) -> bool:
    return (
        noise.source in (None, packet.orig_zone)
        and noise.destination in (None, packet.resp_zone)
        and (not noise.networks or any(packet.resp in network for network in noise.networks))
        and (not noise.services or is_served(noise.services, packet))
    )


def _meets_foreign_leg(policy: Policy, packet: Packet) -> bool:
    orig, resp = _legs_at(policy, packet.orig), _legs_at(policy, packet.resp)
    if bool(orig) == bool(resp):
        return False  # no leg at all, or leg to leg: no host meets one
    zone = root_zone(policy, packet.resp_zone if orig else packet.orig_zone)
    return zone not in {root_zone(policy, leg) for leg in orig | resp}


def _legs_at(policy: Policy, address: Address) -> set[str]:
    return {
        zone
        for gateway in policy.gateways
        for zone, networks in gateway.legs
        if any(address in network for network in networks)
    }


def allowed_set(policy: Policy) -> PacketSet:
    """Build the set of all packets that the policy allows where neither VLAN nor sensor is known.

    Made by set algebra alone: it shares no step with `verdict`, so that each can vouch for the other.
    """
    link = PacketSet.of(orig=LINK_SPANS) | PacketSet.of(resp=LINK_SPANS)
    return _union(_flow_set(policy, flow) for flow in policy.flows) - _kin_set(policy) - link


def _union(sets: Iterable[PacketSet]) -> PacketSet:
    return reduce(or_, sets, PacketSet())


def _flow_set(policy: Policy, flow: AllowedFlow) -> PacketSet:
    named = _services_set(flow.services)
    for side, end in ((_as_orig, flow.source), (_as_resp, flow.destination)):
        if end.networks:
            named &= side(_all_spans(end.networks))
        if end.gateway is None:
            named &= _zone_set(policy, end.zone, side)
    return named


def _services_set(services: Iterable[Service]) -> PacketSet:
    return _union(
        PacketSet.of(
            protocol=[(0, 255) if service.protocol is None else (service.protocol, service.protocol)],
            port=[service.ports],
        )
        for service in services
    )


def _kin_set(policy: Policy) -> PacketSet:
    roots = {root_zone(policy, zone.id) for zone in policy.zones}
    families = [[zone.id for zone in policy.zones if root_zone(policy, zone.id) == root] for root in roots]
    return _union(
        _union(_zone_set(policy, zone, _as_orig) for zone in family)
        & _union(_zone_set(policy, zone, _as_resp) for zone in family)
        for family in [*families, [PUBLIC]]
    )


def _zone_set(policy: Policy, zone_id: str, side: Callable[[Iterable[Span]], PacketSet]) -> PacketSet:
    """Build the packets with one end in a zone: its segments less what others claim as well or better."""
    claims = [
        (zone.id, segment) for zone in policy.zones for segment in zone.segments if segment.sensor is None
    ]
    if zone_id == PUBLIC:
        return (
            side([(0, (1 << 128) - 1)]) - side(LOCAL_SPANS) - side(_all_spans(s.network for _, s in claims))
        )
    return _union(
        side(spans_of(segment.network)) - side(_all_spans(_better(zone_id, segment, claims)))
        for owner, segment in claims
        if owner == zone_id
    )


def _better(zone_id: str, segment: Segment, claims: Iterable[tuple[str, Segment]]) -> Iterable[Network]:
    """Yield the networks inside a segment that are narrower, or as wide and another zone's."""
    for owner, other in claims:
        if owner == zone_id or other.network.version != segment.network.version:
            continue
        if other.network.prefixlen >= segment.network.prefixlen:
            yield other.network


def _all_spans(networks: Iterable[Network]) -> list[Span]:
    return [span for network in networks for span in spans_of(network)]


def _as_orig(spans: Iterable[Span]) -> PacketSet:
    return PacketSet.of(orig=spans)


def _as_resp(spans: Iterable[Span]) -> PacketSet:
    return PacketSet.of(resp=spans)


def owed(policy: Policy, one: str, other: str) -> Principle | None:
    """Tell what two zones owe each other, the stricter one first; None when nothing is declared."""
    pair = {root_zone(policy, one), root_zone(policy, other)}
    principles = {
        separation.principle
        for separation in policy.separations
        if _covers(separation.between, pair) or _covers(separation.between, {one, other})
    }
    return next((principle for principle in Principle if principle in principles), None)


def _covers(between: tuple[str, str], pair: set[str]) -> bool:
    named = set(between) - {"*"}
    return named == pair if "*" not in between else bool(named & pair) and len(pair) == 2
