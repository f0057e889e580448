"""A comparison of exports, told in lines for a terminal, and as JSON."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zoneguard.report.harmless import harmless, harmless_json_lines
from zoneguard.report.width import wrap
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from zoneguard.text import Lang

SCHEMA = "zoneguard.diff/1"
_INDENT = 4
_MOST_OF_A_KIND = 100  # told one by one


class Entry:
    """One change or kept violation; it is put in words when it is told: of thousands a terminal shows a hundred."""

    def __init__(
        self,
        *,
        kind: str,
        device: str,
        zones: tuple[str, str],
        tell: Callable[[], Text],
        places: Sequence[tuple[str, int, str, str]],
    ) -> None:
        self.kind, self.device, self.zones, self._tell = kind, device, zones, tell
        self.places = tuple(places)  # side (before, after), line, file, text

    @cached_property
    def message(self) -> Text:
        """What it is, in both languages."""
        return self._tell()


# The order in which a reader needs them.
KINDS = {
    "introduced": Text(ja="この変更で新たに生じる違反", en="Violations this change introduces"),
    "possible": Text(
        ja="この変更で生じ得る違反（読み取れない条件による）", en="Violations this change may introduce"
    ),
    "permitted": Text(ja="新たに許可される通信（方針の範囲内）", en="Newly permitted, within the policy"),
    "removed": Text(ja="この変更で解消する違反", en="Violations this change removes"),
    "denied": Text(
        ja="新たに拒否される通信（方針が認めているもの）", en="Newly denied, though the policy allows it"
    ),
    "kept": Text(ja="変更の前後とも残る違反", en="Violations that stay"),
}


def lines(entries: Sequence[Entry], notes: Sequence[Text], *, lang: Lang, width: int) -> Iterator[str]:
    """Yield the lines of a comparison."""
    if not entries:
        yield Text(
            ja="ゾーン間で許可される通信に違いはありません。",
            en="Nothing that passes between the zones changes.",
        ).in_(lang)
    for kind, title in KINDS.items():
        some = [one for one in entries if one.kind == kind]
        if not some:
            continue
        yield f"{title.in_(lang)}: {len(some):,}"
        for number, one in enumerate(some[:_MOST_OF_A_KIND], 1):
            head = f"[{number}] {one.device}: {one.zones[0]} → {one.zones[1]}"
            yield from wrap(harmless(head), width)
            for line in wrap(harmless(one.message.in_(lang)), width - _INDENT):
                yield " " * _INDENT + line
            for side, number_of_line, file, text in one.places:
                for line in wrap(
                    harmless(f"{_SIDES[side].in_(lang)} {file}:{number_of_line} {text}"), width - _INDENT
                ):
                    yield " " * _INDENT + line
        if len(some) > _MOST_OF_A_KIND:
            more = len(some) - _MOST_OF_A_KIND
            yield Text(
                ja=f"ほかに {more:,} 件あります（すべて --format json にあります）。",
                en=f"There are {more:,} more, all in --format json.",
            ).in_(lang)
        yield ""
    for note in notes:
        yield from wrap(harmless(note.in_(lang)), width)


_SIDES = {"before": Text(ja="変更前", en="before"), "after": Text(ja="変更後", en="after")}


def as_json(entries: Sequence[Entry], notes: Sequence[Text], *, exit_code: int) -> str:
    """Give the comparison as JSON that no terminal can be tricked with."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "exit_code": exit_code,
        "summary": {kind: sum(one.kind == kind for one in entries) for kind in KINDS},
        "entries": [
            {
                "kind": one.kind,
                "device": one.device,
                "from": one.zones[0],
                "to": one.zones[1],
                "message": {"ja": one.message.ja, "en": one.message.en},
                "lines": [
                    {"side": side, "file": file, "line": number, "text": text}
                    for side, number, file, text in one.places
                ],
            }
            for one in entries
        ],
        "notes": [{"ja": note.ja, "en": note.en} for note in notes],
    }
    return harmless_json_lines(json.dumps(document, ensure_ascii=False, indent=2)) + "\n"
