"""How a sensor speaks: its log, notices, outputs, metrics, status and systemd."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zoneguard.errors import MachineLacksError, StoreUnavailableError
from zoneguard.report.when import time_zone
from zoneguard.sensor.commands import Level
from zoneguard.sensor.courier import Courier
from zoneguard.sensor.log import Log
from zoneguard.sensor.metrics import Metrics
from zoneguard.sensor.notify import Supervisor
from zoneguard.sensor.outputs import pace_of, sink_of
from zoneguard.sensor.sentences import said
from zoneguard.sensor.status import status_of, write_status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from zoneguard.sensor.config import Config
    from zoneguard.sensor.counts import Counts
    from zoneguard.sensor.memory import Memory
    from zoneguard.sensor.state import State
    from zoneguard.sensor.world import World
    from zoneguard.text import Text

LAST_DELIVERY = 5.0  # seconds that a stop leaves to each output
MOST_UNSENT = 100  # notices that wait for the store; the newest matter most
ALIVE_EVERY = 10_000_000_000  # ns between signs of life within a long piece of work
_FIRST_ZONE = "Asia/Tokyo"  # of the log, until a policy says otherwise


class Voice:
    """Everything that a sensor says to people and programs. Whatever cannot be said never stops the watch."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._supervisor = Supervisor(world.environment)
        self._metrics = Metrics()
        self._couriers: list[Courier] = []
        self._talking: Config | None = None  # whose outputs and metrics are running
        self._unsent: list[Text] = []
        self._alive = world.mono()
        self._zone: tzinfo
        self._log: Log
        self.call(time_zone(_FIRST_ZONE), "")

    def call(self, zone: tzinfo, name: str) -> None:
        """Tell times in this zone and under this name from now on."""
        world = self._world
        self._zone = zone
        self._log = Log(world.stream, zone=zone, lang=world.lang, sensor=name)

    def say(self, level: Level, text: Text) -> None:
        """Write to the log."""
        self._log.write(level, text, now=self._world.wall())

    def announce(self, text: Text, memory: Memory | None) -> None:
        """Tell every output; what the store does not take now is tried again."""
        self._unsent.append(text)
        self.retry(memory)

    def retry(self, memory: Memory | None) -> None:
        """Hand the notices that wait to the store."""
        while self._unsent and memory is not None:
            try:
                memory.announce(self._unsent[0], at=self._world.wall())
            except StoreUnavailableError:
                del self._unsent[:-MOST_UNSENT]
                return
            self._unsent.pop(0)
            self.wake()

    def tell_systemd(self, words: Sequence[str], status: Text | None = None) -> None:
        """Tell systemd, if it is there."""
        self._supervisor.tell(words, status.in_(self._world.lang) if status else "")

    def show_life(self) -> None:
        """Tell systemd that a long piece of work goes on."""
        now = self._world.mono()
        if now - self._alive > ALIVE_EVERY:
            self._alive = now
            self._supervisor.tell(("WATCHDOG=1",))

    def talk(self, config: Config, memory: Memory, *, metrics: bool) -> None:
        """Deliver to the outputs of this configuration, and answer on its address, from now on."""
        if config is self._talking:
            return
        before, self._talking = self._talking, config
        self._stop_couriers()
        self._couriers = [
            Courier(
                memory.store,
                sink_of(output, zone=self._zone, environment=self._world.environment),
                sensor=config.name,
                name=output.name,
                pace=pace_of(output),
                chance=self._world.chance,
                wall=self._world.wall,
            )
            for output in config.outputs
        ]
        for courier in self._couriers:
            courier.start()
        if metrics and (before is None or before.metrics != config.metrics):
            self._serve(config, memory)

    def wake(self) -> None:
        """Say to the outputs that there may be something new."""
        for courier in self._couriers:
            courier.wake()

    def show(self, counts: Counts) -> None:
        """Show this snapshot to whoever asks for metrics."""
        self._metrics.show(counts)

    def write_status(self, config: Config, state: State, counts: Counts) -> None:
        """Write the status file."""
        try:
            write_status(config.status, status_of(state, counts, pid=os.getpid(), zone=self._zone))
        except MachineLacksError as error:
            self.say(Level.WARNING, said(error))

    def close(self) -> None:
        """Deliver what is due, then say no more."""
        self._stop_couriers()
        self._metrics.close()
        self._supervisor.close()

    def _stop_couriers(self) -> None:
        for courier in self._couriers:
            courier.stop(LAST_DELIVERY)
        self._couriers = []

    def _serve(self, config: Config, memory: Memory) -> None:
        self._metrics.close()
        if config.metrics is None:
            return
        try:
            self._metrics.serve(config.metrics.host, config.metrics.port)
        except MachineLacksError as error:
            self.say(Level.WARNING, said(error))
            self.announce(said(error), memory)
