"""The command `zoneguard` with clocks that run faster: a window of five seconds passes in less than one.

Arguments: how many times as fast, from which time of the wall clock (ns) on, and those of the command. Both clocks
enter the sensor by its World; every thread, signal and file is as it is without.
"""

from __future__ import annotations

import sys
import time
from functools import partial

from zoneguard.sensor import world


def main() -> None:
    from zoneguard.cli.main import main as command

    speed, anchor = int(sys.argv.pop(1)), int(sys.argv.pop(1))
    world.World = partial(  # type: ignore[misc, assignment]
        world.World,
        mono=lambda: time.monotonic_ns() * speed,
        wall=lambda: anchor + (time.time_ns() - anchor) * speed,
    )
    command()


if __name__ == "__main__":
    main()
