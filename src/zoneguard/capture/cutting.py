"""Packets of chosen flows, read again from their captures."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zoneguard.capture import kernels
from zoneguard.capture.index import Spans
from zoneguard.capture.source import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from zoneguard.capture.metering import Input, InputRead
    from zoneguard.capture.picker import Picker
    from zoneguard.capture.reading import Reading

STANDARD_INPUT: Final = "standard input"
CHANGED: Final = "changed"
UNREADABLE: Final = "unreadable"
EARLIER: Final = 1_000_000_000  # ns before a flow's first packet: fragments that came before their first one


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One flow of the flow table whose packets are asked for."""

    orig: tuple[int, int]  # address, high and low
    resp: tuple[int, int]
    orig_port: int
    resp_port: int
    protocol: int
    domain: int
    tunnel: int
    file: int  # of its first packet: index of the input
    frame: int  # likewise, from 1
    first_seen: int  # ns since 1970
    last_seen: int
    most_octets: int  # of payload, both directions together; packets beyond are left


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPacket:
    """One packet of a wanted flow. Mirror copies are left out; each packet stands here once."""

    file: int
    frame: int
    time: int  # ns since 1970
    by_orig: bool
    flags: int  # TCP
    seq: int
    ack: int
    payload: bytes  # behind the transport header, as far as captured
    length: int  # octets of payload on the wire
    link: int  # link type of the frame
    data: bytes  # the whole frame as captured
    wire: int  # octets of the frame on the wire


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFlow:
    """The packets of one wanted flow in the order of their frames."""

    packets: tuple[CutPacket, ...]
    whole: bool  # False: some were left out for `most_octets`, or could not be read again
    lost: str | None = None  # why nothing could be read again: "standard input", "changed", "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFrame:
    """One frame as it was captured."""

    file: int
    frame: int
    time: int  # ns since 1970
    link: int
    data: bytes
    wire: int


def most_packets(octets: int) -> int:
    """Give how many packets are read at most of a flow of which so much payload is."""
    return 1_024 + octets // 64


def cut(
    inputs: Sequence[Input],
    read: Sequence[InputRead],
    wanted: Sequence[Wanted],
    *,
    domains: Sequence[int] = (),
    interfaces: dict[str, int] | None = None,
    alive: Callable[[], None] = lambda: None,
) -> list[CutFlow]:
    """Read the packets of wanted flows again; one CutFlow for each of them, in their order.

    `inputs`, `domains` and `interfaces` are those that the flows were metered with, `read` is what the meter
    said of the inputs; `alive` is called before each of them. What belongs to a flow is decided as the meter does, with three exceptions. A mirror copy
    is told however many packets of other flows lay between it and its original. Fragments that came before
    their first one are left out (then it is not `whole`; of those at the very beginning of a flow this is seen up
    to a second before), and so are flows of later fragments alone. With most_octets a
    flow has at most 1,024 + most_octets / 64 packets, whose frames have 1 MiB + 4 * most_octets together.

    The payload is that of TCP and UDP, what stands behind eight octets of ICMP and twelve of SCTP, and of other
    protocols all behind the IP header. Later fragments carry none, but tell its length. `seq`, `ack` and
    `flags` are those of TCP.

    Cost: of each input the stretches that hold times of a wanted flow; a compressed input is unpacked from its
    beginning. Memory: the frames of the packets, and their payload once more.
    """
    from zoneguard.capture.picker import Picker

    order = sorted(range(len(wanted)), key=lambda i: (wanted[i].file, wanted[i].frame))
    flows = [wanted[i] for i in order]
    picker = Picker(
        flows=flows,
        frames=(),
        domains=domains,
        compiled=_weight(read, flows) >= kernels.INTERPRETED_BELOW,
    )
    lost = _through(inputs, read, picker, interfaces or {}, alive)
    found: list[CutFlow | None] = [None] * len(wanted)
    for at, (i, flow) in enumerate(zip(order, flows, strict=True)):
        packets, partial = picker.packets(at)
        missed = [lost[file] for file in lost if flow.file <= file and _meets(read[file].reading, flow)]
        reason = lost.get(flow.file) or next(iter(missed), None)
        found[i] = CutFlow(
            packets=tuple(packets),
            whole=bool(packets) and not partial and not missed,
            lost=None if packets else reason or UNREADABLE,
        )
    return [one for one in found if one is not None]


def cut_frames(
    inputs: Sequence[Input], read: Sequence[InputRead], wanted: Sequence[tuple[int, int]]
) -> list[CutFrame | None]:
    """Read frames again, by (index of the input, frame number from 1); None where one cannot be read again."""
    from zoneguard.capture.picker import Picker

    frames = sorted(set(wanted))
    wanted_of = Counter(file for file, _ in frames)
    octets = sum(
        index.end // max(len(index), 1) * min(count, max(len(index), 1))
        for index, count in ((read[file].reading.index, count) for file, count in wanted_of.items())
    )
    picker = Picker(flows=(), frames=frames, domains=(), compiled=octets >= kernels.INTERPRETED_BELOW)
    _through(inputs, read, picker, {}, lambda: None)
    return [picker.frame(file, frame) for file, frame in wanted]


def spans_of(flows: Iterable[Wanted]) -> Spans:
    """Give the times at which there is something to read for some flows."""
    return Spans((flow.first_seen - EARLIER, flow.last_seen) for flow in flows)


def _through(
    inputs: Sequence[Input],
    read: Sequence[InputRead],
    picker: Picker,
    interfaces: dict[str, int],
    alive: Callable[[], None],
) -> dict[int, str]:
    """Have the picker read what it needs; give what cannot be read again, and why."""
    lost: dict[int, str] = {}
    for file, (one, about) in enumerate(zip(inputs, read, strict=True)):
        if not picker.needs(file, about.reading):
            continue
        alive()
        if one.path is None:
            lost[file] = STANDARD_INPUT
            continue
        try:
            source = open_source(one.path)
        except OSError:
            lost[file] = UNREADABLE
            continue
        with contextlib.closing(source.raw):
            if (source.size, source.modified) != (about.size, about.modified):
                lost[file] = CHANGED
            elif not picker.read(source, about.reading, file=file, sensor=one.sensor, interfaces=interfaces):
                lost[file] = UNREADABLE
    return lost


def _meets(reading: Reading, flow: Wanted) -> bool:
    if reading.first_seen is None or reading.last_seen is None:
        return False
    return reading.first_seen <= flow.last_seen and flow.first_seen <= reading.last_seen


def _weight(read: Sequence[InputRead], flows: Sequence[Wanted]) -> int:
    """Estimate how many octets will be gone through."""
    spans = spans_of(flows)
    return sum(
        stretch.end - stretch.begin
        for about in read
        for stretch in about.reading.index
        if spans.meet(stretch.least, stretch.latest)
    )
