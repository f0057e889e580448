"""Products told to people: merged, as prefix x prefix x service, the widest first and the rest counted."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from zoneguard.net.product import Product, count
from zoneguard.net.spans import prefixes_of, spans_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zoneguard.net.address import Span
    from zoneguard.net.service import Service
    from zoneguard.net.spans import Spans
    from zoneguard.net.universe import ServiceUniverse


Corner: TypeAlias = tuple[int, int, int]  # places of a source, a destination and a service in a grid


class Cube(NamedTuple):
    """A box for people: an aligned prefix on either side and one service box."""

    source: Span
    destination: Span
    service: Service

    def size(self) -> int:
        """Count the packets, each (addresses, protocol, ports, flag octet, state) once."""
        source, destination = self.source, self.destination
        return (source[1] - source[0] + 1) * (destination[1] - destination[0] + 1) * self.service.size()


class Cover(NamedTuple):
    """The widest cubes of a set, disjoint, and how many packets they leave untold."""

    cubes: tuple[Cube, ...]
    rest: int


def merged(products: Iterable[Product]) -> list[Product]:
    """Join disjoint products that differ in one field only, until none do; the result is disjoint.

    Greedy, so small and not always smallest; about linear in the products for each of a few rounds.
    """
    held = [product for product in products if product]
    size = -1
    while size != len(held) > 1:
        size = len(held)
        held = _merge_services(_merge_destinations(_merge_sources(held)))
    return held


def cover(products: Iterable[Product], universe: ServiceUniverse, *, cap: int = 20) -> Cover:
    """Give at most `cap` cubes of disjoint products, the widest first, and the exact count of the rest.

    The cubes of a product are a grid of its prefixes and services. It is walked from its widest corner, so
    that a product of millions of cubes costs no more than those told.
    """
    grids = [_grid(product, universe) for product in merged(products)]
    rest = sum(grid.total for grid in grids)
    heap = [(-grid.size((0, 0, 0)), at, (0, 0, 0)) for at, grid in enumerate(grids)]
    heapify(heap)
    cubes: list[Cube] = []
    while heap and len(cubes) < cap:
        size, at, corner = heappop(heap)
        cubes.append(grids[at].cube(corner))
        rest += size
        for after in grids[at].after(corner):
            heappush(heap, (-grids[at].size(after), at, after))
    return Cover(tuple(cubes), rest)


class _Grid(NamedTuple):
    """The cubes of one product: its sides, the widest first, with the size of each."""

    sources: list[tuple[int, Span]]
    destinations: list[tuple[int, Span]]
    services: list[tuple[int, Service]]
    total: int

    def size(self, corner: Corner) -> int:
        source, destination, service = corner
        return self.sources[source][0] * self.destinations[destination][0] * self.services[service][0]

    def cube(self, corner: Corner) -> Cube:
        source, destination, service = corner
        return Cube(self.sources[source][1], self.destinations[destination][1], self.services[service][1])

    def after(self, corner: Corner) -> Iterator[Corner]:
        """Yield the next corners, none wider; each has one predecessor and so is met once."""
        source, destination, service = corner
        if service + 1 < len(self.services):
            yield source, destination, service + 1
        if service == 0 and destination + 1 < len(self.destinations):
            yield source, destination + 1, 0
        if service == destination == 0 and source + 1 < len(self.sources):
            yield source + 1, 0, 0


def _grid(product: Product, universe: ServiceUniverse) -> _Grid:
    services = [(box.size(), box) for box in universe.boxes(product.services)]
    return _Grid(
        _sized(product.source),
        _sized(product.destination),
        sorted(services, reverse=True),
        count(product, universe),
    )


def _sized(spans: Spans) -> list[tuple[int, Span]]:
    """Give the prefixes of spans, the widest first, in ascending order where they are as wide."""
    prefixes = [(last - first + 1, (first, last)) for first, last in prefixes_of(spans)]
    return sorted(prefixes, key=lambda one: (-one[0], one[1]))


def _merge_services(products: list[Product]) -> list[Product]:
    alike: dict[tuple[Spans, Spans], int] = {}
    for source, destination, services in products:
        alike[source, destination] = alike.get((source, destination), 0) | services
    return [Product(source, destination, services) for (source, destination), services in alike.items()]


def _merge_destinations(products: list[Product]) -> list[Product]:
    alike: dict[tuple[Spans, int], list[Product]] = {}
    for product in products:
        alike.setdefault((product.source, product.services), []).append(product)
    return [
        same[0]  # most stand alone, and their spans are canonical as they are
        if len(same) == 1
        else same[0]._replace(destination=spans_from(chain.from_iterable(one.destination for one in same)))
        for same in alike.values()
    ]


def _merge_sources(products: list[Product]) -> list[Product]:
    alike: dict[tuple[Spans, int], list[Product]] = {}
    for product in products:
        alike.setdefault((product.destination, product.services), []).append(product)
    return [
        same[0]
        if len(same) == 1
        else same[0]._replace(source=spans_from(chain.from_iterable(one.source for one in same)))
        for same in alike.values()
    ]
