"""What a ruleset lets through, as exact sets of packets with the lines that decided, translations included."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Filter, Rewrite
from zoneguard.net import rulelist
from zoneguard.net.product import Product, intersect, subtract_all
from zoneguard.net.rulelist import RuleList
from zoneguard.net.service import Service, ServiceUniverse, intersect_services
from zoneguard.net.spans import intersect_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zoneguard.firewall.model import Line, Mapping, Match, Ruleset, Translation
    from zoneguard.net.service import ServiceSet
    from zoneguard.net.spans import Spans


class Decision(NamedTuple):
    """What one filter said: the line that permitted, None where its default did."""

    filter: Filter
    line: Line | None


class Passage(NamedTuple):
    """Packets that a device lets through: as they came in, as they leave, and who decided that.

    `sure` False: only if conditions that are not understood turn out so. Where a translation takes one of many
    addresses, `left` holds all that may be taken.
    """

    entered: Product
    left: Product
    decisions: tuple[Decision, ...]
    translations: tuple[Translation, ...]
    sure: bool


def services_of(ruleset: Ruleset) -> Iterator[Service]:
    """Yield every service that the ruleset tells apart, also those that its translations make."""
    for step in ruleset.steps:
        if isinstance(step, Filter):
            for line in step.lines:
                yield from line.match.services
        else:
            for translation in step.translations:
                yield from translation.match.services
                for service in translation.match.services:
                    yield from _translated_boxes(service, translation)


class Permitter:
    """Asks one ruleset what it lets through.

    `universe` must have been made of `services_of` the ruleset, among others. Indexes are built when a pair of
    interfaces first needs them and shared by all pairs to which the same lines apply.
    """

    def __init__(self, ruleset: Ruleset, universe: ServiceUniverse) -> None:
        self.ruleset = ruleset
        self.universe = universe
        self._lists: dict[tuple[int, tuple[int, ...] | None], tuple[RuleList, tuple[Line, ...]]] = {}
        self._plain = [
            all(line.match.ingress is None and line.match.egress is None for line in step.lines)
            if isinstance(step, Filter)
            else False
            for step in ruleset.steps
        ]

    def filters(self, ingress: str | None, egress: str | None) -> list[Filter]:
        """Give the filters that stand in the way from one interface to another."""
        return [
            step for step in self.ruleset.steps if isinstance(step, Filter) and applies(step, ingress, egress)
        ]

    def passages(
        self,
        product: Product,
        ingress: str | None,
        egress: str | None,
        *,
        towards: Spans | None = None,
        excluding: RuleList | None = None,
    ) -> Iterator[Passage]:
        """Yield what passes of the packets that come in by `ingress` and leave by `egress`.

        `product` holds packets as they come in, `towards` the destinations as they leave that are asked for.
        `excluding` takes out what its lines match, held against the source as it came in and the destination
        as it leaves. What is surely permitted comes first, then what only may be; disjoint as they came in.
        None for an interface is one of which nothing is known.
        """
        if not self.ruleset.forwards:
            return
        for sure in (True, False) if self._has_unknown() else (True,):
            pending = [Passage(product, product, (), (), sure=True)]
            steps = [
                (at, step)
                for at, step in enumerate(self.ruleset.steps)
                if isinstance(step, Rewrite) or applies(step, ingress, egress)
            ]
            early = excluding is not None and not any(isinstance(step, Rewrite) for _, step in steps)
            for at, step in steps:
                pending = list(
                    self._past(pending, at, step, (ingress, egress), excluding if early else None, sure=sure)
                )
                excluded, early = early, False
                if excluded:
                    excluding = None
            for passage in pending:
                if passage.sure is sure:
                    yield from _without(_towards(passage, towards), excluding)

    def _has_unknown(self) -> bool:
        return any(
            line.match.unknown
            for step in self.ruleset.steps
            for line in (step.lines if isinstance(step, Filter) else step.translations)
        ) or any(
            _takes_one_of_many(one)
            for step in self.ruleset.steps
            if isinstance(step, Rewrite)
            for one in step.translations
        )

    def _past(
        self,
        pending: list[Passage],
        at: int,
        step: Filter | Rewrite,
        path: tuple[str | None, str | None],
        excluding: RuleList | None,
        *,
        sure: bool,
    ) -> Iterator[Passage]:
        if isinstance(step, Rewrite):
            for passage in pending:
                yield from self._rewritten(passage, step, path)
            return
        rules, lines = self._list_of(at, step, path)
        for passage in pending:
            decided = (
                [(one, passage.sure) for one in rules.permitted_within(passage.left, excluding=excluding)]
                if sure
                else [
                    *(
                        (one, passage.sure)
                        for one in rules.permitted_within(passage.left, excluding=excluding)
                    ),
                    *(
                        (one, False)
                        for one in rules.only_may_be_permitted_within(passage.left, excluding=excluding)
                    ),
                ]
            )
            for one, is_sure in decided:
                decision = Decision(step, None if one.line is None else lines[one.line])
                yield _narrowed(passage, one.product, decision, sure=is_sure)

    def _list_of(
        self, at: int, step: Filter, path: tuple[str | None, str | None]
    ) -> tuple[RuleList, tuple[Line, ...]]:
        chosen = (
            None
            if self._plain[at]
            else tuple(number for number, line in enumerate(step.lines) if meets(line.match, *path))
        )
        if (at, chosen) not in self._lists:
            lines = step.lines if chosen is None else tuple(step.lines[number] for number in chosen)
            entries = [entry_of(line, self.universe) for line in lines]
            self._lists[at, chosen] = RuleList(entries, self.universe, default=step.default), lines
        return self._lists[at, chosen]

    def _rewritten(
        self, passage: Passage, step: Rewrite, path: tuple[str | None, str | None]
    ) -> Iterator[Passage]:
        """Divide packets by the translation that takes them; the last part is taken by none."""
        rest = [passage.left]
        for translation in step.translations:
            if not translation.enabled or not meets(translation.match, *path):
                continue
            products = list(_products(translation.match, self.universe))
            for here in rest:
                for product in products:
                    taken = intersect(here, product)
                    if taken:
                        yield self._translated(_cut(passage, taken), translation)
            if not translation.match.unknown:
                rest = list(subtract_all(rest, products))
        for here in rest:
            yield _cut(passage, here)

    def _translated(self, passage: Passage, translation: Translation) -> Passage:
        left, sure = passage.left, passage.sure and not translation.match.unknown
        if translation.source is not None:  # which address of a pool is taken asks nothing of what passes
            left = left._replace(
                source=map_spans(left.source, translation.match.source, translation.source)[0]
            )
        if translation.destination is not None:
            mapping = translation.destination
            mapped, exact = map_spans(left.destination, translation.match.destination, mapping)
            left, sure = left._replace(destination=mapped), sure and exact
            if mapping.port is not None:
                left = left._replace(services=self._mapped_services(left.services, translation))
        return passage._replace(left=left, translations=(*passage.translations, translation), sure=sure)

    def _mapped_services(self, services: ServiceSet, translation: Translation) -> ServiceSet:
        boxes = [
            made
            for box in self.universe.boxes(services)
            for service in translation.match.services
            if (shared := intersect_services(box, service)) is not None
            for made in _translated_boxes(shared, translation)
        ]
        found = 0
        for at, atom in enumerate(self.universe.atoms):
            if any(intersect_services(atom, box) is not None for box in boxes):
                found |= 1 << at
        return found


def applies(step: Filter, ingress: str | None, egress: str | None) -> bool:
    """Tell whether a filter is asked on the way from one interface to another (None: not known, so perhaps)."""
    return (step.ingress is None or ingress is None or ingress in step.ingress) and (
        step.egress is None or egress is None or egress in step.egress
    )


def meets(match: Match, ingress: str | None, egress: str | None) -> bool:
    """Tell whether a match's interfaces leave room for a way (None: not known, so perhaps)."""
    return (match.ingress is None or ingress is None or ingress in match.ingress) and (
        match.egress is None or egress is None or egress in match.egress
    )


