"""Empty tables for the kernels: lists and objects when they are interpreted, arrays when they are compiled."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from zoneguard.capture import layout, records

if TYPE_CHECKING:
    from collections.abc import Sequence


def tables(rows: int, domains: Sequence[int], *, compiled: bool) -> layout.Tables:
    """Give the tables of a kernel with room for so many rows, and the keys of its hash drawn anew."""
    flat = {
        "scalars": layout.SCALARS,
        "keys": 16,
        "slots": 2 << (rows - 1).bit_length(),  # a power of two, at most half full
        "fragments": layout.FRAGMENTS * layout.FRAGMENT_STRIDE,
        "claims": layout.CLAIMS * layout.CLAIM_STRIDE,
        "tunnels": layout.TUNNELS * layout.TUNNEL_STRIDE,
        "domains": 4096,
        "interfaces": layout.INTERFACES * layout.INTERFACE_STRIDE,
    }
    shaped = {
        "batch": (layout.PACKET_SHAPE, layout.BATCH + 2 * layout.BATCH_RESERVE),
        "frames": (layout.FRAME_SHAPE, layout.BATCH),
        "rows": (layout.FLOW_SHAPE, rows),
        "done": (layout.FLOW_SHAPE, 4096),
        "recent": (layout.SIGHTING_SHAPE, layout.RECENT),
        "waiting": (layout.PACKET_SHAPE, layout.FRAGMENTS),
    }
    made: dict[str, Any] = {name: words(size, compiled=compiled) for name, size in flat.items()}
    made |= {name: table(shape, count, compiled=compiled) for name, (shape, count) in shaped.items()}
    for i in range(16):
        # 62 bits, so that no mode of running can see them as negative.
        made["keys"][i] = secrets.randbits(62) | 1
    for vlan, domain in enumerate(domains):
        made["domains"][vlan] = domain
    return layout.Tables(**made)


def table(shape: layout.Shape, count: int, *, compiled: bool) -> Any:  # noqa: ANN401 - by mode
    """Give `count` zeroed records."""
    return records.structured(shape, count) if compiled else records.Objects(shape, count)


def words(size: int, *, compiled: bool) -> layout.Words:
    """Give so many zeroed words."""
    if not compiled:
        return [0] * size
    import numpy as np

    return np.zeros(size, np.int64)


def octets(size: int, *, compiled: bool) -> layout.Octets:
    """Give room for so many octets."""
    if not compiled:
        return bytearray(size)
    import numpy as np

    return np.zeros(size, np.uint8)
