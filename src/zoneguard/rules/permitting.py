"""What devices permit between zones, held against the policy: rulesets in, evidence for the rules out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from zoneguard.firewall.model import Action, Filter, Line
from zoneguard.firewall.permit import Passage, Permitter, applies, meets, services_of
from zoneguard.firewall.trace import trace
from zoneguard.firewall.unreachable import unreachable_lines
from zoneguard.net import rulelist
from zoneguard.net.address import FAMILIES, number_of, spans_of
from zoneguard.net.cover import merged
from zoneguard.net.product import Probe, Product, count, example_of, intersect
from zoneguard.net.rulelist import RuleList
from zoneguard.net.service import UNUSED_PORT, ConnectionState, Point, Service, intersect_services
from zoneguard.net.spans import intersect_spans, spans_from, spans_meet
from zoneguard.net.stretches import AddressField
from zoneguard.net.universe import ServiceUniverse
from zoneguard.policy.model import PUBLIC
from zoneguard.policy.regions import allowed_regions, zone_spans
from zoneguard.policy.verdict import root_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from zoneguard.firewall.model import ParseResult, Ruleset
    from zoneguard.firewall.permit import Decision, Place
    from zoneguard.firewall.unreachable import Covered
    from zoneguard.net.spans import Spans
    from zoneguard.net.universe import ServiceSet
    from zoneguard.policy.model import Device, Policy
    from zoneguard.policy.regions import Region
    from zoneguard.rules.evidence import Conversation

MOST_PASSAGES = 50_000  # of one pair of zones on one device; beyond, sizes are lower bounds

# Packets that open a connection: SYN alone (with or without ECN) for TCP, anything new for the rest. What a
# device lets back in to a connection that stands is no way of opening one.
_SYN = sum(1 << octet for octet in range(256) if octet & 0x17 == 0x02)
OPENING = (
    Service(protocol=(0, 5), states=ConnectionState.NEW),
    Service(protocol=(6, 6), flags=_SYN, states=ConnectionState.NEW),
    Service(protocol=(7, 255), states=ConnectionState.NEW),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """What one device lets pass from one zone to another by the same lines, and the policy does not allow."""

    orig_zone: str
    resp_zone: str
    lines: tuple[Line, ...]  # that permitted, filter by filter; empty where only defaults did
    defaults: tuple[Filter, ...]  # of which no line decided
    translated: tuple[str, ...]  # ids of the translations on the way
    sure: bool  # False: only if something that was not understood turns out so
    unknown: tuple[str, ...]  # what that is
    widest: Product
    products: int
    size: int  # packets: addresses x addresses x (protocol, ports, flags)
    complete: bool  # False: products and size are lower bounds
    ingress: str | None
    egress: str | None
    universe: ServiceUniverse  # of the services of `widest`

    # Made when they are told: of 10,000 lines that each cross many pairs, most are told as a number.
    @property
    def shown(self) -> Shown:
        """Give the widest part as people read it."""
        return shown(self.widest, self.universe)

    @property
    def example(self) -> Probe:
        """Give a packet of the widest part."""
        return example_of(self.widest, self.universe)


class Shown(NamedTuple):
    """A product for people: spans of the sender, of the receiver (as it leaves), and boxes of services."""

    source: Spans
    destination: Spans
    services: tuple[Service, ...]


class OpenWay(NamedTuple):
    """Two zones that a device joins with no written line in between; `by` is what its maker has it do."""

    orig_zone: str
    resp_zone: str
    ingress: str | None
    egress: str | None
    by: str = ""


Way: TypeAlias = tuple[str | None, str | None]  # interfaces by which packets come in and leave
Group: TypeAlias = dict[Way, list[Passage]]  # what passes by the same lines, by each way; never empty


class Beyond(NamedTuple):
    """What passes from one zone to another and is not allowed, lines by lines; `opened` also by no line at all."""

    groups: tuple[Group, ...]
    opened: OpenWay | None
    complete: bool


class PairLine(NamedTuple):
    """A permitting line and the pairs of zones it can let pass."""

    line: Line
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What one (virtual) device does between the zones, as its export says."""

    device: str
    declared: str | None  # id under devices: in the policy
    file: str
    format: str
    ruleset: Ruleset
    faces: Mapping[str, tuple[str, ...]]  # interface → zones
    unplaced: tuple[str, ...]  # interfaces of which no zone is known
    crossings: tuple[Crossing, ...]
    open_ways: tuple[OpenWay, ...]
    lines: tuple[PairLine, ...]
    covered: tuple[Covered, ...]
    denied_flows: tuple[str, ...]  # declared flows between zones it joins of which it permits nothing
    joins: bool  # False: no two interfaces lead to different zones, so that nothing could be judged


