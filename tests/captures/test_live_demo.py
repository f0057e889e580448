"""The demonstration of the sensor: the stories are found on a wire, it says so when they are not, and it tidies up."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.oracle.world import may_build
from zoneguard.report.width import cells


class Told(NamedTuple):
    """How a language is asked for, its word for a new finding, and the pages that show the demonstration."""

    locale: str
    new: str
    pages: tuple[str, ...]


ROOT = Path(__file__).parents[2]
LIVE = ROOT / "captures" / "live"
STORIES = runpy.run_path(str(LIVE / "stories.py"))
STAGE = runpy.run_path(str(LIVE / "stage.py"))
LANGUAGES = {
    "en": Told(locale="en_US.UTF-8", new="new", pages=("README.md", "docs/sensor.md")),
    "ja": Told(locale="ja_JP.UTF-8", new="新規", pages=("README.ja.md", "docs/ja/sensor.md")),
}
MOST_SECONDS = 60  # once the capture engine is compiled

needs_root = pytest.mark.skipif(
    shutil.which("ip") is None or not may_build(), reason="needs root, network namespaces and iproute2"
)


def begin(folder, *, lang="en_US.UTF-8"):
    return subprocess.Popen(
        [sys.executable, str(LIVE / "demo.py")],
        env={**os.environ, "TMPDIR": str(folder), "LC_ALL": lang},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def shown_by(page):
    """Give the lines of the demonstration that a page shows."""
    (block,) = re.findall(
        r"^```console\n# make demo-sensor\n(.+?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return [line for line in block.splitlines() if line.strip("…")]


def unnumbered(text):
    """Leave out what differs from run to run: folders, keys, dates and counts; and how the lines are broken."""
    text = re.sub(r"\S+/(?=(?:sensor|zones)\.yaml)", "", text)
    text = re.sub(r"\b[0-9a-f]{12,}\b|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d", "*", text)
    text = re.sub(r"(?<![\w.-])\d[\d,]*(?:\.\d+)?(?![\w.])", "*", text)
    return re.sub(r"\s+", "", text)


def processes_of(folder):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:  # it ended meanwhile
            continue
    return found


@needs_root
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_sensor_finds_the_stories_live_and_nothing_is_left_behind(tmp_path, lang):
    subprocess.run(
        [str(Path(sys.executable).with_name("zoneguard")), "warmup"], check=True, capture_output=True
    )
    began = time.monotonic()
    with begin(tmp_path, lang=LANGUAGES[lang].locale) as demo:
        told, faults = demo.communicate(timeout=200)
    assert (demo.returncode, faults) == (0, ""), told
    assert time.monotonic() - began < MOST_SECONDS
    for story in STORIES["read_stories"](lang):
        assert story.path.name in told
        assert [
            rule for rule in story.primary if f"  jsonl    {LANGUAGES[lang].new} {rule} " not in told
        ] == []
    for shown in ("  webhook  demo/", "zoneguard_packets_total{", "kill -HUP", "kill -TERM"):
        assert shown in told
    for page in LANGUAGES[lang].pages:
        assert [line for line in shown_by(ROOT / page) if unnumbered(line) not in unnumbered(told)] == [], (
            page
        )
    wide = [line for line in told.splitlines() if cells(line) > 80]
    assert [line for line in wide if str(tmp_path) not in line and not line.startswith("zoneguard_")] == []
    assert (list(tmp_path.iterdir()), processes_of(tmp_path)) == ([], [])


@needs_root
def test_a_demonstration_that_is_interrupted_leaves_nothing_behind(tmp_path):
    with begin(tmp_path, lang="ja_JP.UTF-8") as demo:
        lines = iter(demo.stdout.readline, "")
        assert any(line.startswith("▶") for line in lines)
        assert len(processes_of(tmp_path)) == 1
        demo.send_signal(signal.SIGINT)
        _, faults = demo.communicate(timeout=60)
    assert (demo.returncode, faults) == (128 + signal.SIGINT, "")
    assert (list(tmp_path.iterdir()), processes_of(tmp_path)) == ([], [])


@pytest.mark.parametrize(
    ("lang", "word"), [("en_US.UTF-8", "run `sudo make"), ("ja_JP.UTF-8", "を実行してください")]
)
def test_who_may_not_make_a_mirror_port_is_told_what_to_do(tmp_path, lang, word):
    script = f"import runpy, os; os.geteuid = lambda: 1000; runpy.run_path({str(LIVE / 'demo.py')!r}, run_name='__main__')"
    told = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(LIVE)!r}); {script}"],
        env={**os.environ, "LC_ALL": lang},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (told.returncode, told.stdout) == (5, "")
    assert "sudo make demo-sensor" in told.stderr
    assert word in told.stderr


def conversations(path):
    """Give the ends of what a sample capture holds: protocol, and both addresses with their ports."""
    found = set()
    for _, frame in STAGE["frames"](path):
        if frame[12:14] + frame[16:18] == b"\x81\x00\x08\x00" and frame[27] in (6, 17):
            ends = [frame[30:34] + frame[38:40], frame[34:38] + frame[40:42]]
            found.add((frame[27], *sorted(ends)))
    return found


def test_no_two_stories_are_one_conversation():
    heard = [
        (story.number, one) for story in STORIES["read_stories"]("en") for one in conversations(story.path)
    ]
    assert len(heard) > 400
    assert len({one for _, one in heard}) == len(heard)


def line(rule, *, at, verdict="violated"):
    return {
        "first_seen": f"2026-11-27T03:00:{at:02}.250000000+09:00",
        "finding": {"rule": rule, "verdict": verdict},
    }


@pytest.fixture
def stories():
    """Every story, played for half a second each, one a second."""
    told = STORIES["read_stories"]("en")
    for at, story in enumerate(told):
        story.began = 1795716000 + at  # 2026-11-27 03:00 in Japan
        story.ended = story.began + 0.5
    return told


@pytest.fixture
def heard(stories):
    """What must be heard of them."""
    told = [line(rule, at=at) for at, story in enumerate(stories) for rule in story.primary]
    told += [line(rule, at=30, verdict="unverifiable") for rule in ("ZG-B04", "ZG-C07")]
    return STORIES["Heard"](findings=told)


def said(heard, stories):
    return [text.en for text in STORIES["failures"](heard, stories)]


def test_what_expected_yaml_lists_is_no_failure(heard, stories):
    assert said(heard, stories) == []


def test_a_story_that_was_not_found_is_a_failure(heard, stories):
    heard.findings = [one for one in heard.findings if one["finding"]["rule"] != "ZG-E01"]
    assert said(heard, stories) == ["Story 10: ZG-E01 was due, nothing was found."]


def test_a_finding_of_a_clean_story_is_a_failure(heard, stories):
    heard.findings.append(line("ZG-A03", at=0))
    assert said(heard, stories) == ["Story 3: nothing was due, ZG-A03 was found."]


def test_a_finding_between_the_stories_is_a_failure(heard, stories):
    heard.findings.append(line("ZG-G01", at=40))
    assert said(heard, stories) == ["No story explains this finding: ZG-G01"]


def test_a_body_that_nobody_could_look_into_must_be_told(heard, stories):
    heard.findings = [one for one in heard.findings if one["finding"]["rule"] != "ZG-B04"]
    assert said(heard, stories) == ["This was not told as unverifiable: ZG-B04"]
