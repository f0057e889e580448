"""The text of `nft list ruleset` to the objects that `nft -j` would print, with their lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from zoneguard.firewall.model import LineState
from zoneguard.firewall.vendors.nftables.items import Item
from zoneguard.firewall.vendors.nftables.statement import read_rule, read_set_body
from zoneguard.firewall.vendors.nftables.words import Words
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export

_TOKEN = re.compile(
    r'"[^"]*"|(?P<comment>#[^\n]*)|==|!=|<=|>=|<<|>>|[{};,()|&=!<>\n]|[^\s{};,()|&=!<>"#]+|"[^\n]*'
)
_PLAIN = re.compile(
    r"==|!=|<=|>=|<<|>>|[{};,()|&=!<>\n]|[^\s{};,()|&=!<>]+"
)  # of a line without quotation or comment
# How nft shows what only iptables understands, behind the rest of a rule.
_FOREIGN = re.compile(r"#\s*(?:xt|match|target|unsupported)")
_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_IRRELEVANT = {"counter", "flowtable", "limit", "quota", "secmark", "synproxy", "ct", "tunnel"}


def items_of_text(export: Export, take_other: Any) -> list[Item]:  # noqa: ANN401 - a bound method of Host
    """Read a listing. `take_other` is asked for every line outside of tables."""
    return _Reader(export, take_other).read()


class _Reader:
    def __init__(self, export: Export, take_other: Any) -> None:  # noqa: ANN401 - a bound method of Host
        self.export = export
        self.take_other = take_other
        self.words = Words(*_tokens(export))
        self.items: list[Item] = []

    def read(self) -> list[Item]:
        words = self.words
        while not words.over:
            first = words.line
            if words.take("\n") or words.take(";"):
                continue
            if words.peek() == "table" and self._table():
                continue
            words.skip_line()
            if not self._outside(first):
                self._unknown(first, first)
        return self.items

    def _outside(self, line: int) -> bool:
        text = self.export.lines[line - 1].strip()
        if text == "flush ruleset" or text.startswith("#"):
            self.export.mark(line, LineState.IRRELEVANT)
            return True
        return bool(self.take_other(self.export, line))

    def _table(self) -> bool:
        words, first = self.words, self.words.line
        head = words.until("{")
        if head is None or not 2 <= len(head) <= 3:
            return False
        family = head[1] if len(head) == 3 else "ip"
        table = {"family": family, "name": head[-1]}
        self._add("table", table, first, first)
        while not words.take("}"):
            start = words.line
            if words.over:
                self._cut(first)
                break
            if words.take("\n") or words.take(";"):
                continue
            self._table_part(table, start)
        self.export.mark(words.last_line, LineState.PARSED)
        return True

    def _table_part(self, table: dict[str, Any], start: int) -> None:
        words = self.words
        kind = words.peek()
        if kind == "chain":
            self._chain(table)
        elif kind in {"set", "map"}:
            self._set(table, kind)
        elif kind == "flags":
            table["flags"] = words.rest_of_line()[1:]
            self.export.mark(start, LineState.PARSED)
        elif kind == "comment":
            words.skip_line()
            self.export.mark(start, LineState.IRRELEVANT)
        elif kind in _IRRELEVANT and words.until("{") is not None:
            words.skip_block()
            for line in range(start, words.last_line + 1):
                self.export.mark(line, LineState.IRRELEVANT)
        else:
            words.skip_statement()
            self._unknown(start, words.last_line)

    def _chain(self, table: dict[str, Any]) -> None:
        words, start = self.words, self.words.line
        head = words.until("{")
        if head is None or len(head) != 2:
            words.skip_statement()
            self._unknown(start, words.last_line)
            return
        chain = {"family": table["family"], "table": table["name"], "name": head[1]}
        self._add("chain", chain, start, start)
        of_chain = {"family": table["family"], "table": table["name"], "chain": chain["name"]}
        while not words.over and not words.take("}"):
            first, word = words.line, words.peek()
            if word in {"\n", ";"}:
                words.skip(1)
            elif word == "type":
                _read_hook(chain, words.rest_of_line())
                self.export.mark(first, LineState.PARSED)
            elif word == "policy":
                chain["policy"] = words.rest_of_statement()[-1]
                self.export.mark(first, LineState.PARSED)
            elif word == "comment":
                words.skip_line()
                self.export.mark(first, LineState.IRRELEVANT)
            else:
                self._add("rule", of_chain | read_rule(words), first, words.last_line)
        self.export.mark(words.last_line, LineState.PARSED)

    def _set(self, table: dict[str, Any], kind: str) -> None:
        words, start = self.words, self.words.line
        head = words.until("{")
        if head is None or len(head) != 2:
            words.skip_statement()
            self._unknown(start, words.last_line)
            return
        data = {"family": table["family"], "table": table["name"], "name": head[1]}
        data.update(read_set_body(words))
        self._add(kind, data, start, words.last_line)

    def _add(self, kind: str, data: dict[str, Any], first: int, last: int) -> None:
        item = Item(kind, data, self.export.place(first), first, last)
        item.mark(self.export, LineState.PARSED)
        self.items.append(item)

    def _unknown(self, first: int, last: int) -> None:
        for line in range(first, last + 1):
            self.export.mark(line, LineState.UNKNOWN)
        self.export.fault(
            first,
            LineState.UNKNOWN,
            Text(
                ja="この行は nft list ruleset の出力として理解できません。転送を左右する記述であれば、判定に含まれていません。",
                en="This line is not understood as output of nft list ruleset; if it bears on what is forwarded, it is "
                "not in the verdict.",
            ),
        )

    def _cut(self, first: int) -> None:
        self.export.fault(
            first,
            LineState.UNSUPPORTED,
            Text(
                ja="この表の終わりの } がありません。ファイルが途中で切れている可能性があり、残りの規則は読めていません。",
                en="This table has no closing brace: the file may be cut, and rules behind the cut were not read.",
            ),
        )


def _read_hook(chain: dict[str, Any], texts: list[str]) -> None:
    """Read `type filter hook forward devices = { eth0 } priority filter + 10; policy drop;`."""
    for name in ("type", "hook"):
        if name in texts[:-1]:
            chain[name] = texts[texts.index(name) + 1]
    if "policy" in texts[:-1]:
        chain["policy"] = texts[texts.index("policy") + 1]
    if "priority" in texts[:-1]:
        at = texts.index("priority") + 1
        end = texts.index(";", at) if ";" in texts[at:] else len(texts)
        chain["prio"] = _priority(texts[at:end])
    if "device" in texts[:-1]:
        chain["dev"] = texts[texts.index("device") + 1]
    elif "devices" in texts and "{" in texts and "}" in texts:
        chain["dev"] = [text for text in texts[texts.index("{") + 1 : texts.index("}")] if text != ","]


def _priority(texts: list[str]) -> int | str:
    """Read a priority by name, number or both; what is not understood stays as it is written."""
    try:
        base = _PRIORITIES[texts[0]] if texts[0] in _PRIORITIES else int(texts[0])
        if len(texts) == 3:
            return base + int(texts[2]) * (-1 if texts[1] == "-" else 1)
    except (ValueError, IndexError):
        return " ".join(texts)
    return base


def _tokens(export: Export) -> tuple[list[str], list[int]]:
    """Give the words of all lines as `Words.peek` says them, and of each the line that it stands in."""
    seen: list[str] = []
    lines: list[int] = []
    for number, line in enumerate(export.lines, 1):
        if '"' not in line and "#" not in line:
            seen += _PLAIN.findall(line)
        else:
            _quoting(seen, line)
            if line.strip().startswith("#"):
                export.mark(number, LineState.IRRELEVANT)
        seen.append("\n")
        lines += [number] * (len(seen) - len(lines))
    return seen, lines


def _quoting(seen: list[str], line: str) -> None:
    """Add the words of a line with quotation or a comment."""
    for found in _TOKEN.finditer(line):
        text = found[0]
        if found["comment"] is not None:
            if _FOREIGN.match(text) and line.strip() != text:
                seen.append("xt")
        elif not text.startswith('"'):
            seen.append(text)
        else:
            seen.append('"' + text.strip('"'))
            if len(text) == 1 or not text.endswith('"'):
                # What the quote has swallowed may have been a verdict.
                seen.append("unbalanced")
