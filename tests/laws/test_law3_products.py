"""Product algebra agrees with a brute-force universe."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naive.packets import PACKETS, UNIVERSE, packets_of, probe_of, products
from zoneguard.net.address import LAST
from zoneguard.net.cover import cover, merged
from zoneguard.net.product import (
    Product,
    count,
    example_of,
    holds,
    intersect,
    same_packets,
    subtract,
    subtract_all,
    within,
)
from zoneguard.net.spans import spans_from

sets = st.lists(products, max_size=4)


@settings(deadline=None)
@given(products, products)
def test_operations_agree_with_sets_of_packets(a, b):
    assert packets_of([intersect(a, b)]) == packets_of([a]) & packets_of([b])
    assert packets_of(subtract(a, b)) == packets_of([a]) - packets_of([b])
    assert within(a, b) == (packets_of([a]) <= packets_of([b]))


@settings(deadline=None)
@given(sets, sets)
def test_unions_of_products_agree_with_sets_of_packets(a, b):
    assert packets_of(subtract_all(a, b)) == packets_of(a) - packets_of(b)
    assert same_packets(a, b) == (packets_of(a) == packets_of(b))


@settings(deadline=None)
@given(products, products)
def test_differences_are_disjoint_and_count_every_packet(a, b):
    pieces = list(subtract(a, b))
    counted = sum(count(one, UNIVERSE) for one in pieces)
    assert counted == count(a, UNIVERSE) - count(intersect(a, b), UNIVERSE)
    assert sum(len(packets_of([one])) for one in pieces) == len(packets_of(pieces))


@settings(deadline=None)
@given(products, st.sampled_from(PACKETS))
def test_a_product_holds_its_packets_and_its_example(one, packet):
    assert holds(one, probe_of(packet), UNIVERSE) == (packet in packets_of([one]))
    assert holds(one, example_of(one, UNIVERSE), UNIVERSE)


@settings(deadline=None)
@given(sets)
def test_merging_keeps_the_packets_and_joins_what_can_be_joined(held):
    disjoint = list(subtract_all(held[:1], [])) + [
        piece for at, one in enumerate(held) if at for piece in subtract_all([one], held[:at])
    ]
    joined = merged(disjoint)
    assert len(joined) <= len(disjoint)
    assert packets_of(joined) == packets_of(held)
    assert sum(len(packets_of([one])) for one in joined) == len(packets_of(held))
    told = cover(disjoint, UNIVERSE, cap=1000)
    assert told.rest == 0
    assert sum(cube.size() for cube in told.cubes) == sum(count(one, UNIVERSE) for one in disjoint)
    assert packets_of(
        Product((cube.source,), (cube.destination,), UNIVERSE.set_of(cube.service)) for cube in told.cubes
    ) == packets_of(held)


wide = st.lists(st.tuples(st.integers(0, LAST), st.integers(0, LAST)), min_size=1, max_size=3).map(
    lambda ends: spans_from((min(pair), max(pair)) for pair in ends)
)


@settings(deadline=None)
@given(wide, wide, st.integers(1, 30))
def test_a_capped_cover_tells_the_widest_and_counts_the_rest(source, destination, cap):
    one = Product(source, destination, UNIVERSE.everything)
    told = cover([one], UNIVERSE, cap=cap)
    sizes = [cube.size() for cube in told.cubes]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) <= cap
    assert sum(sizes) + told.rest == count(one, UNIVERSE)
