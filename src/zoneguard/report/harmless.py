"""Strings from outside, made harmless for a terminal without losing what they held."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

IDEOGRAPHIC_SPACE = "\u3000"  # the one wide space that Japanese text needs; other odd spaces are shown


def harmless(text: str) -> str:
    """Show every control, format, bidi, surrogate or unassigned character as <U+001B>."""
    return _replaced(text, lambda char: f"<U+{ord(char):04X}>")


def harmless_json(text: str) -> str:
    r"""Escape the same characters of one line of JSON as \u001b: parsed again, nothing has changed."""
    return _replaced(text, _json_escape)


def _replaced(text: str, shown: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == IDEOGRAPHIC_SPACE else shown(char) for char in text)


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
