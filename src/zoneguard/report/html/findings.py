"""Findings as the page shows them: the words they share once, some in full, the many as lines of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never

from zoneguard.findings.finding import LineLocator, PacketLocator, Verdict
from zoneguard.report.displayfilter import flow_filter, frame_filters
from zoneguard.report.html.words import BASELINES
from zoneguard.report.when import short, time_zone
from zoneguard.report.words import SEVERITIES, STATES, VERDICTS
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from zoneguard.findings.finding import Clause, Finding, Party
    from zoneguard.report.model import Report
    from zoneguard.text import Lang

IN_FULL = 20  # of findings that share their words
MOST_IN_FULL = 400  # of all; the gravest come first
MOST_LINES = 10_000  # of tables; a page of more opens slowly, and the JSON holds them all
_PLACES = 5
_LONGEST = 300  # characters of a line of an export, or of a name from outside


class Card(NamedTuple):
    """One finding in full; empty strings are what does not apply."""

    number: int
    verdict: str
    verdict_word: str
    message: str
    facts: tuple[tuple[str, str], ...]  # name of the word, what it is
    places: tuple[str, ...]
    filters: tuple[tuple[str, str], ...]  # where to use it, the display filter
    flow_filter: str
    baseline: str
    is_waived: bool


class Line(NamedTuple):
    """One finding as a line of a table."""

    number: int
    verdict: str
    verdict_word: str
    orig: str
    resp: str
    service: str
    state: str
    flows: str
    first_seen: str
    place: str


class Group(NamedTuple):
    """Findings of one rule and severity that share their words."""

    anchor: str
    rule: str
    severity: str
    severity_word: str
    title: str
    remedy: str
    clauses: tuple[tuple[str, str, bool], ...]  # document, section, verified
    findings: int
    cards: tuple[Card, ...]
    lines: tuple[Line, ...]


class Told(NamedTuple):
    """All groups, gravest first; how many findings have a card, how many not even a line; what an earlier run had."""

    groups: tuple[Group, ...]
    in_full: int
    left_out: int
    absent: tuple[Line, ...]


class Terms(NamedTuple):
    """In which language and time zone, and by which names and numbers, a report speaks of things."""

    lang: Lang
    zone: tzinfo
    names: Mapping[str, str]  # of zones
    files: Mapping[str, int]  # path → number in the list of evidence


def told_findings(
    report: Report,
    names: Mapping[str, str],
    *,
    most_in_full: int = MOST_IN_FULL,
    most_lines: int = MOST_LINES,
) -> Told:
    """Count the findings through in the order of the report and gather those that share their words.

    At most `most_in_full` have a card and `most_lines` a line of a table; of the others only their number is told.
    """
    terms = Terms(
        report.lang,
        time_zone(report.policy.timezone),
        names,
        {one.path: at for at, one in enumerate(report.inputs, 1)},
    )
    present = [one for one in report.findings if one.verdict is not Verdict.UNVERIFIABLE]
    gathered: dict[tuple[object, ...], list[tuple[int, Finding]]] = {}
    for number, one in enumerate(present, 1):
        key = (one.severity, one.rule, one.title, one.remedy, one.clauses)
        gathered.setdefault(key, []).append((number, one))
    groups: list[Group] = []
    cards = lines = 0
    for at, members in enumerate(gathered.values(), 1):
        full = members[: min(IN_FULL, most_in_full - cards)]
        rest = members[len(full) :][: most_lines - lines]
        cards, lines = cards + len(full), lines + len(rest)
        first = members[0][1]
        groups.append(
            Group(
                anchor=f"g{at}",
                rule=first.rule,
                severity=first.severity.value,
                severity_word=SEVERITIES[first.severity].in_(report.lang),
                title=first.title.in_(report.lang),
                remedy=first.remedy.in_(report.lang),
                clauses=tuple(_cited(clause) for clause in first.clauses),
                findings=len(members),
                cards=tuple(_card(one, number, terms) for number, one in full),
                lines=tuple(_line(one, number, terms) for number, one in rest),
            )
        )
    return Told(
        groups=tuple(groups),
        in_full=cards,
        left_out=len(present) - cards - lines,
        absent=tuple(
            _line(one, number, terms) for number, one in enumerate(report.absent[: most_lines - lines], 1)
        ),
    )


def clipped(text: str) -> str:
    """Cut what somebody made longer than anybody reads."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _cited(clause: Clause) -> tuple[str, str, bool]:
    return clause.document, clause.section, clause.verified


def _card(finding: Finding, number: int, terms: Terms) -> Card:
    waiver = finding.waiver
    return Card(
        number=number,
        verdict=finding.verdict.value,
        verdict_word=VERDICTS[finding.verdict].in_(terms.lang),
        message=finding.message.in_(terms.lang),
        facts=tuple((name, value) for name, value in _facts(finding, terms) if value),
        places=_places(finding, terms.files),
        filters=tuple((_file(file, terms.files), shown) for file, shown in frame_filters(finding.locators)),
        flow_filter=flow_filter(finding) or "",
        baseline=BASELINES[finding.baseline].in_(terms.lang) if finding.baseline else "",
        is_waived=waiver is not None,
    )


