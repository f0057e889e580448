"""One finding, told in lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from zoneguard.findings.finding import LineLocator, PacketLocator
from zoneguard.report.harmless import harmless
from zoneguard.report.when import short
from zoneguard.report.width import cells, left, wrap
from zoneguard.report.words import BASELINE_STATES, STATES, VERDICTS
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

    from zoneguard.findings.finding import Clause, Finding, Party
    from zoneguard.text import Lang

_INDENT = 4
_PLACES = 5  # in the evidence that are listed; a finding of many addresses has one for each

_LABELS = {
    "zones": Text(ja="ゾーン", en="zones"),
    "device": Text(ja="機器", en="device"),
    "traffic": Text(ja="通信", en="traffic"),
    "counts": Text(ja="件数", en="counts"),
    "seen": Text(ja="期間", en="seen"),
    "evidence": Text(ja="証跡", en="evidence"),
    "allowed_by": Text(ja="最寄りの許可", en="nearest"),
    "related": Text(ja="関連", en="related"),
    "clauses": Text(ja="根拠", en="clauses"),
    "remedy": Text(ja="対処", en="remedy"),
    "waiver": Text(ja="例外措置", en="waiver"),
    "baseline": Text(ja="前回比", en="baseline"),
}


def finding_lines(finding: Finding, number: int, *, lang: Lang, zone: tzinfo, width: int) -> Iterator[str]:
    """Yield the lines of one finding; prose is wrapped to the width, and only places in the evidence are cut."""
    verdict = VERDICTS[finding.verdict].in_(lang)
    head = f"[{number}] {finding.rule} {finding.name} — {finding.title.in_(lang)} [{verdict}]"
    for index, line in enumerate(wrap(harmless(head), width - _INDENT)):
        yield line if index == 0 else " " * _INDENT + line
    for line in wrap(harmless(finding.message.in_(lang)), width - _INDENT):
        yield " " * _INDENT + line
    column = max(cells(label.in_(lang)) for label in _LABELS.values()) + 2
    told = ""
    for name, value in _facts(finding, lang, zone):
        label = "" if name == told else _LABELS[name].in_(lang)
        told = name
        for index, line in enumerate(wrap(harmless(value), width - _INDENT - column)):
            yield " " * _INDENT + left(label if index == 0 else "", column) + line


def _facts(finding: Finding, lang: Lang, zone: tzinfo) -> Iterator[tuple[str, str]]:
    yield from _subject(finding)
    traffic = _traffic(finding, lang)
    if traffic:
        yield "traffic", traffic
    counts = _counts(finding, lang)
    if counts:
        yield "counts", counts
    if finding.first_seen is not None and finding.last_seen is not None:
        yield "seen", f"{short(finding.first_seen, zone)} – {short(finding.last_seen, zone)}"
    for place in _places(finding, lang):
        yield "evidence", place
    if finding.allowed_by:
        yield "allowed_by", finding.allowed_by
    if finding.related:
        yield "related", ", ".join(finding.related)
    for cited in _cited(finding.clauses, lang):
        yield "clauses", cited
    yield "remedy", finding.remedy.in_(lang)
    if finding.baseline:
        yield "baseline", BASELINE_STATES[finding.baseline].in_(lang)
    if finding.waiver:
        one = finding.waiver
        yield (
            "waiver",
            Text(
                ja=f"{one.id}: {one.owner}、{one.until} まで。理由: {one.reason}",
                en=f"{one.id}: {one.owner}, until {one.until}; reason: {one.reason}",
            ).in_(lang),
        )


def _subject(finding: Finding) -> Iterator[tuple[str, str]]:
    zones = " → ".join(party.zone for party in (finding.orig, finding.resp) if party)
    if zones:
        yield "zones", zones
    if finding.device:
        yield "device", finding.device if finding.line is None else f"{finding.device}: {finding.line}"


def _traffic(finding: Finding, lang: Lang) -> str:
    orig, resp = _party(finding.orig), _party(finding.resp)
    ends = " → ".join(end for end in (orig, resp) if end)
    parts = [part for part in (ends, finding.service or "") if part]
    if finding.state:
        state = STATES.get(finding.state)
        parts.append(f"({state.in_(lang) if state else finding.state})")
    if finding.initiator == "unknown":
        parts.append(Text(ja="(開始側は不確か)", en="(opener not certain)").in_(lang))
    return " ".join(parts)


def _party(party: Party | None) -> str:
    if party is None:
        return ""
    address = party.address or party.mac or ""
    if party.address and party.port is not None:
        address = f"[{address}]:{party.port}" if ":" in address else f"{address}:{party.port}"
    notes = [party.mac] if party.address and party.mac else []
    notes += [f"VLAN {party.vlan}"] if party.vlan else []
    return f"{address} ({', '.join(notes)})" if notes and address else address or ", ".join(notes)


def _counts(finding: Finding, lang: Lang) -> str:
    counted = (
        (finding.flows, Text(ja="フロー", en="flow")),
        (finding.packets, Text(ja="パケット", en="packet")),
        (finding.bytes, Text(ja="バイト", en="byte")),
    )
    return ", ".join(
        Text(ja=f"{word.ja} {count:,}", en=f"{count:,} {word.en}{'' if count == 1 else 's'}").in_(lang)
        for count, word in counted
        if count is not None
    )


def _places(finding: Finding, lang: Lang) -> Iterator[str]:
    yield from map(_locator, finding.locators[:_PLACES])
    more = len(finding.locators) - _PLACES
    if more > 0:
        yield Text(
            ja=f"ほか {more:,} か所（すべて --format json の報告にあります）",
            en=f"and {more:,} more, all in the report of --format json",
        ).in_(lang)


def _locator(locator: PacketLocator | LineLocator) -> str:
    match locator:
        case PacketLocator():
            return f"{locator.file} frame {locator.frame}"
        case LineLocator():
            return f"{locator.file}:{locator.line} {locator.text}"
        case _:
            assert_never(locator)


def _cited(clauses: Iterable[Clause], lang: Lang) -> Iterator[str]:
    """Name the passages, a line a document; their wording is in the JSON and in `rules explain`."""
    sections: dict[str, list[str]] = {}
    unverified = Text(ja="（条番号は未確認）", en=" (number not verified)").in_(lang)
    for clause in clauses:
        mark = "" if clause.verified else unverified
        sections.setdefault(clause.document, []).append(f"{clause.section}{mark}")
    for document, passages in sections.items():
        yield f"{document} {Text(ja='、', en=', ').in_(lang).join(passages)}"
