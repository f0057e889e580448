from __future__ import annotations

import io
import shutil
import sys
from dataclasses import replace

import pytest

from tests.report.filed import filed
from tests.report.html.hostile import SCRIPT, hostile
from zoneguard.errors import ExitCode, MachineLacksError
from zoneguard.report import pdf
from zoneguard.report.html import render_html

pypdf = pytest.importorskip("pypdf")
needs_chromium = pytest.mark.skipif(pdf.browser() is None, reason="Chromium is not installed")
needs_weasyprint = pytest.mark.skipif(not pdf.has_weasyprint(), reason="WeasyPrint is not installed")


def words(printed):
    pages = pypdf.PdfReader(io.BytesIO(printed)).pages
    return "".join(page.extract_text() for page in pages).replace("\n", ""), pages


@needs_weasyprint
def test_the_same_report_gives_the_same_pdf_on_a4_with_its_fonts_in_it():
    report = filed("ja")
    printed = pdf.render_pdf(report)
    assert printed == pdf.render_pdf(report)
    text, pages = words(printed)
    assert "ネットワーク分離検証報告書" in text
    assert "令和8年4月1日" in text
    assert {tuple(round(float(side)) for side in page.mediabox[2:]) for page in pages} == {(595, 842)}
    fonts = {
        str(font["/BaseFont"]): font["/DescendantFonts"][0]["/FontDescriptor"]
        for page in pages
        for font in (one.get_object() for one in page["/Resources"]["/Font"].values())
        if "/DescendantFonts" in font
    }
    assert any("CJK" in name or "IPA" in name for name in fonts)
    assert all(
        descriptor.get_object().keys() & {"/FontFile", "/FontFile2", "/FontFile3"}
        for descriptor in fonts.values()
    )


@needs_weasyprint
def test_hostile_words_are_printed_as_text():
    report = hostile(SCRIPT)
    text, _ = words(pdf.render_pdf(replace(report, findings=report.findings[:1])))
    assert "<script>" in text


@needs_chromium
def test_a_browser_prints_the_same_page_where_weasyprint_is_missing(monkeypatch):
    monkeypatch.setattr(pdf, "has_weasyprint", lambda: False)
    text, pages = words(pdf.render_pdf(filed("ja")))
    assert "ネットワーク分離検証報告書" in text
    assert len(pages) > 4


def test_a_browser_that_fails_is_told_and_leaves_nothing_behind():
    with pytest.raises(MachineLacksError, match="made no PDF"):
        pdf.print_by_browser(render_html(filed("en")), shutil.which("false") or "false")
    with pytest.raises(MachineLacksError, match="made no PDF"):
        pdf.print_by_browser("", "/nonexistent/chromium")


def test_without_any_means_the_refusal_names_the_ways_out(monkeypatch):
    monkeypatch.setattr(pdf, "has_weasyprint", lambda: False)
    monkeypatch.setattr(pdf, "browser", lambda: None)
    with pytest.raises(MachineLacksError, match=r"zoneguard\[pdf\]") as refused:
        pdf.refuse_without_means()
    assert refused.value.exit_code is ExitCode.LACKING
    assert "--format html=FILE" in refused.value.faults[0].ja


def test_without_a_japanese_font_the_refusal_says_so(monkeypatch):
    monkeypatch.setattr(pdf, "has_weasyprint", lambda: True)
    monkeypatch.setattr(pdf, "has_japanese_font", lambda: False)
    with pytest.raises(MachineLacksError, match="no Japanese font"):
        pdf.refuse_without_means()


@pytest.mark.skipif(sys.platform != "linux", reason="fontconfig is asked on Linux")
def test_fontconfig_is_asked_for_the_font(tmp_path):
    lister = tmp_path / "fc-list"
    lister.write_text('#!/bin/sh\n[ "$1" = :lang=ja ] && exit 0\n', "utf-8")
    lister.chmod(0o755)
    assert not pdf.has_japanese_font(lambda _: str(lister))
    lister.write_text("#!/bin/sh\necho 'Noto Sans CJK JP'\n", "utf-8")
    assert pdf.has_japanese_font(lambda _: str(lister))
    assert pdf.has_japanese_font(lambda _: None)


def test_the_first_browser_that_is_there_is_taken():
    assert (
        pdf.browser(lambda name: f"/usr/bin/{name}" if "google" in name else None) == "/usr/bin/google-chrome"
    )
    assert pdf.browser(lambda _: None) is None
