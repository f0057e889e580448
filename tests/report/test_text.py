from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from rich.cells import cell_len

from tests.report.sample import REVERSED, START, sample
from tests.report.test_json import HOSTILE, hostile_report
from zoneguard.findings.finding import PacketLocator
from zoneguard.report.text import print_report, render_text
from zoneguard.text import Text

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_whole_report_reads_as_agreed(lang):
    assert render_text(sample(lang)) == (GOLDEN / f"report-{lang}.txt").read_text("utf-8")


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_report_fits_80_columns(lang):
    assert max(map(cell_len, render_text(sample(lang)).splitlines())) <= 80


def test_a_long_path_is_never_cut():
    report = sample("en")
    path = "captures/" + "long-" * 40 + "name.pcap"
    report = replace(report, inputs=(replace(report.inputs[0], path=path),))
    assert path in render_text(report)


@pytest.mark.parametrize(("lang", "words"), [("ja", "ほか 7 か所"), ("en", "and 7 more")])
def test_a_finding_of_many_addresses_names_a_few_places_and_counts_the_rest(lang, words):
    places = tuple(PacketLocator(file="a.pcap", frame=n, time=START) for n in range(1, 13))
    text = render_text(sample(lang, findings=(replace(REVERSED, locators=places),)))
    assert text.count("a.pcap frame") == 5
    assert words in text


def test_a_note_that_names_its_file_names_it_once():
    report = sample("en")
    note = Text(ja=f"{report.inputs[0].path}: 途切れています。", en=f"{report.inputs[0].path}: it is cut.")
    report = replace(report, inputs=(replace(report.inputs[0], notes=(note,)),))
    assert f"\n{note.en}\n" in render_text(report)


def test_a_clean_run_is_satisfied_only_within_what_was_observed():
    assert render_text(sample("ja", findings=())).endswith("適合（観測範囲内）\n")


def test_a_terminal_sees_the_same_words():
    screen = io.StringIO()
    print_report(sample("ja"), screen)
    assert screen.getvalue() == render_text(sample("ja"))


@settings(max_examples=60, deadline=None)
@given(HOSTILE)
def test_hostile_strings_do_not_reach_the_terminal_raw(word):
    report = hostile_report(word)
    screen = io.StringIO()
    print_report(report, screen)
    for text in (render_text(report), screen.getvalue()):
        assert all(line.replace("\u3000", "").isprintable() for line in text.split("\n"))
