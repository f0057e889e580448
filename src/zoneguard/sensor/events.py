"""What may happen to a sensor: the events of its machine. Times are ns; the machine is told the time beside each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

    from zoneguard.sensor.config import Config
    from zoneguard.sensor.folder import File
    from zoneguard.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The time on both clocks: monotonic for whatever lasts, wall (since 1970) for whatever is written down."""

    mono: int
    wall: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """Which policy was read: its digest names it in every window, its time zone makes the days."""

    sha256: str
    zone: tzinfo


class Link(StrEnum):
    """What became of an interface."""

    UP = "up"
    DOWN = "down"
    GONE = "gone"  # deleted: a ring on it stays deaf even when one of its name comes back


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The process runs; `watchdog` is systemd's limit, in ns, when it set one."""

    watchdog: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time went by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadAsked:
    """SIGHUP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked:
    """SIGTERM or SIGINT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAsked:
    """SIGUSR1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRead:
    """sensor.yaml was read, and names only observation points that the policy read with it knows."""

    config: Config


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRefused:
    """sensor.yaml has mistakes."""

    faults: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRead:
    """zones.yaml was read."""

    policy: PolicyVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRefused:
    """zones.yaml has mistakes."""

    faults: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RingOpened:
    """The ring of an interface takes packets from now on."""

    interface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RingFailed:
    """The ring of an interface could not be opened, or broke; `denied` when this process lacks the right."""

    interface: str
    reason: Text
    denied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """An interface came up, went down or was deleted."""

    interface: str
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class RingLoss:
    """The kernel dropped packets because the ring was full: the number since it was last told."""

    interface: str
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLow:
    """Less is free than the low-water mark."""

    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskOk:
    """Enough is free again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The store holds every window up to this number."""

    through: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFailed:
    """A commit did not take place, nor any part of it."""

    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreBack:
    """The store answers again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSettled:
    """All complete files that the store does not know as read, in the order to read them."""

    files: tuple[File, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDone:
    """A file was read to its end."""

    file: File


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRefused:
    """A file could not be read, or not to its end; it is not tried again as long as it stays the same."""

    file: File
    faults: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLeft:
    """A file could not be opened now; it is listed again when it is to be tried again."""

    file: File


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainDone:
    """What the rings held when the stop was asked for has been taken."""


Event = (
    Started
    | Tick
    | ReloadAsked
    | StopAsked
    | StatusAsked
    | ConfigRead
    | ConfigRefused
    | PolicyRead
    | PolicyRefused
    | RingOpened
    | RingFailed
    | LinkChanged
    | RingLoss
    | DiskLow
    | DiskOk
    | Committed
    | StoreFailed
    | StoreBack
    | FilesSettled
    | FileDone
    | FileRefused
    | FileLeft
    | DrainDone
)
