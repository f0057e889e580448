"""First-match lists as an index: what they permit, exactly, and the line that decides it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.net.covering import Coverage, held_by_widest
from zoneguard.net.product import Probe, Product, intersect
from zoneguard.net.remainder import Remainder
from zoneguard.net.spans import intersect_spans
from zoneguard.net.universe import bits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from zoneguard.net.stretches import Entries
    from zoneguard.net.universe import ServiceUniverse


class Action(StrEnum):
    """What a line does with the packets that it matches."""

    PERMIT = "permit"
    DENY = "deny"


class Reading(StrEnum):
    """How lines are read whose conditions are not fully understood."""

    MUST = "must"  # permitted however the unknown conditions turn out
    MAY = "may"  # permitted if they turn out so


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: it matches every packet of `exact`, perhaps some of `unsure`, and no other.

    A line whose condition is not understood has no `exact` and in `unsure` what it could match at most.
    """

    action: Action
    exact: tuple[Product, ...] = ()
    unsure: tuple[Product, ...] = ()


class Decided(NamedTuple):
    """Packets and the line that decides them; None: no line does, the default decides."""

    product: Product
    line: int | None


class Match(NamedTuple):
    """The first line that surely matches a packet (None: the default), and those before it that may."""

    line: int | None
    unsure: tuple[int, ...]


class Unreachable(NamedTuple):
    """A line that no packet reaches, and earlier lines that together match all of its packets.

    `covered_by` is ascending and none of it can be left out where it has at most 256 products; empty when the
    line matches no packet at all.
    """

    line: int
    covered_by: tuple[int, ...]


LONG = 8192  # entries, beyond which an index of those that meet a product is worth its making,
SHARE = 16  # if they are less than one in so many: 100,000 generated lines are walked in half the time


def _never(_: int) -> bool:
    return False


