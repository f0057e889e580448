"""The text of a FortiOS configuration as tables of entries in file order, every setting with its lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.secrets import REDACTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.export import Export

DEEPEST = 12  # FortiOS nests four deep
MOST_MOVED = 10_000_000  # entries that moves of all tables may pass over together

_WORD = re.compile(
    r"""\s*((?:"[^"\\]*(?:\\(?:.|$)[^"\\]*)*"|'[^']*'|\\(?:.|$)|[^\s"'\\]|')+)"""
)  # the pieces of a word touch; a single quote without its fellow stands for itself
_PIECE = re.compile(r""""([^"\\]*(?:\\(?:.|$)[^"\\]*)*)"|'([^']*)'|\\(.)|([^"'\\]+)|(.)""")
_TO_QUOTE = re.compile(r'[^"\\]*(?:\\(?:.|$)[^"\\]*)*"')
_ESCAPED = re.compile(r"\\(.)")
_PROMPT = re.compile(r"^\S{1,64}(?: \([^)]{1,64}\))? [#$](?: |$)")

# Settings that hold a secret under names that no other format uses.
_SECRET_KEY = re.compile(
    r"(?i)(?:passw(?:or)?d\d?|passphrase|secret\d?|pwd\d?|psk|psksecret-\w+|private-key|auth-?key|enc-?key|api-key"
    r"|access-key|secret-key|server-key|md5-key|authentication-key|key\d?|key-string|seed|token|ssh-public-key\d"
    r"|sso-password|group-name-secret|wep-?key\d?|pac-key|salt|fixed-key)$"
)
_NO_SECRET = frozenset({"enable", "disable", "optional", "none", "default"})


@dataclass(slots=True)
class Setting:
    """One `set`: its values, and the lines from first to last that it takes."""

    words: tuple[str, ...]
    first: int
    last: int


@dataclass(slots=True)
class Entry:
    """What stands between `edit` and `next`, or directly in a table."""

    name: str
    line: int
    settings: dict[str, Setting] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    frame: list[int] = field(default_factory=list)  # its edit and next lines
    replaced: list[Setting] = field(
        default_factory=list
    )  # earlier settings that a later one took the place of
    strays: list[int] = field(default_factory=list)  # lines in it that are no command

    def words(self, key: str) -> tuple[str, ...]:
        """Give the values of a setting; none when it is not set."""
        found = self.settings.get(key)
        return found.words if found else ()

    def word(self, key: str, default: str = "") -> str:
        """Give the first value of a setting."""
        return next(iter(self.words(key)), default)

    def on(self, key: str) -> bool:
        """Tell whether a setting says `enable`."""
        return self.word(key) == "enable"

    def line_of(self, key: str) -> int:
        """Give the line of a setting, or of the entry when it is not set."""
        found = self.settings.get(key)
        return found.first if found else self.line


@dataclass(slots=True)
class Table:
    """What stands between `config` and `end`; several blocks of one path are one table."""

    path: str
    line: int
    body: Entry
    entries: dict[str, Entry] = field(default_factory=dict)
    blocks: list[tuple[int, int]] = field(default_factory=list)  # first and last line of each
    frame: list[int] = field(default_factory=list)  # its config and end lines, and moves
    highest: int = 0  # the highest number of an entry


class _Command(NamedTuple):
    words: list[str]
    first: int
    last: int


class Tree(NamedTuple):
    """A whole configuration; `unclosed` are lines on which a quotation begins that never ends."""

    root: Entry
    comments: list[int]
    unclosed: list[int]
    head: str  # the #config-version line


def read(export: Export) -> Tree:
    """Read every line of an export once; what is no command is a stray of the entry it stands in."""
    reading = _Reading(export)
    for command in reading.commands():
        reading.take(command)
    reading.close(len(export.lines))
    return Tree(reading.root, reading.comments, reading.unclosed, reading.head)


