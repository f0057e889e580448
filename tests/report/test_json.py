from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.report.filed import filed
from tests.report.sample import REVERSED, WAIVED, sample
from zoneguard.findings.finding import Clause, LineLocator, PacketLocator, Party
from zoneguard.report.json import render_json
from zoneguard.text import Text

SCHEMA = json.loads(files("zoneguard.report").joinpath("schema/report-1.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)

HOSTILE = st.text(st.characters(), min_size=1, max_size=30) | st.sampled_from(
    [
        "\x1b]0;owned\x07",
        "\x1b[2J",
        "a\u202eb\u2066c",
        "\ud800",
        "\U000e0041",
        "\x9b31m",
        "line\r\nline",
        '"},{',
    ]
)


def hostile_report(word):
    said = Text(ja=f"■{word}", en=f"x{word}")
    finding = replace(
        REVERSED,
        name=word,
        title=said,
        message=said,
        remedy=said,
        clauses=(Clause(document=word, edition=word, section=word, text=word),),
        orig=Party(zone=word, address=word, mac=word),
        resp=Party(zone=word),
        service=word,
        locators=(PacketLocator(file=word, frame=1, time=0), LineLocator(file=word, line=1, text=word)),
        allowed_by=word,
        related=(word,),
    )
    report = sample("ja", findings=(finding, WAIVED))
    return replace(
        report,
        policy=replace(report.policy, path=word, organization=said),
        inputs=(replace(report.inputs[0], path=word, format=word, notes=(said,)),),
        coverage=replace(report.coverage, not_decoded={word: 1}, zones_observed=(word,)),
        matrix=(replace(report.matrix[0], orig=word, resp=word),),
    )


def test_the_schema_is_a_valid_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_report_keeps_the_contract(lang):
    VALIDATOR.validate(json.loads(render_json(sample(lang))))


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_report_with_register_grades_and_baseline_keeps_the_contract(lang):
    document = json.loads(render_json(filed(lang)))
    VALIDATOR.validate(document)
    assert {one["grade"] for one in document["clauses"]} == {
        "violated",
        "review",
        "unverifiable",
        "satisfied",
    }
    assert [one["id"] for one in document["register"]] == ["A-SCR", "A-OLD", "A-FAR"]
    assert document["rules"][1]["shortfall"]["en"] == "No export was given."
    assert document["absent"][0]["baseline"] == "absent"


def test_what_does_not_apply_is_absent_and_never_null():
    assert "null" not in render_json(sample("en"))
    unseen = json.loads(render_json(sample("en")))["findings"][2]
    assert not {"orig", "resp", "zones", "waiver", "allowed_by", "flows"} & unseen.keys()


def test_an_unknown_field_breaks_the_contract():
    document = json.loads(render_json(sample("en")))
    document["findings"][0]["payload"] = "secret"
    assert list(VALIDATOR.iter_errors(document))


def test_times_keep_their_nanoseconds_and_show_their_offset():
    finding = json.loads(render_json(sample("en")))["findings"][0]
    assert finding["first_seen"] == "2026-04-01T09:00:00.123456789+09:00"


@settings(max_examples=60, deadline=None)
@given(HOSTILE)
def test_hostile_strings_reach_nobody_raw_and_are_not_lost(word):
    text = render_json(hostile_report(word))
    assert all(line.replace("\u3000", "").isprintable() for line in text.split("\n"))
    document = json.loads(text)
    VALIDATOR.validate(document)
    assert document["policy"]["path"] == word
