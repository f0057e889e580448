"""Where in an input which frames of which time stand, noted while it is metered, so that few of it are read again."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MOST_STRETCHES = 65_536  # of a run: 40 octets each
LEAST_STRETCHES = 16  # of an input, however many there are
MOST_SETTINGS = 16  # of a pcapng file, by its sections and interfaces: a stretch begins under one of these


class Stretch(NamedTuple):
    """Consecutive records of an input."""

    begin: int  # offset in the (unpacked) input
    end: int
    before: int  # frames that stand before it
    frames: int  # in it
    least: int  # no packet in it is earlier, ns since 1970
    latest: int  # and none later
    so_far: int  # the latest time before it
    setting: bytes  # what to know at its beginning, as framing.setting gives it


@dataclass(slots=True)
class Index:
    """The stretches of one input, in their order; when there are more than `most`, neighbours become one."""

    most: int = MOST_STRETCHES
    end: int = 0
    frames: int = 0
    _step: int = 1  # notes that make one stretch
    _noted: int = 0
    _columns: tuple[array[int], ...] = field(default_factory=lambda: tuple(array("q") for _ in range(5)))
    _settings: dict[bytes, int] = field(default_factory=dict)

    def note(
        self, *, begin: int, end: int, before: int, frames: int, least: int, latest: int, setting: bytes
    ) -> None:
        """Add what was read next; `latest` is the latest time so far."""
        self.end, self.frames = end, before + frames
        known = setting in self._settings or len(self._settings) < MOST_SETTINGS
        begins, _, leasts, latests, _ = self._columns
        if begins and (self._noted % self._step or not known):
            leasts[-1] = min(leasts[-1], least)
            latests[-1] = max(latests[-1], latest)
        else:
            number = self._settings.setdefault(setting, len(self._settings))
            for column, value in zip(self._columns, (begin, before, least, latest, number), strict=True):
                column.append(value)
        self._noted += 1
        if len(begins) > max(self.most, 2):
            self._halve()

    def __len__(self) -> int:
        return len(self._columns[0])

    def __iter__(self) -> Iterator[Stretch]:
        begins, befores, leasts, latests, numbers = self._columns
        settings = list(self._settings)
        for i, begin in enumerate(begins):
            yield Stretch(
                begin=begin,
                end=begins[i + 1] if i + 1 < len(begins) else self.end,
                before=befores[i],
                frames=(befores[i + 1] if i + 1 < len(begins) else self.frames) - befores[i],
                least=leasts[i],
                latest=latests[i],
                so_far=latests[i - 1] if i else 0,
                setting=settings[numbers[i]],
            )

    def told(self) -> dict[str, Any]:
        """Give it as plain data, to be kept once its input was read to the end."""
        return {
            "end": self.end,
            "frames": self.frames,
            "columns": [column.tolist() for column in self._columns],
            "settings": [setting.hex() for setting in self._settings],
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Index:
        """Make it of what `told` gave. Raises KeyError or ValueError when that is damaged."""
        made = cls(end=int(told["end"]), frames=int(told["frames"]))
        made._columns = tuple(array("q", column) for column in told["columns"])
        made._settings = {bytes.fromhex(one): at for at, one in enumerate(told["settings"])}
        return made

    def _halve(self) -> None:
        begins, befores, leasts, latests, numbers = self._columns
        for i in range(0, len(begins) - 1, 2):
            leasts[i] = min(leasts[i], leasts[i + 1])
            latests[i] = max(latests[i], latests[i + 1])
        self._columns = tuple(column[::2] for column in (begins, befores, leasts, latests, numbers))
        self._step *= 2
        self._noted = len(self._columns[0]) * self._step


def share(inputs: int) -> int:
    """Give how many stretches each of so many inputs may have."""
    return max(LEAST_STRETCHES, MOST_STRETCHES // max(inputs, 1))


class Spans:
    """Stretches of time, those that overlap as one."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        for begin, end in sorted(spans):
            if self._ends and begin <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._begins.append(begin)
                self._ends.append(end)

    def meet(self, begin: int, end: int) -> bool:
        """Tell whether one of them has a time in common with that from `begin` to `end`."""
        at = bisect_right(self._begins, end)
        return at > 0 and self._ends[at - 1] >= begin
