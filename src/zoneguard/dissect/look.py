"""One look into one flow: what it carried, chosen by content first, layer within layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.dissect import datagrams, talk
from zoneguard.dissect.numbers import count_numbers
from zoneguard.dissect.record import Look, Sight
from zoneguard.dissect.stream import TCP, read_datagrams, read_stream

if TYPE_CHECKING:
    from zoneguard.capture.cutting import CutFlow
    from zoneguard.dissect.found import Found
    from zoneguard.dissect.stream import Stream

UDP = 17


def look(cut: CutFlow, protocol: int, port: int, hint: str | None = None) -> Look:
    """Look into one flow; whatever it holds, this gives a Look.

    `protocol` is the IP protocol number, `port` that of the responder, and `hint` the protocol that the policy
    declares for the flow ("smtp", "rdp" …); port and hint only decide where the content fits several.
    """
    if cut.lost is not None or not cut.packets:
        return Look(sight=Sight.NOTHING, troubles=("lost",) if cut.lost is not None else ())
    try:
        if protocol == TCP:
            return _into_stream(cut, port, hint)
        if protocol == UDP:
            return _into_datagrams(cut, port)
    except Exception:  # noqa: BLE001 - hostile input must never end a run; nothing of it may reach a log
        return Look(sight=Sight.OPENING, troubles=("not-understood",))
    return Look(sight=Sight.NOTHING, troubles=("not-understood",))


def _into_stream(cut: CutFlow, port: int, hint: str | None) -> Look:
    stream = read_stream(cut)
    if stream.sight is Sight.NOTHING:
        return _told(None, stream.sight, _troubles(cut, stream), 0)
    sides = talk.Sides(stream.orig.pieces, stream.resp.pieces, port, hint)
    found = talk.read(sides)
    if found is None:
        other = talk.read(sides.swapped())
        found = other.swapped() if other is not None else talk.read_middle(sides)
    numbers = 0 if found is not None and found.is_sealed() else _numbers(stream, found)
    troubles = _troubles(cut, stream)
    if found is None and (len(sides.orig) > 0 or len(sides.resp) > 0) and stream.sight is not Sight.MIDDLE:
        troubles = (*troubles, "not-understood")
    return _told(found, stream.sight, troubles, numbers)


def _into_datagrams(cut: CutFlow, port: int) -> Look:
    read = read_datagrams(cut)
    troubles = (*read.troubles, *(() if cut.whole else ("left-out",)))
    if read.sight is Sight.NOTHING:
        return _told(None, read.sight, troubles, 0)
    found = datagrams.read(read.sent, port)
    sealed = found is not None and found.is_sealed()
    numbers = 0 if sealed else sum(count_numbers(datagram) for _, datagram in read.sent)
    if found is None:
        troubles = (*troubles, "not-understood")
    return _told(found, read.sight, troubles, numbers)


def _numbers(stream: Stream, found: Found | None) -> int:
    """Count in the clear part of both directions: all of it, or what precedes an agreement to encrypt."""
    ends = found.clear if found is not None else None
    if ends is not None:
        return sum(
            count_numbers(half.opening[:end])
            for half, end in zip((stream.orig, stream.resp), ends, strict=True)
        )
    return sum(count_numbers(piece) for half in (stream.orig, stream.resp) for piece in half.pieces)


def _troubles(cut: CutFlow, stream: Stream) -> tuple[str, ...]:
    return (*stream.orig.troubles, *stream.resp.troubles, *(() if cut.whole else ("left-out",)))


def _told(found: Found | None, sight: Sight, troubles: tuple[str, ...], numbers: int) -> Look:
    if found is None:
        return Look(sight=sight, numbers=numbers, troubles=tuple(sorted(set(troubles))))
    return Look(
        sight=sight,
        spoken=found.spoken,
        inside=found.inside,
        tls=found.tls,
        proxy=found.proxy,
        web=found.web,
        screen=found.screen,
        dialogue=found.dialogue,
        names=found.names,
        files=found.files,
        banner=found.banner,
        numbers=numbers + found.numbers,
        troubles=tuple(sorted({*troubles, *found.troubles})),
    )
