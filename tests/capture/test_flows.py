from __future__ import annotations

import numpy as np
import pytest

from zoneguard.capture import flows
from zoneguard.capture.layout import R_A_LOW, R_A_PACKETS, R_FIRST, R_LAST, ROW_STRIDE


def pieces(hosts, first_seen):
    rows = np.zeros((hosts, ROW_STRIDE), np.int64)
    rows[:, R_A_LOW] = np.arange(hosts)
    rows[:, R_A_PACKETS] = 1
    rows[:, R_FIRST] = rows[:, R_LAST] = first_seen
    return rows


@pytest.mark.parametrize("compiled", [True, False])
def test_pieces_of_flows_are_joined_within_and_across_spills(*, compiled):
    one, other = flows.Spill(), flows.Spill()
    one.add(pieces(500, 1))
    one.add(pieces(300, 2))
    other.add(pieces(700, 3))
    whole = np.concatenate(list(flows.joined([one, other], compiled=compiled)))
    one.close()
    other.close()
    packets = dict(zip(whole[:, R_A_LOW].tolist(), whole[:, R_A_PACKETS].tolist(), strict=True))
    assert packets == {host: (host < 300) + (host < 500) + 1 for host in range(700)}


def test_a_partition_with_too_many_pieces_is_joined_share_by_share(monkeypatch):
    def joined():
        spill = flows.Spill()
        spill.add(pieces(3000, 1))
        spill.add(pieces(3000, 2))
        blocks = list(flows.joined([spill], compiled=False))
        spill.close()
        return blocks

    at_once = joined()
    monkeypatch.setattr(flows, "JOIN_ROWS", 40)
    in_shares = joined()
    assert max(map(len, in_shares)) < max(map(len, at_once))
    one, other = (np.concatenate(blocks) for blocks in (at_once, in_shares))
    assert len(one) == 3000
    assert np.array_equal(*(rows[np.argsort(rows[:, R_A_LOW])] for rows in (one, other)))


@pytest.mark.parametrize("sizes", [[], [0], [3], [4], [1, 1, 1], [9], [1, 7, 0, 4, 2, 2], [4, 4, 1]])
def test_parts_are_put_together_into_blocks_in_their_order(sizes):
    numbers = iter(range(100))
    parts = [np.array([[next(numbers)] * ROW_STRIDE for _ in range(size)], np.int64) for size in sizes]
    parts = [part.reshape(-1, ROW_STRIDE) for part in parts]
    blocks = list(flows.in_blocks(iter(parts), 4))
    assert [int(row[0]) for block in blocks for row in block] == list(range(sum(sizes)))
    assert all(len(block) == 4 for block in blocks[:-1])
    assert all(0 < len(block) <= 4 for block in blocks)
