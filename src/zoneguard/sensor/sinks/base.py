"""What a sink is: something that takes messages in order, or is unavailable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message on its way; `key` is the same at every attempt, `body` is as sensor/messages.py makes it."""

    key: str
    sequence: int
    kind: str  # findings | digest | notice
    created: int  # ns since 1970
    body: Mapping[str, Any]


class SinkUnavailable(Exception):  # noqa: N818 - a state of the sink and no mistake of anybody
    """The sink took only the first `delivered` messages; it is worth trying again, not before `retry_after` seconds."""

    def __init__(self, reason: str, *, delivered: int = 0, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.delivered = delivered
        self.retry_after = retry_after


class Sink(Protocol):
    """A receiver of messages."""

    def deliver(self, messages: Sequence[Outgoing]) -> None:
        """Send messages in order; returns when the receiver has taken them all, else raises SinkUnavailable."""

    def close(self) -> None:
        """Let go of connections and files."""
