"""The sensor with a wall clock that can be set: `offset` holds the seconds, read again at each SIGUSR2."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from zoneguard.sensor.events import StopAsked
from zoneguard.sensor.runner import Runner
from zoneguard.sensor.world import World


def main() -> int:
    offset = [0]

    def read(*_: object) -> None:
        offset[0] = int(float(Path("offset").read_text("ascii")) * 1_000_000_000)

    world = World(wall=lambda: time.time_ns() + offset[0], lang="en")
    runner = Runner(Path("sensor.yaml"), world)
    signal.signal(signal.SIGUSR2, read)
    signal.signal(signal.SIGTERM, lambda *_: runner.ask(StopAsked()))
    return int(runner.run())


if __name__ == "__main__":
    sys.exit(main())
