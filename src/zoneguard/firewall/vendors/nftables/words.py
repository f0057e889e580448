"""The words of a listing, read one after the other."""

from __future__ import annotations

from typing import Any, NamedTuple


class Word(NamedTuple):
    """One word, sign or end of line."""

    text: str
    line: int
    quoted: bool


_END = Word("", 0, quoted=False)
_ENDS = frozenset({"\n", ";", "}"})
_FARTHEST = 3  # words ahead that a reader looks at


class Words:
    """A place in the words of a file. Ends of lines count, except inside of braces and brackets of elements."""

    def __init__(self, words: list[Word]) -> None:
        self.words = words
        # What `peek` says, with room behind the end: it is asked ten times a word.
        self.seen = [f'"{text}' if quoted else text for text, _, quoted in words] + [""] * (_FARTHEST + 1)
        self.at = 0
        self.last_line = 1
        self.nested = 0
        self.matches: dict[tuple[str, ...], dict[str, Any]] = {}  # comparisons read before, by their words

    @property
    def over(self) -> bool:
        """Tell whether there is nothing more."""
        return self.at >= len(self.words)

    @property
    def line(self) -> int:
        """Give the line of the next word."""
        return self.words[self.at].line if not self.over else self.last_line

    def peek(self, ahead: int = 0) -> str:
        """Look at a word to come; empty at the end. A quoted word never reads as a keyword or sign."""
        return self.seen[self.at + ahead]

    def next(self) -> Word:
        """Take the next word."""
        if self.over:
            return _END
        word = self.words[self.at]
        self.at += 1
        self.last_line = word.line
        return word

    def take(self, text: str) -> bool:
        """Take the next word if it is this one."""
        if self.seen[self.at] != text or self.over:
            return False
        self.next()
        return True

    def skip_ends(self) -> None:
        """Skip ends of lines, inside of braces."""
        while self.seen[self.at] == "\n":
            self.next()

    def ends_statement(self) -> bool:
        """Tell whether a rule ends here; the brace that closes its chain ends it too."""
        return self.seen[self.at] in _ENDS or self.over

    def until(self, sign: str) -> list[Word] | None:
        """Take the words of this line up to a sign, and the sign; None (and nothing taken) when it is not there."""
        taken: list[Word] = []
        ahead = 0
        while self.at + ahead < len(self.words):
            word = self.words[self.at + ahead]
            if not word.quoted and word.text == sign:
                self.at += ahead + 1
                self.last_line = word.line
                return taken
            if word.text == "\n":
                return None
            taken.append(word)
            ahead += 1
        return None

    def rest_of_line(self) -> list[Word]:
        """Take the words up to the end of the line."""
        taken = []
        while not self.over and self.peek() != "\n":
            taken.append(self.next())
        return taken

    def rest_of_statement(self) -> list[Word]:
        """Take the words up to where the statement ends, braces as a whole."""
        taken: list[Word] = []
        depth = 0
        while not self.over and (depth or not self.ends_statement()):
            word = self.next()
            if not word.quoted:
                depth += (word.text == "{") - (word.text == "}")
            taken.append(word)
        return taken

    def skip(self, count: int) -> None:
        """Skip words that are there."""
        self.at += count
        self.last_line = self.words[self.at - 1].line

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
            word = self.next()
            if not word.quoted:
                depth += (word.text == "{") - (word.text == "}")
