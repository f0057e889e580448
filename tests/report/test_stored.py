"""A stored run read back: nothing lost, nothing accepted that the contract does not allow, every fault told."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.report.machine import hostile, whole
from tests.report.sample import sample
from tests.report.test_forms import HOSTILE, WORDS
from zoneguard.errors import InputRefusedError
from zoneguard.report.contract import faults, report_schema
from zoneguard.report.json import render_json, report_document
from zoneguard.report.stored import parse_report, read_report

VALIDATOR = Draft202012Validator(report_schema())


def refused(octets):
    with pytest.raises(InputRefusedError) as caught:
        parse_report(octets, name="run.json")
    return [fault.en for fault in caught.value.faults]


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_report_read_back_is_the_report(lang):
    for report in (whole(lang), sample(lang), sample(lang, findings=())):
        assert parse_report(render_json(report).encode(), name="run.json") == report


@settings(max_examples=30, deadline=None)
@given(HOSTILE | st.sampled_from(WORDS))
def test_hostile_words_survive_the_way_through_a_file(word):
    report = hostile(word)
    document = report_document(report)
    for one in [*document["findings"], *document["absent"]]:
        one["rule"] = "ZG-A05"
    text = json.dumps(document)
    assert parse_report(text.encode(), name="run.json") == report


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"", "run.json:1:1: this is not JSON"),
        (b"{\n  x", "run.json:2:3: this is not JSON"),
        (b"\xff\xfe", "this is not JSON"),
        (b"[" * 100_000, "this is not JSON"),
        (b'{"a": NaN}', "this is not JSON"),
        (b'{"a": 1, "a": 2}', "this is not JSON"),
        (b"[]", "this is no report of ZoneGuard"),
        (b'{"schema": "zoneguard.report/2"}', "this is no report of ZoneGuard"),
        (b'{"schema": "zoneguard.report/1"}', "run.json: .: 'tool' is missing."),
    ],
)
def test_what_is_no_report_is_refused_with_its_place(octets, told):
    assert told in refused(octets)[0]


def test_every_fault_is_told_with_its_place():
    document = json.loads(render_json(whole()))
    document["findings"][1]["severity"] = "dire"
    document["findings"][0]["payload"] = "x"
    document["inputs"][0]["size"] = -1
    document["policy"]["sha256"] = "ab"
    document["summary"]["findings"] = True
    told = refused(json.dumps(document).encode())
    assert [one.split(": ")[1] for one in told] == [
        "policy.sha256",
        "inputs[0].size",
        "summary.findings",
        "findings[0]",
        "findings[1].severity",
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("generated",), "2026-13-01T09:00:00.000000000+09:00"),
        (("findings", 0, "title", "ja"), " "),
        (("findings", 0, "zones"), {}),
    ],
)
def test_what_no_schema_can_refuse_is_refused_too(path, value):
    document = json.loads(render_json(whole()))
    at = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    assert "a value of the report is wrong" in refused(json.dumps(document).encode())[0]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputRefusedError, match="no such file"):
        read_report(tmp_path / "run.json")


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from places(one, (*path, key))


DOCUMENT = json.loads(render_json(whole()))
PLACES = [path for path in places(DOCUMENT) if path]
VALUES = st.sampled_from(
    [None, True, 0, -1, 1 << 70, 0.5, "", "x", "new", [], ["x"], {}, {"ja": "", "en": "x"}]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from("sda"), VALUES), min_size=1, max_size=3))
def test_the_reader_refuses_exactly_what_the_schema_refuses(changes):
    document = copy.deepcopy(DOCUMENT)
    for path, change, value in changes:
        at = document
        try:
            for step in path[:-1]:
                at = at[step]
            if change == "s":
                at[path[-1]] = value
            elif change == "d":
                del at[path[-1]]
            else:
                at[path[-1]]["unexpected"] = value
        except (KeyError, IndexError, TypeError):
            continue
    assert (next(faults(document), None) is None) == VALIDATOR.is_valid(document)
