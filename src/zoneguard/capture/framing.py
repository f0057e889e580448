"""What stands around packets: headers of files, and pcapng blocks that carry none."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, Literal

from zoneguard.capture import layout, pcap
from zoneguard.capture.faults import bad_record, cut_off, not_a_capture
from zoneguard.capture.reading import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoneguard.capture.layout import Octets, Tables
    from zoneguard.capture.reading import Walk

_HEADER: Final = (layout.Z_FORMAT, layout.Z_BIG, layout.Z_UNIT, layout.Z_LINK)


def begin(t: Tables, head: bytes, walk: Walk) -> int:
    """Tell the format by the first octets; give where its first record or block stands."""
    z, reading = t.scalars, walk.reading
    z[layout.Z_INTERFACES] = 0
    header = pcap.read_header(head)
    if header is not None:
        reading.format = "pcap"
        z[layout.Z_FORMAT], z[layout.Z_BIG] = layout.FORMAT_PCAP, int(header.big)
        z[layout.Z_UNIT], z[layout.Z_LINK] = header.unit, header.link
        return 24
    if head[:4] == pcap.PCAPNG:
        reading.format = "pcapng"
        z[layout.Z_FORMAT], z[layout.Z_BIG] = layout.FORMAT_PCAPNG, 0
        return 0
    reading.refused = True
    reading.faults.append(not_a_capture(walk.source.name, head))
    return 0


def walk_through(
    run: Callable[[Octets, int], int],
    t: Tables,
    words: Octets,
    view: memoryview,
    *,
    at: int,
    have: int,
    walk: Walk,
) -> int:
    """Have `run` go over what is whole in the chunk; give how far that was, -1 when the input ends here.

    `words` and `view` are the same octets, of which `have` are there.
    """
    z = t.scalars
    while True:
        z[layout.Z_POSITION] = at
        reason = run(words, have)
        at = int(z[layout.Z_POSITION])
        if reason == layout.MORE:
            return at
        if reason == layout.BAD_RECORD:
            walk.reading.faults.append(
                bad_record(walk.source.name, walk.base + at, int(z[layout.Z_FRAME]) + 1)
            )
            return -1
        used = other_block(t, view, at, have, walk)
        if used <= 0:
            return at if used == 0 else -1
        at += used


def setting(t: Tables, walk: Walk) -> bytes:
    """Give what a reading that begins here must know: of the file's header, and of the section of pcapng."""
    if walk.setting is None:
        interfaces = int(t.scalars[layout.Z_INTERFACES]) * layout.INTERFACE_STRIDE
        words = [*(t.scalars[at] for at in _HEADER), *t.interfaces[:interfaces]]
        walk.setting = array("q", [int(word) for word in words]).tobytes()
    return walk.setting


def set_up(t: Tables, setting: bytes) -> None:
    """Let hold what `setting` gave."""
    words = array("q", setting)
    interfaces = words[len(_HEADER) :]
    for at, word in zip(_HEADER, words, strict=False):
        t.scalars[at] = word
    for i, word in enumerate(interfaces):
        t.interfaces[i] = word
    t.scalars[layout.Z_INTERFACES] = len(interfaces) // layout.INTERFACE_STRIDE


def other_block(t: Tables, view: memoryview, at: int, have: int, walk: Walk) -> int:
    """Read a pcapng block that is no packet; give its length, 0 for more octets, -1 to stop."""
    z, reading = t.scalars, walk.reading
    name, frame = walk.source.name, int(z[layout.Z_FRAME])
    if have - at < 12:
        return 0
    kind = bytes(view[at : at + 4])
    if kind == pcap.PCAPNG:
        mark = bytes(view[at + 8 : at + 12])
        if mark not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
            reading.faults.append(bad_record(name, walk.base + at, frame + 1))
            return -1
        z[layout.Z_BIG] = int(mark == b"\x1a\x2b\x3c\x4d")
        walk.setting = None
        z[layout.Z_INTERFACES] = 0
    big = bool(z[layout.Z_BIG])
    order: Literal["big", "little"] = "big" if big else "little"
    size = int.from_bytes(view[at + 4 : at + 8], order)
    if size < 12 or size & 3:
        reading.faults.append(bad_record(name, walk.base + at, frame + 1))
        return -1
    if size > layout.MAX_RECORD:
        return _skip(t, view, have - at, size, walk)
    if have - at < size:
        return 0
    body = bytes(view[at + 8 : at + size - 4])
    number = int.from_bytes(kind, order)
    if number == 1:
        _add_interface(t, pcap.read_interface(body, big=big), walk)
    elif number == 5:
        walk.dropped += pcap.read_drops(body, big=big)
    return size


def _skip(t: Tables, view: memoryview, have: int, size: int, walk: Walk) -> int:
    """Pass over a block that is larger than the buffer, of which `have` octets have been read."""
    left = size - have
    while left > 0:
        # Behind what is still wanted nothing is kept: the block's own octets may be overwritten.
        got = walk.source.read_into(view[: min(left, CHUNK)])
        if got == 0:
            frames = int(t.scalars[layout.Z_FRAME])
            walk.reading.faults.append(cut_off(walk.source.name, walk.base, frames))
            return -1
        left -= got
        walk.base += got
    return have if left == 0 else size


def _add_interface(t: Tables, interface: pcap.Interface | None, walk: Walk) -> None:
    z = t.scalars
    index = int(z[layout.Z_INTERFACES])
    if interface is None or index >= layout.INTERFACES:
        return
    sensor = walk.sensor_of(interface.name)
    values = (
        interface.link,
        interface.multiply,
        interface.divide,
        interface.offset,
        walk.sensor if sensor is None else sensor,
        interface.snaplen,
        layout.FURTHEST // interface.multiply,
    )
    for i, value in enumerate(values):
        t.interfaces[index * layout.INTERFACE_STRIDE + i] = value
    z[layout.Z_INTERFACES] = index + 1
    walk.setting = None
