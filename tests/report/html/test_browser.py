"""The page in a real browser: nothing is asked for, nothing runs, it opens quickly and fits paper and phone."""

from __future__ import annotations

import io
import shutil
import time
from dataclasses import replace

import pytest

from tests.report.filed import filed
from tests.report.html.hostile import WORDS, hostile
from tests.report.sample import REVERSED, sample
from zoneguard.findings.finding import PacketLocator
from zoneguard.report.html import render_html

pypdf = pytest.importorskip("pypdf")
sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LEAST_CONTRAST = 4.5  # of text and its ground, WCAG 2 AA


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as play:
        launched = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Give a function that opens a page and tells what it asked for and what it complained of."""
    pages = []

    def open_page(text, *, width=820, java_script=True):
        context = browser.new_context(
            viewport={"width": width, "height": 1000}, java_script_enabled=java_script
        )
        page = context.new_page()
        pages.append(context)
        page.asked, page.said = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("dialog", lambda dialog: (page.said.append(dialog.message), dialog.dismiss()))
        file = tmp_path / "report.html"
        file.write_text(text, "utf-8")
        started = time.monotonic()
        page.goto(file.as_uri(), wait_until="load")
        page.took = time.monotonic() - started
        page.file = file.as_uri()
        return page

    yield open_page
    for context in pages:
        context.close()


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("width", [820, 390])
def test_no_request_leaves_the_page_and_nothing_is_wider_than_the_screen(opened, lang, width):
    page = opened(render_html(filed(lang)), width=width)
    assert page.asked == [page.file]
    assert page.said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_words_ask_for_nothing_and_run_nothing(opened):
    for word in WORDS:
        page = opened(render_html(hostile(word)), width=390)
        assert page.asked == [page.file], word
        assert page.said == [], word
        assert page.title() != "owned"
        assert page.evaluate("document.querySelectorAll('script, img, iframe, object').length") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, word


def test_ten_thousand_findings_open_within_two_seconds(opened):
    many = tuple(
        replace(
            REVERSED,
            rule=f"ZG-{'ABCDEFG'[at % 7]}0{at % 5 + 1}",
            fingerprint=f"{at:016x}",
            locators=(PacketLocator(file="captures/a.pcap", frame=at, time=0),),
        )
        for at in range(10_000)
    )
    page = opened(render_html(sample("ja", findings=many)))
    assert page.said == []
    assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 2_000
    assert page.took < 10  # whatever else the machine does


def test_text_has_contrast_on_its_ground(opened):
    page = opened(render_html(filed("ja")))
    poor = page.evaluate(_CONTRASTS)
    assert [(words, ratio) for words, ratio in poor if ratio < LEAST_CONTRAST] == []


def test_the_page_prints_on_a4_with_page_numbers(opened):
    page = opened(render_html(filed("ja")))
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    assert printed.startswith(b"%PDF-")
    read = pypdf.PdfReader(io.BytesIO(printed))
    assert {tuple(round(float(side)) for side in sheet.mediabox[2:]) for sheet in read.pages} == {(595, 842)}
    assert f"1 / {len(read.pages)}" in read.pages[0].extract_text().replace("\u00a0", " ")


def test_a_filter_is_selected_by_one_click(opened):
    page = opened(render_html(filed("en")))
    page.locator(".card dd code").first.click()
    assert page.evaluate("getSelection().toString()").strip() == "frame.number == 17"


def test_the_cover_can_be_filled_in_on_the_screen(opened):
    page = opened(render_html(filed("ja")), java_script=False)
    page.locator("input[type=checkbox]").first.check()
    page.locator("input[type=text]").first.fill("情報政策課")
    assert page.locator("input[type=text]").first.input_value() == "情報政策課"


# The luminance of WCAG 2.2, of every element that holds text of its own, on the nearest ground with a colour.
_CONTRASTS = """
() => {
  const part = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = c => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
  const parse = s => (s.match(/[\\d.]+/g) || []).map(Number);
  const ground = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const found = [];
  for (const e of document.body.querySelectorAll('*')) {
    if (e.closest('svg') || e.matches('.hidden, .skip')) continue;
    const words = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join('');
    if (!words) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    found.push([words.slice(0, 30), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}
"""
