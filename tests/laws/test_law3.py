"""Set algebra agrees with a brute-force universe."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from zoneguard.net.packetset import Header, PacketSet

SIZE = 3
UNIVERSE = [Header(*one) for one in product(range(SIZE), repeat=4)]
span = st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)).map(lambda pair: (min(pair), max(pair)))
spans = st.lists(span, min_size=1, max_size=2)
boxes = st.builds(
    lambda a, b, c, d: PacketSet.of(orig=a, resp=b, protocol=c, port=d), spans, spans, spans, spans
)


def packets(one):
    return {header for header in UNIVERSE if header in one}


@st.composite
def sets(draw):
    made = draw(boxes)
    for other, operation in draw(st.lists(st.tuples(boxes, st.sampled_from("|&-")), max_size=4)):
        made = {"|": made | other, "&": made & other, "-": made - other}[operation]
    return made


@given(sets(), sets())
def test_operations_agree_with_sets_of_packets(a, b):
    assert packets(a | b) == packets(a) | packets(b)
    assert packets(a & b) == packets(a) & packets(b)
    assert packets(a - b) == packets(a) - packets(b)
    assert (a <= b) == (packets(a) <= packets(b))


@given(sets(), sets())
def test_equal_means_the_same_packets(a, b):
    assert (a == b) == (packets(a) == packets(b))
    assert (a - b) | (a & b) == a


@given(sets())
def test_a_sample_is_in_the_set_and_only_the_empty_set_has_none(one):
    sample = one.sample()
    assert (sample is None) == one.is_empty() == (not packets(one))
    assert sample is None or sample in one


@given(sets())
def test_products_are_disjoint_and_count_every_packet(one):
    boxes_of = [
        PacketSet.of(orig=[p.orig], resp=[p.resp], protocol=[p.protocol], port=[p.port])
        for p in one.products()
    ]
    assert sum(box.count() for box in boxes_of) == one.count() == len(packets(one))
    whole = PacketSet()
    for box in boxes_of:
        whole |= box
    assert whole == one


def test_the_full_set_less_nothing_is_full():
    full = PacketSet.of()
    assert full - PacketSet() == full
    assert (full - full).is_empty()
    assert Header(1 << 127, 0, 255, 65535) in full
