"""What a sensor's machine remembers between two events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from zoneguard.errors import ExitCode
from zoneguard.sensor.commands import Blindness
from zoneguard.sensor.events import Link

if TYPE_CHECKING:
    from zoneguard.sensor.commands import Blind
    from zoneguard.sensor.config import Config, Interface, Recurrence
    from zoneguard.sensor.events import Now, PolicyVersion
    from zoneguard.sensor.folder import File
    from zoneguard.text import Text


class Phase(StrEnum):
    """Where a sensor is in its life."""

    STARTING = "starting"  # configuration and policy are being read
    IDLE = "idle"  # the schedule says not to watch now
    WATCHING = "watching"
    DRAINING = "draining"  # a stop was asked for: the last window is judged and committed
    STOPPED = "stopped"


class Ring(StrEnum):
    """The ring of one interface."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ear:
    """One interface: its ring, its link, and since when (monotonic ns) it has been blind within a watch."""

    interface: Interface
    ring: Ring = Ring.CLOSED
    link: Link = Link.UP
    blind_since: int | None = None
    attempts: int = 0
    retry_at: int | None = None

    @property
    def blindness(self) -> Blindness | None:
        """Tell why nothing is seen here; None when it is, or when nothing is to be seen."""
        if self.ring is Ring.CLOSED:
            return None
        if self.link is not Link.UP:
            return Blindness(self.link.value)
        return {Ring.OPENING: Blindness.OPENING, Ring.FAILED: Blindness.FAILED}.get(self.ring)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The window that is open."""

    number: int
    begun: Now


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What the next judged window has to state beside its times."""

    blind: tuple[Blind, ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()
    stepped: int = 0
    files: tuple[File, ...] = ()
    refused: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloading:
    """A reload under way: the answers so far; faults are kept apart from what was read."""

    config: Config | None = None
    policy: PolicyVersion | None = None
    config_faults: tuple[Text, ...] | None = None
    policy_faults: tuple[Text, ...] | None = None
    again: bool = False  # asked for once more meanwhile

    @property
    def is_answered(self) -> bool:
        """Tell whether both files were answered for."""
        config = self.config is not None or self.config_faults is not None
        return config and (self.policy is not None or self.policy_faults is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """Windows that are judged and not yet committed."""

    numbers: tuple[int, ...] = ()
    sent: tuple[int, ...] = ()  # those of the commit that is under way
    files: frozenset[File] = frozenset()  # read in them
    attempts: int = 0  # that failed
    retry_at: int | None = None
    reason: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All of it. `begins`: the latest begin entered of each recurrence; `until`: when the watch ends (mono ns)."""

    phase: Phase = Phase.STARTING
    now: Now | None = None
    config: Config | None = None
    policy: PolicyVersion | None = None
    period: str = ""
    anew: bool = False  # the calendar is taken as it is now, be it earlier than the period
    begins: tuple[tuple[Recurrence, int], ...] = ()
    until: int | None = None
    window: Opened | None = None
    windows: int = 0  # begun so far
    gathered: Gathered = Gathered()
    ears: tuple[Ear, ...] = ()
    outstanding: Outstanding = Outstanding()
    reloading: Reloading | None = None
    refused: tuple[Text, ...] = ()  # why the newest configuration or policy is not in use
    queue: tuple[File, ...] = ()
    reading: File | None = None
    done: frozenset[File] = frozenset()  # read here, until a list of files no longer names them
    lossy: frozenset[str] = frozenset()  # interfaces whose loss was announced
    heard: bool = False  # a ring has been open in this process
    ready: bool = False  # and systemd was told so
    disk_low: bool = False
    watchdog: int | None = None  # ns between signs of life
    watchdog_at: int = 0
    stopping: int | None = None  # since when (mono ns)
    drained: bool = False
    code: ExitCode = ExitCode.CLEAN
    last_success: int | None = None  # of a commit, wall ns
