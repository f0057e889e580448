"""What more than one rule reads from the evidence: roles, owed principles, registered devices."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from zoneguard.net.flow import Payload, State, Tunnel
from zoneguard.policy.model import PUBLIC, UNKNOWN, Role
from zoneguard.policy.verdict import VIOLATIONS, root_zone
from zoneguard.rules.evidence import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from zoneguard.policy.model import AllowedFlow, Gateway, Policy
    from zoneguard.rules.evidence import Conversation, End, Evidence, ZonedClaim

# Router redundancy protocols speak from these: VRRP v4 and v6, HSRP 1, HSRP 2, GLBP.
_VIRTUAL_MACS = ((0x00005E0001, 8), (0x00005E0002, 8), (0x00000C07AC, 8), (0x00000C9FF, 12), (0x0007B4, 24))
# ERSPAN is a mirror's own carriage; MPLS and PPPoE carry a link, they do not hide a conversation in another.
_LINK_ONLY = frozenset({Tunnel.NONE, Tunnel.ERSPAN, Tunnel.MPLS, Tunnel.PPPOE})

# IPIP, 6in4, GRE, ESP, AH, EtherIP, L2TPv3, MPLS-in-IP.
_TUNNEL_PROTOCOLS = frozenset({4, 41, 47, 50, 51, 97, 115, 137})
# OpenVPN, L2TP, PPTP, IKE and NAT-T, GTP-U, Teredo, VXLAN (and its early port), GENEVE, WireGuard.
_TUNNEL_PORTS = {
    6: frozenset({1194, 1723}),
    17: frozenset({500, 1194, 1701, 2152, 3544, 4500, 4789, 6081, 8472, 51820}),
}


# Tunnels that begin like nothing else, on whatever port.
TUNNEL_OPENINGS = {Payload.WIREGUARD: "WireGuard", Payload.OPENVPN: "OpenVPN", Payload.IKE: "IKE"}


def is_tunnel_service(protocol: int, port: int) -> bool:
    """Tell by protocol and responder port whether a conversation is itself a tunnel or a VPN."""
    return protocol in _TUNNEL_PROTOCOLS or port in _TUNNEL_PORTS.get(protocol, ())


def is_crossing(conversation: Conversation) -> bool:
    """Tell whether no declared flow allows a conversation between zones.

    Known noise counts as well: once it is answered it is no longer denied.
    """
    return conversation.decision in VIOLATIONS or conversation.decision is Decision.NOISE


def is_breach(conversation: Conversation) -> bool:
    """Tell whether a forbidden conversation came about; with an end in no zone that cannot be said."""
    return (
        is_crossing(conversation)
        and conversation.state > State.ATTEMPT
        and UNKNOWN not in zones(conversation)
    )


def is_tunnelled(conversation: Conversation) -> bool:
    """Tell whether a conversation was carried inside another one."""
    return conversation.tunnel is not None and conversation.tunnel.kind not in _LINK_ONLY


def roles(policy: Policy, conversation: Conversation) -> frozenset[Role | None]:
    """Give the roles of both ends; None stands for an implicit zone."""
    return frozenset({policy.role(conversation.orig.zone), policy.role(conversation.resp.zone)})


def zones(conversation: Conversation) -> frozenset[str]:
    """Give the zones of both ends."""
    return frozenset({conversation.orig.zone, conversation.resp.zone})


def touches_mynumber(policy: Policy, *zone_ids: str) -> bool:
    """Tell whether one of the zones is the mynumber zone or a part of it."""
    return any(policy.role(zone_id) is Role.MYNUMBER for zone_id in zone_ids)


def touches_public(conversation: Conversation) -> bool:
    """Tell whether one end lies on the Internet."""
    return PUBLIC in zones(conversation)


def declared_zone(policy: Policy, zone_id: str | None) -> str | None:
    """Give the zone that this one is a part of; None for the implicit zones and for none."""
    return None if zone_id in (None, PUBLIC, UNKNOWN) else root_zone(policy, str(zone_id))


def zones_of_vlans(policy: Policy) -> Mapping[int, frozenset[str]]:
    """Tell which zones declare each VLAN; parts count as the zone they belong to."""
    table: dict[int, frozenset[str]] = {}
    for zone in policy.zones:
        for segment in zone.segments:
            if segment.vlan:
                root = root_zone(policy, zone.id)
                table[segment.vlan] = table.get(segment.vlan, frozenset()) | {root}
    return table


def flow_of(policy: Policy, flow_id: str | None) -> AllowedFlow | None:
    """Find a declared flow."""
    return next((flow for flow in policy.flows if flow.id == flow_id), None)


def is_virtual(mac: int) -> bool:
    """Tell the addresses under which redundant routers speak together (RFC 9568, HSRP, GLBP)."""
    return any(mac >> shift == prefix for prefix, shift in _VIRTUAL_MACS)


def router_macs(policy: Policy) -> frozenset[int]:
    """Give every MAC that is registered to route, in any zone."""
    return frozenset(mac for zone in policy.zones for mac in (*zone.routers, *zone.next_hops))


def gateway_macs(evidence: Evidence) -> frozenset[int]:
    """Give the MACs of the sanitising gateways: registered, or learned from claims to their legs."""
    policy = evidence.policy
    registered = {mac for gateway in policy.gateways for mac in gateway.macs}
    learned = {
        claim.mac
        for claim in evidence.claims
        if claim.address and any(is_leg(gateway, claim.address) for gateway in policy.gateways)
    }
    return frozenset(registered | learned) - {0}


def is_leg(gateway: Gateway, address: str) -> bool:
    """Tell whether an address is one of a gateway's legs."""
    if not is_address(address):
        return False
    number = ip_address(address)
    return any(number in network for _, networks in gateway.legs for network in networks)


def is_address(text: str) -> bool:
    """Tell an address from a count of collapsed ones."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def forwarders(evidence: Evidence) -> frozenset[int]:
    """Give MACs that sent for two or more addresses which they never claimed: they forward, as a router does."""
    claimed: dict[int, set[str]] = {}
    for claim in evidence.claims:
        if claim.address:
            claimed.setdefault(claim.mac, set()).add(claim.address)
    carried: dict[int, set[str]] = {}
    for conversation in evidence.conversations:
        for end in (conversation.orig, conversation.resp):
            if end.mac and end.address not in claimed.get(end.mac, ()):
                carried.setdefault(end.mac, set()).add(end.address)
    return frozenset(mac for mac, addresses in carried.items() if len(addresses) > 1)


def carriers(conversations: Iterable[Conversation]) -> frozenset[frozenset[str]]:
    """Give the outer ends of the tunnels that these conversations were found in."""
    return frozenset(
        frozenset({one.tunnel.outer_orig, one.tunnel.outer_resp})
        for one in conversations
        if one.tunnel is not None and is_tunnelled(one)
    )


def ends(conversation: Conversation) -> frozenset[str]:
    """Give the addresses of both ends."""
    return frozenset({conversation.orig.address, conversation.resp.address})


def sides(conversation: Conversation) -> tuple[tuple[End, End], ...]:
    """Give each end with the other one."""
    return (conversation.orig, conversation.resp), (conversation.resp, conversation.orig)


def claims_by_mac(evidence: Evidence) -> Mapping[int, tuple[ZonedClaim, ...]]:
    """Group the claims by who made them, in the order of their first sighting."""
    table: dict[int, list[ZonedClaim]] = {}
    for claim in sorted(evidence.claims, key=lambda one: (one.first_seen, one.last_seen, one.address or "")):
        table.setdefault(claim.mac, []).append(claim)
    return {mac: tuple(claims) for mac, claims in table.items()}
