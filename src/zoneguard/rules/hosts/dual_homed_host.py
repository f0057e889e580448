"""ZG-E01: one device stood in two zones at one time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Party, Severity, Verdict
from zoneguard.net.address import mac_text
from zoneguard.rules.base import Rule
from zoneguard.rules.homing import dual_homed
from zoneguard.rules.sight import forwarders
from zoneguard.rules.telling import graver, tell_claims, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence, ZonedClaim


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield devices that claimed addresses of two zones within ten minutes.

    A device that also sends for others looks like a router that was not registered: that is for review.
    """
    policy, routing = evidence.policy, forwarders(evidence)
    for found in dual_homed(evidence):
        one, other = found.claims
        zones = [zone_name(policy, zone) for zone in found.zones]
        mac = mac_text(found.mac)
        yield tell_claims(
            RULE,
            found.claims,
            Text(
                ja=f"端末 {mac} が、{zones[0].ja}（{_at(one).ja}）と{zones[1].ja}（{_at(other).ja}）の"
                "両方に 10 分以内に現れました。",
                en=f"Device {mac} appeared within ten minutes both in {zones[0].en} ({_at(one).en}) and in"
                f" {zones[1].en} ({_at(other).en}).",
            ),
            zone=found.zones[0],
            verdict=Verdict.REVIEW if found.mac in routing else Verdict.VIOLATED,
            severity=graver(policy, RULE.severity, *found.zones),
            resp=Party(zone=found.zones[1], address=other.address, mac=mac, vlan=other.vlan or None),
        )


def _at(claim: ZonedClaim) -> Text:
    address = claim.address or "-"
    return Text(ja=f"{address}、VLAN {claim.vlan}", en=f"{address}, VLAN {claim.vlan}")


RULE = Rule(
    id="ZG-E01",
    name="dual-homed-host",
    order=110,
    severity=Severity.HIGH,
    clauses=(
        "youkou-2-11",
        "youkou-6-3-a",
        "youkou-6-3-b",
        "gl-6-1",
        "kisoku-5",
    ),
    title=Text(ja="二重接続端末", en="One device in two zones"),
    why=Text(
        ja="二つの領域に同時につながる端末は、分割された経路を自ら橋渡しします。",
        en="A device in two zones at once bridges what was divided.",
    ),
    remedy=Text(
        ja="片方の接続を外してください。無害化装置やルータであれば、gateways の legs と macs、または routers に登録してください。",
        en="Unplug one side; if it is a sanitising gateway or a router, register it under gateways (legs, macs) or routers.",
    ),
    example=Text(
        ja="02:20:20:00:00:77 が、VLAN 220 で 172.16.20.77、同じ分に VLAN 320 で 192.168.20.77 を名乗った。",
        en="02:20:20:00:00:77 claimed 172.16.20.77 on VLAN 220 and, in the same minute, 192.168.20.77 on VLAN 320.",
    ),
    false_positives=Text(
        ja="登録前のルータや冗長機、仮想化基盤のトランクポート、席を移るドッキングステーション。",
        en="Routers and clusters not yet registered, hypervisor trunks, docking stations that move between desks.",
    ),
    check=check,
)
