"""What the sections beside the findings show, as rows of plain strings in the language of the report."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.findings.finding import SEVERITY_ORDER, Verdict
from zoneguard.report.html.findings import clipped
from zoneguard.report.html.words import GRADES, INPUT_KINDS, KINDS, MODELS, WAIVER_STATES
from zoneguard.report.model import Grade
from zoneguard.report.when import day, era_day, short, time_zone
from zoneguard.report.words import EXIT_CODES, SEVERITIES, STATUSES, VERDICTS
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from zoneguard.report.model import ClauseGraded, InputRead, Registered, Report
    from zoneguard.text import Lang

SOON = 30  # days before its end from which an approval is marked


class Cover(NamedTuple):
    """The first page."""

    organization: str
    model: str
    period: tuple[str, ...]  # lines; empty without traffic
    generated: tuple[str, ...]
    today: str
    policy: str
    policy_digest: str
    tool: str
    evidence: str
    inputs: tuple[tuple[str, str], ...]  # file, digest; the first few


class Overview(NamedTuple):
    """The numbers, and what they come to."""

    grades: tuple[tuple[str, str, int], ...]  # grade, word, clauses
    verdicts: tuple[tuple[str, str, int], ...]
    severities: tuple[tuple[str, str, int], ...]
    sentences: tuple[str, ...]
    waived: int


class ClauseRow(NamedTuple):
    """A clause and its grade."""

    document: str  # empty when the row above has the same
    edition: str
    rows: int  # of this document, where it begins
    section: str
    text: str
    is_checked: bool
    grade: str
    word: str
    basis: str
    verified: str
    short: str


class Approval(NamedTuple):
    """A line of the register."""

    id: str
    kind: str
    between: str
    services: str
    number: str
    by: str
    on: str
    until: str
    mark: str  # that it ended or soon will
    is_over: bool
    reason: str
    seen: str


class Unused(NamedTuple):
    """Flows nobody used, flows of which nothing can be told, and what devices permit unused."""

    flows: tuple[Approval, ...]
    untold: tuple[str, ...]
    lines: tuple[str, ...]


class Difference(NamedTuple):
    """How the findings differ from those of an earlier report."""

    path: str
    generated: str
    digest: str
    new: int
    unchanged: int
    absent: int
    notes: tuple[str, ...]


_ON_COVER = 6


def cover(report: Report, period: tuple[int, int] | None) -> Cover:
    """Gather the first page; dates stand in both calendars in a Japanese report."""
    lang, zone = report.lang, time_zone(report.policy.timezone)
    told = () if period is None else tuple(_day_and_time(time, zone, lang) for time in period)
    counted = len(report.inputs)
    return Cover(
        organization=report.policy.organization.in_(lang),
        model=MODELS[report.policy.model].in_(lang)
        if report.policy.model in MODELS
        else str(report.policy.model),
        period=told,
        generated=(_day_and_time(report.generated, zone, lang),),
        today=_day(report.today, lang) if report.today else "",
        policy=report.policy.path,
        policy_digest=report.policy.sha256,
        tool=f"{report.tool.name} {report.tool.version}",
        evidence=Text(
            ja=f"{counted:,} ファイル（一覧は「証拠の来歴」）",
            en=f"{counted:,} file{'' if counted == 1 else 's'}, listed under Provenance",
        ).in_(lang),
        inputs=tuple((clipped(one.path), one.sha256 or "") for one in report.inputs[:_ON_COVER]),
    )


def overview(report: Report) -> Overview:
    """Gather the numbers."""
    lang, summary = report.lang, report.summary
    grades = {grade: sum(one.grade is grade for one in report.clauses) for grade in Grade}
    code, meaning = int(summary.exit_code), EXIT_CODES[summary.exit_code].in_(lang)
    threshold = SEVERITIES[summary.fail_on].in_(lang)
    sentences = [
        Text(
            ja=f"指摘は {summary.findings:,} 件です（うち不適合 {summary.by_verdict.get(Verdict.VIOLATED, 0):,} 件）。",
            en=f"There are {summary.findings:,} findings, {summary.by_verdict.get(Verdict.VIOLATED, 0):,} of them"
            " violations.",
        ),
        Text(
            ja=f"終了コード {code}: {meaning}（しきい値: {threshold}）。",
            en=f"Exit code {code}: {meaning} (threshold: {threshold.lower()}).",
        ),
    ]
    return Overview(
        grades=tuple((grade.value, GRADES[grade].in_(lang), grades[grade]) for grade in Grade),
        verdicts=tuple(
            (verdict.value, word.in_(lang), summary.by_verdict.get(verdict, 0))
            for verdict, word in VERDICTS.items()
        ),
        severities=tuple(
            (one.value, SEVERITIES[one].in_(lang), summary.by_severity.get(one, 0)) for one in SEVERITY_ORDER
        ),
        sentences=tuple(one.in_(lang) for one in sentences),
        waived=summary.waived,
    )


def clause_rows(report: Report) -> tuple[ClauseRow, ...]:
    """Give the clauses, a document after the other."""
    by_document: dict[tuple[str, str], list[ClauseGraded]] = {}
    for one in report.clauses:
        by_document.setdefault((one.clause.document, one.clause.edition), []).append(one)
    rows = []
    for (document, edition), members in by_document.items():
        for at, one in enumerate(members):
            verified = [rule for rule in one.rules if rule not in one.short]
            rows.append(
                ClauseRow(
                    document=document if at == 0 else "",
                    edition=edition if at == 0 else "",
                    rows=len(members) if at == 0 else 0,
                    section=one.clause.section,
                    text=clipped(one.clause.text),
                    is_checked=one.clause.verified,
                    grade=one.grade.value,
                    word=GRADES[one.grade].in_(report.lang),
                    basis=_basis(one, report.lang),
                    verified=", ".join(_without_prefix(rule) for rule in verified),
                    short=", ".join(_without_prefix(rule) for rule in one.short),
                )
            )
    return tuple(rows)


def difference(report: Report) -> Difference | None:
    """Tell what the findings were held against; None when they were held against nothing."""
    base = report.baseline
    if base is None:
        return None
    return Difference(
        path=base.path,
        generated=short(base.generated, time_zone(report.policy.timezone)),
        digest=base.sha256,
        new=base.new,
        unchanged=base.unchanged,
        absent=base.absent,
        notes=tuple(note.in_(report.lang) for note in base.notes),
    )


def coverage_rows(report: Report, names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Tell what was seen, in numbers."""
    seen, lang = report.coverage, report.lang
    counts = (
        (Text(ja="パケット", en="Packets"), seen.packets),
        (Text(ja="オクテット", en="Octets"), seen.bytes),
        (Text(ja="フロー", en="Flows"), seen.flows),
        (Text(ja="解釈したIPフレーム", en="IP frames understood"), seen.decoded),
        (Text(ja="ミラーの重複", en="Mirror copies"), seen.duplicates),
        (Text(ja="途中で切れたパケット", en="Packets cut off"), seen.truncated),
        (Text(ja="取りこぼしたパケット", en="Packets dropped"), seen.dropped),
        (Text(ja="中を開いたフロー", en="Flows opened"), seen.opened),
        (Text(ja="上限により開かなかったフロー", en="Flows not opened, for their number"), seen.not_opened),
        (Text(ja="所属不明の端点", en="Endpoints in no zone"), seen.unknown_endpoints),
    )
    rows = [(label.in_(lang), f"{count:,}") for label, count in counts]
    rows += [
        (Text(ja=f"解釈できなかったもの: {reason}", en=f"Not understood: {reason}").in_(lang), f"{count:,}")
        for reason, count in sorted(seen.not_decoded.items())
    ]
    nothing = Text(ja="なし", en="none").in_(lang)
    between = Text(ja="、", en=", ").in_(lang)
    for label, zones in (
        (Text(ja="観測したゾーン", en="Zones observed"), seen.zones_observed),
        (Text(ja="観測していないゾーン", en="Zones not observed"), seen.zones_not_observed),
    ):
        rows.append((label.in_(lang), between.join(names.get(one, one) for one in zones) or nothing))
    return tuple(rows)


