"""The whole state of a meter as octets, so that its flows outlive the process.

A mark, the digest of the engine's sources, the words of each table behind their number, and the SHA-256 of it all; the
flows come last and are written and read in blocks, since with a full table they are most of what the process holds.
It is for the same version of the engine only: what a word of a flow means may change with the sources.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from zoneguard.capture import kernels, layout, records
from zoneguard.errors import InputRefusedError
from zoneguard.net.address import MASK64
from zoneguard.net.flow import ClaimKind
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

    from zoneguard.capture.seen import Claims
    from zoneguard.capture.tables import Meter

_MAGIC: Final = b"ZoneGuard flows 2\n"
_DIGEST: Final = 32  # octets of each of the two SHA-256: of the engine's sources and of everything
_NUMBER: Final = 8  # octets that tell how many words follow
_BLOCK: Final = 1 << 14  # rows written or read at once: 3 MB
_WORD: Final = np.dtype("<i8")

# Given by whoever makes the meter, not by the state it takes over.
_OWN: Final = (layout.Z_LIMIT, layout.Z_IDLE_TCP, layout.Z_IDLE_OTHER, layout.Z_ACTIVE)
_CLAIM_WORDS: Final = 11
_SHAPES: Final = {
    "scalars": (layout.SCALARS,),
    "recent": (layout.RECENT, len(layout.SIGHTING_SHAPE)),
    "fragments": (layout.FRAGMENTS * layout.FRAGMENT_STRIDE,),
    "waiting": (layout.FRAGMENTS, len(layout.PACKET_SHAPE)),
    "tunnels": (layout.TUNNELS * layout.TUNNEL_STRIDE,),
    "claims": (-1, _CLAIM_WORDS),
    "ethertypes": (-1, 2),
    "counters": (3,),
}
_ROW_OCTETS: Final = layout.ROW_STRIDE * 8


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A state that was read and found whole, all but its rows, which are read when asked for."""

    tables: dict[str, NDArray[np.int64]]
    rows: int
    source: BinaryIO
    begin: int  # of the rows in it

    def blocks(self) -> Iterator[NDArray[np.int64]]:
        """Yield the rows, shape (n, ROW_STRIDE)."""
        self.source.seek(self.begin)
        for first in range(0, self.rows, _BLOCK):
            count = min(_BLOCK, self.rows - first)
            yield _words(self.source.read(count * _ROW_OCTETS)).reshape(-1, layout.ROW_STRIDE)


def freeze(meter: Meter, out: BinaryIO) -> None:
    """Write the state of a meter; what it has finished and noted has been handed on before. Raises OSError."""
    if meter.spills:
        raise ValueError("Pieces of flows are on the disk: a meter with a spill has no checkpoint.")
    t = meter.t
    digest = hashlib.sha256()

    def put(octets: Any) -> None:  # noqa: ANN401 - anything with a buffer
        digest.update(octets)
        out.write(octets)

    put(_MAGIC + kernels.source_digest())
    tables = {
        "scalars": _array(t.scalars),
        "recent": records.words(t.recent, layout.RECENT),
        "fragments": _array(t.fragments),
        "waiting": records.words(t.waiting, layout.FRAGMENTS),
        "tunnels": _array(t.tunnels),
        "claims": _claims(meter.claims),
        "ethertypes": _array([w for pair in meter.claims.ethertypes.items() for w in pair]),
        "counters": _array([meter.claims.lost, meter.dropped, meter.rows_now]),
    }
    for name in _SHAPES:
        put(tables[name].size.to_bytes(_NUMBER, "little"))
        put(np.ascontiguousarray(tables[name], _WORD))
    rows = records.words(t.rows, int(t.scalars[layout.Z_ROWS]))
    put(rows.size.to_bytes(_NUMBER, "little"))
    for first in range(0, len(rows), _BLOCK):
        put(np.ascontiguousarray(rows[first : first + _BLOCK], _WORD))
    out.write(digest.digest())


