"""Captures as streams of octets: files, rotated sets, folders, standard input; gzip and zstd told by content."""

from __future__ import annotations

import gzip
import sys
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterable
    from pathlib import Path

from zoneguard.text import Text

MAGICS = {
    b"\xa1\xb2\xc3\xd4",
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\xcd\x34",
    b"\x34\xcd\xb2\xa1",
    b"\x0a\x0d\x0d\x0a",
}
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"

# Other capture files by their first octets, so that a refusal can name them.
FOREIGN = {
    b"snoop\0\0\0": "snoop (RFC 1761)",
    b"TRSNIFF ": "Network General Sniffer",
    b"RTSS": "Microsoft NetMon 1",
    b"GMBU": "Microsoft NetMon 2",
    b"PK\x03\x04": "zip",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"\x04\x22\x4d\x18": "lz4",
}

# A compressed capture that grows beyond this many times its size is not a capture.
MOST_EXPANSION = 2_000


@dataclass(slots=True)
class Source:
    """One opened input. `read_into` never raises on bad compressed data: it ends, and `fault` says why."""

    name: str
    size: int | None
    stream: IO[bytes]
    compressed: bool
    digest: hashlib._Hash | None
    raw: BinaryIO
    position: int = 0  # octets given so far, unpacked
    fault: Text | None = None
    modified: int = 0  # ns since 1970, as the file system says

    def move_to(self, offset: int, scratch: memoryview) -> bool:
        """Go to an offset in the unpacked octets; a compressed input only forwards, by reading into `scratch`."""
        if not self.compressed:
            self.position = self.stream.seek(offset)
            return True
        while self.position < offset and self.read_into(scratch[: offset - self.position]):
            pass
        return self.position == offset

    def read_into(self, view: memoryview) -> int:
        """Fill the view as far as the input goes; 0 at its end."""
        if self.fault is not None:
            return 0
        count = 0
        try:
            if self.compressed:
                # Piece by piece: where the data is cut, `readinto` would raise and lose what it had unpacked.
                while count < len(view) and (got := self.stream.readinto1(view[count:])):  # type: ignore[attr-defined]
                    count += got
            else:
                count = self.stream.readinto(view)  # type: ignore[attr-defined]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.fault = Text(
                ja=f"圧縮データが途中で壊れています（{error}）。読めたところまでを判定しました。",
                en=f"The compressed data is broken ({error}); what could be read before it was judged.",
            )
        except OSError as error:
            self.fault = Text(
                ja=f"読み取り中に入出力の誤りが起きました（{error}）。読めたところまでを判定しました。",
                en=f"Reading failed ({error}); what could be read before it was judged.",
            )
        except Exception as error:  # zstandard raises its own class, imported only when needed
            if type(error).__name__ != "ZstdError":
                raise
            self.fault = Text(
                ja=f"圧縮データが途中で壊れています（{error}）。読めたところまでを判定しました。",
                en=f"The compressed data is broken ({error}); what could be read before it was judged.",
            )
        self.position += count
        if self.compressed and self.size and self.position > self.size * MOST_EXPANSION:
            self.fault = Text(
                ja=f"展開すると元の{MOST_EXPANSION}倍を超えるため、そこで読み取りを止めました。",
                en=f"It expands to more than {MOST_EXPANSION} times its size; reading stopped there.",
            )
            return 0
        return count


class _Digesting:
    """Passes octets on and digests them, so that the hash in the report costs no second reading."""

    def __init__(self, raw: BinaryIO, digest: hashlib._Hash | None) -> None:
        self.raw = raw
        self.digest = digest
        self.head = b""

    def seek(self, offset: int) -> int:
        self.head = b""
        return self.raw.seek(offset)

    def peek(self, count: int) -> bytes:
        while len(self.head) < count:
            more = self.raw.read(count - len(self.head))
            if not more:
                break
            self.head += more
        return self.head

    def readinto(self, view: memoryview) -> int:
        if self.head:
            count = min(len(view), len(self.head))
            view[:count] = self.head[:count]
            self.head = self.head[count:]
        else:
            count = self.raw.readinto(view)  # type: ignore[attr-defined]
        if self.digest is not None:
            self.digest.update(view[:count])
        return count or 0

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            parts = []
            while part := self.read(1 << 20):
                parts.append(part)
            return b"".join(parts)
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])


def open_source(path: Path | None, *, digest: hashlib._Hash | None = None) -> Source:
    """Open a capture; None is standard input. `digest`, when given, is fed what is read.

    Raises OSError when it cannot be opened at all.
    """
    if path is None:
        raw: BinaryIO = sys.stdin.buffer
        size, modified = None, 0
    else:
        raw = path.open("rb", buffering=0)
        about = path.stat()
        size, modified = about.st_size, about.st_mtime_ns
    plain = _Digesting(raw, digest)
    head = plain.peek(4)
    stream: IO[bytes] = cast("IO[bytes]", plain)
    compressed = True
    if head.startswith(GZIP):
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=cast("IO[bytes]", plain), mode="rb"))
    elif head == ZSTD:
        import zstandard

        stream = cast(
            "IO[bytes]",
            zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
                cast("IO[bytes]", plain), read_across_frames=True
            ),
        )
    else:
        compressed = False
    name = "-" if path is None else str(path)
    return Source(
        name=name,
        size=size,
        stream=stream,
        compressed=compressed,
        digest=digest,
        raw=raw,
        modified=modified,
    )


def looks_like_capture(path: Path) -> bool:
    """Tell by content whether a file is a capture (compressed ones are looked into)."""
    try:
        source = open_source(path)
    except OSError:
        return False
    head = bytearray(4)
    try:
        source.read_into(memoryview(head))
    finally:
        source.raw.close()
    return bytes(head) in MAGICS


def in_time_order(paths: Iterable[Path]) -> list[Path]:
    """Order rotated files by their first packet, not by name (pcap_10 comes after pcap_9)."""
    from zoneguard.capture.pcap import first_time

    return [path for _, _, path in sorted((first_time(p), str(p), p) for p in paths)]