class RuleList:
    """A list of lines, the first that matches decides; `default` decides what none matches.

    Unknown conditions: a *resolution* lets each line match its exact packets and any part of its unsure
    ones, packet by packet and line by line independently. A packet's line in some resolution is one of the
    unsure lines before its first sure line, or that sure line; all of these can come about. Thus

    - MUST: permitted in every resolution. Its sure line permits, and no unsure *deny* comes before it.
      Read: exact lines and unsure denies, the first decides; unsure permits add nothing, shadow nothing.
    - MAY: permitted in some resolution. Its sure line permits, or an unsure *permit* comes before it.
      Read: exact lines and unsure permits, the first decides; unsure denies are passed over.

    Both readings are plain first-match lists, so every question works alike on either. Where one unknown
    object stands in two lines, true behaviour is still between MUST and MAY, perhaps not up to either.

    Index: entries are the products of all lines in order. It is made when it is first asked, linear in the ends of
    their spans: 10,000 generated lines with 33,000 cuts take 0.11 s and 44 MB, 100,000 with 234,000 cuts 1.3 s and
    480 MB (Python 3.11). Everything asked is lazy.
    """

    def __init__(
        self, lines: Sequence[Line], universe: ServiceUniverse, *, default: Action = Action.DENY
    ) -> None:
        self.lines = tuple(lines)
        self.universe = universe
        self.default = default
        products: list[Product] = []
        self._line_of: list[int] = []
        self._first_entry: list[int] = []
        exact = bytearray()
        permits = bytearray()
        for at, line in enumerate(self.lines):
            self._first_entry.append(len(products))
            for product, sure in _entries_of(line):
                products.append(product)
                self._line_of.append(at)
                exact.append(sure)
                permits.append(line.action is Action.PERMIT)
        self._first_entry.append(len(products))
        self._products = products
        self._exact = _bitset(exact)
        self._permits = _bitset(permits)
        self._all = (1 << len(products)) - 1

    @cached_property
    def _index(self) -> Remainder:
        return Remainder(self._products)

    def read(self, reading: Reading) -> Entries:
        """Give the entries that decide in a reading."""
        unsure_permits = self._permits & ~self._exact
        if reading is Reading.MAY:
            return self._exact | unsure_permits
        return self._all & ~unsure_permits

    def first_match(self, probe: Probe) -> Match:
        """Tell the line that decides one packet, and the lines before it that may do so instead."""
        matching = self._index.at(probe.source, probe.destination, self.universe.atom_at(probe.service))
        sure = matching & self._exact
        lowest = sure & -sure
        before = (matching & ~self._exact) & (lowest - 1 if sure else -1)
        line = self._line_of[lowest.bit_length() - 1] if sure else None
        unsure = dict.fromkeys(self._line_of[entry] for entry in bits_of(before))
        return Match(line, tuple(at for at in unsure if at != line))

    def permitted_within(
        self,
        product: Product,
        *,
        reading: Reading = Reading.MUST,
        excluding: RuleList | None = None,
        enough: Callable[[int], bool] = _never,
    ) -> Iterator[Decided]:
        """Yield disjoint products that make up what is permitted within a product, line by line.

        `excluding` takes all packets out that any of its lines match exactly (its actions do not count).
        They go first: only what is left of a line is held against the lines before it. Of a line of which
        the caller has `enough`, nothing more is looked for.
        """
        yield from self.decided_within(
            product, Action.PERMIT, reading=reading, excluding=excluding, enough=enough
        )

    def decided_within(
        self,
        product: Product,
        action: Action,
        *,
        reading: Reading = Reading.MUST,
        excluding: RuleList | None = None,
        enough: Callable[[int], bool] = _never,
    ) -> Iterator[Decided]:
        """Yield disjoint products of what is permitted, or denied, within a product, with the deciding line."""
        read = self.read(reading)
        if excluding is not None and not excluding.matches_any_of(product):
            excluding = None
        takers = read & (self._permits if action is Action.PERMIT else ~self._permits)
        meeting = read & self._index.meeting(product)
        index, entries = self._index, bits_of(takers & meeting)
        places = entries
        if len(self._products) > LONG and SHARE * meeting.bit_count() < len(self._products):
            among = bits_of(meeting)
            index = Remainder([_near(self._products[entry], product) for entry in among])
            places = [at for at, entry in enumerate(among) if takers >> entry & 1]
            read = -1  # all that are left are read
        for entry, place in zip(entries, places, strict=True):
            line = self._line_of[entry]
            if enough(line):
                continue
            here = intersect(self._products[entry], product)
            earlier = read & ((1 << place) - 1)
            for rest in (
                rest for piece in _without(here, excluding) for rest in index.rest_of(piece, earlier)
            ):
                yield Decided(rest, line)
                if enough(line):
                    break
        if self.default is action:
            for piece in _without(product, excluding):
                for rest in self.decided_by_default(piece, reading=reading):
                    yield Decided(rest, None)

    def decided_by_default(self, product: Product, *, reading: Reading = Reading.MUST) -> Iterator[Product]:
        """Yield disjoint products of what no line decides within a product."""
        yield from self._index.rest_of(product, self.read(reading))

    def only_may_be_permitted_within(
        self, product: Product, *, excluding: RuleList | None = None
    ) -> Iterator[Decided]:
        """Yield what is permitted in some resolution and not in every one: only what an unsure line could match."""
        unsure = self._all & ~self._exact
        for entry in bits_of(unsure & self._index.meeting(product)):
            here = intersect(self._products[entry], product)
            for part in self._index.rest_of(here, unsure & ((1 << entry) - 1)):
                for may in self.permitted_within(part, reading=Reading.MAY, excluding=excluding):
                    sure = [
                        Line(action=Action.DENY, exact=(one.product,))
                        for one in self.permitted_within(may.product)
                    ]
                    for rest in RuleList(sure, self.universe).unmatched(may.product):
                        yield Decided(rest, may.line)

    def unmatched(self, product: Product) -> Iterator[Product]:
        """Yield disjoint products of what no line surely matches within a product."""
        yield from self._index.rest_of(product, self._exact)

    def matches_any_of(self, product: Product) -> bool:
        """Tell whether any line may match a packet of a product; one look at the index."""
        return bool(self._index.meeting(product))

    def reached(self, line: int, *, reading: Reading = Reading.MUST) -> Iterator[Product]:
        """Yield what a line still decides: its packets that no earlier line takes in the reading."""
        for entry in self._entries(line):
            if self.read(reading) >> entry & 1:
                yield from self._index.rest_of(self._products[entry], self.read(reading) & ((1 << entry) - 1))

    def reachable(self, line: int) -> Iterator[Product]:
        """Yield what a line decides in some resolution: its packets that no earlier line surely takes."""
        for entry in self._entries(line):
            yield from self._index.rest_of(self._products[entry], self._exact & ((1 << entry) - 1))

    def shadowed(self, line: int) -> Iterator[Decided]:
        """Yield the packets that a line could match and an earlier line surely takes, with that line."""
        for entry in self._entries(line):
            earlier = self._exact & ((1 << self._first_entry[line]) - 1)
            for other in bits_of(earlier & self._index.meeting(self._products[entry])):
                here = intersect(self._products[entry], self._products[other])
                told = (1 << entry) - (1 << self._first_entry[line])  # the line's own products may overlap
                for rest in self._index.rest_of(here, earlier & ((1 << other) - 1) | told):
                    yield Decided(rest, self._line_of[other])

    def unreachable(self, among: Iterable[int] | None = None) -> Iterator[Unreachable]:
        """Yield the lines (`among` some, ascending; None: all) that no packet reaches in any resolution, in their order.

        Only what earlier lines match *surely* covers: a line that an unknown condition may leave something
        is reachable.
        """
        asked = range(len(self.lines)) if among is None else tuple(among)
        coverage = Coverage(self._products, self._first_entry, self._exact, lambda: self._index)
        for line, covering in coverage.covered(asked):
            yield Unreachable(line, tuple(dict.fromkeys(self._line_of[entry] for entry in covering)))

    def plainly_unreachable(self, among: Iterable[int]) -> Iterator[int]:
        """Yield of some lines those of which each product lies in one of the widest products before it.

        They are most of the unreachable ones, and soon found.
        """
        held = held_by_widest(self._products, self._exact)
        return (line for line in among if held.issuperset(self._entries(line)))

    def _entries(self, line: int) -> range:
        return range(self._first_entry[line], self._first_entry[line + 1])


def _entries_of(line: Line) -> Iterator[tuple[Product, bool]]:
    for product in line.exact:
        if product:
            yield product, True
    for product in line.unsure:
        if product:
            yield product, False


def _near(one: Product, product: Product) -> Product:
    """Leave away spans of groups that are outside of a product; single spans cost an index nothing as they are."""
    source, destination, services = one
    return Product(
        source if len(source) == 1 else intersect_spans(source, product.source),
        destination if len(destination) == 1 else intersect_spans(destination, product.destination),
        services,
    )


def _without(product: Product, excluding: RuleList | None) -> Iterable[Product]:
    if not product:
        return ()
    return (product,) if excluding is None else excluding.unmatched(product)


def _bitset(flags: bytearray) -> Entries:
    return int(flags[::-1].translate(_DIGITS) or b"0", 2)


_DIGITS = bytes.maketrans(b"\x00\x01", b"01")
