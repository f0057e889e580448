from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zoneguard.net.address import LAST, number_of, pair_of
from zoneguard.net.intervals import Intervals

numbers = st.one_of(st.integers(0, LAST), st.ip_addresses().map(number_of))
spans = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(spans, max_size=8), st.lists(numbers, min_size=1, max_size=20))
def test_bulk_search_equals_search_one_by_one(cuts, addresses):
    intervals = Intervals(cuts)
    addresses += intervals.starts
    halves = np.array([pair_of(one) for one in addresses], np.uint64)
    assert intervals.cells(halves[:, 0], halves[:, 1]).tolist() == [intervals.cell(one) for one in addresses]


@given(st.lists(spans, max_size=8), numbers)
def test_a_cell_lies_whole_inside_or_whole_outside_each_span(cuts, address):
    intervals = Intervals(cuts)
    start = intervals.starts[intervals.cell(address)]
    assert all((first <= start <= last) == (first <= address <= last) for first, last in cuts)
