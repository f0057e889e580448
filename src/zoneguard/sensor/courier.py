"""Messages on their way: a thread an output, so that one that hangs keeps no other waiting."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

from zoneguard.errors import StoreUnavailableError
from zoneguard.sensor.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoneguard.sensor.delivery import Pace
    from zoneguard.sensor.sinks.base import Sink
    from zoneguard.store.store import Store

LONGEST_SLEEP = 30.0  # seconds
SECOND = 1_000_000_000


class Courier:
    """Empties the outbox of one output until it is stopped."""

    def __init__(
        self,
        store: Store,
        sink: Sink,
        *,
        sensor: str,
        name: str,
        pace: Pace,
        chance: Callable[[], float],
        wall: Callable[[], int],
    ) -> None:
        self.name = name
        self._delivery = Delivery(store, sink, sensor=sensor, name=name, pace=pace, chance=chance)
        self._wall = wall
        self._wake = Event()
        self._stopping = False
        self._thread = Thread(target=self._run, name=f"output-{name}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be something new."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Deliver what is due, then stop; a delivery that takes longer is left to the next start."""
        self._stopping = True
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            self._wake.clear()
            stopping = self._stopping
            wait = self._turn()
            if stopping:
                break
            self._wake.wait(wait)
        self._delivery.close()

    def _turn(self) -> float:
        """Deliver all that is due now; give the seconds until the next may be."""
        try:
            while True:
                now = self._wall()
                until = self._delivery.step(now).until
                if until is None:
                    return LONGEST_SLEEP
                if until > now:
                    return min((until - now) / SECOND, LONGEST_SLEEP)
        except StoreUnavailableError:
            return LONGEST_SLEEP / 6
