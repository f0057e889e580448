"""Two versions of a ruleset: the packets that they can treat differently, told by the lines that differ."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.matching import covers_names
from zoneguard.firewall.model import Action, Filter, Line

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from zoneguard.firewall.model import Step, Translation
    from zoneguard.firewall.permit import Permitter
    from zoneguard.net.product import Product


class Touched(NamedTuple):
    """Products that hold every packet which an edit can let pass that did not, or keep out that passed.

    Only a line that permits and is new, or one that denied and is gone, lets more pass; of two shared deciders
    the later would have decided before, but for a line that is gone.
    """

    opened: tuple[Product, ...]
    closed: tuple[Product, ...]


def touched(old: Permitter, new: Permitter) -> Touched | None:
    """Give products, as packets come in, that hold every packet which the two can treat differently, by how they do.

    Those are the packets that a differing line may decide on its side. What only shared lines can decide on both
    sides they decide alike, since they stand in the same order: of two deciders that differ, each would come
    before the other. None: the two differ in more than lines of filters before any translation (their
    interfaces, a default, what is translated), and any packet may be treated differently.
    """
    if len(old.ruleset.steps) != len(new.ruleset.steps) or old.ruleset.forwards != new.ruleset.forwards:
        return None
    opened: list[Product] = []
    closed: list[Product] = []
    translated = False
    for at, (before, behind) in enumerate(zip(old.ruleset.steps, new.ruleset.steps, strict=True)):
        if _shape(before) != _shape(behind):
            return None
        if not isinstance(before, Filter) or not isinstance(behind, Filter):
            if list(map(_meaning, _entries(before))) != list(map(_meaning, _entries(behind))):
                return None
            translated = True
            continue
        shared = _shared(before.lines, behind.lines)
        removed = _without(len(before.lines), (one for one, _ in shared))
        added = _without(len(behind.lines), (one for _, one in shared))
        if (removed or added) and translated:
            return None
        for permitter, step, numbers, gone in ((old, before, removed, True), (new, behind, added, False)):
            permits = [number for number in numbers if step.lines[number].action is Action.PERMIT]
            denies = [number for number in numbers if step.lines[number].action is Action.DENY]
            opened += _reachable(permitter, at, step, denies if gone else permits)
            closed += _reachable(permitter, at, step, permits if gone else denies)
    return Touched(tuple(dict.fromkeys(opened)), tuple(dict.fromkeys(closed)))


def _reachable(permitter: Permitter, at: int, step: Filter, numbers: Iterable[int]) -> Iterator[Product]:
    """Yield what lines may decide, each held against the lines before it that stand on at least its interfaces."""
    alike: dict[tuple[frozenset[str] | None, frozenset[str] | None], list[int]] = {}
    for number in numbers:
        match = step.lines[number].match
        alike.setdefault((match.ingress, match.egress), []).append(number)
    for (ingress, egress), asked in alike.items():
        chosen = tuple(
            number
            for number, line in enumerate(step.lines)
            if covers_names(line.match.ingress, ingress) and covers_names(line.match.egress, egress)
        )
        rules, lines = permitter.indexed(at, None if len(chosen) == len(step.lines) else chosen)
        places = {id(line): place for place, line in enumerate(lines)}
        for number in asked:
            if id(step.lines[number]) in places:  # else it is known to be unreachable
                yield from rules.reachable(places[id(step.lines[number])])


def _shape(step: Step) -> Hashable:
    if isinstance(step, Filter):
        return (step.default, step.ingress, step.egress, step.stateful, step.tells_replies)
    return None


def _entries(step: Step) -> Sequence[Line | Translation]:
    return step.lines if isinstance(step, Filter) else step.translations


def _without(count: int, numbers: Iterable[int]) -> list[int]:
    """Give the numbers below a count that are none of these."""
    return sorted({*range(count)}.difference(numbers))


def _meaning(one: Line | Translation) -> Hashable:
    """Give what decides packets: neither the number of a line nor what is written beside it."""
    if isinstance(one, Line):
        return (one.action, one.match, one.enabled)
    return (one.match, one.source, one.destination, one.enabled)


def _shared(before: Sequence[Line], behind: Sequence[Line]) -> list[tuple[int, int]]:
    """Pair equal entries in ascending order on both sides.

    From both ends first; between, the longest ascending run of those that stand once on each side (patience
    sorting), widened to equal neighbours. n log n, where the longest common run would be quadratic.
    """
    old, new = list(map(_meaning, before)), list(map(_meaning, behind))
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
                and beside not in new_shared
                and old[at] == new[beside]
            ):
                old_shared.add(at)
                new_shared.add(beside)
                at += step
                beside += step
    return list(zip(sorted(old_shared), sorted(new_shared), strict=True))


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
