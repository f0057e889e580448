"""A report as one HTML page: gathers what each section shows and fills the template."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from zoneguard.report.gateways import gateway_rows
from zoneguard.report.harmless import harmless
from zoneguard.report.html.findings import MOST_IN_FULL, MOST_LINES, told_findings
from zoneguard.report.html.graph import draw
from zoneguard.report.html.matrix import matrix_rows
from zoneguard.report.html.sections import (
    clause_rows,
    cover,
    coverage_rows,
    difference,
    input_rows,
    overview,
    register_rows,
    shortfall_rows,
    unused,
    unverifiable_rows,
    waiver_rows,
)
from zoneguard.report.html.timeline import timeline
from zoneguard.report.html.words import MARKS, left_out_words, words_in
from zoneguard.report.html.zones import shown_zones, zone_names, zone_pairs
from zoneguard.report.model import observed_period
from zoneguard.report.when import short, time_zone

if TYPE_CHECKING:
    from jinja2 import Template

    from zoneguard.report.model import Report

_LONGEST = (
    2_000  # characters of one string: whoever made an export or a policy decides how long its names are
)

# Named, not embedded: what Debian, Windows, macOS and the packages of IPA bring with them.
FONTS = (
    '"Noto Sans CJK JP", "Noto Sans JP", "BIZ UDPGothic", "Yu Gothic", YuGothic, "Hiragino Sans",'
    ' "Hiragino Kaku Gothic ProN", Meiryo, IPAexGothic, sans-serif'
)


def render_html(report: Report, *, most_in_full: int = MOST_IN_FULL, most_lines: int = MOST_LINES) -> str:
    """Write a report as one HTML file that loads nothing and runs nothing; deterministic.

    The gravest findings are shown in full, `most_in_full` at most; `most_lines` others are lines of folded tables,
    and the rest is counted. Every string goes through the template's escaping and shows its control and direction marks as <U+202E>.
    """
    lang, zone = report.lang, time_zone(report.policy.timezone)
    pairs = zone_pairs(report)
    names = zone_names(report)
    zones, left_out = shown_zones(report, pairs)
    period = observed_period(report)
    told = told_findings(report, names, most_in_full=most_in_full, most_lines=most_lines)
    style = _style(report)
    has_traffic = any(one.kind == "capture" for one in report.inputs)
    return _template().render(
        lang=lang,
        w=words_in(lang),
        marks=MARKS,
        fonts=FONTS,
        style=Markup(style),  # noqa: S704 - the package's own file; what is put into it is digits
        style_hash=_csp_hash(style),
        cover=cover(report, period),
        overview=overview(report),
        clauses=clause_rows(report),
        zones=[(zone_id, names.get(zone_id, zone_id)) for zone_id in zones],
        zones_left_out=left_out,
        matrix=matrix_rows(zones, pairs, names),
        graph=draw(zones, {one.id: one.role for one in report.policy.zones}, pairs, names),
        graph_told=[pair for pair in pairs if pair.is_bad and pair.orig != pair.resp],
        names=names,
        timeline=timeline(report.findings, period, zone),
        told=told,
        difference=difference(report),
        left_out=left_out_words(told.left_out).in_(lang),
        gateways=tuple(gateway_rows(report)) if has_traffic else (),
        coverage=coverage_rows(report, names),
        unverifiable=unverifiable_rows(report),
        shortfalls=shortfall_rows(report),
        register=register_rows(report, names),
        waivers=waiver_rows(report),
        unused=unused(report, names),
        inputs=input_rows(report),
        has_traffic=has_traffic,
        generated=short(report.generated, zone),
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters["n"] = lambda number: f"{number:,}"
    environment.filters["px"] = lambda number: f"{number:.1f}"
    text = files("zoneguard.report.html").joinpath("page.html.jinja").read_text("utf-8")
    return environment.from_string(text)


def _shown(value: Any) -> Any:  # noqa: ANN401 - whatever a template prints
    """Show control and direction marks of strings, cut where nobody reads on; what the template made stays."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return harmless(value if len(value) <= _LONGEST else value[:_LONGEST] + "…")


def _style(report: Report) -> str:
    css = files("zoneguard.report.html").joinpath("style.css").read_text("utf-8")
    made = short(report.generated, time_zone(report.policy.timezone))
    digest = "".join(sign for sign in report.policy.sha256[:12] if sign in "0123456789abcdef")
    return css.replace("@FONTS@", FONTS).replace("@FOOTER@", f"{made} / policy {digest}")


def _csp_hash(style: str) -> str:
    """Give the hash by which the Content-Security-Policy admits just this style (CSP level 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