def unverifiable_rows(report: Report) -> tuple[tuple[str, str], ...]:
    """Tell what could not be verified, and why."""
    return tuple((one.rule, one.reason.in_(report.lang)) for one in report.coverage.unverifiable)


def shortfall_rows(report: Report) -> tuple[tuple[str, str], ...]:
    """Tell which rules were not, or not wholly, verified: rules of one reason together."""
    told = {one.rule for one in report.coverage.unverifiable}
    by_reason: dict[str, list[str]] = {}
    for rule in report.rules:
        if rule.shortfall is not None and rule.id not in told:
            by_reason.setdefault(rule.shortfall.in_(report.lang), []).append(
                f"{rule.id} {rule.title.in_(report.lang)}"
            )
    between = Text(ja="、", en="; ").in_(report.lang)
    return tuple((between.join(rules), reason) for reason, rules in by_reason.items())


def register_rows(report: Report, names: Mapping[str, str]) -> tuple[Approval, ...]:
    """Give every allowed flow with its approval."""
    zone = time_zone(report.policy.timezone)
    return tuple(_approval(one, report, names, zone) for one in report.register)


def waiver_rows(report: Report) -> tuple[tuple[str, ...], ...]:
    """Give every waiver: id, rule, owner, reason, until, state, findings covered and those too grave for it."""
    return tuple(
        (
            one.id,
            one.rule,
            one.owner,
            one.reason,
            _day(one.until, report.lang),
            WAIVER_STATES[one.state].in_(report.lang),
            f"{one.covered:,}",
            f"{one.exceeded:,}",
        )
        for one in report.waivers
    )


