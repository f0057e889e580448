"""From what devices say of themselves to zones: interfaces, connected networks, routes behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.net.address import is_link_scope, is_public, number_of
from zoneguard.onboarding.proposal import DeviceDraft, SegmentDraft, ZoneDraft
from zoneguard.onboarding.roles import IDS, NAMES, question_of, roles_in, slug
from zoneguard.policy.model import PUBLIC, Role
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.firewall.model import Interface, ParseResult, Route, Ruleset
    from zoneguard.net.address import Network
    from zoneguard.onboarding.proposal import Draft

MOST_SEGMENTS = 2_000  # of all zones; beyond, an address plan has to say them
MOST_LISTED = 40  # of remarks of one kind


@dataclass(slots=True, kw_only=True)
class _Side:
    """Interfaces of one device that its own zone, or their name, holds together."""

    device: str
    label: str
    members: list[Interface] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    is_way_out: bool = False  # the default route leaves here

    def names(self) -> list[str]:
        said = [self.label, *(word for one in self.members for word in (one.name, one.description))]
        return list(dict.fromkeys(word.strip()[:60] for word in said if word.strip()))[:8]

    def connected(self) -> Iterator[tuple[Network, Interface]]:
        for one in self.members:
            for network in one.networks:
                if not network.is_loopback and not is_link_scope(number_of(network.network_address)):
                    yield network, one


def propose_zones(draft: Draft, results: Sequence[ParseResult]) -> None:
    """Add the zones and devices that exports speak of to a draft."""
    sides: list[_Side] = []
    for result in results:
        for ruleset in result.rulesets:
            if ruleset.device in draft.devices:
                draft.remarks.append(_twice(ruleset.device, Path(result.file).name))
                continue
            device = DeviceDraft(id=ruleset.device[:200], format=ruleset.format, question=_CHECK_INTERFACES)
            draft.devices[device.id] = device
            sides += _sides(ruleset, device)
    for group in _together(sides):
        _add(draft, group)
    _resolve_rival_claims(draft)


def _sides(ruleset: Ruleset, device: DeviceDraft) -> list[_Side]:
    sides: dict[str, _Side] = {}
    left_out: list[str] = []
    for one in ruleset.interfaces:
        routed = any(route.interface == one.name for route in ruleset.routes)
        if one.stands_for_others or not one.enabled or not (one.networks or one.zone or routed):
            left_out.append(one.name)
            continue
        if all(network.is_loopback for network in one.networks) and one.networks:
            continue
        label = one.zone or one.name
        if label == one.name and not one.networks and not one.zone and not routed:
            continue
        sides.setdefault(label, _Side(device=device.id, label=label)).members.append(one)
    if left_out:
        listed = ", ".join(left_out[:MOST_LISTED]) + (" …" if len(left_out) > MOST_LISTED else "")
        device.remarks.append(
            Text(
                ja=f"アドレスのない口と無効な口は書いていません: {listed}",
                en=f"left out, as they are disabled or have no address: {listed}",
            )
        )
    for route in ruleset.routes:
        side = _side_of(route, sides)
        if side is None:
            continue
        if route.network.prefixlen == 0:
            side.is_way_out = True
        else:
            side.routes.append(route)
    return list(sides.values())


def _side_of(route: Route, sides: dict[str, _Side]) -> _Side | None:
    """Find where a route leaves: by its interface, else by the network its gateway is in."""
    for side in sides.values():
        if any(one.name == route.interface and one.vrf == route.vrf for one in side.members):
            return side
    if route.gateway is None:
        return None
    try:
        gateway = ip_address(route.gateway)
    except ValueError:
        return None
    for side in sides.values():
        if any(gateway in network and one.vrf == route.vrf for network, one in side.connected()):
            return side
    return None


def _together(sides: list[_Side]) -> list[list[_Side]]:
    """Put sides together that are one zone: the same known role, or one network between two devices.

    A side whose names tell nothing joins the zone that it shares a network with, when there is only one.
    """
    groups: list[list[_Side]] = []
    told = {id(side): _roles([side]) for side in sides}
    for side in sorted(sides, key=lambda side: not told[id(side)]):
        roles = told[id(side)]
        if roles:
            alike = [
                one for one in groups if told[id(one[0])] == roles and len(roles) == 1 and {*roles} & {*IDS}
            ]
        else:
            alike = [one for one in groups if any(_linked(side, other) for other in one)]
        if len(alike) == 1:
            alike[0].append(side)
        else:
            groups.append([side])
    order = {id(side): at for at, side in enumerate(sides)}
    return sorted(groups, key=lambda group: min(order[id(side)] for side in group))


def _linked(one: _Side, other: _Side) -> bool:
    if one.device == other.device:
        return False
    theirs = dict(other.connected())
    return any(
        network in theirs
        and (interface.vlan is None or theirs[network].vlan is None or interface.vlan == theirs[network].vlan)
        for network, interface in one.connected()
    )


def _roles(group: Sequence[_Side]) -> frozenset[Role]:
    return roles_in(name for side in group for name in side.names())


def _add(draft: Draft, group: list[_Side]) -> None:
    roles = _roles(group)
    names = list(dict.fromkeys(name for side in group for name in side.names()))[:8]
    if roles <= {Role.EXTERNAL, Role.INTERNET} and _only_public(group):
        _face(draft, group, PUBLIC)
        for side in group:
            draft.devices[side.device].remarks.append(_faces_public(side))
        return
    role = next(iter(roles)) if len(roles) == 1 else Role.OTHER
    wanted = IDS.get(role) or slug(group[0].label, f"zone-{len(draft.zones) + 1}")
    label = names[-1] if names else wanted
    zone = ZoneDraft(
        id=draft.free_id(wanted),
        role=role,
        name=NAMES.get(role) or Text(ja=label, en=label),
        question=question_of(roles, names),
    )
    draft.zones[zone.id] = zone
    if "DMZ" in " ".join(names).upper() and role is Role.INTERNET:
        zone.remarks.append(_DMZ)
    for side in group:
        for network, one in side.connected():
            _segment(
                draft,
                zone,
                network,
                vlan=one.vlan,
                vrf=one.vrf,
                is_routed=False,
                whence=_connected(side, one),
            )
        for route in side.routes:
            if not is_public(number_of(route.network.network_address)):
                _segment(
                    draft,
                    zone,
                    route.network,
                    vlan=None,
                    vrf=route.vrf,
                    is_routed=True,
                    whence=_routed(side, route),
                )
        if side.is_way_out:
            zone.remarks.append(_way_out(side))
        public = sum(is_public(number_of(route.network.network_address)) for route in side.routes)
        if public:
            zone.remarks.append(_public_routes(side, public))
    _face(draft, group, zone.id)


def _only_public(group: list[_Side]) -> bool:
    networks = [network for side in group for network, _ in side.connected()]
    return all(is_public(number_of(network.network_address)) for network in networks) and (
        bool(networks) or any(side.is_way_out for side in group)
    )


def _face(draft: Draft, group: list[_Side], zone: str) -> None:
    for side in group:
        for one in side.members:
            draft.devices[side.device].interfaces[one.name] = zone


def _segment(
    draft: Draft,
    zone: ZoneDraft,
    network: Network,
    *,
    vlan: int | None,
    vrf: str | None,
    is_routed: bool,
    whence: Text,
) -> None:
    for known in zone.segments:
        if known.network == network and (known.vlan == vlan or vlan is None):
            return
    if sum(len(one.segments) for one in draft.zones.values()) < MOST_SEGMENTS:
        zone.segments.append(
            SegmentDraft(network=network, vlan=vlan, vrf=vrf, is_routed=is_routed, remarks=[whence])
        )
    else:
        text = Text(
            ja=f"セグメントが {MOST_SEGMENTS:,} を超えたため、残りは書いていません。アドレス管理表から補ってください",
            en=f"more than {MOST_SEGMENTS:,} segments: the rest was left out; add it from the address plan",
        )
        if text not in draft.remarks:
            draft.remarks.append(text)


def _resolve_rival_claims(draft: Draft) -> None:
    """Leave a range that two zones claim with the first, connected before routed; tell the other as a comment."""
    owners: dict[Network, list[tuple[ZoneDraft, SegmentDraft]]] = {}
    claims = [(zone, segment) for zone in draft.zones.values() for segment in zone.segments]
    for zone, segment in sorted(claims, key=lambda claim: claim[1].is_routed):
        rivals = [
            (other, theirs)
            for other, theirs in owners.get(segment.network, [])
            if other is not zone and not _told_apart(segment, theirs)
        ]
        if not rivals:
            owners.setdefault(segment.network, []).append((zone, segment))
            continue
        zone.segments = [one for one in zone.segments if one is not segment]
        other, theirs = rivals[0]
        if segment.is_routed == theirs.is_routed:  # a route to what is connected elsewhere is no rival claim
            zone.remarks.append(_rival(segment, other.id))
            other.remarks.append(_rival(segment, zone.id))


def _told_apart(one: SegmentDraft, other: SegmentDraft) -> bool:
    if one.vlan and other.vlan:
        return one.vlan != other.vlan
    return bool(one.vrf and other.vrf and one.vrf != other.vrf)


_CHECK_INTERFACES = Text(
    ja="口とゾーンの対応を結線と照らして確かめたら、この行を消してください",
    en="hold which interface faces which zone against the wiring, then delete this line",
)
_DMZ = Text(
    ja="DMZ はインターネット接続系に含めました。別に扱うなら独立したゾーンにしてください",
    en="the DMZ was put into the Internet zone; make it a zone of its own if you treat it apart",
)


def _connected(side: _Side, one: Interface) -> Text:
    named = f" ({one.description[:60]})" if one.description else ""
    return Text(
        ja=f"{side.device} の {one.name}{named} に直接つながる範囲",
        en=f"connected to {one.name}{named} of {side.device}",
    )


def _routed(side: _Side, route: Route) -> Text:
    via = route.gateway or "-"
    return Text(
        ja=f"{side.device} の経路の先（{side.label}、次ホップ {via}）。外部の網なら role: external のゾーンに移してください",
        en=f"behind {side.label} of {side.device}, next hop {via}; move it to a zone of role external if it is "
        "another organisation's network",
    )


def _way_out(side: _Side) -> Text:
    return Text(
        ja=f"{side.device} の既定の経路はここから出ます。この先にある未宣言の公開アドレスは public です",
        en=f"the default route of {side.device} leaves here; public addresses beyond that are not declared are `public`",
    )


def _public_routes(side: _Side, count: int) -> Text:
    return Text(
        ja=f"{side.device} の公開アドレスへの経路 {count} 件は書いていません。特定の外部接続先なら external のゾーンにしてください",
        en=f"{count} routes of {side.device} to public addresses were left out; declare a zone of role external for "
        "those that are a partner of yours",
    )


def _faces_public(side: _Side) -> Text:
    listed = ", ".join(one.name for one in side.members)
    return Text(
        ja=f"{listed} は公開アドレスの側なので public としました。セキュリティクラウド等の専用の接続先なら external のゾーンにしてください",
        en=f"{listed} has public addresses only, so it faces public; make it a zone of role external if it leads to the "
        "security cloud or another partner",
    )


def _rival(segment: SegmentDraft, other: str) -> Text:
    return Text(
        ja=f"{segment.network} はゾーン「{other}」とこのゾーンの両方に現れました。どちらのものか、別のVLANの同じ範囲かを確かめてください",
        en=f"{segment.network} appeared both in zone '{other}' and here; find out whose it is, or whether it is the same "
        "range in another VLAN",
    )


def _twice(device: str, file: str) -> Text:
    return Text(
        ja=f"{file}: 機器「{device}」の設定は先に読んだため、このファイルのものは使っていません",
        en=f"{file}: device '{device}' was read before from another file; this one was not used",
    )
