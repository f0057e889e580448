"""The report as JUnit XML: a suite a rule, a case a zone pair, for Jenkins, GitLab and Azure.

The dialect is that of the xUnit plugin of Jenkins (junit-10.xsd); its testcase has no file and line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.findings.finding import LineLocator, Verdict
from zoneguard.findings.threshold import fails
from zoneguard.report.harmless import harmless
from zoneguard.report.when import iso, time_zone
from zoneguard.report.words import SATISFIED, SEVERITIES, VERDICTS
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.findings.finding import Finding, PacketLocator
    from zoneguard.report.model import InputRead, Report, RuleRead
    from zoneguard.text import Lang

_MOST_LINES = 200  # of one case; the JSON has all
_WORST = {"failure": 0, "error": 0, "skipped": 1, "system-out": 2}

_EVIDENCE = Text(ja="証拠の読み取り", en="evidence")
_REFUSED = Text(ja="この入力は読み取れませんでした。", en="This input could not be read.")
_READ_IN_PART = Text(ja="この入力は一部しか読み取れていません。", en="This input was read in part.")
_NOT_ASKED = Text(
    ja="この規則が見る証拠（キャプチャまたは機器の設定）が与えられていません。",
    en="The evidence that this rule looks at (captures or exports of devices) was not given.",
)
_WITHOUT_ZONES = Text(ja="ゾーンによらない指摘", en="of no zone pair")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test case; `outcome` is the element it holds (failure, error, skipped, system-out)."""

    name: str
    outcome: str
    message: str = ""
    lines: tuple[str, ...] = ()


def render_junit(report: Report) -> str:
    """Write suites: of the evidence first, then of each rule; what is below the threshold passes and is told.

    What could not be verified, was not asked or is waived is skipped with the reason, and never passes.
    """
    suites = [(f"{_EVIDENCE.in_(report.lang)}", list(_evidence(report))), *_suites(report)]
    made = [suite for suite in suites if suite[1]]
    counts = _counts([case for _, cases in made for case in cases])
    head = f'<testsuites name="ZoneGuard" {_attributes({key: counts[key] for key in ("tests", "failures", "errors")})}>'
    body = "".join(_suite(name, cases, report) for name, cases in made)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{body}</testsuites>\n'


def _suite(name: str, cases: Sequence[Case], report: Report) -> str:
    stamp = iso(report.generated, time_zone(report.policy.timezone))[:19]
    head = _attributes({"name": name, **_counts(cases), "timestamp": stamp})
    return f"<testsuite {head}>\n{''.join(_case(name, case) for case in cases)}</testsuite>\n"


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    outcomes = [case.outcome for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
    }


def _case(suite: str, case: Case) -> str:
    head = _attributes({"classname": f"zoneguard.{suite.split(' ', 1)[0]}", "name": case.name})
    text = _escaped("\n".join(case.lines))
    if case.outcome == "system-out":
        inside = f"<system-out>{text}</system-out>" if text else ""
    else:
        inside = f"<{case.outcome} {_attributes({'message': case.message})}>{text}</{case.outcome}>"
    return f"<testcase {head}>{inside}</testcase>\n" if inside else f"<testcase {head}/>\n"


def _evidence(report: Report) -> Iterator[Case]:
    for one in report.inputs:
        notes = tuple(note.in_(report.lang) for note in one.notes)
        yield Case(name=one.path, outcome=_read(one), message=_read_words(one, report.lang), lines=notes)


def _read(one: InputRead) -> str:
    return {"read": "system-out", "partial": "skipped", "refused": "error"}[one.status]


def _read_words(one: InputRead, lang: Lang) -> str:
    return (_REFUSED if one.status == "refused" else _READ_IN_PART).in_(lang)


def _suites(report: Report) -> Iterator[tuple[str, list[Case]]]:
    rules = {rule.id: rule for rule in report.rules}
    found: dict[str, dict[str, list[Finding]]] = {rule: {} for rule in rules}
    for finding in report.findings:
        pair = _pair(finding, report.lang)
        found.setdefault(finding.rule, {}).setdefault(pair, []).append(finding)
    told = {finding.rule for finding in report.findings if finding.verdict is Verdict.UNVERIFIABLE}
    for one in report.coverage.unverifiable:  # what no finding tells
        if one.rule not in told:
            found.setdefault(one.rule, {})
    for rule, pairs in found.items():
        cases = [_judged(pair, findings, report) for pair, findings in pairs.items()]
        if rule not in told:
            cases += _unverifiable(rule, report)
        named = rules[rule].name if rule in rules else next(iter(next(iter(pairs.values()), [])), None)
        name = named if isinstance(named, str) else named.name if named is not None else ""
        yield f"{rule} {name}".strip(), cases or [_clean(rules[rule], report)]


