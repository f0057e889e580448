"""Metering alone, without judging, in one process.

Run as `python bench/meter.py [--kernel] CAPTURE…`; prints one JSON object with the CPU seconds inside.
With --kernel only reading and the kernel are timed, in a second round: everything is imported, compiled and
in the caches by then, and the finished rows are not turned into columns.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.capture import kernels
from zoneguard.capture.metering import Input, meter
from zoneguard.capture.source import open_source
from zoneguard.capture.tables import Meter

if TYPE_CHECKING:
    from zoneguard.net.flow import FlowTable


def main() -> int:
    """Meter the captures as one stream."""
    kernels.warmup()
    names = [name for name in sys.argv[1:] if name != "--kernel"]
    told = _round(names)
    if len(names) < len(sys.argv) - 1:
        told["cpu_inside"] = _kernel(names)
    print(json.dumps(told))
    return 0


def _round(names: list[str]) -> dict[str, float]:
    flows = 0

    def count(block: FlowTable) -> None:
        nonlocal flows
        flows += len(block)

    began = time.process_time()
    metered = meter([Input(path=Path(name)) for name in names], count, digests=False)
    inside = time.process_time() - began
    return {"packets": metered.coverage.packets, "flows": flows, "cpu_inside": inside}


def _kernel(names: list[str]) -> float:
    kernel = Meter(compiled=True)
    began = time.process_time()
    for name in names:
        source = open_source(Path(name))
        kernel.read(source)
        source.raw.close()
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
