"""What an edit of exports changes between zones: newly permitted, newly denied, and what of it the policy allows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from zoneguard.firewall.model import Action
from zoneguard.firewall.trace import trace
from zoneguard.net import rulelist
from zoneguard.net.cover import merged
from zoneguard.net.product import Product, count, example_of
from zoneguard.net.rulelist import RuleList
from zoneguard.policy.regions import allowed_regions, zone_spans
from zoneguard.rules.permitting import MOST_PASSAGES, SHOWN, Held, universe_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from zoneguard.firewall.model import Line, ParseResult, Ruleset
    from zoneguard.firewall.permit import Passage
    from zoneguard.net.product import Probe
    from zoneguard.policy.model import Policy
    from zoneguard.rules.permitting import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Packets from one zone to another that one side permits, by the same lines, and the other does not.

    `lines` are those of the side that permits, `others` those that decide the example on the side that does not
    (empty: its default). `beyond` tells whether any of it lies outside of what the policy allows; the shown
    products are then of that part.
    """

    device: str
    orig_zone: str
    resp_zone: str
    permitted: bool  # True: newly permitted, False: newly denied
    beyond: bool
    sure: bool
    lines: tuple[Line, ...]
    others: tuple[Line, ...]
    widest: tuple[Shown, ...]
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
    example: Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two sets of exports held against each other; devices that stand on one side only are named."""

    changes: tuple[Changed, ...]
    kept: tuple[Kept, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]


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
    for old, new in pairs:
        if old is None or new is None:
            continue
        universe = universe_of([old[1], new[1]], regions)
        held = [Held(policy, spans, regions, *one, universe=universe) for one in (old, new)]
        changes += _changes(held[0], held[1], permitted=True)
        changes += _changes(held[1], held[0], permitted=False)
        kept += _kept(held[0], held[1])
    return Difference(
        changes=tuple(changes),
        kept=tuple(kept),
        only_before=tuple(old[1].device for old, new in pairs if old is not None and new is None),
        only_after=tuple(new[1].device for old, new in pairs if new is not None and old is None),
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


def _changes(without: Held, having: Held, *, permitted: bool) -> Iterator[Changed]:
    """Yield what one side lets pass and the other does not, pair of zones by pair of zones."""
    for orig, resp in having.pairs():
        other = _as_list(_passing(without, orig, resp), having)
        groups: dict[tuple[object, ...], list[Passage]] = {}
        for one in _passing(having, orig, resp, excluding=other):
            key = (*(id(decision.line) for decision in one.decisions), one.sure)
            groups.setdefault(key, []).append(one)
        for group in groups.values():
            yield _changed(without, having, (orig, resp), group, permitted=permitted)


def _passing(held: Held, orig: str, resp: str, *, excluding: RuleList | None = None) -> Iterator[Passage]:
    for ingress, egress in held.ways(orig, resp):
        yield from islice(held.passing((orig, resp), (ingress, egress), excluding=excluding), MOST_PASSAGES)


def _as_list(passages: Iterable[Passage], held: Held) -> RuleList:
    """Make a list of what surely passes, by the source as it came in and the destination as it leaves."""
    products = merged(_judged(one) for one in passages if one.sure)
    return RuleList([rulelist.Line(action=Action.PERMIT, exact=(one,)) for one in products], held.universe)


def _judged(passage: Passage) -> Product:
    return passage.left._replace(source=passage.entered.source)


def _changed(
    without: Held, having: Held, zones: tuple[str, str], group: list[Passage], *, permitted: bool
) -> Changed:
    products = merged(map(_judged, group))
    beyond = merged(rest for one in products for rest in having.allowed.unmatched(one))
    shown = sorted(
        beyond or products, key=lambda one: (-count(one, having.universe), one.source, one.destination)
    )
    example = example_of(shown[0], having.universe)
    return Changed(
        device=having.ruleset.device,
        orig_zone=zones[0],
        resp_zone=zones[1],
        permitted=permitted,
        beyond=bool(beyond),
        sure=group[0].sure,
        lines=tuple(one.line for one in group[0].decisions if one.line is not None),
        others=_deciding(without, zones, example),
        widest=tuple(having.shown(one) for one in shown[:SHOWN]),
        products=len(shown),
        size=sum(count(one, having.universe) for one in shown),
        example=example,
    )


def _deciding(held: Held, zones: tuple[str, str], probe: Probe) -> tuple[Line, ...]:
    """Give the line that denies one packet on the side where it does not pass."""
    for way in held.ways(*zones):
        found = trace(held.ruleset, probe, *way)
        if found.steps and found.verdict is not Action.PERMIT:
            line = found.steps[-1].line
            return (line,) if line is not None else ()
    return ()


def _kept(old: Held, new: Held) -> Iterator[Kept]:
    for orig, resp in new.pairs():
        before = [_judged(one) for one in _passing(old, orig, resp, excluding=old.allowed)]
        if not before:
            continue
        both = RuleList(
            [rulelist.Line(action=Action.DENY, exact=(one,)) for one in before],
            new.universe,
            default=Action.PERMIT,
        )
        groups: dict[tuple[int, ...], tuple[tuple[Line, ...], Product]] = {}
        for one in _passing(new, orig, resp, excluding=new.allowed):
            shared = next(iter(both.decided_within(_judged(one), Action.DENY)), None)
            if shared is not None:
                lines = tuple(decision.line for decision in one.decisions if decision.line is not None)
                groups.setdefault(tuple(map(id, lines)), (lines, shared.product))
        for lines, product in groups.values():
            yield Kept(
                device=new.ruleset.device,
                orig_zone=orig,
                resp_zone=resp,
                lines=lines,
                example=example_of(product, new.universe),
            )
