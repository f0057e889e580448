"""An export to rulesets: the format told by content, the whole file accounted for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.errors import InputRefusedError
from zoneguard.firewall.export import MOST_LINES, MOST_OCTETS, Export, decode
from zoneguard.firewall.model import ParseResult
from zoneguard.firewall.vendors import FORMATS
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.format import Format

HEAD = 65_536  # octets that tell the format


class _Recognised(NamedTuple):
    score: int
    format: Format


def parse(file: str, octets: bytes, *, format_name: str | None = None) -> ParseResult:
    """Read one export.

    `file` is its name for people. Without `format_name` the content tells the format. Raises
    InputRefusedError when no format fits, or when the parser finds the file broken as a whole; whatever else is
    not understood is in the result.
    """
    if len(octets) > MOST_OCTETS:
        raise InputRefusedError(_too_large(file))
    chosen = _named(file, format_name) if format_name else format_of(octets)
    if chosen is None:
        raise InputRefusedError(_not_an_export(file))
    export = Export.of(file, octets)
    if len(export.lines) > MOST_LINES:
        raise InputRefusedError(_too_large(file))
    rulesets = chosen.parse(export)
    return ParseResult(
        file=file,
        format=chosen.name,
        rulesets=rulesets,
        states=export.states(),
        faults=tuple(export.faults),
        redacted=export.redacted,
    )


def format_of(octets: bytes) -> Format | None:
    """Tell the format by content; None when it is none of those known."""
    return _format_of(octets[:HEAD])


@lru_cache(maxsize=16)  # a file is asked for its format when it is found and when it is read
def _format_of(head: bytes) -> Format | None:
    if b"\0" in head[:4096] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    text = decode(head)
    best = max((_Recognised(one.recognises(text), one) for one in FORMATS), key=lambda found: found.score)
    return best.format if best.score else None


def _named(file: str, name: str) -> Format:
    for one in FORMATS:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in FORMATS)
    raise InputRefusedError(
        Text(
            ja=f"{file}: 形式「{name}」は知られていません。{known} のいずれかを指定してください。",
            en=f"{file}: the format {name!r} is not known; give one of {known}.",
        )
    )


def _not_an_export(file: str) -> Text:
    return Text(
        ja=f"{file}: ファイアウォールやルータの設定として読める形式ではありません。対応形式は docs/ja/firewall-formats.md に"
        "あります。zones.yaml の devices: に format を書けば、その形式として読みます。",
        en=f"{file}: no known format of a firewall or router export. docs/firewall-formats.md lists those that are; "
        "name one as `format` under `devices:` in zones.yaml to have it read as that.",
    )


def _too_large(file: str) -> Text:
    return Text(
        ja=f"{file}: 設定ファイルとして大きすぎます（上限 {MOST_OCTETS >> 20} MiB、{MOST_LINES:,} 行）。",
        en=f"{file}: too large for an export (at most {MOST_OCTETS >> 20} MiB and {MOST_LINES:,} lines).",
    )
