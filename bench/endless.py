"""Memory under a scan that never ends: of the meter alone, and of the whole sensor process.

Run as `python bench/endless.py [--flows 1000000] [--minutes 30] [--only meter,folder,live]`: so many new flows in each
simulated minute, so many minutes. The meter has room for --rows live flows. The sensor runs as its users run it,
with `memory: 1GiB`: over a folder of captures of a minute each, and as root on an interface, where a simulated
minute lasts --seconds. Prints one JSON object: resident octets after five minutes and at the end, the highest ever,
and what became of the flows.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import struct
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoneguard.capture import kernels, layout
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.tables import Meter

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.live.wire import Sender, wire
from tests.sensor.faults.daemon import Daemon
from tests.sensor.faults.scanning import FRAME as TAGGED
from tests.sensor.faults.scanning import minute, targets
from tests.sensor.faults.scanning import resident as resident_of
from tests.sensor.faults.traffic import Rotation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

EPOCH = 1_795_000_000
CHUNK = 16_384  # packets
PARTS = ("meter", "folder", "live")
MEMORY = "1GiB"
SETTLED = 5  # simulated minutes after which memory is to stay as it is
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
    parser.add_argument("--rows", type=int, default=1 << 20, help="bound on live flows of the meter")
    parser.add_argument(
        "--seconds", type=float, default=12, help="what a simulated minute lasts on an interface"
    )
    parser.add_argument("--only", default=",".join(PARTS), help="some of meter, folder, live")
    arguments = parser.parse_args()
    only = arguments.only.split(",")
    told: dict[str, Any] = {}
    if "meter" in only:
        told["meter"] = scan(arguments.flows, arguments.minutes, arguments.rows)
    if "folder" in only:
        told["folder"] = over_files(arguments.flows, arguments.minutes)
    if "live" in only and os.geteuid():
        print("The part on an interface needs root: network namespaces are made.", file=sys.stderr)
    elif "live" in only:
        told["live"] = on_a_wire(arguments.flows, arguments.minutes, arguments.seconds)
    print(json.dumps(told, indent=2))
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
    for number in range(minutes):
        chunk = min(CHUNK, max(1, flows // 60))  # a simulated second at most
        for first in range(0, flows, chunk):
            numbers = np.arange(first, min(first + chunk, flows)) + number * flows
            words = _records(numbers, flows)
            began = time.process_time()
            meter.take(words, 0, len(words))
            meter.expire(int(z[layout.Z_NOW]))
            spent += time.process_time() - began
        resident.append(resident_of("self")[0])
    live = int(z[layout.Z_ROWS])
    meter.finish()
    return {
        "flows": flows * minutes,
        "handed_on": handed_on,
        "live_at_the_end": live,
        "evicted": meter.evicted,
        **_grown(resident),
        "packets_per_cpu_second": round(flows * minutes / spent),
    }


def over_files(flows: int, minutes: int) -> dict[str, Any]:
    """Put a capture a simulated minute into the folder of a sensor, each when the last one was judged."""
    with tempfile.TemporaryDirectory(prefix="zoneguard-bench-") as folder:
        daemon = _daemon(Path(folder))
        rotation = Rotation(daemon.inbox)

        def played() -> Iterator[None]:
            for number in range(minutes):
                file = rotation.put(minute(number, flows))
                daemon.until_read([file])
                file.unlink()
                yield

        return _watched(daemon, played, flows * minutes)


def on_a_wire(flows: int, minutes: int, seconds: float) -> dict[str, Any]:
    """Send a simulated minute after the other to a sensor that listens."""
    with wire() as line, tempfile.TemporaryDirectory(prefix="zoneguard-bench-") as folder:
        interfaces = [{"interface": "far", "sensor": "S2", "ring": "64MiB"}]
        daemon = _daemon(Path(folder), window="30s", watch={"interfaces": interfaces})
        daemon.prefix = ("ip", "netns", "exec", line.name)
        with line.here():
            sender = Sender("near")

        def played() -> Iterator[None]:
            daemon.until(lambda: _interface(daemon).get("ring") == "open", "opening")
            train = Train(sender, min(4096, flows))
            for number in range(minutes):
                train.send(number * flows, flows, seconds)
                yield

        with closing(sender):
            told = _watched(daemon, played, flows * minutes)
        about = _interface(daemon)
        return {
            **told,
            "received": about["packets"],
            "dropped": about["dropped"],
            "sent_again": sender.refused,
        }


class Train:
    """Frames that lie in one array, sent over and over with other targets in them."""

    def __init__(self, sender: Sender, count: int) -> None:
        self._sender, self._count = sender, count
        self._frames = np.tile(np.frombuffer(TAGGED, np.uint8), (count, 1))
        place = self._frames.ctypes.data + np.arange(count, dtype=np.uint64) * len(TAGGED)
        self._vectors = np.stack([place, np.full(count, len(TAGGED), np.uint64)], axis=1)
        self._headers = np.zeros((count, 8), np.uint64)  # struct mmsghdr
        self._headers[:, 2] = self._vectors.ctypes.data + np.arange(count, dtype=np.uint64) * 16
        self._headers[:, 3] = 1

    def send(self, first: int, frames: int, seconds: float) -> None:
        """Send so many frames evenly over so many seconds."""
        began = time.monotonic()
        for done in range(0, frames, self._count):
            count = min(self._count, frames - done)
            targets(self._frames[:count], first + done)
            self._put(count)
            time.sleep(max(0.0, began + (done + count) / frames * seconds - time.monotonic()))

    def _put(self, count: int) -> None:
        done = 0
        while done < count:
            at = ctypes.c_void_p(self._headers.ctypes.data + done * 64)
            got = self._sender.libc.sendmmsg(self._sender.socket.fileno(), at, min(256, count - done), 0)
            if got >= 0:
                done += got
            elif ctypes.get_errno() == errno.ENOBUFS:
                self._sender.refused += 1
            else:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _daemon(folder: Path, *, window: str = "5s", **changes: object) -> Daemon:
    judge = {"window": window, "period": "week", "gone_after": "5000d"}
    return Daemon(folder, memory=MEMORY, judge=judge, retention={"history": "1d"}, **changes)


def _watched(daemon: Daemon, played: Callable[[], Iterator[None]], flows: int) -> dict[str, Any]:
    """Run a sensor while a scan is played, and look at its memory after each simulated minute."""
    with closing(daemon):
        daemon.start()
        daemon.until_up()
        began, resident = time.monotonic(), []
        process = daemon.status()["pid"]
        for _ in played():
            resident.append(resident_of(process)[0])  # noqa: PERF401 - while it is played
        seconds = time.monotonic() - began
        daemon.until(lambda: daemon.status()["last_success"], "committing")
        _, peak = resident_of(process)
        code = daemon.stop()
        history = sum(path.stat().st_size for path in (daemon.state / "history").rglob("*.parquet"))
        told = max((one.flows or 0 for one in daemon.stored()), default=0)
        return {
            "flows": flows,
            "told_in_one_finding": told,
            "exit_code": int(code),
            "memory": MEMORY,
            **_grown(resident),
            "peak": peak,
            "history_octets": history,
            "seconds": round(seconds),
        }


def _grown(resident: list[int]) -> dict[str, Any]:
    settled = resident[min(SETTLED, len(resident)) - 1]
    return {
        "resident": [octets >> 20 for octets in resident],
        "resident_after_five_minutes": settled,
        "resident_at_the_end": resident[-1],
        "growth": round(max(resident[SETTLED - 1 :], default=settled) / settled - 1, 4),
    }


def _interface(daemon: Daemon) -> dict[str, Any]:
    return next(iter(daemon.status().get("interfaces", [])), {})


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


if __name__ == "__main__":
    sys.exit(main())
