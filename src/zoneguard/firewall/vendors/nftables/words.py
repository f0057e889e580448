"""The words of a listing, read one after the other."""

from __future__ import annotations

from typing import NamedTuple


class Word(NamedTuple):
    """One word, sign or end of line."""

    text: str
    line: int
    quoted: bool


_END = Word("", 0, quoted=False)


class Words:
    """A place in the words of a file. Ends of lines count, except inside of braces and brackets of elements."""

    def __init__(self, words: list[Word]) -> None:
        self.words = words
        self.at = 0
        self.last_line = 1
        self.nested = 0

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
        if self.at + ahead >= len(self.words):
            return ""
        word = self.words[self.at + ahead]
        return f'"{word.text}' if word.quoted else word.text

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
        if self.peek() == text and not self.over:
            self.next()
            return True
        return False

    def skip_ends(self) -> None:
        """Skip ends of lines, inside of braces."""
        while self.peek() == "\n":
            self.next()

    def ends_statement(self) -> bool:
        """Tell whether a rule ends here; the brace that closes its chain ends it too."""
        return self.over or self.peek() in {"\n", ";", "}"}

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