def _facts(finding: Finding, terms: Terms) -> Sequence[tuple[str, str]]:
    lang, zone, names, _ = terms
    orig, resp, waiver = finding.orig, finding.resp, finding.waiver
    zones = " → ".join(_zone(end, names) for end in (orig, resp) if end is not None)
    ends = " → ".join(words for end in (orig, resp) if end is not None and (words := _end(end)))
    traffic = " ".join(word for word in (ends, finding.service or "") if word)
    state = STATES[finding.state].in_(lang) if finding.state in STATES else ""
    first, last = finding.first_seen, finding.last_seen
    seen = short(first, zone) if first is not None else ""
    if last is not None and last != first:
        seen += f" – {short(last, zone)}"
    unsure = Text(
        ja="（開始した側は確定できていません）", en=" (who opened it could not be told for certain)"
    ).in_(lang)
    return (
        ("where", zones),
        ("traffic", traffic),
        ("state", state + (unsure if state and finding.initiator == "unknown" else "")),
        ("counts", _counts(finding, lang)),
        ("seen", seen),
        ("device_line", " ".join(word for word in (finding.device, finding.line) if word)),
        ("nearest", finding.allowed_by or ""),
        ("related", ", ".join(finding.related)),
        ("waiver", _waived(finding).in_(lang) if waiver else ""),
        ("fingerprint", finding.fingerprint),
    )


def _counts(finding: Finding, lang: Lang) -> str:
    told = [
        Text(ja=f"{count:,} {ja}", en=f"{count:,} {en}{'' if count == 1 else 's'}").in_(lang)
        for count, ja, en in (
            (finding.flows, "フロー", "flow"),
            (finding.packets, "パケット", "packet"),
            (finding.bytes, "オクテット", "octet"),
        )
        if count is not None
    ]
    return Text(ja="、", en=", ").in_(lang).join(told)


def _waived(finding: Finding) -> Text:
    waiver = finding.waiver
    if waiver is None:
        return Text(ja="なし", en="none")
    return Text(
        ja=f"{waiver.id}（責任者 {waiver.owner}、期限 {waiver.until}、理由 {waiver.reason}）",
        en=f"{waiver.id} (owner {waiver.owner}, until {waiver.until}, reason: {waiver.reason})",
    )


def _zone(end: Party, names: Mapping[str, str]) -> str:
    return clipped(names.get(end.zone, end.zone))


def _end(end: Party) -> str:
    host = end.address or end.mac or ""
    if not host:
        return ""
    if end.port is not None:
        host = f"[{host}]:{end.port}" if ":" in host else f"{host}:{end.port}"
    beside = [end.mac] if end.mac and end.address else []
    beside += [f"VLAN {end.vlan}"] if end.vlan else []
    return clipped(f"{host} ({', '.join(beside)})" if beside else host)


def _places(finding: Finding, files: Mapping[str, int]) -> tuple[str, ...]:
    told = [_place(locator, files) for locator in finding.locators[:_PLACES]]
    more = len(finding.locators) - _PLACES
    return (*told, *((f"+{more:,}",) if more > 0 else ()))


def _place(locator: PacketLocator | LineLocator, files: Mapping[str, int]) -> str:
    match locator:
        case PacketLocator():
            return f"{_file(locator.file, files)} #{locator.frame:,}"
        case LineLocator():
            return f"{_file(locator.file, files)}:{locator.line} {clipped(locator.text)}"
        case _:
            assert_never(locator)


def _file(path: str, files: Mapping[str, int]) -> str:
    """Name a file with its number in the list of evidence, where its whole path and digest stand."""
    number = files.get(path)
    name = clipped(path.replace("\\", "/").rpartition("/")[2] or path)
    return f"[{number}] {name}" if number else name


def _line(finding: Finding, number: int, terms: Terms) -> Line:
    first = finding.locators[0] if finding.locators else None
    place = ""
    if first is not None:
        at = terms.files.get(first.file)
        file = f"[{at}]" if at else _file(first.file, terms.files)
        place = f"{file} #{first.frame}" if isinstance(first, PacketLocator) else f"{file}:{first.line}"
    return Line(
        number=number,
        verdict=finding.verdict.value,
        verdict_word=VERDICTS[finding.verdict].in_(terms.lang),
        orig=_brief(finding.orig, terms.names),
        resp=_brief(finding.resp, terms.names),
        service=clipped(finding.service or finding.line or ""),
        state=STATES[finding.state].in_(terms.lang) if finding.state in STATES else "",
        flows=f"{finding.flows:,}" if finding.flows else "",
        first_seen=short(finding.first_seen, terms.zone) if finding.first_seen is not None else "",
        place=place,
    )


def _brief(end: Party | None, names: Mapping[str, str]) -> str:
    if end is None:
        return ""
    host = end.address or end.mac
    return clipped(f"{host} ({_zone(end, names)})" if host else _zone(end, names))
