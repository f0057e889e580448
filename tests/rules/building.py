"""Evidence in a few words: a city of six zones, conversations and claims with everything ordinary left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from ipaddress import ip_address, ip_network

from zoneguard.dissect.record import Look, Sight
from zoneguard.findings.finding import PacketLocator
from zoneguard.net.flow import Blocked, CaptureCoverage, ClaimKind, Opener, Payload, State
from zoneguard.policy.model import (
    PUBLIC,
    UNKNOWN,
    AllowedFlow,
    Approval,
    FlowEnd,
    FlowKind,
    Gateway,
    Model,
    Policy,
    Principle,
    Role,
    Sanitizes,
    Segment,
    Separation,
    Service,
    Zone,
)
from zoneguard.rules.catalogue import judge
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Conversation, Decision, End, Evidence, Looked, ZonedClaim
from zoneguard.text import Text

TODAY = "2026-11-16"
SECOND = 1_000_000_000
DAY = 86_400 * SECOND

MN, MN_CLOUD, LG, LG_SERVER = "10.10.20.9", "10.110.0.5", "172.16.20.5", "172.16.10.9"
IN, VDI, MGMT, ASP, SCHOOL = "192.168.20.7", "192.168.10.3", "10.255.0.30", "10.200.64.5", "10.30.0.5"
WEB, STRANGER = "203.0.113.9", "172.31.5.5"
LG_LEG, IN_LEG = "172.16.251.2", "192.168.251.2"
GATEWAY_MAC, LG_ROUTER, EXIT_MAC = 0x020251000002, 0x020000FE0210, 0x020000FE0001


def zone(name, role, *segments, **more):
    laid = tuple(Segment(network=ip_network(cidr), vlan=vlan) for cidr, vlan in segments)
    return Zone(id=name, role=role, name=Text(ja=name, en=name), segments=laid, **more)


def end(name, *networks, macs=(), gateway=None):
    return FlowEnd(zone=name, networks=tuple(map(ip_network, networks)), macs=macs, gateway=gateway)


def allowed(name, source, destination, port, *, kind=FlowKind.PERMIT, protocol=6, until=None, **more):
    approval = Approval(until=date.fromisoformat(until)) if until else None
    return AllowedFlow(
        id=name,
        kind=kind,
        source=source,
        destination=destination,
        services=(Service(protocol=protocol, ports=(port, port)),),
        approval=approval,
        **more,
    )


SCREEN = allowed("A-SCR", end("lgwan"), end("internet"), 3389, kind=FlowKind.SCREEN)


def city(*flows, lgwan_routers=(), exits=(), waivers=(), sensors=(), inventory=None, model=Model.ALPHA):
    return Policy(
        path="zones.yaml",
        sha256="",
        organization=Text(ja="例示市", en="Reiji City"),
        model=model,
        timezone="Asia/Tokyo",
        zones=(
            zone("mynumber", Role.MYNUMBER, ("10.10.20.0/23", 120)),
            zone("mynumber_cloud", Role.MYNUMBER, ("10.110.0.0/20", None), extends="mynumber"),
            zone(
                "lgwan",
                Role.LGWAN,
                ("172.16.10.0/24", 210),
                ("172.16.20.0/22", 220),
                routers=tuple(lgwan_routers),
                macs=inventory,
            ),
            zone("internet", Role.INTERNET, ("192.168.10.0/26", 310), ("192.168.20.0/22", 320), ipv6=True),
            zone("border", Role.BORDER, ("172.16.251.0/29", 251), ("192.168.251.0/29", 351)),
            zone("mgmt", Role.MANAGEMENT, ("10.255.0.0/24", 999)),
            zone("ext_lgwan", Role.EXTERNAL, ("10.200.0.0/16", 290)),
            zone("ext_seccloud", Role.EXTERNAL, ("192.168.254.0/30", 354), next_hops=tuple(exits)),
            zone("school", Role.OUT_OF_SCOPE, ("10.30.0.0/16", 430)),
        ),
        separations=(
            Separation(between=("mynumber", "*"), principle=Principle.ISOLATION),
            Separation(between=("lgwan", "internet"), principle=Principle.DIVISION),
        ),
        gateways=(
            Gateway(
                id="mail-sanitizer",
                sanitizes=Sanitizes.MAIL,
                mode="text-only",
                legs=(("lgwan", (ip_network(LG_LEG),)), ("internet", (ip_network(IN_LEG),))),
                macs=(GATEWAY_MAC,),
            ),
        ),
        flows=flows,
        sensors=tuple(sensors),
        devices=(),
        noise=(),
        waivers=tuple(waivers),
    )


def zone_of(address):
    number = ip_address(address)
    for one in city().zones:
        if any(number in segment.network for segment in one.segments):
            return one.id
    return UNKNOWN if number.is_private and not address.startswith(("203.0.113.", "2001:db8:")) else PUBLIC


def talk(orig, resp, port, *, protocol=6, decision=Decision.FORBIDDEN, state=State.DATA, **more):
    """Make a conversation; `orig_mac`, `orig_vlan`, `orig_next_hop` and so on reach into its ends."""
    sides = {}
    for side, address in (("orig", orig), ("resp", resp)):
        given = {
            name: more.pop(f"{side}_{name}")
            for name in ("mac", "vlan", "next_hop", "zone")
            if f"{side}_{name}" in more
        }
        sides[side] = End(
            **{"zone": zone_of(address), "address": address, "mac": 0, "next_hop": 0, "vlan": 0} | given
        )
    packets = 1 if state is State.ATTEMPT else 10
    ordinary = {
        "service": f"{'tcp' if protocol == 6 else 'udp' if protocol == 17 else f'ip/{protocol}'}/{port}",
        "allowed_by": None,
        "certain": True,
        "opener": Opener.SYN,
        "blocked": Blocked.NO,
        "orig_payload": Payload.NONE,
        "resp_payload": Payload.NONE,
        "flows": 1,
        "packets": packets,
        "bytes": packets * 60,
        "orig_bytes": packets * 30,
        "resp_packets": packets // 2,
        "first_seen": DAY,
        "last_seen": DAY + SECOND,
        "locator": PacketLocator(file="a.pcap", frame=port + 1, time=DAY),
    }
    return Conversation(
        **sides, protocol=protocol, port=port, decision=decision, state=state, **(ordinary | more)
    )


def claim(mac, address, vlan, *, kind=ClaimKind.ARP, seen=DAY, homes=None):
    at = frozenset(
        one.id for one in city().zones for segment in one.segments if vlan and segment.vlan == vlan
    )
    return ZonedClaim(
        kind=kind,
        mac=mac,
        address=address,
        zone=zone_of(address) if address else None,
        vlan=vlan,
        vlan_zones=at if homes is None else homes,
        sensor=None,
        first_seen=seen,
        last_seen=seen,
        count=1,
        locator=PacketLocator(file="a.pcap", frame=1, time=seen),
    )


def evidence(*conversations, policy=None, claims=(), **more):
    policy = policy or city(SCREEN)
    ordinary = {
        "coverage": CaptureCoverage(packets=1_000, decoded=1_000),
        "zones_observed": frozenset(one.id for one in policy.zones),
        "allowed_seen": {},
        "window": (DAY, 2 * DAY),
        "today": TODAY,
    }
    return Evidence(policy=policy, conversations=conversations, claims=tuple(claims), **(ordinary | more))


def judged(*conversations, **more):
    return judge(evidence(*conversations, **more))


def only(*conversations, **more):
    """Give the one finding there is."""
    (finding,) = judged(*conversations, **more)
    return finding


def attempt(conversation):
    return replace(conversation, state=State.ATTEMPT, packets=1, resp_packets=0)


def opened(conversation, *, ask=Ask.TOOL, sight=Sight.WHOLE, frame=None, **seen):
    """Make a look into a flow of a conversation; what is not given was not seen."""
    locator = conversation.locator if frame is None else replace(conversation.locator, frame=frame)
    return Looked(conversation=conversation, locator=locator, ask=ask, look=Look(sight=sight, **seen))
