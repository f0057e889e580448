"""Network address translation: static before destination NAT, then policies, then static in reverse before source NAT."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import LineState, Mapping, Match, Rewrite, Translation
from zoneguard.firewall.vendors.junos.objects import (
    EVERY_SERVICE,
    Reach,
    ports_of,
    prefix_spans,
    protocol_of,
    range_of,
)
from zoneguard.firewall.vendors.junos.zones import Ways, unit_name
from zoneguard.net.address import V4_FIRST, V4_LAST
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE, spans_from
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.vendors.junos.tree import Node
    from zoneguard.firewall.vendors.junos.zones import Device
    from zoneguard.net.address import Span

HIDDEN_PORTS = (1024, 65535)  # source ports that translation with ports takes
MOST_BOXES = 4096
_RANK = {"interface": 0, "zone": 1, "routing-instance": 2}  # the more specific is chosen
_MATCH = frozenset({
    "application", "destination-address", "destination-address-name", "destination-port", "protocol", "source-address",
    "source-address-name", "source-port",
})  # fmt: skip
_PLAIN = frozenset(
    {"address", "description", "port", "routing-instance", "host-address-base", "overflow-pool"}
)


class _RuleSet(NamedTuple):
    node: Node
    kind: str
    rank: tuple[int, int]
    ingress: Ways
    egress: Ways


class Moves(NamedTuple):
    """What is translated before policies are asked, and after."""

    before: tuple[Rewrite, ...]
    after: tuple[Rewrite, ...]


def moves_of(device: Device) -> Moves:
    """Give the translations of a device that works on flows."""
    static = [*_sets(device, "static")]
    inward = [
        one for held in (static, [*_sets(device, "destination")]) for one in _translations(device, held)
    ]
    outward = [made for one in static for made in _reverse(device, one)]
    outward += _translations(device, [*_sets(device, "source")])
    return Moves(
        before=(Rewrite(name="static and destination nat", translations=tuple(inward)),) if inward else (),
        after=(Rewrite(name="static and source nat", translations=tuple(outward)),) if outward else (),
    )


def _sets(device: Device, kind: str) -> list[_RuleSet]:
    """Give the rule sets of a kind, the more specific first."""
    found = []
    for node in device.root.every("security", "nat", kind, "rule-set"):
        ingress = _context(device, node, "from")
        egress = _context(device, node, "to")
        found.append(_RuleSet(node, kind, (egress[1], ingress[1]), ingress[0], egress[0]))
    return sorted(found, key=lambda one: one.rank)


def _context(device: Device, node: Node, side: str) -> tuple[Ways, int]:
    for kind, rank in _RANK.items():
        words = node.words(side, kind)
        if not words:
            continue
        if kind == "interface":
            return Ways(frozenset(unit_name(one) for one in words)), rank
        if kind == "zone":
            return device.zone_ways(words), rank
        held: set[str] = set()
        for word in words:
            if word == "default":
                inside = {name for names in device.instances.values() for name in names}
                held |= device.names() - inside
            held |= device.instances.get(word, frozenset())
        return Ways(frozenset(held)), rank
    return Ways(None), len(_RANK)


def _translations(device: Device, sets: list[_RuleSet]) -> Iterator[Translation]:
    """Yield the rules of one kind; where a wider rule set reaches into a more specific one it is left open.

    The manuals say that the more specific is chosen, not whether the wider one is asked when no rule of it matches.
    """
    before: list[_RuleSet] = []
    for one in sets:
        overlapping = [
            other for other in before if _meet(one.egress, other.egress) and _meet(one.ingress, other.ingress)
        ]
        shared: frozenset[str] | None = frozenset()
        if any(other.ingress.names is None for other in overlapping):
            shared = None
        elif overlapping:
            shared = frozenset(name for other in overlapping for name in other.ingress.names or ())
        for node in one.node.every("rule"):
            for made in _rule(device, one, node):
                yield from _told_apart(device, made, shared, f"rule-set {one.node.word}")
        before.append(one)


def _told_apart(
    device: Device, made: Translation, shared: frozenset[str] | None, said: str
) -> Iterator[Translation]:
    if shared is not None and not shared:
        yield made
        return
    names = made.match.ingress if made.match.ingress is not None else device.names()
    both = names if shared is None else names & shared
    if names - both:
        yield replace(made, match=replace(made.match, ingress=names - both))
    if both:
        unknown = (*made.match.unknown, said)
        yield replace(made, match=replace(made.match, ingress=both, unknown=unknown))


def _meet(one: Ways, other: Ways) -> bool:
    return one.names is None or other.names is None or bool(one.names & other.names)


def _rule(device: Device, held: _RuleSet, node: Node) -> Iterator[Translation]:
    name = f"{held.kind} rule-set {held.node.word} rule {node.word}"
    reading = _Reading(device, held, node)
    match = reading.match()
    node.words("description")
    base = Translation(
        id=name,
        match=match,
        places=tuple(device.place(line) for line in reading.lines[:12]),
        enabled=not node.is_off,
    )
    made = [
        *{"static": reading.static, "destination": reading.destination, "source": reading.source}[held.kind](
            base
        )
    ]
    unknown = reading.unknown
    if unknown and base.enabled:
        device.fault(node.line, LineState.UNSUPPORTED, _left_open(name, unknown[0]))
    for one in made:
        yield replace(one, match=replace(one.match, unknown=tuple(dict.fromkeys(unknown))[:8]))


def _reverse(device: Device, held: _RuleSet) -> Iterator[Translation]:
    """Yield static NAT as it is on the way back, for connections opened from inside."""
    for node in held.node.every("rule"):
        for one in _rule(device, held, node):
            to = one.destination
            if to is None or to.address is None or len(one.match.destination) != 1:
                continue
            before = one.match.destination[0]
            if to.address[1] - to.address[0] != before[1] - before[0]:
                continue
            services: tuple[Service, ...] = EVERY_SERVICE
            port: Span | None = None
            if to.port is not None:
                services = tuple(
                    Service(box.protocol, sport=to.port, dport=(0, 65535)) for box in one.match.services
                )
                port = one.match.services[0].dport
            yield Translation(
                id=f"{one.id} in reverse",
                match=Match(
                    source=(to.address,),
                    destination=one.match.source,
                    services=services,
                    egress=one.match.ingress,
                    unknown=one.match.unknown,
                ),
                places=one.places,
                source=Mapping(address=before, port=port),
                enabled=one.enabled,
            )


class _Reading:
    """One rule being read."""

    def __init__(self, device: Device, held: _RuleSet, node: Node) -> None:
        self.device, self.held, self.node = device, held, node
        self.unknown: list[str] = [*held.ingress.unknown, *held.egress.unknown]
        self.lines = [node.line]

    def match(self) -> Match:
        node = self.node.get("match")
        for one in node.each() if node else ():
            if one.word not in _MATCH:
                self.unknown.append(f"match {one.word}"[:80])
                one.used = False
        return Match(
            source=self._side("source"),
            destination=self._side("destination"),
            services=self._services(),
            ingress=self.held.ingress.names,
            egress=self.held.egress.names,
        )

    def _side(self, side: str) -> tuple[Span, ...]:
        words = self.node.words("match", f"{side}-address")
        named = self.node.words("match", f"{side}-address-name")
        if not words and not named:
            return ANYWHERE
        reach = self.device.shared.of(named) if named else Reach()
        self.unknown += reach.unknown
        self.lines += reach.lines
        spans = [*reach.spans]
        for word in words:
            try:
                spans += prefix_spans(word)
            except ValueError:
                self.unknown.append(f"{side}-address {word}"[:80])
                return ANYWHERE
        return spans_from(spans)

    def _ports(self, key: str) -> list[Span]:
        found = []
        for one in self.node.each("match", key):
            high = one.word_at("to")
            try:
                found.append(ports_of(f"{one.word}-{high}" if high else one.word))
            except ValueError:
                self.unknown.append(f"{key} {one.word}"[:80])
        return found or [(0, 65535)]

    def _services(self) -> tuple[Service, ...]:
        words = [one for one in self.node.words("match", "application") if one != "any"]
        if words:
            offer = self.device.applications.of(words)
            self.unknown += offer.unknown
            return offer.services or EVERY_SERVICE
        sports, dports = self._ports("source-port"), self._ports("destination-port")
        protocols = []
        for word in self.node.words("match", "protocol"):
            try:
                protocols.append(protocol_of(word))
            except ValueError:
                self.unknown.append(f"protocol {word}"[:80])
        if not protocols:
            whole = sports == [(0, 65535)] and dports == [(0, 65535)]
            protocols = [(0, 255)] if whole else [(6, 6), (17, 17)]
        if len(protocols) * len(sports) * len(dports) > MOST_BOXES:
            self.unknown.append("one of many ports")
            return EVERY_SERVICE
        return tuple(Service(one, sport, dport) for one in protocols for sport in sports for dport in dports)

    def static(self, base: Translation) -> Iterator[Translation]:
        then = self.node.get("then", "static-nat")
        if then is None:
            self.unknown.append("no action")
            yield base
            return
        text, port = "", None
        for one in then.each():
            if one.word in ("prefix", "prefix-name"):
                text = self._prefix(one)
                port = self._mapped_port(one)
            elif one.word not in ("mapped-port", "routing-instance"):
                self.unknown.append(f"static-nat {one.word}"[:80])
        port = port or self._mapped_port(then)
        for key in ("routing-instance",):
            then.words(key)
        spans = self._spans(text)
        if spans is None:
            self.unknown.append("static-nat prefix")
        yield replace(base, destination=Mapping(address=spans or (V4_FIRST, V4_LAST), port=port))

    def _prefix(self, node: Node) -> str:
        found = ""
        for one in node.each():
            if one.word in ("mapped-port", "routing-instance"):
                continue
            if node.word == "prefix-name":
                reach = self.device.shared.one(one.word)
                self.unknown += reach.unknown
                self.lines += reach.lines
                found = f"name {one.word}"
            else:
                found = one.word
            self._mapped_port(one)
        return found

    def _mapped_port(self, node: Node) -> Span | None:
        holders = [node, *node.each()] if node.word in ("prefix", "prefix-name") else [node]
        for holder in holders:
            for low in holder.each("mapped-port"):
                high = low.word_at("to")
                try:
                    return ports_of(f"{low.word}-{high}" if high else low.word)
                except ValueError:
                    self.unknown.append(f"mapped-port {low.word}"[:80])
        return None

    def _spans(self, text: str) -> Span | None:
        try:
            spans = self.device.shared.one(text[5:]).spans if text.startswith("name ") else prefix_spans(text)
        except ValueError:
            return None
        return spans[0] if len(spans) == 1 else None

    def destination(self, base: Translation) -> Iterator[Translation]:
        then = self.node.get("then", "destination-nat")
        if then is not None and then.has("off"):
            yield base
            return
        made = self._pool("destination", then)
        yield replace(base, destination=made[0])

    def source(self, base: Translation) -> Iterator[Translation]:
        then = self.node.get("then", "source-nat")
        if then is not None and then.has("off"):
            yield base
        elif then is not None and then.has("interface"):
            yield from self._interface(base)
        else:
            address, keeps = self._pool("source", then)
            yield replace(base, source=Mapping(address=address.address, port=None if keeps else HIDDEN_PORTS))

    def _interface(self, base: Translation) -> Iterator[Translation]:
        ways = base.match.egress
        own = [
            (name, numbers) for name, numbers in self.device.addresses.items() if ways is None or name in ways
        ]
        left = frozenset(ways - {name for name, _ in own}) if ways is not None else frozenset()
        for name, numbers in own:
            number = next((one for one in numbers if V4_FIRST <= one <= V4_LAST), numbers[0])
            match = replace(base.match, egress=frozenset({name}))
            yield replace(base, match=match, source=Mapping(address=(number, number), port=HIDDEN_PORTS))
        if left or not own:
            match = replace(base.match, egress=left or ways)
            yield replace(base, match=match, source=Mapping(address=(V4_FIRST, V4_LAST), port=HIDDEN_PORTS))

    def _pool(self, kind: str, then: Node | None) -> tuple[Mapping, bool]:
        """Give what a pool writes, and whether it keeps the source port."""
        name = then.word_at("pool") if then is not None else ""
        node = self.device.root.get("security", "nat", kind, "pool", name) if name else None
        if node is None:
            self.unknown.append(f"pool {name}" if name else "no action")
            return Mapping(address=(V4_FIRST, V4_LAST)), False
        self.lines.append(node.line)
        spans, port = self._pool_addresses(name, node)
        keeps = node.has("port", "no-translation") or node.has("host-address-base")
        for one in node.each():
            if one.word in _PLAIN:
                for value in one.each():
                    value.each()
        if not spans:
            self.unknown.append(f"pool {name}")
            return Mapping(address=(V4_FIRST, V4_LAST), port=port), keeps
        whole = min(span[0] for span in spans), max(span[1] for span in spans)
        if spans_from(spans) != (whole,) and kind == "destination":
            self.unknown.append(f"pool {name} of several ranges")
        return Mapping(address=whole, port=port), keeps

    def _pool_addresses(self, name: str, node: Node) -> tuple[list[Span], Span | None]:
        spans: list[Span] = []
        port: Span | None = None
        for one in node.each("address"):
            try:
                if one.word == "port":  # display set: a statement of its own
                    port = ports_of(one.words()[0])
                elif one.word == "to":
                    last = one.words()[0]
                    spans[-1] = spans[-1][0], range_of(last, last)[1]
                else:
                    high, written = one.word_at("to"), one.word_at("port")
                    spans += [range_of(one.word, high)] if high else prefix_spans(one.word)
                    port = ports_of(written) if written else port
            except (ValueError, IndexError):
                self.unknown.append(f"pool {name} address {one.word}"[:80])
        return spans, port


def _left_open(name: str, said: str) -> Text:
    return Text(
        ja=f"NATの {name} の「{said}」は、設定だけでは決まりません。変換しうるものとして扱います。",
        en=f"{said!r} of NAT {name} does not follow from the export; the translation is read as a may.",
    )
