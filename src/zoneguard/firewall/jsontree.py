"""JSON exports as a tree in file order, each value with its lines; bounded depth, no recursion."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from zoneguard.firewall.secrets import REDACTED, tells_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.export import Export

DEEPEST = 128
MOST_VALUES = 5_000_000

_TOKEN = re.compile(
    r'(?P<blank>[\s,]+)|(?P<sign>[{}\[\]:])|(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<word>[^\s,{}\[\]:"]+)'
)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class JsonRefusedError(ValueError):
    """The text is not JSON that an export may hold; `line` says where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True, eq=False)
class Value:
    """A value with its first and last line."""

    data: Data
    line: int
    last_line: int = 0

    def get(self, *path: str) -> Value | None:
        """Give the value at a path of keys, whatever their case; None when there is none."""
        at: Value | None = self
        for key in path:
            held = at.data if at is not None and isinstance(at.data, dict) else {}
            at = held.get(key) or next(
                (one for name, one in held.items() if name.lower() == key.lower()), None
            )
        return at

    def each(self, *path: str) -> list[Value]:
        """Give the members of the list at a path; one value that is no list counts as a list of one."""
        at = self.get(*path)
        if at is None or at.data is None:
            return []
        return at.data if isinstance(at.data, list) else [at]

    def text(self, *path: str) -> str:
        """Give the text or number at a path as text; empty when there is none."""
        at = self.get(*path)
        if at is None or isinstance(at.data, dict | list) or at.data is None:
            return ""
        return str(at.data)

    def pairs(self) -> Iterator[tuple[str, Value]]:
        """Yield the keys of an object with their values."""
        if isinstance(self.data, dict):
            yield from self.data.items()


Data: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"


def read(text: str) -> Value:
    """Read a document; commas count as blanks, as a redacted line may have lost one.

    Raises JsonRefusedError, with the line, for what is no JSON otherwise.
    """
    return _Reading(text).value()


def put_away(export: Export, root: Value) -> None:
    """Put away every text below a key that names a secret, and the value of a tag whose key does.

    What a line spells otherwise than expected goes out of sight with its whole line.
    """
    waiting = [(root, False)]
    while waiting:
        value, is_secret = waiting.pop()
        if isinstance(value.data, list):
            waiting += [(one, is_secret) for one in value.data]
        elif isinstance(value.data, dict):
            tagged = tells_secret(value.text("Key") or value.text("Name"))
            for key, one in value.data.items():
                holds = key.lower() in _HOLDING and (is_secret or tagged)
                below = isinstance(one.data, dict | list) and is_secret
                waiting.append((one, holds or below or tells_secret(key)))
        elif is_secret and isinstance(value.data, str) and value.data not in ("", REDACTED):
            _put_away(export, value, value.data)


# Of what stands below a secret's name, these hold it; its type or description do not.
_HOLDING = frozenset(("value", "defaultvalue", "secretvalue"))


def _put_away(export: Export, value: Value, text: str) -> None:
    line = export.lines[value.line - 1]
    for written in (json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1]):
        if written in line:
            export.redact(value.line, written)
            break
    else:
        export.lines[value.line - 1] = REDACTED
        export.redacted += 1
    value.data = REDACTED


class _Reading:
    def __init__(self, text: str) -> None:
        self.text = text
        self.line = 1
        self.open: list[Value] = []
        self.keys: list[str | None] = []
        self.root: Value | None = None
        self.count = 0

    def value(self) -> Value:
        at = 0
        while at < len(self.text):
            found = _TOKEN.match(self.text, at)
            if found is None:
                raise JsonRefusedError("a quotation that never ends", self.line)
            if found.lastgroup == "sign":
                self._sign(found[0])
            elif found.lastgroup != "blank":
                self._scalar(found)
            self.line += self.text.count("\n", at, found.end())
            at = found.end()
        if self.open or self.root is None:
            raise JsonRefusedError("it ends before it is complete", self.line)
        return self.root

    def _sign(self, sign: str) -> None:
        if sign in "{[":
            if len(self.open) >= DEEPEST:
                raise JsonRefusedError("too deep", self.line)
            made = Value({} if sign == "{" else [], self.line)
            self._add(made)
            self.open.append(made)
            self.keys.append(None)
        elif sign == ":":
            if not self.open or self.keys[-1] is None:
                raise JsonRefusedError("a colon without a key", self.line)
        else:
            wanted = dict if sign == "}" else list
            if not self.open or not isinstance(self.open[-1].data, wanted) or self.keys[-1] is not None:
                raise JsonRefusedError(f"{sign!r} out of place", self.line)
            self.open.pop().last_line = self.line
            self.keys.pop()

    def _scalar(self, found: re.Match[str]) -> None:
        word = found[0]
        if found.lastgroup == "text":
            try:
                data: Data = json.loads(word, strict=False)
            except ValueError:
                raise JsonRefusedError("a text that cannot be read", self.line) from None
            if self.open and isinstance(self.open[-1].data, dict) and self.keys[-1] is None:
                self.keys[-1] = str(data)
                return
        elif word in _WORDS:
            data = _WORDS[word]
        else:
            try:
                data = int(word) if len(word) < 40 else float(word)
            except ValueError:
                try:
                    data = float(word)
                except ValueError:
                    raise JsonRefusedError(f"{word[:40]!r} out of place", self.line) from None
        self._add(Value(data, self.line, self.line))

    def _add(self, made: Value) -> None:
        self.count += 1
        if self.count > MOST_VALUES:
            raise JsonRefusedError("too many values", self.line)
        if not self.open:
            if self.root is not None:
                raise JsonRefusedError("more than one value", self.line)
            self.root = made
            return
        holder = self.open[-1].data
        if isinstance(holder, list):
            holder.append(made)
        elif isinstance(holder, dict):
            key = self.keys[-1]
            if key is None:
                raise JsonRefusedError("a value without a key", self.line)
            holder[key] = made
            self.keys[-1] = None
