"""Strings from outside, made harmless for terminals and spreadsheets without losing what they held."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# A spreadsheet runs a cell that begins with one of these; the full-width forms count in Japanese Excel.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
IDEOGRAPHIC_SPACE = "\u3000"  # the one wide space that Japanese text needs; other odd spaces are shown


def harmless(text: str) -> str:
    """Show every control, format, bidi, surrogate or unassigned character as <U+001B>."""
    return _replaced(text, lambda char: f"<U+{ord(char):04X}>")


def harmless_json(text: str) -> str:
    r"""Escape the same characters of one line of JSON as \u001b: parsed again, nothing has changed."""
    return _replaced(text, _json_escape)


def harmless_cell(text: str) -> str:
    """Make a text a cell of CSV that no spreadsheet takes for a formula; controls are shown as in a terminal."""
    return harmless("'" + text if text.startswith(_FORMULA) else text)


def harmless_json_lines(text: str) -> str:
    """Do as `harmless_json` with each line of JSON that is laid out over several."""
    return "\n".join(harmless_json(line) for line in text.split("\n"))


def _replaced(text: str, shown: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == IDEOGRAPHIC_SPACE else shown(char) for char in text)


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
