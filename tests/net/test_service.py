from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneguard.net.service import (
    ALL_FLAGS,
    ALL_STATES,
    ConnectionState,
    Point,
    Service,
    flags_matching,
    intersect_services,
)
from zoneguard.net.universe import ServiceUniverse, bits_of

SYN, ACK = 0x02, 0x10
HTTPS = Service(protocol=(6, 6), dport=(443, 443))
DNS_ANSWER = Service(protocol=(17, 17), sport=(53, 53))
ESTABLISHED = Service(protocol=(6, 6), flags=flags_matching(ACK, ACK))

ports = st.tuples(st.sampled_from([0, 53, 80, 443, 65535]), st.sampled_from([0, 53, 79, 443, 65535])).map(
    lambda pair: (min(pair), max(pair))
)
services = st.builds(
    Service,
    st.sampled_from([(0, 255), (6, 6), (17, 17), (6, 17), (1, 1)]),
    ports,
    ports,
    st.sampled_from([ALL_FLAGS, flags_matching(SYN | ACK, SYN), flags_matching(ACK, ACK), ALL_FLAGS ^ 1]),
    st.sampled_from([ALL_STATES, ConnectionState.NEW, ConnectionState.ESTABLISHED | ConnectionState.RELATED]),
)
points = st.builds(
    Point,
    st.sampled_from([0, 1, 6, 7, 17, 255]),
    st.sampled_from([0, 52, 53, 80, 65535]),
    st.sampled_from([0, 53, 79, 80, 443, 444]),
    st.sampled_from([0, SYN, ACK, SYN | ACK, 255]),
    st.sampled_from(list(ConnectionState)),
)


def inside(point, box):
    return (
        box.protocol[0] <= point.protocol <= box.protocol[1]
        and box.sport[0] <= point.sport <= box.sport[1]
        and box.dport[0] <= point.dport <= box.dport[1]
        and bool(box.flags >> point.flags & 1)
        and bool(box.states & point.state)
    )


@settings(deadline=None)
@given(st.lists(services, max_size=5), st.lists(points, min_size=1, max_size=10))
def test_a_service_holds_the_atoms_of_exactly_its_packets(given_services, some_points):
    universe = ServiceUniverse(given_services)
    for point in some_points:
        atom = universe.atom_at(point)
        assert inside(point, universe.atoms[atom])
        for service in given_services:
            assert bool(universe.set_of(service) >> atom & 1) == inside(point, service)


@settings(deadline=None)
@given(st.lists(services, max_size=5))
def test_atoms_are_disjoint_and_cover_everything(given_services):
    universe = ServiceUniverse(given_services)
    assert sum(atom.size() for atom in universe.atoms) == Service().size()
    assert universe.count(universe.everything) == Service().size()
    atoms = universe.atoms[:40]
    assert not any(intersect_services(a, b) for at, a in enumerate(atoms) for b in atoms[:at])


@settings(deadline=None)
@given(st.lists(services, min_size=1, max_size=4))
def test_boxes_for_people_hold_the_same_packets_and_are_disjoint(given_services):
    universe = ServiceUniverse(given_services)
    wanted = universe.set_of(*given_services[:2])
    boxes = universe.boxes(wanted)
    assert universe.set_of(*boxes) == wanted
    assert sum(box.size() for box in boxes) == universe.count(wanted)


