"""Contradictions within a policy: unknown names, claims on the same key, addresses in the wrong zone."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

from zoneguard.net.address import is_public, number_of, spans_of
from zoneguard.policy.model import PUBLIC, UNKNOWN
from zoneguard.policy.values import suggest
from zoneguard.policy.yamltext import located

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zoneguard.net.address import Network
    from zoneguard.policy.document import Document, EndShape, NoiseShape, SegmentShape, WaiverShape
    from zoneguard.policy.yamltext import Source
    from zoneguard.text import Text

Found: TypeAlias = tuple[tuple[int, int], "Text"]
Path: TypeAlias = tuple[str | int, ...]

RESERVED = frozenset({PUBLIC, UNKNOWN, "link-scope", "*"})


def check(
    document: Document, source: Source, names: Mapping[str, frozenset[str]], *, whole: bool
) -> list[Found]:
    """Tell every contradiction.

    `names` are the zones, gateways and sensors that the file declares, readable or not. `whole` is False
    where parts of a zone could not be read: then it cannot be told which addresses lie in no zone.
    """
    return list(_Check(document, source, names, whole=whole).run())


class _Check:
    """One reading of a document against itself."""

    def __init__(
        self, document: Document, source: Source, names: Mapping[str, frozenset[str]], *, whole: bool
    ) -> None:
        self.document = document
        self.source = source
        self.zones = names["zones"]
        self.gateways = names["gateways"]
        self.sensors = names["sensors"]
        self.whole = whole

    def run(self) -> Iterator[Found]:
        yield from self._zones()
        yield from self._overlaps()
        yield from self._separations()
        yield from self._gateways()
        yield from self._flows()
        yield from self._places_of_observation()
        yield from self._exceptions()

    def _zones(self) -> Iterator[Found]:
        for name, zone in self.document.zones.items():
            path: Path = ("zones", name)
            if name in RESERVED:
                yield self._at(
                    path,
                    ja=f"「{name}」は予約された名前です。別のゾーン名にしてください",
                    en=f"'{name}' is a reserved name; give the zone another one",
                    key=True,
                )
            if zone.extends is not None:
                yield from self._zone((*path, "extends"), zone.extends)
            elif zone.role is None:
                yield self._at(
                    path,
                    ja=f"ゾーン「{name}」に role がありません。role か extends を書いてください",
                    en=f"zone '{name}' has no role; give it a role, or extends",
                    key=True,
                )
            if self._extends_itself(name):
                yield self._at(
                    (*path, "extends"),
                    ja=f"ゾーン「{name}」の extends が自分に戻ります。輪を断ってください",
                    en=f"zone '{name}' extends itself in a circle; break the circle",
                )
            elif zone.role is not None and zone.extends is not None and zone.role != self._role(name):
                yield self._at(
                    (*path, "role"),
                    ja=f"「{name}」は「{zone.extends}」の延長なのに role が違います。role を消してください",
                    en=f"zone '{name}' extends '{zone.extends}' but has another role; remove its role",
                )
            for index, segment in enumerate(zone.segments):
                if segment.sensor is not None:
                    where = (*path, "segments", index, "sensor")
                    yield from self._known(where, segment.sensor, self.sensors, "センサー", "sensor")

    def _extends_itself(self, name: str) -> bool:
        seen = {name}
        zone = self.document.zones.get(name)
        while zone is not None and zone.extends is not None:
            if zone.extends in seen:
                return zone.extends == name
            seen.add(zone.extends)
            zone = self.document.zones.get(zone.extends)
        return False

    def _role(self, name: str) -> object:
        """Follow `extends` to the role it ends in."""
        zone = self.document.zones[name]
        for _ in self.document.zones:
            above = self.document.zones.get(zone.extends or "")
            if above is None:
                break
            zone = above
        return zone.role

    def _overlaps(self) -> Iterator[Found]:
        claims: dict[Network, list[tuple[str, int, SegmentShape]]] = {}
        for name, zone in self.document.zones.items():
            for index, segment in enumerate(zone.segments):
                claims.setdefault(segment.cidr, []).append((name, index, segment))
        for network, rivals in claims.items():
            for (one, _, mine), (other, index, theirs) in combinations(rivals, 2):
                if one != other and not _told_apart(mine, theirs):
                    yield self._at(
                        ("zones", other, "segments", index, "cidr"),
                        ja=f"ゾーン「{one}」と「{other}」がどちらも {network} を持っています。"
                        "両方に異なる vlan か vrf を付けてください",
                        en=f"zones '{one}' and '{other}' both claim {network}; give each of them its own vlan or vrf",
                    )

    def _separations(self) -> Iterator[Found]:
        for index, separation in enumerate(self.document.separations or ()):
            for side, name in enumerate(separation.between):
                if name not in {"*", PUBLIC}:
                    yield from self._zone(("separations", index, "between", side), name)

    def _gateways(self) -> Iterator[Found]:
        for name, gateway in self.document.gateways.items():
            for zone, networks in gateway.legs.items():
                path: Path = ("gateways", name, "legs", zone)
                yield from self._zone(path, zone, key=True)
                for index, network in enumerate(networks):
                    if self.whole and self._owners(network) == frozenset():
                        yield self._at(
                            (*path, index),
                            ja=f"無害化装置「{name}」の脚 {network} はどのゾーンにもありません。"
                            "border のゾーンにその範囲を書いてください",
                            en=f"the leg {network} of gateway '{name}' lies in no zone; "
                            "declare its range in a border zone",
                        )

    def _flows(self) -> Iterator[Found]:
        yield from self._unique("flows", [flow.id for flow in self.document.flows])
        for index, flow in enumerate(self.document.flows):
            path: Path = ("flows", index)
            yield from self._end((*path, "from"), flow.source)
            yield from self._end((*path, "to"), flow.to)
            approval = flow.approval
            if approval and approval.on and approval.until and approval.until < approval.on:
                yield self._at(
                    (*path, "approval", "until"),
                    ja=f"「{flow.id}」の期限 {approval.until} が承認日 {approval.on} より前です。どちらかを直してください",
                    en=f"'{flow.id}' ends on {approval.until}, before its approval on {approval.on}; correct one of them",
                )

    def _end(self, path: Path, end: EndShape) -> Iterator[Found]:
        if end.zone != PUBLIC:
            yield from self._zone((*path, "zone"), end.zone)
        if end.gateway is not None:
            yield from self._known((*path, "gateway"), end.gateway, self.gateways, "無害化装置", "gateway")
        if end.gateway is not None and end.addresses:
            yield self._at(
                (*path, "addresses"),
                ja="addresses と gateway は同時に書けません。どちらかにしてください",
                en="addresses and gateway exclude each other; keep one of them",
            )
        gateway = self.document.gateways.get(end.gateway or "")
        if end.leg is not None and end.gateway is None:
            yield self._at(
                (*path, "leg"),
                ja="leg には gateway が必要です。gateway を書き足してください",
                en="leg needs a gateway; add it",
            )
        elif end.leg is not None and gateway is not None:
            yield from self._known((*path, "leg"), end.leg, frozenset(gateway.legs), "脚", "leg")
        for index, network in enumerate(end.addresses):
            yield from self._inside((*path, "addresses", index), network, end.zone)
        if gateway is not None and end.zone in self.zones:
            for leg, networks in gateway.legs.items():
                for network in networks if end.leg in {None, leg} else ():
                    yield from self._inside((*path, "gateway"), network, end.zone)

    def _inside(self, path: Path, network: Network, zone: str) -> Iterator[Found]:
        """Refuse addresses that never will be seen in the zone they are written for."""
        if not self.whole or zone not in {*self.zones, PUBLIC}:
            return
        owners = self._owners(network)
        if zone in owners or (not owners and zone != PUBLIC and self._covers(zone, network)):
            return
        if zone == PUBLIC and not owners and is_public(number_of(network.network_address)):
            return
        listed = ", ".join(sorted(owners))
        shown = network.network_address if network.num_addresses == 1 else network
        yield self._at(
            path,
            ja=f"{shown} はゾーン「{zone}」の範囲にありません"
            + (f"（「{listed}」の範囲です）。" if listed else "。")
            + "zone か addresses を直すか、範囲を書き足してください",
            en=f"{shown} is not in zone '{zone}'"
            + (f" (it is in {listed})" if listed else "")
            + "; correct the zone or the addresses, or add the segment",
        )

    def _owners(self, network: Network) -> frozenset[str]:
        """Give the zones of the longest segments that hold a network."""
        holding = [
            (segment.cidr.prefixlen, name)
            for name, zone in self.document.zones.items()
            for segment in zone.segments
            if _within(network, segment.cidr)
        ]
        longest = max(holding, default=(0, ""))[0]
        return frozenset(name for length, name in holding if length == longest)

    def _covers(self, zone: str, network: Network) -> bool:
        """Tell whether several segments of a zone hold a network together."""
        spans = [span for segment in self.document.zones[zone].segments for span in spans_of(segment.cidr)]
        for first, last in spans_of(network):
            following = first
            for start, end in sorted(spans):
                if start <= following <= end:
                    following = end + 1
            if following <= last:
                return False
        return True

    def _places_of_observation(self) -> Iterator[Found]:
        for name, sensor in self.document.sensors.items():
            if sensor.interface is None and not sensor.files:
                yield self._at(
                    ("sensors", name),
                    ja=f"センサー「{name}」に interface も files もありません。どちらかを書いてください",
                    en=f"sensor '{name}' has neither interface nor files; give it one of them",
                    key=True,
                )
            for index, zone in enumerate(sensor.zones):
                yield from self._zone(("sensors", name, "zones", index), zone)
        for name, device in self.document.devices.items():
            for interface, zone in device.interfaces.items():
                if zone != PUBLIC:
                    yield from self._zone(("devices", name, "interfaces", interface), zone)

    def _exceptions(self) -> Iterator[Found]:
        parts: dict[str, tuple[NoiseShape | WaiverShape, ...]] = {
            "noise": self.document.noise,
            "waivers": self.document.waivers,
        }
        for part, rows in parts.items():
            yield from self._unique(part, [row.id for row in rows])
            for index, row in enumerate(rows):
                for key, zone in (("from", row.source), ("to", row.to)):
                    if zone not in {None, PUBLIC, UNKNOWN}:
                        yield from self._zone((part, index, key), str(zone))

    def _unique(self, part: str, ids: Sequence[str]) -> Iterator[Found]:
        counts = Counter(ids)
        seen: set[str] = set()
        for index, name in enumerate(ids):
            if counts[name] > 1 and name in seen:
                yield self._at(
                    (part, index, "id"),
                    ja=f"id「{name}」が{part}に2度あります。別の id にしてください",
                    en=f"the id '{name}' is used twice in {part}; give one of them another id",
                )
            seen.add(name)

    def _zone(self, path: Path, name: str, *, key: bool = False) -> Iterator[Found]:
        yield from self._known(path, name, self.zones, "ゾーン", "zone", key=key)

    def _known(
        self, path: Path, name: str, known: Iterable[str], ja: str, en: str, *, key: bool = False
    ) -> Iterator[Found]:
        known = frozenset(known)
        if name in known:
            return
        near = suggest(name, known)
        listed = ", ".join(sorted(known)[:20]) or "—"
        yield self._at(
            path,
            ja=f"{ja}「{name}」は宣言されていません。"
            + (f"{near} のことですか" if near else f"宣言されているのは {listed} です"),
            en=f"there is no {en} '{name}'; "
            + (f"did you mean '{near}'?" if near else f"declared are {listed}"),
            key=key,
        )

    def _at(self, path: Path, *, ja: str, en: str, key: bool = False) -> Found:
        place = self.source.place_of_key(path) if key else self.source.place(path)
        return (place.line, place.column), located(place, ja=ja, en=en)


def _told_apart(one: SegmentShape, other: SegmentShape) -> bool:
    """Tell whether a packet can show which of two equal ranges it belongs to."""
    if one.sensor and other.sensor and one.sensor != other.sensor:
        return True
    if one.vlan and other.vlan:
        return one.vlan != other.vlan
    return bool(one.vrf and other.vrf and one.vrf != other.vrf)


def _within(network: Network, whole: Network) -> bool:
    return network.version == whole.version and network.subnet_of(whole)  # type: ignore[arg-type]
