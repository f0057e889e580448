from __future__ import annotations

import base64
import hashlib
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.filed import filed
from tests.report.html.hostile import WORDS, hostile
from tests.report.sample import REVERSED, sample
from zoneguard.findings.finding import PacketLocator, Verdict
from zoneguard.report.harmless import harmless
from zoneguard.report.html import render_html
from zoneguard.report.html.words import words_in

VOID = {"meta", "link", "br", "input", "img"}
OPTIONAL_END = {"tr", "td", "th", "li", "dt", "dd", "tbody", "thead", "p"}


class Reader(HTMLParser):
    """Reads a page as a list of elements and the text in each."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self.ids, self.links = [], [], [], []
        self.open = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if "href" in values else []
        if tag not in VOID | OPTIONAL_END:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID | OPTIONAL_END:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return "\n".join(self.texts)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_page_is_well_formed_and_says_its_language(lang):
    page = render_html(filed(lang))
    assert page.startswith('<!doctype html>\n<html lang="' + lang)
    read = Reader(page)
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert {link for link in read.links if link.startswith("#")} <= {f"#{one}" for one in read.ids}


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_same_report_gives_the_same_page(lang):
    assert render_html(filed(lang)) == render_html(filed(lang))


def test_the_policy_of_the_page_admits_its_one_style_and_nothing_else():
    page = render_html(filed("en"))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
        in page
    )
    read = Reader(page)
    assert "script" not in {tag for tag, _ in read.tags}
    assert not [
        values for _, values in read.tags if "style" in values or any(k.startswith("on") for k in values)
    ]
    assert {link for link in read.links if not link.startswith("#")} == {"data:,"}
    assert not [values for _, values in read.tags if "src" in values]


def test_headings_never_skip_a_level():
    levels = [int(tag[1]) for tag, _ in Reader(render_html(filed("en"))).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_table_has_a_caption_and_headers_with_a_scope():
    tags = Reader(render_html(filed("en"))).tags
    assert sum(tag == "table" for tag, _ in tags) == sum(tag == "caption" for tag, _ in tags) > 8
    assert all("scope" in values for tag, values in tags if tag == "th")
    assert all(values.get("role") == "img" for tag, values in tags if tag == "svg" and "viewbox" in values)


def test_a_japanese_report_dates_in_the_era_beside_the_calendar():
    text = Reader(render_html(filed("ja"))).text
    assert "令和8年4月1日（2026-04-01 09:00:00.123+09:00）" in text
    assert "あと 19 日" in text
    assert "期限切れ" in text


def test_an_english_report_speaks_english_but_for_names_and_clauses():
    text = Reader(render_html(filed("en"))).text
    for word in (
        "Network Separation Report",
        "Verdict by clause",
        "19 days left",
        "Found last time, absent now",
    ):
        assert word in text
    assert "令和8年4月1日" not in text


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_what_auditors_ask_for_is_there(lang):
    report, words = filed(lang), words_in(lang)
    text = Reader(render_html(report)).text
    for section in (
        "clauses",
        "matrix",
        "graph",
        "timeline",
        "findings",
        "difference",
        "coverage",
        "register",
    ):
        assert words[section] in text
    for fact in (
        report.policy.sha256,
        report.inputs[0].sha256,
        report.tool.version,
        "R8-情-012",
        "W-1",
        "frame.number == 17",
        "ip.addr == 192.168.10.5 && ip.addr == 172.16.20.5 && tcp.port == 3389",
        REVERSED.message.in_(lang),
        REVERSED.fingerprint,
        report.coverage.unverifiable[0].reason.in_(lang),
        "A-OLD",
        "A-FAR",
        "前月.json",
    ):
        assert fact in text


def test_findings_that_share_their_words_say_them_once():
    many = tuple(
        replace(REVERSED, fingerprint=str(at), locators=(PacketLocator(file="a", frame=at, time=0),))
        for at in range(30)
    )
    page = render_html(sample("en", findings=many))
    assert page.count(REVERSED.remedy.en) == 1
    assert page.count(REVERSED.clauses[0].section) == 1
    assert page.count("<article") == 20
    assert [f"#{at}\n" in page for at in range(20, 30)] == [True] * 10


def test_what_has_no_line_is_counted():
    many = tuple(replace(REVERSED, fingerprint=str(at)) for at in range(30))
    assert "There are 7 more findings" in render_html(sample("en", findings=many), most_lines=3)
    page = render_html(sample("en", findings=many), most_in_full=5, most_lines=0)
    assert page.count("<article") == 5
    assert "There are 25 more findings" in page


def test_without_findings_traffic_or_register_the_page_says_so():
    report = replace(sample("en", findings=()), inputs=(), matrix=())
    text = Reader(render_html(report)).text
    assert "There are no findings." in text
    assert "No finding has a time." in text
    assert "No capture was given, so whether permits are used cannot be verified." in text


def test_a_page_of_ten_thousand_findings_stays_below_five_megabytes():
    many = tuple(
        replace(
            REVERSED,
            rule=f"ZG-{'ABCDEFG'[at % 7]}0{at % 5 + 1}",
            verdict=Verdict.VIOLATED,
            fingerprint=f"{at:016x}",
            message=replace(REVERSED.message, ja=REVERSED.message.ja * 2),
            orig=replace(REVERSED.orig, address=f"192.168.{at % 250}.{at // 250}"),
            locators=tuple(PacketLocator(file="f" * 60, frame=at * 7 + k, time=0) for k in range(5)),
        )
        for at in range(10_000)
    )
    assert len(render_html(sample("ja", findings=many)).encode()) < 5_000_000


@pytest.mark.parametrize("word", WORDS)
def test_hostile_words_come_out_as_text_and_nothing_else(word):
    page = render_html(hostile(word))
    assert page.encode()
    read = Reader(page)
    plain = Reader(render_html(hostile("word")))
    assert shapes(read) <= shapes(plain)
    assert {link for link in read.links if not link.startswith("#")} == {"data:,"}
    assert all(line.replace("\u3000", "").isprintable() for line in page.split("\n"))
    if len(word) < 200:
        assert harmless(word) in read.text


def shapes(read):
    """Give the kinds of elements there are, with the names of their attributes."""
    return {(tag, frozenset(values)) for tag, values in read.tags}


def test_a_page_stays_small_however_long_the_words_in_it():
    assert len(render_html(hostile("漢x" * 50_000)).encode()) < 5_000_000


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=40))
def test_any_word_comes_out_as_text(word):
    read = Reader(render_html(hostile(word, "ja")))
    assert harmless(word) in read.text
    assert "script" not in {tag for tag, _ in read.tags}
