"""What a judgement remembers of its files: their names by number while something tells of them, and their faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

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