def thaw(source: BinaryIO) -> State:
    """Read what `freeze` wrote, from here to the end; raises InputRefusedError when it is damaged or of another version."""
    begin = source.tell()
    end = source.seek(0, os.SEEK_END) - _DIGEST
    source.seek(begin)
    head = source.read(len(_MAGIC) + _DIGEST)
    if len(head) < len(_MAGIC) + _DIGEST or not head.startswith(_MAGIC):
        raise InputRefusedError(_foreign())
    if head[len(_MAGIC) :] != kernels.source_digest():
        raise InputRefusedError(_other_version())
    if not _is_whole(source, begin, end):
        raise InputRefusedError(_damaged())
    source.seek(begin + len(head))
    tables: dict[str, NDArray[np.int64]] = {}
    for name, shape in _SHAPES.items():
        words = _words(source.read(_counted(source, end) * 8))
        try:
            tables[name] = words.reshape(shape)
        except ValueError as error:
            raise InputRefusedError(_damaged()) from error
    rows = _counted(source, end) // layout.ROW_STRIDE
    if rows != tables["scalars"][layout.Z_ROWS] or source.tell() + rows * _ROW_OCTETS != end:
        raise InputRefusedError(_damaged())
    return State(tables=tables, rows=rows, source=source, begin=source.tell())


def fill(meter: Meter, state: State) -> None:
    """Put a state that was read into the tables of a new meter, all but its flows."""
    t, found = meter.t, state.tables
    own = {at: t.scalars[at] for at in _OWN}
    for at, word in enumerate(found["scalars"].tolist()):
        t.scalars[at] = own.get(at, word)
    t.scalars[layout.Z_ROWS] = 0
    for table, name in ((t.fragments, "fragments"), (t.tunnels, "tunnels")):
        for at in np.flatnonzero(found[name]).tolist():
            word = int(found[name][at])
            # Words of addresses: unsigned when interpreted. Only F_PORTS is meant to be negative.
            table[at] = word if meter.compiled or name == "fragments" else word & MASK64
    records.fill(t.recent, found["recent"])
    records.fill(t.waiting, found["waiting"])
    claims = meter.claims
    claims.lost, meter.dropped = (int(n) for n in found["counters"][:2])
    claims.ethertypes = dict(found["ethertypes"].tolist())
    claims.restore(
        {
            (kind, mac, high & MASK64, low & MASK64, vlan, sensor): seen
            for kind, mac, high, low, vlan, sensor, *seen in found["claims"].tolist()
            if kind in set(ClaimKind)
        }
    )


def _is_whole(source: BinaryIO, begin: int, end: int) -> bool:
    """Tell whether the digest at the end is that of what comes before it."""
    digest = hashlib.sha256()
    source.seek(begin)
    left = end - begin
    while left > 0 and (octets := source.read(min(left, _BLOCK * _ROW_OCTETS))):
        digest.update(octets)
        left -= len(octets)
    return left == 0 and source.read(_DIGEST) == digest.digest()


def _counted(source: BinaryIO, end: int) -> int:
    number = int.from_bytes(source.read(_NUMBER), "little")
    if source.tell() + number * 8 > end:
        raise InputRefusedError(_damaged())
    return number


def _words(octets: bytes) -> NDArray[np.int64]:
    return np.frombuffer(octets, _WORD).astype(np.int64, copy=False)


def _claims(claims: Claims) -> NDArray[np.int64]:
    return _array([word for key, seen in claims.items() for word in (*key, *seen)]).reshape(-1, _CLAIM_WORDS)


def _array(words: Sequence[Any]) -> NDArray[np.int64]:
    return np.array([int(word) & MASK64 for word in words], np.uint64).view(np.int64)


def _foreign() -> Text:
    return Text(
        ja="フローの保存ファイルではありません。保存ファイルを取り除くと、新しい状態から始めます。",
        en="This is no saved state of flows; remove the file to begin anew.",
    )


def _damaged() -> Text:
    return Text(
        ja="フローの保存ファイルが壊れています。取り除くと、新しい状態から始めます。途中のフローは、"
        "ファイルの境目で分かれます。",
        en="The saved state of flows is damaged; remove the file to begin anew. Flows that were under way are then "
        "split where the state ended.",
    )


def _other_version() -> Text:
    return Text(
        ja="フローの保存ファイルは、ZoneGuardの別の版のものです。取り除くと、新しい状態から始めます。途中のフローは、"
        "ファイルの境目で分かれます。",
        en="The saved state of flows is of another version of ZoneGuard; remove the file to begin anew. Flows that "
        "were under way are then split where the state ended.",
    )
