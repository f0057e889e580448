"""ZG-E05: what belongs to one zone's layer 2 was seen on a VLAN of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Party, Severity, Verdict
from zoneguard.net.address import mac_text
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.homing import OWN_ADDRESS, dual_homed
from zoneguard.rules.sight import (
    claims_by_mac,
    declared_zone,
    gateway_macs,
    is_tunnelled,
    router_macs,
    touches_mynumber,
    zones_of_vlans,
)
from zoneguard.rules.telling import tell_all, tell_claims, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import Conversation, Evidence, ZonedClaim


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield claims and link-scope conversations of one zone's addresses on VLANs that only others declare.

    Registered gateways and routers stand in several zones; a dual-homed host is ZG-E01's.
    """
    policy = evidence.policy
    excused = gateway_macs(evidence) | router_macs(policy) | {one.mac for one in dual_homed(evidence)}
    leaked: dict[tuple[int, str, str, int], list[ZonedClaim]] = {}
    for mac, claims in claims_by_mac(evidence).items():
        for claim in claims:
            home = declared_zone(policy, claim.zone)
            homes = {declared_zone(policy, zone) for zone in claim.vlan_zones}
            if mac not in excused and claim.kind in OWN_ADDRESS and home and homes and home not in homes:
                there = min(str(zone) for zone in homes)
                leaked.setdefault((mac, home, there, claim.vlan), []).append(claim)
    for (mac, home, there, vlan), group in leaked.items():
        yield tell_claims(
            RULE,
            group,
            _message(policy, mac_text(mac), home, there, vlan),
            zone=home,
            severity=_severity(policy, home, there),
            resp=Party(zone=there, vlan=vlan),
        )
    told = {mac for mac, _, _, _ in leaked}  # their broadcasts say the same
    yield from _link_scope(evidence, excused | told)


def _link_scope(evidence: Evidence, excused: frozenset[int]) -> Iterator[Finding]:
    policy, vlans = evidence.policy, zones_of_vlans(evidence.policy)
    heard: dict[tuple[str, str, str], list[Conversation]] = {}
    for one in evidence.conversations:
        home, homes = declared_zone(policy, one.orig.zone), vlans.get(one.orig.vlan, frozenset())
        linked = one.decision is Decision.LINK_SCOPE and not is_tunnelled(one)
        strange = linked and home is not None and homes and home not in homes
        if strange and one.orig.mac not in excused:
            heard.setdefault((str(home), one.orig.address, min(homes)), []).append(one)
    for (home, address, there), group in heard.items():
        yield tell_all(
            RULE,
            group,
            _message(policy, address, home, there, group[0].orig.vlan),
            verdict=Verdict.REVIEW,
            severity=_severity(policy, home, there),
        )


def _severity(policy: Policy, home: str, there: str) -> Severity:
    return Severity.HIGH if touches_mynumber(policy, home, there) else Severity.MEDIUM


def _message(policy: Policy, who: str, home: str, there: str, vlan: int) -> Text:
    owner, other = zone_name(policy, home), zone_name(policy, there)
    return Text(
        ja=f"{owner.ja}のアドレスを名乗る {who} が、{other.ja}の VLAN {vlan} で観測されました。",
        en=f"{who}, under an address of {owner.en}, was heard on VLAN {vlan} of {other.en}.",
    )


RULE = Rule(
    id="ZG-E05",
    name="layer2-leak",
    order=98,
    severity=Severity.MEDIUM,
    clauses=("youkou-2-11", "gl-4-3", "kisoku-5"),
    title=Text(
        ja="ブロードキャスト／マルチキャスト漏れ・L2混線", en="One zone's layer 2 was heard in another"
    ),
    why=Text(
        ja="二つの領域のレイヤ2がつながっていれば、ファイアウォールを通らずに届きます。",
        en="Where two zones share layer 2, traffic needs no firewall to pass between them.",
    ),
    remedy=Text(
        ja="VLANの混在、配線、無線の設定を確かめ、領域ごとに分けてください。",
        en="Check the VLANs, the wiring and the wireless set-up, and keep the zones apart.",
    ),
    example=Text(
        ja="172.16.20.7 を名乗る ARP が、インターネット接続系の VLAN 320 で観測された。",
        en="An ARP claim to 172.16.20.7 was heard on VLAN 320 of the Internet zone.",
    ),
    false_positives=Text(
        ja="タグの失われたトランクのミラー、無線コントローラのトンネル、登録されたBonjourゲートウェイ。",
        en="Trunk mirrors without their tags, wireless controller tunnels, declared Bonjour gateways.",
    ),
    check=check,
)
