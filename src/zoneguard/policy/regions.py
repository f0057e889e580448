"""The policy in the terms of packet sets: where zones lie, and what may pass between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.net.address import LAST, LOCAL_SPANS, spans_of
from zoneguard.net.service import ALL_PROTOCOLS, Service
from zoneguard.net.spans import Spans, intersect_spans, spans_from, subtract_spans
from zoneguard.policy.model import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from zoneguard.net.address import Network
    from zoneguard.policy.model import FlowEnd, Policy, Segment
    from zoneguard.policy.model import Service as PolicyService


class Region(NamedTuple):
    """What one declared flow allows: who may open, to whom, and which services."""

    flow: str
    source: Spans
    destination: Spans
    services: tuple[Service, ...]


def zone_spans(policy: Policy) -> dict[str, Spans]:
    """Give the addresses of each zone, and of the public Internet.

    An address is that of the narrowest segment that holds it. One that two zones declare alike, told apart by
    VLAN or VRF only, is in both: an export does not show the VLAN of a packet.
    """
    claims = [
        (zone.id, segment) for zone in policy.zones for segment in zone.segments if segment.sensor is None
    ]
    spans: dict[str, Spans] = {zone.id: () for zone in policy.zones}
    for zone_id, segment in claims:
        narrower = _union(
            other.network
            for owner, other in claims
            if owner != zone_id
            and other.network.version == segment.network.version
            and _is_longer(other, segment)
        )
        own = subtract_spans(spans_from(spans_of(segment.network)), narrower)
        spans[zone_id] = spans_from((*spans[zone_id], *own))
    declared = spans_from((*LOCAL_SPANS, *(span for one in claims for span in spans_of(one[1].network))))
    spans[PUBLIC] = subtract_spans(((0, LAST),), declared)
    return spans


def allowed_regions(policy: Policy, spans: Mapping[str, Spans]) -> tuple[Region, ...]:
    """Give what each declared flow allows, in the policy's order."""
    return tuple(
        Region(
            flow.id,
            _end_spans(flow.source, spans),
            _end_spans(flow.destination, spans),
            tuple(box_of(service) for service in flow.services),
        )
        for flow in policy.flows
    )


def box_of(service: PolicyService) -> Service:
    """Give a policy's service as a box of packets."""
    protocol = ALL_PROTOCOLS if service.protocol is None else (service.protocol, service.protocol)
    return Service(protocol=protocol, dport=service.ports)


def _end_spans(end: FlowEnd, spans: Mapping[str, Spans]) -> Spans:
    named = _union(end.networks)
    if end.gateway is not None:
        return named
    zone = spans.get(end.zone, ())
    return intersect_spans(zone, named) if end.networks else zone


def _union(networks: Iterable[Network]) -> Spans:
    return spans_from(span for network in networks for span in spans_of(network))


def _is_longer(a: Segment, b: Segment) -> bool:
    return a.network.prefixlen > b.network.prefixlen
