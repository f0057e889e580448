"""What devices permit between zones, held against the policy: rulesets in, evidence for the rules out."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from zoneguard.firewall.model import Action, Filter
from zoneguard.firewall.permit import Passage, Permitter, applies, meets, services_of
from zoneguard.firewall.trace import trace
from zoneguard.firewall.unreachable import unreachable_lines
from zoneguard.net import rulelist
from zoneguard.net.address import FAMILIES
from zoneguard.net.cover import merged
from zoneguard.net.product import Product, count, example_of, intersect
from zoneguard.net.rulelist import RuleList
from zoneguard.net.service import ConnectionState, Service, intersect_services
from zoneguard.net.spans import intersect_spans, spans_from, spans_meet
from zoneguard.net.stretches import AddressField
from zoneguard.net.universe import ServiceUniverse
from zoneguard.policy.regions import allowed_regions, zone_spans
from zoneguard.rules.facing import Faces, Way, device_of
from zoneguard.rules.permission import Crossing, OpenWay, PairLine, Permission

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from zoneguard.firewall.model import ParseResult, Ruleset
    from zoneguard.firewall.permit import Decision, Place
    from zoneguard.firewall.unreachable import Covered
    from zoneguard.net.spans import Spans
    from zoneguard.net.universe import ServiceSet
    from zoneguard.policy.model import Policy
    from zoneguard.policy.regions import Region

MOST_PASSAGES = 50_000  # of one pair of zones on one device; beyond, sizes are lower bounds

# Packets that open a connection: SYN alone (with or without ECN) for TCP, anything new for the rest. What a
# device lets back in to a connection that stands is no way of opening one.
_SYN = sum(1 << octet for octet in range(256) if octet & 0x17 == 0x02)
OPENING = (
    Service(protocol=(0, 5), states=ConnectionState.NEW),
    Service(protocol=(6, 6), flags=_SYN, states=ConnectionState.NEW),
    Service(protocol=(7, 255), states=ConnectionState.NEW),
)

Group: TypeAlias = dict[Way, list[Passage]]  # what passes by the same lines, by each way; never empty


class Beyond(NamedTuple):
    """What passes from one zone to another and is not allowed, lines by lines; `opened` also by no line at all."""

    groups: tuple[Group, ...]
    opened: OpenWay | None
    complete: bool


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
        self.faces = Faces(policy, spans, self.device, ruleset)

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
        placed = {name: zones for name, zones in self.faces.zones.items() if zones}
        crossings, open_ways = self._judged()
        return Permission(
            device=self.ruleset.device,
            declared=self.device.id if self.device else None,
            file=self.result.file,
            format=self.result.format,
            ruleset=self.ruleset,
            faces=placed,
            unplaced=tuple(name for name, zones in self.faces.zones.items() if not zones),
            crossings=tuple(crossings),
            open_ways=tuple(open_ways),
            lines=tuple(self._lines()),
            covered=tuple(self.covered.values()),
            denied_flows=tuple(self._denied_flows()),
            joins=self.faces.joins,
        )

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
        way: Way,
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
        for pair in self.faces.pairs():
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
        for way in self.faces.ways(*pair):
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
        if opened is not None and not (self.ruleset.forwards and all(map(self.faces.is_placed, pair))):
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
            if len(group) > 1:  # most come by one way, and are not compared
                if products in known:
                    continue
                known.add(products)
            fresh = merged(products)
            if told:
                before = RuleList(
                    [rulelist.Line(action=Action.PERMIT, exact=(one,)) for one in told], self.universe
                )
                fresh = merged(rest for one in fresh for rest in before.unmatched(one))
            told += fresh
            yield from ((product, way) for product in fresh)

    def _unknown(self, passage: Passage, way: Way) -> tuple[str, ...]:
        """Name what was not understood and decides: of the lines that permit, and of those that may take it before."""
        example = example_of(passage.entered, self.universe)
        found = trace(self.ruleset, example, *way, index=self.permitter)
        matches = [
            *(decision.line.match for decision in passage.decisions if decision.line is not None),
            *(line.match for step in found.steps for line in step.doubtful),
            *(one.match for one in passage.translations),
        ]
        return tuple(dict.fromkeys(word for one in matches for word in one.unknown))

    # --- lines ------------------------------------------------------------------------------------------

    def _lines(self) -> Iterator[PairLine]:
        pairs = [
            (orig, resp, tuple(map(self.permitter.known, self.faces.ways(orig, resp))))
            for orig, resp in self.faces.pairs()
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
            if not (self.faces.is_placed(orig) and self.faces.is_placed(resp)) or orig == resp:
                continue
            ways = tuple(self.faces.ways(orig, resp))
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


def _is_unwritten(passage: Passage) -> bool:
    return all(
        decision.line.implicit if decision.line is not None else not decision.filter.default_places
        for decision in passage.decisions
    )


def _deciders(passage: Passage) -> str:
    return ", ".join(one.line.id if one.line else one.filter.name for one in passage.decisions)


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