def permissions(policy: Policy, results: Sequence[ParseResult]) -> tuple[Permission, ...]:
    """Hold every ruleset of the exports against the policy."""
    return tuple(one.permission() for one in held_of(policy, results))


def held_of(policy: Policy, results: Sequence[ParseResult]) -> tuple[Held, ...]:
    """Give every ruleset of the exports, ready to be held against the policy."""
    spans = zone_spans(policy)
    regions = allowed_regions(policy, spans)
    return tuple(
        Held(policy, spans, regions, result, ruleset) for result in results for ruleset in result.rulesets
    )


def universe_of(rulesets: Sequence[Ruleset], regions: Iterable[Region]) -> ServiceUniverse:
    """Make the universe of opening packets in which rulesets and the policy's flows can be held against each other."""
    allowed = [service for region in regions for service in region.services]
    if any(map(_takes_replies_for_new, rulesets)):
        allowed += [reply for service in allowed for reply in _replies(service)]
    return ServiceUniverse(services_of(rulesets, beside=allowed), within=OPENING)


def _takes_replies_for_new(ruleset: Ruleset) -> bool:
    return any(
        isinstance(step, Filter) and not step.stateful and not step.tells_replies for step in ruleset.steps
    )


def device_of(policy: Policy, result: ParseResult, ruleset: Ruleset) -> Device | None:
    """Find the policy's entry for a ruleset: by its name, by its host name, or by the file."""
    for device in policy.devices:
        if device.id in {ruleset.device, ruleset.device.partition("/")[0]}:
            return device
    for device in policy.devices:
        if device.file is not None and result.file.endswith(device.file):
            return device
    alike = [one for one in policy.devices if one.format == result.format]
    return alike[0] if len(alike) == 1 and len(policy.devices) == 1 else None


