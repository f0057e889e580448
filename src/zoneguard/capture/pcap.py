"""File headers and blocks of pcap (libpcap's savefile) and pcapng (IETF draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PCAPNG = b"\x0a\x0d\x0d\x0a"

# magic → (big-endian, ns per unit of the fraction)
_PCAP_MAGIC = {
    b"\xa1\xb2\xc3\xd4": (True, 1_000),
    b"\xd4\xc3\xb2\xa1": (False, 1_000),
    b"\xa1\xb2\x3c\x4d": (True, 1),
    b"\x4d\x3c\xb2\xa1": (False, 1),
}
MODIFIED = {b"\xa1\xb2\xcd\x34", b"\x34\xcd\xb2\xa1"}  # Kuznetzov's: longer record headers

EMPTY_FILE = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
EMPTY_SECTION = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header of a pcap file."""

    big: bool
    unit: int
    link: int
    snaplen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One interface of a pcapng section."""

    link: int
    multiply: int
    divide: int
    offset: int
    snaplen: int
    name: str


def read_header(head: bytes) -> Header | None:
    """Read the 24 octets of a pcap header; None when they are not one."""
    about = _PCAP_MAGIC.get(head[:4])
    if about is None or len(head) < 24:
        return None
    big, unit = about
    order = ">" if big else "<"
    snaplen, link = struct.unpack(order + "II", head[16:24])
    # The upper bits of the last word carry the length of the frame check sequence.
    return Header(big=big, unit=unit, link=link & 0xFFFF, snaplen=snaplen)


def read_interface(block: bytes, *, big: bool) -> Interface | None:
    """Read an interface description block (without its type and lengths)."""
    order = ">" if big else "<"
    if len(block) < 8:
        return None
    link, _, snaplen = struct.unpack_from(order + "HHI", block)
    multiply, divide, offset, name = 1_000, 1, 0, ""
    for code, value in options(block[8:], big=big):
        if code == 2:
            name = value.decode("utf-8", "replace")
        elif code == 9 and len(value) >= 1:
            exponent = value[0] & 0x7F
            if value[0] & 0x80:
                multiply, divide = _binary(min(exponent, 62))
            elif exponent <= 9:
                multiply, divide = 10 ** (9 - exponent), 1
            else:
                multiply, divide = 1, 10 ** min(exponent - 9, 18)
        elif code == 14 and len(value) == 8:
            seconds = struct.unpack(order + "q", value)[0]
            offset = max(-(2**32), min(2**32, seconds)) * 1_000_000_000
    return Interface(link=link, multiply=multiply, divide=divide, offset=offset, snaplen=snaplen, name=name)


def _binary(exponent: int) -> tuple[int, int]:
    """Give ns = units × multiply / divide for units of 2^-exponent s, so small that words cannot overflow."""
    if exponent <= 9:
        return 1_000_000_000 >> exponent, 1
    if exponent <= 50:
        return 1_000_000_000 >> 9, 1 << exponent - 9
    return 1, (1 << exponent) // 1_000_000_000


def read_drops(block: bytes, *, big: bool) -> int:
    """Read from an interface statistics block how many packets were dropped (isb_ifdrop, isb_osdrop)."""
    order = ">" if big else "<"
    total = 0
    for code, value in options(block[12:], big=big):
        if code in (5, 7) and len(value) == 8:
            total += struct.unpack(order + "Q", value)[0]
    return min(total, 2**62)


def options(data: bytes, *, big: bool) -> list[tuple[int, bytes]]:
    """Read a list of options; it ends at the end marker, or where it no longer fits."""
    order = ">" if big else "<"
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 4 <= len(data) and len(found) < 256:
        code, size = struct.unpack_from(order + "HH", data, at)
        if code == 0 or at + 4 + size > len(data):
            break
        found.append((code, data[at + 4 : at + 4 + size]))
        at += 4 + (size + 3 & ~3)
    return found


def first_time(path: Path) -> int:
    """Give the time of a capture's first packet in ns, to order rotated files; a great number if unknown."""
    from zoneguard.capture.source import open_source

    never = 2**63 - 1
    try:
        source = open_source(path)
    except OSError:
        return never
    head = bytearray(4096)
    try:
        count = 0
        view = memoryview(head)
        while count < len(head):
            got = source.read_into(view[count:])
            if not got:
                break
            count += got
    finally:
        source.raw.close()
    data = bytes(head[:count])
    header = read_header(data)
    if header is not None and len(data) >= 32:
        seconds, fraction = struct.unpack((">" if header.big else "<") + "II", data[24:32])
        return int(seconds) * 1_000_000_000 + int(fraction) * header.unit
    if data[:4] == PCAPNG and len(data) >= 28:
        return _first_block_time(data, never)
    return never


def _first_block_time(data: bytes, never: int) -> int:
    big = data[8:12] == b"\x1a\x2b\x3c\x4d"
    order = ">" if big else "<"
    at, interface = 0, None
    while at + 28 <= len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        if size < 12:
            return never
        if kind == 1 and interface is None:
            interface = read_interface(data[at + 8 : at + size - 4], big=big)
        if kind == 6 and interface is not None:
            high, low = struct.unpack_from(order + "II", data, at + 12)
            units = high << 32 | low
            return int(units * interface.multiply // interface.divide + interface.offset)
        at += size
    return never
