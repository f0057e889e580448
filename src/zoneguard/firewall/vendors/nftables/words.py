"""The words of a listing, read one after the other."""

from __future__ import annotations

from typing import Any

_ENDS = frozenset({"\n", ";", "}", ""})
_FARTHEST = 3  # words ahead that a reader looks at


class Words:
    """A place in the words of a file. Ends of lines count, except inside of braces and brackets of elements.

    `seen` is every word, sign and end of line as `peek` says it, a quoted word with the mark before it, so that
    none is empty; `lines` says of each in which line it stands.
    """

    def __init__(self, seen: list[str], lines: list[int]) -> None:
        self.seen = [*seen, *[""] * (_FARTHEST + 1)]  # room behind the end
        self.lines = lines
        self.at = 0
        self.nested = 0
        self.matches: dict[tuple[str, ...], dict[str, Any]] = {}  # comparisons read before, by their words

    @property
    def over(self) -> bool:
        """Tell whether there is nothing more."""
        return not self.seen[self.at]

    @property
    def line(self) -> int:
        """Give the line of the next word."""
        return self.lines[self.at] if not self.over else self.last_line

    @property
    def last_line(self) -> int:
        """Give the line of the word that was taken last."""
        return self.lines[self.at - 1] if self.at else 1

    def peek(self, ahead: int = 0) -> str:
        """Look at a word to come; empty at the end. A quoted word never reads as a keyword or sign."""
        return self.seen[self.at + ahead]

    def next(self) -> str:
        """Take the next word, without its quotation; empty at the end."""
        at = self.at
        if at >= len(self.lines):
            return ""
        self.at = at + 1
        word = self.seen[at]
        return word.removeprefix('"')

    def take(self, text: str) -> bool:
        """Take the next word if it is this one."""
        if self.seen[self.at] != text:
            return False
        self.at += 1
        return True

    def skip_ends(self) -> None:
        """Skip ends of lines, inside of braces."""
        while self.seen[self.at] == "\n":
            self.at += 1

    def ends_statement(self) -> bool:
        """Tell whether a rule ends here; the brace that closes its chain ends it too."""
        return self.seen[self.at] in _ENDS

    def until(self, sign: str) -> list[str] | None:
        """Take the words of this line up to a sign, and the sign; None (and nothing taken) when it is not there."""
        for at in range(self.at, len(self.lines)):
            if self.seen[at] == sign:
                taken = [self.next() for _ in range(self.at, at)]
                self.skip(1)
                return taken
            if self.seen[at] == "\n":
                return None
        return None

    def rest_of_line(self) -> list[str]:
        """Take the words up to the end of the line."""
        taken = []
        while not self.over and self.peek() != "\n":
            taken.append(self.next())
        return taken

    def rest_of_statement(self) -> list[str]:
        """Take the words up to where the statement ends, braces as a whole."""
        taken: list[str] = []
        depth = 0
        while not self.over and (depth or not self.ends_statement()):
            depth += (self.peek() == "{") - (self.peek() == "}")
            taken.append(self.next())
        return taken

    def skip(self, count: int) -> None:
        """Skip words that are there."""
        self.at += count

    def skip_line(self) -> None:
        """Skip to the end of the line."""
        self.rest_of_line()

    def skip_statement(self) -> None:
        """Skip a statement that is not understood, and at least one word."""
        if not self.rest_of_statement() and not self.over:
            self.next()

    def skip_block(self) -> None:
        """Skip to the brace that closes the one just taken."""
        depth = 1
        while depth and not self.over:
            depth += (self.peek() == "{") - (self.peek() == "}")
            self.next()
