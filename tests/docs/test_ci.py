"""The examples of the CI page: their YAML parses, and their shell does what the page says on a real change."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"en": ROOT / "docs/ci.md", "ja": ROOT / "docs/ja/ci.md"}


def blocks(kind, lang="en"):
    return re.findall(rf"```{kind}\n(.*?)```", PAGES[lang].read_text("utf-8"), re.DOTALL)


def workflow():
    return yaml.safe_load(blocks("yaml")[0])


def job():
    return yaml.safe_load(blocks("yaml")[1])["zoneguard"]


def step(name):
    (found,) = [one["run"] for one in workflow()["jobs"]["check"]["steps"] if one.get("name") == name]
    return found


@pytest.fixture
def machine(tmp_path):
    """Give an environment in which `zoneguard` is this one, and git is nobody's."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "zoneguard"
    start = "import sys; from zoneguard.cli.main import main; main()"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{start}' \"$@\"\n")
    program.chmod(0o755)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "SOURCE_DATE_EPOCH": "1795392000",  # 2026-11-23 in Japan: the day approvals are held against
        "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.jp",
        "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.jp",
    }  # fmt: skip


def shell(script, cwd, env, *arguments):
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script, "sh", *arguments],
        cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8", check=False, timeout=110,
    )  # fmt: skip


def repository(tmp_path, env, before, after):
    """Make a repository in which a branch changes the export, and a clone of it on that branch."""
    origin = tmp_path / "origin"
    (origin / "firewall").mkdir(parents=True)
    shutil.copy(ROOT / "zones.yaml", origin)
    script = (
        f"git init -q -b main . && cp {before} firewall/fw.conf && git add . && git commit -qm before"
        f" && git checkout -qb change && cp {after} firewall/fw.conf && git add . && git commit -qm after --allow-empty"
        " && git clone -q . ../work"
    )  # fmt: skip
    made = shell(script, origin, env)
    assert made.returncode == 0, made.stderr
    return tmp_path / "work"


CLEAN, MISTAKES = (ROOT / f"exports/fortios/{name}.conf" for name in ("clean", "mistakes"))


def test_the_examples_are_the_same_in_both_languages():
    for kind in ("yaml", "sh", "crontab"):
        assert blocks(kind, "en") == blocks(kind, "ja")
        assert blocks(kind)


def test_the_yaml_says_what_the_forges_want():
    flow = workflow()
    assert flow[True] == {
        "pull_request": {"paths": ["firewall/**", "zones.yaml"]}
    }  # YAML 1.1 takes `on` for true
    assert all(("uses" in one) != ("run" in one) for one in flow["jobs"]["check"]["steps"])
    assert all(isinstance(line, str) for line in [*job()["before_script"], *job()["script"]])
    written = set(re.findall(r"=(\S+)", step("Check the change"))) | {"before.json"}
    assert {"zoneguard.sarif", "zoneguard.xml", "run.json"} <= written


@pytest.mark.parametrize(
    ("before", "after", "code"), [(CLEAN, MISTAKES, 1), (MISTAKES, CLEAN, 0), (MISTAKES, MISTAKES, 0)]
)
def test_the_workflow_of_github_stops_what_a_change_makes_worse(before, after, code, tmp_path, machine):
    work = repository(tmp_path, machine, before, after)
    env = machine | {"GITHUB_BASE_REF": "main", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    stood = shell(step("Check what stood before"), work, env)
    assert stood.returncode == 0, stood.stderr
    ran = shell(step("Check the change"), work, env)
    assert ran.returncode == code, ran.stderr
    assert ("::error file=firewall/fw.conf,line=" in ran.stdout) == (code == 1)
    states = {one["baseline"] for one in json.loads((work / "run.json").read_text("utf-8"))["findings"]}
    assert states == ({"new"} if code else {"unchanged"} if after is MISTAKES else set())
    assert json.loads((work / "zoneguard.sarif").read_text("utf-8"))["version"] == "2.1.0"
    assert shell(step("Summary"), work, env).returncode == 0
    assert "Network separation report" in (tmp_path / "summary").read_text("utf-8")


def test_the_job_of_gitlab_stops_what_a_change_makes_worse(tmp_path, machine):
    work = repository(tmp_path, machine, CLEAN, MISTAKES)
    base = shell("git rev-parse origin/main", work, machine).stdout.strip()
    ran = shell("\n".join(job()["script"]), work, machine | {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base})
    assert ran.returncode == 1, ran.stderr
    for name in [*job()["artifacts"]["paths"], *job()["artifacts"]["reports"].values()]:
        assert (work / name).stat().st_size > 200


def test_the_script_for_cron_is_silent_on_a_clean_day_and_tells_what_is_new(tmp_path, machine):
    home = tmp_path / "srv"
    for name in ("captures", "firewall"):
        (home / name).mkdir(parents=True)
    shutil.copy(ROOT / "zones.yaml", home)
    shutil.copy(MISTAKES, home / "firewall/fw.conf")
    first = shell(blocks("sh")[0], home, machine, str(home))
    assert first.returncode == 1, first.stderr
    assert "終了コード 1" in first.stdout
    (run,) = (home / "runs").glob("*.json")
    assert run.with_suffix(".csv").read_bytes().startswith(b"\xef\xbb\xbf")
    shutil.copy(run, home / "runs/accepted.json")
    second = shell(blocks("sh")[0], home, machine, str(home))
    assert (second.returncode, second.stdout) == (0, "")
    shutil.copy(ROOT / "captures/story-02-screen-reversed.pcap", home / "captures")
    third = shell(blocks("sh")[0], home, machine, str(home))
    assert third.returncode == 1
    assert "逆方向" in third.stdout or "ZG-A05" in third.stdout
