"""A scan that never ends, as files of a simulated minute each: every packet opens a flow of its own."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.naive import generate as g
from tests.sensor.faults.traffic import BEGIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINUTE = 60 * g.SECOND
SCANNER = "172.16.20.250"
FIRST = 11 << 24  # 11.0.0.0, a public address; each flow goes to the next one
FRAME = g.tagged(g.ipv4(SCANNER, "11.0.0.0", 6, g.tcp(40_000, 445, g.SYN, seq=1)), 220)
TARGET = 14 + 4 + 16  # of the address in a frame
RECORD = 16  # octets of a record before its frame


def minute(number: int, flows: int) -> bytes:
    """Make the capture of one minute of the scan."""
    numbers = np.arange(number * flows, (number + 1) * flows)
    made = np.empty((flows, RECORD + len(FRAME)), np.uint8)
    made[:, 8:] = np.frombuffer(struct.pack("<II", len(FRAME), len(FRAME)) + FRAME, np.uint8)
    at = BEGIN + numbers * (MINUTE // flows)
    stamps = np.stack([at // g.SECOND, at % g.SECOND], axis=1).astype("<u4")
    made[:, :8] = stamps.view(np.uint8)
    targets(made[:, RECORD:], number * flows)
    return g.pcap([], nano=True) + made.tobytes()


def targets(frames: NDArray[np.uint8], first: int) -> None:
    """Write into frames, a row each, to whom they go: of the scan the one of this number, and those that follow."""
    numbers = FIRST + first + np.arange(len(frames))
    frames[:, TARGET : TARGET + 4] = numbers.astype(">u4").view(np.uint8).reshape(-1, 4)


def resident(pid: int | str) -> tuple[int, int]:
    """Give the octets of memory that a process holds, and that it held at most."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines())
    now, most = (int(fields[name].split()[0]) << 10 for name in ("VmRSS", "VmHWM"))
    return now, most
