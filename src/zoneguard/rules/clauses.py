"""The clauses that rules refer to, as data: shipped with the package, or read from a city's own file."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from zoneguard.errors import InputRefusedError
from zoneguard.findings.finding import Clause
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NEEDED = ("document", "edition", "section", "text")
_ALLOWED = {*_NEEDED, "verified"}


@cache
def shipped_clauses() -> Mapping[str, Clause]:
    """Give the clause table of the package."""
    text = files("zoneguard.rules").joinpath("clauses.toml").read_text("utf-8")
    return parse_clauses(text, name="clauses.toml")


def load_clauses(path: Path) -> Mapping[str, Clause]:
    """Read a city's own table; keys it leaves out keep the shipped clause. Raises InputRefusedError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputRefusedError(
            Text(
                ja=f"{path}: 条項の表を読めません（{error}）。UTF-8 の TOML ファイルを指定してください。",
                en=f"{path}: the clause table cannot be read ({error}); give a TOML file in UTF-8.",
            )
        ) from error
    return {**shipped_clauses(), **parse_clauses(text, name=str(path))}


def parse_clauses(text: str, *, name: str) -> Mapping[str, Clause]:
    """Read a clause table; every mistake in it is told at once. Raises InputRefusedError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputRefusedError(
            Text(
                ja=f"{name}: TOML として読めません（{error}）。その箇所を直してください。",
                en=f"{name}: this is not TOML ({error}); correct it there.",
            )
        ) from error
    faults = [fault for key, entry in tables.items() for fault in _faults(name, key, entry)]
    if faults:
        raise InputRefusedError(*faults)
    return {key: Clause(**entry) for key, entry in tables.items()}


def _faults(name: str, key: str, entry: object) -> list[Text]:
    if not isinstance(entry, dict):
        return [
            Text(
                ja=f"{name}: {key}: 表ではありません。[{key}] の見出しの下に document などを書いてください。",
                en=f"{name}: {key}: not a table; write document and the rest below the heading [{key}].",
            )
        ]
    wrong = [field for field in _NEEDED if not isinstance(entry.get(field), str) or not entry[field].strip()]
    wrong += sorted(set(entry) - _ALLOWED)
    wrong += ["verified"] if not isinstance(entry.get("verified", True), bool) else []
    return [
        Text(
            ja=f"{name}: {key}.{field}: 誤りがあります。"
            "document、edition、section、text は空でない文字列、verified は真偽値で、他の項目は使えません。",
            en=f"{name}: {key}.{field}: wrong; document, edition, section and text are strings that are not"
            " empty, verified is true or false, and there is nothing else.",
        )
        for field in wrong
    ]
