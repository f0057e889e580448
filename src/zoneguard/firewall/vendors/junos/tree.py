"""A Junos configuration as one tree of words, whether it came in braces or as `set` commands.

Every word is a node: `source-address [ a b ];`, two `set … source-address` lines and a block of two statements
are the same. What a reader takes is marked as used, so that what nobody took is known in the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.firewall.model import LineState
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zoneguard.firewall.export import Export

DEEPEST = 64  # words of one statement with all the blocks around it; Junos itself needs about 20


@dataclass(slots=True, eq=False)
class Node:
    """One word; `line` is where it first stands. A copy that a group made has the group's node as `origin`."""

    word: str
    line: int
    parent: Node | None = None
    children: dict[str, Node] = field(default_factory=dict)
    inactive: bool = False
    used: bool = False
    comment: str = ""
    origin: Node | None = None

    def child(self, word: str, line: int) -> Node:
        """Give the child of that word, made if there is none."""
        found = self.children.get(word)
        if found is None:
            found = self.children[word] = Node(word, line, self)
        return found

    def use(self) -> Node:
        """State that a reader took this word."""
        self.used = True
        if self.origin is not None:
            self.origin.used = True
        return self

    def get(self, *path: str) -> Node | None:
        """Give the node at a path of words, taken with all on the way; None when there is none or it is inactive."""
        at: Node | None = self
        for word in path:
            at = at.children.get(word) if at else None
            if at is None or at.inactive:
                return None
            at.use()
        return at

    def each(self, *path: str) -> list[Node]:
        """Give the active words below a path, in their order, all taken."""
        at = self.get(*path)
        return [one.use() for one in at.children.values() if not one.inactive] if at else []

    def every(self, *path: str) -> list[Node]:
        """Give the words below a path, inactive ones too."""
        at: Node | None = self
        for word in path:
            at = at.children.get(word) if at else None
            if at is not None:
                at.use()
        return [one.use() for one in at.children.values()] if at else []

    def words(self, *path: str) -> list[str]:
        """Give the texts of the active words below a path."""
        return [one.word for one in self.each(*path)]

    def word_at(self, *path: str) -> str:
        """Give the one value at a path; of several the device's own before a group's, the last before the first."""
        found = self.each(*path)
        own = [one for one in found if one.origin is None]
        return own[-1].word if own else found[0].word if found else ""

    def has(self, *path: str) -> bool:
        """Tell whether there is something at a path."""
        return self.get(*path) is not None

    def path(self) -> list[str]:
        """Give the words from the root to this one."""
        found: list[str] = []
        at: Node | None = self
        while at is not None and at.parent is not None:
            found.append(at.word)
            at = at.parent
        return found[::-1]

    @property
    def is_off(self) -> bool:
        """Tell whether this word or anything around it is inactive."""
        at: Node | None = self
        while at is not None:
            if at.inactive:
                return True
            at = at.parent
        return False


@dataclass(slots=True)
class Tree:
    """A configuration: its root, and for each statement its line and the word it ends in."""

    root: Node = field(default_factory=lambda: Node("", 1))
    statements: list[tuple[int, Node]] = field(default_factory=list)


_SET = re.compile(
    r"^(?:set|activate|deactivate|protect|unprotect|annotate|delete|insert|rename|copy|edit|top|up|exit)\b"
)
_EDITING = frozenset({"delete", "insert", "rename", "copy", "edit", "top", "up", "exit", "annotate"})
_PROMPT = re.compile(r"^\s*(?:\{[\w:-]+\}(?:\[edit.*\])?|\[edit.*\]|[\w.-]+@[\w.-]+[>#%].*)\s*$")
_WORD = re.compile(r'"(?:[^"\\\n]|\\.)*"|[\[\]]|[^\s"\[\]]+|"')
_TOKEN = re.compile(
    r'(?P<blank>\s+)|(?P<comment>/\*|#)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<sign>[{};\[\]])|(?P<word>[^\s{};\[\]"]+|")',
    re.DOTALL,
)
_STATEMENT_END = re.compile(r"[;{}]\s*\n")
_PREFIXES = frozenset({"inactive:", "protect:", "replace:", "unprotect:"})


