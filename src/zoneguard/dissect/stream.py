"""Packets of one flow to what each side said: TCP octets in their order, or datagrams."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.dissect.record import Sight

if TYPE_CHECKING:
    from zoneguard.capture.cutting import CutFlow, CutPacket

TCP = 6
MOST_OCTETS = 32 << 20  # of one direction that are kept
MOST_PIECES = (
    4096  # of one direction: runs of octets between gaps, or datagrams are bounded by MOST_DATAGRAMS
)
MOST_DATAGRAMS = 100_000
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_HALF = 1 << 31
_WHOLE = 1 << 32
_MOST_RUNS = 1 << 16  # of one direction that wait for what lies between them
_MOST_STARTS = 8  # different initial sequence numbers of one direction that are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """What one side said: runs of octets in their order, with a gap between each two.

    `begins` tells that the first run starts with the first octet of the connection.
    """

    pieces: tuple[bytes, ...] = ()
    begins: bool = False
    ended: bool = False  # FIN or RST was seen and nothing is missing before it
    troubles: tuple[str, ...] = ()

    @property
    def opening(self) -> bytes:
        """Give the octets up to the first gap."""
        return self.pieces[0] if self.pieces else b""

    def __repr__(self) -> str:
        return f"Half({len(self.pieces)} pieces)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Both sides of a TCP connection."""

    orig: Half
    resp: Half
    sight: Sight


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagrams:
    """Datagrams in the order of their frames: (was it sent by orig?, payload)."""

    sent: tuple[tuple[bool, bytes], ...]
    sight: Sight
    troubles: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Datagrams({len(self.sent)})"


def read_stream(cut: CutFlow, *, most: int = MOST_OCTETS) -> Stream:
    """Put the segments of a TCP connection in order.

    Sequence numbers wrap around (RFC 9293 section 3.4). Where segments overlap, the octets that came first
    stay. At most `most` octets of each direction are kept; memory is bounded by them.
    """
    orig, resp = _Side(most), _Side(most)
    for packet in cut.packets:
        side, other = (orig, resp) if packet.by_orig else (resp, orig)
        side.add(packet)
        other.hear(packet)
    halves = orig.told(), resp.told()
    return Stream(orig=halves[0], resp=halves[1], sight=_sight(cut, orig, resp, halves))


def read_datagrams(cut: CutFlow, *, most: int = MOST_OCTETS) -> Datagrams:
    """Give the datagrams of a flow; of one that was cut short when captured, what there is."""
    sent: list[tuple[bool, bytes]] = []
    troubles = set()
    kept = 0
    for packet in cut.packets:
        if not packet.payload:
            if packet.length:
                troubles.add("truncated")
            continue
        if packet.length > len(packet.payload):
            troubles.add("truncated")
        kept += len(packet.payload)
        if kept > 2 * most or len(sent) == MOST_DATAGRAMS:
            troubles.add("beyond")
            break
        sent.append((packet.by_orig, packet.payload))
    if not sent:
        return Datagrams(sent=(), sight=Sight.NOTHING, troubles=tuple(sorted(troubles)))
    sight = Sight.WHOLE if cut.whole and not troubles else Sight.OPENING
    return Datagrams(sent=tuple(sent), sight=sight, troubles=tuple(sorted(troubles)))


def _sight(cut: CutFlow, orig: _Side, resp: _Side, halves: tuple[Half, Half]) -> Sight:
    """Tell how much there was to look at. A side that said nothing needs no beginning."""
    spoke = [half for half in halves if half.pieces]
    if not spoke:
        return Sight.NOTHING
    if not all(half.begins for half in spoke):
        return Sight.MIDDLE
    whole = (
        cut.whole
        and not any(half.troubles or len(half.pieces) > 1 for half in halves)
        and any(half.ended for half in halves)
        and not orig.misses
        and not resp.misses
    )
    return Sight.WHOLE if whole else Sight.OPENING