class _Reading:
    def __init__(self, export: Export) -> None:
        self.export = export
        self.root = Entry(name="", line=1)
        self.comments: list[int] = []
        self.unclosed: list[int] = []
        self.head = ""
        self.open: list[
            tuple[Table, Entry | None, int]
        ] = []  # table, its open entry, first line of the block
        self.moved = 0

    def commands(self) -> Iterator[_Command]:
        at, lines = 0, self.export.lines
        while at < len(lines):
            line = lines[at]
            first = at + 1
            stripped = line.strip()
            if not stripped or stripped[0] == "#" or _PROMPT.match(stripped):
                self.comments.append(first)
                if stripped.startswith("#config-version=") and not self.head:
                    self.head = stripped
                at += 1
                continue
            words, last = self._words(at)
            at = last
            yield _Command(words, first, last)

    def _words(self, at: int) -> tuple[list[str], int]:
        """Split a line into words, with the lines that a quotation on it reaches into; 1-based last line."""
        words: list[str] = []
        line, lines, place = self.export.lines[at], self.export.lines, 0
        if REDACTED in line and line.rstrip().endswith("KEY-----"):
            return self._private_key(at)
        last = at
        while True:
            found = _WORD.match(line, place)
            if found:
                words.append(_plain(found[1]))
                place = found.end()
                continue
            rest = line[place:].lstrip()
            if not rest:
                return words, last + 1
            # What is left begins a quotation that does not end on this line.
            value = [rest.lstrip('"')]
            following = last + 1
            while following < len(lines) and not (end := _TO_QUOTE.match(lines[following])):
                value.append(lines[following])
                following += 1
            if following == len(lines):
                self.unclosed.append(at + 1)
                words.append(value[0])
                return words, last + 1
            assert end is not None  # noqa: S101 - the loop above ended by it
            value.append(end[0][:-1])
            words.append("\n".join(value))
            line, place, last = lines[following], end.end(), following

    def _private_key(self, at: int) -> tuple[list[str], int]:
        """Take a key whose opening quotation mark went away with its first word; put its lines away as well."""
        lines, last = self.export.lines, at + 1
        while last < len(lines) and '"' not in lines[last]:
            last += 1
        last = min(last, len(lines) - 1)
        words = lines[at].split()[:2]
        for line in range(at + 1, last + 1):
            self.export.redact(line + 1, lines[line].strip())
        return [*words, REDACTED], last + 1

    def take(self, command: _Command) -> None:
        words = command.words
        verb = words[0] if words else ""
        if verb == "config" and len(words) > 1 and len(self.open) < DEEPEST:
            self._config(" ".join(words[1:]), command.first)
        elif verb == "end" and self.open:
            self.close_table(command.first)
        elif verb == "edit" and len(words) > 1 and self.open:
            self._edit(words[1], command.first)
        elif verb == "next" and self.open and self.open[-1][1] is not None:
            table, entry, first = self.open[-1]
            assert entry is not None  # noqa: S101 - asked above
            entry.frame.append(command.first)
            self.open[-1] = (table, None, first)
        elif verb in ("set", "append", "select", "unset", "unselect") and len(words) > 1 and self.open:
            self._set(verb, words, command)
        elif verb in ("move", "delete", "clone", "rename") and self.open:
            self._rearrange(words, command.first)
        else:
            self.here().strays.extend(range(command.first, command.last + 1))

    def here(self) -> Entry:
        if not self.open:
            return self.root
        table, entry, _ = self.open[-1]
        return entry or table.body

    def _config(self, path: str, line: int) -> None:
        tables = self.here().tables
        if path not in tables:
            tables[path] = Table(path=path, line=line, body=Entry(name=path, line=line))
        tables[path].frame.append(line)
        self.open.append((tables[path], None, line))

    def close_table(self, line: int) -> None:
        table, _, first = self.open.pop()
        table.frame.append(line)
        table.blocks.append((first, line))

    def close(self, last: int) -> None:
        while self.open:
            table, _, first = self.open.pop()
            table.blocks.append((first, last))

    def _edit(self, name: str, line: int) -> None:
        table, _, first = self.open[-1]
        if name == "0" and table.path.endswith(("policy", "policy6", "static", "snat-map")):
            name = str(table.highest + 1)  # `edit 0` makes the next free one
        if name.isdecimal() and name.isascii() and len(name) < 12:
            table.highest = max(table.highest, int(name))
        entry = table.entries.get(name)
        if entry is None:
            entry = table.entries[name] = Entry(name=name, line=line)
        entry.frame.append(line)
        self.open[-1] = (table, entry, first)

    def _set(self, verb: str, words: list[str], command: _Command) -> None:
        entry, key = self.here(), words[1]
        values = tuple(self._hidden(entry, key, words[2:], command))
        before = entry.settings.pop(key, None)
        if before is not None:
            entry.replaced.append(before)
        old = before.words if before else ()
        if verb == "append":
            values = old + values
        elif verb == "unselect":
            values = tuple(one for one in old if one not in set(values))
        if verb == "unset":  # its default again; the line itself decides nothing more
            entry.replaced.append(Setting((), command.first, command.last))
        else:
            entry.settings[key] = Setting(values, command.first, command.last)

    def _hidden(self, entry: Entry, key: str, values: list[str], command: _Command) -> list[str]:
        community = key == "name" and bool(self.open) and self.open[-1][0].path == "system snmp community"
        if "ENC" in values[:1] or community or _SECRET_KEY.search(key):
            if (values and values[0] in _NO_SECRET) or entry is self.root:
                return values
            for secret in (one for value in values for one in value.splitlines() if one != "ENC"):
                for line in range(command.first, command.last + 1):
                    if len(secret) > 1 and secret in self.export.lines[line - 1]:
                        self.export.redact(line, secret)
            return [REDACTED]
        return values

    def _rearrange(self, words: list[str], line: int) -> None:
        table, entry, _ = self.open[-1]
        entries = table.entries
        self.moved += len(entries)
        if entry is not None or self.moved > MOST_MOVED or len(words) < 2 or words[1] not in entries:
            self.here().strays.append(line)
        elif words[0] == "delete":
            gone = entries.pop(words[1])
            table.frame += [line, *gone.frame, *gone.strays]
            for one in (*gone.settings.values(), *gone.replaced):
                table.frame += range(one.first, one.last + 1)
        elif words[0] == "move" and len(words) == 4 and words[3] in entries and words[1] != words[3]:
            order = [name for name in entries if name != words[1]]
            order.insert(order.index(words[3]) + (words[2] == "after"), words[1])
            table.entries = {name: entries[name] for name in order}
            table.frame.append(line)
        elif words[0] == "clone" and len(words) == 4 and words[3] not in entries:
            model = entries[words[1]]
            entries[words[3]] = Entry(
                name=words[3], line=line, settings=dict(model.settings), tables=model.tables, frame=[line]
            )
        elif words[0] == "rename" and len(words) == 4 and words[3] not in entries:
            entries[words[1]].name = words[3]
            table.entries = {renamed.name: renamed for renamed in entries.values()}
            table.frame.append(line)
        else:
            self.here().strays.append(line)


def _plain(word: str) -> str:
    """Take the quotation marks and escapes off a word."""
    if '"' not in word and "\\" not in word and "'" not in word:
        return word
    if word[0] == '"' and word.find('"', 1) == len(word) - 1 and "\\" not in word:
        return word[1:-1]
    made = []
    for double, single, escaped, bare, rest in _PIECE.findall(word):
        made.append(_ESCAPED.sub(r"\1", double) or single or escaped or bare or rest.strip('"'))
    return "".join(made)
