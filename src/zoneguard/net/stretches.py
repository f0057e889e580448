"""One field of many products, indexed: which of them meet or contain a given part of the field?"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from zoneguard.net.spans import spans_from, spans_meet, spans_within, subtract_spans
from zoneguard.net.universe import bits_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from zoneguard.net.spans import Spans
    from zoneguard.net.universe import ServiceSet

Entries: TypeAlias = int  # bit i: entry i of one rule list

CACHED_BYTES = 32 << 20  # of answers kept by one field; 10,000 entries: 13,000 answers
MANY = 64  # atoms of a service set, beyond which its entries are not put down by each of them
RUN = 8  # cuts, or steps of cuts, united in a leaf of the trees; 4 to 32 are alike, 1 takes half as long again to build
FEW = 4  # bits that are turned one by one
DIRECT = 8  # entries looked at one by one before the index is asked; 8 and 16 are alike, 4 is 20 % slower


class AddressField:
    """The number line cut at all range ends, each stretch with the entries that cover it.

    Built from one canonical union of spans an entry. Of n cuts only every `step`-th holds its bitset; those
    between are told by what begins and ends there, which keeps 100,000 entries with 490,000 cuts
    in both fields at 2 GB, where the bitsets of all cuts alone would be 6 GB. Two segment trees hold the unions of what begins and what ends
    in runs of cuts: since spans of one entry never touch, an entry meets a range exactly when it covers
    the first stretch or begins later in the range, and contains it exactly when it covers the first
    stretch and does not end before the last.
    """

    def __init__(self, fields: Sequence[Spans]) -> None:
        self._fields = fields
        begins: dict[int, list[int]] = {0: []}
        ends: dict[int, list[int]] = {}
        for entry, spans in enumerate(fields):
            for first, last in spans:
                begins.setdefault(first, []).append(entry)
                ends.setdefault(last + 1, []).append(entry)
        self._cuts = sorted(begins.keys() | ends.keys())
        self._begins = [begins.get(cut, ()) for cut in self._cuts]
        self._ends = [ends.get(cut, ()) for cut in self._cuts]
        self._step = 1 << max(0, len(fields).bit_length() - 13)
        self._covers = self._cover_all()
        self._run = self._step * RUN
        self._known: dict[Spans, tuple[Entries, Entries]] = {}
        self._left: dict[tuple[Spans, Entries], Spans] = {}
        self._between: dict[int, Entries] = {}
        self._room = CACHED_BYTES // (len(fields) // 4 + 64)

    @cached_property
    def _begin_tree(self) -> list[Entries]:
        return _union_tree(self._begins, self._run)

    @cached_property
    def _end_tree(self) -> list[Entries]:
        return _union_tree(self._ends, self._run)

    def _cover_all(self) -> list[Entries]:
        covers, cover = [], 0
        pending: list[int] = []
        for at, (begin, end) in enumerate(zip(self._begins, self._ends, strict=True)):
            pending += begin
            pending += end
            if at % self._step == 0:
                cover = _toggled(cover, pending)
                covers.append(cover)
                pending.clear()
        return covers

    def at(self, number: int) -> Entries:
        """Give the entries that cover one address."""
        at = bisect_right(self._cuts, number) - 1
        return self._cover(at) if at % self._step else self._covers[at // self._step]

    def ask(self, spans: Spans) -> tuple[Entries, Entries]:
        """Give the entries that meet the spans, and among them those that contain all of them."""
        known = self._known.get(spans)
        if known is not None:
            return known
        meet, contain = 0, -1
        for first, last in spans:
            left = bisect_right(self._cuts, first) - 1
            right = bisect_right(self._cuts, last) - 1
            cover = self._cover(left)
            meet |= cover
            if left == right:
                contain &= cover
            else:
                meet |= self._union(self._begin_tree, self._begins, left + 1, right)
                contain &= cover & ~self._union(self._end_tree, self._ends, left + 1, right)
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
            fields = [self._fields[at] for at in bits_of(takers)]
            taken = fields[0] if len(fields) == 1 else spans_from(chain.from_iterable(fields))
            known = subtract_spans(spans, taken)
            if len(self._left) >= self._room:
                self._left.clear()
            self._left[spans, takers] = known
        return known

    def divide(self, spans: Spans, partial: Entries) -> Iterator[tuple[Spans, Entries]]:
        """Divide spans by which of the partial entries cover them: every part is covered whole or not at all."""
        events: dict[int, Entries] = {}
        for entry in bits_of(partial):
            bit = 1 << entry
            for first, last in self._fields[entry]:
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

    def _cover(self, at: int) -> Entries:
        cover = self._covers[at // self._step]
        if at % self._step == 0:
            return cover
        known = self._between.get(at)
        if known is not None:
            return known
        places = slice(at - at % self._step + 1, at + 1)
        cover = _toggled(cover, [*chain(*self._begins[places]), *chain(*self._ends[places])])
        if len(self._between) >= self._room:
            self._between.clear()
        self._between[at] = cover
        return cover

    def _union(self, tree: list[Entries], leaves: Sequence[Sequence[int]], left: int, right: int) -> Entries:
        """Unite the leaves left..right, whole groups by the tree."""
        step, size = self._run, len(tree) // 2
        low, high = -(-left // step), (right + 1) // step  # groups low..high-1 lie inside
        if low >= high:
            return _union_of(leaves[left : right + 1])
        found = _union_of(leaves[left : low * step]) | _union_of(leaves[high * step : right + 1])
        low, high = low + size, high + size
        while low < high:
            if low & 1:
                found |= tree[low]
                low += 1
            if high & 1:
                high -= 1
                found |= tree[high]
            low, high = low >> 1, high >> 1
        return found


class ServiceField:
    """The service sets of many entries.

    Narrow questions go to the entries of each atom, wide ones to the sets, of which few differ.
    """

    def __init__(self, fields: Sequence[ServiceSet]) -> None:
        self._fields = fields
        gathered: dict[ServiceSet, list[int]] = {}
        for entry, services in enumerate(fields):
            gathered.setdefault(services, []).append(entry)
        self._distinct = [(services, _union_of([entries])) for services, entries in gathered.items()]
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


def _union_of(leaves: Sequence[Sequence[int]]) -> Entries:
    return _toggled(0, {*chain(*leaves)})


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


def _union_tree(leaves: Sequence[Sequence[int]], step: int) -> list[Entries]:
    groups = [_union_of(leaves[at : at + step]) for at in range(0, len(leaves), step)]
    tree = [0] * len(groups) + groups
    for at in range(len(groups) - 1, 0, -1):
        tree[at] = tree[2 * at] | tree[2 * at + 1]
    return tree
