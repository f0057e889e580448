"""A ruleset as the objects of libnftables-json(5), each with the place where it stands."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from zoneguard.errors import InputRefusedError
from zoneguard.firewall.export import SHOWN
from zoneguard.firewall.model import LineState, Place
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export


class Item(NamedTuple):
    """One object: a table, chain, rule, set, map or other; `first` and `last` are its lines."""

    kind: str
    data: dict[str, Any]
    place: Place
    first: int
    last: int

    def key(self) -> tuple[str, str]:
        """Name the table that it belongs to, or is."""
        return str(self.data.get("family", "")), str(
            self.data.get("name" if self.kind == "table" else "table", "")
        )

    def mark(self, export: Export, state: LineState) -> None:
        """State what became of all its lines."""
        for number in range(self.first, self.last + 1):
            export.mark(number, state)


DEEPEST = 32

_START = re.compile(r'"nftables"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


def items_of_json(export: Export) -> list[Item]:
    """Read `nft -j list ruleset`, object by object, so that each keeps its line.

    Raises InputRefusedError when the text is no such listing, or is cut.
    """
    text = "\n".join(export.lines)
    start = _START.search(text)
    if start is None:
        raise InputRefusedError(_broken(export, 1))
    decoder = json.JSONDecoder()
    items: list[Item] = []
    at, line, counted = start.end(), 1, 0
    while True:
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        if text.startswith("]", at):
            break
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            raise InputRefusedError(_broken(export, line)) from None
        if _is_deep(found):
            raise InputRefusedError(_broken(export, line))
        last = line + text.count("\n", at, end)
        shown = " ".join(text[at : min(end, at + 4 * SHOWN)].split())
        place = Place(
            file=export.file, line=line, text=shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
        )
        if isinstance(found, dict):
            items += [
                Item(kind, data, place, line, last) for kind, data in found.items() if isinstance(data, dict)
            ]
        at = end
    for number in range(1, len(export.lines) + 1):
        if export.lines[number - 1].strip(" \t,{}[]"):
            continue
        export.mark(number, LineState.IRRELEVANT)
    export.mark(text.count("\n", 0, start.start()) + 1, LineState.PARSED)
    return items


def _is_deep(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Tell what no listing holds: values within values beyond DEEPEST."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _broken(export: Export, line: int) -> Text:
    return Text(
        ja=f"{export.file}:{line}: nft -j list ruleset の出力として読めません（途中で切れているか、JSON ではありません）。"
        "出力をもう一度保存してください。",
        en=f"{export.file}:{line}: this is not the output of nft -j list ruleset (it is cut, or no JSON); save it anew.",
    )
