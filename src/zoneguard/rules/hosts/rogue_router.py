"""ZG-E04: an unregistered device acted as router or address server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from zoneguard.findings.finding import Party, Severity, Verdict
from zoneguard.net.address import mac_text
from zoneguard.net.flow import ClaimKind
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.sight import claims_by_mac, declared_zone, router_macs, zones_of_vlans
from zoneguard.rules.telling import tell_all, tell_claims, zone_name
from zoneguard.rules.together import Alone, how_many, named, together
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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

    Where a zone registers its routers, others are violations, each told by itself; where it does not, a
    person has to look at them together.
    """
    held: dict[tuple[str, str, str], list[Alone]] = {}
    for zone, kind, office, alone in (*_holding_office(evidence), *_speaking(evidence)):
        held.setdefault((zone, kind, office), []).append(alone)
    for (zone, kind, office), members in held.items():
        registered = _judge(evidence.policy, zone)[0] is Verdict.VIOLATED
        yield from together(
            evidence,
            sorted(members, key=lambda member: member.name),
            partial(_all_sent, evidence.policy, zone, office),
            name=f"{RULE.name}-{kind}",
            orig=Party(zone=zone),
            least=len(members) + 1 if registered else 2,
        )


def _holding_office(evidence: Evidence) -> Iterator[tuple[str, str, str, Alone]]:
    policy, excused = evidence.policy, router_macs(evidence.policy)
    for mac, claims in claims_by_mac(evidence).items():
        offices: dict[ClaimKind, list[ZonedClaim]] = {}
        for claim in claims:
            if claim.kind in _OFFICES and mac not in excused:
                offices.setdefault(claim.kind, []).append(claim)
        for office, held in offices.items():
            first = held[0]
            homes = {declared_zone(policy, first.zone)} - {None} or set(first.vlan_zones)
            zone = str(min(homes, key=str)) if homes else "unknown"
            verdict, severity = _judge(policy, zone)
            message = _message(policy, mac, zone, _OFFICES[office])
            kind = office.name.lower().replace("_", "-")
            finding = tell_claims(
                RULE, held, message, zone=zone, verdict=verdict, severity=severity, name=f"{RULE.name}-{kind}"
            )
            yield zone, kind, _OFFICES[office], Alone(finding=finding, name=mac_text(mac))


def _speaking(evidence: Evidence) -> Iterator[tuple[str, str, str, Alone]]:
    policy = evidence.policy
    excused, vlans = router_macs(policy), zones_of_vlans(policy)
    talks: dict[tuple[int, str, str], list[Conversation]] = {}
    for one in evidence.conversations:
        office = _PROTOCOLS.get(one.protocol) or (_PORTS.get(one.port) if one.protocol == 17 else None)
        if one.decision is Decision.LINK_SCOPE and office and one.orig.mac and one.orig.mac not in excused:
            home = declared_zone(policy, one.orig.zone) or min(vlans.get(one.orig.vlan, {"unknown"}))
            talks.setdefault((one.orig.mac, home, office), []).append(one)
    for (mac, home, office), group in talks.items():
        verdict, severity = _judge(policy, home)
        kind = office.lower()
        message = _message(policy, mac, home, office)
        finding = tell_all(
            RULE, group, message, verdict=verdict, severity=severity, name=f"{RULE.name}-{kind}"
        )
        yield home, kind, office, Alone(finding=finding, name=mac_text(mac))


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


def _all_sent(policy: Policy, zone_id: str, office: str, members: Sequence[Alone]) -> Text:
    zone, who, count = zone_name(policy, zone_id), named(members), how_many(members)
    return Text(
        ja=f"ルータとして登録されていない {count:,} 台の機器（{who.ja}）が、{zone.ja}で {office} を送りました。",
        en=f"{count:,} devices not registered as routers ({who.en}) sent {office} messages in {zone.en}.",
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
