"""How a conversation, or several, becomes a finding: verdict, parties, counts, times, locators."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from zoneguard.findings.finding import SEVERITY_ORDER, Finding, Party, Severity, Verdict
from zoneguard.net.address import mac_text
from zoneguard.net.flow import State
from zoneguard.policy.model import PUBLIC, UNKNOWN
from zoneguard.rules.sight import is_address, touches_mynumber
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.policy.model import AllowedFlow, Policy
    from zoneguard.rules.base import Rule
    from zoneguard.rules.evidence import Conversation, End, ZonedClaim

_T = TypeVar("_T")

LOCATORS = 5  # enough to look at; the counts tell the rest


def tell(
    rule: Rule,
    conversation: Conversation,
    message: Text,
    *,
    verdict: Verdict = Verdict.VIOLATED,
    severity: Severity | None = None,
    name: str | None = None,
    related: tuple[str, ...] = (),
) -> Finding:
    """Make a finding of one conversation; an uncertain opener lowers a violation to a review."""
    lowered = verdict is Verdict.VIOLATED and not conversation.certain
    return Finding(
        rule=rule.id,
        name=name or rule.name,
        verdict=Verdict.REVIEW if lowered else verdict,
        severity=severity or rule.severity,
        title=rule.title,
        message=_with_doubt(message) if lowered else message,
        remedy=rule.remedy,
        orig=party(conversation.orig),
        resp=party(conversation.resp, port=conversation.port if has_ports(conversation) else None),
        protocol=conversation.protocol,
        service=conversation.service if conversation.services == 1 else None,
        state=conversation.state.name.lower(),
        initiator="orig" if conversation.certain else "unknown",
        flows=conversation.flows,
        packets=conversation.packets,
        bytes=conversation.bytes,
        first_seen=conversation.first_seen,
        last_seen=conversation.last_seen,
        locators=(conversation.locator,),
        allowed_by=conversation.allowed_by,
        related=related,
    )


def tell_all(
    rule: Rule,
    conversations: Sequence[Conversation],
    message: Text,
    *,
    verdict: Verdict = Verdict.REVIEW,
    severity: Severity | None = None,
    name: str | None = None,
    related: tuple[str, ...] = (),
) -> Finding:
    """Make one finding of conversations that belong together; what they do not share is left out."""
    return merge(
        [
            tell(rule, one, message, verdict=verdict, severity=severity, name=name, related=related)
            for one in conversations
        ]
    )


def tell_claims(
    rule: Rule,
    claims: Sequence[ZonedClaim],
    message: Text,
    *,
    zone: str,
    verdict: Verdict = Verdict.REVIEW,
    severity: Severity | None = None,
    name: str | None = None,
    resp: Party | None = None,
) -> Finding:
    """Make one finding of claims by one device."""
    first = claims[0]
    return Finding(
        rule=rule.id,
        name=name or rule.name,
        verdict=verdict,
        severity=severity or rule.severity,
        title=rule.title,
        message=message,
        remedy=rule.remedy,
        orig=Party(zone=zone, address=first.address, mac=mac_text(first.mac), vlan=first.vlan or None),
        resp=resp,
        packets=sum(claim.count for claim in claims),
        first_seen=min(claim.first_seen for claim in claims),
        last_seen=max(claim.last_seen for claim in claims),
        locators=tuple(claim.locator for claim in claims[:LOCATORS]),
    )


def tell_flow(
    rule: Rule,
    flow: AllowedFlow,
    message: Text,
    *,
    verdict: Verdict = Verdict.REVIEW,
    severity: Severity | None = None,
    seen: tuple[int, int] | None = None,
) -> Finding:
    """Make a finding of a declared flow; `seen` is when its traffic was first and last observed."""
    return Finding(
        rule=rule.id,
        name=rule.name,
        verdict=verdict,
        severity=severity or rule.severity,
        title=rule.title,
        message=message,
        remedy=rule.remedy,
        orig=Party(zone=flow.source.zone),
        resp=Party(zone=flow.destination.zone),
        first_seen=seen[0] if seen else None,
        last_seen=seen[1] if seen else None,
        allowed_by=flow.id,
    )


def party(end: End, *, port: int | None = None) -> Party:
    """Make the party that an end is; collapsed ends have no address of their own."""
    return Party(
        zone=end.zone,
        address=end.address if is_address(end.address) else None,
        port=port,
        mac=mac_text(end.mac) if end.mac else None,
        vlan=end.vlan or None,
    )


def has_ports(conversation: Conversation) -> bool:
    """Tell whether the service has one port (ICMP carries its type there, collapsed services have many)."""
    return conversation.services == 1 and conversation.protocol in {6, 17, 33, 132, 136}


def merge(findings: Sequence[Finding]) -> Finding:
    """Join findings of one subject: counts add up, times span, the gravest verdict and severity hold."""
    if len(findings) == 1:
        return findings[0]
    ordered = sorted(findings, key=_gravity)
    first = ordered[0]
    ports = {one.resp.port if one.resp else None for one in ordered}
    resp = _common([one.resp for one in ordered])
    return replace(
        first,
        orig=_common([one.orig for one in ordered]),
        resp=resp if resp is None or len(ports) == 1 else replace(resp, port=None),
        protocol=_same([one.protocol for one in ordered]),
        service=_same([one.service for one in ordered]),
        initiator=first.initiator if _same([one.initiator for one in ordered]) else "unknown",
        flows=_total([one.flows for one in ordered]),
        packets=_total([one.packets for one in ordered]),
        bytes=_total([one.bytes for one in ordered]),
        first_seen=min((one.first_seen for one in ordered if one.first_seen is not None), default=None),
        last_seen=max((one.last_seen for one in ordered if one.last_seen is not None), default=None),
        locators=tuple(dict.fromkeys(locator for one in ordered for locator in one.locators))[:LOCATORS],
        allowed_by=_same([one.allowed_by for one in ordered]),
        related=tuple(sorted({rule for one in ordered for rule in one.related})),
    )


def _gravity(finding: Finding) -> tuple[int, int, int, int]:
    return (
        list(Verdict).index(finding.verdict),
        SEVERITY_ORDER.index(finding.severity),
        -State[finding.state.upper()] if finding.state else 0,
        finding.first_seen or 0,
    )


def _same(values: Sequence[_T | None]) -> _T | None:
    return values[0] if all(value == values[0] for value in values) else None


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _common(parties: Sequence[Party | None]) -> Party | None:
    """Keep what all parties share; a party of many zones keeps the zone of the first."""
    first = parties[0]
    if first is None or any(one is None for one in parties):
        return first
    known = [one for one in parties if one is not None]
    return Party(
        zone=first.zone,
        address=_same([one.address for one in known]),
        port=_same([one.port for one in known]),
        mac=_same([one.mac for one in known]),
        vlan=_same([one.vlan for one in known]),
    )


def fingerprint(finding: Finding) -> str:
    """Name what a finding is about, the same from run to run: rule, zones, ends and service."""
    ends = [
        (end.zone, end.address or end.mac or "", str(end.vlan or "") if not end.address else "")
        if end
        else ("", "", "")
        for end in (finding.orig, finding.resp)
    ]
    topic = finding.allowed_by if finding.orig is None or finding.orig.address is None else None
    words = [finding.rule, finding.name, *ends[0], *ends[1], finding.service or "", topic or ""]
    if finding.device is not None:
        words += [finding.device, finding.line or ""]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


def graver(policy: Policy, severity: Severity, *zones: str) -> Severity:
    """Raise a severity to critical where the mynumber zone is concerned."""
    return Severity.CRITICAL if touches_mynumber(policy, *zones) else severity


def zone_name(policy: Policy, zone_id: str) -> Text:
    """Name a zone in both languages."""
    zone = policy.zone(zone_id)
    if zone is not None:
        return zone.name
    if zone_id == PUBLIC:
        return Text(ja="インターネット（公衆網）", en="the public Internet")
    if zone_id == UNKNOWN:
        return Text(ja="どのゾーンにも属さない領域", en="no declared zone")
    return Text(ja=zone_id, en=zone_id)


def end_words(policy: Policy, end: End) -> Text:
    """Name an end: its zone and its address, or how many addresses were collapsed into it."""
    zone = zone_name(policy, end.zone)
    if is_address(end.address):
        return Text(ja=f"{zone.ja}の {end.address}", en=f"{end.address} ({zone.en})")
    count = end.address.split(" ", 1)[0]
    count, many = (count[:-1], "個以上") if count.endswith("+") else (count, "個")
    return Text(ja=f"{zone.ja}の {count} {many}のアドレス", en=f"{end.address} ({zone.en})")


def collapsed(address: str) -> int:
    """Tell how many addresses stand behind the address of an end; 1 when it is an address."""
    return 1 if is_address(address) else int(address.split(" ", 1)[0].replace(",", "").rstrip("+"))


def with_counts(finding: Finding) -> Finding:
    """End the message with how much was seen in all; findings that rest on no flow have nothing to add."""
    if not finding.flows or finding.packets is None or finding.bytes is None:
        return finding
    flows, packets, octets = finding.flows, finding.packets, finding.bytes
    said = Text(
        ja=f"{finding.message.ja}観測されたのは {flows:,} フロー、{packets:,} パケット、{octets:,} オクテットです。",
        en=f"{finding.message.en} Seen were {flows:,} flow{plural(flows)}, {packets:,} packet{plural(packets)}"
        f" and {octets:,} octet{plural(octets)}.",
    )
    return replace(finding, message=said)


def service_words(conversation: Conversation) -> Text:
    """Name the service, or how many services were collapsed."""
    if conversation.services == 1:
        return Text(ja=conversation.service, en=conversation.service)
    return Text(ja=f"{conversation.services:,} 種のサービス", en=f"{conversation.services:,} services")


def plural(count: int) -> str:
    """Give the ending of an English noun for a count."""
    return "" if count == 1 else "s"


def _with_doubt(message: Text) -> Text:
    return Text(
        ja=message.ja + "どちらが接続を開いたかは確定できていません。",
        en=message.en + " Which side opened it could not be told for certain.",
    )
