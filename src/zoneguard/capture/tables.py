"""The meter: drives the kernel over inputs, keeps its tables within bounds and hands on finished flows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from zoneguard.capture import blank, expiry, kernels, layout, records
from zoneguard.capture.faults import cut_off
from zoneguard.capture.framing import begin, setting, walk_through
from zoneguard.capture.index import MOST_STRETCHES, Index
from zoneguard.capture.reading import BUFFER, CHUNK, Reading, Walk, fill
from zoneguard.capture.seen import (
    COUNTERS,
    MOST_CLAIMS,
    Claims,
    Window,
    covered,
    keep_tunnels,
    opened_tunnels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    import numpy as np
    from numpy.typing import NDArray

    from zoneguard.capture.checkpoint import State
    from zoneguard.capture.expiry import Timeouts
    from zoneguard.capture.pages import Pages
    from zoneguard.capture.source import Source
    from zoneguard.net.flow import CaptureCoverage, Claim, TunnelEnds

FIRST_ROWS = 1 << 12
BLOCK = 1 << 15  # rows handed on at once; with all that is made of them about 20 MB


class Meter:
    """Meters inputs one after another as one stream.

    `emit` receives blocks of finished rows, shape (n, ROW_STRIDE), as they come and at `finish`.
    `most_rows` bounds the live flows in memory; when they are reached, all go to `spill`, which joins
    the pieces at the end, so that the result is the same as with room for everything.

    An input without end has `timeouts` instead: what `expire` finds too old is handed on, and when the table
    is full an eighth of it is, attempts and closed connections first. Nothing goes to the disk; `evicted` and
    `forgotten` count what had to leave.
    """

    def __init__(
        self,
        *,
        compiled: bool,
        emit: Callable[[NDArray[np.int64]], None] = lambda rows: None,
        spill: Callable[[NDArray[np.int64]], None] | None = None,
        most_rows: int = 1 << 20,
        domains: Sequence[int] = (),
        idle_tcp: int = layout.IDLE_TCP,
        idle_other: int = layout.IDLE_OTHER,
        active: int = 0,
        timeouts: Timeouts | None = None,
        most_claims: int = MOST_CLAIMS,
    ) -> None:
        self.compiled = compiled
        self.kernel = kernels.load(compiled=compiled)
        self.emit = emit
        self.spill = spill
        self.timeouts = timeouts
        self.most_rows = max(most_rows, expiry.LEAST_ROWS) if timeouts is not None else most_rows
        self.dropped = 0
        self.spills = 0
        self.claims = Claims(most_claims)
        self.rows_now = FIRST_ROWS
        self.pages: Pages | None = None  # of the rows, when their number is bounded
        self.t = blank.tables(FIRST_ROWS, domains, compiled=compiled)
        if compiled and (spill is not None or timeouts is not None):
            from zoneguard.capture.pages import Pages

            # As many as may ever be needed: the system gives zeroed pages when they are first written, so only
            # rows in use take memory, and growing copies nothing.
            self.pages = Pages(max(self.most_rows, FIRST_ROWS) * layout.ROW_STRIDE)
            self.t = self.t._replace(rows=records.shaped(layout.FLOW_SHAPE, self.pages.words))
        z = self.t.scalars
        z[layout.Z_LIMIT] = self.rows_now
        z[layout.Z_IDLE_TCP] = idle_tcp * 1_000_000_000
        z[layout.Z_IDLE_OTHER] = idle_other * 1_000_000_000
        z[layout.Z_ACTIVE] = active * 1_000_000_000

    # --- reading ----------------------------------------------------------------------------------------

    def read_bytes(self, data: bytes) -> Reading:
        """Meter a capture that is already in memory."""
        import hashlib
        import io

        from zoneguard.capture.source import Source

        stream = io.BytesIO(data)
        return self.read(
            Source(
                name="",
                size=len(data),
                stream=stream,
                compressed=False,
                digest=hashlib.sha256(),
                raw=stream,
            )
        )

    def read(
        self,
        source: Source,
        *,
        file: int = 0,
        sensor: int = 0,
        sensor_of: Callable[[str], int | None] = lambda name: None,
        stretches: int = MOST_STRETCHES,
        progress: Callable[[int, int], None] = lambda octets, packets: None,
    ) -> Reading:
        """Meter one input to its end. Never raises on what the input holds: faults are in the result.

        `stretches` bounds the index that is noted.
        """
        reading = Reading(index=Index(most=stretches))
        z = self.t.scalars
        z[layout.Z_FILE], z[layout.Z_FRAME], z[layout.Z_SENSOR] = file, 0, sensor
        z[layout.Z_NOW] = 0
        words = blank.octets(BUFFER, compiled=self.compiled)
        view = memoryview(words)
        have = fill(source, view, 0, 24)
        walk = Walk(source=source, sensor=sensor, sensor_of=sensor_of, reading=reading)
        before = int(z[layout.N_PACKETS])
        at = begin(self.t, bytes(view[: min(have, 24)]), walk)
        while not reading.refused:
            used = self._meter_chunk(words, view, at, have, walk)
            if used < 0:
                break
            rest = have - used
            view[:rest] = bytes(view[used:have])
            walk.base += used
            got = source.read_into(view[rest : rest + CHUNK]) if rest + CHUNK <= len(view) else 0
            progress(source.raw.tell() if source.size else walk.base, int(z[layout.N_PACKETS]))
            if self.timeouts is not None and z[layout.Z_NOW] > z[layout.Z_SWEPT]:
                self.expire(int(z[layout.Z_NOW]))
            at, have = 0, rest + got
            if got == 0:
                if rest:
                    reading.faults.append(cut_off(source.name, walk.base, int(z[layout.Z_FRAME])))
                break
        self.claims.drain(self.t)  # they are told to be of the input that is read
        self.dropped += walk.dropped
        if source.fault is not None:
            reading.faults.append(source.fault)
        reading.packets = int(z[layout.N_PACKETS]) - before
        return reading

    def take(self, words: layout.Octets, begin: int, end: int) -> bool:
        """Meter the whole records in `words[begin:end]`, of the format that the scalars tell.

        Gives False when a record cannot be; what came before it was metered.
        """
        self.t.scalars[layout.Z_POSITION] = begin
        return self._run(words, end) == layout.MORE

    def expire(self, now: int) -> None:
        """Hand on flows that are too old at `now` (ns since 1970), as the timeouts of this meter say.

        Each call looks at as much of the table as the time since the last one demands: all of it in eight
        seconds, so that a flow is handed on that much too late at most, and nothing within a tenth of a second,
        so that it may be called at every turn. A clock that jumps ends no conversation: put forward, flows that
        stand get ten minutes to be heard of; put back, they are handed on as pieces.
        """
        if self.timeouts is None:
            raise ValueError("Flows expire only in a meter that has timeouts.")
        expiry.expire(self, self.timeouts, now)

    def window(self) -> Window:
        """Give what was seen besides flows since the last window, and begin the next one.

        Claims and counters begin anew, and of the tunnels those stay in which a live flow runs: what an input
        without end says is bounded by what one window says.
        """
        self.claims.drain(self.t)
        seen = Window(claims=self.all_claims(), tunnels=self.tunnels(), coverage=self.coverage())
        self.claims, self.dropped = Claims(self.claims.most), 0
        for counter in COUNTERS:
            self.t.scalars[counter] = 0
        keep_tunnels(self.t, set(self.live_rows()[:, layout.R_TUNNEL].tolist()))
        return seen

    def cut(self, now: int) -> None:
        """Hand on all live flows as they stand; those that go on do so as further pieces, with who opened them."""
        expiry.cut_all(self, now)

    def live(self) -> Iterator[NDArray[np.int64]]:
        """Yield blocks of what live flows hold that was not handed on yet, as they stand; they stay in the table."""
        rows = self.live_rows()
        for first in range(0, len(rows), BLOCK):
            block = rows[first : first + BLOCK]
            held = (block[:, layout.R_A_PACKETS] > 0) | (block[:, layout.R_B_PACKETS] > 0)
            yield block[held | (block[:, layout.R_COPIES] > 0)]

    def checkpoint(self, out: BinaryIO) -> None:
        """Write the whole state, to go on from in another process; what is finished is handed on before.

        With it that process says of the rest of the traffic what this one would have said. 1 MB, and 192 octets
        a live flow, which are written block by block. Not for a meter that has spilled to the disk. Raises OSError.
        """
        from zoneguard.capture import checkpoint

        self.drain_done()
        self.claims.drain(self.t)
        checkpoint.freeze(self, out)

    def restore(self, source: BinaryIO) -> None:
        """Take up, in a meter that has seen nothing, what `checkpoint` wrote, from here to the end.

        Timeouts, bounds and overlap domains are this meter's own. Raises InputRefusedError, and is as it was,
        when the state is damaged or of another version.
        """
        from zoneguard.capture import checkpoint

        state = checkpoint.thaw(source)
        checkpoint.fill(self, state)
        while self.rows_now < min(state.rows + layout.MOST_NEW, self._bound()):
            self._grow()
        room, held = self.rows_now - layout.MOST_NEW, 0
        for rows in state.blocks() if state.rows <= room else self._latest(state, room):
            records.fill(self.t.rows, rows, first=held)
            held += len(rows)
        self.t.scalars[layout.Z_ROWS] = held
        self._clear_slots(len(self.t.slots))
        self.kernel.index_rows(self.t)

    def _latest(self, state: State, most: int) -> Iterator[NDArray[np.int64]]:
        """Yield the rows that were heard of last, and hand on the others: the bound is lower than it was."""
        import numpy as np

        over = state.rows - most
        last = np.concatenate([rows[:, layout.R_LAST] for rows in state.blocks()])
        goes = np.zeros(state.rows, np.bool_)
        goes[last.argsort(kind="stable")[:over]] = True
        first = 0
        for rows in state.blocks():
            some = goes[first : first + len(rows)]
            first += len(rows)
            self.emit(rows[some])
            yield rows[~some]
        self.t.scalars[layout.N_EVICTED] += over
        self.t.scalars[layout.N_FORGOTTEN] += over

    @property
    def evicted(self) -> int:
        """Count the flows that were handed on before their time, since the table was full."""
        return int(self.t.scalars[layout.N_EVICTED])

    @property
    def forgotten(self) -> int:
        """Count those among the evicted that were conversations: should they go on, their opener is unknown."""
        return int(self.t.scalars[layout.N_FORGOTTEN])

    def finish(self) -> None:
        """Hand on every flow that is still live, and the fragments that still wait."""
        self.t.scalars[layout.Z_FORMAT] = layout.FORMAT_END
        self._run(blank.octets(0, compiled=self.compiled), 0)
        self.drain_done()
        self.claims.drain(self.t)
        if self.timeouts is not None:
            expiry.expire_all(self)  # by the sweep, which knows what has been handed on already
        self._clear_slots(0)
        rows = self.live_rows()
        target = self.emit if self.spill is None or not self.spills else self.spill
        for first in range(0, len(rows), BLOCK):
            target(rows[first : first + BLOCK])
            if self.pages is not None:  # what is judged takes memory of its own
                self.pages.give_back((first + BLOCK) * layout.ROW_STRIDE)
        self.t.scalars[layout.Z_ROWS] = 0
        if self.compiled:
            self.t = self.t._replace(rows=self.t.rows[:0])

    # --- what was seen ----------------------------------------------------------------------------------

    def coverage(self) -> CaptureCoverage:
        """Count what was read, and what was not understood and why."""
        return covered(self.t.scalars, self.claims, dropped=self.dropped, spills=self.spills)

    def all_claims(self) -> list[Claim]:
        """Give who claimed what, in the order of first sight."""
        return self.claims.all()

    def files_in_use(self) -> set[int]:
        """Give the numbers of the files that a flow, a fragment that waits or a claim is of, and the latest."""
        self.drain_done()
        used = {int(self.t.scalars[layout.Z_FILE])}
        for table, column in (
            (self.live_rows(), layout.R_FRAME),
            (records.words(self.t.waiting, layout.FRAGMENTS), layout.PACKET_SHAPE.index("frame")),
        ):
            for first in range(0, len(table), BLOCK):
                frames = table[first : first + BLOCK, column]
                used.update((frames[frames > 0] >> 40).tolist())
        used.update(claim.file for claim in self.claims.all())
        return used

    def tunnels(self) -> list[TunnelEnds]:
        """Give the tunnels that were opened."""
        return opened_tunnels(self.t.tunnels)

    def _meter_chunk(self, words: layout.Octets, view: memoryview, at: int, have: int, walk: Walk) -> int:
        """Meter what is whole in the chunk, and note where it stands; give how far that was, as `walk_through`."""
        z = self.t.scalars
        before, reading = int(z[layout.Z_FRAME]), walk.reading
        begin, section = walk.base + at, setting(self.t, walk)
        z[layout.Z_LEAST] = layout.NO_TIME
        used = walk_through(self._run, self.t, words, view, at=at, have=have, walk=walk)
        if int(z[layout.Z_FRAME]) > before:
            least, latest = int(z[layout.Z_LEAST]), int(z[layout.Z_NOW])
            reading.first_seen = least if reading.first_seen is None else min(reading.first_seen, least)
            reading.last_seen = latest
            reading.index.note(
                begin=begin,
                end=walk.base + (used if used >= 0 else int(z[layout.Z_POSITION])),
                before=before,
                frames=int(z[layout.Z_FRAME]) - before,
                least=least,
                latest=latest,
                setting=section,
            )
        return used

    # --- room -------------------------------------------------------------------------------------------

    def _run(self, words: layout.Octets, have: int) -> int:
        while True:
            reason: int = self.kernel.run(self.t, words, have)
            if reason not in (layout.FULL, layout.CLAIMS_FULL, layout.DONE_FULL):
                return reason
            self._make_room(reason)

    def _make_room(self, reason: int) -> None:
        if reason == layout.CLAIMS_FULL:
            self.claims.drain(self.t)
        elif reason == layout.DONE_FULL:
            self.drain_done()
        elif self.timeouts is not None and self.rows_now >= self.most_rows:
            expiry.evict(self)
        elif self.spill is None or self.rows_now < self.most_rows:
            self._grow()
        else:
            self.drain_done()  # before the live ones: pieces of a flow go to the disk in their order
            self.spill(self.live_rows())
            self.spills += 1
            self.t.scalars[layout.Z_SPILLED] = 1
            self.t.scalars[layout.Z_ROWS] = 0
            self._clear_slots(len(self.t.slots))

    def _grow(self) -> None:
        # Up to the bound and no further: a bound a little above a power of two would else be twice exceeded.
        self.rows_now = min(2 * self.rows_now, self._bound())
        if len(self.t.rows) < self.rows_now:
            rows = blank.table(layout.FLOW_SHAPE, self.rows_now, compiled=self.compiled)
            if isinstance(rows, records.Objects):
                rows.update(self.t.rows)
            else:
                rows[: len(self.t.rows)] = self.t.rows
            self.t = self.t._replace(rows=rows)
        self.t.scalars[layout.Z_LIMIT] = self.rows_now
        self._clear_slots(2 << (self.rows_now - 1).bit_length())  # a power of two, at most half full
        self.kernel.index_rows(self.t)

    def _bound(self) -> int:
        bounded = self.spill is not None or self.timeouts is not None
        return self.most_rows if bounded else sys.maxsize

    def _clear_slots(self, size: int) -> None:
        self.t = self.t._replace(slots=blank.words(size, compiled=self.compiled))

    def live_rows(self) -> NDArray[np.int64]:
        """Give the live flows, shape (n, ROW_STRIDE); compiled they are no copy."""
        return records.words(self.t.rows, int(self.t.scalars[layout.Z_ROWS]))

    def drain_done(self) -> None:
        """Hand on what is finished."""
        count = int(self.t.scalars[layout.Z_DONE])
        if count:
            self.emit(records.words(self.t.done, count).copy())
            self.t.scalars[layout.Z_DONE] = 0
