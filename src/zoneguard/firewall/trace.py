"""One packet through a ruleset, step by step, by plain first match: who decided, and what was in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Action, Filter
from zoneguard.firewall.permit import applies, known_as, meets
from zoneguard.net.spans import spans_hold

if TYPE_CHECKING:
    from zoneguard.firewall.model import Line, Match, Ruleset, Translation
    from zoneguard.firewall.permit import Permitter
    from zoneguard.net.address import Span
    from zoneguard.net.product import Probe
    from zoneguard.net.service import Point, Service


class Passed(NamedTuple):
    """What one filter did with the packet: the line that decided, None for its default."""

    filter: Filter
    line: Line | None
    action: Action
    doubtful: tuple[Line, ...]  # lines before it that match if what they leave open turns out so


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The way of one packet. `verdict` None: it depends on what was not understood."""

    verdict: Action | None
    steps: tuple[Passed, ...]
    translations: tuple[Translation, ...]
    left: Probe  # as it leaves, or as it was when it was denied

    @property
    def decided_by(self) -> str:
        """Name the line, or the default, that decided."""
        if not self.steps:
            return "–"
        last = self.steps[-1]
        return (
            last.line.id
            if last.line is not None
            else f"{last.filter.name}: default {last.filter.default.value}"
        )


def trace(
    ruleset: Ruleset,
    probe: Probe,
    ingress: str | None,
    egress: str | None,
    *,
    index: Permitter | None = None,
) -> Trace:
    """Follow one packet through a ruleset until a filter denies it.

    Line by line, or by the index of the ruleset where there is one and many packets are asked about: the packet must be
    of its universe, and lines that nothing reaches are not asked.
    """
    ingress, egress = known_as(ingress, ruleset.interfaces), known_as(egress, ruleset.interfaces)
    steps: list[Passed] = []
    translations: list[Translation] = []
    sure = True
    for at, step in enumerate(ruleset.steps if ruleset.forwards else ()):
        if not isinstance(step, Filter):
            for translation in step.translations:
                if (
                    translation.enabled
                    and meets(translation.match, ingress, egress)
                    and holds(translation.match, probe)
                ):
                    probe, exact = _translated(probe, translation)
                    sure = sure and exact and not translation.match.unknown
                    translations.append(translation)
                    break
            continue
        if not applies(step, ingress, egress):
            continue
        line, unsure = (
            _first_match(step, probe, ingress, egress)
            if index is None
            else index.first_match(at, step, probe, (ingress, egress))
        )
        passed = Passed(step, line, step.default if line is None else line.action, unsure)
        steps.append(passed)
        doubtful = any(line.action is not passed.action for line in passed.doubtful)
        if doubtful or not sure:
            sure = False
        if passed.action is Action.DENY:
            verdict = None if doubtful or not sure else Action.DENY
            return Trace(verdict=verdict, steps=tuple(steps), translations=tuple(translations), left=probe)
    if not ruleset.forwards:
        return Trace(verdict=Action.DENY, steps=(), translations=(), left=probe)
    verdict = Action.PERMIT if sure else None
    return Trace(verdict=verdict, steps=tuple(steps), translations=tuple(translations), left=probe)


def holds(match: Match, probe: Probe) -> bool:
    """Tell whether a packet's addresses and service are those of a match (its interfaces apart)."""
    return (
        spans_hold(match.source, probe.source)
        and spans_hold(match.destination, probe.destination)
        and any(_served(service, probe.service) for service in match.services)
    )


def _first_match(
    step: Filter, probe: Probe, ingress: str | None, egress: str | None
) -> tuple[Line | None, tuple[Line, ...]]:
    doubtful: list[Line] = []
    for line in step.lines:
        if line.enabled and meets(line.match, ingress, egress) and holds(line.match, probe):
            if not line.match.unknown:
                return line, tuple(doubtful)
            doubtful.append(line)
    return None, tuple(doubtful)


def _served(service: Service, point: Point) -> bool:
    return (
        service.protocol[0] <= point.protocol <= service.protocol[1]
        and service.sport[0] <= point.sport <= service.sport[1]
        and service.dport[0] <= point.dport <= service.dport[1]
        and bool(service.flags >> point.flags & 1)
        and bool(service.states & point.state)
    )


def _translated(probe: Probe, translation: Translation) -> tuple[Probe, bool]:
    """Give the packet as it goes on, and whether that is known: of a pool its first address stands for all."""
    sure = True
    match = translation.match
    if translation.destination is not None:
        mapping = translation.destination
        number, exact = _mapped(probe.destination, match.destination, mapping.address)
        port, known = _mapped(probe.service.dport, tuple(one.dport for one in match.services), mapping.port)
        probe = probe._replace(destination=number, service=probe.service._replace(dport=port))
        sure = exact and known
    if translation.source is not None:
        number, _ = _mapped(probe.source, match.source, translation.source.address)
        probe = probe._replace(source=number)
    return probe, sure


def _mapped(number: int, matched: tuple[Span, ...], target: Span | None) -> tuple[int, bool]:
    if target is None:
        return number, True
    if target[0] == target[1]:
        return target[0], True
    for first, last in matched:
        if first <= number <= last and last - first == target[1] - target[0] and len(matched) == 1:
            return number - first + target[0], True
    return target[0], False
