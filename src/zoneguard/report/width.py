"""Text in the cells of a terminal: Japanese characters are two wide, combining ones none."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

# A line never begins with these, nor ends with those (kinsoku).
_CLOSING = ")]}、。，．・：；？！）」』】〕〉》ー々…‥%％"
_OPENING = "([{（「『【〔〈《"
_PIECE = re.compile(r"\s+|[\u0021-\u10ff]+|.", re.DOTALL)


def cells(text: str) -> int:
    """Count the terminal cells of a text."""
    return len(text) if text.isascii() else sum(map(_cell, text))


@lru_cache(maxsize=8192)
def _cell(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def left(text: str, width: int) -> str:
    """Pad to a width on the right; never cut."""
    return text + " " * (width - cells(text))


def right(text: str, width: int) -> str:
    """Pad to a width on the left; never cut."""
    return " " * (width - cells(text)) + text


@lru_cache(maxsize=4096)  # remedies and clauses come again with every finding of a rule
def wrap(text: str, width: int) -> tuple[str, ...]:
    """Break a text into lines of a width: between words and between wide characters.

    A word that is wider than the line (a path, an address) stays whole: it must be copyable.
    """
    lines, line, filled = [], "", 0
    for piece in _unbreakable(text):
        if line and filled + cells(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = piece.lstrip()
            filled = cells(line)
        else:
            line += piece
            filled += cells(piece)
    return *lines, line.rstrip()


def _unbreakable(text: str) -> list[str]:
    """Split into what may not be broken inside."""
    raw = _PIECE.findall(text)
    if not raw:
        return []
    joined = [raw[0]]
    for before, piece in pairwise(raw):
        sticks = piece[0] in _CLOSING or before[-1] in _OPENING or _cell(piece[0]) == 0
        if sticks and not before.isspace():
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined
