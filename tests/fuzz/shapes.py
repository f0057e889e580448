"""Damage that keeps an export readable: whole blocks, elements, values and cells moved, doubled, lost or exchanged."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

# Formats whose text is more than lines of words; every other one is damaged by lines.
TREES = {"aws": "json", "azure": "json", "panos": "xml", "pfsense": "xml", "csv": "table"}
WORDS = (
    "any", "all", "none", "", "0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0.1-9.0.0.1", "255.255.0.255", "1-65535", "65536",
    "-1", "9" * 20, "1" * 5000, "²", "１２", "x" * 300, "*", "!", "tcp", "icmp", "permit", "deny", "disable", "令和8年",
)  # fmt: skip
VALUES = (None, True, -1, 0, 65536, 10**30, 1.5, [], {}, [None], [[]], {"": ""}, *WORDS)


def reshaped(random: Random, text: str, shape: str, times: int) -> str:
    """Damage a text in some places as its shape has it; a text that is not of the shape is damaged by lines."""
    damage: dict[str, Callable[[Random, str, int], str]] = {"json": _json, "xml": _xml, "table": _table}
    try:
        return damage.get(shape, _lines)(random, text, times)
    except (ValueError, RecursionError, ET.ParseError):
        return _lines(random, text, times)


def _lines(random: Random, text: str, times: int) -> str:
    for _ in range(times):
        text = _line(random, text)
    return text


def _line(random: Random, text: str) -> str:
    """Move a run of lines with the block that it opens, or change one word of a line."""
    lines = text.split("\n")
    at = random.randrange(len(lines))
    if random.random() < 0.5:
        words = re.split(r"(\s+)", lines[at])
        chosen = random.randrange(0, len(words), 2)
        words[chosen] = random.choice((random.choice(WORDS), random.choice(re.split(r"\s+", text[:4000]))))
        lines[at] = "".join(words)
        return "\n".join(lines)
    end = _block_end(lines, at)
    block = lines[at:end]
    kind = random.randrange(4)
    if kind == 0:
        return "\n".join([*lines[:at], *lines[end:]])
    if kind == 1:
        return "\n".join([*lines[:at], *block * random.choice((2, 2, 3, 40)), *lines[end:]])
    rest = [*lines[:at], *lines[end:]] if kind == 2 else lines
    to = random.randrange(len(rest) + 1)
    return "\n".join([*rest[:to], *block, *rest[to:]])


def _block_end(lines: list[str], at: int) -> int:
    """Find where the block ends that a line opens: by braces, else by what is indented further."""
    depth = lines[at].count("{") - lines[at].count("}")
    indent = len(lines[at]) - len(lines[at].lstrip())
    for end in range(at + 1, min(len(lines), at + 400)):
        if depth <= 0 and len(lines[end]) - len(lines[end].lstrip()) <= indent:
            # `next`, `end` and `exit` close a block at the indent of what opened it.
            return end + (lines[end].split() in (["next"], ["end"], ["exit"]))
        depth += lines[end].count("{") - lines[end].count("}")
    return at + 1


def _json(random: Random, text: str, times: int) -> str:
    document = json.loads(text)
    for _ in range(times):
        _branch(random, document)
    return json.dumps(document, ensure_ascii=False, indent=1)


def _branch(random: Random, document: Any) -> None:
    inner = [one for one in _walk(document) if one]
    if not inner:
        raise ValueError("Nothing to damage.")
    parent = random.choice(inner)
    keys = list(range(len(parent))) if isinstance(parent, list) else list(parent)
    key, other = random.choice(keys), random.choice(inner)
    kind = random.randrange(6)
    if kind == 0:
        del parent[key]
    elif kind == 1:
        parent[key] = random.choice(VALUES)
    elif kind == 2:
        parent[key] = random.choice(list(other) if isinstance(other, list) else list(other.values()))
    elif kind == 3 and isinstance(parent, list):
        parent *= random.choice((2, 3, 40))
    elif kind == 4 and isinstance(parent, dict):
        parent[random.choice(WORDS)] = parent.pop(key)
    else:
        parent[key] = [parent[key]]


def _walk(value: Any) -> list[Any]:
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, (list, dict)):
            found.append(one)
            waiting += one if isinstance(one, list) else one.values()
        if len(found) > 5000:  # a value that was put below itself
            raise ValueError("Too much of it.")
    return found


def _xml(random: Random, text: str, times: int) -> str:
    root = ET.fromstring(text)  # noqa: S314 - our own samples
    for _ in range(times):
        _element(random, root)
    return ET.tostring(root, encoding="unicode")


def _element(random: Random, root: ET.Element) -> None:
    every = list(root.iter())
    parents = [one for one in every if len(one)]
    if not parents:
        raise ValueError("Nothing to damage.")
    parent, other = random.choice(parents), random.choice(every)
    child = random.choice(list(parent))
    kind = random.randrange(7)
    if kind == 0:
        parent.remove(child)
    elif kind == 1:
        other.text = random.choice(WORDS)
    elif kind == 2:
        for _ in range(random.choice((1, 2, 40))):
            parent.append(child)
    elif kind == 3 and root not in (child, other) and child not in other.iter():
        other.append(child) if other not in child.iter() else None
    elif kind == 4:
        child.tag = random.choice(every).tag
    elif kind == 5:
        child.text, other.text = other.text, child.text
    else:
        parent[:] = random.sample(list(parent), len(parent))


def _table(random: Random, text: str, times: int) -> str:
    rows = [line.split(",") for line in text.split("\n")]
    for _ in range(times):
        _row(random, rows)
    return "\n".join(",".join(row) for row in rows)


def _row(random: Random, rows: list[list[str]]) -> None:
    """Change a cell, or the order, number or copies of rows; the heading stays more often than not."""
    at = random.randrange(len(rows))
    kind = random.randrange(5)
    if kind < 3:
        cell = random.randrange(len(rows[at]))
        rows[at][cell] = random.choice(WORDS) if kind else random.choice(random.choice(rows))
    elif kind == 3:
        rows.insert(random.randrange(len(rows)), rows[at])
    elif len(rows) > 1:
        del rows[at]
