"""A universe of 3 x 3 addresses and a dozen services, small enough to try every packet and every resolution."""

from __future__ import annotations

from itertools import product as combinations

from hypothesis import strategies as st

from zoneguard.net.product import Probe, Product
from zoneguard.net.rulelist import Action, Line
from zoneguard.net.service import ConnectionState, Point, Service, flags_matching
from zoneguard.net.spans import spans_from
from zoneguard.net.universe import ServiceUniverse

SYN, ACK = 0x02, 0x10
SERVICES = [
    Service(),
    Service(protocol=(6, 6)),
    Service(protocol=(6, 6), dport=(80, 443)),
    Service(protocol=(6, 17), dport=(443, 443)),
    Service(protocol=(17, 17), sport=(53, 53)),
    Service(protocol=(6, 6), flags=flags_matching(SYN | ACK, SYN)),
    Service(states=ConnectionState.ESTABLISHED | ConnectionState.RELATED),
    Service(protocol=(1, 1), dport=(8 * 256, 8 * 256 + 255)),
]
UNIVERSE = ServiceUniverse(SERVICES)
SIZE = 3
ADDRESSES = tuple(range(SIZE))
PACKETS = list(combinations(ADDRESSES, ADDRESSES, range(len(UNIVERSE.atoms))))
WHOLE = Product(((0, SIZE - 1),), ((0, SIZE - 1),), UNIVERSE.everything)

actions = st.sampled_from(Action)
spans = st.sets(st.sampled_from(ADDRESSES), min_size=1).map(lambda held: spans_from((at, at) for at in held))
service_sets = st.lists(st.sampled_from(SERVICES), min_size=1, max_size=2).map(
    lambda services: UNIVERSE.set_of(*services)
)
products = st.builds(Product, spans, spans, service_sets)
lines = st.one_of(
    st.builds(
        lambda action, held: Line(action=action, exact=tuple(held)), actions, st.lists(products, max_size=2)
    ),
    st.builds(
        lambda action, held, unsure: Line(action=action, exact=tuple(held), unsure=tuple(unsure)),
        actions,
        st.lists(products, max_size=1),
        st.lists(products, min_size=1, max_size=2),
    ),
)
lists = st.lists(lines, max_size=6)


def packets_of(held):
    """Spell a union of products out: (source, destination, atom) of each packet."""
    return {
        (source, destination, atom)
        for one in held
        for atom in range(len(UNIVERSE.atoms))
        if one.services >> atom & 1
        for first, last in one.source
        for source in range(first, last + 1)
        for low, high in one.destination
        for destination in range(low, high + 1)
    }


def probe_of(packet):
    """Give a packet of the kind that a device would see."""
    source, destination, atom = packet
    box = UNIVERSE.atoms[atom]
    octet = next(at for at in range(256) if box.flags >> at & 1)
    state = box.states & -box.states
    return Probe(source, destination, Point(box.protocol[1], box.sport[1], box.dport[0], octet, state))


def outcomes(made, default):
    """Give all (line, action) that can decide each packet, over every resolution of every unknown."""
    sure = [packets_of(line.exact) for line in made]
    perhaps = [packets_of(line.unsure) - held for line, held in zip(made, sure, strict=True)]
    found = {}
    for packet in PACKETS:
        open_ends = [at for at, held in enumerate(perhaps) if packet in held]
        closed = {at for at, held in enumerate(sure) if packet in held}
        found[packet] = set()
        for choice in combinations((False, True), repeat=len(open_ends)):
            matching = closed | {at for at, taken in zip(open_ends, choice, strict=True) if taken}
            first = min(matching, default=None)
            found[packet].add((first, default if first is None else made[first].action))
    return found
