"""Where IPv6 is spoken though the zone is declared IPv4-only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.rules.sight import declared_zone, sides, zones_of_vlans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import Conversation, End


def speaks_undeclared_ipv6(policy: Policy, conversation: Conversation) -> bool:
    """Tell whether a conversation is IPv6 in a zone declared IPv4-only."""
    return ":" in conversation.orig.address and bool(
        undeclared_ipv6(policy, conversation, zones_of_vlans(policy))
    )


def undeclared_ipv6(
    policy: Policy, conversation: Conversation, vlans: Mapping[int, frozenset[str]]
) -> tuple[tuple[str, End], ...]:
    """Give the ends that speak IPv6 in an IPv4-only zone, each with that zone.

    An IPv6 address lies in none of such a zone's segments: its VLAN tells where it is at home.
    """
    if ":" not in conversation.orig.address:
        return ()
    found = []
    for end, _ in sides(conversation):
        homes = {declared_zone(policy, end.zone)} - {None} or vlans.get(end.vlan, frozenset())
        for home in sorted(str(home) for home in homes):
            zone = policy.zone(home)
            if zone is not None and not zone.ipv6:
                found.append((home, end))
    return tuple(found)
