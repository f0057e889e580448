"""Dialogues of lines and numbered replies, as SMTP and FTP hold them (RFC 5321 section 4.2, RFC 959 section 4.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE = re.compile(rb"([1-5][0-9]{2})([ -]|\r?\n|$)")
_MOST_LINE = 1 << 16
_MOST_LINES = 200_000


class Replies:
    """The replies of a server, in the order of the commands they answer."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.at = 0
        self.broken = False

    def take(self) -> int | None:
        """Take the next reply, of however many lines; None where there is none, or what is there is no reply."""
        code = None
        for _ in range(_MOST_LINES):
            end = self.octets.find(b"\n", self.at, self.at + _MOST_LINE)
            if end < 0:
                return None
            match = _CODE.match(self.octets, self.at, end + 1)
            if match is None and code is None:
                self.broken = True
                return None
            self.at = end + 1
            if match is not None and code is None:
                code = int(match.group(1))
            if match is not None and int(match.group(1)) == code and match.group(2) != b"-":
                return code
        return None


def lines(octets: bytes, at: int = 0) -> Iterator[tuple[bytes, int]]:
    """Give each line without its end, and the offset behind it."""
    for _ in range(_MOST_LINES):
        end = octets.find(b"\n", at, at + _MOST_LINE)
        if end < 0:
            return
        yield octets[at:end].rstrip(b"\r"), end + 1
        at = end + 1
