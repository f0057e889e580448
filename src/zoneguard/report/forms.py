"""The forms that a report can be written in, by the names that --format calls them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zoneguard.report.model import Report


def _nothing() -> None:
    """Need nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a report is written; text is UTF-8, and only text is written to a terminal.

    `ready` raises MachineLacksError when this machine cannot write the form, before any work is done.
    """

    write: Callable[[Report], bytes]
    kind: Literal["text", "bytes"] = "text"
    ready: Callable[[], None] = _nothing


# Each imports what it needs when it is called: the text report needs no template, no form needs all of them.


def _text(report: Report) -> bytes:
    from zoneguard.report.text import render_text

    return render_text(report).encode()


def _json(report: Report) -> bytes:
    from zoneguard.report.json import render_json

    return render_json(report).encode()


def _html(report: Report) -> bytes:
    from zoneguard.report.html import render_html

    return render_html(report).encode()


def _pdf(report: Report) -> bytes:
    from zoneguard.report.pdf import render_pdf

    return render_pdf(report)


def _pdf_ready() -> None:
    from zoneguard.report.pdf import refuse_without_means

    refuse_without_means()


FORMS: Mapping[str, Form] = {
    "html": Form(write=_html),
    "json": Form(write=_json),
    "pdf": Form(write=_pdf, kind="bytes", ready=_pdf_ready),
    "text": Form(write=_text),
}
