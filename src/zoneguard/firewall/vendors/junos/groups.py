"""What statements inherit from configuration groups (apply-groups, wildcards, apply-groups-except)."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import LineState
from zoneguard.firewall.vendors.junos.tree import Node
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export

MOST_COPIES = 1_000_000  # words that groups add
_MEMBER = "${node}"  # the member of a chassis cluster; the export does not say of which it is
_KEPT_APART = frozenset({"groups", "apply-groups", "apply-groups-except"})


class _Group(NamedTuple):
    """A group that holds at some place of the tree: its name, and its words for that place."""

    name: str
    at: tuple[Node, ...]


def inherit(export: Export, root: Node) -> None:
    """Add to the tree what its groups say; what a place says itself comes first."""
    _Inheriting(export, root).run()


class _Inheriting:
    def __init__(self, export: Export, root: Node) -> None:
        self.export, self.root = export, root
        held = root.children.get("groups")
        self.groups = (
            {one.word: one for one in held.use().children.values() if not one.inactive} if held else {}
        )
        self.wild: dict[Node, list[Node]] = {}
        self.copies = 0

    def run(self) -> None:
        waiting: list[tuple[Node, tuple[_Group, ...]]] = [(self.root, ())]
        while waiting:
            node, around = waiting.pop()
            holding = self._holding(node, around)
            for group in holding:
                for source in group.at:
                    self._copy(source, node)
            if self.copies > MOST_COPIES:
                self.export.fault(node.line, LineState.UNKNOWN, _too_much())
                return
            for child in node.children.values():
                if child.word not in _KEPT_APART and not child.inactive:
                    below = (_Group(group.name, self._below(group.at, child.word)) for group in holding)
                    waiting.append((child, tuple(group for group in below if group.at)))

    def _copy(self, source: Node, node: Node) -> None:
        for word, child in source.children.items():
            if (
                word in node.children
                or word in _KEPT_APART
                or child.inactive
                or (word.startswith("<") and word.endswith(">"))
            ):
                continue
            self.copies += 1
            node.children[word] = Node(word, child.line, node, comment=child.comment, origin=child)

    def _holding(self, node: Node, around: tuple[_Group, ...]) -> tuple[_Group, ...]:
        """Give the groups that hold here, the nearest first; a group may apply further ones at the same place."""
        excluded = frozenset(node.words("apply-groups-except"))
        names = [(name, node.children["apply-groups"].line) for name in node.words("apply-groups")]
        names += [(nested, one.line) for group in around for one in group.at for nested in one.words("apply-groups")]  # fmt: skip
        if not names and not excluded:
            return around
        path = node.path()
        found: list[_Group] = []
        seen: set[str] = set()
        for name, line in names:  # grows while it is read
            name = "node0" if name == _MEMBER else name  # noqa: PLW2901 - either member serves
            if name in seen or name in excluded:
                continue
            seen.add(name)
            if name not in self.groups:
                self.export.fault(line, LineState.UNKNOWN, _undefined(name))
                continue
            at: tuple[Node, ...] = (self.groups[name].use(),)
            for word in path:
                at = self._below(at, word)
            if at:
                found.append(_Group(name, at))
                names += [(nested, line) for one in at for nested in one.words("apply-groups")]
        return (*found, *(one for one in around if one.name not in seen and one.name not in excluded))

    def _below(self, nodes: tuple[Node, ...], word: str) -> tuple[Node, ...]:
        """Give the words of a group that stand for this one, exact or by a wildcard."""
        found: list[Node] = []
        for node in nodes:
            if node not in self.wild:
                self.wild[node] = [one for one in node.children.values() if one.word[:1] == "<"]
            exact = node.children.get(word)
            if exact is not None and not exact.inactive:
                found.append(exact.use())
            found += [
                one.use()
                for one in self.wild[node]
                if one is not exact and not one.inactive and fnmatchcase(word, one.word[1:-1])
            ]
        return tuple(found)


def _undefined(name: str) -> Text:
    return Text(
        ja=f"設定グループ「{name}」が定義されていません。そこから継承する設定は分かりません。",
        en=f"The configuration group {name!r} is not defined; what is inherited from it is not known.",
    )


def _too_much() -> Text:
    return Text(
        ja=f"設定グループから継承する語が{MOST_COPIES:,}を超えます。残りは読みません。",
        en=f"Groups add more than {MOST_COPIES:,} words; the rest of them is not read.",
    )
