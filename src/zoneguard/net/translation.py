"""Address translation of products: what goes in, what comes out, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.net.product import Product, intersect
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE, Spans, intersect_spans, spans_from
from zoneguard.net.universe import bits_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zoneguard.net.address import Span
    from zoneguard.net.universe import ServiceSet, ServiceUniverse


class Side(StrEnum):
    """Which end of a packet is translated."""

    SOURCE = "source"
    DESTINATION = "destination"


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """One mapping of addresses, and of that end's ports where `ports` says (from, to).

    Spans of equal size map one to one, in order; a single target takes all. Any other target is a pool, and
    so is one of equal size that is said to be: which member a packet gets is not known beforehand.
    """

    side: Side
    before: Span
    after: Span
    ports: tuple[Span, Span] | None = None
    is_pool: bool = False


class Translated(NamedTuple):
    """A product before and after translation; `exact` is False where a pool makes `after` what it may be."""

    before: Product
    after: Product
    exact: bool


def translate(product: Product, translation: Translation, universe: ServiceUniverse) -> Iterator[Translated]:
    """Yield the parts of a product that a mapping takes, each with what it becomes.

    What the mapping does not take is `subtract(product, taken(translation, universe))`. The parts are
    disjoint before; one service atom a part where ports move, all in one otherwise. Raises ValueError when
    moved ports cut an atom: make the universe of `moved_services`.
    """
    here = intersect(product, taken(translation, universe))
    if not here:
        return
    is_source = translation.side is Side.SOURCE
    spans, exact = _moved(
        here.source if is_source else here.destination, translation.before, translation.after, translation
    )
    for services, moved, sure in _moved_services(here.services, translation, universe):
        before = here._replace(services=services)
        after = before._replace(services=moved)
        after = after._replace(source=spans) if is_source else after._replace(destination=spans)
        yield Translated(before, after, exact and sure)


def taken(translation: Translation, universe: ServiceUniverse) -> Product:
    """Give everything that a mapping applies to."""
    services = universe.everything
    if translation.ports:
        services = universe.set_of(_ported(Service(), translation.side, translation.ports[0]))
    spans = (translation.before,)
    if translation.side is Side.SOURCE:
        return Product(spans, ANYWHERE, services)
    return Product(ANYWHERE, spans, services)


def back(part: Product, translated: Translated, translation: Translation) -> Product:
    """Give the packets before translation that can have become a part of `translated.after`."""
    here = intersect(part, translated.after)
    if not here:
        return here
    before = translated.before
    one_to_one = _size(translation.before) == _size(translation.after) and not translation.is_pool
    offset = translation.before[0] - translation.after[0]
    if translation.side is Side.SOURCE:
        spans = intersect_spans(_shifted(here.source, offset), before.source) if one_to_one else before.source
        return Product(spans, here.destination, before.services if translation.ports else here.services)
    spans = (
        intersect_spans(_shifted(here.destination, offset), before.destination)
        if one_to_one
        else before.destination
    )
    return Product(here.source, spans, before.services if translation.ports else here.services)


def moved_services(services: Iterable[Service], translations: Iterable[Translation]) -> set[Service]:
    """Give the services that a universe needs so that moved ports cut no atom, the given ones included.

    Carries every cut from before a mapping to behind it and back, until nothing new appears. Raises
    ValueError beyond 100,000 services: the mappings then go round in circles.
    """
    found = set(services)
    ported = [(one.side, one.ports) for one in translations if one.ports]
    for side, (before, after) in ported:
        found |= {_ported(Service(), side, before), _ported(Service(), side, after)}
    fresh = set(found)
    while fresh:
        carried: set[Service] = set()
        for side, (before, after) in ported:
            for service in fresh:
                for origin, target in ((before, after), (after, before)):
                    carried |= _carried(service, side, origin, target)
        fresh = carried - found
        found |= fresh
        if len(found) > 100_000:
            raise ValueError("Port translations multiply the services beyond 100,000; they map in circles.")
    return found


def _carried(service: Service, side: Side, origin: Span, target: Span) -> set[Service]:
    ports = service.sport if side is Side.SOURCE else service.dport
    low, high = max(ports[0], origin[0]), min(ports[1], origin[1])
    if low > high:
        return set()
    if _size(origin) != _size(target):
        return {_ported(service, side, target)}
    return {_ported(service, side, (low - origin[0] + target[0], high - origin[0] + target[0]))}


def _moved(spans: Spans, before: Span, after: Span, translation: Translation) -> tuple[Spans, bool]:
    """Move spans that lie inside `before`; False where a pool leaves open which address it becomes."""
    if _size(before) == _size(after) and not translation.is_pool:
        return _shifted(spans, after[0] - before[0]), True
    return (after,), _size(after) == 1


def _moved_services(
    services: ServiceSet, translation: Translation, universe: ServiceUniverse
) -> Iterator[tuple[ServiceSet, ServiceSet, bool]]:
    if translation.ports is None:
        yield services, services, True
        return
    before, after = translation.ports
    for at in bits_of(services):
        atom = universe.atoms[at]
        moved, exact = _moved(
            (atom.sport if translation.side is Side.SOURCE else atom.dport,), before, after, translation
        )
        yield 1 << at, universe.set_of(_ported(atom, translation.side, moved[0])), exact


def _ported(service: Service, side: Side, ports: Span) -> Service:
    return service._replace(sport=ports) if side is Side.SOURCE else service._replace(dport=ports)


def _shifted(spans: Spans, offset: int) -> Spans:
    return spans_from((first + offset, last + offset) for first, last in spans)


def _size(span: Span) -> int:
    return span[1] - span[0] + 1
