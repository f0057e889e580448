"""One command as a process of its own: CPU time, wall time and peak memory, as the kernel accounts them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CAP_SECONDS = 600
REPEAT_BELOW_SECONDS = 20  # what takes longer is run once
KEPT = 4_000  # octets at the end of what a command said


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The best of some runs of a command; `code` and `said` are those of the last one."""

    cpu: float
    wall: float
    peak_mb: float  # never below what this process had resident, which the kernel passes on
    code: int
    output: str
    said: str
    timed_out: bool
    runs: int

    def plus(self, other: Cost) -> Cost:
        """Give the cost of one command after the other."""
        return Cost(
            cpu=self.cpu + other.cpu,
            wall=self.wall + other.wall,
            peak_mb=max(self.peak_mb, other.peak_mb),
            code=self.code or other.code,
            output=other.output,
            said=self.said + other.said,
            timed_out=self.timed_out or other.timed_out,
            runs=min(self.runs, other.runs),
        )


def measure(
    command: Sequence[str | Path],
    *,
    scratch: Path,
    repeats: int = 3,
    keep_output: bool = False,
    cap: float = CAP_SECONDS,
    environment: Mapping[str, str] | None = None,
    before: Sequence[Path] = (),
) -> Cost:
    """Run a command up to `repeats` times; files named in `before` are read first, so that they are cached."""
    for path in before:
        _read(path)
    best: Cost | None = None
    for run in range(1, repeats + 1):
        cost = _once([str(word) for word in command], scratch, cap, environment, run=run)
        if best is not None:
            cost = Cost(
                cpu=min(best.cpu, cost.cpu),
                wall=min(best.wall, cost.wall),
                peak_mb=max(best.peak_mb, cost.peak_mb),
                code=cost.code,
                output=cost.output,
                said=cost.said,
                timed_out=cost.timed_out,
                runs=run,
            )
        best = cost
        if cost.timed_out or cost.wall > REPEAT_BELOW_SECONDS:
            break
    if best is None:
        raise ValueError("repeats must be at least 1")
    # Only now: what is kept here would count as the peak memory of the commands that follow.
    return replace(best, output=(scratch / "out").read_text("utf-8", "replace")) if keep_output else best


def _once(
    command: list[str], scratch: Path, cap: float, environment: Mapping[str, str] | None, run: int
) -> Cost:
    out, err = scratch / "out", scratch / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        began = time.monotonic()
        # A session of its own, so that a timeout ends its children too and nothing else.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**_as_installed(), **(environment or {})},
            start_new_session=True,
        )
        expired = threading.Event()
        timer = threading.Timer(cap, _end, (process.pid, expired))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=wall,
        peak_mb=usage.ru_maxrss / 1024,
        code=process.returncode,
        output="",
        said=_end_of(err),
        timed_out=expired.is_set(),
        runs=run,
    )


def _as_installed() -> dict[str, str]:
    """Give the environment without the setting that would have every run compile its own modules anew."""
    return {name: word for name, word in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _end_of(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - KEPT))
        return file.read().decode("utf-8", "replace")


def _end(group: int, expired: threading.Event) -> None:
    expired.set()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _read(path: Path) -> None:
    buffer = bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