@pytest.mark.parametrize("density", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("seed", range(5))
def test_any_set_of_atoms_is_counted_and_told_exactly(*, seed, density):
    random = Random(seed)
    some = [Service(protocol=(6, 6), dport=(at, at + random.choice([0, 9]))) for at in range(0, 4000, 40)]
    universe = ServiceUniverse([*some, HTTPS, DNS_ANSWER, ESTABLISHED])
    wanted = sum(1 << at for at in range(len(universe.atoms)) if random.random() < density)
    atoms = [universe.atoms[at] for at in bits_of(wanted)]
    boxes = universe.boxes(wanted)
    assert universe.count(wanted) == sum(atom.size() for atom in atoms) == sum(box.size() for box in boxes)
    assert all(any(intersect_services(atom, box) == atom for box in boxes) for atom in atoms)
    example = universe.example(wanted)
    assert any(inside(example, atom) for atom in atoms)
    alike = [atom for atom in atoms if atom.protocol == universe.atoms[universe.atom_at(example)].protocol]
    opening = [
        atom
        for atom in alike
        if atom.states & ConnectionState.NEW and inside(example._replace(dport=atom.dport[0]), atom)
    ]
    assert example.dport == min(atom.dport[0] for atom in opening)


def test_one_service_comes_back_as_one_box():
    universe = ServiceUniverse([HTTPS, DNS_ANSWER, ESTABLISHED])
    for service in (HTTPS, DNS_ANSWER, ESTABLISHED, Service()):
        assert universe.boxes(universe.set_of(service)) == (service,)


def test_flags_and_states_are_cut_only_where_they_are_asked_for():
    assert len(ServiceUniverse([HTTPS]).atoms) == 5  # below tcp; tcp under, at and over 443; above tcp
    assert len(ServiceUniverse([HTTPS, ESTABLISHED]).atoms) == 8


def test_two_thousand_services_stay_within_a_few_thousand_atoms():
    many = [Service(protocol=(6, 6), dport=(at * 7, at * 7)) for at in range(2000)]
    assert len(ServiceUniverse([*many, ESTABLISHED, DNS_ANSWER]).atoms) < 10_000


def test_a_service_the_universe_was_not_made_of_is_refused_where_it_would_cut():
    universe = ServiceUniverse([Service(protocol=(6, 6))])
    assert universe.set_of(Service(protocol=(7, 255))).bit_count() == 1
    with pytest.raises(ValueError, match="cuts an atom"):
        universe.set_of(HTTPS)


def test_flag_matches_are_sets_of_octets():
    assert flags_matching(0, 0) == ALL_FLAGS
    assert flags_matching(SYN | ACK, SYN).bit_count() == 64
    assert flags_matching(SYN, ACK) == 0


@given(st.sets(st.integers(0, 300)))
def test_bits_are_listed_ascending(places):
    assert bits_of(sum(1 << at for at in places)) == sorted(places)


@pytest.mark.parametrize("many", [1, 3, 84, 85, 86, 5000])
def test_few_bits_and_many_are_listed_alike(many):
    places = sorted(Random(many).sample(range(10_000), many))
    assert bits_of(sum(1 << at for at in places)) == places


@given(
    st.sets(
        st.sampled_from([HTTPS, ESTABLISHED, DNS_ANSWER, Service(protocol=(1, 1)), Service(dport=(400, 500))])
    )
)
def test_boxes_make_up_the_set_that_they_tell(services):
    universe = ServiceUniverse(
        [HTTPS, ESTABLISHED, DNS_ANSWER, Service(protocol=(1, 1)), Service(dport=(400, 500))]
    )
    asked = universe.set_of(*services)
    boxes = universe.boxes(asked)
    assert sum(box.size() for box in boxes) == universe.count(asked)
    again = ServiceUniverse([*boxes, *services])
    assert again.set_of(*boxes) == again.set_of(*services)


def test_a_universe_knows_only_what_lies_within_its_bounds():
    opening = Service(protocol=(6, 6), flags=flags_matching(0x12, 0x02), states=ConnectionState.NEW)
    universe = ServiceUniverse([HTTPS, ESTABLISHED], within=[opening])
    assert universe.set_of(ESTABLISHED) == 0
    assert universe.boxes(universe.set_of(HTTPS)) == (opening._replace(dport=HTTPS.dport),)
    assert universe.count(universe.everything) == opening.size()
    with pytest.raises(ValueError, match="no packet of this universe"):
        universe.atom_at(Point(17, 1, 443))