class Held:
    """One ruleset held against the policy, in a universe that others may share."""

    def __init__(
        self,
        policy: Policy,
        spans: Mapping[str, Spans],
        regions: Sequence[Region],
        result: ParseResult,
        ruleset: Ruleset,
        *,
        universe: ServiceUniverse | None = None,
    ) -> None:
        self.policy, self.spans, self.regions = policy, spans, regions
        self.result, self.ruleset = result, ruleset
        self.device = device_of(policy, result, ruleset)
        self._shared_universe = universe
        self._standing = {one.name for one in ruleset.interfaces if one.stands_for_others}
        self.faces = self._faces()

    @cached_property
    def universe(self) -> ServiceUniverse:
        """The services of packets that open a connection, the only ones that are asked for."""
        return self._shared_universe or universe_of([self.ruleset], self.regions)

    @cached_property
    def permitter(self) -> Permitter:
        """The ruleset, indexed as far as it was asked."""
        return Permitter(self.ruleset, self.universe, unreachable=self.unreachable)

    def within(self, universe: ServiceUniverse) -> Held:
        """Give the same in a universe that others share; which lines are unreachable is not found out anew."""
        made = Held(self.policy, self.spans, self.regions, self.result, self.ruleset, universe=universe)
        made.covered = self.covered
        return made

    def permission(self) -> Permission:
        placed = {name: zones for name, zones in self.faces.items() if zones}
        crossings, open_ways = self._judged()
        return Permission(
            device=self.ruleset.device,
            declared=self.device.id if self.device else None,
            file=self.result.file,
            format=self.result.format,
            ruleset=self.ruleset,
            faces=placed,
            unplaced=tuple(name for name, zones in self.faces.items() if not zones),
            crossings=tuple(crossings),
            open_ways=tuple(open_ways),
            lines=tuple(self._lines()),
            covered=tuple(self.covered.values()),
            denied_flows=tuple(self._denied_flows()),
            joins=self.joins,
        )

    # --- where interfaces lead --------------------------------------------------------------------------

    def _faces(self) -> dict[str, tuple[str, ...]]:
        declared = dict(self.device.interfaces) if self.device else {}
        interfaces = {one.name: one for one in self.ruleset.interfaces if one.enabled}
        names = list(dict.fromkeys([*interfaces, *_mentioned(self.ruleset)]))
        known = {one.zone for one in interfaces.values()}
        # Where lines name the zones themselves, a declared interface stands for a zone that none of them names.
        called = {self._called(name) for name in names}
        names += [
            name
            for name, zone in declared.items()
            if name not in known and name not in names and zone not in called
        ]
        faces: dict[str, tuple[str, ...]] = {}
        for name in names:
            interface = interfaces.get(name)
            zone = declared.get(name) or (declared.get(interface.zone or "") if interface else None)
            zone = zone or self._called(name) or (self._called(interface.zone or "") if interface else None)
            if zone is not None:
                faces[name] = (zone,)
                continue
            networks = spans_from(
                span for network in (interface.networks if interface else ()) for span in spans_of(network)
            )
            routed = [route.network for route in self.ruleset.routes if route.interface == name]
            behind = spans_from(
                span for network in routed if network.prefixlen > 0 for span in spans_of(network)
            )
            zones = [
                zone
                for zone, own in self.spans.items()
                if spans_meet(own, networks) or spans_meet(own, behind)
            ]
            if any(network.prefixlen == 0 for network in routed) and PUBLIC not in zones:
                zones.append(PUBLIC)
            faces[name] = tuple(zones)
        return faces

    def _called(self, name: str) -> str | None:
        """Take an interface or device zone that is called as a zone of the policy for that zone."""
        names = {one.id: one.id for one in self.policy.zones}
        names |= {called: one.id for one in self.policy.zones for called in (one.name.ja, one.name.en)}
        return names.get(name) or names.get(name.lower())

    def facing(self, zone: str) -> tuple[str | None, ...]:
        if not self.faces:
            return (None,)
        found = tuple(name for name, zones in self.faces.items() if zone in zones)
        return found or tuple(name for name, zones in self.faces.items() if not zones)

    def pairs(self) -> Iterator[tuple[str, str]]:
        for orig in self.spans:
            for resp in self.spans:
                if orig != resp and self.spans[orig] and self.spans[resp] and not self._are_kin(orig, resp):
                    yield orig, resp

    @property
    def joins(self) -> bool:
        """Whether two interfaces are known that may lead to different zones."""
        return any(True for pair in self.pairs() for _ in self.ways(*pair))

    def _are_kin(self, a: str, b: str) -> bool:
        return root_zone(self.policy, a) == root_zone(self.policy, b)

    def ways(self, orig: str, resp: str) -> Iterator[tuple[str | None, str | None]]:
        for ingress in self.facing(orig):
            for egress in self.facing(resp):
                if ingress is None or ingress != egress or ingress in self._standing:
                    yield ingress, egress

    # --- what is permitted ------------------------------------------------------------------------------

    @cached_property
    def takes_replies_for_new(self) -> bool:
        """Whether a filter cannot tell answers from what opens a connection."""
        return _takes_replies_for_new(self.ruleset)

    @cached_property
    def allowed(self) -> RuleList:
        """What may pass; where a filter cannot tell answers from what opens a connection, also the answers to it."""
        stateless = self.takes_replies_for_new
        entries = []
        for region in self.regions:
            products = [Product(region.source, region.destination, self.universe.set_of(*region.services))]
            if stateless:
                replies = self.universe.set_of(*(one for asked in region.services for one in _replies(asked)))
                products.append(Product(region.destination, region.source, replies))
            entries.append(rulelist.Line(action=Action.PERMIT, exact=tuple(one for one in products if one)))
        return RuleList(entries, self.universe)

    def asked(self, orig: str, resp: str) -> tuple[Product, ...]:
        """Give the packets of a pair as they come in: to the zone itself, or to what is translated into it."""
        return self.of_one_family(self.spans[orig], self.translated_into(self.spans[resp]))

    def of_one_family(self, source: Spans, destination: Spans) -> tuple[Product, ...]:
        """Give the packets between addresses, IPv4 to IPv4 and IPv6 to IPv6: no packet has one of each."""
        made = (
            Product(intersect_spans(source, own), intersect_spans(destination, own), self.universe.everything)
            for own in FAMILIES
        )
        return tuple(product for product in made if product)

    def translated_into(self, destination: Spans) -> Spans:
        """Add to destinations as they leave what any translation, the last first, makes of others."""
        for step in reversed(self.ruleset.steps):
            if isinstance(step, Filter):
                continue
            destination = spans_from(
                (
                    *destination,
                    *(
                        span
                        for one in step.translations
                        if one.destination is not None
                        and one.destination.address is not None
                        and spans_meet((one.destination.address,), destination)
                        for span in one.match.destination
                    ),
                )
            )
        return destination

    def passing(
        self,
        pair: tuple[str, str],
        way: tuple[str | None, str | None],
        *,
        excluding: RuleList | None,
        among: Iterable[Product] | None = None,
        enough: Callable[[tuple[Decision, ...]], bool] | None = None,
    ) -> Iterator[Passage]:
        """Yield what passes from one zone to another over one pair of interfaces, less what is excluded.

        `among`, disjoint, are the packets as they come in that are asked about; None: all of the pair. What passes
        by lines of which the caller has `enough` need not be told in full.
        """
        for asked in self.asked(*pair) if among is None else among:
            yield from self.permitter.passages(
                asked, *way, towards=self.spans[pair[1]], excluding=excluding, enough=enough
            )

    def _judged(self) -> tuple[list[Crossing], list[OpenWay]]:
        """Judge each pair of zones in one walk: what lines let pass beyond the policy, and open ways."""
        crossings: list[Crossing] = []
        open_ways: list[OpenWay] = []
        for pair in self.pairs():
            found = self.beyond(pair)
            crossings += [self._crossing(pair, group, complete=found.complete) for group in found.groups]
            if found.opened is not None:
                open_ways.append(found.opened)
        return crossings, open_ways

    def beyond(self, pair: tuple[str, str]) -> Beyond:
        """Give what passes from one zone to another and the policy does not allow."""
        written: dict[tuple[object, ...], Group] = {}
        doubtful: dict[
            tuple[object, ...], Group
        ] = {}  # by no written line, if something unknown turns out so
        complete = True
        opened: OpenWay | None = None
        for way in self.ways(*pair):
            if not self.permitter.filters(*way):
                opened = opened or OpenWay(*pair, *way)
                continue
            passages = self.passing(pair, way, excluding=self.allowed)
            decided = None
            for number, one in enumerate(islice(passages, MOST_PASSAGES + 1)):
                complete = complete and number < MOST_PASSAGES
                if one.decisions is not decided:  # what comes one after the other mostly shares them
                    decided, unwritten = one.decisions, _is_unwritten(one)
                    decisions = tuple(
                        (decision.filter.name, decision.line.id if decision.line else None)
                        for decision in decided
                    )
                if unwritten and one.sure:
                    opened = opened or OpenWay(*pair, *way, _deciders(one))
                    continue
                groups = doubtful if unwritten else written
                groups.setdefault((decisions, one.sure), {}).setdefault(way, []).append(one)
        if opened is not None and not (self.ruleset.forwards and all(map(self.is_placed, pair))):
            opened = None
        groups = written if opened is not None else written | doubtful
        return Beyond(tuple(groups.values()), opened, complete)

    def _crossing(self, pair: tuple[str, str], group: Group, *, complete: bool) -> Crossing:
        parts = list(self.parts(group))
        sizes = [count(product, self.universe) for product, _ in parts]
        most = widest([product for product, _ in parts], sizes)
        way = next(way for product, way in parts if product is most)
        first = group[way][0]
        lines = tuple(decision.line for decision in first.decisions if decision.line is not None)
        return Crossing(
            orig_zone=pair[0],
            resp_zone=pair[1],
            lines=lines,
            defaults=tuple(decision.filter for decision in first.decisions if decision.line is None),
            translated=tuple(
                dict.fromkeys(one.id for held in group.values() for each in held for one in each.translations)
            ),
            sure=first.sure,
            unknown=() if first.sure else self._unknown(first, way),
            widest=most,
            products=len(parts),
            size=sum(sizes),
            complete=complete,
            ingress=way[0],
            egress=way[1],
            universe=self.universe,
        )

    def parts(self, group: Group) -> Iterator[tuple[Product, Way]]:
        """Yield disjoint products of what passes by the same lines, each with interfaces by which it does.

        The same packets may come by several pairs of interfaces: they count once, by the first.
        """
        told: list[Product] = []
        known: set[tuple[Product, ...]] = set()
        for way, passages in group.items():
            products = tuple(map(judged, passages))
            if products in known:
                continue
            fresh = merged(products)
            if told:
                before = RuleList(
                    [rulelist.Line(action=Action.PERMIT, exact=(one,)) for one in told], self.universe
                )
                fresh = merged(rest for one in fresh for rest in before.unmatched(one))
            known.add(products)
            told += fresh
            yield from ((product, way) for product in fresh)

    def _unknown(self, passage: Passage, way: Way) -> tuple[str, ...]:
        """Name what was not understood and decides: of the lines that permit, and of those that may take it before."""
        found = trace(self.ruleset, example_of(passage.entered, self.universe), *way)
        matches = [
            *(decision.line.match for decision in passage.decisions if decision.line is not None),
            *(line.match for step in found.steps for line in step.doubtful),
            *(one.match for one in passage.translations),
        ]
        return tuple(dict.fromkeys(word for one in matches for word in one.unknown))

    def is_placed(self, zone: str) -> bool:
        return any(zone in zones for zones in self.faces.values())

    # --- lines ------------------------------------------------------------------------------------------

    def _lines(self) -> Iterator[PairLine]:
        pairs = [
            (orig, resp, tuple(map(self.permitter.known, self.ways(orig, resp))))
            for orig, resp in self.pairs()
        ]
        zones = AddressField(list(self.spans.values()))
        places = {zone: 1 << at for at, zone in enumerate(self.spans)}
        for step in self.ruleset.steps:
            if not isinstance(step, Filter):
                continue
            known: dict[
                tuple[object, ...], tuple[tuple[str, str], ...]
            ] = {}  # most lines meet the same zones
            for line in step.lines:
                if line.action is not Action.PERMIT or not line.enabled or line.implicit:
                    continue
                if not self.universe.set_of(*line.match.services):  # it lets replies back in
                    continue
                sources, _ = zones.ask(line.match.source)
                targets, _ = zones.ask(line.match.destination)
                key = (sources, targets, line.match.ingress, line.match.egress)
                if key not in known:
                    known[key] = tuple(
                        (orig, resp)
                        for orig, resp, ways in pairs
                        if sources & places[orig]
                        and targets & places[resp]
                        and any(applies(step, *way) and meets(line.match, *way) for way in ways)
                    )
                if known[key]:
                    yield PairLine(line, known[key])

    @cached_property
    def unreachable(self) -> Collection[Place]:
        """The places of lines that no packet reaches."""
        return self.covered.keys()

    @cached_property
    def covered(self) -> Mapping[Place, Covered]:
        """Unreachable lines by their place."""
        return unreachable_lines(self.ruleset)

    def _denied_flows(self) -> Iterator[str]:
        for region, flow in zip(self.regions, self.policy.flows, strict=True):
            orig, resp = flow.source.zone, flow.destination.zone
            if not (self.is_placed(orig) and self.is_placed(resp)) or orig == resp:
                continue
            ways = tuple(self.ways(orig, resp))
            services = self.universe.set_of(*region.services)
            if (
                services
                and region.source
                and region.destination
                and ways
                and not any(self._passes_any(region, services, way) for way in ways)
            ):
                yield flow.id

    def _passes_any(self, region: Region, services: ServiceSet, way: Way) -> bool:
        """Tell whether any packet of a flow passes, as it is or translated to where it leaves."""
        entering = self.translated_into(region.destination)
        allowed = Product(region.source, region.destination, services)
        return any(
            intersect(judged(one), allowed)
            for asked in self.of_one_family(region.source, entering)
            # Where a destination is translated its port may be, too.
            for one in self.permitter.passages(
                asked if entering != region.destination else asked._replace(services=services),
                *way,
                towards=region.destination,
            )
        )


