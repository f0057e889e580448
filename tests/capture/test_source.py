from __future__ import annotations

import gzip
import io
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest
import zstandard

from tests.capture.seen import frames_of
from tests.naive import generate as g
from zoneguard.capture.source import in_time_order, looks_like_capture, open_source
from zoneguard.capture.tables import Meter

if TYPE_CHECKING:
    from pathlib import Path

    from zoneguard.capture.reading import Reading

PING = g.ethernet(g.ipv4("10.0.0.1", "10.0.0.2", 1, g.icmp(8)))
CAPTURE = g.pcap(frames_of(*[PING] * 50))


def read(path: Path | None) -> Reading:
    source = open_source(path)
    try:
        return Meter(compiled=False).read(source)
    finally:
        if path is not None:
            source.raw.close()


def written(folder: Path, data: bytes) -> Path:
    path = folder / "capture.bin"  # the content tells what it is, never the name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "packed",
    [
        CAPTURE,
        gzip.compress(CAPTURE),
        gzip.compress(CAPTURE[:700]) + gzip.compress(CAPTURE[700:]),
        zstandard.ZstdCompressor().compress(CAPTURE),
        zstandard.ZstdCompressor().compress(CAPTURE[:700])
        + zstandard.ZstdCompressor().compress(CAPTURE[700:]),
    ],
    ids=["plain", "gzip", "gzip members", "zstd", "zstd frames"],
)
def test_packed_captures_say_the_same_as_plain_ones(tmp_path: Path, packed: bytes) -> None:
    path = written(tmp_path, packed)
    reading = read(path)
    assert (reading.packets, reading.faults, reading.format) == (50, [], "pcap")
    assert looks_like_capture(path)


@pytest.mark.parametrize("frames", [60, 6000])
def test_a_cut_gzip_gives_what_could_be_unpacked_and_tells_the_fault(tmp_path: Path, frames: int) -> None:
    noise = Random(1)
    many = [g.Frame(g.BEGIN, noise.randbytes(100)) for _ in range(frames)]
    packed = gzip.compress(g.pcap(many))
    reading = read(written(tmp_path, packed[: len(packed) // 2]))
    assert frames * 0.4 < reading.packets < frames * 0.6
    assert any("compressed data is broken" in fault.en for fault in reading.faults)


def test_a_damaged_gzip_and_a_damaged_zstd_are_told(tmp_path: Path) -> None:
    for packed in (gzip.compress(CAPTURE), zstandard.ZstdCompressor(write_checksum=True).compress(CAPTURE)):
        damaged = packed[:40] + bytes([packed[40] ^ 0xFF]) + packed[41:]
        reading = read(written(tmp_path, damaged))
        assert any("compressed data is broken" in fault.en for fault in reading.faults)


def test_a_capture_comes_through_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(CAPTURE))))
    assert read(None).packets == 50


def test_an_empty_file_is_named_as_such(tmp_path: Path) -> None:
    reading = read(written(tmp_path, b""))
    assert reading.refused
    assert "the file is empty" in reading.faults[0].en


def test_a_file_cut_in_its_header_is_refused(tmp_path: Path) -> None:
    for size in (1, 4, 23):
        reading = read(written(tmp_path, CAPTURE[:size]))
        assert reading.refused
        assert reading.packets == 0


def test_a_header_without_packets_is_a_capture_without_packets(tmp_path: Path) -> None:
    reading = read(written(tmp_path, CAPTURE[:24]))
    assert (reading.refused, reading.packets, reading.faults) == (False, 0, [])


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"snoop\0\0\0" + bytes(40), "snoop"),
        (b"RTSS" + bytes(40), "NetMon"),
        (b"PK\x03\x04" + bytes(40), "zip"),
        (b"\xfd7zXZ\0" + bytes(40), "xz"),
        (b"BZh9" + bytes(40), "bzip2"),
        (b"\xa1\xb2\xcd\x34" + bytes(40), "Kuznetzov"),
        (b"<?xml version='1.0'?>" + bytes(40), "neither pcap nor pcapng"),
    ],
)
def test_other_formats_are_refused_by_their_name(tmp_path: Path, head: bytes, name: str) -> None:
    reading = read(written(tmp_path, head))
    assert reading.refused
    assert name in reading.faults[0].en


def test_a_capture_that_expands_beyond_reason_is_stopped(tmp_path: Path) -> None:
    zeros = gzip.compress(CAPTURE[:24] + bytes(100_000))
    bomb = zstandard.ZstdCompressor().compress(CAPTURE[:24] + bytes(60_000_000))
    assert not any("expands" in fault.en for fault in read(written(tmp_path, zeros)).faults)
    assert any("expands" in fault.en for fault in read(written(tmp_path, bomb)).faults)


def test_rotated_files_are_read_in_the_order_of_their_first_packets(tmp_path: Path) -> None:
    paths = []
    for i, number in enumerate((9, 10, 11, 1)):
        path = tmp_path / f"ring_{number}.pcap"
        data = g.pcap([g.Frame(g.BEGIN + i * g.SECOND, PING)])
        path.write_bytes(gzip.compress(data) if i % 2 else data)
        paths.append(path)
    assert in_time_order(reversed(paths)) == paths


def test_a_text_is_no_capture(tmp_path: Path) -> None:
    assert not looks_like_capture(written(tmp_path, b"zones: []\n"))
    assert not looks_like_capture(tmp_path / "missing")
