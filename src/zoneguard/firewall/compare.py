"""Two versions of a ruleset: the packets that they can treat differently, told by the lines that differ."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from zoneguard.firewall.model import Filter, Line
from zoneguard.net.product import Product

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from zoneguard.firewall.model import Ruleset, Step, Translation
    from zoneguard.net.universe import ServiceUniverse


def touched(old: Ruleset, new: Ruleset, universe: ServiceUniverse) -> tuple[Product, ...] | None:
    """Give products, as packets come in, that hold every packet which the two can treat differently.

    A packet that no differing line matches is decided by the same line on both sides, since the lines which
    both share stand in the same order. None: the two differ in more than lines of filters before any
    translation (their interfaces, a default, what is translated), and any packet may be treated differently.
    """
    if len(old.steps) != len(new.steps) or old.forwards != new.forwards:
        return None
    found: list[Product] = []
    translated = False
    for before, behind in zip(old.steps, new.steps, strict=True):
        if _shape(before) != _shape(behind):
            return None
        differing = list(_differing(_entries(before), _entries(behind)))
        is_filter = isinstance(before, Filter)
        if differing and (translated or not is_filter):
            return None
        translated = translated or not is_filter
        for one in differing:
            match = one.match
            product = Product(match.source, match.destination, universe.set_of(*match.services))
            if product:
                found.append(product)
    return tuple(dict.fromkeys(found))


def _shape(step: Step) -> Hashable:
    if isinstance(step, Filter):
        return (step.default, step.ingress, step.egress, step.stateful, step.tells_replies)
    return None


def _entries(step: Step) -> Sequence[Line | Translation]:
    return step.lines if isinstance(step, Filter) else step.translations


def _differing(
    old: Sequence[Line | Translation], new: Sequence[Line | Translation]
) -> Iterator[Line | Translation]:
    """Yield what is not in a run of entries that both hold in the same order; such a run, not the longest."""
    old_keys, new_keys = [_meaning(one) for one in old], [_meaning(one) for one in new]
    old_shared, new_shared = _shared(old_keys, new_keys)
    yield from (one for at, one in enumerate(old) if at not in old_shared)
    yield from (one for at, one in enumerate(new) if at not in new_shared)


def _meaning(one: Line | Translation) -> Hashable:
    """Give what decides packets: neither the number of a line nor what is written beside it."""
    if isinstance(one, Line):
        return (one.action, one.match, one.enabled)
    return (one.match, one.source, one.destination, one.enabled)


def _shared(old: list[Hashable], new: list[Hashable]) -> tuple[set[int], set[int]]:
    """Pair equal entries in ascending order on both sides.

    From both ends first; between, the longest ascending run of those that stand once on each side (patience
    sorting), widened to equal neighbours. n log n, where the longest common run would be quadratic.
    """
    begin, end = 0, 0
    most = min(len(old), len(new))
    while begin < most and old[begin] == new[begin]:
        begin += 1
    while end < most - begin and old[-1 - end] == new[-1 - end]:
        end += 1
    old_shared = {*range(begin), *range(len(old) - end, len(old))}
    new_shared = {*range(begin), *range(len(new) - end, len(new))}
    for pair in _ascending(_once(old, begin, len(old) - end), _once(new, begin, len(new) - end)):
        # Widening stops at the next pair at the latest: its key stands once on each side.
        for step in (-1, 1):
            at, beside = pair if step == 1 else (pair[0] - 1, pair[1] - 1)
            while (
                begin <= at < len(old) - end
                and begin <= beside < len(new) - end
                and at not in old_shared
                and old[at] == new[beside]
            ):
                old_shared.add(at)
                new_shared.add(beside)
                at += step
                beside += step
    return old_shared, new_shared


def _once(keys: list[Hashable], begin: int, end: int) -> dict[Hashable, int]:
    places: dict[Hashable, int] = {}
    several = set()
    for at in range(begin, end):
        if keys[at] in places:
            several.add(keys[at])
        places[keys[at]] = at
    return {key: at for key, at in places.items() if key not in several}


def _ascending(old: dict[Hashable, int], new: dict[Hashable, int]) -> list[tuple[int, int]]:
    """Give the longest run of shared keys that ascends on both sides."""
    pairs = sorted((at, new[key]) for key, at in old.items() if key in new)
    tops: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, (_, beside) in enumerate(pairs):
        place = bisect_left(tops, beside)
        previous.append(ends[place - 1] if place else -1)
        if place == len(tops):
            tops.append(beside)
            ends.append(index)
        else:
            tops[place], ends[place] = beside, index
    run = []
    at = ends[-1] if ends else -1
    while at >= 0:
        run.append(pairs[at])
        at = previous[at]
    return run[::-1]
