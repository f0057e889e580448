"""What rules see: judged conversations, claims, coverage and the policy; no files, no formats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.policy.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zoneguard.dissect.record import Look
    from zoneguard.findings.finding import PacketLocator
    from zoneguard.net.flow import Blocked, CaptureCoverage, ClaimKind, Opener, Payload, State, Tunnel
    from zoneguard.policy.model import Policy
    from zoneguard.rules.choosing import Ask
    from zoneguard.rules.pathing import PathCrossing
    from zoneguard.rules.permission import Permission
    from zoneguard.text import Text

__all__ = ["Conversation", "Decision", "End", "Evidence", "Looked", "TunnelSeen", "ZonedClaim"]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a conversation."""

    zone: str  # zone id, or "public" or "unknown"
    address: str  # or a count such as "1,000 addresses", "1,000,000+ addresses" when collapsed (see Conversation.peers)
    mac: int  # 0: none seen
    next_hop: int  # destination MAC of what this end sent; 0: none seen
    vlan: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelSeen:
    """The tunnel a conversation was found in."""

    kind: Tunnel
    outer_orig: str  # address
    outer_resp: str
    outer_zones: tuple[str, str]
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Flows of one opener, responder, service, decision and state, together."""

    orig: End
    resp: End
    protocol: int
    service: str  # tcp/3389, udp/53, icmp/8/0, gre
    port: int  # of the responder
    decision: Decision
    allowed_by: str | None  # the declared flow that allows it, or comes nearest
    certain: bool  # False: the opener was told from below the declared ports, and it matters
    opener: Opener
    state: State
    blocked: Blocked
    orig_payload: Payload
    resp_payload: Payload
    flows: int
    packets: int
    bytes: int
    orig_bytes: int
    resp_packets: int  # 0 with state > ATTEMPT means one-way
    first_seen: int
    last_seen: int
    locator: PacketLocator
    tunnel: TunnelSeen | None = None
    routed_by: int = 0  # MAC that sent the second sighting: this flow was routed by it
    peers: int = 1  # > 1: that many responders (or openers) were collapsed into this line
    services: int = 1  # > 1: that many services were collapsed
    sensor: str = ""  # id of the declared sensor that saw it; "" when none is known


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonedClaim:
    """A claim (ARP, NDP, DHCP, router, layer-2 protocol) with the zones of its address and of its VLAN."""

    kind: ClaimKind
    mac: int
    address: str | None
    zone: str | None  # zone of the address; None when no address
    vlan: int
    vlan_zones: frozenset[str]  # zones that declare this VLAN; empty when none does
    sensor: str | None
    first_seen: int
    last_seen: int
    count: int
    locator: PacketLocator


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One flow that was opened: what it is a part of, where it begins, what it was opened for and what it showed."""

    conversation: Conversation
    locator: PacketLocator
    ask: Ask
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything a rule may look at."""

    policy: Policy
    conversations: tuple[Conversation, ...]
    claims: tuple[ZonedClaim, ...]
    coverage: CaptureCoverage
    zones_observed: frozenset[str]
    allowed_seen: Mapping[str, tuple[int, int]]  # flow id → (first_seen, last_seen) of traffic it allowed
    window: tuple[int, int] | None  # first and last packet, ns since 1970; None without packets
    today: str  # ISO date the approvals are held against
    one_sided_share: float = 0.0  # of answered TCP flows, the share seen in one direction only
    faults: tuple[Text, ...] = field(default=())  # what could not be read, each a sentence
    traffic: bool = True  # False: no capture was given, only exports
    permissions: tuple[Permission, ...] = ()  # what devices permit, a ruleset each
    path_crossings: tuple[PathCrossing, ...] = ()  # what passes over several of them
    looks: tuple[Looked, ...] = ()  # flows that were opened, in the order of their first packets
    left: Mapping[Ask, int] = field(
        default_factory=dict
    )  # flows that were to be opened and were not, by question
    look_faults: tuple[Text, ...] = ()  # what kept the deep look from seeing all it should, each a sentence
    opened: bool = False  # whether there was a deep look at all
