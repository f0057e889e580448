"""What an edit of exports changes between zones: newly permitted, newly denied, and what of it the policy allows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.compare import touched
from zoneguard.firewall.model import Action
from zoneguard.firewall.trace import trace
from zoneguard.firewall.unreachable import plainly_unreachable
from zoneguard.net import rulelist
from zoneguard.net.cover import merged
from zoneguard.net.product import Product, count, example_of
from zoneguard.net.rulelist import RuleList
from zoneguard.policy.regions import allowed_regions, zone_spans
from zoneguard.rules.permission import shown
from zoneguard.rules.permitting import MOST_PASSAGES, Held, judged, universe_of, widest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from zoneguard.firewall.model import Line, ParseResult, Ruleset
    from zoneguard.firewall.permit import Decision, Passage
    from zoneguard.net.product import Probe
    from zoneguard.net.spans import Spans
    from zoneguard.net.universe import ServiceUniverse
    from zoneguard.policy.model import Policy
    from zoneguard.policy.regions import Region
    from zoneguard.rules.permission import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Packets from one zone to another that one side permits, by the same lines, and the other does not.

    `lines` are those of the side that permits, `others` those that decide the example on the side that does not
    (empty: its default). `beyond` tells whether any of it lies outside of what the policy allows; what is
    counted and shown is then that part.
    """

    device: str
    orig_zone: str
    resp_zone: str
    permitted: bool  # True: newly permitted, False: newly denied
    beyond: bool
    sure: bool
    lines: tuple[Line, ...]
    others: tuple[Line, ...]
    widest: Shown
    products: int
    size: int
    example: Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Packets that both sides permit and the policy does not allow."""

    device: str
    orig_zone: str
    resp_zone: str
    lines: tuple[Line, ...]  # of the later side
    part: Product
    universe: ServiceUniverse  # of the services of `part`

    # Made when it is told: most are told as a number.
    @property
    def example(self) -> Probe:
        """Give a packet of it."""
        return example_of(self.part, self.universe)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two sets of exports held against each other; devices that stand on one side only are named."""

    changes: tuple[Changed, ...]
    kept: tuple[Kept, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    unplaced: tuple[str, ...]  # devices of which no two interfaces are known to lead to different zones


def compare(policy: Policy, before: Sequence[ParseResult], after: Sequence[ParseResult]) -> Difference:
    """Compare two versions of exports, or two formats of the same device, by what they let pass between zones.

    Devices are paired by name, or when each side has one alone. A device without its pair is compared with
    one that passes nothing.
    """
    spans = zone_spans(policy)
    regions = allowed_regions(policy, spans)
    pairs = _pairs(before, after)
    changes: list[Changed] = []
    kept: list[Kept] = []
    unplaced: list[str] = []
    for old, new in pairs:
        if old is None or new is None:
            continue
        sides = Sides(policy, spans, regions, old, new)
        changes += sides.changes()
        kept += sides.kept()
        unplaced += [one.ruleset.device for one in (sides.old, sides.new) if not one.faces.joins]
    return Difference(
        changes=tuple(changes),
        kept=tuple(kept),
        only_before=tuple(old[1].device for old, new in pairs if old is not None and new is None),
        only_after=tuple(new[1].device for old, new in pairs if new is not None and old is None),
        unplaced=tuple(dict.fromkeys(unplaced)),
    )


_Side = tuple["ParseResult", "Ruleset"]


def _pairs(
    before: Sequence[ParseResult], after: Sequence[ParseResult]
) -> list[tuple[_Side | None, _Side | None]]:
    old = [(result, ruleset) for result in before for ruleset in result.rulesets]
    new = [(result, ruleset) for result in after for ruleset in result.rulesets]
    if len(old) == len(new) == 1:
        return [(old[0], new[0])]
    by_name = {ruleset.device: (result, ruleset) for result, ruleset in new}
    pairs: list[tuple[_Side | None, _Side | None]] = [(one, by_name.pop(one[1].device, None)) for one in old]
    return [*pairs, *((None, one) for one in by_name.values())]


class Together(NamedTuple):
    """Packets that pass by the same lines."""

    lines: tuple[Line, ...]
    sure: bool
    products: list[Product]


class Sides:
    """One device before and after, in one universe, and the packets that can be treated differently."""

    def __init__(
        self, policy: Policy, spans: Mapping[str, Spans], regions: Sequence[Region], old: _Side, new: _Side
    ) -> None:
        universe = universe_of([old[1], new[1]], regions)
        self.old, self.new = (Held(policy, spans, regions, *one, universe=universe) for one in (old, new))
        # Unreachable lines are not told here, so that it is enough to leave out those that are quickly found.
        for one in (self.old, self.new):
            one.unreachable = plainly_unreachable(one.ruleset, universe)
        found = (
            touched(self.old.permitter, self.new.permitter)
            if self.old.faces.zones == self.new.faces.zones
            else None
        )
        self._opened = None if found is None else _permitting(found.opened, universe)
        self._closed = None if found is None else _permitting(found.closed, universe)
        self._newly: dict[tuple[str, str], list[Product]] = {}

    def changes(self) -> Iterator[Changed]:
        """Yield what one side lets pass and the other does not, pair of zones by pair of zones."""
        for pair, group in self.newly_permitted():
            self._newly.setdefault(pair, []).extend(group.products)
            yield _changed(self.old, self.new, pair, group, permitted=True)
        for pair, group in self.newly_denied():
            yield _changed(self.new, self.old, pair, group, permitted=False)

    def newly_permitted(self) -> Iterator[tuple[tuple[str, str], Together]]:
        """Yield what passes now and did not before."""
        return self._one_way(self.old, self.new, self._opened)

    def newly_denied(self) -> Iterator[tuple[tuple[str, str], Together]]:
        """Yield what passed before and does not now."""
        return self._one_way(self.new, self.old, self._closed)

    def _one_way(
        self, without: Held, having: Held, touched: RuleList | None
    ) -> Iterator[tuple[tuple[str, str], Together]]:
        for pair in having.faces.pairs():
            among = (
                None
                if touched is None
                else merged(
                    one.product for each in having.asked(*pair) for one in touched.permitted_within(each)
                )
            )
            if among == []:
                continue
            # Beyond so many of one side more is told than changed; of the other none is left out.
            before = list(_passing(without, pair, among=among, most=MOST_PASSAGES))
            surely = _as_list((one for one in before if one.sure), having)
            perhaps = _as_list((one for one in before if not one.sure), having)
            groups: dict[tuple[object, ...], Together] = {}
            for one in _passing(having, pair, among=among):
                rest = surely.unmatched(judged(one))
                if not one.sure:  # what perhaps passed before and perhaps does now has not changed
                    rest = (left for part in rest for left in perhaps.unmatched(part))
                if newly := list(rest):
                    lines = _lines_of(one.decisions)
                    group = groups.setdefault((*map(id, lines), one.sure), Together(lines, one.sure, []))
                    group.products.extend(newly)
            yield from ((pair, group) for group in groups.values())

    def kept(self) -> Iterator[Kept]:
        """Yield what passes beyond the policy and passed before; call it after `changes`."""
        for pair in self.new.faces.pairs():
            newly = self._newly.get(pair)
            new = _permitting(newly, self.new.universe) if newly else None
            told: set[tuple[int, ...]] = set()

            def is_told(decisions: Iterable[Decision], told: set[tuple[int, ...]] = told) -> bool:
                return tuple(map(id, _lines_of(decisions))) in told

            for one in _passing(
                self.new, pair, excluding=self.new.allowed, enough=is_told, most=MOST_PASSAGES
            ):
                lines = _lines_of(one.decisions)
                key = tuple(map(id, lines))
                if key in told:
                    continue
                part = judged(one) if new is None else next(new.unmatched(judged(one)), None)
                if part is not None:
                    told.add(key)
                    yield Kept(
                        device=self.new.ruleset.device,
                        orig_zone=pair[0],
                        resp_zone=pair[1],
                        lines=lines,
                        part=part,
                        universe=self.new.universe,
                    )


def _passing(
    held: Held,
    pair: tuple[str, str],
    *,
    excluding: RuleList | None = None,
    among: Sequence[Product] | None = None,
    enough: Callable[[tuple[Decision, ...]], bool] | None = None,
    most: int | None = None,
) -> Iterator[Passage]:
    """Yield what passes from one zone to another, `most` by each pair of interfaces."""
    for way in held.faces.ways(*pair):
        found = held.passing(pair, way, excluding=excluding, among=among, enough=enough)
        yield from islice(found, most)


def _as_list(passages: Iterable[Passage], held: Held) -> RuleList:
    """Make a list of what passes, by the source as it came in and the destination as it leaves."""
    return _permitting(merged(map(judged, passages)), held.universe)


def _permitting(products: Iterable[Product], universe: ServiceUniverse) -> RuleList:
    return RuleList([rulelist.Line(action=Action.PERMIT, exact=(one,)) for one in products], universe)


def _lines_of(decisions: Iterable[Decision]) -> tuple[Line, ...]:
    return tuple(decision.line for decision in decisions if decision.line is not None)


def _changed(
    without: Held, having: Held, zones: tuple[str, str], group: Together, *, permitted: bool
) -> Changed:
    products = merged(group.products)
    beyond = merged(rest for one in products for rest in having.allowed.unmatched(one))
    told = beyond or products
    sizes = [count(one, having.universe) for one in told]
    most = widest(told, sizes)
    example = example_of(most, having.universe)
    return Changed(
        device=having.ruleset.device,
        orig_zone=zones[0],
        resp_zone=zones[1],
        permitted=permitted,
        beyond=bool(beyond),
        sure=group.sure,
        lines=group.lines,
        others=_deciding(without, zones, example),
        widest=shown(most, having.universe),
        products=len(told),
        size=sum(sizes),
        example=example,
    )


def _deciding(held: Held, zones: tuple[str, str], probe: Probe) -> tuple[Line, ...]:
    """Give the line that denies one packet on the side where it does not pass."""
    for way in held.faces.ways(*zones):
        found = trace(held.ruleset, probe, *way, index=held.permitter)
        if found.steps and found.verdict is not Action.PERMIT:
            line = found.steps[-1].line
            return (line,) if line is not None else ()
    return ()
