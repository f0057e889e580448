"""ZG-H04: a device joins two zones with no filter in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.policy.model import Principle
from zoneguard.policy.verdict import owed
from zoneguard.rules.base import Rule
from zoneguard.rules.permitted import tell_lines
from zoneguard.rules.telling import graver, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield every ordered pair of zones that a device forwards between without asking any line."""
    policy = evidence.policy
    for permission in evidence.permissions:
        for way in permission.open_ways:
            principle = owed(policy, way.orig_zone, way.resp_zone)
            orig, resp = zone_name(policy, way.orig_zone), zone_name(policy, way.resp_zone)
            severity = Severity.HIGH if principle is not None else Severity.MEDIUM
            if principle is Principle.ISOLATION:
                severity = graver(policy, severity, way.orig_zone, way.resp_zone)
            between = f"{way.ingress} → {way.egress}"
            yield tell_lines(
                RULE,
                permission,
                Text(
                    ja=f"{permission.device} は、{orig.ja}から{resp.ja}への通信（{between}）を、"
                    + (
                        f"書かれた行によらず、機器の既定の動作（{way.by}）で転送します。"
                        if way.by
                        else "フィルターを通さずに転送します。"
                    ),
                    en=f"{permission.device} forwards from {orig.en} to {resp.en} ({between}) "
                    + (
                        f"by no written line, but as it does by default ({way.by})."
                        if way.by
                        else "through no filter at all."
                    ),
                ),
                verdict=Verdict.VIOLATED if principle is not None else Verdict.REVIEW,
                severity=severity,
                zones=(way.orig_zone, way.resp_zone),
            )


RULE = Rule(
    id="ZG-H04",
    name="missing-control-point",
    order=190,
    severity=Severity.HIGH,
    clauses=("youkou-2-11", "gl-3-1", "gl-3-2", "gl-4-3", "kisoku-5"),
    title=Text(ja="制御点の欠落", en="A device joins two zones with no filter in between"),
    why=Text(
        ja="L3スイッチやルータは、フィルターを設定しなければ、接続した領域の間のすべてを転送します。",
        en="A layer-3 switch or router without a filter forwards everything between the zones it joins.",
    ),
    remedy=Text(
        ja="インターフェイスに両方向のフィルターを適用するか、この機器で領域を接続しないでください。",
        en="Bind filters to the interfaces for both directions, or do not join the zones on this device.",
    ),
    example=Text(
        ja="L3スイッチの VLAN 220 と VLAN 310 の SVI に ip access-group がない。",
        en="The SVIs of VLAN 220 and VLAN 310 on a layer-3 switch have no ip access-group.",
    ),
    false_positives=Text(
        ja="VRF で分けた領域、別の機器を折り返す構成。",
        en="Zones kept apart by VRF, designs that loop through another device.",
    ),
    check=check,
    needs_traffic=False,
    needs_exports=True,
)
