"""The report for a terminal: whole sentences, aligned columns, nothing cut off."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from zoneguard.findings.finding import SEVERITY_ORDER, Verdict
from zoneguard.report.findings_text import finding_lines
from zoneguard.report.gateways import gateway_rows
from zoneguard.report.harmless import harmless
from zoneguard.report.model import observed_period
from zoneguard.report.when import short, time_zone
from zoneguard.report.width import cells, left, right, wrap
from zoneguard.report.words import (
    BASELINE_STATES,
    EXIT_CODES,
    SATISFIED,
    SEVERITIES,
    STATUSES,
    VERDICTS,
    WAIVER_STATES,
)
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from zoneguard.report.model import InputRead, MatrixCell, Report, WaiverRead
    from zoneguard.text import Lang

PLAIN_WIDTH = 80
WIDEST = 120
_MOST_OF_A_RULE = 100  # findings of one rule and severity that are told one by one

_STYLES = {
    "#": "bold",
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "info": "dim",
}


def render_text(report: Report, *, width: int = PLAIN_WIDTH) -> str:
    """Write a report as plain lines; ends in a newline."""
    return "\n".join(line for _, line in _lines(report, width)) + "\n"


def print_report(report: Report, terminal: TextIO) -> None:
    """Print a report on a terminal, in its width and with colours."""
    from rich.console import Console
    from rich.text import Text as Styled

    console = Console(file=terminal, highlight=False)
    width = max(PLAIN_WIDTH, min(console.width, WIDEST))
    for kind, line in _lines(report, width):
        console.print(Styled(line, style=_STYLES.get(kind, "")), soft_wrap=True)


def _lines(report: Report, width: int) -> Iterator[tuple[str, str]]:
    """Yield the kind of each line (a heading, a severity or nothing) and the line, made harmless."""
    for section in (
        _header,
        _matrix,
        _gateways,
        _findings,
        _absent,
        _unverifiable,
        _waivers,
        _coverage,
        _summary,
    ):
        for kind, line in section(report, width):
            yield kind, harmless(line)


def _heading(title: str) -> Iterator[tuple[str, str]]:
    yield "", ""
    yield "#", title
    yield "", "─" * cells(title)


def _labelled(rows: list[tuple[str, str]], width: int) -> Iterator[tuple[str, str]]:
    column = min(max(cells(label) for label, _ in rows) + 2, width // 2)
    for label, value in rows:
        if cells(label) > column - 2:  # a name from outside: beside it there would be no room
            yield from (("", line) for line in wrap(label, width))
            label = ""  # noqa: PLW2901 - it is told
        for number, line in enumerate(wrap(harmless(value), width - column)):
            yield "", left(label if number == 0 else "", column) + line


def _header(report: Report, width: int) -> Iterator[tuple[str, str]]:
    lang, zone = report.lang, time_zone(report.policy.timezone)
    period = observed_period(report)
    none = Text(ja="パケットなし", en="no packets").in_(lang)
    observed = f"{short(period[0], zone)} – {short(period[1], zone)}" if period else none
    title = Text(ja="ネットワーク分離 検証報告", en="Network separation report").in_(lang)
    yield "#", f"{title} — {report.tool.name} {report.tool.version}"
    yield "", ""
    rows = [
        (Text(ja="団体", en="Organisation").in_(lang), report.policy.organization.in_(lang)),
        (
            Text(ja="方針", en="Policy").in_(lang),
            f"{report.policy.path} ({report.policy.model}, sha256 {report.policy.sha256[:12]})",
        ),
        *(((Text(ja="観測期間", en="Observed").in_(lang), observed),) if _has_captures(report) else ()),
        (Text(ja="作成", en="Generated").in_(lang), short(report.generated, zone)),
    ]
    rows += [
        (Text(ja="入力", en="Input").in_(lang) if number == 0 else "", _input(one, lang))
        for number, one in enumerate(report.inputs)
    ]
    yield from _labelled(rows, width)


def _input(one: InputRead, lang: Lang) -> str:
    status = STATUSES[one.status].in_(lang)
    if one.lines is not None:
        counted = Text(ja=f"{one.lines:,} 行", en=f"{one.lines:,} lines").in_(lang)
        if one.lines_not_understood:
            unread = one.lines_not_understood
            counted += Text(ja=f"、うち未対応 {unread:,} 行", en=f", {unread:,} of them not understood").in_(
                lang
            )
        return f"{one.path} ({one.format}, {counted}, {status})"
    if one.packets is None:
        return f"{one.path} ({one.format}, {status})"
    counted = Text(ja=f"{one.packets:,} パケット", en=f"{one.packets:,} packets").in_(lang)
    return f"{one.path} ({one.format}, {counted}, {status})"


def _matrix(report: Report, width: int) -> Iterator[tuple[str, str]]:
    lang = report.lang
    if not _has_captures(report):
        return
    yield from _heading(Text(ja="ゾーン間の通信", en="Between the zones").in_(lang))
    if not report.matrix:
        yield "", Text(ja="ゾーン間の通信は観測されませんでした。", en="Nothing was observed.").in_(lang)
        return
    heads = (
        Text(ja="開始側 → 応答側", en="orig → resp"),
        Text(ja="許可定義", en="allowed"),
        Text(ja="フロー", en="flows"),
        Text(ja="パケット", en="packets"),
        Text(ja="バイト", en="bytes"),
        Text(ja="不適合", en="violated"),
    )
    rows = [tuple(head.in_(lang) for head in heads), *(_matrix_row(cell) for cell in report.matrix)]
    columns = [max(cells(row[index]) for row in rows) for index in range(len(heads))]
    for number, row in enumerate(rows):
        numbers = "".join(right(text, columns[i] + 2) for i, text in enumerate(row) if i)
        kind = "#" if number == 0 else "high" if report.matrix[number - 1].violations else ""
        if columns[0] + cells(numbers) <= width:
            yield kind, left(row[0], columns[0]) + numbers
        else:  # long zone names: the numbers go below
            yield kind, row[0]
            yield kind, right(numbers, width)


def _matrix_row(cell: MatrixCell) -> tuple[str, ...]:
    counts = (
        cell.allowed_flows,
        cell.observed_flows,
        cell.observed_packets,
        cell.observed_bytes,
        cell.violations,
    )
    return (
        harmless(f"{cell.orig} → {cell.resp}"),
        *(f"{count:,}" if count else "-" for count in counts),
    )


def _gateways(report: Report, width: int) -> Iterator[tuple[str, str]]:
    rows = list(gateway_rows(report)) if _has_captures(report) else []
    if rows:
        yield from _heading(Text(ja="無害化装置", en="Sanitising gateways").in_(report.lang))
        yield from _labelled(rows, width)


def _findings(report: Report, width: int) -> Iterator[tuple[str, str]]:
    lang, zone = report.lang, time_zone(report.policy.timezone)
    number = 0
    told = [finding for finding in report.findings if finding.verdict is not Verdict.UNVERIFIABLE]
    for severity in SEVERITY_ORDER:
        found = [finding for finding in told if finding.severity is severity]
        if not found:
            continue
        word = SEVERITIES[severity].in_(lang)
        title = Text(ja=f"重大度 {word}: {len(found):,} 件", en=f"{word}: {len(found):,}").in_(lang)
        yield from _heading(title)
        of_rule: Counter[str] = Counter()
        for finding in found:
            number += 1
            of_rule[finding.rule] += 1
            if of_rule[finding.rule] > _MOST_OF_A_RULE:
                continue
            if finding is not found[0]:
                yield "", ""
            for index, line in enumerate(finding_lines(finding, number, lang=lang, zone=zone, width=width)):
                yield severity.value if index == 0 else "", line
        for rule, count in of_rule.items():
            if count > _MOST_OF_A_RULE:
                yield "", ""
                yield from (
                    ("", line) for line in wrap(_more(rule, count - _MOST_OF_A_RULE).in_(lang), width)
                )
    if not told:
        yield from _heading(Text(ja="指摘", en="Findings").in_(lang))
        yield "", Text(ja="指摘はありません。", en="None.").in_(lang)


def _more(rule: str, count: int) -> Text:
    return Text(
        ja=f"{rule} はほかに {count:,} 件あります（すべて --format json の報告にあります）。",
        en=f"There are {count:,} more of {rule}, all in the report of --format json.",
    )


def _unverifiable(report: Report, width: int) -> Iterator[tuple[str, str]]:
    lang, coverage = report.lang, report.coverage
    if not coverage.unverifiable:
        return
    yield from _heading(Text(ja="検証不能な事項", en="Not verifiable from here").in_(lang))
    rows = [(harmless(one.rule), one.reason.in_(lang)) for one in coverage.unverifiable]
    yield from _labelled(rows, width)


def _absent(report: Report, width: int) -> Iterator[tuple[str, str]]:
    """List what the baseline held and this run did not find, with what keeps that from being good news."""
    lang, baseline = report.lang, report.baseline
    if baseline is None or not (report.absent or baseline.notes):
        return
    yield from _heading(Text(ja="以前の報告との違い", en="Against the baseline").in_(lang))
    for note in baseline.notes:
        yield from (("", line) for line in wrap(harmless(note.in_(lang)), width))
    word = BASELINE_STATES["absent"].in_(lang)
    for one in report.absent[:_MOST_OF_A_RULE]:
        zones = " → ".join(party.zone for party in (one.orig, one.resp) if party)
        told = " ".join(part for part in (one.rule, zones, one.service, one.title.in_(lang)) if part)
        yield from (("", line) for line in wrap(harmless(f"{word}: {told}"), width))
    more = len(report.absent) - _MOST_OF_A_RULE
    if more > 0:
        yield "", Text(ja=f"ほか {more:,} 件。", en=f"And {more:,} more.").in_(lang)


def _waivers(report: Report, width: int) -> Iterator[tuple[str, str]]:
    """Give the register: what each waiver covers, and which end soon, have ended, or are too weak."""
    if not report.waivers:
        return
    yield from _heading(Text(ja="例外措置の台帳", en="Register of waivers").in_(report.lang))
    yield from _labelled([(harmless(one.id), _waiver(one).in_(report.lang)) for one in report.waivers], width)


def _waiver(one: WaiverRead) -> Text:
    state = WAIVER_STATES[one.state]
    exceeded = Text(
        ja=f"重大度が上限を超えるため適用しない指摘 {one.exceeded:,} 件。",
        en=f" Too grave for it, and not covered: {one.exceeded:,}.",
    )
    return Text(
        ja=f"{one.rule}、{one.owner}、{one.until} まで（{state.ja}）。適用 {one.covered:,} 件。"
        f"{exceeded.ja if one.exceeded else ''}理由: {one.reason}",
        en=f"{one.rule}, {one.owner}, until {one.until} ({state.en}). Covers {one.covered:,}."
        f"{exceeded.en if one.exceeded else ''} Reason: {one.reason}",
    )


def _coverage(report: Report, width: int) -> Iterator[tuple[str, str]]:
    lang, seen = report.lang, report.coverage
    if not _has_captures(report):
        yield from _heading(Text(ja="読み取れなかった事項", en="Not understood").in_(lang))
        some = any(one.notes for one in report.inputs)
        if not some:
            yield "", Text(ja="ありません。", en="Nothing.").in_(lang)
        yield from _notes(report, width)
        return
    yield from _heading(Text(ja="観測範囲", en="Coverage").in_(lang))
    counts = (
        (Text(ja="パケット", en="packets"), seen.packets),
        (Text(ja="バイト", en="bytes"), seen.bytes),
        (Text(ja="フロー", en="flows"), seen.flows),
        (Text(ja="IPフレーム", en="IP frames"), seen.decoded),
        (Text(ja="ミラーの重複", en="mirror copies"), seen.duplicates),
        (Text(ja="切り詰め", en="truncated"), seen.truncated),
        (Text(ja="取りこぼし", en="dropped"), seen.dropped),
        (Text(ja="中を開いたフロー", en="flows opened"), seen.opened),
        (Text(ja="所属不明の端点", en="unknown endpoints"), seen.unknown_endpoints),
    )
    rows = [(label.in_(lang), f"{count:,}") for label, count in counts]
    rows += [
        (Text(ja="解釈できず", en="not decoded").in_(lang), f"{count:,} ({reason})")
        for reason, count in sorted(seen.not_decoded.items())
    ]
    nothing = Text(ja="なし", en="none").in_(lang)
    zones = ", ".join(seen.zones_observed) or nothing
    rows.append((Text(ja="観測したゾーン", en="zones observed").in_(lang), zones))
    yield from _labelled(rows, width)
    yield from _notes(report, width)


def _has_captures(report: Report) -> bool:
    return not report.inputs or any(one.kind == "capture" for one in report.inputs)


def _notes(report: Report, width: int) -> Iterator[tuple[str, str]]:
    for one in report.inputs:
        for note in one.notes:
            told = note.in_(report.lang)
            told = told if told.startswith(f"{one.path}: ") else f"{one.path}: {told}"
            for line in wrap(harmless(told), width):
                yield "", line


def _summary(report: Report, width: int) -> Iterator[tuple[str, str]]:
    lang, summary = report.lang, report.summary
    yield from _heading(Text(ja="まとめ", en="Summary").in_(lang))
    severities = ", ".join(
        f"{SEVERITIES[severity].in_(lang)} {summary.by_severity[severity]:,}"
        for severity in SEVERITY_ORDER
        if summary.by_severity.get(severity)
    )
    verdicts = ", ".join(
        f"{word.in_(lang)} {summary.by_verdict[verdict]:,}"
        for verdict, word in VERDICTS.items()
        if summary.by_verdict.get(verdict)
    )
    threshold = SEVERITIES[summary.fail_on].in_(lang)
    code, meaning = int(summary.exit_code), EXIT_CODES[summary.exit_code].in_(lang)
    none, clean = summary.findings == 0, summary.exit_code == 0
    told = Text(
        ja=f"指摘 {summary.findings:,} 件" + ("。" if none else f"（{severities} ／ {verdicts}）。"),
        en=f"Findings: {summary.findings:,}" + ("." if none else f" ({severities} / {verdicts})."),
    )
    waived = Text(
        ja=f"ほかに例外措置として承認済みのものが {summary.waived:,} 件あります。",
        en=f"Besides, covered by waivers: {summary.waived:,}.",
    )
    ended = Text(
        ja=f"終了コード {code}: {meaning}（しきい値: {threshold}）。",
        en=f"Exit code {code}: {meaning} (threshold: {threshold.lower()}).",
    )
    only_new = Text(
        ja="終了コードは、比較元にない（または悪化した）指摘だけで決めました。",
        en="Only findings that are new against the baseline count for the exit code.",
    )
    sentences = [told, *([waived] if summary.waived else []), *_compared(report)]
    sentences += [*([only_new] if summary.fail_on_new else []), ended]
    for sentence in sentences:
        for line in wrap(sentence.in_(lang), width):
            yield "", line
    if none and clean:
        yield "", SATISFIED.in_(lang)


def _compared(report: Report) -> Iterator[Text]:
    one = report.baseline
    if one is not None:
        made = short(one.generated, time_zone(report.policy.timezone))
        yield Text(
            ja=f"以前の報告 {one.path}（{made}）との比較: 新規 {one.new:,}、継続 {one.unchanged:,}、消滅 {one.absent:,}。",
            en=f"Against {one.path} ({made}): new {one.new:,}, unchanged {one.unchanged:,}, absent {one.absent:,}.",
        )
