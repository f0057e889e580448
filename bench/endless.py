"""Memory and speed of the meter under a scan that never ends.

Run as `python bench/endless.py [--flows 1000000] [--minutes 30] [--rows 1048576]`: so many new flows in each
simulated minute, so many minutes, with room for so many live ones. Prints one JSON object: resident octets
after each minute, what was evicted, and packets a second of CPU time.
"""

from __future__ import annotations

import argparse
import json
import resource
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoneguard.capture import kernels, layout
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.tables import Meter

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPOCH = 1_795_000_000
SECOND = 1_000_000_000
CHUNK = 16_384  # packets
# A SYN from 10.9.9.9 to port 445 of an address that is written into each frame.
FRAME = (
    bytes.fromhex("020000000002 020000000001 0800")
    + struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, bytes((10, 9, 9, 9)), bytes(4))
    + struct.pack(">HHIIBBHHH", 40_000, 445, 1, 0, 5 << 4, 2, 1024, 0, 0)
)
TIME, TARGET = 0, 16 + 14 + 16  # where they stand in a record


def main() -> int:
    """Scan, and say how memory went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=1_000_000, help="new flows a minute")
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--rows", type=int, default=1 << 20, help="bound on live flows")
    arguments = parser.parse_args()
    print(json.dumps(scan(arguments.flows, arguments.minutes, arguments.rows)))
    return 0


def scan(flows: int, minutes: int, rows: int) -> dict[str, Any]:
    """Meter the scan; the flows handed on are counted and let go."""
    kernels.warmup()
    handed_on = 0

    def count(done: NDArray[np.int64]) -> None:
        nonlocal handed_on
        handed_on += len(done)

    meter = Meter(compiled=True, emit=count, timeouts=Timeouts(), most_rows=rows)
    z = meter.t.scalars
    z[layout.Z_FORMAT], z[layout.Z_BIG] = layout.FORMAT_PCAP, 0
    z[layout.Z_LINK], z[layout.Z_UNIT] = 1, 1_000
    resident = []
    spent = 0.0
    for minute in range(minutes):
        chunk = min(CHUNK, max(1, flows // 60))  # a simulated second at most
        for first in range(0, flows, chunk):
            numbers = np.arange(first, min(first + chunk, flows)) + minute * flows
            words = _records(numbers, flows)
            began = time.process_time()
            meter.take(words, 0, len(words))
            meter.expire(int(z[layout.Z_NOW]))
            spent += time.process_time() - began
        resident.append(_resident())
    live = int(z[layout.Z_ROWS])
    meter.finish()
    return {
        "flows": flows * minutes,
        "handed_on": handed_on,
        "live_at_the_end": live,
        "evicted": meter.evicted,
        "resident": resident,
        "growth_after_two_minutes": round(max(resident[2:]) / resident[1] - 1, 4),
        "packets_per_cpu_second": round(flows * minutes / spent),
    }


def _records(numbers: NDArray[np.int64], a_minute: int) -> NDArray[np.uint8]:
    """Make pcap records: packet i goes to address i, and the packets of a minute are spread over it."""
    size = 16 + len(FRAME)
    made = np.empty((len(numbers), size), np.uint8)
    made[:, 8:] = np.frombuffer(struct.pack("<II", len(FRAME), len(FRAME)) + FRAME, np.uint8)
    at = numbers * 60_000_000 // a_minute
    stamp = np.stack([at // 1_000_000 + EPOCH, at % 1_000_000], axis=1).astype("<u4")
    made[:, TIME : TIME + 8] = stamp.view(np.uint8)
    made[:, TARGET : TARGET + 4] = numbers.astype(">u4").view(np.uint8).reshape(-1, 4)
    return made.reshape(-1)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
