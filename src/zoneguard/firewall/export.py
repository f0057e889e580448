"""The text of an export, line by line: each ends in a stated state, and secrets are out of sight before a parser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.firewall.model import Fault, LineState, Place
from zoneguard.firewall.secrets import REDACTED, put_away_all

if TYPE_CHECKING:
    from zoneguard.text import Text

MOST_OCTETS = 256 * 1024 * 1024
MOST_LINES = 4_000_000
WHOLE_WORD = 4  # characters; a shorter secret is put away only where it is a word of its own
SHOWN = 160  # characters of a line that a place repeats


@dataclass(slots=True)
class Export:
    """One export being read. Parsers mark each line as they understand it; what they never mark is unknown."""

    file: str
    lines: list[str]  # secrets redacted, line ends removed
    redacted: int = 0
    faults: list[Fault] = field(default_factory=list)
    _states: list[LineState | None] = field(default_factory=list)

    @classmethod
    def of(cls, file: str, octets: bytes) -> Export:
        """Decode and redact; UTF-8 with or without mark, UTF-16 with mark, else cp932, EUC-JP or Latin-1."""
        found = put_away_all(decode(octets))
        return cls(
            file=file,
            lines=[line for line, _ in found],
            redacted=sum(count for _, count in found),
            _states=[None] * len(found),
        )

    def place(self, number: int) -> Place:
        """Give the place of a line, counted from 1."""
        text = self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""
        return Place(
            file=self.file, line=number, text=text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
        )

    def mark(self, number: int, state: LineState) -> None:
        """State what became of a line; the worse of two states stays."""
        before = self._states[number - 1]
        if before is None or (before is not state and _ORDER[state] > _ORDER[before]):
            self._states[number - 1] = state

    def is_marked(self, number: int) -> bool:
        """Tell whether anything was stated of a line yet."""
        return self._states[number - 1] is not None

    def fault(self, number: int, state: LineState, message: Text) -> None:
        """State that a line was not understood, and what follows from it."""
        self.mark(number, state)
        self.faults.append(Fault(place=self.place(number), state=state, message=message))

    def redact(self, number: int, secret: str) -> None:
        """Put a secret of this format out of sight, in the line and so in every place that repeats it."""
        if secret and secret != REDACTED:
            before = self.lines[number - 1]
            if len(secret) < WHOLE_WORD:  # part of many a word, and put away there it would tell what it is
                self.lines[number - 1] = re.sub(
                    rf"(?<!\w){re.escape(secret)}(?!\w)", lambda _: REDACTED, before
                )
            else:
                self.lines[number - 1] = before.replace(secret, REDACTED)
            self.redacted += 1

    def states(self) -> tuple[LineState, ...]:
        """Give what became of each line; a line that nobody marked is irrelevant when blank, else unknown."""
        return tuple(
            state or (LineState.UNKNOWN if line.strip() else LineState.IRRELEVANT)
            for state, line in zip(self._states, self.lines, strict=True)
        )


_ORDER = {state: at for at, state in enumerate((*LineState,))}


def decode(octets: bytes) -> str:
    """Decode an export as Japanese sites write them; never fails."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if octets.startswith(mark):
            return octets.decode(encoding, "replace")
    for encoding in ("utf-8", "cp932", "euc_jp"):
        try:
            return octets.decode(encoding)
        except UnicodeDecodeError:
            continue
    return octets.decode("latin-1")
