"""The bit-field expressions of `tcp-flags`, as sets of flag octets."""

from __future__ import annotations

import re

from zoneguard.net.service import ALL_FLAGS, flags_matching

LONGEST = 200  # signs of one expression

_BITS = {"ack": 0x10, "fin": 0x01, "push": 0x08, "rst": 0x04, "syn": 0x02, "urgent": 0x20}
_PART = re.compile(r"\s*([&|!,+()]|[a-z]+|0x[0-9a-f]{1,2})", re.IGNORECASE)
_BINDS = {"|": 1, "&": 2, "!": 3}


class FlagsError(ValueError):
    """The expression is none that Junos takes."""


def flags_of(text: str) -> int:
    """Give the flag octets for which `syn & !ack` or the like holds. Raises FlagsError."""
    output: list[int] = []
    waiting: list[str] = []
    for part in _parts(text):
        if part == "(":
            waiting.append(part)
        elif part == ")":
            while waiting and waiting[-1] != "(":
                _apply(waiting.pop(), output)
            if not waiting:
                raise FlagsError(f"tcp-flags {text}")
            waiting.pop()
        elif part in _BINDS:
            while part != "!" and waiting and _BINDS.get(waiting[-1], 0) >= _BINDS[part]:
                _apply(waiting.pop(), output)
            waiting.append(part)
        else:
            output.append(_bit(part))
    while waiting:
        _apply(waiting.pop(), output)
    if len(output) != 1:
        raise FlagsError(f"tcp-flags {text}")
    return output[0]


def _parts(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    bare = text.strip()
    while at < len(bare):
        part = _PART.match(bare, at)
        if part is None or len(found) > LONGEST:
            raise FlagsError(f"tcp-flags {text}")
        found.append({",": "|", "+": "&"}.get(part[1], part[1].lower()))
        at = part.end()
    return found


def _bit(part: str) -> int:
    number = int(part, 16) if part.startswith("0x") else _BITS.get(part)
    if number is None:
        raise FlagsError(f"tcp-flags {part}")
    return flags_matching(number, number)


def _apply(sign: str, output: list[int]) -> None:
    if sign == "(" or len(output) < (1 if sign == "!" else 2):
        raise FlagsError(f"tcp-flags {sign}")
    if sign == "!":
        output.append(ALL_FLAGS & ~output.pop())
        return
    right, left = output.pop(), output.pop()
    output.append(left & right if sign == "&" else left | right)
