"""`zoneguard report render`, and `check` held against a baseline, on real evidence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from zoneguard.cli import main
from zoneguard.errors import ExitCode
from zoneguard.report.forms import FORMS

ROOT = Path(__file__).parents[2]
CAPTURE = str(ROOT / "captures/story-02-screen-reversed.pcap")
EXPORTS = str(ROOT / "exports/fortios/mistakes.conf")


def check(*line, policy=ROOT / "zones.yaml"):
    return main.run(["check", "--policy", str(policy), "--today", "2026-11-23", *line])


@pytest.fixture(autouse=True)
def _at_one_time(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1775001600")


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "run.json"
    check(CAPTURE, EXPORTS, "--format", "json", "--output", str(path), "--lang", "en")
    return path


@pytest.mark.parametrize("form", FORMS)
def test_a_stored_run_is_rendered_as_check_had_rendered_it(form, run, tmp_path, capfdbinary):
    check(CAPTURE, EXPORTS, "--format", f"{form}={tmp_path / 'once'}", "--lang", "en")
    code = main.run(
        ["report", "render", str(run), "--format", f"{form}={tmp_path / 'again'}", "--lang", "en"]
    )
    assert code == 0
    assert (tmp_path / "again").read_bytes() == (tmp_path / "once").read_bytes()
    if form != "text" and FORMS[form].kind == "text":
        capfdbinary.readouterr()
        main.run(["report", "render", str(run), "--format", form, "--lang", "en"])
        assert capfdbinary.readouterr().out == (tmp_path / "once").read_bytes()


def test_a_stored_run_is_told_in_another_language(run, capfd):
    assert main.run(["report", "render", str(run), "--lang", "ja"]) == 0
    assert capfd.readouterr().out.startswith("ネットワーク分離 検証報告")


def test_a_run_that_is_no_run_is_refused(tmp_path, capfd):
    (tmp_path / "x.json").write_text("{}")
    assert main.run(["report", "render", str(tmp_path / "x.json"), "--lang", "en"]) == ExitCode.REFUSED
    assert "this is no report of ZoneGuard" in capfd.readouterr().err
    assert check(CAPTURE, "--baseline", str(tmp_path / "x.json")) == ExitCode.REFUSED


def test_what_the_baseline_holds_does_not_fail_the_run_when_only_new_counts(run, tmp_path, capfd):
    assert check(CAPTURE, EXPORTS, "--baseline", str(run)) == ExitCode.FINDINGS
    out = tmp_path / "second.json"
    code = check(CAPTURE, EXPORTS, "--baseline", str(run), "--fail-on-new", "--format", f"json={out}")
    assert code == ExitCode.INCONCLUSIVE  # nothing new, and what was not observed before is not observed now
    document = json.loads(out.read_text("utf-8"))
    assert {one["baseline"] for one in document["findings"]} == {"unchanged"}
    assert document["baseline"]["new"] == 0
    assert document["summary"]["fail_on_new"] is True
    assert "new 0, unchanged" in capfd.readouterr().out


def test_what_is_new_fails_and_what_is_gone_is_listed(run, tmp_path, capfd):
    first = tmp_path / "first.json"
    check(EXPORTS, "--format", f"json={first}")
    capfd.readouterr()
    code = check(CAPTURE, "--baseline", str(first), "--fail-on-new", "--lang", "en")
    told = capfd.readouterr().out
    assert code == ExitCode.FINDINGS
    assert re.search(r"new \d+, unchanged \d+, absent [1-9]", told)
    assert "absent: ZG-H02" in told
    assert "does not mean they were mended" in " ".join(told.split())


def test_only_new_without_a_baseline_is_2(capfd):
    assert check(CAPTURE, "--fail-on-new") == ExitCode.USAGE


def test_a_waiver_too_weak_for_its_finding_is_told_in_the_register(tmp_path, capfd):
    policy = (ROOT / "zones.yaml").read_text("utf-8")
    row = "{id: W-9, rule: ZG-A05, owner: 情報政策課長, reason: 移行中, until: 2026-12-01, severity: %s}"
    for severity, told in (("medium", "Too grave for it, and not covered: 1."), ("high", "Covers 1.")):
        path = tmp_path / "zones.yaml"
        path.write_text(policy.replace("waivers: []", f"waivers:\n  - {row % severity}"), "utf-8")
        out = tmp_path / "run.json"
        check(CAPTURE, "--format", f"json={out}", "--lang", "en", policy=path)
        shown = " ".join(capfd.readouterr().out.split())
        assert told in shown
        assert "ends within 30 days" in shown
        finding = next(
            one for one in json.loads(out.read_text("utf-8"))["findings"] if one["rule"] == "ZG-A05"
        )
        assert ("waiver" in finding) == (severity == "high")
