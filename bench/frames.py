"""Columns of packets turned into the octets of a capture, a hundred thousand at a time.

Payload is whatever a fixed pool of noise holds at that place of the buffer, so only headers are written;
prefix sums over the pool keep the transport checksums right all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Column = NDArray[np.int64]

WHOLE, FIRST_FRAGMENT, LAST_FRAGMENT = 0, 1, 2
TCP, UDP = 6, 17
FRAGMENT_PAYLOAD = 1472  # behind the UDP header: 1480 octets, a multiple of eight

# The first eight octets of a payload, by what is spoken.
GREETINGS = {
    "noise": b"\x9c\x01\xf3\x7a\x55\xe0\x11\xc8",
    "tls-hello": b"\x16\x03\x01\x02\x00\x01\x00\x01",
    "tls": b"\x17\x03\x03\x04\x00\xa1\x5b\x77",
    "rdp": b"\x03\x00\x00\x2f\x2a\xe0\x00\x00",
    "smb": b"\x00\x00\x01\x00\xfeSMB",
    "http": b"GET /a?b",
    "http-answer": b"HTTP/1.1",
    "dns": b"\x3a\x11\x01\x00\x00\x01\x00\x00",
    "dns-answer": b"\x3a\x11\x81\x80\x00\x01\x00\x01",
}
GREETING_NAMES = tuple(GREETINGS)
GREETING = 8

_POOL = 1 << 16
_pool = np.random.default_rng(20260401).integers(0, 256, _POOL, dtype=np.uint8)
_even = np.concatenate(([0], np.cumsum(np.where(np.arange(_POOL) % 2 == 0, _pool, 0), dtype=np.int64)))
_odd = np.concatenate(([0], np.cumsum(np.where(np.arange(_POOL) % 2 == 1, _pool, 0), dtype=np.int64)))
_greetings = np.frombuffer(b"".join(GREETINGS.values()), np.uint8).reshape(-1, GREETING)
_greeting_sums = _greetings.reshape(-1).view(">u2").reshape(-1, GREETING // 2).sum(axis=1, dtype=np.int64)

PCAP, PCAPNG = "pcap", "pcapng"
_RECORD = 16  # octets before a frame in a pcap file


class Packets(NamedTuple):
    """One column an attribute, one row a packet, in the order of the file; times in microseconds."""

    time: Column
    vlan: Column  # 0: no tag
    version: Column
    protocol: Column
    src_high: NDArray[np.uint64]
    src_low: NDArray[np.uint64]
    dst_high: NDArray[np.uint64]
    dst_low: NDArray[np.uint64]
    sport: Column
    dport: Column
    seq: Column
    ack: Column
    flags: Column
    payload: Column
    greeting: Column  # index into GREETING_NAMES; written where at least eight octets of payload are
    ident: Column
    fragment: Column
    src_mac: Column
    dst_mac: Column
    shortest: int  # frames below this are padded, as network cards do


def write(path: Path, chunks: Iterable[Packets], container: str = PCAP) -> tuple[int, int]:
    """Write a capture; return (packets, octets on disk)."""
    packets = 0
    with path.open("wb") as out:
        out.write(_preamble(container))
        for chunk in chunks:
            buffer, frame = encode(chunk)
            out.write(buffer.data if container == PCAP else _blocks(buffer, frame, chunk.time))
            packets += len(chunk.time)
        return packets, out.tell()


def _preamble(container: str) -> bytes:
    if container == PCAP:
        return np.array([0xA1B2C3D4, 4 << 16 | 2, 0, 0, 262144, 1], "<u4").tobytes()
    section = np.array([0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0xFFFFFFFF, 0xFFFFFFFF, 28], "<u4")
    interface = np.array([1, 20, 1, 262144, 20], "<u4")
    return section.tobytes() + interface.tobytes()


def encode(p: Packets) -> tuple[NDArray[np.uint8], Column]:
    """Lay out one chunk of packets as pcap records; return them and the octets of each frame."""
    network = np.where(p.version == 6, 40, 20)
    transport = np.where(p.fragment == LAST_FRAGMENT, 0, np.where(p.protocol == TCP, 20, 8))
    head = 14 + 4 * (p.vlan > 0) + network + transport
    frame = np.maximum(head + p.payload, p.shortest)
    end = np.cumsum(_RECORD + frame)
    start = end - frame - _RECORD
    buffer = np.resize(_pool, int(end[-1]))

    payload_at = start + _RECORD + head
    padding_at = payload_at + p.payload
    for fill in range(p.shortest):
        at = (padding_at + fill)[padding_at + fill < end]
        if not len(at):
            break
        buffer[at] = 0
    spoken = np.flatnonzero((p.payload >= GREETING) & (p.fragment != LAST_FRAGMENT))
    _scatter(buffer, payload_at[spoken], _greetings[p.greeting[spoken]])
    payload_sum = np.zeros(len(start), np.int64)
    payload_sum[spoken] = _greeting_sums[p.greeting[spoken]]
    skipped = np.zeros(len(start), np.int64)
    skipped[spoken] = GREETING
    payload_sum += _pool_sum(payload_at + skipped, padding_at)

    shape = (
        (p.vlan > 0) * 8 + (p.version == 6) * 4 + np.where(p.fragment == LAST_FRAGMENT, 2, p.protocol == TCP)
    )
    for group in np.unique(shape):
        chosen = np.flatnonzero(shape == group)
        rows = _headers(p, chosen, int(head[chosen[0]]), payload_sum[chosen])
        time, octets = p.time[chosen], frame[chosen]
        for i, word in enumerate((time // 1_000_000, time % 1_000_000, octets, octets)):
            rows[:, 4 * i : 4 * i + 4] = _little(word)
        _scatter(buffer, start[chosen], rows)
    return buffer, frame


def _blocks(buffer: NDArray[np.uint8], frame: Column, time: Column) -> bytes:
    """Wrap the frames of pcap records as enhanced packet blocks, octet for octet the same frames."""
    size = 32 + ((frame + 3) & ~3)
    nothing = np.zeros_like(time)
    words = [nothing + 6, size, nothing, time >> 32, time & 0xFFFFFFFF, frame, frame]
    heads = np.concatenate([_little(word) for word in words], axis=1).tobytes()
    tails = np.concatenate([_little(nothing), _little(size)], axis=1).tobytes()
    octets = buffer.tobytes()
    pieces = []
    at = 0
    for i, length in enumerate(frame.tolist()):
        at += _RECORD
        pieces += (
            heads[28 * i : 28 * i + 28],
            octets[at : at + length],
            tails[8 * i + 4 - (-length & 3) : 8 * i + 8],
        )
        at += length
    return b"".join(pieces)


def _pool_sum(start: Column, end: Column) -> Column:
    """Sum what lies between two places of the buffer as big-endian words of 16 bits."""

    def prefix(table: Column, at: Column) -> Column:
        return at // _POOL * table[_POOL] + table[at % _POOL]

    even = prefix(_even, end) - prefix(_even, start)
    odd = prefix(_odd, end) - prefix(_odd, start)
    return np.where(start % 2 == 0, (even << 8) + odd, (odd << 8) + even)


def _scatter(buffer: NDArray[np.uint8], at: Column, rows: NDArray[np.uint8]) -> None:
    """Copy equally long rows to any places of the buffer (overlapping items: one memcpy a row)."""
    if not len(at):
        return
    width = rows.shape[1]
    item = np.dtype((np.void, width))
    places = np.ndarray((len(buffer) - width + 1,), item, buffer, strides=(1,))
    places[at] = np.ascontiguousarray(rows).view(item).reshape(-1)


def _little(values: Column) -> NDArray[np.uint8]:
    return values.astype("<u4").view(np.uint8).reshape(-1, 4)


def _headers(p: Packets, chosen: Column, head: int, payload_sum: Column) -> NDArray[np.uint8]:
    """Fill the headers of packets of one shape, leaving room for the record header."""
    rows = np.zeros((len(chosen), _RECORD + head), np.uint8)
    first = chosen[0]
    payload = p.payload[chosen]
    protocol = p.protocol[chosen]
    _put(rows, _RECORD, p.dst_mac[chosen], 6)
    _put(rows, _RECORD + 6, p.src_mac[chosen], 6)
    at = _RECORD + 12
    if p.vlan[first]:
        _put(rows, at, 0x81000000 | p.vlan[chosen], 4)
        at += 4
    ip = at + 2
    six = p.version[first] == 6
    transport = ip + (40 if six else 20)
    carried = _RECORD + head - transport + payload
    if six:
        rows[:, at : at + 2] = (0x86, 0xDD)
        rows[:, ip] = 0x60
        _put(rows, ip + 4, carried, 2)
        rows[:, ip + 6] = protocol
        rows[:, ip + 7] = 64
        for place, column in zip(
            (8, 16, 24, 32), (p.src_high, p.src_low, p.dst_high, p.dst_low), strict=True
        ):
            _put(rows, ip + place, column[chosen], 8)
        addresses = _words(rows, ip + 8, 32)
    else:
        rows[:, at : at + 2] = (0x08, 0x00)
        rows[:, ip] = 0x45
        _put(rows, ip + 2, carried + 20, 2)
        _put(rows, ip + 4, p.ident[chosen], 2)
        fragment = p.fragment[chosen]
        _put(
            rows,
            ip + 6,
            np.select([fragment == FIRST_FRAGMENT, fragment == LAST_FRAGMENT], [0x2000, 185], 0),
            2,
        )
        rows[:, ip + 8] = 64
        rows[:, ip + 9] = protocol
        _put(rows, ip + 12, p.src_low[chosen], 4)
        _put(rows, ip + 16, p.dst_low[chosen], 4)
        _put(rows, ip + 10, _complement(_words(rows, ip, 20)), 2)
        addresses = _words(rows, ip + 12, 8)
    if p.fragment[first] != LAST_FRAGMENT:
        _transport(p, chosen, rows, at=transport, carried=carried, sums=addresses + protocol + payload_sum)
    return rows


def _transport(
    p: Packets, chosen: Column, rows: NDArray[np.uint8], *, at: int, carried: Column, sums: Column
) -> None:
    """Fill TCP or UDP headers; `sums` holds what their checksums cover besides header and length."""
    _put(rows, at, p.sport[chosen], 2)
    _put(rows, at + 2, p.dport[chosen], 2)
    if p.protocol[chosen[0]] == TCP:
        _put(rows, at + 4, p.seq[chosen] & 0xFFFFFFFF, 4)
        _put(rows, at + 8, p.ack[chosen] & 0xFFFFFFFF, 4)
        _put(rows, at + 12, 0x5000 | p.flags[chosen], 2)
        _put(rows, at + 14, np.full(len(chosen), 0xFAF0), 2)
        _put(rows, at + 16, _complement(_words(rows, at, 20) + carried + sums), 2)
        return
    # The first fragment announces the length of the whole datagram; its checksum is left out (RFC 768).
    fragment = p.fragment[chosen] == FIRST_FRAGMENT
    _put(rows, at + 4, np.where(fragment, carried + p.ack[chosen], carried), 2)
    checksum = _complement(_words(rows, at, 8) + carried + sums)
    _put(rows, at + 6, np.where(fragment, 0, np.where(checksum == 0, 0xFFFF, checksum)), 2)


def _put(rows: NDArray[np.uint8], at: int, values: Column | NDArray[np.uint64], octets: int) -> None:
    wide = np.asarray(values).astype(">u8").view(np.uint8).reshape(-1, 8)
    rows[:, at : at + octets] = wide[:, 8 - octets :]


def _words(rows: NDArray[np.uint8], at: int, octets: int) -> Column:
    """Sum some octets of each row as big-endian words of 16 bits."""
    part = np.ascontiguousarray(rows[:, at : at + octets])
    return part.view(">u2").sum(axis=1, dtype=np.int64)


def _complement(total: Column) -> Column:
    for _ in range(3):
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
