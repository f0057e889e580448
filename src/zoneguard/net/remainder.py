"""What many products leave of one: local, exact, lazy, with those that it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.net.spans import spans_from
from zoneguard.net.stretches import AddressField, ServiceField
from zoneguard.net.universe import bits_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.net.product import Product
    from zoneguard.net.spans import Spans
    from zoneguard.net.stretches import Entries
    from zoneguard.net.universe import ServiceSet

TRIED = 8  # entries up to which a division is not worth trying all three ways
PROBES = 12  # packets that are tried before a product is divided to find what is left of it
PRUNED_COVER = 256  # a cover of more entries is told as found: pruning asks once per entry


class _State(NamedTuple):
    """A product, the entries that meet it, and those of them that contain its source, destination, services."""

    product: Product
    meet: Entries
    in_source: Entries
    in_destination: Entries
    in_services: Entries


class Remainder:
    """An index of products (entries), not empty, in an order that the caller gives a meaning."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._products = products
        self._all = (1 << len(products)) - 1
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
        if product:
            for state, _ in self._walk(self._start(product, among)):
                if state is not None:
                    yield state.product

    def leaves_any(self, product: Product, among: Entries) -> bool:
        """Tell whether any packet of a product, not empty, is in none of these entries."""
        if self._leaves_a_probe(product, among):
            return True
        return any(state is not None for state, _ in self._walk(self._start(product, among)))

    def cover_of(self, product: Product) -> Entries:
        """Give entries that together hold all packets of a product that the index holds, few of them.

        One entry that holds all is preferred to several.
        """
        used = 0
        for _, taken in self._walk(self._start(product, self._all)):
            used |= taken
        if used.bit_count() <= PRUNED_COVER:
            for entry in reversed(bits_of(used)):
                if not any(self.rest_of(product, used ^ 1 << entry)):
                    used ^= 1 << entry
        return used

    def _leaves_a_probe(self, product: Product, among: Entries) -> bool:
        """Tell whether one of some packets, spread over a product, is in none of these entries.

        Of 10,000 generated lines it spares seven of eight walks: what is left of a wide line is mostly plenty.
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
        meet_source, in_source = self._source.ask(product.source)
        meet_destination, in_destination = self._destination.ask(product.destination)
        meet_services, in_services = self._services.ask(product.services)
        meet = among & meet_source & meet_destination & meet_services
        return _State(product, meet, in_source, in_destination, in_services)

    def _walk(self, start: _State) -> Iterator[tuple[_State | None, Entries]]:
        """Yield (what is left, 0) or (None, entries that took something), depth first, widest hope first."""
        pending = [start]
        while pending:
            state = pending.pop()
            trimmed, taken = self._trim(state)
            if taken:
                yield None, taken
            if trimmed is None:
                continue
            if not trimmed.meet:
                yield trimmed, 0
                continue
            parts = self._divide(trimmed)
            if trimmed.meet.bit_count() > TRIED:
                yield None, trimmed.meet
            parts.sort(key=lambda part: part.meet.bit_count(), reverse=True)
            pending += parts

    def _trim(self, state: _State) -> tuple[_State | None, Entries]:
        """Cut off whatever entries take that span two fields, until there are none; None: nothing is left."""
        taken = 0
        while True:
            _, meet, in_source, in_destination, in_services = state
            both = meet & in_source & in_destination
            whole = both & in_services
            if whole:
                return None, taken | whole & -whole
            if both:
                next_state = self._trim_services(state, both)
            elif both := meet & in_source & in_services:
                next_state = self._trim_destination(state, both)
            elif both := meet & in_destination & in_services:
                next_state = self._trim_source(state, both)
            else:
                return state, taken
            taken |= both
            if next_state is None:
                return None, taken
            state = next_state

    def _trim_services(self, state: _State, takers: Entries) -> _State | None:
        services = state.product.services
        for entry in bits_of(takers):
            services &= ~self._products[entry].services
        if not services:
            return None
        meet, contain = self._services.narrow(services, state.meet ^ takers, state.in_services)
        return state._replace(
            product=state.product._replace(services=services), meet=meet, in_services=contain
        )

    def _trim_destination(self, state: _State, takers: Entries) -> _State | None:
        left = self._destination.less(state.product.destination, takers)
        if not left:
            return None
        meet, contain = self._destination.narrow(left, state.meet ^ takers, state.in_destination)
        return state._replace(
            product=state.product._replace(destination=left), meet=meet, in_destination=contain
        )

    def _trim_source(self, state: _State, takers: Entries) -> _State | None:
        left = self._source.less(state.product.source, takers)
        if not left:
            return None
        meet, contain = self._source.narrow(left, state.meet ^ takers, state.in_source)
        return state._replace(product=state.product._replace(source=left), meet=meet, in_source=contain)

    def _divide(self, state: _State) -> list[_State]:
        """Divide along the field that leaves the parts the fewest entries, counted over all parts.

        An entry that meets a part contains it in that field. With few entries the field in which the fewest
        are partial is taken untried. Entries that span one field go first when they are many, all at once:
        parts that they leave the same of the third field stay one, where 800 lines `any -> host` would else
        be met again in each of 9,000 parts.
        """
        fields = (state.in_services, state.in_source, state.in_destination)
        if state.meet.bit_count() > TRIED:
            spanning, way = max(
                (state.meet & state.in_source, 1), (state.meet & state.in_destination, 2), key=_many
            )
            if spanning.bit_count() > TRIED:
                return self._cut_services(state, spanning, way)
        partial = [(state.meet & ~inside).bit_count() for inside in fields]
        ways = (self._by_services, self._by_source, self._by_destination)
        open_ways = [way for way, many in sorted(zip(ways, partial, strict=True), key=_second) if many]
        if state.meet.bit_count() <= TRIED:
            return open_ways[0](state)
        return min((way(state) for way in open_ways), key=_load)

    def _cut_services(self, state: _State, spanning: Entries, way: int) -> list[_State]:
        """Take off entries that contain the source (1) or destination (2): addresses alike in the rest join."""
        product, rest = state.product, state.meet & ~spanning
        field = self._destination if way == 1 else self._source
        alike: dict[ServiceSet, list[Spans]] = {}
        for spans, active in field.divide(product.destination if way == 1 else product.source, spanning):
            services = product.services
            for entry in bits_of(active):
                services &= ~self._products[entry].services
            if services:
                alike.setdefault(services, []).append(spans)
        parts = []
        for services, held in alike.items():
            spans = held[0] if len(held) == 1 else spans_from(span for one in held for span in one)
            meet, in_services = self._services.narrow(services, rest, state.in_services)
            meet, inside = field.narrow(spans, meet, state.in_destination if way == 1 else state.in_source)
            if way == 1:
                part = product._replace(destination=spans, services=services)
                parts.append(_State(part, meet, state.in_source, inside, in_services))
            else:
                part = product._replace(source=spans, services=services)
                parts.append(_State(part, meet, inside, state.in_destination, in_services))
        return parts

    def _by_services(self, state: _State) -> list[_State]:
        product, meet, in_source, in_destination, in_services = state
        whole = meet & in_services
        return [
            _State(product._replace(services=part), met := whole | active, in_source, in_destination, met)
            for part, active in self._services.divide(product.services, meet ^ whole)
        ]

    def _by_source(self, state: _State) -> list[_State]:
        product, meet, in_source, in_destination, in_services = state
        whole = meet & in_source
        return [
            _State(product._replace(source=part), met := whole | active, met, in_destination, in_services)
            for part, active in self._source.divide(product.source, meet ^ whole)
        ]

    def _by_destination(self, state: _State) -> list[_State]:
        product, meet, in_source, in_destination, in_services = state
        whole = meet & in_destination
        return [
            _State(product._replace(destination=part), met := whole | active, in_source, met, in_services)
            for part, active in self._destination.divide(product.destination, meet ^ whole)
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


def _load(parts: Sequence[_State]) -> int:
    return sum(part.meet.bit_count() + 1 for part in parts)
