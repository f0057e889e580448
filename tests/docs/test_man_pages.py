"""The manual pages say what the commands say, and roff has nothing against them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from zoneguard.cli.main import COMMANDS
from zoneguard.errors import ExitCode

DOCS = Path(__file__).resolve().parents[2] / "docs"
LANGUAGES = ("en", "ja")
WITH_MAN = pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("docs_man_pages", DOCS / "man_pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", *options, "-l", str(page)],
        env=os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_manual_pages_are_what_the_commands_generate(lang: str) -> None:
    made = generator()
    folder = made.FOLDERS[lang]
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == made.pages(lang), (
        "run `make docs`"
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_command_and_every_exit_code_has_its_place(lang: str) -> None:
    made = generator()
    pages = made.pages(lang)
    assert set(pages) == {"zoneguard.1", *(f"zoneguard-{name}.1" for name in COMMANDS)}
    assert set(made.CODES) == set(ExitCode)
    assert ".SS zoneguard sensor config lint" in pages["zoneguard-sensor.1"]
    assert "\\-\\-fail\\-on\\-new" in pages["zoneguard-check.1"]


@WITH_MAN
def test_roff_warns_of_nothing_in_any_page() -> None:
    pages = sorted(DOCS.glob("man/**/*.1"))
    assert len(pages) == 2 * (len(COMMANDS) + 1)
    assert {page.name: said for page in pages if (said := shown(page).stderr)} == {}


@WITH_MAN
def test_roff_does_warn_of_a_mistake(tmp_path: Path) -> None:
    page = tmp_path / "broken.1"
    page.write_text(".TH BROKEN 1\n.SH NAME\nbroken \\- \\*[none] \\f(XX\n.nosuchrequest\n", encoding="utf-8")
    assert shown(page).stderr != ""


@WITH_MAN
@pytest.mark.parametrize(("lang", "told"), [("en", "Judge evidence"), ("ja", "証拠")])
def test_man_finds_and_shows_the_page_of_a_command(lang: str, told: str) -> None:
    page = subprocess.run(
        ["man", "-M", str(DOCS / "man" if lang == "en" else DOCS / "man" / "ja"), "zoneguard-check"],
        env=os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    assert told in page.stdout
