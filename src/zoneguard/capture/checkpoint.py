"""The whole state of a meter as octets, so that its flows outlive the process.

An archive of NumPy arrays (no pickles, which run code when read) behind a mark and its SHA-256. It is for the
same version of the engine only: what a word of a flow means may change with the sources.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from zoneguard.capture import kernels, layout, records
from zoneguard.errors import InputRefusedError
from zoneguard.net.address import MASK64
from zoneguard.net.flow import ClaimKind
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zoneguard.capture.seen import Claims
    from zoneguard.capture.tables import Meter

_MAGIC: Final = b"ZoneGuard flows 1\n"
_DIGEST: Final = 32  # octets of each of the two SHA-256: of the engine's sources and of what follows

# Given by whoever makes the meter, not by the state it takes over.
_OWN: Final = (layout.Z_LIMIT, layout.Z_IDLE_TCP, layout.Z_IDLE_OTHER, layout.Z_ACTIVE)
_CLAIM_WORDS: Final = 11
_SHAPES: Final = {
    "scalars": (layout.SCALARS,),
    "rows": (-1, layout.ROW_STRIDE),
    "recent": (layout.RECENT, len(layout.SIGHTING_SHAPE)),
    "fragments": (layout.FRAGMENTS * layout.FRAGMENT_STRIDE,),
    "waiting": (layout.FRAGMENTS, len(layout.PACKET_SHAPE)),
    "tunnels": (layout.TUNNELS * layout.TUNNEL_STRIDE,),
    "claims": (-1, _CLAIM_WORDS),
    "ethertypes": (-1, 2),
    "counters": (3,),
}


def freeze(meter: Meter) -> bytes:
    """Give the state of a meter; what it has finished and noted has been handed on before."""
    if meter.spills:
        raise ValueError("Pieces of flows are on the disk: a meter with a spill has no checkpoint.")
    t = meter.t
    out = io.BytesIO()
    np.savez(
        out,
        allow_pickle=False,
        scalars=_array(t.scalars),
        rows=records.words(t.rows, int(t.scalars[layout.Z_ROWS])),
        recent=records.words(t.recent, layout.RECENT),
        fragments=_array(t.fragments),
        waiting=records.words(t.waiting, layout.FRAGMENTS),
        tunnels=_array(t.tunnels),
        claims=_claims(meter.claims),
        ethertypes=_array([w for pair in meter.claims.ethertypes.items() for w in pair]).reshape(-1, 2),
        counters=_array([meter.claims.lost, meter.dropped, meter.rows_now]),
    )
    body = out.getbuffer()  # not a copy: with a full table this is most of what the process holds
    return b"".join((_MAGIC, kernels.source_digest(), hashlib.sha256(body).digest(), body))


def thaw(octets: bytes) -> dict[str, NDArray[np.int64]]:
    """Read what `freeze` gave; raises InputRefusedError when it is damaged or of another version."""
    head = len(_MAGIC) + 2 * _DIGEST
    if len(octets) < head or not octets.startswith(_MAGIC):
        raise InputRefusedError(_foreign())
    body = octets[head:]
    if hashlib.sha256(body).digest() != octets[head - _DIGEST : head]:
        raise InputRefusedError(_damaged())
    if octets[len(_MAGIC) : len(_MAGIC) + _DIGEST] != kernels.source_digest():
        raise InputRefusedError(_other_version())
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            found = {name: archive[name] for name in _SHAPES}
    except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputRefusedError(_damaged()) from error
    if not all(_fits(found[name], shape) for name, shape in _SHAPES.items()):
        raise InputRefusedError(_damaged())
    if len(found["rows"]) != found["scalars"][layout.Z_ROWS]:
        raise InputRefusedError(_damaged())
    return found


def fill(meter: Meter, found: dict[str, NDArray[np.int64]]) -> None:
    """Put a state that was read into the tables of a new meter, all but its flows."""
    t = meter.t
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


def _claims(claims: Claims) -> NDArray[np.int64]:
    return _array([word for key, seen in claims.items() for word in (*key, *seen)]).reshape(-1, _CLAIM_WORDS)


def _array(words: Sequence[Any]) -> NDArray[np.int64]:
    return np.array([int(word) & MASK64 for word in words], np.uint64).view(np.int64)


def _fits(array: NDArray[Any], shape: tuple[int, ...]) -> bool:
    return (
        array.dtype == np.int64
        and array.ndim == len(shape)
        and all(want in (-1, have) for want, have in zip(shape, array.shape, strict=True))
    )


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
