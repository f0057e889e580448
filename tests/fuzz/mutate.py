"""Hostile captures: mutates the lengths, offsets, counts and types that readers of captures believe."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from random import Random


class Field(NamedTuple):
    """One number in a capture that says how long, how many, where or what something is."""

    at: int
    size: int  # octets
    little: bool


INTERESTING = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    11,
    12,
    13,
    15,
    16,
    19,
    20,
    21,
    27,
    28,
    31,
    32,
    39,
    40,
    41,
    59,
    60,
    63,
    64,
    127,
    128,
    255,
)


def fields(capture: bytes) -> list[Field]:
    """Find the numbers of a well-formed capture that are worth lying about."""
    found: list[Field] = []
    if capture[:4] == b"\x0a\x0d\x0d\x0a":
        _blocks(capture, found)
    else:
        _records(capture, found)
    return found


def frames(capture: bytes) -> list[tuple[int, int]]:
    """Give where the records (or blocks) of a capture begin and end."""
    found = []
    if capture[:4] == b"\x0a\x0d\x0d\x0a":
        at = 0
        while at + 12 <= len(capture):
            order = "big" if capture[8:12] == b"\x1a\x2b\x3c\x4d" else "little"
            size = int.from_bytes(capture[at + 4 : at + 8], order)  # type: ignore[arg-type]
            if size < 12 or at + size > len(capture):
                break
            found.append((at, at + size))
            at += size
        return found
    little = capture[:1] in (b"\xd4", b"\x4d")
    at = 24
    while at + 16 <= len(capture):
        size = int.from_bytes(capture[at + 8 : at + 12], "little" if little else "big")
        if at + 16 + size > len(capture):
            break
        found.append((at, at + 16 + size))
        at += 16 + size
    return found


def _records(capture: bytes, found: list[Field]) -> None:
    little = capture[:1] in (b"\xd4", b"\x4d")
    found += [Field(16, 4, little), Field(20, 4, little)]
    for begin, end in frames(capture):
        found += [Field(begin + i, 4, little) for i in (0, 4, 8, 8, 12)]
        _ethernet(capture, begin + 16, end, found)


def _blocks(capture: bytes, found: list[Field]) -> None:
    little = capture[8:12] != b"\x1a\x2b\x3c\x4d"
    for begin, end in frames(capture):
        found += [Field(begin, 4, little), Field(begin + 4, 4, little), Field(end - 4, 4, little)]
        kind = int.from_bytes(capture[begin : begin + 4], "little" if little else "big")
        if kind == 1:
            found += [Field(begin + 8, 2, little), Field(begin + 12, 4, little)]
            found += [Field(at, 2, little) for at in range(begin + 16, end - 4, 2)]
        elif kind == 6:
            found += [Field(begin + i, 4, little) for i in (8, 12, 16, 20, 20, 24)]
            _ethernet(capture, begin + 28, end - 4, found)
        elif kind == 3:
            found.append(Field(begin + 8, 4, little))
            _ethernet(capture, begin + 12, end - 4, found)


def _ethernet(capture: bytes, at: int, end: int, found: list[Field]) -> None:
    """Follow Ethernet, tags and labels to IP; of other layers every octet pair is a field."""
    kind_at = at + 12
    for _ in range(6):
        if kind_at + 2 > end:
            return
        found.append(Field(kind_at, 2, little=False))
        kind = struct.unpack_from(">H", capture, kind_at)[0]
        if kind in (0x8100, 0x88A8):
            kind_at += 4
            continue
        at = kind_at + 2
        if kind == 0x8847:
            found += [Field(at + i, 1, little=False) for i in (2, 6)]
            at += 8
        elif kind == 0x8864:
            found += [Field(at + i, 2, little=False) for i in (2, 4, 6)]
            at += 8
        break
    if at < end:
        _ip(capture, at, end, found, 0)


def _ip(capture: bytes, at: int, end: int, found: list[Field], depth: int) -> None:
    version = capture[at] >> 4
    if depth > 4 or (version == 4 and at + 20 > end) or (version == 6 and at + 40 > end):
        return
    if version == 4:
        found += [
            Field(at, 1, little=False),
            Field(at + 2, 2, little=False),
            Field(at + 6, 2, little=False),
            Field(at + 9, 1, little=False),
        ]
        protocol, at = capture[at + 9], at + (capture[at] & 15) * 4
    elif version == 6:
        found += [Field(at + 4, 2, little=False), Field(at + 6, 1, little=False)]
        protocol, at = capture[at + 6], at + 40
        while protocol in (0, 43, 44, 60) and at + 8 <= end:
            found += [
                Field(at, 1, little=False),
                Field(at + 1, 1, little=False),
                Field(at + 2, 2, little=False),
            ]
            protocol, at = capture[at], at + (8 if protocol == 44 else (capture[at + 1] + 1) * 8)
    else:
        # A link layer without Ethernet's types (SLL, raw): any pair of its first octets.
        found += [Field(i, 2, little=False) for i in range(at, min(end, at + 24) - 1)]
        return
    _inside(capture, at, end, protocol=protocol, found=found, depth=depth)


def _inside(capture: bytes, at: int, end: int, *, protocol: int, found: list[Field], depth: int) -> None:
    if protocol == 6:
        found += [Field(at + i, size, little=False) for i, size in ((0, 2), (2, 2), (12, 1), (13, 1))]
    elif protocol == 17:
        found += [Field(at + i, 2, little=False) for i in (0, 2, 4)]
        found += [Field(at + i, 1, little=False) for i in range(8, 24)]
        if capture[at + 2 : at + 4] in (b"\0\x43", b"\0\x44"):
            found += [Field(i, 1, little=False) for i in range(at + 248, end)]
    elif protocol in (1, 58):
        found += [Field(at + i, 1, little=False) for i in (0, 1, 32, 33)]
        if at + 8 < end:
            _ip(capture, at + 8, end, found, depth + 1)
    elif protocol in (4, 41):
        if at < end:
            _ip(capture, at, end, found, depth + 1)
    elif protocol in (47, 97):
        found += [Field(at + i, 1, little=False) for i in range(16)]


def mutate(random: Random, capture: bytes, known: list[Field]) -> bytes:
    """Give the capture with one to four mutations; lies about structure are the commonest."""
    data = bytearray(capture)
    for _ in range(random.choice((1, 1, 2, 4))):
        way = random.randrange(14)
        if way < 6 and known:
            _lie(random, data, random.choice(known))
        elif way == 6:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        elif way == 7:
            data[random.randrange(len(data))] = random.randrange(256)
        else:
            data = bytearray(_restructured(random, bytes(data), way))
        if len(data) < 4:
            return bytes(data)
    return bytes(data)


def _lie(random: Random, data: bytearray, field: Field) -> None:
    order = "little" if field.little else "big"
    mask = (1 << 8 * field.size) - 1
    old = int.from_bytes(data[field.at : field.at + field.size], order)  # type: ignore[arg-type]
    new = random.choice(
        (
            old + random.choice((-8, -4, -2, -1, 1, 2, 4, 8)),
            random.choice(INTERESTING),
            mask - random.choice(INTERESTING),
            old ^ 1 << random.randrange(8 * field.size),
            random.getrandbits(8 * field.size),
        )
    )
    data[field.at : field.at + field.size] = (new & mask).to_bytes(field.size, order)  # type: ignore[arg-type]


def _restructured(random: Random, data: bytes, way: int) -> bytes:
    """Cut the file or a frame, or splice, repeat or exchange records."""
    places = frames(data)
    if way == 8 or not places:
        return data[: random.randrange(4, len(data) + 1)]
    begin, end = random.choice(places)
    if way in (
        9,
        12,
        13,
    ):  # a frame ends early, and says so; short ones, of which each octet counts, more often
        begin, end = min((begin, end), random.choice(places), key=lambda place: place[1] - place[0])
        return _shortened(random, data, begin, end)
    if way == 10:
        other_begin, other_end = random.choice(places)
        return data[:begin] + data[other_begin:other_end] + data[end:]
    return data[:end] + data[begin:end] + data[end:]


def _shortened(random: Random, data: bytes, begin: int, end: int) -> bytes:
    rest = data[end:] if random.random() < 0.5 else b""
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        return data[:begin] + _shorter_block(random, data[begin:end], "<" if data[8] == 0x4D else ">") + rest
    order = "<" if data[:1] in (b"\xd4", b"\x4d") else ">"
    size = random.randrange(end - begin - 15)
    head = data[begin : begin + 8] + struct.pack(order + "I", size) + data[begin + 12 : begin + 16]
    return data[:begin] + head + data[begin + 16 : begin + 16 + size] + rest


def _shorter_block(random: Random, block: bytes, order: str) -> bytes:
    if struct.unpack_from(order + "I", block)[0] != 6 or len(block) < 36:
        return block
    size = random.randrange(len(block) - 31)
    body = block[8:20] + struct.pack(order + "I", size) + block[24 : 28 + size] + bytes(-size % 4)
    total = struct.pack(order + "I", len(body) + 12)
    return block[:4] + total + body + total
