"""What a first-match list permits, as matches without order: each permit less the denies before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from zoneguard.firewall.model import Action, Match
from zoneguard.net.service import Service, intersect_services
from zoneguard.net.spans import intersect_spans, subtract_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from zoneguard.firewall.model import Line, Place
    from zoneguard.net.address import Span

_SPANS: tuple[Literal[0], Literal[1], Literal[2]] = (0, 1, 2)
MOST_CELLS = 2000  # of one list or class; a list that leaves more is taken as it may match


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A match, the place of the line it comes from and how people call that line."""

    label: str
    match: Match
    places: tuple[Place, ...] = ()
    comment: str = ""
    begins: date | None = None
    expires: date | None = None


def permitted_by(lines: Sequence[Line]) -> list[Cell]:
    """Give what a list permits; several cells may come from one line."""
    cells: list[Cell] = []
    denies: list[Match] = []
    work = 0
    for line in lines:
        if line.action is Action.DENY:
            timed = ("time-range",) if line.begins or line.expires else ()
            denies.append(replace(line.match, unknown=line.match.unknown + timed))
            continue
        left = [line.match]
        for deny in denies:
            work += len(left)
            if work > 50 * MOST_CELLS or len(left) > MOST_CELLS:
                left = [replace(line.match, unknown=(*line.match.unknown, "too many lines that deny before"))]
                break
            left = [part for match in left for part in subtract(match, deny)]
        cells += [
            Cell(
                label=line.id,
                match=match,
                places=line.places,
                comment=line.comment,
                begins=line.begins,
                expires=line.expires,
            )
            for match in left
        ]
    return cells


def meet(a: Cell, b: Cell) -> Cell | None:
    """Give what meets two conditions at once, in the days of both."""
    match = intersect(a.match, b.match)
    if match is None:
        return None
    begins = [day for day in (a.begins, b.begins) if day]
    expires = [day for day in (a.expires, b.expires) if day]
    return Cell(
        label=f"{a.label}, {b.label}",
        match=match,
        places=a.places + b.places,
        comment=" ".join(filter(None, (a.comment, b.comment))),
        begins=max(begins, default=None),
        expires=min(expires, default=None),
    )


def intersect(a: Match, b: Match) -> Match | None:
    """Give the packets of both; None when there are none."""
    source, destination = intersect_spans(a.source, b.source), intersect_spans(a.destination, b.destination)
    services = _shared(a.services, b.services)
    if not source or not destination or not services:
        return None
    unknown = tuple(dict.fromkeys(a.unknown + b.unknown))
    return Match(source=source, destination=destination, services=services, unknown=unknown)


def subtract(match: Match, deny: Match) -> list[Match]:
    """Give what is left of a match behind a deny; what an unsure deny may take stays, but unsurely."""
    source = intersect_spans(match.source, deny.source)
    destination = intersect_spans(match.destination, deny.destination)
    shared = _shared(match.services, deny.services)
    if not source or not destination or not shared:
        return [match]
    left = []
    if beside := subtract_spans(match.source, source):
        left.append(replace(match, source=beside))
    if beside := subtract_spans(match.destination, destination):
        left.append(replace(match, source=source, destination=beside))
    services = match.services
    for one in deny.services:
        services = tuple(part for service in services for part in _without(service, one))
    if services:
        left.append(replace(match, source=source, destination=destination, services=services))
    if deny.unknown:
        unknown = tuple(dict.fromkeys(match.unknown + deny.unknown))
        left.append(replace(match, source=source, destination=destination, services=shared, unknown=unknown))
    return left


def split_protocols(match: Match, numbers: Iterable[int]) -> tuple[Match | None, Match | None]:
    """Divide a match into the packets of some protocols and those of all others."""
    chosen = tuple(Service((number, number)) for number in numbers)
    inside = _shared(match.services, chosen)
    outside = match.services
    for one in chosen:
        outside = tuple(part for service in outside for part in _without(service, one))
    return (
        replace(match, services=inside) if inside else None,
        replace(match, services=outside) if outside else None,
    )


def _shared(a: tuple[Service, ...], b: tuple[Service, ...]) -> tuple[Service, ...]:
    if a == b or b == (Service(),):
        return a
    if a == (Service(),):
        return b
    met = (intersect_services(one, other) for one in a for other in b)
    return tuple(dict.fromkeys(service for service in met if service is not None))


def _without(service: Service, other: Service) -> list[Service]:
    """Give the boxes of a service outside another."""
    shared = intersect_services(service, other)
    if shared is None:
        return [service]
    left, rest = [], service
    for at in _SPANS:  # protocol, source port, destination port
        (first, last), (low, high) = rest[at], shared[at]
        if first < low:
            left.append(_put(rest, at, (first, low - 1)))
        if high < last:
            left.append(_put(rest, at, (high + 1, last)))
        rest = _put(rest, at, (low, high))
    if flags := rest.flags & ~shared.flags:
        left.append(rest._replace(flags=flags))
    if states := rest.states & ~shared.states:
        left.append(rest._replace(flags=shared.flags, states=states))
    return left


def _put(service: Service, at: int, span: Span) -> Service:
    protocol, sport, dport = (span if at == here else service[here] for here in _SPANS)
    return Service(protocol, sport, dport, service.flags, service.states)
