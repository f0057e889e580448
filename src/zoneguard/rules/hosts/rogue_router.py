"""ZG-E04: an unregistered device acted as router or address server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.address import mac_text
from zoneguard.net.flow import ClaimKind
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.sight import claims_by_mac, declared_zone, router_macs, zones_of_vlans
from zoneguard.rules.telling import tell_all, tell_claims, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import Conversation, Evidence, ZonedClaim


_OFFICES = {
    ClaimKind.DHCP_SERVER: "DHCP server",
    ClaimKind.ROUTER_ADVERTISEMENT: "router advertisement",
    ClaimKind.REDIRECT: "redirect",
}
_PROTOCOLS = {88: "EIGRP", 89: "OSPF", 112: "VRRP"}
_PORTS = {520: "RIP", 521: "RIPng", 1985: "HSRP", 2029: "HSRP"}


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield devices that advertise, redirect, serve addresses or speak routing protocols unregistered.

    Where a zone registers its routers, others are violations; where it does not, a person has to look.
    """
    policy = evidence.policy
    excused, vlans = router_macs(policy), zones_of_vlans(policy)
    for mac, claims in claims_by_mac(evidence).items():
        offices: dict[ClaimKind, list[ZonedClaim]] = {}
        for claim in claims:
            if claim.kind in _OFFICES and mac not in excused:
                offices.setdefault(claim.kind, []).append(claim)
        for kind, held in offices.items():
            first = held[0]
            homes = {declared_zone(policy, first.zone)} - {None} or set(first.vlan_zones)
            zone = str(min(homes, key=str)) if homes else "unknown"
            verdict, severity = _judge(policy, zone)
            message = _message(policy, mac, zone, _OFFICES[kind])
            name = f"{RULE.name}-{kind.name.lower().replace('_', '-')}"
            yield tell_claims(RULE, held, message, zone=zone, verdict=verdict, severity=severity, name=name)
    talks: dict[tuple[int, str, str], list[Conversation]] = {}
    for one in evidence.conversations:
        office = _PROTOCOLS.get(one.protocol) or (_PORTS.get(one.port) if one.protocol == 17 else None)
        if one.decision is Decision.LINK_SCOPE and office and one.orig.mac and one.orig.mac not in excused:
            home = declared_zone(policy, one.orig.zone) or min(vlans.get(one.orig.vlan, {"unknown"}))
            talks.setdefault((one.orig.mac, home, office), []).append(one)
    for (mac, home, office), group in talks.items():
        verdict, severity = _judge(policy, home)
        name = f"{RULE.name}-{office.lower()}"
        message = _message(policy, mac, home, office)
        yield tell_all(RULE, group, message, verdict=verdict, severity=severity, name=name)


def _judge(policy: Policy, zone_id: str) -> tuple[Verdict, Severity]:
    zone = policy.zone(zone_id)
    registered = zone is not None and bool(zone.routers)
    return (Verdict.VIOLATED, Severity.HIGH) if registered else (Verdict.REVIEW, Severity.LOW)


def _message(policy: Policy, mac: int, zone_id: str, office: str) -> Text:
    zone = zone_name(policy, zone_id)
    return Text(
        ja=f"ルータとして登録されていない機器 {mac_text(mac)} が、{zone.ja}で {office} を送りました。",
        en=f"Device {mac_text(mac)}, not registered as a router, sent {office} messages in {zone.en}.",
    )


RULE = Rule(
    id="ZG-E04",
    name="rogue-router",
    order=111,
    severity=Severity.HIGH,
    clauses=("gl-4-3", "gl-6-1", "kisoku-5"),
    title=Text(ja="不正なルータ・DHCP・RA・ICMPリダイレクト", en="An unregistered device acted as a router"),
    why=Text(
        ja="経路やアドレスを配る機器は、他の端末の通信を自分へ、または領域の外へ導くことができます。",
        en="Whoever hands out routes or addresses can lead the traffic of others to himself or out of the zone.",
    ),
    remedy=Text(
        ja="機器を特定して外すか、正規のものであれば zones.yaml の routers にMACアドレスを登録してください。",
        en="Find and remove the device, or register its MAC under routers in zones.yaml if it is a proper one.",
    ),
    example=Text(
        ja="登録のない 02:00:00:00:99:01 が VLAN 220 で DHCP の応答を返した。",
        en="The unregistered 02:00:00:00:99:01 answered DHCP on VLAN 220.",
    ),
    false_positives=Text(
        ja="登録前の冗長機、DHCPリレーのアドレス。", en="A cluster partner not yet registered, DHCP relays."
    ),
    check=check,
)
