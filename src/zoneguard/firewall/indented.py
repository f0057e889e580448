"""An export whose blocks are told by indentation, as a forest of statements with their lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.firewall.model import LineState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.export import Export

_BANNER = re.compile(r"^\s*(?:banner\s+[\w-]+|aaa authentication banner)\s+(\^.|\S)")


@dataclass(slots=True)
class Statement:
    """One line that is no comment: its words, and the statements indented below it."""

    number: int
    words: list[str]
    indent: int
    children: list[Statement] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Give the words with single blanks between."""
        return " ".join(self.words)

    def tail(self, count: int) -> str:
        """Give the text behind so many words."""
        return " ".join(self.words[count:])


def statements_of(export: Export, *, comment: str, delimited_banners: bool) -> list[Statement]:
    """Read all lines; comments, blank lines and delimited banners are marked irrelevant and left out.

    A banner whose closing sign never comes is one line only: it must not hide a policy below it.
    """
    forest: list[Statement] = []
    above: list[Statement] = []
    banner_end = _BannerEnds(export.lines) if delimited_banners else None
    skipped_to = 0
    for number, line in enumerate(export.lines, 1):
        words = line.split()
        if number <= skipped_to or not words or words[0].startswith(comment):
            export.mark(number, LineState.IRRELEVANT)
            continue
        if banner_end and (found := _BANNER.match(line)):
            skipped_to = banner_end.after(number, found[1], line[found.end() :])
            export.mark(number, LineState.IRRELEVANT)
            continue
        made = Statement(number, words, len(line) - len(line.lstrip()))
        while above and above[-1].indent >= made.indent:
            above.pop()
        (above[-1].children if above else forest).append(made)
        above.append(made)
    return forest


def all_below(statement: Statement) -> Iterator[Statement]:
    """Yield a statement and everything below it; as deep as the input goes, without recursion."""
    waiting = [statement]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(one.children))


def mark_all(export: Export, statement: Statement, state: LineState) -> None:
    """State that a whole block ended in one state."""
    for one in all_below(statement):
        export.mark(one.number, state)


class _BannerEnds:
    """Where the sign that closes a banner stands; a sign once missed is not looked for again."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._missing: set[str] = set()

    def after(self, number: int, sign: str, rest: str) -> int:
        if sign in rest or sign in self._missing:
            return number
        for at in range(number, len(self._lines)):
            if sign in self._lines[at]:
                return at + 1
        self._missing.add(sign)
        return number
