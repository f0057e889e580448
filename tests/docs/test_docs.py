"""What the documentation shows is true: generated pages, real output, links, and every key and code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from zoneguard.errors import ExitCode
from zoneguard.policy import document, yamltext
from zoneguard.rules.catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
LANGUAGES = {"en": DOCS, "ja": DOCS / "ja"}


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_rule_pages_are_what_the_catalogue_generates(lang: str) -> None:
    page = LANGUAGES[lang] / "rules.md"
    generate = script("generate")
    assert page.read_text("utf-8") == generate.rules_page(lang), "run `make docs`"
    pages = {one.name: one.read_text("utf-8") for one in (LANGUAGES[lang] / "rules").iterdir()}
    assert pages == generate.rule_pages(lang), "run `make docs`"
    assert pages.keys() == {f"{rule.id}.md" for rule in CATALOGUE}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_of_a_rule_says_from_what_it_judges(lang: str) -> None:
    generate = script("generate")
    pages = generate.rule_pages(lang)
    for rule, words in (
        ("ZG-A05", generate.FROM_TRAFFIC),
        ("ZG-B01", generate.FROM_BOTH),
        ("ZG-C06", generate.FROM_COMPARING),
        ("ZG-H02", generate.FROM_EXPORTS),
    ):
        assert f"| {words.in_(lang)} |" in pages[f"{rule}.md"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_list_of_formats_is_what_the_parsers_generate(lang: str) -> None:
    page = LANGUAGES[lang] / "firewall-formats" / "README.md"
    assert page.read_text("utf-8") == script("generate").formats_page(lang), "run `make docs`"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_readme_shows_what_the_demo_prints(lang: str) -> None:
    fill = script("fill_readme")
    readme = fill.READMES[lang].read_text("utf-8")
    assert readme == fill.filled(readme, fill.block(lang)), "run `make readme`"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_quickstart_shows_what_the_commands_print(lang: str) -> None:
    fill = script("fill_quickstart")
    page = fill.PAGES[lang].read_text("utf-8")
    assert page == fill.filled(page, fill.block(lang)), "run `make quickstart`"


def test_every_page_exists_in_both_languages() -> None:
    assert sorted(path.name for path in (DOCS / "ja").glob("*.md")) == PAGES
    formats = sorted(path.name for path in (DOCS / "firewall-formats").glob("*.md"))
    assert sorted(path.name for path in (DOCS / "ja" / "firewall-formats").glob("*.md")) == formats


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_index_lists_every_page(lang: str) -> None:
    listed = re.findall(r"\]\(([^)#]+)\)", (LANGUAGES[lang] / "README.md").read_text("utf-8"))
    assert {page for page in PAGES if page != "README.md"} <= set(listed)


def test_every_link_leads_somewhere() -> None:
    pages = [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *(ROOT / "captures").rglob("*.md"),
        *(ROOT / "exports").rglob("*.md"),
    ]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not target.startswith(("http:", "https:", "mailto:")) and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_anchor_is_a_heading() -> None:
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    links = [
        (page, page.parent / place if place else page, anchor)
        for page in pages
        for place, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)]+)\)", page.read_text("utf-8"))
    ]
    assert links
    assert [(str(page), anchor) for page, target, anchor in links if anchor not in anchors(target)] == []


def anchors(page: Path) -> set[str]:
    """Give the anchors that GitHub makes of the headings of a page."""
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_key_of_zones_yaml_is_described(lang: str) -> None:
    page = (LANGUAGES[lang] / "zones-yaml.md").read_text("utf-8")
    schema = document.policy_schema()
    keys = {key for shape in [schema, *schema["$defs"].values()] for key in shape.get("properties", {})}
    assert {"zones", "next_hops", "from"} <= keys
    assert {key for key in keys - {"ja", "en"} if not re.search(rf"\b{key}\b", page)} == set()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_examples_of_zones_yaml_have_its_shape(lang: str) -> None:
    page = LANGUAGES[lang] / "zones-yaml.md"
    blocks = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        if not block.startswith(("#", "version"))
    ]
    whole: dict[str, Any] = {
        "version": 1,
        "organization": {"ja": "例示市", "en": "Reiji City"},
        "model": "alpha",
    }
    for block in blocks:
        whole |= yamltext.read_yaml(block.encode(), page.name).value or {}
    policy = document.Document.model_validate(whole)
    assert policy.zones
    assert policy.waivers


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_exit_code_is_described(lang: str) -> None:
    page = (LANGUAGES[lang] / "exit-codes.md").read_text("utf-8")
    for code in ExitCode:
        assert f"| {int(code)} | {code.name.lower()} |" in page