def judged(passage: Passage) -> Product:
    """Give what the policy is asked of a passage: the source as it came in, the destination as it leaves."""
    if passage.left is passage.entered:
        return passage.left
    return passage.left._replace(source=passage.entered.source)


def widest(products: Sequence[Product], sizes: Sequence[int]) -> Product:
    """Give the product of the most packets; of equal ones that of the lowest addresses."""
    most = max(sizes)
    among = [product for product, size in zip(products, sizes, strict=True) if size == most]
    return among[0] if len(among) == 1 else min(among, key=lambda one: (one.source, one.destination))


def shown(product: Product, universe: ServiceUniverse) -> Shown:
    """Put a product as people read it."""
    return Shown(product.source, product.destination, universe.boxes(product.services))


def _is_unwritten(passage: Passage) -> bool:
    return all(
        decision.line.implicit if decision.line is not None else not decision.filter.default_places
        for decision in passage.decisions
    )


def _deciders(passage: Passage) -> str:
    return ", ".join(one.line.id if one.line else one.filter.name for one in passage.decisions)


def _mentioned(ruleset: Ruleset) -> Iterator[str]:
    for step in ruleset.steps:
        for one in step.lines if isinstance(step, Filter) else step.translations:
            for names in (one.match.ingress, one.match.egress):
                yield from sorted(names or ())


