"""Disjoint intervals of addresses that cover the whole number line, searched one by one or in bulk."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np

from zoneguard.net.address import LAST, MASK64, V4_FIRST, V4_LAST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from zoneguard.net.address import Span


class Intervals:
    """Cells cut at the ends of the given spans.

    Invariant: `starts` ascends from 0, and cell i is starts[i] to starts[i+1]-1. No cell is part IPv4 and
    part IPv6.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        cuts = {0, V4_FIRST, V4_LAST + 1}
        for first, last in spans:
            cuts.add(first)
            cuts.add(last + 1)
        self.starts: tuple[int, ...] = tuple(sorted(cut for cut in cuts if cut <= LAST))
        low, high = self.starts.index(V4_FIRST), self.starts.index(V4_LAST + 1)
        self._v4_offset = low - 1
        self._v4 = np.array([start & 0xFFFF_FFFF for start in self.starts[low:high]], np.uint32)
        halves = np.array([(start >> 64, start & MASK64) for start in self.starts], np.uint64)
        self._all = _sortable(halves[:, 0], halves[:, 1])

    def __len__(self) -> int:
        return len(self.starts)

    def cell(self, number: int) -> int:
        """Find the cell of one address."""
        return bisect_right(self.starts, number) - 1

    def cells(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Find the cells of many addresses, given by halves."""
        is_v4 = (high == 0) & (low >> np.uint64(32) == 0xFFFF)
        found = np.searchsorted(self._v4, low.astype(np.uint32), side="right") + self._v4_offset
        if not is_v4.all():
            rest = np.flatnonzero(~is_v4)
            found[rest] = np.searchsorted(self._all, _sortable(high[rest], low[rest]), side="right") - 1
        return found.astype(np.int32)


def _sortable(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[Any]:
    """Lay halves out as 16 big-endian bytes: numpy orders such strings as it would order the numbers."""
    return np.ascontiguousarray(np.stack([high, low], axis=1).astype(">u8")).view("S16").ravel()
