"""One field of many products, indexed: which of them meet or contain a given part of the field?"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from zoneguard.net.address import LAST
from zoneguard.net.spans import spans_from, spans_meet, spans_within, subtract_spans
from zoneguard.net.universe import bits_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from zoneguard.net.spans import Spans
    from zoneguard.net.universe import ServiceSet

Entries: TypeAlias = int  # bit i: entry i of one rule list

CACHED_BYTES = 32 << 20  # of answers kept by one field; 10,000 entries: 13,000 answers
MANY = 64  # atoms of a service set, beyond which its entries are not put down by each of them
RUN = 64  # begins or ends of entries of several spans that are united in a leaf of a tree
FEW = 4  # bits that are turned one by one
DIRECT = 8  # entries looked at one by one before the index is asked; 8 and 16 are alike, 4 is 20 % slower


class AddressField:
    """The number line cut at all range ends, each stretch with the entries that cover it.

    Built from one canonical union of spans an entry. An entry of one span meets a range exactly when it covers the
    first stretch of it or begins later in it, and contains the range exactly when it covers the first stretch and the
    last: two looks at what covers a stretch, and at what of them has begun up to there. Entries of several spans,
    which are few, are told by their own begins and ends in between.

    Of n cuts only every `step`-th holds its bitsets; those between are told by what begins and ends there, which keeps
    100,000 entries with 234,000 cuts in both fields at 480 MB, where the bitsets of all cuts would be several GB.
    """

    def __init__(self, fields: Sequence[Spans]) -> None:
        self._fields = fields
        turns: dict[int, list[int]] = {0: []}  # where entries begin and end
        begins: dict[int, list[int]] = {}  # where those of one span begin
        self._several: list[int] = []  # entries of several spans
        for entry, spans in enumerate(fields):
            for first, last in spans:
                turns.setdefault(first, []).append(entry)
                turns.setdefault(last + 1, []).append(entry)
            if len(spans) == 1:
                begins.setdefault(spans[0][0], []).append(entry)
            else:
                self._several.append(entry)
        self._cuts = sorted(turns)
        self._turns = [turns[cut] for cut in self._cuts]
        self._begins = [begins.get(cut, ()) for cut in self._cuts]
        self._step = 1 << max(0, len(fields).bit_length() - 13)
        self._covers = _running(self._turns, self._step)
        self._known: dict[Spans, tuple[Entries, Entries]] = {}
        self._left: dict[tuple[Spans, Entries], Spans] = {}
        self._between: dict[int, tuple[Entries, Entries]] = {}
        self._room = CACHED_BYTES // (len(fields) // 4 + 64)

    @cached_property
    def _begun(self) -> list[Entries]:
        return _running(self._begins, self._step)

    @cached_property
    def _begins_of_several(self) -> _Events:
        return _Events((span[0], entry) for entry in self._several for span in self._fields[entry])

    @cached_property
    def _ends_of_several(self) -> _Events:
        return _Events((span[1] + 1, entry) for entry in self._several for span in self._fields[entry])

    def at(self, number: int) -> Entries:
        """Give the entries that cover one address."""
        at = bisect_right(self._cuts, number) - 1
        return self._look(at)[0] if at % self._step else self._covers[at // self._step]

    def ask(self, spans: Spans) -> tuple[Entries, Entries]:
        """Give the entries that meet the spans, and among them those that contain all of them."""
        known = self._known.get(spans)
        if known is not None:
            return known
        meet, contain = 0, -1
        for first, last in spans:
            left = bisect_right(self._cuts, first) - 1
            right = bisect_right(self._cuts, last) - 1
            cover, begun = self._look(left)
            if left == right:
                meet |= cover
                contain &= cover
            else:
                covered, begun_there = self._look(right)
                meet |= cover | begun_there & ~begun | self._begins_of_several.between(first, last)
                contain &= cover & covered & ~self._ends_of_several.between(first, last)
        if len(self._known) >= self._room:
            self._known.clear()
        self._known[spans] = meet, contain
        return meet, contain

    def narrow(self, spans: Spans, meet: Entries, contain: Entries) -> tuple[Entries, Entries]:
        """Say `ask` anew for a part of what was asked before, within the entries that met that.

        One by one where few entries or many spans are left, by the index otherwise.
        """
        unsure = meet & ~contain
        if unsure.bit_count() > max(DIRECT, 2 * len(spans)):
            meets, contains = self.ask(spans)
            return meet & meets, meet & contains
        for entry in bits_of(unsure):
            if not spans_meet(spans, self._fields[entry]):
                meet ^= 1 << entry
            elif spans_within(spans, self._fields[entry]):
                contain |= 1 << entry
        return meet, contain & meet

    def less(self, spans: Spans, takers: Entries) -> Spans:
        """Give what some entries leave of spans.

        Lines ask the same again and again, for each the earlier ones on the same hosts: of 28,000 times in 10,000
        generated lines between 154 pairs of zones, 20,000.
        """
        known = self._left.get((spans, takers))
        if known is None:
            fields = [self._around(at, spans) for at in bits_of(takers)]
            taken = fields[0] if len(fields) == 1 else spans_from(chain.from_iterable(fields))
            known = subtract_spans(spans, taken)
            if len(self._left) >= self._room:
                self._left.clear()
            self._left[spans, takers] = known
        return known

    def _around(self, entry: int, spans: Spans) -> Spans:
        """Give of the spans of an entry those that lie between the first and the last number of some others."""
        field = self._fields[entry]
        if len(field) == 1:
            return field
        begin = bisect_right(field, spans[0]) - 1  # ends after that one begins, or is the one before
        return field[max(begin, 0) : bisect_right(field, (spans[-1][1], LAST))]

    def divide(self, spans: Spans, partial: Entries) -> Iterator[tuple[Spans, Entries]]:
        """Divide spans by which of the partial entries cover them: every part is covered whole or not at all."""
        events: dict[int, Entries] = {}
        for entry in bits_of(partial):
            bit = 1 << entry
            for first, last in self._around(entry, spans):
                events[first] = events.get(first, 0) ^ bit
                events[last + 1] = events.get(last + 1, 0) ^ bit
        parts: dict[Entries, list[tuple[int, int]]] = {}
        active, cuts, at = 0, sorted(events), 0
        for first, last in spans:
            start = first
            while at < len(cuts) and cuts[at] <= last:
                if cuts[at] > start:
                    parts.setdefault(active, []).append((start, cuts[at] - 1))
                    start = cuts[at]
                active ^= events[cuts[at]]
                at += 1
            parts.setdefault(active, []).append((start, last))
        for active, part in parts.items():
            yield _joined(part), active

    def _look(self, at: int) -> tuple[Entries, Entries]:
        """Give the entries that cover a stretch, and those of one span that begin there or before."""
        place, beyond = divmod(at, self._step)
        if not beyond:
            return self._covers[place], self._begun[place]
        known = self._between.get(at)
        if known is None:
            places = slice(at - beyond + 1, at + 1)
            known = (
                _toggled(self._covers[place], [*chain(*self._turns[places])]),
                _toggled(self._begun[place], [*chain(*self._begins[places])]),
            )
            if len(self._between) >= self._room:
                self._between.clear()
            self._between[at] = known
        return known


class _Events:
    """What begins, or what ends, along the number line: entries by the address where they do."""

    def __init__(self, events: Iterable[tuple[int, int]]) -> None:
        in_order = sorted(events)
        self._places = [place for place, _ in in_order]
        self._entries = [entry for _, entry in in_order]

    def between(self, after: int, up_to: int) -> Entries:
        """Unite the entries of what happens after one address and up to another, whole runs by a segment tree."""
        left, right = bisect_right(self._places, after), bisect_right(self._places, up_to)
        low, high = -(-left // RUN), right // RUN  # runs low..high-1 lie inside
        if low >= high:
            return _toggled(0, {*self._entries[left:right]})
        found = _toggled(0, {*self._entries[left : low * RUN], *self._entries[high * RUN : right]})
        size = len(self._tree) // 2
        low, high = low + size, high + size
        while low < high:
            if low & 1:
                found |= self._tree[low]
                low += 1
            if high & 1:
                high -= 1
                found |= self._tree[high]
            low, high = low >> 1, high >> 1
        return found

    @cached_property
    def _tree(self) -> list[Entries]:
        runs = [_toggled(0, {*self._entries[at : at + RUN]}) for at in range(0, len(self._entries), RUN)]
        tree = [0] * len(runs) + runs
        for at in range(len(runs) - 1, 0, -1):
            tree[at] = tree[2 * at] | tree[2 * at + 1]
        return tree


class ServiceField:
    """The service sets of many entries.

    Narrow questions go to the entries of each atom, wide ones to the sets, of which few differ.
    """

    def __init__(self, fields: Sequence[ServiceSet]) -> None:
        self._fields = fields
        gathered: dict[ServiceSet, list[int]] = {}
        for entry, services in enumerate(fields):
            gathered.setdefault(services, []).append(entry)
        self._distinct = [(services, _toggled(0, entries)) for services, entries in gathered.items()]
        # Sets of many atoms are few: they are asked one by one, and spared of being put down by each of their atoms.
        self._wide: list[tuple[ServiceSet, Entries]] = []
        self._narrow: dict[int, Entries] = {}
        for services, entries in self._distinct:
            if services.bit_count() > MANY:
                self._wide.append((services, entries))
                continue
            for atom in bits_of(services):
                self._narrow[atom] = self._narrow.get(atom, 0) | entries
        self._by_atom: dict[int, Entries] = {}
        self._known: dict[ServiceSet, tuple[Entries, Entries]] = {}
        self._room = CACHED_BYTES // (len(fields) // 4 + 64)

    def at(self, atom: int) -> Entries:
        """Give the entries that hold one atom."""
        found = self._by_atom.get(atom)
        if found is None:
            found = self._narrow.get(atom, 0)
            for services, entries in self._wide:
                if services >> atom & 1:
                    found |= entries
            self._by_atom[atom] = found
        return found

    def ask(self, services: ServiceSet) -> tuple[Entries, Entries]:
        """Give the entries that meet a service set, and among them those that contain it."""
        known = self._known.get(services)
        if known is not None:
            return known
        if len(self._known) >= self._room:
            self._known.clear()
        few = 4 * services.bit_count() < len(self._distinct)
        answer = self._ask_atoms(services) if few else self._ask_sets(services)
        self._known[services] = answer
        return answer

    def narrow(self, services: ServiceSet, meet: Entries, contain: Entries) -> tuple[Entries, Entries]:
        """Say `ask` anew for a part of what was asked before, within the entries that met that."""
        unsure = meet & ~contain
        if unsure.bit_count() > max(DIRECT, len(self._distinct)):
            meets, contains = self.ask(services)
            return meet & meets, meet & contains
        for entry in bits_of(unsure):
            shared = self._fields[entry] & services
            if not shared:
                meet ^= 1 << entry
            elif shared == services:
                contain |= 1 << entry
        return meet, contain & meet

    def _ask_atoms(self, services: ServiceSet) -> tuple[Entries, Entries]:
        meet, contain = 0, -1
        for atom in bits_of(services):
            entries = self.at(atom)
            meet |= entries
            contain &= entries
        return meet, contain

    def _ask_sets(self, services: ServiceSet) -> tuple[Entries, Entries]:
        meet = contain = 0
        for one, entries in self._distinct:
            shared = one & services
            if shared:
                meet |= entries
                if shared == services:
                    contain |= entries
        return meet, contain

    def divide(self, services: ServiceSet, partial: Entries) -> Iterator[tuple[ServiceSet, Entries]]:
        """Divide a service set by which of the partial entries cover it, whole or not at all."""
        gathered: dict[ServiceSet, Entries] = {}
        for entry in bits_of(partial):
            one = self._fields[entry] & services
            gathered[one] = gathered.get(one, 0) | 1 << entry
        parts: list[tuple[ServiceSet, Entries]] = [(services, 0)]
        for one, entries in gathered.items():
            parts = [
                (half, active | taken)
                for part, active in parts
                for half, taken in ((part & one, entries), (part & ~one, 0))
                if half
            ]
        yield from parts


def _joined(part: list[tuple[int, int]]) -> Spans:
    """Bring ascending stretches to the canonical form: those cut apart in vain are joined again."""
    joined = [part[0]]
    for first, last in part[1:]:
        if joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return tuple(joined)


def _toggled(cover: Entries, entries: Collection[int]) -> Entries:
    """Turn the bits of entries; by octets when they are many, for each turned alone copies the whole number."""
    if len(entries) <= FEW:
        for entry in entries:
            cover ^= 1 << entry
        return cover
    octets = bytearray((max(entries) >> 3) + 1)
    for entry in entries:
        octets[entry >> 3] ^= 1 << (entry & 7)
    return cover ^ int.from_bytes(octets, "little")


def _running(turns: Sequence[Collection[int]], step: int) -> list[Entries]:
    """Give what is turned on after each `step`-th place, the first one included."""
    found, entries = [], 0
    if step == 1:
        for here in turns:
            entries = _toggled(entries, here)
            found.append(entries)
        return found
    for at in range(0, len(turns), step):
        entries = _toggled(entries, [*chain(*turns[max(0, at - step + 1) : at + 1])])
        found.append(entries)
    return found
