"""Lines that no packet reaches, with the lines before them that take all of their packets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.matching import covers_names
from zoneguard.firewall.model import Filter
from zoneguard.firewall.permit import Permitter, services_of
from zoneguard.net.universe import ServiceUniverse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zoneguard.firewall.model import Line, Ruleset
    from zoneguard.firewall.permit import Place
    from zoneguard.net.rulelist import RuleList


class Covered(NamedTuple):
    """A line that no packet reaches, and the lines before it that take all of its packets."""

    filter: str
    line: Line
    by: tuple[Line, ...]


def unreachable_lines(ruleset: Ruleset) -> Mapping[Place, Covered]:
    """Give unreachable lines by their place; only lines on at least the same interfaces cover one.

    Those that the device itself made, or that are disabled, are not told.
    """
    # By all packets, not only by those that open a connection.
    permitter = Permitter(ruleset, ServiceUniverse(services_of([ruleset])))
    found: dict[Place, Covered] = {}
    for at, step, among in _filters(permitter):
        lines = [step.lines[number] for number in among.numbers]
        for one in among.rules.unreachable(among.asked):
            by = tuple(lines[place] for place in one.covered_by)
            found[at, among.numbers[one.line]] = Covered(step.name, lines[one.line], by)
    return found


def plainly_unreachable(ruleset: Ruleset, universe: ServiceUniverse) -> frozenset[Place]:
    """Give the places of lines of which single wide lines before them take all packets there are in a universe.

    That finds most of those that no packet reaches, and much sooner.
    """
    return frozenset(
        (at, among.numbers[place])
        for at, _, among in _filters(Permitter(ruleset, universe))
        for place in among.rules.plainly_unreachable(among.asked)
    )


class _Among(NamedTuple):
    """The lines of a filter that may cover those of some interfaces, by their `numbers`, and the places of the latter."""

    rules: RuleList
    numbers: tuple[int, ...]
    asked: tuple[int, ...]


def _filters(permitter: Permitter) -> Iterator[tuple[int, Filter, _Among]]:
    """Yield each filter once for all lines that stand on the same interfaces."""
    for at, step in enumerate(permitter.ruleset.steps):
        if not isinstance(step, Filter):
            continue
        alike: dict[tuple[frozenset[str] | None, frozenset[str] | None], set[int]] = {}
        for number, line in enumerate(step.lines):
            same = alike.setdefault((line.match.ingress, line.match.egress), set())
            if line.enabled and not line.implicit:
                same.add(number)
        for (ingress, egress), asked in alike.items():
            if not asked:
                continue
            numbers = tuple(
                number
                for number, line in enumerate(step.lines)
                if covers_names(line.match.ingress, ingress) and covers_names(line.match.egress, egress)
            )
            rules, _ = permitter.indexed(at, None if len(numbers) == len(step.lines) else numbers)
            places = tuple(place for place, number in enumerate(numbers) if number in asked)
            yield at, step, _Among(rules, numbers, places)
