from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.report.sample import sample
from zoneguard import api
from zoneguard.cli import main
from zoneguard.cli.check import report_targets
from zoneguard.errors import ExitCode, UsageError
from zoneguard.report import pdf


@pytest.fixture
def asked(monkeypatch):
    """Stand in for the use case: these tests are about the command line."""
    seen = {}

    def check(paths, policy_path, *, lang, **rest):
        seen.update(rest, paths=paths, policy_path=policy_path, lang=lang)
        return sample(lang)

    monkeypatch.setattr(api, "check", check)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1775001600")
    return seen


def run(*line):
    return main.run(["check", "a.pcap", "--policy", "zones.yaml", "--today", "2026-04-01", *line])


def test_the_exit_code_is_that_of_the_report(asked, capsys):
    assert run() == ExitCode.FINDINGS
    assert capsys.readouterr().out.startswith("Network separation report")


def test_options_reach_the_use_case(asked):
    run("--lang", "ja", "--fail-on", "high", "--jobs", "2", "--max-memory", "64")
    assert asked["paths"] == ("a.pcap",)
    assert (asked["lang"], asked["fail_on"], asked["jobs"]) == ("ja", "high", 2)
    assert (asked["today"], asked["generated"]) == ("2026-04-01", 1_775_001_600 * 10**9)
    assert asked["most_memory_mib"] == 64


def test_one_run_can_write_several_forms(asked, tmp_path, capsys):
    run("--format", f"json={tmp_path / 'r.json'}", "--format", "text", "--output", str(tmp_path / "r.txt"))
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["schema"] == "zoneguard.report/1"
    assert (tmp_path / "r.txt").read_text("utf-8").startswith("Network")
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.json", "r.txt"]


def test_output_that_cannot_be_written_is_5(asked, tmp_path, capsys):
    assert run("--output", str(tmp_path / "missing" / "r.txt")) == ExitCode.LACKING
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["missing/r.json", "."])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(asked, tmp_path, place):
    assert run("--format", f"json={tmp_path / place}") == ExitCode.LACKING
    assert asked == {}


@pytest.mark.parametrize(
    "line",
    [
        ("--format", "xml"),
        ("--format", "json="),
        ("--format", "json", "--format", "text"),
        ("--format", "pdf"),
        ("--today", "soon"),
    ],
)
def test_what_is_not_understood_is_2(asked, line, monkeypatch):
    assert main.run(["check", "a.pcap", "--policy", "z.yaml", *line]) == ExitCode.USAGE


def test_a_source_date_that_is_no_number_is_2(asked, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert run() == ExitCode.USAGE


def test_forms_with_files_come_before_the_one_without():
    assert report_targets(("json=a.json",), None) == [("json", Path("a.json")), ("text", None)]
    assert report_targets(("json",), Path("b")) == [("json", Path("b"))]
    with pytest.raises(UsageError):
        report_targets(("text", "json"), None)


def test_html_can_go_to_standard_output_and_pdf_to_a_file(asked, tmp_path, capsys):
    pytest.importorskip("weasyprint")
    run("--format", "html", "--format", f"pdf={tmp_path / 'r.pdf'}", "--lang", "ja")
    assert capsys.readouterr().out.startswith('<!doctype html>\n<html lang="ja">')
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF-")


def test_a_pdf_that_cannot_be_made_is_refused_before_the_work(asked, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pdf, "has_weasyprint", lambda: False)
    monkeypatch.setattr(pdf, "browser", lambda: None)
    assert run("--format", f"pdf={tmp_path / 'r.pdf'}") == ExitCode.LACKING
    assert "nothing to make a PDF with" in capsys.readouterr().err
    assert asked == {}
    assert list(tmp_path.iterdir()) == []
