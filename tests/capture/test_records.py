from __future__ import annotations

import numpy as np
import pytest

from zoneguard.capture import jit, layout, records
from zoneguard.capture.layout import FLOW_SHAPE


def test_structured_records_begin_at_a_cache_line_and_a_flow_fills_three() -> None:
    rows = records.structured(FLOW_SHAPE, 5)
    assert rows.ctypes.data % records.CACHE_LINE == 0
    assert rows.dtype.itemsize == 3 * records.CACHE_LINE == layout.ROW_STRIDE * 8


def test_the_words_of_a_row_stand_where_the_layout_says() -> None:
    record = records.Objects(FLOW_SHAPE, 1)[0]
    record.a_high, record.ports, record.state, record.first = 1, 2, 3, 4
    record.ways[1].bytes, record.hops[0].next_hop, record.copy_next_hop = 5, 6, 7
    table = records.Objects(FLOW_SHAPE, 1)
    table[0] = record
    row = records.words(table, 1)[0]
    where = (layout.R_A_HIGH, layout.R_PORTS, layout.R_STATE, layout.R_FIRST)
    assert [row[i] for i in where] == [1, 2, 3, 4]
    assert row[layout.R_B_BYTES] == 5
    assert row[layout.R_A_NEXT_HOP] == 6
    assert row[layout.R_COPY_NEXT_HOP] == 7


def test_both_kinds_of_records_give_the_same_words() -> None:
    objects, structures = records.Objects(FLOW_SHAPE, 2), records.structured(FLOW_SHAPE, 2)
    objects[1].a_high = 0xFE80 << 48  # unsigned when interpreted, signed when compiled
    structures["a_high"][1] = (0xFE80 << 48) - (1 << 64)
    assert np.array_equal(records.words(objects, 2), records.words(structures, 2))
    assert records.words(objects, 0).shape == records.words(structures, 0).shape == (0, layout.ROW_STRIDE)


@pytest.mark.parametrize("index", [-1, 2])
def test_a_record_beyond_the_table_is_refused(index: int) -> None:
    with pytest.raises(IndexError):
        records.Objects(FLOW_SHAPE, 2)[index]


@pytest.mark.parametrize("at", [-1, 7])
@pytest.mark.parametrize("compiled", [True, False])
def test_a_wide_load_beyond_the_octets_is_refused(*, at: int, compiled: bool) -> None:
    from zoneguard.capture import kernels

    kernel = kernels.load(compiled=compiled)
    octets = np.arange(8, dtype=np.uint8) if compiled else bytearray(range(8))
    assert kernel.word16(octets, 6) == 0x0607
    assert kernel.word32(octets, 4) == 0x04050607
    with pytest.raises(IndexError):
        kernel.word16(octets, at)


def test_eight_octets_are_read_in_network_order() -> None:
    jit.compiled = False
    assert jit.wide_loads()[2](bytearray(range(1, 9)), 0) == 0x0102030405060708
