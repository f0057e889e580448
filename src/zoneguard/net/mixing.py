"""One number from many columns, for grouping rows fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def mix(columns: Iterable[NDArray[Any]], rows: int) -> NDArray[np.uint64]:
    """Hash rows to 64 bits (the finaliser of splitmix64 after each column); equal rows, equal numbers."""
    key = np.full(rows, 0x9E3779B97F4A7C15, np.uint64)
    for column in columns:
        key ^= column.astype(np.uint64)
        key ^= key >> np.uint64(30)
        key *= np.uint64(0xBF58476D1CE4E5B9)
        key ^= key >> np.uint64(27)
        key *= np.uint64(0x94D049BB133111EB)
        key ^= key >> np.uint64(31)
    return key
