"""The audit working paper (監査調書): the nine columns of the audit guideline, with the verdict and the evidence."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from zoneguard.findings.finding import LineLocator, PacketLocator, Verdict
from zoneguard.report.csv import fitting, table
from zoneguard.report.model import observed_period
from zoneguard.report.place import primary_place
from zoneguard.report.when import day, time_zone
from zoneguard.report.words import SATISFIED, SEVERITIES, VERDICTS
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.report.model import Report
    from zoneguard.text import Lang

# Exactly as 「地方公共団体における情報セキュリティ監査に関するガイドライン」 第3章 has them; the last two are ours.
COLUMNS = (
    Text(ja="項目", en="Item"),
    Text(ja="No.", en="No."),
    Text(ja="必須", en="Mandatory"),
    Text(ja="監査項目", en="Subject of audit"),
    Text(ja="監査資料の例", en="Example of materials"),
    Text(ja="監査実施の例", en="Example of procedure"),
    Text(
        ja="情報セキュリティポリシーガイドラインの例文の番号",
        en="Number in the example text of the policy guideline",
    ),
    Text(ja="関連するJISQ27002番号", en="Related number in JIS Q 27002"),
    Text(ja="留意事項", en="Remarks"),
    Text(ja="判定", en="Verdict"),
    Text(ja="証跡", en="Evidence"),
)
_MOST_FINDINGS = 10  # named in one cell; the JSON has all
_MOST_CHARACTERS = 1_000  # of one sentence, so that ten fit into a cell together with what they rest on
_GRAVEST = (Verdict.VIOLATED, Verdict.REVIEW, Verdict.UNVERIFIABLE)
_RULES = Text(ja="規則", en="Rules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One subject of the audit, and the rules whose findings answer it."""

    section: str
    verified: bool
    jis: str
    roles: tuple[str, ...]
    rules: tuple[str, ...]
    touching: tuple[str, ...]
    between: tuple[str, ...]
    item: Text
    subject: Text
    materials: Text
    procedure: Text


@cache
def audit_rows() -> tuple[Row, ...]:
    """Give the rows of the paper in the order of the guideline."""
    rows = tomllib.loads(files("zoneguard.report").joinpath("audit.toml").read_text("utf-8"))["row"]
    return tuple(
        Row(
            section=row["section"],
            verified=row["verified"],
            jis=row["jis"],
            roles=tuple(row["roles"]),
            rules=tuple(row["rules"]),
            touching=tuple(row.get("touching", ())),
            between=tuple(row.get("between", ())),
            **{name: Text(**row[name]) for name in ("item", "subject", "materials", "procedure")},
        )
        for row in rows
    )


def render_audit(report: Report) -> str:
    """Write the paper as CSV; a row is satisfied only when every rule it rests on was asked and could see."""
    lang = report.lang
    rows = [_cells(row, report) for row in audit_rows()]
    return table([head.in_(lang) for head in COLUMNS], rows)


def _cells(row: Row, report: Report) -> Sequence[str]:
    lang = report.lang
    found = [finding for finding in report.findings if _counts(finding, row, report)]
    doubts = list(_doubts(row, report))
    return (
        row.item.in_(lang),
        "",
        "",
        row.subject.in_(lang),
        row.materials.in_(lang),
        row.procedure.in_(lang),
        row.section,
        row.jis,
        _remarks(row, lang),
        _verdict(found, doubts).in_(lang),
        "; ".join([*_evidence(found, report), *(doubt.in_(lang) for doubt in doubts), _basis(row, report)]),
    )


def _counts(finding: Finding, row: Row, report: Report) -> bool:
    """Tell whether a finding answers a row; zones of no declared role (public, unknown) exclude nothing."""
    if finding.rule not in row.rules:
        return False
    declared = {zone.id: zone.role for zone in report.policy.zones}
    zones = [party.zone for party in (finding.orig, finding.resp) if party is not None]
    roles = [declared[zone] for zone in zones if zone in declared]
    if row.touching and roles and not set(roles) & set(row.touching):
        return False
    return not (row.between and set(roles) - set(row.between))


