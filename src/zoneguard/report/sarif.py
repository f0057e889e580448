"""The report as SARIF 2.1.0 (OASIS): lines of exports as physical locations, traffic as logical ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from zoneguard.errors import ExitCode
from zoneguard.findings.finding import LineLocator, PacketLocator, Severity, Verdict
from zoneguard.report.csv import cited
from zoneguard.report.harmless import harmless_json_lines
from zoneguard.report.place import primary_place, uri_reference
from zoneguard.report.when import iso, time_zone
from zoneguard.report.words import VERDICTS
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import tzinfo

    from zoneguard.findings.finding import AppliedWaiver, Finding, Party
    from zoneguard.report.model import InputRead, Report, RuleRead
    from zoneguard.text import Lang

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_MOST_PLACES = 100  # of one finding; GitHub takes 1,000 at most, and nobody reads so many
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
# What code scanning of GitHub sorts by; its bounds are 9.0, 7.0, 4.0 and above 0.
_SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: "0.1",
}

Json = dict[str, Any]


def render_sarif(report: Report) -> str:
    """Write one run; findings of the baseline that are absent stand among the results as SARIF wants it."""
    rules = _rules(report)
    at = {rule["id"]: number for number, rule in enumerate(rules)}
    zone = time_zone(report.policy.timezone)
    found = (*report.findings, *report.absent)
    run = {
        "tool": {
            "driver": {
                "name": "ZoneGuard",
                "version": report.tool.version,
                "language": report.lang,
                "rules": rules,
            }
        },
        "automationDetails": {"id": f"zoneguard/{report.policy.model}/"},
        "language": report.lang,
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report)],
        "artifacts": _unique(_artifact(one) for one in report.inputs),
        "results": [_result(finding, report, at, zone) for finding in found],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return harmless_json_lines(json.dumps(document, ensure_ascii=False, indent=2)) + "\n"


def _rules(report: Report) -> list[Json]:
    """Describe the catalogue, and rules that only a finding names (a stored report may hold no catalogue)."""
    described = {rule.id: _rule(rule, report.lang) for rule in report.rules}
    for finding in (*report.findings, *report.absent):
        if finding.rule not in described:
            described[finding.rule] = {
                "id": finding.rule,
                "name": finding.name,
                "shortDescription": {"text": finding.title.in_(report.lang)},
                "help": {"text": _both(finding.remedy)},
            }
    return list(described.values())


def _rule(rule: RuleRead, lang: Lang) -> Json:
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title.in_(lang)},
        "fullDescription": {"text": rule.why.in_(lang)},
        "help": {"text": "\n\n".join(_both(text) for text in (rule.title, rule.why, rule.remedy))},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {
            "tags": ["security", "network"],
            "security-severity": _SCORES[rule.severity],
            "asked": rule.asked,
        },
    }


def _both(text: Text) -> str:
    return f"{text.ja}\n{text.en}"


def _invocation(report: Report) -> Json:
    """Say how the run ended, and everything that was not read or not verifiable."""
    code = report.summary.exit_code
    return {
        "executionSuccessful": code not in (ExitCode.REFUSED, ExitCode.LACKING),
        "exitCode": int(code),
        "toolExecutionNotifications": [*_unread(report), *_unverifiable(report)],
    }


def _unique(values: Iterable[Json]) -> list[Json]:
    """Keep each value once, for the schema wants it so: the same file may be given twice."""
    seen: dict[str, Json] = {}
    for value in values:
        seen.setdefault(json.dumps(value, sort_keys=True), value)
    return list(seen.values())


def _unread(report: Report) -> Iterator[Json]:
    for one in report.inputs:
        level = {"read": "note", "partial": "warning", "refused": "error"}[one.status]
        notes = one.notes or ((_REFUSED,) if one.status == "refused" else ())
        for note in notes:
            yield {
                "level": level,
                "message": _message(note.in_(report.lang)),
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri_reference(one.path)}}}],
            }
    for reason, count in sorted(report.coverage.not_decoded.items()):
        told = Text(
            ja=f"{count:,} パケットを解釈できませんでした（{reason}）。",
            en=f"{count:,} packets were not decoded ({reason}).",
        )
        yield {"level": "warning", "message": _message(told.in_(report.lang))}


_REFUSED = Text(ja="この入力は読み取れませんでした。", en="This input could not be read.")


def _unverifiable(report: Report) -> Iterator[Json]:
    for one in report.coverage.unverifiable:
        yield {
            "level": "warning",
            "message": _message(one.reason.in_(report.lang)),
            "associatedRule": {"id": one.rule},
        }


def _artifact(one: InputRead) -> Json:
    made: Json = {"location": {"uri": uri_reference(one.path)}, "length": one.size}
    if one.sha256 is not None:
        made["hashes"] = {"sha-256": one.sha256}
    return made


def _result(finding: Finding, report: Report, at: Mapping[str, int], zone: tzinfo) -> Json:
    unsure = finding.verdict is Verdict.UNVERIFIABLE
    made: Json = {
        "ruleId": finding.rule,
        "ruleIndex": at[finding.rule],
        "kind": "open" if unsure else "fail",  # a level other than none needs the kind fail (3.27.9)
        "level": "none" if unsure else _LEVELS[finding.severity],
        "message": _message(finding.message.in_(report.lang)),
        "locations": [_location(finding, report, zone)],
        "partialFingerprints": {"zoneguard/v1": finding.fingerprint},
        "properties": _properties(finding, report, zone),
    }
    related = [
        {"id": number, **_place(one, zone)}
        for number, one in enumerate(finding.locators[:_MOST_PLACES], 1)
        if one is not primary_place(finding)
    ]
    if related:
        made["relatedLocations"] = related
    if finding.waiver is not None:
        made["suppressions"] = [_suppression(finding.waiver)]
    if finding.baseline is not None:
        made["baselineState"] = finding.baseline
    return made


def _suppression(waiver: AppliedWaiver) -> Json:
    return {
        "kind": "external",  # it stands in zones.yaml
        "status": "accepted",
        "justification": waiver.reason,
        "properties": {"id": waiver.id, "owner": waiver.owner, "until": waiver.until},
    }


def _location(finding: Finding, report: Report, zone: tzinfo) -> Json:
    """Give the first place; what has none stands in the policy, for GitHub takes no result without a file."""
    place = primary_place(finding)
    made: Json = {"physicalLocation": {"artifactLocation": {"uri": uri_reference(report.policy.path)}}}
    if place is not None:
        made = _place(place, zone)
    logical = _logical(finding)
    if logical is not None:
        made["logicalLocations"] = [{"fullyQualifiedName": logical, "kind": "flow"}]
    return made


def _place(place: PacketLocator | LineLocator, zone: tzinfo) -> Json:
    physical: Json = {"artifactLocation": {"uri": uri_reference(place.file)}}
    if isinstance(place, LineLocator):
        if place.line > 0:
            physical["region"] = {"startLine": place.line, "snippet": {"text": place.text}}
        return {"physicalLocation": physical}
    return {
        "physicalLocation": physical,
        "properties": {"frame": place.frame, "time": iso(place.time, zone)},
    }


def _logical(finding: Finding) -> str | None:
    ends = [_end(end) for end in (finding.orig, finding.resp) if end is not None]
    words = [" → ".join(ends), finding.service or ""] if ends else [finding.device or "", finding.line or ""]
    return " ".join(word for word in words if word) or None


def _end(party: Party) -> str:
    return "/".join(word for word in (party.zone, party.address or party.mac) if word)


def _properties(finding: Finding, report: Report, zone: tzinfo) -> Json:
    first, last = finding.first_seen, finding.last_seen
    own = {
        "verdict": finding.verdict.value,
        "severity": finding.severity.value,
        "verdictText": VERDICTS[finding.verdict].in_(report.lang),
        "title": finding.title.in_(report.lang),
        "remedy": finding.remedy.in_(report.lang),
        "clauses": [cited(one).in_(report.lang) for one in finding.clauses] or None,
        "state": finding.state,
        "flows": finding.flows,
        "packets": finding.packets,
        "firstSeen": None if first is None else iso(first, zone),
        "lastSeen": None if last is None else iso(last, zone),
        "allowedBy": finding.allowed_by,
        "places": len(finding.locators),
    }
    return {name: value for name, value in own.items() if value is not None}


def _message(text: str) -> Json:
    # "[words](place)" in a plain message is a link (3.11.6); nothing of ours is meant as one.
    return {"text": text.replace("](", "]\u200a(") if "](" in text else text}
