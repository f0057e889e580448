"""Overlap domains: which VLANs share one address space, and which are a space of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneguard.policy.model import Policy, Segment

VLANS = 4096


def overlap_domains(policy: Policy) -> tuple[int, ...]:
    """Give the domain of every VLAN, 0 … 4095.

    A VLAN whose range another zone declares too (under another VLAN, VRF or sensor) is a space of its own;
    VLANs of one VRF share theirs. All others are domain 0: both directions of a conversation may carry
    different tags there, and still are one conversation.
    """
    domains = [0] * VLANS
    spaces: dict[tuple[str, str | int], int] = {}
    segments = [(zone.id, segment) for zone in policy.zones for segment in zone.segments]
    for zone, segment in segments:
        if segment.vlan is None or not any(
            zone != other and _overlap(segment, rival) for other, rival in segments
        ):
            continue
        space = ("vrf", segment.vrf) if segment.vrf is not None else ("vlan", segment.vlan)
        domains[segment.vlan] = spaces.setdefault(space, len(spaces) + 1)
    return tuple(domains)


def _overlap(a: Segment, b: Segment) -> bool:
    if a.network.version != b.network.version or a.vlan == b.vlan:
        return False
    same_length = a.network.prefixlen == b.network.prefixlen
    # A longer prefix inside a shorter one is an exception to it, told by its length.
    return same_length and a.network == b.network
