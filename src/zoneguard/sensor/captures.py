"""What a judgement remembers of its files: their names by number, how flows are found in them again, their faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from zoneguard.api.looking import Sources
from zoneguard.capture.index import Index
from zoneguard.capture.metering import Input, InputRead
from zoneguard.capture.reading import Reading
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

STRETCHES = 4  # of one capture: a folder holds many, and a quarter of one is soon read again
MOST_CAPTURES = 4_096  # that flows can be found in again: 2 kB each
MOST_FAULTS = 100  # of a period that are told one by one
_FORGET_AT = 1_000  # names beside those that were in use the last time


class Names(Sequence[str]):
    """Names of interfaces and captures; the number of one is never given to another."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._next = 0
        self._in_use = 0

    def __len__(self) -> int:
        return self._next

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self._names.get(one, "") for one in range(self._next)[number]]
        if not 0 <= number < self._next:
            raise IndexError(number)
        return self._names.get(number, "")

    def add(self, name: str) -> int:
        """Take a name and give its number."""
        number, self._next = self._next, self._next + 1
        self._names[number] = name
        return number

    @property
    def are_many(self) -> bool:
        """Tell whether it is worth asking which are still in use."""
        return len(self._names) > 2 * self._in_use + _FORGET_AT

    def keep(self, used: Collection[int]) -> None:
        """Forget all other names; a number without a name reads as an empty one."""
        self._names = {number: name for number, name in self._names.items() if number in used}
        self._in_use = len(self._names)

    def known(self) -> dict[int, str]:
        """Give the names that are known, by number."""
        return dict(self._names)

    def restore(self, names: Mapping[int, str], following: int) -> None:
        """Take up the names of an earlier process; the next one gets the number `following`."""
        self._names, self._next = dict(names), following


class Captures:
    """The captures that were read last, with where in them stands what, so that flows can be read again."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[Input, InputRead]] = {}

    def add(self, number: int, one: Input, read: InputRead) -> None:
        """Take a capture that was metered to its end under a number higher than those before."""
        self._held[number] = one, replace(read, reading=replace(read.reading, faults=[]))
        if len(self._held) > MOST_CAPTURES:
            del self._held[next(iter(self._held))]

    def keep_from(self, number: int) -> None:
        """Forget those that came before: no flow that goes on begins in them."""
        self._held = {at: one for at, one in self._held.items() if at >= number}

    def sources(self, domains: Sequence[int]) -> Sources:
        """Give them as what flows are read again from; `domains` are those that they were metered with."""
        return Sources(
            inputs=[one for one, _ in self._held.values()],
            read=[read for _, read in self._held.values()],
            numbers=list(self._held),
            domains=domains,
        )

    def told(self) -> list[list[Any]]:
        """Give them as plain data, for the next process."""
        return [
            [
                *(number, str(one.path), one.sensor, read.size, read.modified),
                *(read.reading.first_seen, read.reading.last_seen, read.reading.index.told()),
            ]
            for number, (one, read) in self._held.items()
        ]

    def restore(self, told: Iterable[Sequence[Any]]) -> None:
        """Take up what an earlier process told. Raises KeyError or ValueError when that is damaged."""
        self._held = {}
        for number, path, sensor, size, modified, first, last, index in told:
            reading = Reading(first_seen=first, last_seen=last, index=Index.of(index))
            read = InputRead(name=path, size=size, sha256="", reading=reading, modified=modified)
            self._held[number] = Input(path=Path(path), sensor=sensor), read


class Faults:
    """What was wrong with the files of a period: the first in full, and how many more."""

    def __init__(self, first: Iterable[Text] = (), more: int = 0) -> None:
        self.first = list(first)
        self.more = more

    def __len__(self) -> int:
        return len(self.first) + self.more

    def add(self, faults: Iterable[Text]) -> None:
        """Take what was wrong with one file."""
        for fault in faults:
            if len(self.first) < MOST_FAULTS:
                self.first.append(fault)
            else:
                self.more += 1

    def told(self) -> tuple[Text, ...]:
        """Give what a judgement tells of them."""
        return (*self.first, *([_more(self.more)] if self.more else []))


def _more(count: int) -> Text:
    return Text(
        ja=f"ほかに {count:,} 件のファイルの問題がありました。1件ずつの内容はログにあります。",
        en=f"There were {count:,} more faults of files; the log tells each of them.",
    )
