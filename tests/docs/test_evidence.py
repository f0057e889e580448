"""The examples of the page on evidence: they run as they stand, and the table of files is what a bundle holds."""

from __future__ import annotations

import re
import shlex
import zipfile
from pathlib import Path

from zoneguard.bundle.container import MOST_FILES, MOST_OCTETS
from zoneguard.bundle.evidence import MOST_FRAMES
from zoneguard.bundle.making import RENDERED
from zoneguard.cli import main
from zoneguard.report.forms import FORMS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs/evidence.md", ROOT / "docs/ja/evidence.md"]


def commands(page):
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_examples_are_the_same_in_both_languages_and_run(tmp_path, monkeypatch):
    assert commands(PAGES[0]) == commands(PAGES[1])
    for name in ("captures", "exports", "zones.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    codes = []
    for command in commands(PAGES[0]):
        program, *words = shlex.split(command)
        assert program == "zoneguard"
        codes.append(main.run(words))
    assert codes == [1, 0, 0, 1]
    with zipfile.ZipFile(tmp_path / "evidence.zip") as archive:
        held = set(archive.namelist())
    for page in PAGES:
        listed = set(
            re.findall(r"^\| `([\w.]+)` \|", page.read_text("utf-8").split("\n## ")[0], re.MULTILINE)
        )
        absent = {name for form, name in RENDERED.items() if form not in FORMS}
        assert listed - absent == held


def test_the_bounds_are_told():
    for page in PAGES:
        text = page.read_text("utf-8")
        assert f"{MOST_FRAMES:,}" in text
        assert f"{MOST_OCTETS >> 20} MiB" in text
        assert f"{MOST_FILES} " in text
