"""Lines that no packet reaches, with the lines before them that take all of their packets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.matching import covers_names
from zoneguard.firewall.model import Filter
from zoneguard.firewall.permit import Permitter, entry_of, services_of
from zoneguard.net.rulelist import RuleList
from zoneguard.net.universe import ServiceUniverse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zoneguard.firewall.compare import Shared
    from zoneguard.firewall.model import Line, Ruleset
    from zoneguard.firewall.permit import Place


class Covered(NamedTuple):
    """A line that no packet reaches, and the lines before it that take all of its packets."""

    filter: str
    line: Line
    by: tuple[Line, ...]
    numbers: tuple[int, ...]  # of those lines in their filter


def unreachable_lines(ruleset: Ruleset) -> Mapping[Place, Covered]:
    """Give unreachable lines by their place; only lines on at least the same interfaces cover one.

    Those that the device itself made, or that are disabled, are not told.
    """
    permitter = _permitter(ruleset)
    return {
        (at, number): Covered(step.name, step.lines[number], tuple(step.lines[one] for one in by), by)
        for at, step in enumerate(ruleset.steps)
        if isinstance(step, Filter)
        for number, by in _of_step(permitter, at, step, range(len(step.lines)))
    }


def unreachable_after(
    before: Ruleset, known: Mapping[Place, Covered], after: Ruleset, shared: Shared
) -> frozenset[Place]:
    """Give the places of the unreachable lines of an edited ruleset from the `known` ones of the one before.

    A line that both hold (`shared`, of firewall.compare) stays unreachable where both hold the lines that cover
    it, and stays reachable where no line that is new shares a packet with it; only the others are asked anew.
    """
    permitter = _permitter(after)
    found: set[Place] = set()
    for at, step in enumerate(after.steps):
        if isinstance(step, Filter):
            old = before.steps[at] if at in shared else None
            lines = old.lines if isinstance(old, Filter) else ()
            covered = {number: one for (place, number), one in known.items() if place == at}
            stays, asked = _carried_over(lines, covered, step, shared.get(at, ()), permitter.universe)
            found.update((at, number) for number in stays)
            # What lines hold that are unreachable, lines before them hold: they add nothing, and are left out.
            found.update((at, number) for number, _ in _of_step(permitter, at, step, asked, without=stays))
    return frozenset(found)


def _carried_over(
    old: Sequence[Line],
    covered: Mapping[int, Covered],
    step: Filter,
    shared: Sequence[tuple[int, int]],
    universe: ServiceUniverse,
) -> tuple[list[int], list[int]]:
    """Give the lines of a step that are as unreachable as they were, and those that must be asked anew."""
    came_from = {number: earlier for earlier, number in shared}
    kept = set(came_from.values())
    entries = [entry_of(line, universe) for line in step.lines]
    fresh = RuleList([one for number, one in enumerate(entries) if number not in came_from], universe)
    stays: list[int] = []
    asked: list[int] = []
    for number, (line, entry) in enumerate(zip(step.lines, entries, strict=True)):
        earlier = came_from.get(number)
        if earlier is None or old[earlier].implicit is not line.implicit:
            asked.append(number)
            continue
        found = covered.get(earlier)
        if found is not None and kept.issuperset(found.numbers):
            stays.append(number)
        elif found is not None or any(map(fresh.matches_any_of, (*entry.exact, *entry.unsure))):
            asked.append(number)
    return stays, asked


def _permitter(ruleset: Ruleset) -> Permitter:
    """Index a ruleset by all packets, not only by those that open a connection."""
    return Permitter(ruleset, ServiceUniverse(services_of([ruleset])))


def _of_step(
    permitter: Permitter, at: int, step: Filter, asked: Iterable[int], *, without: Iterable[int] = ()
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield which of some lines of a filter are unreachable, and the lines, `without` some, that cover them."""
    left_out = frozenset(without)
    alike: dict[tuple[frozenset[str] | None, frozenset[str] | None], list[int]] = {}
    for number in asked:
        line = step.lines[number]
        same = alike.setdefault((line.match.ingress, line.match.egress), [])
        if line.enabled and not line.implicit:
            same.append(number)
    for (ingress, egress), numbers in alike.items():
        if not numbers:
            continue
        chosen = tuple(
            number
            for number, line in enumerate(step.lines)
            if number not in left_out
            and covers_names(line.match.ingress, ingress)
            and covers_names(line.match.egress, egress)
        )
        rules, _ = permitter.indexed(at, None if len(chosen) == len(step.lines) else chosen)
        places = {number: place for place, number in enumerate(chosen)}
        for one in rules.unreachable(places[number] for number in numbers):
            yield chosen[one.line], tuple(chosen[place] for place in one.covered_by)
