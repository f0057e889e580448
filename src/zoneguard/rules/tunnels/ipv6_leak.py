"""ZG-F03: IPv6 in a zone that is declared IPv4-only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import ClaimKind
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.ipv6 import undeclared_ipv6
from zoneguard.rules.sight import is_breach, is_crossing, is_tunnelled, router_macs, zones_of_vlans
from zoneguard.rules.telling import plural, tell, tell_all, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import Conversation, Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield IPv6 in IPv4-only zones: one finding a host, and one a zone for neighbour discovery noise.

    What crosses is told by the crossing rules, on which this one hangs; a tunnel is ZG-F01's, and who
    advertises routes without being registered is ZG-E04's.
    """
    policy, vlans = evidence.policy, zones_of_vlans(evidence.policy)
    rogue = {
        claim.mac for claim in evidence.claims if claim.kind is ClaimKind.ROUTER_ADVERTISEMENT
    } - router_macs(policy)
    hosts: dict[tuple[str, str], list[Conversation]] = {}
    noise: dict[str, list[Conversation]] = {}
    for one in evidence.conversations:
        spoken = undeclared_ipv6(policy, one, vlans)
        if not spoken or (is_tunnelled(one) and not is_breach(one)):
            continue
        zone, end = spoken[0]
        if is_breach(one):
            yield tell(RULE, one, _host(policy, zone, end.address, one.flows), verdict=Verdict.REVIEW)
        elif one.decision is Decision.LINK_SCOPE:
            if one.orig.mac in rogue:
                continue
            noise.setdefault(zone, []).append(one)
        elif not is_crossing(one):
            hosts.setdefault((zone, end.address), []).append(one)
    for (zone, address), group in hosts.items():
        flows = sum(one.flows for one in group)
        yield tell_all(RULE, group, _host(policy, zone, address, flows), verdict=Verdict.REVIEW)
    for zone, group in noise.items():
        name, flows = zone_name(policy, zone), sum(one.flows for one in group)
        yield tell_all(
            RULE,
            group,
            Text(
                ja=f"IPv4だけと登録された{name.ja}で、近隣探索などリンク内の IPv6 が {flows:,} フロー観測されました。",
                en=f"{flows:,} link-local IPv6 flow{plural(flows)} (neighbour discovery and the like) were seen in"
                f" {name.en}, which is declared IPv4-only.",
            ),
            verdict=Verdict.REVIEW,
            severity=Severity.INFO,
            name=f"{RULE.name}-link",
        )


def _host(policy: Policy, zone_id: str, address: str, flows: int) -> Text:
    zone = zone_name(policy, zone_id)
    return Text(
        ja=f"IPv4だけと登録された{zone.ja}で、{address} が IPv6 で {flows:,} フロー通信しました。",
        en=f"{address} spoke IPv6 ({flows:,} flow{plural(flows)}) in {zone.en}, which is declared IPv4-only.",
    )


RULE = Rule(
    id="ZG-F03",
    name="ipv6-leak",
    order=95,
    severity=Severity.MEDIUM,
    clauses=("youkou-2-11", "gl-6-1", "kisoku-5"),
    title=Text(ja="IPv6漏れ・移行技術", en="IPv6 in an IPv4-only zone"),
    why=Text(
        ja="IPv4だけを制御している機器は、IPv6の経路を素通しにすることがあります。",
        en="Devices that filter IPv4 only may let IPv6 pass.",
    ),
    remedy=Text(
        ja="端末と機器のIPv6を止めるか、IPv6を使うのであれば制御を整えたうえで ipv6: true としてください。",
        en="Turn IPv6 off on hosts and devices, or filter it as well and declare ipv6: true.",
    ),
    example=Text(
        ja="IPv4だけの領域で 2001:db8::5 がグローバルなIPv6で通信した。",
        en="2001:db8::5 used global IPv6 in an IPv4-only zone.",
    ),
    false_positives=Text(
        ja="OSが自動で行うリンクローカルの近隣探索とMLD（情報として集約します）。",
        en="Link-local neighbour discovery and MLD by operating systems (aggregated, for information).",
    ),
    check=check,
)
