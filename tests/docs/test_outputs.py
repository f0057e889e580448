"""The examples of the outputs page are cut from what is really printed, and name every form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zoneguard.cli import main
from zoneguard.report.forms import FORMS

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"en": ROOT / "docs/outputs.md", "ja": ROOT / "docs/ja/outputs.md"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Store the run that the page's own command makes."""
    shown = re.search(
        r"```sh\n(zoneguard check .*?) --format FORM\n```", PAGES["en"].read_text("utf-8"), re.DOTALL
    )
    words = shown[1].replace("\\\n", " ").split()[1:]
    path = tmp_path_factory.mktemp("outputs") / "run.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        assert main.run([*words, "--format", "json", "--output", str(path)]) == 1
    return path


@pytest.mark.parametrize("lang", PAGES)
def test_every_form_has_a_row_and_every_machine_form_an_example(lang):
    page = PAGES[lang].read_text("utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)
    shown = re.findall(r"<!-- example: ([\w-]+) -->", page)
    assert set(rows) <= set(FORMS)
    assert set(shown) == set(rows) - {"text"}
    assert {"audit-csv", "csv", "eve", "github", "gitlab", "json", "junit", "sarif", "text"} <= set(rows)


@pytest.mark.parametrize("lang", PAGES)
def test_the_examples_are_cut_from_what_is_printed(lang, run, tmp_path):
    for form, block in re.findall(
        r"<!-- example: ([\w-]+) -->\n```\w*\n(.*?)\n```", PAGES[lang].read_text("utf-8"), re.DOTALL
    ):
        out = tmp_path / form
        assert (
            main.run(["report", "render", str(run), "--format", form, "--output", str(out), "--lang", lang])
            == 0
        )
        text, at = out.read_text("utf-8"), 0
        for fragment in re.split(r"…|\n", block):
            if fragment.strip():
                found = text.find(fragment.strip(), at)
                assert found >= 0, (form, fragment)
                at = found + len(fragment.strip())
