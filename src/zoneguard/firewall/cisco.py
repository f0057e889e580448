"""What IOS and ASA write alike: the words of a line, ICMP messages and time ranges."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from zoneguard.firewall.model import LineState
from zoneguard.net.service import ALL_PORTS
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.net.address import Span

MONTHS = {
    name: at
    for at, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}


class UnreadableError(ValueError):
    """A part of a line is not what the command reference allows there."""


@dataclass(slots=True)
class Words:
    """The words of one line, taken from the left."""

    words: list[str]
    at: int = 0

    def peek(self) -> str:
        """Give the next word, or nothing at the end."""
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self) -> str:
        """Take the next word."""
        if self.at >= len(self.words):
            raise UnreadableError("the line ends early")
        self.at += 1
        return self.words[self.at - 1]

    def rest(self) -> str:
        """Give what is left as text."""
        return " ".join(self.words[self.at :])


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """When a line is active: whole days where they are absolute, else a condition."""

    begins: date | None = None
    expires: date | None = None
    unknown: tuple[str, ...] = ()
    number: int | None = None


def time_range(export: Export, name: str, found: Statement | None) -> TimeRange:
    """Read a time range; a periodic or an undefined one is a condition that nobody here can decide."""
    if found is None or not found.children:
        return TimeRange(unknown=(f"time-range {name}",))
    begins = expires = None
    unknown: tuple[str, ...] = ()
    export.mark(found.number, LineState.PARSED)
    for one in found.children:
        export.mark(one.number, LineState.PARSED)
        try:
            if one.words[0] == "absolute":
                begins, expires = _absolute(Words(one.words, 1))
            else:
                raise UnreadableError(one.text)
        except ValueError:
            unknown = (f"time-range {name}: {one.text}",)
            if one.words[0] != "periodic":
                export.mark(one.number, LineState.UNKNOWN)
    return TimeRange(begins=begins, expires=expires, unknown=unknown, number=found.number)


def _absolute(reader: Words) -> tuple[date | None, date | None]:
    begins = expires = None
    while reader.peek():
        word = reader.take()
        if word not in ("start", "end"):
            raise UnreadableError(word)
        clock, day, month, year = (reader.take() for _ in range(4))
        if not re.fullmatch(r"\d\d?:\d\d", clock) or month[:3].lower() not in MONTHS:
            raise UnreadableError(clock)
        when = date(int(year), MONTHS[month[:3].lower()], int(day))
        if word == "start":
            begins = when
        else:
            expires = when - timedelta(days=1) if clock in ("00:00", "0:00") else when
    return begins, expires


def icmp_message(reader: Words, names: Mapping[str, tuple[int, int | None]]) -> Span:
    """Read an ICMP type and code, none being all, as stretches of type*256+code."""
    word = reader.peek()
    if word in names:
        kind, code = names[reader.take()]
    elif is_number(word):
        kind, code = number_up_to(reader.take(), 255), None
    else:
        return ALL_PORTS
    if code is None and is_number(reader.peek()):
        code = number_up_to(reader.take(), 255)
    return (kind * 256, kind * 256 + 255) if code is None else (kind * 256 + code, kind * 256 + code)


def undecided(name: str, what: str) -> Text:
    """Say that a condition of an access list is left open, and what follows."""
    return Text(
        ja=f"アクセスリスト {name} の条件「{what}」は判定できません。この行は、一致するかもしれない行として扱います。",
        en=f"The condition {what!r} of access list {name} cannot be decided; the line is taken as one that may match.",
    )


def is_number(word: str, digits: int = 10) -> bool:
    """Tell a plain decimal number of at most so many digits."""
    return word.isascii() and word.isdigit() and len(word) <= digits


def number_up_to(word: str, most: int) -> int:
    """Read a number; raises UnreadableError for anything else and for what is beyond."""
    if not is_number(word, 5) or int(word) > most:
        raise UnreadableError(word)
    return int(word)
