"""What a ruleset lets through, as exact sets of packets with the lines that decided, translations included."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from zoneguard.firewall.model import Filter, Rewrite
from zoneguard.net import rulelist
from zoneguard.net.product import Product, intersect, subtract_all
from zoneguard.net.rulelist import RuleList
from zoneguard.net.spans import intersect_spans, spans_within
from zoneguard.net.translation import Side, back, moved_services, translate
from zoneguard.net.translation import Translation as Moved

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from zoneguard.firewall.model import Interface, Line, Match, Ruleset, Translation
    from zoneguard.net.product import Probe
    from zoneguard.net.service import Service
    from zoneguard.net.spans import Spans
    from zoneguard.net.translation import Translated
    from zoneguard.net.universe import ServiceUniverse


Place: TypeAlias = tuple[int, int]  # of a line: which step of its ruleset, which line of that


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
    trail: tuple[tuple[Translated, Moved], ...] = ()  # what was translated on the way, to find the way back


def services_of(rulesets: Iterable[Ruleset], *, beside: Iterable[Service] = ()) -> set[Service]:
    """Give every service that rulesets tell apart, `beside` included, with the cuts that moved ports carry over."""
    named = set(beside)
    moved: list[Moved] = []
    for ruleset in rulesets:
        for step in ruleset.steps:
            for one in step.lines if isinstance(step, Filter) else step.translations:
                named.update(one.match.services)
            if isinstance(step, Rewrite):
                moved += [part for one in step.translations for parts in _moves(one) for part in parts]
    return moved_services(named, moved)


class Permitter:
    """Asks one ruleset what it lets through.

    `universe` must have been made of `services_of` the ruleset, among others. Indexes are built when a pair of
    interfaces first needs them and shared by all pairs to which the same lines apply. Lines known to be
    `unreachable` are left out: whatever they say, no packet comes to them, so nothing changes but the time it takes.
    """

    def __init__(
        self, ruleset: Ruleset, universe: ServiceUniverse, *, unreachable: Collection[Place] = ()
    ) -> None:
        self.ruleset = ruleset
        self.universe = universe
        self._unreachable = frozenset(unreachable)
        self._lists: dict[tuple[int, tuple[int, ...] | None], tuple[RuleList, tuple[Line, ...]]] = {}
        self._plain = [
            all(line.match.ingress is None and line.match.egress is None for line in step.lines)
            if isinstance(step, Filter)
            else False
            for step in ruleset.steps
        ]

    def filters(self, ingress: str | None, egress: str | None) -> list[Filter]:
        """Give the filters that stand in the way from one interface to another."""
        path = self.known((ingress, egress))
        return [step for step in self.ruleset.steps if isinstance(step, Filter) and applies(step, *path)]

    def known(self, path: tuple[str | None, str | None]) -> tuple[str | None, str | None]:
        """Give a pair of interfaces by the names that the lines use."""
        return known_as(path[0], self.ruleset.interfaces), known_as(path[1], self.ruleset.interfaces)

    def passages(
        self,
        product: Product,
        ingress: str | None,
        egress: str | None,
        *,
        towards: Spans | None = None,
        excluding: RuleList | None = None,
        enough: Callable[[tuple[Decision, ...]], bool] | None = None,
    ) -> Iterator[Passage]:
        """Yield what passes of the packets that come in by `ingress` and leave by `egress`.

        `product` holds packets as they come in, `towards` the destinations as they leave that are asked for.
        `excluding` takes out what its lines match, held against the source as it came in and the destination
        as it leaves. What is surely permitted comes first, then what only may be; disjoint as they came in.
        What passes by lines of which the caller has `enough` need not be told in full. None for an interface is one of which nothing is known.
        """
        if not self.ruleset.forwards:
            return
        path = self.known((ingress, egress))
        steps = [
            (at, step)
            for at, step in enumerate(self.ruleset.steps)
            if isinstance(step, Rewrite) or applies(step, *path)
        ]
        translates = any(isinstance(step, Rewrite) for _, step in steps)
        if not translates and towards is not None and spans_within(product.destination, towards):
            towards = None  # what comes in leaves as it is
        # Where nothing is translated, the first filter already sees what is held against `excluding`.
        early = excluding if steps and not translates else None
        late = None if early is not None else excluding
        surely = [Passage(product, product, (), (), sure=True)]
        perhaps: list[
            tuple[list[Passage], list[Passage]]
        ] = []  # by step: what surely comes to it, what only may pass
        for number, (at, step) in enumerate(steps):
            held, is_last = None if number else early, number == len(steps) - 1
            passed = (
                made
                for one in surely
                for made in self._past(one, at, step, path, held, enough=enough if is_last else None)
            )
            perhaps.append((surely, []))
            surely = []
            for one in passed:
                if not one.sure:
                    perhaps[-1][1].append(one)
                elif is_last:
                    yield from _without(_towards(one, towards), late)
                else:
                    surely.append(one)
        for passage in surely:
            yield from _without(_towards(passage, towards), late)
        if self._has_unknown:
            for passage in self._perhaps_passing(steps, perhaps, path, early):
                yield from _without(_towards(passage, towards), late)

    def _perhaps_passing(
        self,
        steps: Sequence[tuple[int, Filter | Rewrite]],
        perhaps: Sequence[tuple[list[Passage], list[Passage]]],
        path: tuple[str | None, str | None],
        early: RuleList | None,
    ) -> list[Passage]:
        """Give what only may pass all steps."""
        unsure: list[Passage] = []
        for number, ((at, step), (came, made)) in enumerate(zip(steps, perhaps, strict=True)):
            held = None if number else early
            unsure = [
                *made,
                *(more for one in came for more in self._perhaps_past(one, at, step, path, held)),
                *(more for one in unsure for more in self._past(one, at, step, path, held)),
                *(more for one in unsure for more in self._perhaps_past(one, at, step, path, held)),
            ]
        return unsure

    @cached_property
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
        passage: Passage,
        at: int,
        step: Filter | Rewrite,
        path: tuple[str | None, str | None],
        excluding: RuleList | None,
        *,
        enough: Callable[[tuple[Decision, ...]], bool] | None = None,
    ) -> Iterator[Passage]:
        """Yield what a step surely lets pass, as sure as it came there."""
        if isinstance(step, Rewrite):
            yield from self._rewritten(passage, step, path)
            return
        rules, lines = self._list_of(at, step, path)
        found = (
            rules.permitted_within(passage.left, excluding=excluding)
            if enough is None
            else rules.permitted_within(
                passage.left,
                excluding=excluding,
                enough=lambda line: enough((*passage.decisions, Decision(step, lines[line]))),
            )
        )
        line: int | None = -1
        decisions = passage.decisions
        for one in found:
            if one.line != line:  # what one line lets pass comes together, and shares what was decided
                line = one.line
                decisions = (*passage.decisions, Decision(step, None if line is None else lines[line]))
            yield _narrowed(passage, one.product, decisions, sure=passage.sure)

    def _perhaps_past(
        self,
        passage: Passage,
        at: int,
        step: Filter | Rewrite,
        path: tuple[str | None, str | None],
        excluding: RuleList | None,
    ) -> Iterator[Passage]:
        """Yield what a filter only may let pass."""
        if isinstance(step, Filter):
            rules, lines = self._list_of(at, step, path)
            for one in rules.only_may_be_permitted_within(passage.left, excluding=excluding):
                decision = Decision(step, None if one.line is None else lines[one.line])
                yield _narrowed(passage, one.product, (*passage.decisions, decision), sure=False)

    def _list_of(
        self, at: int, step: Filter, path: tuple[str | None, str | None]
    ) -> tuple[RuleList, tuple[Line, ...]]:
        chosen = (
            None
            if self._plain[at]
            else tuple(number for number, line in enumerate(step.lines) if meets(line.match, *path))
        )
        return self.indexed(at, chosen)

    def first_match(
        self, at: int, step: Filter, probe: Probe, path: tuple[str | None, str | None]
    ) -> tuple[Line | None, tuple[Line, ...]]:
        """Give the line of a filter that surely takes a packet first (None: its default), and those before that may."""
        rules, lines = self._list_of(at, step, path)
        found = rules.first_match(probe)
        return None if found.line is None else lines[found.line], tuple(lines[one] for one in found.unsure)

    def indexed(self, at: int, chosen: tuple[int, ...] | None) -> tuple[RuleList, tuple[Line, ...]]:
        """Give the index of some lines of a step (None: all of them), made when it is first asked for."""
        if (at, chosen) not in self._lists:
            step = self.ruleset.steps[at]
            if not isinstance(step, Filter):
                raise TypeError("Only a filter has lines.")
            numbers = range(len(step.lines)) if chosen is None else chosen
            lines = tuple(step.lines[number] for number in numbers if (at, number) not in self._unreachable)
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
                        yield from self._translated(_cut(passage, taken), translation)
            if not translation.match.unknown:
                rest = list(subtract_all(rest, products))
        for here in rest:
            yield _cut(passage, here)

    def _translated(self, passage: Passage, translation: Translation) -> Iterator[Passage]:
        sure = passage.sure and not translation.match.unknown
        pending = [passage._replace(translations=(*passage.translations, translation), sure=sure)]
        for moves in _moves(translation):
            pending = [
                made
                for one in pending
                for move in moves
                for part in translate(one.left, move, self.universe)
                for made in [_moved(one, part, move)]
            ]
        yield from pending


def known_as(name: str | None, interfaces: Iterable[Interface]) -> str | None:
    """Give the name by which a ruleset knows an interface: its own, or the longest that stands for it."""
    standing = []
    for one in interfaces:
        if name is None or one.name == name:
            return name
        if one.stands_for_others and name.startswith(one.name[:-1]):
            standing.append(one.name)
    return max(standing, key=len, default=name)


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


def _moves(translation: Translation) -> Iterator[list[Moved]]:
    """Take a translation apart: for each mapping, its single spans and ports, each taking its own packets."""
    match = translation.match
    for side, mapping, spans in (
        (Side.SOURCE, translation.source, match.source),
        (Side.DESTINATION, translation.destination, match.destination),
    ):
        if mapping is None:
            continue
        ports = sorted({one.sport if side is Side.SOURCE else one.dport for one in match.services})
        yield [
            Moved(
                side=side,
                before=span,
                after=mapping.address or span,
                ports=(port, mapping.port) if mapping.port is not None and port is not None else None,
                is_pool=mapping.address is not None
                and len(spans) > 1
                and mapping.address[0] != mapping.address[1],
            )
            for span in spans
            for port in (ports if mapping.port is not None else [None])
        ]


def _moved(passage: Passage, part: Translated, move: Moved) -> Passage:
    cut = _cut(passage, part.before)
    # Which address of a source pool is taken asks nothing of what passes, unless a later filter asks for it.
    sure = cut.sure and (part.exact or move.side is Side.SOURCE)
    return cut._replace(left=part.after, sure=sure, trail=(*cut.trail, (part, move)))


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
    """Narrow packets at the point where they are now, and as they came in by the way back."""
    entered = left
    for part, move in reversed(passage.trail):
        entered = back(entered, part, move)
    return passage._replace(entered=entered, left=left)


def _narrowed(passage: Passage, left: Product, decisions: tuple[Decision, ...], *, sure: bool) -> Passage:
    if not passage.trail:
        return Passage(left, left, decisions, passage.translations, sure)
    cut = _cut(passage, left)
    picked = left.source != passage.left.source and any(
        not part.exact and move.side is Side.SOURCE for part, move in passage.trail
    )
    return cut._replace(decisions=decisions, sure=sure and not picked)


def _takes_one_of_many(translation: Translation) -> bool:
    return any(
        move.is_pool or (move.after[1] - move.after[0] not in (0, move.before[1] - move.before[0]))
        for moves in _moves(translation)
        for move in moves
    )


def _towards(passage: Passage, destinations: Spans | None) -> Passage:
    if destinations is None:
        return passage
    left = passage.left._replace(destination=intersect_spans(passage.left.destination, destinations))
    return _cut(passage, left)


def _without(passage: Passage, excluding: RuleList | None) -> Iterator[Passage]:
    """Take out what is excluded, by the source as it came in and the destination as it leaves."""
    if not passage.left:
        return
    if excluding is None:
        yield passage
        return
    source = passage.left.source
    for rest in excluding.unmatched(passage.left._replace(source=passage.entered.source)):
        cut = _cut(passage, rest if not passage.trail else rest._replace(source=source))
        yield cut._replace(entered=intersect(cut.entered, cut.entered._replace(source=rest.source)))