def _verdict(found: Sequence[Finding], doubts: Sequence[Text]) -> Text:
    """Give the gravest; a waiver is told among the evidence and turns no verdict round."""
    verdicts = {finding.verdict for finding in found}
    for one in _GRAVEST:
        if one in verdicts:
            return VERDICTS[one]
    return VERDICTS[Verdict.UNVERIFIABLE] if doubts else SATISFIED


def _doubts(row: Row, report: Report) -> Iterator[Text]:
    """Say everything that keeps a row without findings from being satisfied."""
    if not row.rules:
        yield Text(
            ja="通信の記録と機器の設定からは検証できません",
            en="captures and exports cannot show this",
        )
        return
    asked = {rule.id for rule in report.rules if rule.asked}
    missing = [rule for rule in row.rules if rule not in asked]
    if missing:
        yield Text(
            ja=f"必要な証拠が与えられず検査していない規則: {', '.join(missing)}",
            en=f"rules not asked for want of evidence: {', '.join(missing)}",
        )
    unsure = [one.rule for one in report.coverage.unverifiable if one.rule in row.rules]
    if unsure:
        yield Text(
            ja=f"検証できなかった規則: {', '.join(dict.fromkeys(unsure))}",
            en=f"rules that could not be verified: {', '.join(dict.fromkeys(unsure))}",
        )
    unread = [one.path for one in report.inputs if one.status != "read"]
    if unread:
        yield Text(
            ja=f"全部を読み取れなかった入力: {', '.join(unread)}",
            en=f"inputs not read in full: {', '.join(unread)}",
        )
    yield from _unobserved(row, report)


def _unobserved(row: Row, report: Report) -> Iterator[Text]:
    zones = [zone.id for zone in report.policy.zones if zone.role in row.roles]
    unseen = [zone for zone in zones if zone in report.coverage.zones_not_observed]
    if unseen:
        yield Text(
            ja=f"観測していないゾーン: {', '.join(unseen)}",
            en=f"zones not observed: {', '.join(unseen)}",
        )


def _evidence(found: Sequence[Finding], report: Report) -> Iterator[str]:
    lang = report.lang
    for finding in found[:_MOST_FINDINGS]:
        yield _told(finding, lang)
    rest = len(found) - _MOST_FINDINGS
    if rest > 0:
        yield Text(
            ja=f"ほか {rest:,} 件（JSONの報告にあります）", en=f"and {rest:,} more (in the JSON report)"
        ).in_(lang)


def _told(finding: Finding, lang: Lang) -> str:
    severity, verdict = SEVERITIES[finding.severity].in_(lang), VERDICTS[finding.verdict].in_(lang)
    words = [f"{finding.rule} [{severity} / {verdict}]", fitting(finding.message.in_(lang), _MOST_CHARACTERS)]
    match primary_place(finding):
        case PacketLocator() as packet:
            words.append(f"({packet.file} frame {packet.frame})")
        case LineLocator() as line:
            words.append(f"({line.file}:{line.line})")
    if finding.waiver is not None:
        one = finding.waiver
        words.append(
            Text(
                ja=f"（例外措置 {one.id}、{one.until} まで）", en=f"(waived by {one.id} until {one.until})"
            ).in_(lang)
        )
    return " ".join([*words, f"#{finding.fingerprint}"])


def _basis(row: Row, report: Report) -> str:
    """Name what the verdict rests on: rules, policy, inputs and the time that was observed."""
    zone = time_zone(report.policy.timezone)
    period = observed_period(report)
    observed = f" {day(period[0], zone)}–{day(period[1], zone)}" if period is not None else ""
    inputs = ", ".join(
        f"{one.path} (sha256 {one.sha256[:16]})" if one.sha256 else one.path for one in report.inputs
    )
    rules = f"{_RULES.in_(report.lang)} {', '.join(row.rules)}; " if row.rules else ""
    return f"{rules}{report.policy.path} (sha256 {report.policy.sha256[:16]}); {inputs}{observed}"


def _remarks(row: Row, lang: Lang) -> str:
    told = Text(
        ja="No. と必須は、使用する版の監査ガイドラインから記入すること。JIS の番号は未確認。"
        + ("" if row.verified else "例文の番号は未確認。"),
        en="Fill in No. and Mandatory from your edition of the audit guideline. The number of JIS was not verified."
        + ("" if row.verified else " The number in the example text was not verified."),
    )
    return told.in_(lang)
