"""What a sensor hears: one meter, fed by the rings of its interfaces and by files from its folders."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoneguard.capture import flows, layout
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.live import wait_for
from zoneguard.capture.metering import Input, what_was_read
from zoneguard.capture.portable import Portable, listen, stands
from zoneguard.capture.source import open_source
from zoneguard.capture.tables import Meter
from zoneguard.sensor.captures import STRETCHES, Captures
from zoneguard.sensor.events import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from zoneguard.api.looking import Sources
    from zoneguard.capture.live import Ring
    from zoneguard.capture.source import Source
    from zoneguard.net.flow import CaptureCoverage, Claim, FlowTable, TunnelEnds
    from zoneguard.sensor.captures import Names
    from zoneguard.sensor.config import Config, Interface
    from zoneguard.sensor.folder import File
    from zoneguard.text import Text

# What the process takes beside its flow table, measured: the program and its libraries 240 MB, the judgement at its
# peak 100 MB, flows on their way into the history 60 MB (bench/endless.py).
REST_OCTETS = 400 << 20
LOOK_OCTETS = 100 << 20  # of memory while flows are opened
ROW_OCTETS = (
    264  # of memory for one live flow: its row, its slots, and what is made of it when the table is full
)
MOST_CLAIMS = 30_000  # of addresses, in a period: 30 MB while they are judged
BLOCK_OCTETS = 1 << 20  # of a ring
MOST_IN_A_TURN = 8  # rings' worth of packets that are metered before anything else is looked at


class Hearing:
    """The meter of a sensor and its sources; flows that end go to `emit`.

    `files` are the names that flow tables number; each interface and each file adds one.
    """

    def __init__(
        self, config: Config, domains: Sequence[int], *, emit: Callable[[FlowTable], None], files: Names
    ) -> None:
        self.meter = Meter(
            compiled=True,
            emit=lambda rows: emit(flows.to_flows(rows)),
            timeouts=_timeouts(config),
            most_rows=(config.memory - REST_OCTETS - (LOOK_OCTETS if config.looks else 0)) // ROW_OCTETS,
            most_claims=MOST_CLAIMS,
            idle_tcp=config.timeouts.idle_tcp,
            idle_other=config.timeouts.idle_other,
            domains=domains,
        )
        self.captures = Captures()
        self._files = files
        self._rings: dict[str, Ring | Portable] = {}
        self._sensor_of: dict[str, int] = {}
        self._number_of: dict[str, int] = {}
        self._told: dict[str, int] = {}  # losses that were told, by interface
        self._before: dict[str, int] = {}  # packets of rings that were closed
        self._octets: dict[str, int] = {}
        self._gone: set[str] = set()  # interfaces that were deleted, until they are heard again
        self._last_lost: list[tuple[str, int]] = []  # by rings that were closed since

    # --- interfaces -------------------------------------------------------------------------------------

    def open(self, interface: Interface, sensor: int) -> None:
        """Open the ring of an interface anew, whatever is left of an older one. Raises MachineLacksError."""
        self.close(interface.name)
        self._gone.discard(interface.name)
        blocks = max(2, interface.ring // BLOCK_OCTETS)
        ring = listen(
            interface.name, blocks=blocks, promiscuous=interface.promiscuous, fanout=interface.fanout
        )
        self._rings[interface.name] = ring
        self._sensor_of[interface.name] = sensor
        self._told[interface.name] = 0
        if interface.name not in self._number_of:
            self._number_of[interface.name] = self._files.add(interface.name)

    def close(self, interface: str) -> None:
        """Close a ring, open or not; what it still holds is metered."""
        ring = self._rings.get(interface)
        if ring is not None:
            self._drain(interface, ring)
            self._last_lost += self._losses(interface, ring)
            del self._rings[interface]
            self._before[interface] = self._before.get(interface, 0) + ring.frames
            ring.close()

    def wait(self, seconds: float) -> None:
        """Wait until a ring may hold packets, at most so long."""
        rings = [ring for ring in self._rings.values() if not isinstance(ring, Portable)]
        wait_for(rings, seconds)

    def drain(self) -> int:
        """Meter what the rings hold; give the number of packets."""
        return sum(self._drain(name, ring) for name, ring in self._rings.items())

    def expire(self, now: int) -> None:
        """Hand on flows that are too old at `now`, the clock that the packets are stamped by."""
        self.meter.expire(now)

    def losses(self) -> Iterator[tuple[str, int]]:
        """Yield (interface, packets) that the system dropped since they were last asked for."""
        last, self._last_lost = self._last_lost, []
        yield from last
        for name, ring in self._rings.items():
            yield from self._losses(name, ring)

    def links(self) -> Iterator[tuple[str, Link]]:
        """Yield how each interface with an open ring stands, and those that were deleted, once they are back."""
        for name, ring in self._rings.items():
            link = Link(ring.link().value)
            if link is Link.GONE:
                self._gone.add(name)
            yield name, link
        for name in sorted(self._gone - self._rings.keys()):
            link = Link(stands(name).value)
            if link is not Link.GONE:
                yield name, link

    def received(self) -> dict[str, tuple[int, int]]:
        """Count the packets of each interface and their octets, since the sensor started."""
        names = {*self._before, *self._rings}
        return {
            name: (
                self._before.get(name, 0) + (self._rings[name].frames if name in self._rings else 0),
                self._octets.get(name, 0),
            )
            for name in sorted(names)
        }

    def remarks(self) -> tuple[Text, ...]:
        """Say what makes the packets differ from those on the wire."""
        return tuple(remark for ring in self._rings.values() for remark in ring.remarks())

    def _drain(self, name: str, ring: Ring | Portable) -> int:
        packets, octets = 0, int(self.meter.t.scalars[layout.N_BYTES])
        for _ in range(MOST_IN_A_TURN):
            some = ring.drain(self.meter, self._sensor_of[name], file=self._number_of[name])
            packets += some
            if not some:
                break
        octets = int(self.meter.t.scalars[layout.N_BYTES]) - octets
        self._octets[name] = self._octets.get(name, 0) + octets
        return packets

    def _losses(self, name: str, ring: Ring | Portable) -> Iterator[tuple[str, int]]:
        dropped = ring.statistics().dropped
        fresh, self._told[name] = dropped - self._told[name], dropped
        if fresh > 0:
            yield name, fresh

    # --- files ------------------------------------------------------------------------------------------

    def source(self, file: File) -> Source:
        """Open a capture. Raises OSError."""
        return open_source(Path(file.path), digest=hashlib.sha256())

    def read(
        self, source: Source, file: File, sensor: int, alive: Callable[[], None]
    ) -> tuple[tuple[Text, ...], str | None]:
        """Meter a capture to its end; give what was wrong with it, and its SHA-256 (None: it is none)."""
        number = self._files.add(file.path)
        with source.raw:
            reading = self.meter.read(
                source,
                file=number,
                sensor=sensor,
                stretches=STRETCHES,
                progress=lambda octets, packets: alive(),
            )
            read = what_was_read(source, reading)
        self.captures.add(number, Input(path=Path(file.path), sensor=sensor), read)
        self.expire(self.clock())
        return tuple(reading.faults), None if reading.refused else read.sha256

    def clock(self) -> int:
        """Give the latest time that a packet was stamped with; 0 before the first."""
        return int(self.meter.t.scalars[layout.Z_NOW])

    def sources(self) -> Sources:
        """Give the captures that flows can be read again from."""
        return self.captures.sources([int(one) for one in self.meter.t.domains])

    # --- what is there ----------------------------------------------------------------------------------

    def live(self) -> Iterator[FlowTable]:
        """Yield the flows that still live, as they stand."""
        for rows in self.meter.live():
            if len(rows):
                yield flows.to_flows(rows)

    def coverage(self) -> CaptureCoverage:
        """Count what was read so far; what the system dropped is not in it."""
        return self.meter.coverage()

    def rows(self) -> tuple[int, int]:
        """Give how many flows live, and for how many there is room."""
        return int(self.meter.t.scalars[layout.Z_ROWS]), self.meter.most_rows

    def tunnels(self) -> Sequence[TunnelEnds]:
        """Give the tunnels that were opened so far."""
        return self.meter.tunnels()

    def claims(self) -> Sequence[Claim]:
        """Give who claimed which address so far."""
        return self.meter.all_claims()

    def files_in_use(self) -> set[int]:
        """Give the numbers of the names that interfaces, live flows, waiting fragments and claims go by."""
        return self.meter.files_in_use() | set(self._number_of.values())

    def begin_counting(self) -> None:
        """Forget claims, counters and captures that are of a judgement that has ended."""
        self.meter.window()
        self.captures.keep_from(min(self.meter.files_in_use()))

    def cut(self, now: int) -> None:
        """Hand on what live flows hold; they go on as further pieces of the same flows."""
        self.meter.cut(now)

    def end(self) -> None:
        """Hand on every flow; nothing is heard afterwards."""
        self.close_all()
        self.meter.finish()

    def close_all(self) -> None:
        """Close the rings."""
        for name in list(self._rings):
            self.close(name)

    # --- going on ---------------------------------------------------------------------------------------

    def adopt(self, config: Config) -> None:
        """Go by another configuration from now on; the size of the table stays until the next start."""
        self.meter.timeouts = _timeouts(config)

    def set_domains(self, domains: Sequence[int]) -> None:
        """Go by another policy's overlap domains from now on."""
        for vlan, domain in enumerate(domains):
            self.meter.t.domains[vlan] = domain

    def checkpoint(self, out: BinaryIO) -> None:
        """Write the state of the meter, to go on from in another process. Raises OSError."""
        self.meter.checkpoint(out)

    def restore(self, source: BinaryIO, captures: Sequence[Sequence[Any]]) -> None:
        """Take up the state that an earlier process left. Raises InputRefusedError."""
        self.meter.restore(source)
        self.captures.restore(captures)


def _timeouts(config: Config) -> Timeouts:
    """Give the timeouts of the meter: files are metered as `check` does, whatever is slow in them."""
    timeouts = config.timeouts
    light = Timeouts().light if config.interfaces else max(timeouts.idle_tcp, timeouts.idle_other)
    return Timeouts(
        idle_tcp=timeouts.idle_tcp, idle_other=timeouts.idle_other, light=light, active=timeouts.active
    )
