"""Documents held against the shipped JSON Schema of the report: every fault with its place.

The schema file is the one statement of the contract, and this reads the keywords it uses; a keyword that is
not known here is an error of ours and never a document that passes. The library jsonschema is no part of the
installation; the tests hold this against it.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from zoneguard.report.harmless import harmless
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
Found = tuple[str, Text]  # place (findings[3].severity), fault

_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
_SAYS_NOTHING = {"$schema", "$id", "$defs", "title", "description", "type"}
_SHOWN = 60  # characters of a wrong value


@cache
def report_schema() -> Json:
    """Give the JSON Schema of the report."""
    text = files("zoneguard.report").joinpath("schema/report-1.json").read_text("utf-8")
    schema: Json = json.loads(text)
    return schema


def faults(document: object) -> Iterator[Found]:
    """Yield every place where a document breaks the contract; depth is bounded by the schema's own."""
    yield from _faults(report_schema(), document, "")


def _faults(schema: Json, value: object, place: str) -> Iterator[Found]:
    if "$ref" in schema:
        schema = report_schema()["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    wanted = schema.get("type")
    if wanted is not None and not _is(value, wanted):
        yield (
            place,
            Text(
                ja=f"{_WORDS[wanted].ja}でなければなりません。",
                en=f"this must be {_WORDS[wanted].en}.",
            ),
        )
        return
    for keyword in (word for word in schema if word not in _SAYS_NOTHING):
        yield from _CHECKS[keyword](schema, value, place)


def _is(value: object, wanted: str) -> bool:
    if wanted == "integer":  # a schema counts 1.0 among the integers, and we never write it
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, _TYPES[wanted])


_WORDS = {
    "object": Text(ja="オブジェクト", en="an object"),
    "array": Text(ja="配列", en="an array"),
    "string": Text(ja="文字列", en="a string"),
    "boolean": Text(ja="true か false", en="true or false"),
    "integer": Text(ja="整数", en="an integer"),
}


def _required(schema: Json, value: Json, place: str) -> Iterator[Found]:
    for name in schema["required"]:
        if name not in value:
            yield place, Text(ja=f"「{name}」がありません。", en=f"{name!r} is missing.")


def _properties(schema: Json, value: Json, place: str) -> Iterator[Found]:
    for name, one in schema["properties"].items():
        if name in value:
            yield from _faults(one, value[name], f"{place}.{name}" if place else name)


def _additional(schema: Json, value: Json, place: str) -> Iterator[Found]:
    rest = [name for name in value if name not in schema.get("properties", {})]
    if schema["additionalProperties"] is False:
        for name in rest:
            shown = harmless(name[:_SHOWN])
            yield (
                place,
                Text(
                    ja=f"「{shown}」という項目は契約にありません。",
                    en=f"there is no {shown!r} in the contract.",
                ),
            )
        return
    for name in rest:
        yield from _faults(schema["additionalProperties"], value[name], f"{place}.{harmless(name[:_SHOWN])}")


def _items(schema: Json, value: list[object], place: str) -> Iterator[Found]:
    for number, one in enumerate(value):
        yield from _faults(schema["items"], one, f"{place}[{number}]")


def _one_of(schema: Json, value: object, place: str) -> Iterator[Found]:
    fitting = sum(next(_faults(one, value, place), None) is None for one in schema["oneOf"])
    if fitting != 1:
        yield (
            place,
            Text(
                ja="契約にあるいずれの形でもありません。", en="this has none of the shapes in the contract."
            ),
        )


def _listed(schema: Json, value: object, place: str) -> Iterator[Found]:
    allowed = schema["enum"] if "enum" in schema else [schema["const"]]
    if not any(type(value) is type(one) and value == one for one in allowed):
        words = ", ".join(json.dumps(one) for one in allowed)
        yield place, Text(ja=f"{words} のいずれかでなければなりません。", en=f"this must be one of {words}.")


def _bounds(schema: Json, value: int, place: str) -> Iterator[Found]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if (least is not None and value < least) or (most is not None and value > most):
        upto = "" if most is None else str(most)
        yield (
            place,
            Text(
                ja=f"{least}～{upto} の範囲にありません。",
                en=f"this is not in the range {least} to {upto or 'any'}.",
            ),
        )


def _length(schema: Json, value: str, place: str) -> Iterator[Found]:
    if len(value) < schema["minLength"]:
        yield place, Text(ja="空ではいけません。", en="this must not be empty.")


def _pattern(schema: Json, value: str, place: str) -> Iterator[Found]:
    if not re.search(schema["pattern"], value) or value.endswith("\n"):  # $ of ECMA-262 allows no newline
        shown = harmless(value[:_SHOWN])
        yield (
            place,
            Text(
                ja=f"「{shown}」は決められた形ではありません。",
                en=f"{shown!r} does not have the shape it must have.",
            ),
        )


def _nothing(schema: Json, value: object, place: str) -> Iterator[Found]:
    del schema, value, place
    return iter(())


_CHECKS: dict[str, Any] = {
    "additionalProperties": _additional,
    "const": _listed,
    "enum": _listed,
    "items": _items,
    "maximum": _nothing,  # told together with the minimum
    "minLength": _length,
    "minimum": _bounds,
    "oneOf": _one_of,
    "pattern": _pattern,
    "properties": _properties,
    "required": _required,
}
