"""The other programs of the bench, how each is called, and slices of captures for the slow ones."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Cost, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent


def versions() -> list[str]:
    """Say which peers are here, in their own words."""
    said = []
    for command in (["tcpdump", "--version"], ["nfdump", "-V"], ["tshark", "--version"]):
        if shutil.which(command[0]):
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            lines = [
                line
                for line in (result.stdout + result.stderr).splitlines()
                if "ersion" in line or "TShark" in line
            ]
            said.append(f"{command[0]}: {lines[0].strip()}" if lines else command[0])
    return said


def tcpdump(captures: Sequence[Path], scratch: Path) -> Cost | None:
    """Copy captures to nowhere: reads and writes every packet, decodes none."""
    if not shutil.which("tcpdump"):
        return None
    if len(captures) == 1:
        source = ["-r", captures[0]]
    else:
        names = scratch / "captures"
        names.write_text("".join(f"{path}\n" for path in captures))
        source = ["-V", names]
    return measure(["tcpdump", *source, "-w", "/dev/null"], scratch=scratch, before=captures)


def nfdump(capture: Path, scratch: Path) -> Cost | None:
    """Meter a capture with nfpcapd and print its bidirectional flows with nfdump."""
    if not (shutil.which("nfpcapd") and shutil.which("nfdump")):
        return None
    folder = scratch / "nfdump"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    metered = measure(["nfpcapd", "-r", capture, "-w", folder], scratch=scratch, repeats=1, before=[capture])
    printed = measure(["nfdump", "-R", folder, "-b", "-q", "-o", "line"], scratch=scratch, repeats=1)
    shutil.rmtree(folder)
    return metered.plus(printed)


def tshark(capture: Path, scratch: Path) -> Cost | None:
    """Let tshark make its table of TCP conversations."""
    if not shutil.which("tshark"):
        return None
    command = ["tshark", "-q", "-z", "conv,tcp", "-r", capture]
    return measure(command, scratch=scratch, repeats=1, before=[capture])


def scapy(capture: Path, scratch: Path) -> Cost | None:
    """Count flows with scapy."""
    return measure([sys.executable, HERE / "dissectors.py", "scapy", capture], scratch=scratch, repeats=1)


def dpkt(capture: Path, scratch: Path) -> Cost | None:
    """Count flows with dpkt, which is no dependency: from wherever uv finds it, else not at all."""
    if not shutil.which("uv"):
        return None
    python = ["uv", "run", "--quiet", "--no-project", "--with", "dpkt", "python"]
    where = measure([*python, "-c", "import dpkt"], scratch=scratch, repeats=1, cap=60)
    if where.code:
        return None
    return measure([*python, HERE / "dissectors.py", "dpkt", capture], scratch=scratch, repeats=1)


def first_packets(capture: Path, count: int, target: Path) -> Path:
    """Cut the first packets of a little-endian pcap file off into a file of their own."""
    with capture.open("rb") as source, target.open("wb") as out:
        out.write(source.read(24))
        for _ in range(count):
            header = source.read(16)
            if len(header) < 16:
                break
            out.write(header + source.read(struct.unpack("<I", header[8:12])[0]))
    return target
