"""A finding held against the policy again: the segment of each end, and the allowed flow that comes nearest."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from zoneguard.api.nearest import declared_at, misfits, nearest
from zoneguard.net.address import mac_number
from zoneguard.policy.model import PUBLIC, UNKNOWN
from zoneguard.policy.services import format_service
from zoneguard.policy.verdict import Decision, Packet, verdict
from zoneguard.policy.zoning import LINK_SCOPE, Zoning
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding, Party
    from zoneguard.net.address import Address
    from zoneguard.policy.model import AllowedFlow, FlowEnd, Policy, Segment


def zone_sentences(finding: Finding, policy: Policy | None) -> Iterator[Text]:
    """Yield for each end by which segment of which zone it was placed."""
    if policy is None:
        return
    zoning = Zoning(policy)
    for party in (finding.orig, finding.resp):
        address = _address(party)
        if party is None or address is None:
            continue
        yield _placed(party, address, policy, zoning)


def _placed(party: Party, address: Address, policy: Policy, zoning: Zoning) -> Text:
    vlan = party.vlan or 0
    # Findings do not carry the sensor; where a segment holds for one sensor only, that sensor is tried as well.
    told = [zoning.segments_of(address, vlan, sensor) for sensor in ("", *(one.id for one in policy.sensors))]
    found = next((claims for claims in told if {zone for zone, _ in claims} == {party.zone}), None)
    seen = f"{address}" + (f" (VLAN {vlan})" if vlan else "")
    if found:
        segment = found[0][1]
        words = _segment(segment)
        return Text(
            ja=f"{seen} → {party.zone}: 範囲 {words} に入ります。",
            en=f"{seen} → {party.zone}: it lies in the segment {words}.",
        )
    if party.zone in (PUBLIC, UNKNOWN, LINK_SCOPE) and zoning.zone_of(address, vlan) == party.zone:
        return _undeclared(seen, party.zone, contested=bool(told[0]))
    now = zoning.zone_of(address, vlan)
    return Text(
        ja=f"{seen} は判定時 {party.zone} とされましたが、この方針の範囲だけからは {now} になります"
        "（VLAN・センサー、または方針の変更によります）。",
        en=f"{seen} was placed in {party.zone}; by the segments of this policy alone it lies in {now} (VLAN and sensor"
        " decided, or the policy has changed).",
    )


def _segment(segment: Segment) -> str:
    parts = [str(segment.network)]
    parts += [f"VLAN {segment.vlan}"] if segment.vlan is not None else []
    parts += [f"VRF {segment.vrf}"] if segment.vrf is not None else []
    parts += [f"sensor {segment.sensor}"] if segment.sensor is not None else []
    return ", ".join(parts)


def _undeclared(seen: str, zone: str, *, contested: bool) -> Text:
    if zone == PUBLIC:
        return Text(
            ja=f"{seen} → {zone}: どのゾーンの範囲にもない公開アドレスです。",
            en=f"{seen} → {zone}: a public address that no zone declares.",
        )
    if zone == LINK_SCOPE:
        return Text(
            ja=f"{seen}: リンク内だけのアドレスで、観測された VLAN のゾーンに属するとみなします。",
            en=f"{seen}: an address of the link, taken to belong to the zone of the VLAN it was seen in.",
        )
    if contested:
        return Text(
            ja=f"{seen} → {zone}: 複数のゾーンが同じ範囲を宣言しており、VLAN からも決まりません。",
            en=f"{seen} → {zone}: several zones declare this range, and the VLAN does not tell which.",
        )
    return Text(
        ja=f"{seen} → {zone}: どのゾーンの範囲にもない私設アドレスです。推測はしません。",
        en=f"{seen} → {zone}: a private address that no zone declares; it is not guessed.",
    )


def held_against(finding: Finding, policy: Policy | None, *, today: str) -> Iterator[Text]:
    """Yield the nearest allowed flow, and each of its attributes that is not met."""
    if policy is None:
        if finding.allowed_by is not None:
            yield Text(ja=f"最も近い許可: {finding.allowed_by}", en=f"Nearest flow: {finding.allowed_by}")
        return
    packet = _packet(finding)
    if packet is None:
        flow = _flow(policy, finding.allowed_by)
        if flow is not None:
            yield _nearest_is(flow)
            yield from _approval(flow, today)
        elif finding.orig is not None and finding.resp is not None:
            yield from _between(policy, finding.orig.zone, finding.resp.zone)
        return
    ruling = verdict(policy, packet)
    flow = _flow(policy, finding.allowed_by or ruling.flow or nearest(policy, packet))
    if flow is None:
        yield from _between(policy, packet.orig_zone, packet.resp_zone)
        return
    yield _nearest_is(flow)
    if ruling.decision in (Decision.ALLOWED, Decision.WITHIN):
        yield Text(
            ja="ゾーン・アドレス・サービス・向きは許可に合っています。合わないのはその他の条件です。",
            en="Zones, addresses, service and direction fit what is declared; it is another condition that fails.",
        )
    elif ruling.decision is Decision.REVERSED:
        yield Text(
            ja=f"不一致（向き）: {flow.id} を開始できるのは {flow.source.zone} 側で、ここでは {packet.orig_zone} 側が開始しました。",
            en=f"Does not fit (direction): {flow.id} is opened from {flow.source.zone}, and here {packet.orig_zone} opened"
            " it.",
        )
    else:
        yield from misfits(flow, packet)
    yield from _macs(flow, finding)
    yield from _approval(flow, today)


def _flow(policy: Policy, flow_id: str | None) -> AllowedFlow | None:
    return next((flow for flow in policy.flows if flow.id == flow_id), None)


def _nearest_is(flow: AllowedFlow) -> Text:
    services = ", ".join(format_service(service) for service in flow.services)
    said = f"{flow.id}{declared_at(flow)}: {flow.source.zone} → {flow.destination.zone}, {services}"
    return Text(ja=f"最も近い許可: {said}", en=f"Nearest flow: {said}")


def _between(policy: Policy, orig: str, resp: str) -> Iterator[Text]:
    declared = [flow.id for flow in policy.flows if (flow.source.zone, flow.destination.zone) == (orig, resp)]
    if declared:
        listed = ", ".join(declared[:10])
        yield Text(
            ja=f"{orig} → {resp} の許可は次のものだけです: {listed}",
            en=f"From {orig} to {resp} only this is allowed: {listed}.",
        )
    elif orig != resp:
        yield Text(
            ja=f"{orig} → {resp} の許可は1つも定義されていません。定義のないゾーン間の通信は、すべて禁止です。",
            en=f"Nothing is declared from {orig} to {resp}, and what is not declared between zones is forbidden.",
        )


def _macs(flow: AllowedFlow, finding: Finding) -> Iterator[Text]:
    for end, party in ((flow.source, finding.orig), (flow.destination, finding.resp)):
        if party is not None and party.mac is not None and _is_other(end, party.mac):
            yield Text(
                ja=f"不一致（macs）: {party.mac} は {flow.id} に登録された MAC アドレスではありません。",
                en=f"Does not fit (macs): {party.mac} is no MAC address that {flow.id} registers.",
            )


def _is_other(end: FlowEnd, mac: str) -> bool:
    return bool(end.macs) and mac_number(mac) not in end.macs


def _approval(flow: AllowedFlow, today: str) -> Iterator[Text]:
    until = flow.approval.until if flow.approval is not None else None
    if until is not None and until.isoformat() < today:
        yield Text(
            ja=f"不一致（approval）: {flow.id} の承認は {until.isoformat()} に期限が切れています（判定の日は {today}）。",
            en=f"Does not fit (approval): that of {flow.id} ended on {until.isoformat()}; it was held against {today}.",
        )
    elif until is not None:
        yield Text(
            ja=f"{flow.id} の承認は {until.isoformat()} まで有効です。",
            en=f"The approval of {flow.id} holds until {until.isoformat()}.",
        )


def _packet(finding: Finding) -> Packet | None:
    """Give the packet a finding speaks of; None when it speaks of several, or of none."""
    orig, resp = _address(finding.orig), _address(finding.resp)
    if finding.orig is None or finding.resp is None or orig is None or resp is None:
        return None
    if finding.protocol is None:
        return None
    return Packet(
        orig=orig,
        resp=resp,
        orig_zone=finding.orig.zone,
        resp_zone=finding.resp.zone,
        protocol=finding.protocol,
        port=finding.resp.port or 0,
    )


def _address(party: Party | None) -> Address | None:
    try:
        return ip_address(party.address) if party is not None and party.address else None
    except ValueError:  # an end that stands for many
        return None