def map_spans(spans: Spans, matched: Spans, mapping: Mapping) -> tuple[Spans, bool]:
    """Translate addresses; False when one of several is taken and it is not known which."""
    if mapping.address is None:
        return spans, True
    first, last = mapping.address
    if first == last:
        return ((first, first),), True
    if len(matched) == 1 and matched[0][1] - matched[0][0] == last - first:
        shift = first - matched[0][0]
        return tuple((one + shift, other + shift) for one, other in spans), True
    return (mapping.address,), False


def _translated_boxes(service: Service, translation: Translation) -> Iterator[Service]:
    mapping = translation.destination
    if mapping is None or mapping.port is None:
        yield service
    else:
        yield service._replace(dport=mapping.port)


def entry_of(line: Line, universe: ServiceUniverse) -> rulelist.Line:
    """Give a line as the index takes it: with an unknown condition it matches nothing for sure."""
    if not line.enabled:
        return rulelist.Line(action=line.action)
    products = tuple(_products(line.match, universe))
    if line.match.unknown:
        return rulelist.Line(action=line.action, unsure=products)
    return rulelist.Line(action=line.action, exact=products)


def _products(match: Match, universe: ServiceUniverse) -> Iterator[Product]:
    product = Product(match.source, match.destination, universe.set_of(*match.services))
    if product:
        yield product


def _cut(passage: Passage, left: Product) -> Passage:
    """Narrow packets at the point where they are now, and as they came in by the same amount where that is known."""
    entered = passage.entered
    if passage.entered == passage.left or not any(
        one.destination or one.source for one in passage.translations
    ):
        entered = left
    else:
        if not any(one.source for one in passage.translations):
            entered = entered._replace(source=left.source)
        if not any(one.destination for one in passage.translations):
            entered = entered._replace(destination=left.destination, services=left.services)
    return passage._replace(entered=entered, left=left)


def _narrowed(passage: Passage, left: Product, decision: Decision, *, sure: bool) -> Passage:
    cut = _cut(passage, left)
    return cut._replace(decisions=(*cut.decisions, decision), sure=sure)


def _takes_one_of_many(translation: Translation) -> bool:
    mapping = translation.destination
    return mapping is not None and not map_spans((), translation.match.destination, mapping)[1]


def _towards(passage: Passage, destinations: Spans | None) -> Passage:
    if destinations is None:
        return passage
    left = passage.left._replace(destination=intersect_spans(passage.left.destination, destinations))
    return _cut(passage, left)


def _without(passage: Passage, excluding: RuleList | None) -> Iterable[Passage]:
    """Take out what is excluded, by the source as it came in and the destination as it leaves."""
    if not passage.left:
        return ()
    if excluding is None:
        return (passage,)
    seen = passage.left._replace(source=passage.entered.source)
    return (
        _cut(passage, passage.left._replace(destination=rest.destination, services=rest.services))._replace(
            entered=passage.entered._replace(source=rest.source)
        )
        if passage.translations
        else passage._replace(entered=rest, left=rest)
        for rest in excluding.unmatched(seen)
    )
