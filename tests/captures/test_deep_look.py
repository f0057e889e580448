"""The second pass as a user meets it: what is opened, what tshark is asked, and what becomes of a run without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "captures"
UNNAMED = CAPTURES / "story-11-denied-by-config.pcap"  # its first octets are of no protocol our readers know
NAMED = CAPTURES / "story-09-ssh-on-screen-port.pcap"


def check(*words, path=None, given=b""):
    """Run `zoneguard check`; give its exit code and its report."""
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from zoneguard.cli.main import main; main()",
            "check",
            *map(str, words),
            "--policy",
            str(ROOT / "zones.yaml"),
            "--today",
            "2026-11-16",
            "--format",
            "json",
        ],
        input=given,
        capture_output=True,
        check=False,
        env=os.environ | ({"PATH": str(path)} if path else {}),
    )
    assert b"Traceback" not in run.stderr
    return run.returncode, json.loads(run.stdout)


@pytest.fixture
def fake(tmp_path):
    """Make a tshark that notes each start and can do nothing."""
    program, starts = tmp_path / "tshark", tmp_path / "starts"
    program.write_text(f"#!/bin/sh\necho started >> {starts}\nexit 1\n", "utf-8")
    program.chmod(0o755)
    return tmp_path, starts


def notes(report):
    return [one["message"]["en"] for one in report["findings"] if one["name"].startswith("coverage-look")]


def test_what_our_own_readers_name_starts_no_tshark(fake):
    path, starts = fake
    _, report = check(NAMED, path=path)
    assert report["coverage"]["opened"] == 1
    assert not starts.exists()


def test_without_flows_to_open_no_tshark_is_started(fake):
    path, starts = fake
    _, report = check(UNNAMED, "--look", "0", path=path)
    assert report["coverage"]["opened"] == 0
    assert not starts.exists()


def test_a_tshark_that_fails_is_told_and_fails_no_run(fake):
    path, _ = fake
    code, report = check(UNNAMED, path=path)
    assert code == 1
    assert [one["rule"] for one in report["findings"] if one["verdict"] == "violated"] == ["ZG-A03"]
    assert len(notes(report)) == 1


def test_a_missing_tshark_is_told_with_the_way_out(tmp_path):
    _, report = check(UNNAMED, path=tmp_path)
    (note,) = notes(report)
    assert "install tshark 4.0 or later" in note
    assert "(1 flow " in note


def test_with_tshark_there_is_nothing_to_tell():
    _, report = check(UNNAMED)
    assert notes(report) == []


def test_flows_of_standard_input_cannot_be_opened_and_that_is_told():
    code, report = check("-", given=(CAPTURES / "story-07-mail-html.pcap").read_bytes())
    assert code == 4
    assert any("standard input cannot be read again" in note for note in notes(report))
    (mail,) = [one for one in report["findings"] if one["rule"] == "ZG-B04"]
    assert mail["verdict"] == "unverifiable"


def test_flows_beyond_the_bound_are_counted():
    _, report = check(CAPTURES / "normal-day-alpha.pcapng", "--look", "2")
    assert report["coverage"]["opened"] > 2  # of each question
    assert report["coverage"]["not_opened"] > 0
    assert any(one["name"] == "coverage-not-opened" for one in report["findings"])