def _replies(service: Service) -> Iterator[Service]:
    """Yield the answers to a service that look like packets which open a connection: ports change sides.

    ICMP keeps its type and code. No answer of TCP is a SYN without ACK, so it has none.
    """
    if service.protocol in ((1, 1), (58, 58)):
        yield service
        return
    for beside in (OPENING[0], OPENING[2]):  # other protocols than TCP
        part = intersect_services(service, beside)
        if part is not None:
            yield part._replace(sport=service.dport, dport=service.sport)


def denied_by(permissions: Sequence[Permission], conversation: Conversation) -> tuple[tuple[str, str], ...]:
    """Name the devices that join a conversation's zones and surely deny it, each with the line that does.

    Empty when one of them permits it or may do so, when none joins the zones, and for what is no new connection.
    """
    orig, resp = conversation.orig, conversation.resp
    joining = [
        (one, ways)
        for one in permissions
        if (
            ways := [
                (i, e)
                for i, a in one.faces.items()
                if orig.zone in a
                for e, b in one.faces.items()
                if resp.zone in b and i != e
            ]
        )
    ]
    if not joining or orig.zone == resp.zone:
        return ()
    probe = Probe(
        number_of(ip_address(orig.address)),
        number_of(ip_address(resp.address)),
        Point(
            conversation.protocol,
            UNUSED_PORT,
            conversation.port,
            flags=2 if conversation.protocol == 6 else 0,
        ),
    )
    denied = []
    for one, ways in joining:
        ends = [trace(one.ruleset, probe, *way) for way in ways]
        if any(end.verdict is not Action.DENY for end in ends):
            return ()
        denied.append((one.device, ends[0].decided_by))
    return tuple(denied)
