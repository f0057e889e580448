"""The findings as a table for spreadsheets: UTF-8 with BOM, CRLF, and no cell that is taken for a formula."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from zoneguard.findings.finding import LineLocator, PacketLocator
from zoneguard.report.harmless import harmless_cell
from zoneguard.report.when import iso, time_zone
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import tzinfo

    from zoneguard.findings.finding import Clause, Finding, Party
    from zoneguard.report.model import Report
    from zoneguard.text import Lang

MOST_CHARACTERS = 32_767  # a cell of Excel holds no more
Cell = str | int | None

COLUMNS = (
    "rule",
    "name",
    "severity",
    "verdict",
    "title",
    "message",
    *(f"{side}_{part}" for side in ("orig", "resp") for part in ("zone", "address", "port", "mac", "vlan")),
    "protocol",
    "service",
    "state",
    "initiator",
    "flows",
    "packets",
    "bytes",
    "first_seen",
    "last_seen",
    "device",
    "line",
    "evidence_file",
    "evidence_frame",
    "evidence_line",
    "evidence_places",
    "allowed_by",
    "related",
    "clauses",
    "remedy",
    "waiver",
    "waiver_until",
    "baseline",
    "fingerprint",
)


def render_csv(report: Report) -> str:
    """Write one row a finding, and after them those of the baseline that are absent."""
    zone = time_zone(report.policy.timezone)
    found = (*report.findings, *report.absent)
    return table(COLUMNS, (list(_cells(finding, report.lang, zone)) for finding in found))


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Write a table as Excel opens it rightly: BOM, CRLF, formulas made text."""
    output = io.StringIO(newline="")
    output.write("\ufeff")
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows(
        [fitting(harmless_cell(cell)) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return output.getvalue()


def fitting(text: str, most: int = MOST_CHARACTERS) -> str:
    """Cut a text and say by how many characters: a longer cell breaks the row in Excel, and readers of CSV refuse it."""
    if len(text) <= most:
        return text
    kept = most - 20
    return f"{text[:kept]}…[+{len(text) - kept:,}]"


def _cells(finding: Finding, lang: Lang, zone: tzinfo) -> Iterator[Cell]:
    yield from (finding.rule, finding.name, finding.severity.value, finding.verdict.value)
    yield from (finding.title.in_(lang), finding.message.in_(lang))
    yield from (*_party(finding.orig), *_party(finding.resp))
    yield from (finding.protocol, finding.service, finding.state, finding.initiator)
    yield from (finding.flows, finding.packets, finding.bytes)
    yield from (None if time is None else iso(time, zone) for time in (finding.first_seen, finding.last_seen))
    yield from (finding.device, finding.line)
    yield from (*_place(finding), len(finding.locators))
    yield finding.allowed_by
    yield " ".join(finding.related)
    yield "; ".join(cited(one).in_(lang) for one in finding.clauses)
    yield finding.remedy.in_(lang)
    waiver = finding.waiver
    yield from (None, None) if waiver is None else (waiver.id, waiver.until)
    yield from (finding.baseline, finding.fingerprint)


def cited(clause: Clause) -> Text:
    """Name a clause; a number that was not checked in the source says so."""
    said = f"{clause.document} {clause.section}"
    if clause.verified:
        return Text(ja=said, en=said)
    return Text(ja=f"{said}（条番号は未確認）", en=f"{said} (number not verified)")


def _party(party: Party | None) -> tuple[Cell, ...]:
    if party is None:
        return (None,) * 5
    return party.zone, party.address, party.port, party.mac, party.vlan


def _place(finding: Finding) -> tuple[Cell, ...]:
    match finding.locators[:1]:
        case (PacketLocator() as packet,):
            return packet.file, packet.frame, None
        case (LineLocator() as line,):
            return line.file, None, line.line
        case _:
            return None, None, None
