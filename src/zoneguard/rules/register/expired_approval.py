"""ZG-C04: an approval has ended, or is about to; a line that says it is temporary is still there."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.firewall.eras import dates_in, temporary_words
from zoneguard.rules.base import Rule
from zoneguard.rules.permitted import line_words, tell_lines
from zoneguard.rules.telling import tell_flow
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.firewall.model import Line
    from zoneguard.rules.evidence import Evidence


_SOON = 30  # days


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield approvals and permitting lines whose time is over, or nearly, and lines that call themselves temporary."""
    yield from _approvals(evidence)
    for permission in evidence.permissions:
        for one in permission.lines:
            told = _line(one.line, date.fromisoformat(evidence.today))
            if told is not None:
                verdict, severity, fact = told
                name = line_words(one.line)
                yield tell_lines(
                    RULE,
                    permission,
                    Text(
                        ja=f"{permission.device} の {name} は、{fact.ja}",
                        en=f"{name} of {permission.device} {fact.en}",
                    ),
                    lines=(one.line,),
                    verdict=verdict,
                    severity=severity,
                    name="expired-line",
                    zones=one.pairs[0],
                )


def _line(line: Line, today: date) -> tuple[Verdict, Severity, Text] | None:
    """Tell what is over about a permitting line: its schedule, the end its comment names, or its being temporary."""
    said = f"{line.name} {line.comment}"
    until = line.expires or max((one.day for one in dates_in(said) if one.is_end), default=None)
    if until is not None and until < today:
        if line.expires is not None and line.expires == until:
            fact = Text(
                ja=f"期限 {until.isoformat()} を過ぎて残っています。",
                en=f"has stayed beyond its end, {until.isoformat()}.",
            )
        else:
            fact = Text(
                ja=f"コメントが示す期限 {until.isoformat()} を過ぎても有効です。",
                en=f"is still in force, though its comment names {until.isoformat()} as its end.",
            )
        return Verdict.VIOLATED, Severity.HIGH, fact
    if until is not None and (until - today).days <= _SOON:
        left = (until - today).days
        return (
            Verdict.REVIEW,
            Severity.INFO,
            Text(
                ja=f"期限 {until.isoformat()} まであと {left} 日です。",
                en=f"ends on {until.isoformat()}, in {left} days.",
            ),
        )
    words = temporary_words(said)
    if until is None and words:
        listed = "、".join(words)
        return (
            Verdict.REVIEW,
            Severity.MEDIUM,
            Text(
                ja=f"「{listed}」と記されていますが、期限がありません。",
                en=f"calls itself temporary ({', '.join(words)}) and names no end.",
            ),
        )
    return None


def _approvals(evidence: Evidence) -> Iterator[Finding]:
    """Yield every flow whose approval ended before today or ends within 30 days; the last day still counts."""
    today = date.fromisoformat(evidence.today)
    for flow in evidence.policy.flows:
        until = flow.approval.until if flow.approval else None
        if until is None or (until - today).days > _SOON:
            continue
        seen = evidence.allowed_seen.get(flow.id)
        if until >= today:
            left = (until - today).days
            verdict, severity = Verdict.REVIEW, Severity.INFO
            message = Text(
                ja=f"許可 {flow.id} の期限 {until.isoformat()} まであと {left} 日です。",
                en=f"The approval of flow {flow.id} ends on {until.isoformat()}, {left} days from now.",
            )
        elif seen:
            verdict, severity = Verdict.VIOLATED, Severity.HIGH
            message = Text(
                ja=f"許可 {flow.id} の期限は {until.isoformat()} に切れましたが、通信は続いています。",
                en=f"The approval of flow {flow.id} ended on {until.isoformat()}, but its traffic goes on.",
            )
        else:
            verdict, severity = Verdict.REVIEW, Severity.LOW
            message = Text(
                ja=f"許可 {flow.id} の期限は {until.isoformat()} に切れました。観測期間に通信はありませんでした。",
                en=f"The approval of flow {flow.id} ended on {until.isoformat()}; none of its traffic was observed.",
            )
        yield tell_flow(RULE, flow, message, verdict=verdict, severity=severity, seen=seen)


RULE = Rule(
    id="ZG-C04",
    name="expired-approval",
    order=100,
    severity=Severity.HIGH,
    clauses=(
        "youkou-6-7",
        "youkou-7",
        "gl-7-4",
        "kisoku-6",
        "kisoku-8",
    ),
    title=Text(ja="許可・例外の期限切れ／期限間近", en="An approval has ended or is about to"),
    why=Text(
        ja="許可と例外は期限を付けて承認され、期限が来れば見直されます。",
        en="Flows and exceptions are approved for a time and reviewed when it ends.",
    ),
    remedy=Text(
        ja="必要なら承認を更新して until を改め、不要なら flows から除き、機器の許可も削除してください。",
        en="Renew the approval and its until date, or remove the flow from zones.yaml and from the devices.",
    ),
    example=Text(
        ja="期限が令和8年9月30日の許可 SP-07 の通信が、10月に入っても観測された。",
        en="Traffic of flow SP-07, approved until 2026-09-30, was still seen in October.",
    ),
    false_positives=Text(
        ja="年度末の一括更新の途中、期限を定めない方針。",
        en="Bulk renewals at the end of the fiscal year, policies without end dates.",
    ),
    check=check,
    needs_traffic=False,
)
