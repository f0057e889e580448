"""Services as sets of atoms: a universe cut only as fine as the services of one question need."""

from __future__ import annotations

from bisect import bisect_right
from enum import IntFlag
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from zoneguard.net.address import Span

ServiceSet: TypeAlias = int  # bit i: atom i of one universe

ALL_PROTOCOLS: Span = (0, 255)
ALL_PORTS: Span = (0, 65535)
ALL_FLAGS = (1 << 256) - 1  # bit v: the octet of TCP flags may be v


class ConnectionState(IntFlag):
    """What a stateful device calls a packet's connection."""

    NEW = 1
    ESTABLISHED = 2
    RELATED = 4
    INVALID = 8
    UNTRACKED = 16


ALL_STATES = 31
COUNTED = 16384  # sets whose count is kept: 12 MB at 5,500 atoms


class Service(NamedTuple):
    """A box of packets without their addresses; both ends of a span are inside.

    ICMP and ICMPv6 hold type*256+code in `dport`, as the policy does. `flags` is a set of flag octets and
    `states` a set of ConnectionState bits, so that negations and alternatives fit one box.
    """

    protocol: Span = ALL_PROTOCOLS
    sport: Span = ALL_PORTS
    dport: Span = ALL_PORTS
    flags: int = ALL_FLAGS
    states: int = ALL_STATES

    def size(self) -> int:
        """Count protocol x source port x destination port x flag octet x state."""
        ports = (self.sport[1] - self.sport[0] + 1) * (self.dport[1] - self.dport[0] + 1)
        protocols = self.protocol[1] - self.protocol[0] + 1
        return protocols * ports * self.flags.bit_count() * self.states.bit_count()


def flags_matching(mask: int, value: int) -> int:
    """Give the set of flag octets with octet & mask == value: SYN without ACK is (0x12, 0x02)."""
    return sum(1 << octet for octet in range(256) if octet & mask == value)


class Point(NamedTuple):
    """One packet without its addresses; `flags` is the octet and `state` one ConnectionState bit."""

    protocol: int
    sport: int
    dport: int
    flags: int = 0
    state: int = ConnectionState.NEW


class ServiceUniverse:
    """All services there are, cut into atoms along the ends of the given ones.

    Invariant: the atoms are disjoint, cover every packet, and lie whole inside or whole outside of each
    given service. They are cut protocol by protocol, then destination port by destination port and so on,
    each part only along the services that reach it: 1,017 generated services made 5,499 atoms.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        given = sorted({*services, Service()})
        self._cuts = _Cuts(given)
        self.atoms: tuple[Service, ...] = tuple(self._cuts.atoms)
        self._known: dict[Service, ServiceSet] = dict(zip(given, self._cuts.masks, strict=True))
        sizes = [atom.size() for atom in self.atoms]
        self._counted: dict[ServiceSet, int] = {}
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
                return base + next(
                    at
                    for at, (sport, flags, states) in enumerate(atoms)
                    if sport[0] <= point.sport <= sport[1]
                    and flags >> point.flags & 1
                    and states & point.state
                )
        raise ValueError(f"{point} is no packet.")

    def count(self, services: ServiceSet) -> int:
        """Count the packets of a set, each (protocol, ports, flag octet, state) once."""
        known = self._counted.get(services)
        if known is None:
            octets = services.to_bytes(len(self._sums), "little")
            known = sum(sums[octet] for sums, octet in zip(self._sums, octets, strict=True))
            if len(self._counted) < COUNTED:
                self._counted[services] = known
        return known

    def boxes(self, services: ServiceSet) -> list[Service]:
        """Give disjoint boxes for people that make up a set: atoms joined greedily along each dimension."""
        boxes = [self.atoms[at] for at in bits_of(services)]
        for field in ("states", "flags", "sport", "dport", "protocol"):
            boxes = _join(boxes, field)
        return boxes


def _subset_sums(sizes: list[int]) -> list[int]:
    """Give the sum of sizes for each octet of a service set: 17 times as fast as atom by atom, at 5,500 atoms."""
    sums = [0]
    for size in sizes:
        sums += [one + size for one in sums]
    return sums


def intersect_services(a: Service, b: Service) -> Service | None:
    """Give the packets in both boxes; None when there are none."""
    protocol = max(a.protocol[0], b.protocol[0]), min(a.protocol[1], b.protocol[1])
    sport = max(a.sport[0], b.sport[0]), min(a.sport[1], b.sport[1])
    dport = max(a.dport[0], b.dport[0]), min(a.dport[1], b.dport[1])
    flags, states = a.flags & b.flags, a.states & b.states
    if protocol[0] > protocol[1] or sport[0] > sport[1] or dport[0] > dport[1] or not flags or not states:
        return None
    return Service(protocol, sport, dport, flags, states)


def bits_of(number: int) -> list[int]:
    """List the places of the bits that are set, ascending.

    By way of text, which is linear; taking the lowest bit off each time is quadratic.
    """
    if number.bit_count() < 4:
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

    def __init__(self, services: list[Service]) -> None:
        self.atoms: list[Service] = []
        self.masks = [0] * len(services)
        self.by_protocol: list[tuple[int, list[int], list[tuple[int, list[Rest]]]]] = []
        self._rests: dict[frozenset[Rest], tuple[list[Rest], dict[Rest, int]]] = {}
        for first, last, reaching in stretches_of([one.protocol for one in services], 255):
            starts: list[int] = []
            cells: list[tuple[int, list[Rest]]] = []
            for low, high, among in stretches_of([services[at].dport for at in reaching], 65535):
                starts.append(low)
                cells.append(self._cell((first, last), (low, high), services, [reaching[at] for at in among]))
            self.by_protocol.append((first, starts, cells))

    def _cell(
        self, protocol: Span, dport: Span, services: list[Service], reaching: list[int]
    ) -> tuple[int, list[Rest]]:
        rests = {at: (services[at].sport, services[at].flags, services[at].states) for at in reaching}
        key = frozenset(rests.values())
        if key not in self._rests:
            self._rests[key] = _cut_rest(sorted(key))
        atoms, masks = self._rests[key]
        base = len(self.atoms)
        self.atoms += [Service(protocol, sport, dport, flags, states) for sport, flags, states in atoms]
        for at, rest in rests.items():
            self.masks[at] |= masks[rest] << base
        return base, atoms


def _cut_rest(rests: list[Rest]) -> tuple[list[Rest], dict[Rest, int]]:
    """Cut source ports, then flags, then states; give the atoms and the mask of each given rest."""
    atoms: list[Rest] = []
    masks = dict.fromkeys(rests, 0)
    for first, last, reaching in stretches_of([rest[0] for rest in rests], 65535):
        among = [rests[at] for at in reaching]
        for flags in _classes(ALL_FLAGS, {rest[1] for rest in among}):
            here = [rest for rest in among if rest[1] & flags]
            for states in _classes(ALL_STATES, {rest[2] for rest in here}):
                for rest in here:
                    if rest[2] & states:
                        masks[rest] |= 1 << len(atoms)
                atoms.append(((first, last), flags, states))
    return atoms, masks


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
