"""What the deep look adds: `check` on a capture of 1 GB with 100 flows to be opened, and without opening them.

Run as `python bench/looking.py [--scale quick]`; the capture has 1 GB either way. The flows are breakouts from a real capture, laid at even
distances into a capture of the mixed kind by mergecap. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from generate import ROTATED, generate
from measure import measure

ROOT = Path(__file__).resolve().parent.parent
ZONEGUARD = Path(sys.executable).parent / "zoneguard"
POLICY = ROOT / "captures" / "zones-alpha-prime.yaml"
ORIGINAL = ROOT / "captures" / "real" / "d01-approved.pcap"
OPENED = 100
QUESTIONS = 4  # that flows of this capture are opened for
FLOWS_OF_ORIGINAL = 4
HEADER, RECORD = 24, struct.Struct("<IIII")
# Where the ports of both ends stand in an untagged frame with an IPv4 header of 20 octets.
PORTS = struct.Struct(">HH")
AT_PORTS = 34


def main() -> int:
    """Make the capture, check it both ways, and say what the difference is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=("full", "quick"), default="full")
    arguments = parser.parse_args()
    data = generate(arguments.scale, only=["mixed-0.pcap"])
    parts = sorted(data.glob("mixed-?.pcap"))[: ROTATED if arguments.scale == "quick" else 1]
    with tempfile.TemporaryDirectory(prefix="zoneguard-bench-") as folder:
        scratch = Path(folder)
        capture = scratch / "merged.pcap"
        begin, end = _span(parts[0])[0], _span(parts[-1])[1]
        copies = scratch / "copies.pcap"
        copies.write_bytes(_copies(ORIGINAL.read_bytes(), OPENED // FLOWS_OF_ORIGINAL, begin, end))
        subprocess.run(
            ["mergecap", "-F", "nsecpcap", "-w", str(capture), *map(str, parts), str(copies)],
            check=True,
        )
        subprocess.run([ZONEGUARD, "warmup"], check=True)
        costs = {}
        for most in (0, OPENED // QUESTIONS):
            command = [
                ZONEGUARD,
                "check",
                capture,
                "--policy",
                POLICY,
                "--look",
                str(most),
                "--format",
                "json",
                "--no-digest",
            ]
            costs[most] = measure(command, scratch=scratch, keep_output=True, before=[capture])
        said = json.loads(costs[OPENED // QUESTIONS].output)
        print(
            json.dumps(
                {
                    "octets": capture.stat().st_size,
                    "packets": said["coverage"]["packets"],
                    "opened": said["coverage"]["opened"],
                    "wall without": round(costs[0].wall, 2),
                    "wall with": round(costs[OPENED // QUESTIONS].wall, 2),
                    "wall added": round(costs[OPENED // QUESTIONS].wall - costs[0].wall, 2),
                    "cpu added": round(costs[OPENED // QUESTIONS].cpu - costs[0].cpu, 2),
                    "peak MB": [round(costs[0].peak_mb), round(costs[OPENED // QUESTIONS].peak_mb)],
                }
            )
        )
    return 0


def _span(path: Path) -> tuple[int, int]:
    """Give the seconds of the first and last packet of a pcap file."""
    said = subprocess.run(
        ["capinfos", "-T", "-r", "-a", "-e", "-S", str(path)], check=True, capture_output=True, text=True
    )
    first, last = (float(word) for word in said.stdout.split("\t")[1:3])
    return int(first), int(last)


def _copies(octets: bytes, number: int, begin: int, end: int) -> bytes:
    """Repeat a capture at even distances, each time with ports of its own."""
    records = []
    at = HEADER
    while at < len(octets):
        seconds, fraction, kept, wire = RECORD.unpack_from(octets, at)
        records.append((seconds, fraction, octets[at + RECORD.size : at + RECORD.size + kept], wire))
        at += RECORD.size + kept
    start = records[0][0]
    made = [octets[:HEADER]]
    for copy in range(number):
        moved = begin + (end - begin) * (copy + 1) // (number + 1) - start
        for seconds, fraction, frame, wire in records:
            made.append(RECORD.pack(seconds + moved, fraction, len(frame), wire))
            ports = [port + copy if port > 30_000 else port for port in PORTS.unpack_from(frame, AT_PORTS)]
            made.append(frame[:AT_PORTS] + PORTS.pack(*ports) + frame[AT_PORTS + PORTS.size :])
    return b"".join(made)


if __name__ == "__main__":
    sys.exit(main())
