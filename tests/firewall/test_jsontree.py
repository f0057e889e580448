from __future__ import annotations

import json

import pytest

from zoneguard.firewall import jsontree


def plain(value: jsontree.Value):
    if isinstance(value.data, dict):
        return {key: plain(one) for key, one in value.data.items()}
    return [plain(one) for one in value.data] if isinstance(value.data, list) else value.data


@pytest.mark.parametrize(
    "text", ['{"a": [1, -2.5, true, null, "x\\u3042\\"\\\\"], "b": {}}', "[]", '"x"', "3"]
)
def test_what_is_json_reads_as_the_standard_library_reads_it(text) -> None:
    assert plain(jsontree.read(text)) == json.loads(text)


def test_each_value_knows_its_lines() -> None:
    value = jsontree.read('{\n "a": [\n  1,\n  2\n ]\n}')
    held = value.get("a")
    assert (held.line, held.last_line) == (2, 5)
    assert [one.line for one in held.each()] == [3, 4]


@pytest.mark.parametrize(
    ("text", "line"),
    [("{\n", 2), ('{"a"\n}', 2), ("[1]\n[2]", 2), ("\n]", 2), ('"a\n', 1), ("[" * 200, 1), ("", 1), ("[x]", 1), ("{1}", 1)],
)  # fmt: skip
def test_what_is_no_json_is_refused_with_its_line(text, line) -> None:
    with pytest.raises(jsontree.JsonRefusedError) as caught:
        jsontree.read(text)
    assert caught.value.line == line


def test_a_comma_that_is_lost_changes_nothing() -> None:
    assert plain(jsontree.read('{"a": 1 "b": [1 2]}')) == {"a": 1, "b": [1, 2]}