def is_set_form(lines: Iterable[str]) -> bool:
    """Tell `display set` from braces, by which of the two the first hundred statements are."""
    sets = braces = 0
    for line in lines:
        bare = line.strip()
        if bare.startswith(("set ", "deactivate ")):
            sets += 1
        elif bare.endswith(("{", ";", "}")):
            braces += 1
        if sets + braces >= 100:
            break
    return sets > braces


def read_sets(export: Export) -> Tree:
    """Read `show configuration | display set`."""
    tree = Tree()
    for number, line in enumerate(export.lines, 1):
        bare = line.strip()
        if not bare or bare.startswith(("#", "/*", "!")) or _PROMPT.match(line):
            export.mark(number, LineState.IRRELEVANT)
            continue
        words = [unquoted(word) for word in _WORD.findall(bare)]
        verb = words[0]
        if not _SET.match(bare) or verb in _EDITING or len(words) < 2:
            export.fault(number, LineState.UNKNOWN, _not_a_statement())
            continue
        for path in _lists_opened(words[1:]):
            node = _placed(export, tree, tree.root, path, number)
            if node is None:
                break
            if verb in ("deactivate", "activate"):
                node.inactive = verb == "deactivate"
                export.mark(number, LineState.PARSED)
            elif verb == "set":
                tree.statements.append((number, node))
            else:
                export.mark(number, LineState.IRRELEVANT)
    return tree


def _lists_opened(words: list[str]) -> Iterator[list[str]]:
    """Yield a statement once for each member of the list it ends in."""
    if "[" not in words:
        yield words
        return
    at = words.index("[")
    end = words.index("]", at) if "]" in words[at:] else len(words)
    for member in words[at + 1 : end]:
        yield [*words[:at], member, *words[end + 1 :]]


def read_braces(export: Export) -> Tree:
    """Read `show configuration`."""
    reading = _Braces(export)
    reading.read()
    return reading.tree


