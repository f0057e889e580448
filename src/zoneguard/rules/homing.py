"""Devices that claim addresses of two zones at one time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.net.flow import ClaimKind
from zoneguard.rules.sight import claims_by_mac, declared_zone, gateway_macs, is_virtual, router_macs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import Evidence, ZonedClaim

OWN_ADDRESS = frozenset({ClaimKind.ARP, ClaimKind.NDP, ClaimKind.DHCP_CLIENT})
# Docking stations move between desks with their MAC: only claims this close together count (ns).
_SIMULTANEOUS = 10 * 60 * 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DualHomed:
    """One device with one claim in each of two zones, at most ten minutes apart."""

    mac: int
    zones: tuple[str, str]
    claims: tuple[ZonedClaim, ZonedClaim]


def dual_homed(evidence: Evidence) -> tuple[DualHomed, ...]:
    """Find devices in two zones; registered gateways and routers, and virtual routers, may be."""
    excused = gateway_macs(evidence) | router_macs(evidence.policy)
    return tuple(
        found
        for mac, claims in claims_by_mac(evidence).items()
        if mac not in excused and not is_virtual(mac)
        for found in _in_two_zones(evidence.policy, mac, claims)
    )


def _in_two_zones(policy: Policy, mac: int, claims: Sequence[ZonedClaim]) -> list[DualHomed]:
    latest: dict[str, ZonedClaim] = {}
    found: dict[tuple[str, str], DualHomed] = {}
    for claim in claims:  # by first sighting
        zone = _home(policy, claim)
        if claim.kind not in OWN_ADDRESS or zone is None:
            continue
        for other, before in latest.items():
            if other != zone and claim.first_seen - before.last_seen <= _SIMULTANEOUS:
                pair = (min(zone, other), max(zone, other))
                both = (before, claim) if other == pair[0] else (claim, before)
                found.setdefault(pair, DualHomed(mac=mac, zones=pair, claims=both))
        if zone not in latest or latest[zone].last_seen < claim.last_seen:
            latest[zone] = claim
    return list(found.values())


def _home(policy: Policy, claim: ZonedClaim) -> str | None:
    """Give the zone a claim is made in: that of its address, or else the only one of its VLAN."""
    zone = declared_zone(policy, claim.zone)
    if zone is not None or claim.address is not None:
        return zone
    return declared_zone(policy, next(iter(claim.vlan_zones))) if len(claim.vlan_zones) == 1 else None
