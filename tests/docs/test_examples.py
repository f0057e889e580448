"""No page shows a command that fails: every example that can be run is run, in a folder of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from zoneguard.cli.main import root

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PROGRAM = Path(sys.executable).with_name("zoneguard")
JUDGED = {0, 1, 4}  # the samples hold violations; any other code means that the example itself is wrong

# What the reader of a page has at hand under these names.
EVIDENCE = {
    "capture.pcapng": "captures/normal-day-alpha.pcapng",
    "core.pcapng": "captures/normal-day-alpha.pcapng",
    "core-20261116-0900.pcap": "captures/story-02-screen-reversed.pcap",
    "fw-border.conf": "exports/fortios/clean.conf",
    "fw.conf": "exports/fortios/clean.conf",
    "running.conf": "exports/fortios/clean.conf",
    "planned.conf": "exports/fortios/mistakes.conf",
}
ACCEPTANCE = "src,dst,proto,dport,expected\n172.16.20.5,192.168.10.3,tcp,3389,permit\n"

# Blocks of these pages run in tests of their own, beside what they need: a repository, a mirror port, a database.
ELSEWHERE = {"ci.md", "evidence.md", "outputs.md", "sensor.md", "offline.md"}
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
FILLED = re.compile(
    r"<!-- (\w+):begin -->.*?<!-- \1:end -->", re.DOTALL
)  # test_docs.py holds it to its output
# Needs a mirror port; takes many seconds, and is made and read in tests/report.
HELD_ELSEWHERE = re.compile(r"zoneguard (sensor (run|once|status)\b|.*--format pdf=)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    page: str
    number: int
    commands: tuple[str, ...]

    def __str__(self):
        return f"{self.page}-{self.number}"


def in_both_languages():
    """Give the pages that people write, each with its Japanese twin."""
    yield ROOT / "README.md", ROOT / "README.ja.md"
    for page in sorted(DOCS.rglob("*.md")):
        place = page.relative_to(DOCS)
        if place.parts[0] not in {"ja", "decisions", "rules"}:
            yield page, DOCS / "ja" / place


def blocks(page):
    name = page.relative_to(ROOT).as_posix().removeprefix("docs/")
    text = FILLED.sub("", page.read_text("utf-8"))
    found = re.findall(r"^```(sh|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for number, (kind, text) in enumerate(found, 1):
        lines = text.replace("\\\n", " ").splitlines()
        if kind == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        commands = tuple(
            " ".join(re.sub(r"\s#\s.*|\s--lang (ja|en)\b", "", line).split())
            for line in lines
            if line.startswith("zoneguard ")
        )
        if commands:
            yield Block(page=name, number=number, commands=commands)


RUN_HERE = [
    Block(page=block.page, number=block.number, commands=commands)
    for page, _ in in_both_languages()
    if page.name not in ELSEWHERE
    for block in blocks(page)
    if (commands := tuple(one for one in block.commands if not HELD_ELSEWHERE.match(one)))
]


@pytest.mark.parametrize("block", RUN_HERE, ids=str)
def test_the_commands_of_a_page_work(block, tmp_path):
    for name, source in EVIDENCE.items():
        shutil.copy(ROOT / source, tmp_path / name)
    (tmp_path / "exports").symlink_to(ROOT / "exports")
    (tmp_path / "captures").mkdir()
    for story in (ROOT / "captures").glob("story-0[24]-*.pcap"):
        shutil.copy(story, tmp_path / "captures")
    (tmp_path / "acceptance.csv").write_text(ACCEPTANCE, encoding="utf-8")
    if not any("policy init" in command for command in block.commands):
        shutil.copy(ROOT / "zones.yaml", tmp_path)
    failed = {}
    for command in block.commands:
        run = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=os.environ
            | {"PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        if run.returncode not in JUDGED:
            failed[command] = (run.returncode, run.stderr)
    assert failed == {}


def test_there_are_examples_to_run():
    assert {block.page for block in RUN_HERE} >= {"README.md", "quickstart.md", "firewall.md", "report.md"}
    assert sum(len(block.commands) for block in RUN_HERE) >= 20


def test_both_languages_show_the_same_commands():
    for page, twin in in_both_languages():
        ours = [block.commands for block in blocks(page)]
        assert [block.commands for block in blocks(twin)] == ours, twin


def test_every_command_and_option_named_in_prose_exists():
    pages = [page for pair in in_both_languages() for page in pair]
    wrong = [
        f"{page.relative_to(ROOT)}: zoneguard {example}: {unknown}"
        for page in [*pages, *(DOCS / "decisions").glob("*.md"), *ROOT.glob("CHANGELOG*.md")]
        for example in re.findall(r"`zoneguard ([^`]+)`", re.sub(FENCED, "", page.read_text("utf-8")))
        if (unknown := _unknown(example.split()))
    ]
    assert wrong == []
    assert _unknown(["check", "core.pcap", "--polcy", "zones.yaml"]) == "--polcy"
    assert _unknown(["policy", "lnt"]) == "lnt"


def _unknown(words):
    """Name the first word that is no command, and the first option that its command does not take."""
    ctx = click.Context(root, info_name="zoneguard")
    command = root
    rest = list(words)
    while isinstance(command, click.Group) and rest and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
        below = command.get_command(ctx, rest[0])
        if below is None:
            return rest[0]
        command, ctx = below, click.Context(below, info_name=rest.pop(0), parent=ctx)
    known = {
        name
        for param in [*command.get_params(ctx), *root.get_params(ctx)]
        for name in [*param.opts, *param.secondary_opts]
    }
    given = [word.partition("=")[0] for word in rest if word.startswith("--") and word != "--"]
    return next((name for name in given if name not in known), None)
