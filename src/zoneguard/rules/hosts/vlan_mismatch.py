"""ZG-E03: an address of one zone sent from a VLAN of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.address import mac_text
from zoneguard.policy.model import PUBLIC, Role
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.ipv6 import undeclared_ipv6
from zoneguard.rules.sight import declared_zone, is_tunnelled, is_virtual, router_macs, sides, zones_of_vlans
from zoneguard.rules.telling import end_words, tell, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import End, Evidence


# Zones through which others pass by design: any source may stand on their VLANs.
_TRANSIT = frozenset({Role.BORDER, Role.EXTERNAL, Role.MANAGEMENT})


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield conversations whose sender stands on a VLAN that only other zones declare.

    A packet on its way into a zone is seen on that zone's VLAN, sent by the last router. So a mismatch is
    told when neither end belongs to the VLAN's zone, or when that zone's routers are registered and the
    sender's MAC is none of them. Left out are sensors declared as transit, what was inside a tunnel (its
    frames name the tunnel's ends), and IPv6 where there should be none, which lies in no segment.
    """
    policy, vlans = evidence.policy, zones_of_vlans(evidence.policy)
    transit = {sensor.id for sensor in policy.sensors if sensor.transit}
    for one in evidence.conversations:
        if one.decision is Decision.LINK_SCOPE or one.sensor in transit or is_tunnelled(one):
            continue
        if undeclared_ipv6(policy, one, vlans):  # ZG-F03 speaks of it
            continue
        for sender, other in sides(one):
            homes = vlans.get(sender.vlan, frozenset())
            home = PUBLIC if sender.zone == PUBLIC else declared_zone(policy, sender.zone)
            if not homes or home is None or home in homes or _is_transit(policy, homes):
                continue
            if declared_zone(policy, other.zone) in homes and not _came_unrouted(policy, sender, homes):
                continue
            words, mac = end_words(policy, sender), mac_text(sender.mac)
            zone = zone_name(policy, min(homes))
            yield tell(
                RULE,
                one,
                Text(
                    ja=f"{words.ja}を送信元とするパケットが、{zone.ja}だけが使う VLAN {sender.vlan} で"
                    f" MACアドレス {mac} から送られました。",
                    en=f"Packets from {words.en} were sent by MAC {mac} on VLAN {sender.vlan}, which only"
                    f" {zone.en} uses.",
                ),
                verdict=Verdict.REVIEW,
            )
            break


def _is_transit(policy: Policy, homes: frozenset[str]) -> bool:
    return any(policy.role(home) in _TRANSIT for home in homes)


def _came_unrouted(policy: Policy, sender: End, homes: frozenset[str]) -> bool:
    registered = any(zone.routers for zone in policy.zones if zone.id in homes)
    return (
        registered
        and sender.mac != 0
        and sender.mac not in router_macs(policy)
        and not is_virtual(sender.mac)
    )


RULE = Rule(
    id="ZG-E03",
    name="vlan-mismatch",
    order=97,
    severity=Severity.HIGH,
    clauses=("youkou-6-3-b", "gl-6-1", "kisoku-5"),
    title=Text(ja="送信元詐称・VLAN不一致", en="A sender stood on a VLAN of another zone"),
    why=Text(
        ja="アドレスとVLANが食い違うのは、詐称、配線の誤り、または登録されていない経路の現れです。",
        en="When address and VLAN disagree, the sender is forged, wired wrongly, or came by an unregistered path.",
    ),
    remedy=Text(
        ja="ポートのVLAN設定と配線を確かめてください。ルータを通った後の観測点であれば、sensors に transit: true を、ルータは routers に登録してください。",
        en="Check the port's VLAN and the wiring; if the mirror is behind a router, set transit: true on the sensor and register the router under routers.",
    ),
    example=Text(
        ja="172.16.20.7 を送信元とするパケットが、インターネット接続系の VLAN 320 で観測された。",
        en="Packets from 172.16.20.7 were seen on VLAN 320 of the Internet zone.",
    ),
    false_positives=Text(
        ja="タグのないネイティブVLAN、重なったアドレス、ルータの先のミラー、ミラーの重複。",
        en="Untagged native VLANs, overlapping ranges, mirrors behind routers, duplicated mirrors.",
    ),
    check=check,
)
