"""Every form a report can be written in, and what writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zoneguard.report.model import Report


def _nothing() -> None:
    """Need nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form: its writer gives the whole file, the same octets for the same report; text is UTF-8.

    `ready` raises MachineLacksError when this machine cannot write the form, before any work is done.
    """

    write: Callable[[Report], bytes]
    words: Text  # what it is for
    kind: Literal["text", "bytes"] = "text"  # bytes are for a file only
    ready: Callable[[], None] = _nothing


def _audit_csv(report: Report) -> bytes:
    from zoneguard.report.audit import render_audit

    return render_audit(report).encode()


def _csv(report: Report) -> bytes:
    from zoneguard.report.csv import render_csv

    return render_csv(report).encode()


def _eve(report: Report) -> bytes:
    from zoneguard.report.eve import render_eve

    return render_eve(report).encode()


def _github(report: Report) -> bytes:
    from zoneguard.report.annotations import render_github

    return render_github(report).encode()


def _gitlab(report: Report) -> bytes:
    from zoneguard.report.annotations import render_gitlab

    return render_gitlab(report).encode()


def _html(report: Report) -> bytes:
    from zoneguard.report.html import render_html

    return render_html(report).encode()


def _json(report: Report) -> bytes:
    from zoneguard.report.json import render_json

    return render_json(report).encode()


def _junit(report: Report) -> bytes:
    from zoneguard.report.junit import render_junit

    return render_junit(report).encode()


def _pdf(report: Report) -> bytes:
    from zoneguard.report.pdf import render_pdf

    return render_pdf(report)


def _pdf_ready() -> None:
    from zoneguard.report.pdf import refuse_without_means

    refuse_without_means()


def _sarif(report: Report) -> bytes:
    from zoneguard.report.sarif import render_sarif

    return render_sarif(report).encode()


def _text(report: Report) -> bytes:
    from zoneguard.report.text import render_text

    return render_text(report).encode()


FORMS: Mapping[str, Form] = {
    "audit-csv": Form(
        write=_audit_csv,
        words=Text(ja="監査調書（9列に判定と証跡を加えた表）", en="the audit working paper, as a table"),
    ),
    "csv": Form(write=_csv, words=Text(ja="表計算ソフト向けの指摘の表", en="findings for spreadsheets")),
    "eve": Form(
        write=_eve, words=Text(ja="Suricata EVE の形のJSON行", en="JSON lines shaped as Suricata EVE")
    ),
    "github": Form(write=_github, words=Text(ja="GitHub Actions の注釈", en="annotations of GitHub Actions")),
    "gitlab": Form(write=_gitlab, words=Text(ja="GitLab の Code Quality", en="Code Quality of GitLab")),
    "html": Form(
        write=_html,
        words=Text(ja="綴じて残す報告書（画面と A4）", en="the report to file, for the screen and A4"),
    ),
    "json": Form(
        write=_json, words=Text(ja="報告の全部（ほかの形はここから作れます）", en="all of the report")
    ),
    "junit": Form(write=_junit, words=Text(ja="JUnit XML", en="JUnit XML")),
    "pdf": Form(
        write=_pdf,
        words=Text(ja="綴じて残す報告書（A4）", en="the report to file, on A4"),
        kind="bytes",
        ready=_pdf_ready,
    ),
    "sarif": Form(write=_sarif, words=Text(ja="SARIF 2.1.0", en="SARIF 2.1.0")),
    "text": Form(write=_text, words=Text(ja="人が読む文章", en="words for people")),
}
