"""Products: source addresses x destination addresses x service atoms, and their algebra."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.net.spans import Spans, intersect_spans, spans_hold, spans_size, spans_within, subtract_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zoneguard.net.service import Point
    from zoneguard.net.universe import ServiceSet, ServiceUniverse


class Product(NamedTuple):
    """A set of packets that is whatever combines its three fields.

    Invariant: the spans are canonical (net.spans); `services` belongs to the universe that the products
    of one question share. Empty when any field is.
    """

    source: Spans
    destination: Spans
    services: ServiceSet

    def __bool__(self) -> bool:
        return bool(self.source and self.destination and self.services)


class Probe(NamedTuple):
    """One packet as a rule list sees it; addresses are numbers (net.address)."""

    source: int
    destination: int
    service: Point


def intersect(a: Product, b: Product) -> Product:
    """Give the packets in both; the result may be empty."""
    return Product(
        intersect_spans(a.source, b.source),
        intersect_spans(a.destination, b.destination),
        a.services & b.services,
    )


def subtract(a: Product, b: Product) -> Iterator[Product]:
    """Yield the packets of a that are not in b: at most three disjoint products, services cut last."""
    shared = intersect(a, b)
    if not shared:
        if a:
            yield a
        return
    for piece in (
        Product(subtract_spans(a.source, b.source), a.destination, a.services),
        Product(shared.source, subtract_spans(a.destination, b.destination), a.services),
        Product(shared.source, shared.destination, a.services & ~b.services),
    ):
        if piece:
            yield piece


def subtract_all(products: Iterable[Product], taken: Iterable[Product]) -> Iterator[Product]:
    """Yield the packets of products that none of `taken` holds, lazily; meant for few operands.

    Long lists of `taken` belong into a RuleList, which finds those that matter: this one tries them all.
    """
    others = tuple(taken)
    pending = [(product, 0) for product in products][::-1]
    while pending:
        product, at = pending.pop()
        if at == len(others):
            if product:
                yield product
            continue
        pending += [(piece, at + 1) for piece in subtract(product, others[at])]


def same_packets(a: Iterable[Product], b: Iterable[Product]) -> bool:
    """Tell whether two unions of products hold the same packets."""
    a, b = tuple(a), tuple(b)
    return not any(subtract_all(a, b)) and not any(subtract_all(b, a))


def within(a: Product, b: Product) -> bool:
    """Tell whether every packet of a is in b."""
    return not a or (
        a.services & b.services == a.services
        and spans_within(a.source, b.source)
        and spans_within(a.destination, b.destination)
    )


def count(product: Product, universe: ServiceUniverse) -> int:
    """Count the packets, each (addresses, protocol, ports, flag octet, state) once."""
    return spans_size(product.source) * spans_size(product.destination) * universe.count(product.services)


def holds(product: Product, probe: Probe, universe: ServiceUniverse) -> bool:
    """Tell whether a packet is in a product."""
    return (
        spans_hold(product.source, probe.source)
        and spans_hold(product.destination, probe.destination)
        and bool(product.services >> universe.atom_at(probe.service) & 1)
    )


def example_of(product: Product, universe: ServiceUniverse) -> Probe:
    """Give a packet of a product that is not empty: its lowest corner, as a client would send it.

    New connections, TCP with SYN, and the first dynamic source port (49152) are preferred where the product
    leaves the choice.
    """
    return Probe(product.source[0][0], product.destination[0][0], universe.example(product.services))