def _judged(pair: str, findings: Sequence[Finding], report: Report) -> Case:
    """Make one case of the findings of a rule between two zones; the worst of them decides it."""
    summary, lang = report.summary, report.lang
    ranked = sorted(
        ((_outcome(finding, report), finding) for finding in findings), key=lambda one: _WORST[one[0]]
    )
    outcome, worst = ranked[0]
    lines = [line for _, finding in ranked for line in _lines(finding, lang)]
    if len(lines) > _MOST_LINES:
        rest = len(lines) - _MOST_LINES
        more = Text(
            ja=f"ほか {rest:,} 行（--format json にあります）", en=f"and {rest:,} more lines (--format json)"
        )
        lines = [*lines[:_MOST_LINES], more.in_(lang)]
    threshold = SEVERITIES[summary.fail_on].in_(lang)
    waived = worst.waiver
    if outcome == "skipped" and waived is not None:
        message = Text(
            ja=f"例外措置 {waived.id}（{waived.owner}、{waived.until} まで）: {waived.reason}",
            en=f"Waived by {waived.id} ({waived.owner}, until {waived.until}): {waived.reason}",
        ).in_(lang)
    elif outcome == "skipped":
        message = f"{VERDICTS[Verdict.UNVERIFIABLE].in_(lang)}: {worst.message.in_(lang)}"
    else:
        message = f"{worst.title.in_(lang)} [{SEVERITIES[worst.severity].in_(lang)} ≥ {threshold}]"
    return Case(name=pair, outcome=outcome, message=message, lines=tuple(lines))


def _outcome(finding: Finding, report: Report) -> str:
    if fails(finding, report.summary.fail_on, only_new=report.summary.fail_on_new):
        return "failure"
    unsure = finding.verdict is Verdict.UNVERIFIABLE
    return "skipped" if finding.waiver is not None or unsure else "system-out"


def _unverifiable(rule: str, report: Report) -> Iterator[Case]:
    for number, one in enumerate((one for one in report.coverage.unverifiable if one.rule == rule), 1):
        word = VERDICTS[Verdict.UNVERIFIABLE].in_(report.lang)
        yield Case(name=f"{word} {number}", outcome="skipped", message=one.reason.in_(report.lang))


def _clean(rule: RuleRead, report: Report) -> Case:
    lang, unseen = report.lang, ", ".join(report.coverage.zones_not_observed)
    if not rule.asked:
        return Case(name=rule.title.in_(lang), outcome="skipped", message=_NOT_ASKED.in_(lang))
    lines = [SATISFIED.in_(lang)]
    if unseen:
        lines.append(Text(ja=f"観測していないゾーン: {unseen}", en=f"zones not observed: {unseen}").in_(lang))
    return Case(name=rule.title.in_(lang), outcome="system-out", lines=tuple(lines))


def _pair(finding: Finding, lang: Lang) -> str:
    zones = " → ".join(party.zone for party in (finding.orig, finding.resp) if party is not None)
    return zones or finding.device or _WITHOUT_ZONES.in_(lang)


def _lines(finding: Finding, lang: Lang) -> Iterator[str]:
    severity, verdict = SEVERITIES[finding.severity].in_(lang), VERDICTS[finding.verdict].in_(lang)
    yield f"[{severity} / {verdict}] {finding.message.in_(lang)}"
    yield from (f"    {_where(place)}" for place in finding.locators[:3])


def _where(place: PacketLocator | LineLocator) -> str:
    if isinstance(place, LineLocator):
        return f"{place.file}:{place.line}: {place.text}"
    return f"{place.file} frame {place.frame}"


def _attributes(values: dict[str, str]) -> str:
    return " ".join(f'{name}="{_escaped(value)}"' for name, value in values.items())


def _escaped(text: str) -> str:
    """Make a text XML: what XML cannot hold is shown as elsewhere (<U+0000>), then the signs are escaped."""
    shown = "\n".join(harmless(line) for line in text.split("\n"))
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        shown = shown.replace(sign, name)
    return shown.replace("\n", "&#10;")
