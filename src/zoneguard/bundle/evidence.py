"""The packets behind the findings of a run, read again from its captures with their headers only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zoneguard.capture.cutting import cut_frames
from zoneguard.capture.writing import header_only
from zoneguard.findings.finding import PacketLocator
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from zoneguard.capture.cutting import CutFrame
    from zoneguard.capture.metering import Input, InputRead
    from zoneguard.findings.finding import Finding

MOST_FRAMES: Final = 20_000
_AT_ONCE: Final = 2_000  # frames held with their payload

BEYOND: Final = "beyond the bound"
GONE: Final = "not readable again"
REASONS: dict[str, Text] = {
    BEYOND: Text(
        ja=f"証跡のキャプチャの上限（{MOST_FRAMES:,} パケット）を超えています",
        en=f"beyond the {MOST_FRAMES:,} packets that the evidence capture holds",
    ),
    GONE: Text(
        ja="元のキャプチャを読み直せませんでした（標準入力、または判定中に変更された）",
        en="the capture could not be read again (standard input, or changed meanwhile)",
    ),
}


@dataclass(slots=True)
class Captures:
    """The captures of a run, kept so that their packets can be read again."""

    inputs: Sequence[Input] = ()
    read: Sequence[InputRead] = ()

    def take(self, inputs: Sequence[Input], read: Sequence[InputRead]) -> None:
        """Keep what a run was made from."""
        self.inputs, self.read = inputs, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Frames in the order of their times, each with its locator, and the locators without one, with the reason."""

    frames: tuple[tuple[PacketLocator, CutFrame], ...]
    missing: tuple[tuple[PacketLocator, str], ...]


def locators(findings: Iterable[Finding]) -> list[PacketLocator]:
    """Give every packet that findings name, each once; the first findings come first."""
    named = (one for finding in findings for one in finding.locators if isinstance(one, PacketLocator))
    return list(dict.fromkeys(named))


def evidence_of(findings: Iterable[Finding], captures: Captures) -> Evidence:
    """Read the packets behind findings again, at most MOST_FRAMES of them.

    Cost: the stretches of the captures that hold them are read once more for each 2,000 packets.
    """
    named = locators(findings)
    number_of = {_name(one): number for number, one in enumerate(captures.inputs)}
    known = [one for one in named if one.file in number_of]
    wanted = sorted(known[:MOST_FRAMES], key=lambda one: (number_of[one.file], one.frame))
    frames: list[tuple[PacketLocator, CutFrame]] = []
    missing = [(one, GONE) for one in named if one.file not in number_of]
    for locator, frame in zip(
        wanted, frames_of(captures, [(number_of[one.file], one.frame) for one in wanted]), strict=True
    ):
        if frame is None:
            missing.append((locator, GONE))
        else:
            frames.append((locator, header_only(frame)))
    missing += [(one, BEYOND) for one in known[MOST_FRAMES:]]
    frames.sort(key=lambda one: (one[1].time, one[1].file, one[1].frame))
    return Evidence(frames=tuple(frames), missing=tuple(missing))


def frames_of(captures: Captures, wanted: Sequence[tuple[int, int]]) -> Iterator[CutFrame | None]:
    """Read frames by (index of the input, number from 1), each named once; None where one cannot be read.

    Their order should be that of the captures: 2,000 at a time are held.
    """
    for first in range(0, len(wanted), _AT_ONCE):
        yield from cut_frames(captures.inputs, captures.read, wanted[first : first + _AT_ONCE])


def _name(one: Input) -> str:
    return str(one.path) if one.path is not None else "-"
