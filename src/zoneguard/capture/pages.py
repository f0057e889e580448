"""Memory for a large table, given by the system when first written and given back while it is emptied."""

from __future__ import annotations

import contextlib
import mmap

import numpy as np


class Pages:
    """Zeroed int64 words; only what was written takes memory.

    Memory from malloc would stay with the process until all of it is freed: on a scan of a million flows
    the table (218 MB) would still be there while its rows are judged.
    """

    def __init__(self, words: int) -> None:
        self._map = _mapped(words * 8)
        self.words = np.frombuffer(self._map, np.int64)

    def give_back(self, words: int) -> None:
        """Drop what the first so many words hold; they read as zero afterwards."""
        whole = words * 8 // mmap.PAGESIZE * mmap.PAGESIZE
        if whole and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED, 0, whole)


def _mapped(octets: int) -> mmap.mmap:
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, octets)
    # Python's default is shared memory, which no advice gives back.
    mapped = mmap.mmap(-1, octets, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without huge pages
            mapped.madvise(mmap.MADV_HUGEPAGE)
    return mapped
