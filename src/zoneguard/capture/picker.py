"""Drives the picking kernel over the stretches of inputs that hold what is wanted."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

from zoneguard.capture import blank, kernels, layout
from zoneguard.capture.cutting import CutFrame, CutPacket, most_packets, spans_of
from zoneguard.capture.framing import set_up, walk_through
from zoneguard.capture.layout import FULL, HIT_STRIDE, WANT_STRIDE
from zoneguard.capture.reading import BUFFER, CHUNK, Reading, Walk
from zoneguard.net.address import MASK64

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zoneguard.capture.cutting import Wanted
    from zoneguard.capture.index import Stretch
    from zoneguard.capture.source import Source

LEAST_FRAMES: Final = 1 << 20  # octets
_FRAME_BITS: Final = 40
_TCP, _ICMP = 6, (1, 58)


class Picker:
    """Reads captures again for flows, in the order of their first packets, and for frames, in ascending order."""

    def __init__(
        self,
        *,
        flows: Sequence[Wanted],
        frames: Sequence[tuple[int, int]],
        domains: Sequence[int],
        compiled: bool,
    ) -> None:
        self._flows = flows
        self._kernel = kernels.load(compiled=compiled, name="picking")
        self._t = blank.tables(max(len(flows), 1), domains, compiled=compiled)
        self._words = blank.octets(BUFFER, compiled=compiled)
        self._view = memoryview(self._words)
        ends = [_ends(flow) for flow in flows]
        self._flipped = [flipped for _, flipped in ends]
        self._c = layout.Picks(
            starts=_filled((_number(flow.file, flow.frame) for flow in flows), compiled=compiled),
            wants=_filled(
                (w for flow, (key, _) in zip(flows, ends, strict=True) for w in _want(flow, key)),
                compiled=compiled,
            ),
            owners=blank.words(max(len(flows), 1), compiled=compiled),
            frames=_filled((_number(*one) for one in frames), compiled=compiled),
            hits=blank.words(layout.HITS * HIT_STRIDE, compiled=compiled),
        )
        self._frames = frames
        self._packets: list[list[CutPacket]] = [[] for _ in flows]
        self._cut: dict[tuple[int, int], CutFrame] = {}
        z = self._t.scalars
        z[layout.Z_OPEN] = self._open = len(flows)
        z[layout.Z_IDLE_TCP] = layout.IDLE_TCP * 1_000_000_000
        z[layout.Z_IDLE_OTHER] = layout.IDLE_OTHER * 1_000_000_000
        self._all = spans_of(flows)
        self._files = {file for file, _ in frames}
        self._spans = self._all  # of this input
        self._numbers: list[int] = []  # likewise

    def packets(self, flow: int) -> tuple[list[CutPacket], bool]:
        """Give what was found of a flow, and whether some of it was left out."""
        return self._packets[flow], bool(self._state(flow) & layout.W_PARTIAL)

    def frame(self, file: int, frame: int) -> CutFrame | None:
        """Give a wanted frame; None: it was not found."""
        return self._cut.get((file, frame))

    def needs(self, file: int, reading: Reading) -> bool:
        """Tell whether something of an input is to be read."""
        if reading.first_seen is None or reading.last_seen is None:
            return False
        if not self._all.meet(reading.first_seen, reading.last_seen) and file not in self._files:
            return False
        self._turn_to(file)
        return any(self._is_wanted(stretch) for stretch in reading.index)

    def read(
        self, source: Source, reading: Reading, *, file: int, sensor: int, interfaces: dict[str, int]
    ) -> bool:
        """Read what is needed of an input; False when it is not as it was."""
        walk = Walk(source=source, sensor=sensor, sensor_of=interfaces.get, reading=Reading())
        z = self._t.scalars
        z[layout.Z_FILE], z[layout.Z_SENSOR] = file, sensor
        for stretch in reading.index:
            if int(z[layout.Z_OPEN]) != self._open:
                self._turn_to(file)
            if self._is_wanted(stretch) and not self._go_through(stretch, walk):
                return False
        return True

    def _turn_to(self, file: int) -> None:
        """Note what is still wanted of an input."""
        z = self._t.scalars
        self._open = int(z[layout.Z_OPEN])
        self._spans = spans_of(
            flow
            for at, flow in enumerate(self._flows)
            if flow.file <= file and not self._state(at) & layout.W_CLOSED
        )
        self._numbers = [frame for where, frame in self._frames if where == file]

    def _state(self, flow: int) -> int:
        return int(self._c.wants[flow * WANT_STRIDE + layout.W_STATE])

    def _is_wanted(self, stretch: Stretch) -> bool:
        if self._spans.meet(stretch.least, stretch.latest):
            return True
        at = bisect_right(self._numbers, stretch.before)
        return at < len(self._numbers) and self._numbers[at] <= stretch.before + stretch.frames

    def _go_through(self, stretch: Stretch, walk: Walk) -> bool:
        """Pick from one stretch; False when it cannot be read to its end."""
        source, t, z = walk.source, self._t, self._t.scalars
        if not source.move_to(stretch.begin, self._view[:CHUNK]):
            return False
        walk.base, rest = stretch.begin, 0
        set_up(t, stretch.setting)
        z[layout.Z_FRAME], z[layout.Z_NOW] = stretch.before, stretch.so_far
        while source.position < stretch.end:
            room = min(CHUNK, stretch.end - source.position)
            got = source.read_into(self._view[rest : rest + room]) if rest + room <= BUFFER else 0
            if not got:
                return False
            have = rest + got
            used = walk_through(self.run, t, self._words, self._view, at=0, have=have, walk=walk)
            if used < 0:
                return False
            rest = have - used
            self._view[:rest] = bytes(self._view[used:have])
            walk.base += used
        return rest == 0

    def run(self, words: layout.Octets, have: int) -> int:
        """Pick from the whole records of the buffer that the scalars tell; give the reason to stop."""
        while True:
            reason: int = self._kernel.run(self._t, self._c, words, have)
            self._fetch()
            if reason != FULL:
                return reason

    def _fetch(self) -> None:
        """Take the hits, whose octets are still in the buffer."""
        z, view = self._t.scalars, self._view
        count = int(z[layout.Z_HITS])
        hits = self._c.hits[: count * HIT_STRIDE]
        words = hits if isinstance(hits, list) else hits.tolist()
        for h in range(0, len(words), HIT_STRIDE):
            (
                want,
                number,
                time,
                flip,
                flags,
                seq,
                ack,
                protocol,
                length,
                first,
                last,
                at,
                captured,
                wire,
                link,
            ) = words[h : h + HIT_STRIDE]
            data = bytes(view[at : at + captured])
            file, frame = number >> _FRAME_BITS, number & (1 << _FRAME_BITS) - 1
            if want < 0:
                self._cut[file, frame] = CutFrame(
                    file=file, frame=frame, time=time, link=link, data=data, wire=max(wire, captured)
                )
                continue
            tcp = protocol == _TCP
            payload = data[first - at : last - at]
            if protocol in _ICMP:  # what the kernel noted is only whether there is some
                length = len(payload) + max(0, wire - captured)
            self._packets[want].append(
                CutPacket(
                    file=file,
                    frame=frame,
                    time=time,
                    by_orig=bool(flip) == self._flipped[want],
                    flags=flags if tcp else 0,
                    seq=seq if tcp else 0,
                    ack=ack if tcp else 0,
                    payload=payload,
                    length=length,
                    link=link,
                    data=data,
                    wire=max(wire, captured),
                )
            )
        z[layout.Z_HITS] = 0


def prepare(*, compiled: bool) -> None:
    """Load what picks packets, so that it is there when they are wanted."""
    Picker(flows=(), frames=(), domains=(), compiled=compiled).run(blank.octets(0, compiled=compiled), 0)


def _number(file: int, frame: int) -> int:
    return file << _FRAME_BITS | frame


def _ends(flow: Wanted) -> tuple[tuple[int, ...], bool]:
    """Give both ends as the meter puts them, the lesser first, and whether that is the responder's."""
    # The meter has the type and code of an ICMP exchange on both sides.
    port = flow.resp_port if flow.protocol in _ICMP else flow.orig_port
    orig, resp = (*flow.orig, port), (*flow.resp, flow.resp_port)
    flipped = orig > resp
    (high, low, a), (high2, low2, b) = (resp, orig) if flipped else (orig, resp)
    return (high, low, high2, low2, a << 32 | b << 16 | flow.protocol), flipped


def _want(flow: Wanted, key: tuple[int, ...]) -> tuple[int, ...]:
    octets = max(flow.most_octets, 0)
    room = (octets, LEAST_FRAMES + 4 * octets, most_packets(octets))
    return (*key, flow.domain, flow.tunnel, *room, 0)


def _filled(values: Iterable[int], *, compiled: bool) -> Any:  # noqa: ANN401 - by mode
    listed = [value & MASK64 for value in values]
    if not compiled:
        return listed
    import numpy as np

    return np.array(listed, np.uint64).view(np.int64)
