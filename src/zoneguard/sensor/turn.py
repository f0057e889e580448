"""One event being taken: the state and the commands so far."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zoneguard.sensor.commands import Announce, Level, Say, Stop, WriteStatus
from zoneguard.sensor.schedule import SECOND
from zoneguard.sensor.state import Phase

if TYPE_CHECKING:
    from zoneguard.errors import ExitCode
    from zoneguard.sensor.commands import Command
    from zoneguard.sensor.config import Config
    from zoneguard.sensor.events import Now, PolicyVersion
    from zoneguard.sensor.state import State
    from zoneguard.text import Text

_LONGEST_WAIT = 60 * SECOND


class Turn:
    """Lives for one event. `stepped`: ns by which the wall clock ran ahead of the monotonic one since the last."""

    def __init__(self, state: State, now: Now) -> None:
        before = state.now
        self.now = now if before is None else replace(now, mono=max(now.mono, before.mono))
        self.state = replace(state, now=self.now)
        self.commands: list[Command] = []
        self.stepped = 0
        if before is not None:
            self.stepped = (self.now.wall - before.wall) - (self.now.mono - before.mono)

    def set(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of a State
        """Change the state."""
        self.state = replace(self.state, **changes)

    def say(self, level: Level, text: Text) -> None:
        """Write to the log."""
        self.commands.append(Say(level=level, text=text))

    def announce(self, key: str, text: Text, *, over: bool = False) -> None:
        """Write to the log and tell the outputs."""
        self.say(Level.INFO if over else Level.WARNING, text)
        self.commands.append(Announce(key=key, text=text, over=over))

    def in_use(self) -> tuple[Config, PolicyVersion]:
        """Give the configuration and the policy in use; only a sensor that still starts has none."""
        config, policy = self.state.config, self.state.policy
        if config is None or policy is None:
            raise AssertionError("a sensor that has begun has a configuration and a policy")
        return config, policy

    def stop(self, code: ExitCode) -> None:
        """End."""
        self.set(phase=Phase.STOPPED)
        self.commands += [WriteStatus(), Stop(code=code)]


def wait(attempts: int) -> int:
    """Give the pause (ns) after so many failed attempts: 1 s, 2 s, 4 s … a minute."""
    return min(SECOND << min(attempts - 1, 10), _LONGEST_WAIT)
