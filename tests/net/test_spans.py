from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneguard.net.address import LAST, V4_FIRST, V4_LAST, number_of, spans_of
from zoneguard.net.spans import (
    ANY_V4,
    ANYWHERE,
    intersect_spans,
    prefixes_of,
    spans_from,
    spans_meet,
    spans_size,
    spans_within,
    subtract_spans,
    wildcard_spans,
)

SIZE = 24
numbers = st.sets(st.integers(0, SIZE - 1))


def spans(held):
    return spans_from((at, at) for at in held)


def members(held):
    return {at for first, last in held for at in range(first, last + 1)}


@given(numbers, numbers)
def test_spans_agree_with_sets_of_numbers(a, b):
    assert members(intersect_spans(spans(a), spans(b))) == a & b
    assert members(subtract_spans(spans(a), spans(b))) == a - b
    assert members(spans_from(spans(a) + spans(b))) == a | b
    assert spans_meet(spans(a), spans(b)) == bool(a & b)
    assert spans_within(spans(a), spans(b)) == (a <= b)
    assert spans_size(spans(a)) == len(a)


@given(numbers, numbers)
def test_results_are_canonical_so_that_equal_means_the_same_numbers(a, b):
    assert intersect_spans(spans(a), spans(b)) == spans(a & b)
    assert subtract_spans(spans(a), spans(b)) == spans(a - b)
    assert spans_from(reversed(spans(a) + spans(b))) == spans(a | b)


@given(st.integers(0, 255), st.integers(0, 255))
def test_a_wildcard_mask_frees_exactly_its_set_bits(base, wildcard):
    expected = {one for one in range(256) if (one ^ base) & ~wildcard == 0}
    assert members(wildcard_spans(base, wildcard, bits=8)) == expected


def test_a_cisco_wildcard_with_a_hole_is_one_range_per_free_value():
    base, wildcard = int(ip_address("10.0.0.5")), int(ip_address("0.0.255.0"))
    expanded = wildcard_spans(base, wildcard, bits=32)
    assert len(expanded) == 256
    assert expanded[1] == (number_of(ip_address("10.0.1.5")),) * 2


def test_an_ordinary_wildcard_is_one_range():
    assert wildcard_spans(int(ip_address("10.1.0.0")), 0xFFFF, bits=32) == spans_of(ip_network("10.1.0.0/16"))
    assert wildcard_spans(0, 0xFFFF_FFFF, bits=32) == ANY_V4


def test_a_wildcard_beyond_the_bound_is_refused():
    with pytest.raises(ValueError, match="131072 ranges; at most 65536"):
        wildcard_spans(0, 0x1FFFF << 8, bits=32)


def test_a_stretch_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="5 to 4 does"):
        spans_from([(5, 4)])


@given(st.lists(st.tuples(st.integers(0, LAST), st.integers(0, LAST)), max_size=3))
def test_prefixes_are_aligned_and_make_up_the_spans(ends):
    held = spans_from((min(pair), max(pair)) for pair in ends)
    prefixes = list(prefixes_of(held))
    assert spans_from(prefixes) == held
    for first, last in prefixes:
        size = last - first + 1
        assert size.bit_count() == 1
        assert first % size == 0


def test_the_whole_line_is_told_by_family():
    prefixes = list(prefixes_of(ANYWHERE))
    assert (V4_FIRST, V4_LAST) in prefixes
    assert all(last < V4_FIRST or first > V4_LAST for first, last in prefixes if first != V4_FIRST)
