"""Port forwarding and 1:1 NAT before the rules of the way in; 1:1 and outbound NAT before the rules of the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Action, Line, LineState, Mapping, Match, Rewrite, Translation
from zoneguard.firewall.vendors.pfsense.objects import FAMILIES, is_on, protocol_numbers
from zoneguard.net.address import V4_FIRST, V4_LAST, spans_of
from zoneguard.net.service import Service
from zoneguard.net.spans import ANY_V4, ANYWHERE, spans_from
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.vendors.pfsense.objects import Objects
    from zoneguard.firewall.xmltree import Element
    from zoneguard.net.address import Span

HIDDEN_PORTS = (1024, 65535)
MOST_SERVICES = 4096
_FORWARD = frozenset({
    "associated-rule-id", "category", "created", "descr", "destination", "disabled", "interface", "ipprotocol", "local-port", "log", "natreflection",
    "nordr", "nosync", "poolopts", "protocol", "source", "tag", "target", "updated", "poolopts_sourcehashkey", "local", "sequence", "noXMLRPCSync",
})  # fmt: skip
_OUTBOUND = frozenset({
    "category", "created", "descr", "destination", "disabled", "dstport", "interface", "ipprotocol", "log", "natport", "nat_port", "nonat", "nosync",
    "poolopts", "poolopts_sourcehashkey", "protocol", "source", "source_hash_key", "sourceport", "sequence", "static-port",
    "staticnatport", "tag", "target", "targetip", "targetip_subnet", "updated",
})  # fmt: skip
_ONE_TO_ONE = frozenset({
    "category", "created", "descr", "destination", "disabled", "external", "interface", "ipprotocol", "natreflection", "nobinat", "nosync",
    "source", "type", "updated",
})  # fmt: skip


class Moves(NamedTuple):
    """What is translated before the rules of each way, and what NAT itself lets in."""

    inward: tuple[Rewrite, ...]
    outward: tuple[Rewrite, ...]
    passing: tuple[Line, ...]


def moves_of(objects: Objects) -> Moves:
    """Give the translations of a configuration."""
    passing: list[Line] = []
    forwards = [
        made
        for at, rule in enumerate(objects.root.all("nat", "rule"), 1)
        for made in [_Reading(objects, rule, f"nat rule {at}").forward(passing)]
    ]
    both = [
        pair
        for at, rule in enumerate(objects.root.all("nat", "onetoone"), 1)
        for pair in [_Reading(objects, rule, f"nat onetoone {at}").one_to_one()]
        if pair is not None
    ]
    inward = [*forwards, *(pair[0] for pair in both)]
    outward = [*(pair[1] for pair in both), *_outbound(objects)]
    return Moves(
        inward=(Rewrite(name="nat in", translations=tuple(inward)),) if inward else (),
        outward=(Rewrite(name="nat out", translations=tuple(outward)),) if outward else (),
        passing=tuple(passing),
    )


def _outbound(objects: Objects) -> Iterator[Translation]:
    mode = (objects.root.word("nat", "outbound", "mode") or "automatic").lower()
    if mode == "disabled":
        return
    if mode in ("hybrid", "advanced", "manual"):
        for at, rule in enumerate(objects.root.all("nat", "outbound", "rule"), 1):
            yield from _Reading(objects, rule, f"nat outbound rule {at}").outbound()
    if mode in ("advanced", "manual"):
        return
    inside = spans_from(
        span
        for one in objects.interfaces
        if one.name not in objects.outside
        for network in one.networks
        if network.version == 4
        for span in spans_of(network)
    )
    if not inside:
        return
    for name in sorted(objects.outside):
        yield Translation(
            id=f"automatic outbound nat {name}",
            match=Match(source=inside, destination=ANY_V4, egress=frozenset({name})),
            places=(),
            source=Mapping(address=_own(objects, name), port=HIDDEN_PORTS),
        )


def _own(objects: Objects, name: str) -> Span:
    own = [one for one in objects.own.get(name, ()) if V4_FIRST <= one <= V4_LAST]
    return (own[0], own[0]) if own and name not in objects.dynamic else (V4_FIRST, V4_LAST)


class _Reading:
    """One line of NAT being read."""

    def __init__(self, objects: Objects, rule: Element, name: str) -> None:
        self.objects, self.rule, self.name = objects, rule, name
        self.unknown: list[str] = []
        self.off = is_on(rule.find("disabled"))

    def forward(self, passing: list[Line]) -> Translation:
        rule = self.rule
        self._known(_FORWARD)
        match = self._match("source", "destination", "port", inward=True)
        target = self.objects.named(rule.word("target") or "")
        self.unknown += target.unknown
        mapped = target.spans[0] if len(target.spans) == 1 and not target.unknown else None
        ports = [one.dport for one in match.services]
        port = self._local_port(ports)
        exempt = is_on(rule.find("nordr"))
        if mapped is None and not exempt:
            self.unknown.append("target")
        made = self._translation(match)
        if exempt:
            return made
        to = Mapping(address=mapped or (V4_FIRST, V4_LAST), port=port)
        if rule.word("associated-rule-id") == "pass":
            # pf lets in what this line matched without asking any rule.
            services = tuple(
                Service(one.protocol, one.sport, port if port and len(ports) else one.dport)
                for one in match.services
            )
            passing.append(
                Line(
                    id=f"{self.name} pass",
                    action=Action.PERMIT,
                    match=Match(
                        source=match.source,
                        destination=(to.address or (V4_FIRST, V4_LAST),),
                        services=services,
                        ingress=match.ingress,
                        unknown=made.match.unknown,
                    ),
                    places=made.places,
                    name=rule.word("descr") or "",
                    comment=rule.word("descr") or "",
                    enabled=not self.off,
                    log=False,
                )
            )
        return Translation(
            id=made.id, match=made.match, places=made.places, destination=to, enabled=made.enabled
        )

    def _local_port(self, ports: list[Span]) -> Span | None:
        text = self.rule.word("local-port")
        if not text:
            return None
        span = self.objects.ports(text)
        if span.unknown or len(span.spans) != 1:
            self.unknown.append(f"local-port {text}"[:80])
            return None
        first, last = span.spans[0]
        size = {high - low for low, high in ports}
        if first == last and len(size) == 1:  # a range goes on from the first port
            last = min(65535, first + size.pop())
        return first, last

    def one_to_one(self) -> tuple[Translation, Translation] | None:
        rule = self.rule
        self._known(_ONE_TO_ONE)
        ways, unknown = self.objects.ways(rule.word("interface") or "")
        self.unknown += unknown
        inside = self.objects.reach(rule.find("source"), ANYWHERE)
        others = self.objects.reach(rule.find("destination"), ANYWHERE)
        self.unknown += [*inside.unknown, *others.unknown]
        size = inside.spans[0][1] - inside.spans[0][0] if len(inside.spans) == 1 else -1
        outside = self.objects.named((rule.word("external") or "").partition("/")[0])
        self.unknown += outside.unknown
        if size < 0 or len(outside.spans) != 1 or self.unknown:
            self._say(self.unknown[0] if self.unknown else "external")
            if len(inside.spans) != 1 or len(outside.spans) != 1:
                return None
        first = outside.spans[0][0]
        external = (first, first + max(size, 0))
        places = (self.objects.export.place(rule.line),)
        leaves = tuple(self.unknown)[:8]
        exempt = is_on(rule.find("nobinat"))
        return (
            Translation(
                id=self.name,
                match=Match(source=others.spans, destination=(external,), ingress=ways, unknown=leaves),
                places=places,
                destination=None if exempt else Mapping(address=inside.spans[0]),
                enabled=not self.off,
            ),
            Translation(
                id=self.name,
                match=Match(source=inside.spans, destination=others.spans, egress=ways, unknown=leaves),
                places=places,
                source=None if exempt else Mapping(address=external),
                enabled=not self.off,
            ),
        )

    def outbound(self) -> Iterator[Translation]:
        rule = self.rule
        self._known(_OUTBOUND)
        match = self._match("source", "destination", "port", inward=False)
        made = self._translation(match)
        if is_on(rule.find("nonat")):
            yield made
            return
        keeps = is_on(rule.find("staticnatport")) or is_on(rule.find("static-port"))
        text = rule.word("target") or ""
        if text == "other-subnet":
            text = f"{rule.word('targetip') or ''}/{rule.word('targetip_subnet') or ''}".rstrip("/")
        if text:
            target = self.objects.named(text)
            whole = (
                (target.spans[0][0], target.spans[-1][1])
                if target.spans and not target.unknown
                else (V4_FIRST, V4_LAST)
            )
            yield Translation(
                id=made.id,
                match=made.match,
                places=made.places,
                source=Mapping(address=whole, port=None if keeps else HIDDEN_PORTS),
                enabled=made.enabled,
            )
            return
        for name in sorted(match.egress or {one.name for one in self.objects.interfaces}):
            yield Translation(
                id=made.id,
                match=Match(
                    source=match.source,
                    destination=match.destination,
                    services=match.services,
                    egress=frozenset({name}),
                    unknown=made.match.unknown,
                ),
                places=made.places,
                source=Mapping(address=_own(self.objects, name), port=None if keeps else HIDDEN_PORTS),
                enabled=made.enabled,
            )

    def _translation(self, match: Match) -> Translation:
        if self.unknown and not self.off:
            self._say(self.unknown[0])
        return Translation(
            id=self.name,
            match=Match(
                source=match.source,
                destination=match.destination,
                services=match.services,
                ingress=match.ingress,
                egress=match.egress,
                unknown=tuple(dict.fromkeys(self.unknown))[:8],
            ),
            places=(self.objects.export.place(self.rule.line),),
            enabled=not self.off,
        )

    def _match(self, source: str, destination: str, port: str, *, inward: bool) -> Match:
        rule, objects = self.rule, self.objects
        ways, unknown = objects.ways(rule.word("interface") or "")
        self.unknown += unknown
        family = FAMILIES.get((rule.word("ipprotocol") or "inet").lower(), ANYWHERE)
        sides = []
        for key in (source, destination):
            reach = objects.reach(rule.find(key), family)
            self.unknown += reach.unknown
            sides.append(reach)
        protocols = protocol_numbers(rule.word("protocol") or "")
        if protocols is None:
            self.unknown.append(f"protocol {rule.word('protocol')}"[:80])
            protocols = [-1]
        sports = objects.ports(rule.word("sourceport") or rule.word(source, port))
        dports = objects.ports(rule.word("dstport") or rule.word(destination, port))
        self.unknown += [*sports.unknown, *dports.unknown]
        spans = [(0, 255) if one < 0 else (one, one) for one in protocols]
        services: tuple[Service, ...] = (Service(),)
        if len(spans) * len(sports.spans) * len(dports.spans) <= MOST_SERVICES:
            services = tuple(
                Service(one, left, right) for one in spans for left in sports.spans for right in dports.spans
            )
        else:
            self.unknown.append("one of many ports")
        return Match(
            source=sides[0].spans,
            destination=sides[1].spans,
            services=services,
            ingress=ways if inward else None,
            egress=None if inward else ways,
        )

    def _known(self, words: frozenset[str]) -> None:
        for one in self.rule.children:
            if one.tag not in words:
                self.unknown.append(one.tag[:80])
                self.objects.export.mark(one.line, LineState.UNKNOWN)

    def _say(self, said: str) -> None:
        self.objects.export.fault(self.rule.line, LineState.UNSUPPORTED, _left_open(self.name, said))


def _left_open(name: str, said: str) -> Text:
    return Text(
        ja=f"{name} の「{said}」は、設定だけでは決まりません。変換しうるものとして扱います。",
        en=f"{said!r} of {name} does not follow from the export; the translation is read as a may.",
    )
