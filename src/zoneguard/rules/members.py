"""Who was gathered into each line, counted once: sorted hashes in runs that copies share and nobody changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

Hashes: TypeAlias = "NDArray[np.uint64]"

ORIG_WILD, RESP_WILD, SERVICE_WILD = 1, 2, 4

MOST_MEMBERS = 4_000_000  # of all lines that are remembered, to count each once: 32 MB
MOST_OF_ONE = 3_000_000  # of one line, so that one scan does not leave the others uncounted
LEAST_OF_ONE = 64  # that every line may have, however many there are of others


class Count(NamedTuple):
    """How many members a line has; where `more`, some were not remembered, and there may be more than that."""

    number: int
    more: bool

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.more else ''}"


class _Line(NamedTuple):
    """The members of one line: runs without duplicates in them or between them, each much longer than the next."""

    runs: tuple[Hashes, ...] = ()
    more: bool = False

    @property
    def number(self) -> int:
        return sum(len(run) for run in self.runs)


class Members:
    """The members of lines, by what is wild in them. Of too many the count is told as a lower bound."""

    def __init__(self) -> None:
        self._lines: dict[int, dict[int, _Line]] = {wild: {} for wild in (ORIG_WILD, RESP_WILD, SERVICE_WILD)}
        self._held = 0

    def copy(self) -> Members:
        """Give an equal one that may go on by itself; the runs are shared."""
        made = Members()
        made._lines = {wild: dict(lines) for wild, lines in self._lines.items()}
        made._held = self._held
        return made

    def move(self, before: Hashes, after: Hashes) -> None:
        """Give the members of lines to the lines that gather them."""
        changed = before != after
        pairs = dict(zip(before[changed].tolist(), after[changed].tolist(), strict=True))
        for lines in self._lines.values():
            for old in pairs.keys() & lines.keys():
                moved = lines.pop(old)
                self._held -= moved.number
                for run in moved.runs:
                    self._take(lines, pairs[old], run)
                if moved.more:
                    lines[pairs[old]] = lines.get(pairs[old], _Line())._replace(more=True)

    def add(self, wild: int, lines: Hashes, members: Hashes) -> None:
        """Count members to lines."""
        if not len(lines):
            return
        order = np.argsort(lines, kind="stable")
        lines, members = lines[order], members[order]
        begins = np.flatnonzero(np.diff(lines, prepend=lines[:1] + np.uint64(1)))
        for line, some in zip(lines[begins].tolist(), np.split(members, begins[1:]), strict=True):
            self._take(self._lines[wild], line, np.unique(some))

    def counts(self, wild: int) -> dict[int, Count]:
        """Give the number of members of each line."""
        return {line: Count(held.number, held.more) for line, held in self._lines[wild].items()}

    def _take(self, lines: dict[int, _Line], line: int, members: Hashes) -> None:
        """Add members, sorted and each once, to a line as far as there is room."""
        held = lines.get(line, _Line())
        for run in held.runs:
            members = members[~_are_in(run, members)]
        number = held.number
        room = max(min(MOST_MEMBERS - self._held, MOST_OF_ONE - number), LEAST_OF_ONE - number, 0)
        more = held.more or len(members) > room
        members = members[:room]
        self._held += len(members)
        lines[line] = _Line(_settled((*held.runs, members)) if len(members) else held.runs, more)


def _are_in(run: Hashes, members: Hashes) -> NDArray[np.bool_]:
    at = np.minimum(np.searchsorted(run, members), len(run) - 1)
    found: NDArray[np.bool_] = run[at] == members
    return found


def _settled(runs: Iterable[Hashes]) -> tuple[Hashes, ...]:
    """Merge runs that are not much longer than the next, so that they are few and each member is moved seldom."""
    made: list[Hashes] = []
    for run in runs:
        longest = run
        while made and len(made[-1]) < 4 * len(longest):
            longest = np.concatenate([made.pop(), longest])
            longest.sort(kind="stable")
        made.append(longest)
    return tuple(made)