class _Side:
    """One direction while its packets come in; positions count from the first sequence number that was seen."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept = 0
        self._first: int | None = None  # sequence number of position 0
        self._last = 0  # position that the next sequence number is taken to be near
        self._starts: list[int] = []  # positions that follow a SYN
        self._runs: list[tuple[int, bytearray]] = []  # (position, octets), in order, without overlap
        self._acked: int | None = None
        self._closed: int | None = None  # position behind the last octet, as FIN or RST says
        self._troubles: set[str] = set()
        self.misses = False

    def add(self, packet: CutPacket) -> None:
        """Take a packet that this side sent."""
        syn = packet.flags & _SYN != 0
        at = self._position(packet.seq) + syn
        if syn and len(self._starts) < _MOST_STARTS and at not in self._starts:
            self._starts.append(at)
        if packet.flags & _FIN:
            self._closed = at + packet.length
        if packet.flags & _RST:
            self._closed = at if self._closed is None else self._closed
            return
        if packet.length > len(packet.payload):
            self._troubles.add("truncated")
        if packet.payload:
            self._place(at, packet.payload)
            self._last = at + len(packet.payload)

    def hear(self, packet: CutPacket) -> None:
        """Take a packet that the other side sent: what it acknowledges was sent, whether it was seen or not."""
        if not packet.flags & _ACK or packet.flags & _RST:
            return
        at = self._position(packet.ack)
        if packet.flags & _SYN and len(self._starts) < _MOST_STARTS and at not in self._starts:
            self._starts.append(at)
        self._acked = at if self._acked is None else max(self._acked, at)

    def told(self) -> Half:
        """Give what was said, from the start of the connection where it is known."""
        start = self._start() if self._runs else min(self._starts, default=None)
        pieces, first, last = self._joined(start)
        begins = start is not None and first in {None, start}
        self.misses = (
            self._acked is not None and last is not None and self._acked > last + 1
        )  # a FIN counts for one
        if len(pieces) > 1 or self.misses or (start is not None and not begins):
            self._troubles.add("gap")
        return Half(
            pieces=tuple(map(bytes, pieces)),
            begins=begins,
            ended=self._closed is not None and (last is None or self._closed <= last),
            troubles=tuple(sorted(self._troubles)),
        )

    def _joined(self, start: int | None) -> tuple[list[bytearray], int | None, int | None]:
        """Join what has no gap between; give the first position, too, and the one behind the last octet."""
        pieces: list[bytearray] = []
        first, last = None, None
        for at, octets in self._runs:
            skip = 0 if start is None else max(0, start - at)
            if skip >= len(octets):
                continue
            if last is None or at != last:
                if len(pieces) == MOST_PIECES:
                    self._troubles.add("beyond")
                    break
                pieces.append(bytearray())
            first = at + skip if first is None else first
            pieces[-1] += octets[skip:]
            last = at + len(octets)
        return pieces, first, start if last is None else last

    def _position(self, number: int) -> int:
        """Give the position of a sequence number: that one of all congruent ones which lies nearest."""
        if self._first is None:
            self._first = number
            return 0
        near = self._last
        return near + (number - self._first - near + _HALF) % _WHOLE - _HALF

    def _start(self) -> int | None:
        """Choose, of several SYNs, the one that the first octets follow most closely."""
        first = self._runs[0][0]
        before = [start for start in self._starts if start <= first]
        if before:
            return max(before)
        return min(self._starts, default=None)

    def _place(self, at: int, octets: bytes) -> None:
        """Put octets where nothing is yet."""
        runs = self._runs
        index = bisect_right(runs, at, key=_begin)
        if index and (over := _end(runs[index - 1]) - at) > 0:
            octets = octets[over:]
            at += over
        while octets:
            room = runs[index][0] - at if index < len(runs) else len(octets)
            piece = octets[: max(0, room)]
            if self._kept + len(piece) > self._most or len(runs) > _MOST_RUNS:
                self._troubles.add("beyond")
                return
            if piece:
                self._keep(index, at, piece)
                index = bisect_right(runs, at, key=_begin)
            if index >= len(runs):
                return
            skip = _end(runs[index]) - at
            octets = octets[skip:]
            at += skip
            index += 1

    def _keep(self, index: int, at: int, piece: bytes) -> None:
        self._kept += len(piece)
        if index and _end(self._runs[index - 1]) == at:
            self._runs[index - 1][1].extend(piece)
        else:
            self._runs.insert(index, (at, bytearray(piece)))


def _begin(run: tuple[int, bytearray]) -> int:
    return run[0]


def _end(run: tuple[int, bytearray]) -> int:
    return run[0] + len(run[1])
