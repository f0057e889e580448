"""Findings as a pull request or merge request shows them beside the line: GitHub and GitLab."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from zoneguard.findings.finding import LineLocator, PacketLocator, Severity, Verdict
from zoneguard.findings.threshold import fails
from zoneguard.report.harmless import harmless, harmless_json_lines
from zoneguard.report.place import primary_place, repository_path
from zoneguard.report.words import SEVERITIES, VERDICTS
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.report.model import Report
    from zoneguard.text import Lang

# GitHub shows ten of each kind a step and drops the rest in silence.
_MOST_OF_A_KIND = 10
_KINDS = ("error", "warning", "notice")
_GITLAB = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}


def render_github(report: Report) -> str:
    """Write workflow commands: an error for what fails the run, a warning for the rest, a notice for what is waived.

    Of each kind the gravest ten, as many as GitHub shows; the last line counts all.
    """
    lines: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for finding in report.findings:
        lines[_github_kind(finding, report)].append(_github_line(finding, report))
    shown = [line for kind in _KINDS for line in lines[kind][: _MOST_OF_A_KIND - (kind == "notice")]]
    return "\n".join([*shown, _github_count(report, lines)]) + "\n"


def render_gitlab(report: Report) -> str:
    """Write a Code Quality report; what is waived is shown as info, a packet stands at line 1 of its capture."""
    issues = [
        {
            "description": harmless(_sentence(finding, report.lang)),
            "check_name": finding.rule,
            "fingerprint": finding.fingerprint,
            "severity": "info" if finding.waiver is not None else _GITLAB[finding.severity],
            "location": {"path": path, "lines": {"begin": line}},
        }
        for finding in report.findings
        for path, line in [_position(finding, report)]
    ]
    return harmless_json_lines(json.dumps(issues, ensure_ascii=False, indent=2)) + "\n"


def _position(finding: Finding, report: Report) -> tuple[str, int]:
    match primary_place(finding):
        case LineLocator() as one if one.line > 0:
            return repository_path(one.file), one.line
        case PacketLocator() | LineLocator() as one:
            return repository_path(one.file), 1
        case None:
            return repository_path(report.policy.path), 1


def _github_kind(finding: Finding, report: Report) -> str:
    if finding.waiver is not None:
        return "notice"
    summary = report.summary
    return "error" if fails(finding, summary.fail_on, only_new=summary.fail_on_new) else "warning"


def _github_line(finding: Finding, report: Report) -> str:
    title = f"{finding.rule} {finding.title.in_(report.lang)}"
    place = primary_place(finding)
    where = {"file": repository_path(place.file if place else report.policy.path)}
    if isinstance(place, LineLocator) and place.line > 0:
        where["line"] = str(place.line)
    properties = ",".join(f"{name}={_property(value)}" for name, value in {**where, "title": title}.items())
    message = _data(_sentence(finding, report.lang))
    return f"::{_github_kind(finding, report)} {properties}::{message}"


def _github_count(report: Report, lines: dict[str, list[str]]) -> str:
    errors, warnings, notices = (len(lines[kind]) for kind in _KINDS)
    told = Text(
        ja=f"しきい値以上の指摘 {errors:,} 件、その他 {warnings:,} 件、例外措置 {notices:,} 件。"
        f"終了コード {int(report.summary.exit_code)}。",
        en=f"Findings that fail the run: {errors:,}; others: {warnings:,}; waived: {notices:,}."
        f" Exit code {int(report.summary.exit_code)}.",
    )
    return f"::notice title=ZoneGuard::{_data(told.in_(report.lang))}"


def _sentence(finding: Finding, lang: Lang) -> str:
    """Say in one line what was found, how sure it is, and where the packet lies."""
    said = finding.message.in_(lang)
    severity, verdict = SEVERITIES[finding.severity].in_(lang), VERDICTS[finding.verdict].in_(lang)
    head = f"[{severity}]" if finding.verdict is Verdict.VIOLATED else f"[{severity} / {verdict}]"
    place = primary_place(finding)
    tail = f" ({place.file} frame {place.frame})" if isinstance(place, PacketLocator) else ""
    waived = ""
    if finding.waiver is not None:
        one = finding.waiver
        waived = Text(
            ja=f"（例外措置 {one.id}、{one.until} まで）", en=f" (waived by {one.id} until {one.until})"
        ).in_(lang)
    return f"{head} {said}{tail}{waived}"


def _data(text: str) -> str:
    """Escape a message of a workflow command; its reader undoes exactly these three."""
    return _escaped(text, "%\r\n")


def _property(text: str) -> str:
    """Escape a property of a workflow command, in which colon and comma are signs as well."""
    return _escaped(text, "%\r\n:,")


def _escaped(text: str, signs: str) -> str:
    return "".join(_shown(text, signs))


def _shown(text: str, signs: str) -> Iterator[str]:
    for char in text:
        yield f"%{ord(char):02X}" if char in signs else harmless(char)
