"""What an edit of a rule list newly permits and newly denies, with the deciding line on both sides."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.net.product import Product
from zoneguard.net.rulelist import Action, Reading
from zoneguard.net.spans import ANYWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.net.rulelist import Line, RuleList


class Change(NamedTuple):
    """Packets that are now decided otherwise; a line is None where the default decides."""

    product: Product
    now: Action
    before: int | None
    after: int | None


def difference(before: RuleList, after: RuleList, *, reading: Reading = Reading.MUST) -> Iterator[Change]:
    """Yield disjoint products of what changed its action from one list to the other.

    Both lists share one universe. Lines that stand in both, in the same order, decide alike whatever they
    decide in both; so only what a removed line decided before, or an added line decides after, is looked
    at: the cost follows the edit, not the lists.
    """
    if before.universe is not after.universe:
        raise ValueError("Two lists are compared within one universe of services; these have one each.")
    removed, added = changed_lines(before.lines, after.lines)
    fresh = frozenset(added)
    for line in added:
        for product in after.reached(line, reading=reading):
            now = after.lines[line].action
            for one in before.decided_within(product, _other(now), reading=reading):
                yield Change(one.product, now, one.line, line)
    for line in removed:
        for product in before.reached(line, reading=reading):
            now = _other(before.lines[line].action)
            for one in after.decided_within(product, now, reading=reading):
                if one.line not in fresh:
                    yield Change(one.product, now, line, one.line)
    if before.default is not after.default:
        yield from _by_default(before, after, reading)


def _by_default(before: RuleList, after: RuleList, reading: Reading) -> Iterator[Change]:
    """Yield what differing defaults decide on both sides; what an edited line decides has been told."""
    everything = Product(ANYWHERE, ANYWHERE, before.universe.everything)
    for one in before.decided_by_default(everything, reading=reading):
        for product in after.decided_by_default(one, reading=reading):
            yield Change(product, after.default, None, None)


def changed_lines(before: Sequence[Line], after: Sequence[Line]) -> tuple[list[int], list[int]]:
    """Give the indexes removed from one list and added in the other; all others keep their order.

    Of equal lines in one list only the first is held to be kept: the later ones decide nothing anyway.
    The longest increasing run of kept places, so O(n log n) where a textual diff is quadratic.
    """
    places = _first_places(after)
    kept = [(at, places[line]) for line, at in _first_places(before).items() if line in places]
    run = _longest_increasing([place for _, place in kept])
    kept_before = {kept[at][0] for at in run}
    kept_after = {kept[at][1] for at in run}
    return (
        [at for at in range(len(before)) if at not in kept_before],
        [at for at in range(len(after)) if at not in kept_after],
    )


def _first_places(lines: Sequence[Line]) -> dict[Line, int]:
    places: dict[Line, int] = {}
    for at, line in enumerate(lines):
        places.setdefault(line, at)
    return places


def _longest_increasing(numbers: Sequence[int]) -> list[int]:
    """Give the indexes of a longest increasing run of distinct numbers (patience sorting)."""
    tops: list[int] = []
    top_at: list[int] = []
    previous: list[int] = []
    for at, number in enumerate(numbers):
        pile = bisect_left(tops, number)
        previous.append(top_at[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(number)
            top_at.append(at)
        else:
            tops[pile], top_at[pile] = number, at
    run, at = [], top_at[-1] if top_at else -1
    while at >= 0:
        run.append(at)
        at = previous[at]
    return run[::-1]


def _other(action: Action) -> Action:
    return Action.DENY if action is Action.PERMIT else Action.PERMIT
