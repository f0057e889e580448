"""What many products leave of one: local, exact, lazy, with those that it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from zoneguard.net.product import Product
from zoneguard.net.spans import spans_from
from zoneguard.net.stretches import AddressField, ServiceField
from zoneguard.net.universe import bits_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.net.spans import Spans
    from zoneguard.net.stretches import Entries
    from zoneguard.net.universe import ServiceSet

TRIED = 8  # entries up to which a division is not worth trying all three ways
PROBES = 12  # packets that are tried before a product is divided to find what is left of it
PRUNED_COVER = 256  # a cover of more entries is told as found: pruning asks once per entry


# A product, the entries that meet it, and those of them that contain its source, destination, services. A plain tuple:
# they are made by the hundred thousand.
_State: TypeAlias = "tuple[Spans, Spans, ServiceSet, Entries, Entries, Entries, Entries]"


class Remainder:
    """An index of products (entries), not empty, in an order that the caller gives a meaning."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._products = products
        self._source = AddressField([product.source for product in products])
        self._destination = AddressField([product.destination for product in products])
        self._services = ServiceField([product.services for product in products])

    def at(self, source: int, destination: int, atom: int) -> Entries:
        """Give the entries that hold one packet."""
        return self._source.at(source) & self._destination.at(destination) & self._services.at(atom)

    def at_corner(self, product: Product) -> Entries:
        """Give the entries that hold the lowest packet of a product that is not empty."""
        services = product.services
        return (
            self._source.at(product.source[0][0])
            & self._destination.at(product.destination[0][0])
            & self._services.at((services & -services).bit_length() - 1)
        )

    def meeting(self, product: Product) -> Entries:
        """Give the entries that share a packet with a product."""
        if not product:
            return 0
        return (
            self._source.ask(product.source)[0]
            & self._destination.ask(product.destination)[0]
            & self._services.ask(product.services)[0]
        )

    def rest_of(self, product: Product, among: Entries) -> Iterator[Product]:
        """Yield disjoint products of the packets that none of these entries holds.

        What entries span in two fields is cut off the third, all at once; the little that they leave is
        divided along the field in which the fewest entries are partial, so that each part lies whole
        inside or outside of them: at most two divisions deep.
        """
        if not product:
            return
        trimmed, _ = self._trim(self._start(product, among))
        if trimmed is None:
            return
        if not trimmed[3]:  # no walk for what is whole at once
            yield Product(trimmed[0], trimmed[1], trimmed[2])
            return
        for left, _ in self._walk(trimmed):
            if left is not None:
                yield left

    def leaves_any(self, product: Product, among: Entries) -> bool:
        """Tell whether any packet of a product, not empty, is in none of these entries."""
        if self._leaves_a_probe(product, among):
            return True
        return any(left is not None for left, _ in self._walk(self._start(product, among)))

    def cover_of(self, product: Product, among: Entries) -> Entries:
        """Give few of some entries that together hold all packets of a product, as they do.

        One entry that holds all is preferred to several.
        """
        used = 0
        for _, taken in self._walk(self._start(product, among)):
            used |= taken
        if used.bit_count() <= PRUNED_COVER:
            for entry in reversed(bits_of(used)):
                if not any(self.rest_of(product, used ^ 1 << entry)):
                    used ^= 1 << entry
        return used

    def _leaves_a_probe(self, product: Product, among: Entries) -> bool:
        """Tell whether one of some packets, spread over a product, is in none of these entries.

        Of lines whose lowest packet is taken it spares a third of the walks, up to half: what is left of a wide line is
        mostly plenty.
        """
        count = product.services.bit_length()
        for number in range(1, PROBES):
            services = product.services >> (number * count // PROBES)
            atom = (services & -services).bit_length() - 1 + number * count // PROBES
            source, destination = (
                _spread(product.source, number),
                _spread(product.destination, number * 5),
            )
            if (
                not among
                & self._source.at(source)
                & self._destination.at(destination)
                & self._services.at(atom)
            ):
                return True
        return False

    def _start(self, product: Product, among: Entries) -> _State:
        source, destination, services = product
        meet_source, in_source = self._source.ask(source)
        meet_destination, in_destination = self._destination.ask(destination)
        meet_services, in_services = self._services.ask(services)
        meet = among & meet_source & meet_destination & meet_services
        return source, destination, services, meet, in_source, in_destination, in_services

    def _walk(self, start: _State) -> Iterator[tuple[Product | None, Entries]]:
        """Yield (what is left, 0) or (None, entries that took something), depth first, widest hope first."""
        pending = [start]
        while pending:
            trimmed, taken = self._trim(pending.pop())
            if taken:
                yield None, taken
            if trimmed is None:
                continue
            meet = trimmed[3]
            if not meet:
                yield Product(trimmed[0], trimmed[1], trimmed[2]), 0
                continue
            parts = self._divide(trimmed)
            if meet.bit_count() > TRIED:
                yield None, meet
            parts.sort(key=_hope, reverse=True)
            pending += parts

    def _trim(self, state: _State) -> tuple[_State | None, Entries]:
        """Cut off whatever entries take that span two fields, until there are none; None: nothing is left."""
        source, destination, services, meet, in_source, in_destination, in_services = state
        taken = 0
        while meet:
            both = meet & in_source & in_destination
            whole = both & in_services
            if whole:
                return None, taken | whole & -whole
            if both:
                for entry in bits_of(both):
                    services &= ~self._products[entry].services
                if not services:
                    return None, taken | both
                meet, in_services = self._services.narrow(services, meet ^ both, in_services)
            elif both := meet & in_source & in_services:
                destination = self._destination.less(destination, both)
                if not destination:
                    return None, taken | both
                meet, in_destination = self._destination.narrow(destination, meet ^ both, in_destination)
            elif both := meet & in_destination & in_services:
                source = self._source.less(source, both)
                if not source:
                    return None, taken | both
                meet, in_source = self._source.narrow(source, meet ^ both, in_source)
            else:
                break
            taken |= both
        return (source, destination, services, meet, in_source, in_destination, in_services), taken

    def _divide(self, state: _State) -> list[_State]:
        """Divide along the field that leaves the parts the fewest entries, counted over all parts.

        An entry that meets a part contains it in that field. With few entries the field in which the fewest
        are partial is taken untried. Entries that span one field go first when they are many, all at once:
        parts that they leave the same of the third field stay one, where 800 lines `any -> host` would else
        be met again in each of 9,000 parts.
        """
        _, _, _, meet, in_source, in_destination, in_services = state
        tried = meet.bit_count() > TRIED
        if tried:
            spanning, way = max((meet & in_source, 1), (meet & in_destination, 2), key=_many)
            if spanning.bit_count() > TRIED:
                return self._cut_services(state, spanning, way)
        partial = [(meet & ~inside).bit_count() for inside in (in_services, in_source, in_destination)]
        ways = (self._by_services, self._by_source, self._by_destination)
        open_ways = [way for way, many in sorted(zip(ways, partial, strict=True), key=_second) if many]
        if not tried:
            return open_ways[0](state)
        return min((way(state) for way in open_ways), key=_load)

    def _cut_services(self, state: _State, spanning: Entries, way: int) -> list[_State]:
        """Take off entries that contain the source (1) or destination (2): addresses alike in the rest join."""
        source, destination, services, meet, in_source, in_destination, in_services = state
        rest = meet & ~spanning
        field = self._destination if way == 1 else self._source
        alike: dict[ServiceSet, list[Spans]] = {}
        for spans, active in field.divide(destination if way == 1 else source, spanning):
            left = services
            for entry in bits_of(active):
                left &= ~self._products[entry].services
            if left:
                alike.setdefault(left, []).append(spans)
        parts: list[_State] = []
        for left, held in alike.items():
            spans = held[0] if len(held) == 1 else spans_from(span for one in held for span in one)
            met, contain = self._services.narrow(left, rest, in_services)
            met, inside = field.narrow(spans, met, in_destination if way == 1 else in_source)
            parts.append(
                (source, spans, left, met, in_source, inside, contain)
                if way == 1
                else (spans, destination, left, met, inside, in_destination, contain)
            )
        return parts

    def _by_services(self, state: _State) -> list[_State]:
        source, destination, services, meet, in_source, in_destination, in_services = state
        whole = meet & in_services
        return [
            (source, destination, part, met := whole | active, in_source, in_destination, met)
            for part, active in self._services.divide(services, meet ^ whole)
        ]

    def _by_source(self, state: _State) -> list[_State]:
        source, destination, services, meet, in_source, in_destination, in_services = state
        whole = meet & in_source
        return [
            (part, destination, services, met := whole | active, met, in_destination, in_services)
            for part, active in self._source.divide(source, meet ^ whole)
        ]

    def _by_destination(self, state: _State) -> list[_State]:
        source, destination, services, meet, in_source, in_destination, in_services = state
        whole = meet & in_destination
        return [
            (source, part, services, met := whole | active, in_source, met, in_services)
            for part, active in self._destination.divide(destination, meet ^ whole)
        ]


def _spread(spans: Spans, number: int) -> int:
    """Give one of the numbers of spans, another for each `number`, by steps of the golden ratio."""
    part = number * 0x9E3779B9 & 0xFFFF_FFFF  # of 2^32
    first, last = spans[part * len(spans) >> 32]
    return first + ((last - first + 1) * (part * 0x10001 & 0xFFFF_FFFF) >> 32)


def _many(pair: tuple[Entries, int]) -> int:
    return pair[0].bit_count()


def _second(pair: tuple[object, int]) -> int:
    return pair[1]


def _hope(part: _State) -> int:
    return part[3].bit_count()


def _load(parts: Sequence[_State]) -> int:
    return sum(part[3].bit_count() + 1 for part in parts)
