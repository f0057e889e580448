"""What is wrong with the shape of a YAML file, in sentences: pydantic's errors with place and way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_origin

from zoneguard.policy.document import Shape
from zoneguard.policy.values import FAULT, suggest
from zoneguard.policy.yamltext import located

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from zoneguard.policy.yamltext import Source
    from zoneguard.text import Text

# What pydantic calls a value of the wrong type → what was expected, in both languages.
_EXPECTED = {
    "bool_type": ("true または false", "true or false"),
    "dict_type": ("「キー: 値」の組", "a mapping of keys to values"),
    "int_type": ("整数", "a whole number"),
    "literal_error": ("1", "1"),
    "model_attributes_type": ("「キー: 値」の組", "a mapping of keys to values"),
    "model_type": ("「キー: 値」の組", "a mapping of keys to values"),
    "string_type": ("文字列（引用符で囲む）", "text (put it in quotes)"),
    "tuple_type": ("[ ] または - で始まる並び", "a list, in [ ] or with - in front of each item"),
}


def complaints(
    error: ValidationError, source: Source, document: type[Shape]
) -> list[tuple[tuple[int, int], Text]]:
    """Tell every error against the shape of a whole file, with (line, column) to sort by."""
    details = error.errors(include_url=False)
    above = {path_of(detail)[:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [
        _complaint(detail, source, document)
        for detail in details
        # a list is short because of an item that is complained of already
        if detail["type"] != "too_short" or path_of(detail) not in above
    ]


def path_of(detail: ErrorDetails) -> tuple[str | int, ...]:
    """Give the path of an error in the file."""
    return tuple(step for step in detail["loc"] if step != "[key]")


def _complaint(detail: ErrorDetails, source: Source, document: type[Shape]) -> tuple[tuple[int, int], Text]:
    path = path_of(detail)
    on_key = detail["type"] == "extra_forbidden" or detail["loc"][-1:] == ("[key]",)
    place = source.place_of_key(path) if on_key else source.place(path)
    ja, en = _sentence(detail, path, document)
    return (place.line, place.column), located(place, ja=ja, en=en)


def _sentence(detail: ErrorDetails, path: tuple[str | int, ...], document: type[Shape]) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    where = ".".join(map(str, path)) or document.file_name
    if kind == FAULT:
        return str(context["ja"]), str(context["en"])
    if kind == "extra_forbidden":
        return _unknown_key(path, document)
    if kind == "missing" and path and isinstance(path[-1], str):
        above = ".".join(map(str, path[:-1])) or document.file_name
        return (
            f"{above} に必須のキー「{path[-1]}」がありません。書き足してください",
            f"{above} lacks the key '{path[-1]}'; add it",
        )
    if kind in _EXPECTED:
        ja, en = _EXPECTED[kind]
        return f"{where} は{ja}にしてください", f"{where} must be {en}"
    return _limit(kind, context, where) or (
        f"{where} の値は使えません（{detail['msg']}）。docs の書き方に合わせてください",
        f"{where} cannot have this value ({detail['msg']}); write it as the documentation shows",
    )


def _limit(kind: str, context: dict[str, Any], where: str) -> tuple[str, str] | None:
    match kind:
        case "greater_than_equal":
            return f"{where} は{context['ge']}以上にしてください", f"{where} must be at least {context['ge']}"
        case "less_than_equal":
            return f"{where} は{context['le']}以下にしてください", f"{where} must be at most {context['le']}"
        case "too_short" | "missing":
            return (
                f"{where} の要素が足りません。書き足してください",
                f"{where} has too few items; add what is missing",
            )
        case "too_long":
            return f"{where} の要素が多すぎます。減らしてください", f"{where} has too many items; remove some"
        case "string_pattern_mismatch":
            return f"{where} は ZG-A05 のように書いてください", f"{where} must be written like ZG-A05"
        case _:
            return None


def _unknown_key(path: Sequence[str | int], document: type[Shape]) -> tuple[str, str]:
    word = str(path[-1])
    keys = _keys_at(path[:-1], document)
    near, listed = suggest(word, keys), ", ".join(keys)
    if near:
        return (
            f"キー「{word}」はありません。{near} のことですか（使えるキー: {listed}）",
            f"unknown key '{word}'; did you mean '{near}'? (the keys here are {listed})",
        )
    return (
        f"キー「{word}」はありません。使えるキーは {listed} です",
        f"unknown key '{word}'; the keys here are {listed}",
    )


def _keys_at(path: Sequence[str | int], document: type[Shape]) -> list[str]:
    shape = document
    container = False  # the next step is an index or a name, not a key of `shape`
    for step in path:
        if container:
            container = False
            continue
        field = next(f for name, f in shape.model_fields.items() if (f.alias or name) == step)
        shape = _shape_in(field.annotation) or shape
        container = any(
            get_origin(part) in {tuple, dict} for part in (field.annotation, *get_args(field.annotation))
        )
    return [field.alias or name for name, field in shape.model_fields.items()]


def _shape_in(annotation: Any) -> type[Shape] | None:  # noqa: ANN401 - a type expression
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        return annotation
    return next((found for part in get_args(annotation) if (found := _shape_in(part))), None)