class _Braces:
    def __init__(self, export: Export) -> None:
        self.export, self.tree = export, Tree()
        self.open: list[Node] = [self.tree.root]
        self.hidden = 0  # blocks that are too deep to be kept
        self.words: list[str] = []
        self.members: list[str] | None = None
        self.inactive = False
        self.comment = ""
        self.first = 1
        self.line = 1
        self.comments_end = True  # whether a further end of a comment may be found

    def read(self) -> None:
        export = self.export
        lines = ["" if _PROMPT.match(line) else line for line in export.lines]
        for number, line in enumerate(lines, 1):
            if not line.strip():
                export.mark(number, LineState.IRRELEVANT)
        text = "\n".join(lines)
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:  # every character begins a token
                break
            end = self._token(text, at, found)
            self.line += text.count("\n", at, end)
            at = end
        if self.words or len(self.open) > 1 or self.hidden:
            self._statement(self.line)
            export.fault(max(1, len(export.lines)), LineState.UNKNOWN, _cut_off())

    def _token(self, text: str, at: int, found: re.Match[str]) -> int:
        kind, word = found.lastgroup, found[0]
        if kind == "comment":
            return self._commented(text, at, word)
        if kind == "quoted" and "\n" in word and _STATEMENT_END.search(word):
            # A quotation that runs over whole statements was never closed.
            kind, word = "word", '"'
        if kind == "word" and word == '"':
            self.export.fault(self.line, LineState.UNKNOWN, _unclosed())
            end = text.find("\n", at)
            self._word(text[at + 1 : end if end >= 0 else len(text)].rstrip(" ;"))
            return end if end >= 0 else len(text)
        if kind == "quoted":
            for line in range(self.line, self.line + word.count("\n") + 1):
                self.export.mark(line, LineState.PARSED)
            self._word(unquoted(word))
        elif kind == "word":
            self._word(word)
        elif kind == "sign":
            self._sign(word)
        return found.end()

    def _commented(self, text: str, at: int, sign: str) -> int:
        if sign == "#":
            end = text.find("\n", at)
            end = end if end >= 0 else len(text)
        else:
            end = text.find("*/", at + 2) if self.comments_end else -1
            if end < 0:
                self.comments_end = False
                self.export.fault(self.line, LineState.UNKNOWN, _unclosed())
                end = text.find("\n", at)
                return end if end >= 0 else len(text)
            self.comment = " ".join(text[at + 2 : end].split())[:2000]
            end += 2
        for line in range(self.line, self.line + text.count("\n", at, end) + 1):
            if not self.words:
                self.export.mark(line, LineState.PARSED)
        return end

    def _word(self, word: str) -> None:
        if self.members is not None:
            self.members.append(word)
            return
        if not self.words:
            if word in _PREFIXES:
                self.inactive |= word == "inactive:"
                return
            if word == "delete:":
                self.export.fault(self.line, LineState.UNKNOWN, _not_a_statement())
            self.first = self.line
        self.words.append(word)

    def _sign(self, sign: str) -> None:
        if sign == "[" and self.members is None:
            self.members = []
        elif sign == "{":
            self._begin()
        elif sign == "}":
            if self.words:
                self._statement(self.line)
            if self.hidden:
                self.hidden -= 1
                self.export.mark(self.line, LineState.UNKNOWN)
            elif len(self.open) > 1:
                self.tree.statements.append((self.line, self.open.pop()))
            else:
                self.export.fault(self.line, LineState.UNKNOWN, _not_a_statement())
        elif sign == ";":
            self._statement(self.line)

    def _begin(self) -> None:
        self.members = None
        node = None if self.hidden else self._place(self.words)
        self._clear()
        if node is None:
            self.hidden += 1
            self.export.mark(self.line, LineState.UNKNOWN)
        else:
            self.open.append(node)

    def _statement(self, last: int) -> None:
        members, words = self.members, self.words
        for path in [words] if members is None else [[*words, member] for member in members]:
            node = None if self.hidden or not path else self._place(path)
            if node is not None:
                for line in range(self.first + 1, last + 1):
                    self.tree.statements.append((line, node))
            elif path:
                self.export.mark(self.first, LineState.UNKNOWN)
        self._clear()

    def _place(self, path: list[str]) -> Node | None:
        node = _placed(self.export, self.tree, self.open[-1], path, self.first, depth=len(self.open))
        if node is not None:
            node.inactive |= self.inactive
            node.comment = node.comment or self.comment
            self.tree.statements.append((self.first, node))
        return node

    def _clear(self) -> None:
        self.words, self.members, self.inactive, self.comment = [], None, False, ""


def _placed(
    export: Export, tree: Tree, under: Node, path: list[str], line: int, *, depth: int = 0
) -> Node | None:
    if not path or depth + len(path) > DEEPEST:
        export.fault(line, LineState.UNKNOWN, _not_a_statement())
        return None
    at = under
    for word in path:
        at = at.child(word, line)
    return at if at is not tree.root else None


def unquoted(word: str) -> str:
    """Take the quotation marks off a word."""
    if len(word) < 2 or word[0] != '"':
        return word
    return word[1:-1].replace('\\"', '"')


def _not_a_statement() -> Text:
    return Text(
        ja="Junosの設定文として読めない行です。この行が設定に加えるもの、または設定から除くものは分かりません。",
        en="This line is no statement of a Junos configuration; what it adds or takes away is not known.",
    )


def _cut_off() -> Text:
    return Text(
        ja="ブロックが閉じられないままファイルが終わっています。途中で切れた設定の可能性があります。",
        en="The file ends inside a block; the configuration may have been cut off.",
    )


def _unclosed() -> Text:
    return Text(
        ja="この行で始まる引用符またはコメントが閉じられていません。行末までとして読みます。",
        en="A quotation or comment begins on this line and never ends; it is read to the end of the line.",
    )
