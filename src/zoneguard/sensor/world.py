"""What surrounds a sensor process: clocks, chance, environment, streams."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.sensor.events import Now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from zoneguard.text import Lang


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What surrounds the process: both clocks (ns), chance, environment, streams."""

    mono: Callable[[], int] = time.monotonic_ns
    wall: Callable[[], int] = time.time_ns
    chance: Callable[[], float] = field(default=lambda: int.from_bytes(os.urandom(7), "little") / 2**56)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    lang: Lang = "ja"

    def now(self) -> Now:
        """Read both clocks."""
        return Now(mono=self.mono(), wall=self.wall())
