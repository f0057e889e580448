"""A comparison of exports as a report, so that every machine form can tell what a change makes worse."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard import __version__
from zoneguard.api.grading import rule_read
from zoneguard.api.register import policy_read
from zoneguard.findings.finding import Finding, Party, Severity, Verdict
from zoneguard.report.model import Coverage, InputRead, Report, Summary, Tool, Unverifiable
from zoneguard.rules.clauses import shipped_clauses
from zoneguard.rules.firewall.permit_beyond import RULE, severity_between
from zoneguard.rules.permitted import locators
from zoneguard.rules.telling import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from zoneguard.api.comparing import Compared
    from zoneguard.api.exports import ExportRead
    from zoneguard.findings.finding import BaselineState
    from zoneguard.firewall.model import Line
    from zoneguard.text import Lang, Text


def change_report(
    compared: Compared,
    messages: Sequence[Text],
    notes: Sequence[Text],
    *,
    lang: Lang,
    generated: int,
    every: bool,
) -> Report:
    """Give the report of a comparison: what breaks the policy newly, still, or no longer.

    `messages` are the words of every change and then of every kept violation; `notes` what could not be
    compared, which is unverifiable. A change within the policy is no finding. With `every` kept violations fail the
    run as well. `generated` is in ns since 1970.
    """
    policy = compared.policy
    told = list(_unlike(_findings(compared, messages)))
    findings = tuple(one for one in told if one.baseline != "absent")
    return Report(
        tool=Tool(name="zoneguard", version=__version__),
        generated=generated,
        lang=lang,
        policy=policy_read(policy),
        inputs=tuple(_input(one) for one in (*compared.before, *compared.after)),
        coverage=Coverage(unverifiable=tuple(Unverifiable(rule=RULE.id, reason=note) for note in notes)),
        summary=Summary(
            findings=len(findings),
            by_severity=Counter(one.severity for one in findings),
            by_verdict=Counter(one.verdict for one in findings),
            exit_code=compared.exit_code,
            fail_on=Severity.INFO,
            fail_on_new=not every,
        ),
        matrix=(),
        findings=findings,
        rules=(rule_read(RULE, asked=True),),
        absent=tuple(one for one in told if one.baseline == "absent"),
    )


def _findings(compared: Compared, messages: Sequence[Text]) -> Iterator[Finding]:
    changes, kept = compared.difference.changes, compared.difference.kept
    for change, message in zip(changes, messages[: len(changes)], strict=True):
        if not change.beyond:
            continue
        yield _finding(
            compared,
            message,
            change.lines,
            device=change.device,
            zones=(change.orig_zone, change.resp_zone),
            verdict=Verdict.VIOLATED if change.sure else Verdict.UNVERIFIABLE,
            state="new" if change.permitted else "absent",
        )
    for one, message in zip(kept, messages[len(changes) :], strict=True):
        yield _finding(
            compared,
            message,
            one.lines,
            device=one.device,
            zones=(one.orig_zone, one.resp_zone),
            verdict=Verdict.VIOLATED,
            state="unchanged",
        )


def _finding(
    compared: Compared,
    message: Text,
    lines: tuple[Line, ...],
    *,
    device: str,
    zones: tuple[str, str],
    verdict: Verdict,
    state: BaselineState,
) -> Finding:
    table = shipped_clauses()
    made = Finding(
        rule=RULE.id,
        name=RULE.name,
        verdict=verdict,
        severity=severity_between(compared.policy, *zones),
        title=RULE.title,
        message=message,
        remedy=RULE.remedy,
        clauses=tuple(table[key] for key in RULE.clauses),
        orig=Party(zone=zones[0]),
        resp=Party(zone=zones[1]),
        locators=locators(lines),
        device=device,
        line=", ".join(dict.fromkeys(line.id for line in lines)) or None,
        baseline=state,
    )
    return replace(made, fingerprint=fingerprint(made))


def _unlike(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Give findings of the same lines and zones a number, for two of one name would pass for one."""
    seen: Counter[str] = Counter()
    for one in findings:
        seen[one.fingerprint] += 1
        number = seen[one.fingerprint]
        yield one if number == 1 else replace(one, fingerprint=f"{one.fingerprint}-{number}")


def _input(one: ExportRead) -> InputRead:
    return InputRead(
        path=one.result.file,
        kind="export",
        format=one.result.format,
        size=one.size,
        sha256=one.sha256,
        status="partial" if one.is_inconclusive else "read",
        lines=len(one.result.states),
        notes=tuple(one.doubts()),
    )
