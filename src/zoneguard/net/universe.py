"""Services as sets of atoms: a universe cut only as fine as the services of one question need."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from operator import getitem
from typing import TYPE_CHECKING, Any, TypeAlias

from zoneguard.net.service import (
    ALL_FLAGS,
    ALL_STATES,
    UNUSED_PORT,
    ConnectionState,
    Point,
    Service,
    intersect_services,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from zoneguard.net.address import Span

ServiceSet: TypeAlias = int  # bit i: atom i of one universe

COUNTED = 16384  # sets whose count, boxes or example are kept: 12 MB of counts at 5,500 atoms
FEW_RUNS = 16  # runs of atoms that are counted run by run; octet by octet costs as much as 20 to 30


class ServiceUniverse:
    """All services there are `within` some disjoint boxes, cut into atoms along the ends of the given ones.

    Invariant: the atoms are disjoint, cover every packet of `within`, and lie whole inside or whole outside of
    each given service. They are cut protocol by protocol, then destination port by destination port and so on,
    each part only along the services that reach it: 1,017 generated services made 5,499 atoms. Of a service
    that reaches beyond `within`, the universe knows the part inside.
    """

    def __init__(self, services: Iterable[Service], *, within: Sequence[Service] = (Service(),)) -> None:
        given = sorted({*services, Service()})
        self._cuts = _Cuts(given, within)
        self.atoms: tuple[Service, ...] = tuple(self._cuts.atoms)
        self._known: dict[Service, ServiceSet] = dict(zip(given, self._cuts.masks, strict=True))
        sizes = [atom.size() for atom in self.atoms]
        self._counted: dict[ServiceSet, int] = {}
        self._boxes: dict[ServiceSet, tuple[Service, ...]] = {}
        self._examples: dict[ServiceSet, Point] = {}
        self._rests: dict[tuple[int, int], tuple[Rest, ...]] = {}
        self._joined: dict[tuple[int, ServiceSet], tuple[Service, ...]] = {}
        # Of each stretch of protocols: its atoms (first, beyond the last), and from there the first atom of each cell and
        # the one beyond the last.
        begins = [cells[0][0] for _, _, cells in self._cuts.by_protocol]
        self._stretches = list(zip(begins, [*begins[1:], len(self.atoms)], strict=True))
        self._bases = [
            [*(base - first for base, _ in cells), after - first]
            for (first, after), (_, _, cells) in zip(self._stretches, self._cuts.by_protocol, strict=True)
        ]
        self._preferred = _preferred(self.atoms)
        self._before = [0, *accumulate(sizes)]  # packets of the atoms before each one
        self._sums = [_subset_sums(sizes[at : at + 8]) for at in range(0, len(sizes), 8)]
        self.everything: ServiceSet = (1 << len(self.atoms)) - 1

    def set_of(self, *services: Service) -> ServiceSet:
        """Give the atoms of a union of services.

        Raises ValueError for a service that cuts an atom: it was not among those the universe was made of.
        """
        made = 0
        for service in services:
            if service not in self._known:
                self._known[service] = self._look_up(service)
            made |= self._known[service]
        return made

    def _look_up(self, service: Service) -> ServiceSet:
        """Find atoms by their boxes: a linear search, for services that need no cut of their own."""
        made = 0
        for at, atom in enumerate(self.atoms):
            shared = intersect_services(atom, service)
            if shared is None:
                continue
            if shared != atom:
                raise ValueError(
                    f"{service} cuts an atom of this universe; name it when the universe is made."
                )
            made |= 1 << at
        return made

    def atom_at(self, point: Point) -> int:
        """Find the atom that holds a packet."""
        for protocol_start, dports, cells in self._cuts.by_protocol[::-1]:
            if point.protocol >= protocol_start:
                base, atoms = cells[bisect_right(dports, point.dport) - 1]
                for at, (sport, flags, states) in enumerate(atoms):
                    if (
                        sport[0] <= point.sport <= sport[1]
                        and flags >> point.flags & 1
                        and states & point.state
                    ):
                        return base + at
                break
        raise ValueError(f"{point} is no packet of this universe.")

    def count(self, services: ServiceSet) -> int:
        """Count the packets of a set, each (protocol, ports, flag octet, state) once."""
        known = self._counted.get(services)
        if known is None:
            if (services & ~(services << 1)).bit_count() <= FEW_RUNS:
                known = self._count_of_runs(services)
            else:
                known = sum(map(getitem, self._sums, services.to_bytes(len(self._sums), "little")))
            if len(self._counted) < COUNTED:
                self._counted[services] = known
        return known

    def _count_of_runs(self, services: ServiceSet) -> int:
        found = end = 0
        while services:
            first = (services & -services).bit_length() - 1
            services >>= first
            ones = (services ^ services + 1).bit_length() - 1
            services >>= ones
            found += self._before[end + first + ones] - self._before[end + first]
            end += first + ones
        return found

    def boxes(self, services: ServiceSet) -> tuple[Service, ...]:
        """Give disjoint boxes for people that make up a set: atoms joined greedily along each dimension."""
        known = self._boxes.get(services)
        if known is None:
            known = tuple(_join(list(self._joined_ports(services)), "protocol"))
            if len(self._boxes) < COUNTED:
                self._boxes[services] = known
        return known

    def _joined_ports(self, services: ServiceSet) -> Iterator[Service]:
        """Yield boxes of a set, of one stretch of protocols each, destination ports joined."""
        for at, (first, last) in enumerate(self._stretches):
            part = services >> first & ((1 << (last - first)) - 1)
            if part:
                known = self._joined.get((at, part))
                if known is None:
                    known = tuple(self._joined_within(at, part))
                    if len(self._joined) < COUNTED:
                        self._joined[at, part] = known
                yield from known

    def _joined_within(self, at: int, part: ServiceSet) -> Iterator[Service]:
        """Join the atoms of one stretch of protocols, given as bits from its first atom on; few atoms cost little."""
        first, starts, cells = self._cuts.by_protocol[at]
        more = self._cuts.by_protocol[at + 1 :]
        protocol = first, more[0][0] - 1 if more else 255
        bases = self._bases[at]
        runs: dict[Rest, list[int]] = {}
        while part:
            lowest = (part & -part).bit_length() - 1
            place = bisect_right(bases, lowest) - 1
            rests = cells[place][1]
            after = place + 1
            if bases[place] == lowest:  # whole cells are alike: a run of them is taken at once
                ones = part >> lowest
                after = max(after, bisect_right(bases, lowest + (ones ^ ones + 1).bit_length() - 1) - 1)
            bits = part >> bases[place] & ((1 << len(rests)) - 1)
            part = part >> bases[after] << bases[after]
            low, high = starts[place], starts[after] if after < len(starts) else 65536
            for rest in self._joined_rests(rests, bits):
                run = runs.get(rest)
                if run is not None and run[1] + 1 == low:
                    run[1] = high - 1
                    continue
                if run is not None:
                    yield Service(protocol, rest[0], (run[0], run[1]), *rest[1:])
                runs[rest] = [low, high - 1]
        for rest, run in runs.items():
            yield Service(protocol, rest[0], (run[0], run[1]), *rest[1:])

    def _joined_rests(self, rests: list[Rest], bits: int) -> tuple[Rest, ...]:
        key = id(rests), bits
        if key not in self._rests:
            boxes = [
                Service(sport=sport, flags=flags, states=states)
                for at, (sport, flags, states) in enumerate(rests)
                if bits >> at & 1
            ]
            for field in ("states", "flags", "sport"):
                boxes = _join(boxes, field)
            self._rests[key] = tuple((box.sport, box.flags, box.states) for box in boxes)
        return self._rests[key]

    def example(self, services: ServiceSet) -> Point:
        """Give a packet of a set that is not empty, as a client would send it.

        New connections, TCP with SYN, and the first dynamic source port (49152) are preferred where the set
        leaves the choice.
        """
        known = self._examples.get(services)
        if known is None:
            best = next(filter(None, (services & group for group in self._preferred)))
            known = _point_of(min(self._lowest(best), key=_first_port))
            if len(self._examples) < COUNTED:
                self._examples[services] = known
        return known

    def _lowest(self, services: ServiceSet) -> Iterator[Service]:
        """Yield of each stretch of protocols the atom of the lowest destination port; they ascend by it there."""
        for first, after in self._stretches:
            part = services >> first & ((1 << (after - first)) - 1)
            if part:
                yield self.atoms[first + (part & -part).bit_length() - 1]


def _preferred(atoms: Iterable[Service]) -> list[ServiceSet]:
    """Group atoms by how much a packet of theirs looks as one that a client would send, most first."""
    groups: dict[tuple[bool, bool, bool], list[int]] = {}
    for at, atom in enumerate(atoms):
        odd = (
            not atom.states & ConnectionState.NEW,
            not atom.sport[0] <= UNUSED_PORT <= atom.sport[1],
            not atom.protocol[0] <= 6 <= atom.protocol[1],
        )
        groups.setdefault(odd, []).append(at)
    return [sum(1 << at for at in groups[odd]) for odd in sorted(groups)]


def _first_port(box: Service) -> int:
    return box.dport[0]


def _point_of(box: Service) -> Point:
    opening = 0x02 if box.protocol[0] <= 6 <= box.protocol[1] else 0
    protocol = 6 if opening else box.protocol[0]
    return Point(
        protocol=protocol,
        sport=UNUSED_PORT if box.sport[0] <= UNUSED_PORT <= box.sport[1] else box.sport[0],
        dport=box.dport[0],
        flags=opening if box.flags >> opening & 1 else (box.flags & -box.flags).bit_length() - 1,
        state=box.states & -box.states,
    )


def _subset_sums(sizes: list[int]) -> list[int]:
    """Give the sum of sizes for each octet of a service set: 17 times as fast as atom by atom, at 5,500 atoms."""
    sums = [0]
    for size in sizes:
        sums += [one + size for one in sums]
    return sums


def bits_of(number: int) -> list[int]:
    """List the places of the bits that are set, ascending.

    Few are taken off one by one, from the top, which copies the number each time; many are found by way of text, which
    is linear. Of 10,000 places both cost alike at 85 bits, of 100,000 at 265: 15 and 100 us.
    """
    if number.bit_count() * 500 < number.bit_length() + 32_000:
        places = []
        while number:
            places.append(number.bit_length() - 1)
            number ^= 1 << places[-1]
        return places[::-1]
    digits = f"{number:b}"[::-1]
    places, at = [], digits.find("1")
    while at >= 0:
        places.append(at)
        at = digits.find("1", at + 1)
    return places


def mask_of(places: Iterable[int]) -> int:
    """Set the bits at the given places."""
    octets = bytearray()
    for place in places:
        if place >> 3 >= len(octets):
            octets += bytes((place >> 3) + 1 - len(octets) + (len(octets) >> 1))
        octets[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(octets, "little")


def stretches_of(spans: Sequence[Span], last: int) -> list[tuple[int, int, list[int]]]:
    """Cut 0..last at all ends: (first, last, indexes of the spans that cover it) per stretch, ascending."""
    cuts = sorted({0, last + 1, *(span[0] for span in spans), *(span[1] + 1 for span in spans)})
    place = {cut: at for at, cut in enumerate(cuts)}
    covering: list[list[int]] = [[] for _ in cuts[1:]]
    for index, (first, end) in enumerate(spans):
        for at in range(place[first], place[end + 1]):
            covering[at].append(index)
    return [(cuts[at], cuts[at + 1] - 1, covered) for at, covered in enumerate(covering)]


Rest: TypeAlias = "tuple[Span, int, int]"  # sport, flags, states


class _Cuts:
    """The cutting of one universe: atoms, the mask of each given service, and the way back to an atom."""

    def __init__(self, services: list[Service], within: Sequence[Service]) -> None:
        self.atoms: list[Service] = []
        self.by_protocol: list[tuple[int, list[int], list[tuple[int, list[Rest]]]]] = []
        self._rests: dict[frozenset[Rest], tuple[list[Rest], dict[Rest, list[int]]]] = {}
        inside = [
            (at, part)
            for at, service in enumerate(services)
            for box in within
            if (part := intersect_services(service, box)) is not None
        ]
        atoms_of: list[list[int]] = [[] for _ in services]
        for first, last, reaching in stretches_of([part.protocol for _, part in inside], 255):
            starts: list[int] = []
            cells: list[tuple[int, list[Rest]]] = []
            for low, high, among in stretches_of([inside[at][1].dport for at in reaching], 65535):
                starts.append(low)
                here = [inside[reaching[at]] for at in among]
                cells.append(self._cell((first, last), (low, high), here, atoms_of))
            self.by_protocol.append((first, starts, cells))
        # All at once: to set one bit of a mask after the other costs its length each time.
        self.masks = [mask_of(atoms) for atoms in atoms_of]

    def _cell(
        self, protocol: Span, dport: Span, here: list[tuple[int, Service]], atoms_of: list[list[int]]
    ) -> tuple[int, list[Rest]]:
        rests = [(at, (part.sport, part.flags, part.states)) for at, part in here]
        key = frozenset(rest for _, rest in rests)
        if key not in self._rests:
            self._rests[key] = _cut_rest(sorted(key))
        atoms, places = self._rests[key]
        base = len(self.atoms)
        self.atoms += [Service(protocol, sport, dport, flags, states) for sport, flags, states in atoms]
        for at, rest in rests:
            atoms_of[at] += [base + place for place in places[rest]]
        return base, atoms


def _cut_rest(rests: list[Rest]) -> tuple[list[Rest], dict[Rest, list[int]]]:
    """Cut source ports, then flags, then states; give the atoms that a given rest reaches, and those of each."""
    atoms: list[Rest] = []
    places: dict[Rest, list[int]] = {rest: [] for rest in rests}
    for first, last, reaching in stretches_of([rest[0] for rest in rests], 65535):
        among = [rests[at] for at in reaching]
        for flags in _classes(ALL_FLAGS, {rest[1] for rest in among}):
            here = [rest for rest in among if rest[1] & flags]
            for states in _classes(ALL_STATES, {rest[2] for rest in here}):
                reached = [rest for rest in here if rest[2] & states]
                for rest in reached:
                    places[rest].append(len(atoms))
                if reached:
                    atoms.append(((first, last), flags, states))
    return atoms, places


def _classes(everything: int, sets: Iterable[int]) -> list[int]:
    """Divide a set so that each part lies whole inside or whole outside of each given set."""
    parts = [everything]
    for one in sorted(sets):
        parts = [half for part in parts for half in (part & one, part & ~one) if half]
    return sorted(parts)


def _join(boxes: list[Service], field: str) -> list[Service]:
    """Join boxes that differ in one dimension only: sets by union, spans where they touch."""
    at = Service._fields.index(field)
    alike: dict[tuple[object, ...], list[Any]] = {}
    for box in boxes:
        alike.setdefault(box[:at] + box[at + 1 :], []).append(box[at])
    join: Callable[[list[Any]], list[Any]] = _join_sets if field in ("states", "flags") else _join_spans
    return [
        Service._make((*rest[:at], value, *rest[at:]))
        for rest, group in alike.items()
        for value in join(group)
    ]


def _join_sets(disjoint: list[int]) -> list[int]:
    return [sum(disjoint)]


def _join_spans(disjoint: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for first, last in sorted(disjoint):
        if joined and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined
