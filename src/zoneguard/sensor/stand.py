"""Where a sensor stands in its files, as it is kept for the next process: all but the state of the meter."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoneguard.store.parquet import Flows, packed, unpacked
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

_HEAD = 8  # octets that tell the length of what stands before the meter's state
_DIGEST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where a sensor stands in its files.

    Their names by number, what was wrong with them, and how flows are found in them again (as `Captures.told` gives
    it). What opened flows showed is not in it: names that people asked for are kept nowhere.
    """

    period: str
    names: Mapping[int, str]
    next_name: int
    faults: tuple[Text, ...] = ()
    more_faults: int = 0
    captures: Sequence[Sequence[Any]] = ()


def pack_stand(stand: Stand, parts: Sequence[int], owed: Sequence[Flows]) -> bytes:
    """Write a stand, the parts of the history that belong to it, and flows that are in none, with a digest."""
    flows = packed(Flows.concatenate(owed)) if owed else b""
    head = {
        "period": stand.period,
        "names": list(stand.names.items()),
        "next_name": stand.next_name,
        "faults": [[fault.ja, fault.en] for fault in stand.faults],
        "more_faults": stand.more_faults,
        "captures": stand.captures,
        "parts": parts,
        "owed": len(flows),
    }
    told = json.dumps(head).encode()
    octets = b"".join((len(told).to_bytes(_HEAD, "little"), told, flows))
    return hashlib.sha256(octets).digest() + len(octets).to_bytes(_HEAD, "little") + octets


def unpack_stand(file: BinaryIO) -> tuple[Stand, list[int], Flows]:
    """Read what `pack_stand` wrote, and leave the file behind it. Raises KeyError or ValueError when it is damaged."""
    digest, length = file.read(_DIGEST), int.from_bytes(file.read(_HEAD), "little")
    if length > os.fstat(file.fileno()).st_size:
        raise ValueError("The length is damaged.")
    octets = file.read(length)
    if hashlib.sha256(octets).digest() != digest:
        raise ValueError("The digest differs.")
    flows = _HEAD + int.from_bytes(octets[:_HEAD], "little")
    head = json.loads(octets[_HEAD:flows])
    owed = unpacked(octets[flows:]) if head["owed"] else Flows.concatenate([])
    stand = Stand(
        period=head["period"],
        names=dict(head["names"]),
        next_name=head["next_name"],
        faults=tuple(Text(ja=ja, en=en) for ja, en in head["faults"]),
        more_faults=head["more_faults"],
        captures=head["captures"],
    )
    return stand, head["parts"], owed
