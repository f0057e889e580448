"""One input on its way through the meter: how far it was read, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.capture.index import Index
from zoneguard.capture.layout import MAX_RECORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoneguard.capture.source import Source
    from zoneguard.text import Text

CHUNK = 1 << 19  # octets; measured best between 256 KiB and 1 MiB, since larger ones leave the L2 cache
BUFFER = CHUNK + MAX_RECORD + 65_536  # with what is left of the chunk before: less than one record or block


@dataclass(slots=True)
class Reading:
    """What came of reading one input."""

    format: str = "unknown"
    packets: int = 0
    first_seen: int | None = None
    last_seen: int | None = None
    faults: list[Text] = field(default_factory=list)
    refused: bool = False  # nothing of it could be read
    index: Index = field(default_factory=Index)


@dataclass(slots=True, kw_only=True)
class Walk:
    """Where the reading of one input stands."""

    source: Source
    sensor: int  # of the file, where an interface has none of its own
    sensor_of: Callable[[str], int | None]
    reading: Reading
    base: int = 0  # offset in the input of the buffer's first octet
    setting: bytes | None = None  # of the pcapng section, when it was last asked for and still holds
    dropped: int = 0  # packets that the capturing machine says it lost


def fill(source: Source, view: memoryview, have: int, want: int) -> int:
    """Read until `want` octets stand in the view, or the input ends; give how many do."""
    while have < want:
        got = source.read_into(view[have:CHUNK])
        if got == 0:
            break
        have += got
    return have
