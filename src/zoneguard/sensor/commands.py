"""What the machine wants done: the commands, carried out by the runner in the order given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneguard.errors import ExitCode
    from zoneguard.sensor.config import Config, Interface
    from zoneguard.sensor.events import Now, PolicyVersion
    from zoneguard.sensor.folder import File
    from zoneguard.text import Text


class Blindness(StrEnum):
    """Why nothing was seen on an interface, gravest first."""

    GONE = "gone"
    DOWN = "down"
    FAILED = "failed"
    OPENING = "opening"


class Level(StrEnum):
    """How loud to say it."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """A stretch of a window in which an interface was not observed (monotonic ns)."""

    interface: str
    begun: int
    ended: int
    reason: Blindness


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one judgement adds: from when to when, and what was not seen in between."""

    number: int  # from 1 in this process
    period: str
    policy: str  # SHA-256
    begun: Now
    ended: Now
    blind: tuple[Blind, ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()  # (interface, packets), by name
    stepped: int = 0  # ns by which the wall clock was set forward (or back) meanwhile
    files: tuple[File, ...] = ()  # read to their end
    refused: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRing:
    """Open the ring of an interface; answer RingOpened or RingFailed."""

    interface: Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenRing:
    """Close what is left of the ring of an interface and open a new one; answer RingOpened or RingFailed."""

    interface: Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRing:
    """Close the ring of an interface, open or not."""

    interface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Take what the rings hold, tell their last losses, then answer DrainDone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Take what the rings hold up to now and judge it; keep the result until its number is committed.

    `final`: nothing more comes in this process, so open flows are judged as they stand.
    """

    window: Window
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Put these judged windows into the store in one transaction; answer Committed or StoreFailed."""

    numbers: tuple[int, ...]
    attempt: int  # from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginPeriod:
    """Begin the cumulative judgement anew; what was judged and not yet committed stays."""

    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """Read sensor.yaml and the policy it names; answer one event for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptConfig:
    """Use this configuration from now on: timeouts, outputs, store, metrics. Rings have commands of their own."""

    config: Config


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptPolicy:
    """Judge by this policy from now on, anew."""

    policy: PolicyVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """Read a capture file to its end; answer FileDone or FileRefused."""

    file: File


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune:
    """Remove what is older than its retention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseHistory:
    """Write no flow history for now: the disk is nearly full. Findings are still written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeHistory:
    """Write flow history again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Tell systemd (sd_notify): assignments such as READY=1, and a word for `systemctl status`."""

    words: tuple[str, ...]
    status: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStatus:
    """Write the status file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Write to the log."""

    level: Level
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Tell all outputs about the sensor itself; `key` names the matter, `over` that it has ended."""

    key: str
    text: Text
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the process with this exit code."""

    code: ExitCode


Command = (
    OpenRing
    | ReopenRing
    | CloseRing
    | Drain
    | Judge
    | Commit
    | BeginPeriod
    | Reload
    | AdoptConfig
    | AdoptPolicy
    | ReadFile
    | Prune
    | PauseHistory
    | ResumeHistory
    | Notify
    | WriteStatus
    | Say
    | Announce
    | Stop
)