def unused(report: Report, names: Mapping[str, str]) -> Unused:
    """Tell which permits were not used while somebody could have seen it."""
    zone = time_zone(report.policy.timezone)
    idle = [one for one in report.register if one.last_seen is None]
    return Unused(
        flows=tuple(_approval(one, report, names, zone) for one in idle if one.observable),
        untold=tuple(one.id for one in idle if not one.observable),
        lines=tuple(one.message.in_(report.lang) for one in report.findings if one.rule == "ZG-C06"),
    )


def input_rows(report: Report) -> tuple[tuple[str, ...], ...]:
    """Give every input: path, kind and format, size, content, period, status, digest, notes."""
    zone = time_zone(report.policy.timezone)
    return tuple(_input(one, report.lang, zone) for one in report.inputs)


def _input(one: InputRead, lang: Lang, zone: tzinfo) -> tuple[str, ...]:
    content = ""
    if one.packets is not None:
        content = Text(ja=f"{one.packets:,} パケット", en=f"{one.packets:,} packets").in_(lang)
    elif one.lines is not None:
        unread = one.lines_not_understood or 0
        content = Text(
            ja=f"{one.lines:,} 行（解釈できない行 {unread:,}）",
            en=f"{one.lines:,} lines, {unread:,} not understood",
        ).in_(lang)
    period = ""
    if one.first_seen is not None and one.last_seen is not None:
        period = f"{short(one.first_seen, zone)} – {short(one.last_seen, zone)}"
    return (
        one.path,
        f"{INPUT_KINDS[one.kind].in_(lang)} ({one.format})",
        f"{one.size:,}",
        content,
        period,
        STATUSES[one.status].in_(lang),
        one.sha256 or "",
        *(clipped(note.in_(lang)) for note in one.notes),
    )


def _approval(one: Registered, report: Report, names: Mapping[str, str], zone: tzinfo) -> Approval:
    lang = report.lang
    mark, is_over = _mark(one.until, report.today, lang)
    if one.last_seen is not None:
        seen = day(one.last_seen, zone)
    elif one.observable:
        seen = Text(ja="観測なし", en="not seen").in_(lang)
    else:
        seen = Text(ja="ゾーン未観測", en="zones not observed").in_(lang)
    return Approval(
        id=one.id,
        kind=KINDS[one.kind].in_(lang) if one.kind in KINDS else one.kind,
        between=f"{names.get(one.orig, one.orig)} → {names.get(one.resp, one.resp)}",
        services=", ".join(one.services),
        number=one.number or "",
        by=one.by or "",
        on=_day(one.on, lang) if one.on else "",
        until=_day(one.until, lang) if one.until else "",
        mark=mark,
        is_over=is_over,
        reason=one.reason or "",
        seen=seen,
    )


def _mark(until: str | None, today: str | None, lang: Lang) -> tuple[str, bool]:
    """Mark what ended before today or is about to; the last day still counts."""
    if until is None or today is None:
        return "", False
    left = (date.fromisoformat(until) - date.fromisoformat(today)).days
    if left < 0:
        return Text(ja="期限切れ", en="ended").in_(lang), True
    if left <= SOON:
        return Text(ja=f"あと {left} 日", en=f"{left} days left").in_(lang), False
    return "", False


def _basis(one: ClauseGraded, lang: Lang) -> str:
    parts = [
        Text(ja=f"{word.ja} {count:,} 件", en=f"{word.en}: {count:,}")
        for word, count in (
            (VERDICTS[Verdict.VIOLATED], one.violated),
            (VERDICTS[Verdict.REVIEW], one.review),
            (Text(ja="例外措置", en="waived"), one.waived),
        )
        if count
    ]
    return Text(ja="、", en=", ").in_(lang).join(part.in_(lang) for part in parts)


def _without_prefix(rule: str) -> str:
    return rule.removeprefix("ZG-")


def _day_and_time(time: int, zone: tzinfo, lang: Lang) -> str:
    iso = day(time, zone)
    era = era_day(iso) if lang == "ja" else None
    return f"{era}（{short(time, zone)}）" if era else short(time, zone)


def _day(iso_date: str, lang: Lang) -> str:
    """Write a date as its language does: in the era in Japanese, ISO in English."""
    return (era_day(iso_date) if lang == "ja" else None) or iso_date
