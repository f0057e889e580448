"""YAML text as plain values with their places: YAML 1.2 core, bounded in size and depth, nothing executed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from zoneguard.errors import InputRefusedError
from zoneguard.policy.model import Place
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_BYTES = 10_000_000
MAX_DEPTH = 64  # libyaml's composer recurses on the C stack: 100,000 brackets would kill the process
MAX_NODES = 1_000_000  # after aliases are written out
MAX_ALIASES = 1_000

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_PREFIX = "tag:yaml.org,2002:"


class _Loader(yaml.CSafeLoader):
    """libyaml with the scalars of YAML 1.2 core: `no` is a word, 22:22 is text, 2026-04-01 is text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape


for _name, _pattern, _first in (
    ("null", re.compile(r"(?:null|Null|NULL|~|)\Z"), ["n", "N", "~", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    ("int", re.compile(rf"(?:{_INT.pattern})\Z", re.ASCII), list("-+0123456789")),
    ("float", re.compile(rf"(?:{_FLOAT.pattern})\Z", re.ASCII), list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_PREFIX + _name, _pattern, _first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A YAML file read: its plain values (lists are tuples), and the nodes that tell where each stands."""

    file: str
    value: Any
    node: yaml.Node

    def place(self, path: Sequence[str | int]) -> Place:
        """Tell where the value at a path stands, or the nearest thing above it that exists."""
        node = self.node
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            node = found
        return _place(self.file, node.start_mark)

    def place_of_key(self, path: Sequence[str | int]) -> Place:
        """Tell where the key at the end of a path stands."""
        *above, last = path
        node = self.node
        for step in above:
            node = _child(node, step) or node
        if isinstance(node, yaml.MappingNode):
            for key, _ in node.value:
                if key.value == str(last):
                    return _place(self.file, key.start_mark)
        return _place(self.file, node.start_mark)


START = Text(
    ja="`zoneguard policy init --model alpha` でひな形を作れます",
    en="`zoneguard policy init --model alpha` writes one to start from",
)


def read_yaml(data: bytes, file: str, *, start: Text = START) -> Source:
    """Read one YAML document; `start` says how to begin when it is empty.

    Raises InputRefusedError, with every fault that could be told apart.
    """
    text = _decode(data, file)
    try:
        _measure(text, file)
        node = _Loader(text).get_single_node()
    except yaml.YAMLError as error:
        raise InputRefusedError(_syntax(error, file)) from None
    if node is None:
        raise InputRefusedError(
            located(
                Place(file=file, line=1, column=1),
                ja=f"ファイルが空です。{start.ja}",
                en=f"the file is empty; {start.en}",
            )
        )
    walk = _Walk(file)
    value = walk.value_of(node, 0)
    if walk.faults:
        raise InputRefusedError(*walk.faults)
    return Source(file=file, value=value, node=node)


def without(source: Source, paths: Iterable[Sequence[str | int]]) -> Source:
    """Give the source without the values at some paths; what stays keeps its place."""
    for *above, last in sorted(paths, key=lambda path: [(isinstance(s, str), s) for s in path], reverse=True):
        node: yaml.Node | None = source.node
        for step in above:
            node = _child(node, step) if node is not None else None
        if isinstance(node, yaml.MappingNode):
            node.value = [pair for pair in node.value if pair[0].value != str(last)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(last, int) and last < len(node.value):
            del node.value[last]
    return Source(file=source.file, value=_Walk(source.file).value_of(source.node, 0), node=source.node)


def located(place: Place, *, ja: str, en: str) -> Text:
    """Put the place in front of a fault, in both languages."""
    at = f"{place.file}:{place.line}:{place.column}: "
    return Text(ja=at + ja, en=at + en)


class _Walk:
    """One pass over the nodes, gathering faults; aliases are written out and counted."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Text] = []
        self._nodes = 0

    def value_of(self, node: yaml.Node, depth: int) -> Any:  # noqa: ANN401 - plain data of any shape
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise InputRefusedError(_too_much(_place(self.file, node.start_mark)))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            self._expect_tag(node, "seq")
            return tuple(self.value_of(item, depth + 1) for item in node.value)
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        self._expect_tag(node, "map")
        values: dict[str, Any] = {}
        first: dict[str, Place] = {}
        for key, item in node.value:
            place = _place(self.file, key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                self._say(
                    place,
                    ja="キーは単純な文字列にしてください",
                    en="a key must be plain text; write it as one word",
                )
                continue
            if key.value in first:
                line = first[key.value].line
                self._say(
                    place,
                    ja=f"キー「{key.value}」は{line}行目にもあります。どちらかを消してください",
                    en=f"key '{key.value}' is already on line {line}; remove one of the two",
                )
                continue
            first[key.value] = place
            values[key.value] = self.value_of(item, depth + 1)
        return values

    def _scalar(self, node: yaml.Node) -> Any:  # noqa: ANN401 - plain data of any shape
        text = str(node.value)
        match str(node.tag).removeprefix(_PREFIX):
            case "null":
                return None
            case "bool" if text.lower() in {"true", "false"}:
                return text.lower() == "true"
            case "int" if len(text) <= 40 and _INT.fullmatch(text):
                return int(text, 0 if text[:2] in {"0o", "0x"} else 10)
            case "float" if _FLOAT.fullmatch(text):
                return float(text)
            case tag:
                if tag != "str":
                    self._tagged(node)
                return text

    def _expect_tag(self, node: yaml.Node, tag: str) -> None:
        if node.tag != _PREFIX + tag:
            self._tagged(node)

    def _tagged(self, node: yaml.Node) -> None:
        self._say(
            _place(self.file, node.start_mark),
            ja="この値は読めません。YAMLのタグ（! で始まる指定）を外すか、引用符で囲んでください",
            en="this value cannot be read; remove its YAML tag (the word after !) or put it in quotes",
        )

    def _say(self, place: Place, *, ja: str, en: str) -> None:
        self.faults.append(located(place, ja=ja, en=en))


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise InputRefusedError(
            Text(
                ja=f"{file}: {len(data):,}バイトあり、上限の{MAX_BYTES:,}バイトを超えています。ファイルの指定を確認してください",
                en=f"{file}: has {len(data):,} bytes, more than the {MAX_BYTES:,} allowed; is this the right file?",
            )
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise InputRefusedError(
            located(
                Place(file=file, line=line, column=column),
                ja="UTF-8として読めません（Shift_JIS かもしれません）。UTF-8で保存し直してください",
                en="this is not UTF-8 (it may be Shift_JIS); save the file as UTF-8",
            )
        ) from None


def _measure(text: str, file: str) -> None:
    """Refuse what the composer must not see; events come from libyaml one at a time, without recursion."""
    loader = _Loader(text)
    depth = nodes = aliases = 0
    while (event := loader.get_event()) is not None:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        aliases += isinstance(event, yaml.AliasEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES or aliases > MAX_ALIASES:
            raise InputRefusedError(_too_much(_place(file, event.start_mark)))


def _too_much(place: Place) -> Text:
    return located(
        place,
        ja=f"入れ子が{MAX_DEPTH}段、要素が{MAX_NODES:,}個、別名（*）が{MAX_ALIASES:,}個のいずれかを超えています。"
        "入れ子を減らして書き直してください",
        en=f"more than {MAX_DEPTH} levels, {MAX_NODES:,} values or {MAX_ALIASES:,} aliases; write it flatter",
    )


def _syntax(error: yaml.YAMLError, file: str) -> Text:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "malformed"
    place = _place(file, mark) if mark else Place(file=file, line=1, column=1)
    return located(
        place,
        ja=f"YAMLとして読めません（{problem}）。この行の字下げ、括弧、引用符を確認してください",
        en=f"this is not YAML ({problem}); check the indentation, brackets and quotes around here",
    )


def _place(file: str, mark: Any) -> Place:  # noqa: ANN401 - libyaml has its own mark type
    return Place(file=file, line=mark.line + 1, column=mark.column + 1)


def _child(node: yaml.Node, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((item for key, item in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found: yaml.Node = node.value[step]
        return found
    return None
