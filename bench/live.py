"""Live capture beside `tcpdump -w /dev/null` on one wire, in a network namespace of its own. Needs root.

Run as `python bench/live.py [--packets 2000000] [--runs 3]`. Both listen at once, and packets are sent as fast as
one process can. Says how many packets a second both received, how many of them each lost, and how many packets a
second of a processor is good for: ZoneGuard has made flows of them, tcpdump has copied them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.live.wire import Sender, Wire, wire  # noqa: E402 - the folder of the tests is no package

if TYPE_CHECKING:
    from collections.abc import Sequence

RING_MIB = 64
SNAPLEN = 2048
ETHERNET = bytes.fromhex("020000000002 020000000001 0800")

LISTEN = f"""
import json, signal, sys, time
from zoneguard.capture.live import Ring
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.tables import Meter
ended = []
signal.signal(signal.SIGINT, lambda *_: ended.append(1))
meter = Meter(compiled=True, timeouts=Timeouts())
ring = Ring("far", blocks={RING_MIB}, block_octets=1 << 20, snaplen={SNAPLEN})
print("ready", flush=True)
judged, began = 0, time.process_time()
while ring.wait(0.2) or not ended:
    judged += ring.drain(meter, 0)
    meter.expire(time.time_ns())
spent = time.process_time() - began
print(json.dumps([judged, ring.statistics().dropped, spent]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one listener made of the packets of one run."""

    sent: int
    seconds: float
    received: int
    dropped: int
    cpu: float

    @property
    def rate(self) -> float:
        """Packets a second that were received."""
        return self.received / self.seconds

    @property
    def capacity(self) -> float:
        """Packets for each second of a processor."""
        return self.received / self.cpu


def main() -> int:
    """Send, listen, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    if os.geteuid():
        print("Needs root: network namespaces are made.", file=sys.stderr)
        return 5
    with wire() as line:
        for name, frames in (
            ("20,000 flows, 64 octets", _flows(20_000)),
            ("scan, 200,000 flows", _flows(200_000)),
        ):
            times = max(1, arguments.packets // len(frames))
            runs = [_run(line, frames, times) for _ in range(arguments.runs)]
            _tell(name, min(runs, key=lambda both: (both[0].dropped + both[1].dropped, both[0].seconds)))
    return 0


def _flows(count: int) -> list[bytes]:
    """Make a frame of 64 octets for each of so many flows."""
    frames = []
    for i in range(count):
        addresses = struct.pack(">II", 0x0A000001 + (i & 0xFF), 0x0A010000 + (i >> 8))
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 50, i & 0xFFFF, 0, 64, 17, 0) + addresses
        frames.append(ETHERNET + ip + struct.pack(">HHHH", 1024 + i % 60_000, 53, 30, 0) + bytes(22))
    return frames


def _run(line: Wire, frames: Sequence[bytes], times: int) -> tuple[Heard, Heard]:
    inside = ["ip", "netns", "exec", line.name]
    tcpdump = [
        "tcpdump",
        "-i",
        "far",
        "-n",
        "-w",
        "/dev/null",
        "-s",
        str(SNAPLEN),
        "-B",
        str(RING_MIB << 10),
        "-Z",
        "root",
    ]
    with (
        subprocess.Popen([*inside, sys.executable, "-c", LISTEN], stdout=subprocess.PIPE, text=True) as ours,
        subprocess.Popen([*inside, *tcpdump], stderr=subprocess.PIPE, text=True) as theirs,
    ):
        _wait_for(ours.stdout, "ready")
        _wait_for(theirs.stderr, "listening")
        before = _cpu(theirs.pid)
        sent, seconds = _send(line, frames, times)
        time.sleep(1.5)  # a block that is not full is given to tcpdump after a second
        cpu = max(_cpu(theirs.pid) - before, 0.01)
        ours.send_signal(signal.SIGINT)
        theirs.send_signal(signal.SIGINT)
        judged, lost, spent = json.loads(ours.communicate(timeout=60)[0])
        said = theirs.communicate(timeout=60)[1]
    captured, dropped = (
        int(re.search(rf"(\d+) packets? {what}", said)[1])  # type: ignore[index]
        for what in ("captured", "dropped by kernel")
    )
    return (
        Heard(sent=sent, seconds=seconds, received=judged, dropped=lost, cpu=spent),
        Heard(sent=sent, seconds=seconds, received=captured, dropped=dropped, cpu=cpu),
    )


def _send(line: Wire, frames: Sequence[bytes], times: int) -> tuple[int, float]:
    with line.here():
        sender = Sender("near")
    before = line.lost("near")
    sender.prepare(frames)
    began = time.monotonic()
    sent = sum(sender.send(frames) for _ in range(times))
    seconds = time.monotonic() - began
    sender.close()
    return sent - (line.lost("near") - before - sender.refused), seconds


def _wait_for(stream: object, word: str) -> None:
    for said in iter(stream.readline, ""):  # type: ignore[attr-defined]
        if word in said:
            return
    raise RuntimeError(f"a listener ended before it said {word!r}")


def _cpu(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _tell(name: str, both: tuple[Heard, Heard]) -> None:
    print(f"{name}: {both[0].sent:,} packets in {both[0].seconds:.2f} s")
    for who, run in zip(("zoneguard", "tcpdump"), both, strict=True):
        print(
            f"  {who:10} received {run.received:>9,}  dropped {run.dropped:>7,}  {run.rate / 1e6:5.2f} M packets/s"
            f"  {run.capacity / 1e6:5.1f} M packets per CPU second"
        )
    ours, theirs = both
    print(
        f"  ratio      received a second {ours.rate / theirs.rate:.3f}, per CPU second "
        f"{ours.capacity / theirs.capacity:.2f}; neither judged nor dropped {ours.sent - ours.received - ours.dropped}"
    )


if __name__ == "__main__":
    sys.exit(main())
