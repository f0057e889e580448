"""The report as JSON: `zoneguard.report/1`, deterministic, fields that do not apply left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, assert_never

from zoneguard.findings.finding import LineLocator, PacketLocator
from zoneguard.report.harmless import harmless_json_lines
from zoneguard.report.model import SCHEMA
from zoneguard.report.when import iso, time_zone

if TYPE_CHECKING:
    from datetime import tzinfo

    from zoneguard.findings.finding import AppliedWaiver, Clause, Finding, Party
    from zoneguard.findings.passage import Passage
    from zoneguard.report.model import (
        Baseline,
        ClauseGraded,
        Coverage,
        InputRead,
        MatrixCell,
        PolicyRead,
        Registered,
        Report,
        RuleRead,
        Summary,
        WaiverRead,
        ZoneRead,
    )
    from zoneguard.text import Text

Json = dict[str, Any]


def render_json(report: Report) -> str:
    """Write a report as JSON that no terminal can be tricked with; ends in a newline."""
    text = json.dumps(report_document(report), ensure_ascii=False, indent=2, allow_nan=False)
    return harmless_json_lines(text) + "\n"


def report_document(report: Report) -> Json:
    """Give the report as plain JSON values."""
    zone = time_zone(report.policy.timezone)
    document = {
        "schema": SCHEMA,
        "tool": {"name": report.tool.name, "version": report.tool.version},
        "generated": iso(report.generated, zone),
        "lang": report.lang,
        "policy": _policy(report.policy),
        "inputs": [_input(one, zone) for one in report.inputs],
        "coverage": _coverage(report.coverage),
        "summary": _summary(report.summary),
        "matrix": [_cell(cell) for cell in report.matrix],
        "gateways": [_passage(one, zone) for one in report.gateways],
        "findings": [finding_document(finding, zone) for finding in report.findings],
    }
    if report.rules:
        document["rules"] = [_rule(one) for one in report.rules]
    if report.waivers:
        document["waivers"] = [_waiver_read(one) for one in report.waivers]
    if report.baseline is not None:
        document["baseline"] = _baseline(report.baseline, zone)
        document["absent"] = [finding_document(finding, zone) for finding in report.absent]
    if report.today is not None:
        document["today"] = report.today
    if report.register:
        document["register"] = [_registered(one, zone) for one in report.register]
    if report.clauses:
        document["clauses"] = [_graded(one) for one in report.clauses]
    return document


def _present(**fields: object) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _text(text: Text) -> Json:
    return {"ja": text.ja, "en": text.en}


def _time(time: int | None, zone: tzinfo) -> str | None:
    return None if time is None else iso(time, zone)


def _policy(policy: PolicyRead) -> Json:
    return {
        "path": policy.path,
        "sha256": policy.sha256,
        "organization": _text(policy.organization),
        "model": policy.model,
        "timezone": policy.timezone,
        **({"zones": [_zone(one) for one in policy.zones]} if policy.zones else {}),
        **({"to_decide": policy.to_decide} if policy.to_decide else {}),
    }


def _zone(zone: ZoneRead) -> Json:
    return {"id": zone.id, "role": zone.role, "name": _text(zone.name)}


def _input(one: InputRead, zone: tzinfo) -> Json:
    return _present(
        path=one.path,
        kind=one.kind,
        format=one.format,
        sha256=one.sha256,
        size=one.size,
        packets=one.packets,
        lines=one.lines,
        lines_not_understood=one.lines_not_understood,
        first_seen=_time(one.first_seen, zone),
        last_seen=_time(one.last_seen, zone),
        status=one.status,
        notes=[_text(note) for note in one.notes],
    )


def _coverage(coverage: Coverage) -> Json:
    return {
        "packets": coverage.packets,
        "bytes": coverage.bytes,
        "flows": coverage.flows,
        "decoded": coverage.decoded,
        "not_decoded": dict(sorted(coverage.not_decoded.items())),
        "duplicates": coverage.duplicates,
        "truncated": coverage.truncated,
        "dropped": coverage.dropped,
        "opened": coverage.opened,
        "not_opened": coverage.not_opened,
        "unknown_endpoints": coverage.unknown_endpoints,
        "zones_observed": list(coverage.zones_observed),
        "zones_not_observed": list(coverage.zones_not_observed),
        "unverifiable": [{"rule": one.rule, "reason": _text(one.reason)} for one in coverage.unverifiable],
    }


def _summary(summary: Summary) -> Json:
    return {
        "findings": summary.findings,
        "waived": summary.waived,
        "by_severity": {severity.value: count for severity, count in summary.by_severity.items()},
        "by_verdict": {verdict.value: count for verdict, count in summary.by_verdict.items()},
        "fail_on": summary.fail_on.value,
        **({"fail_on_new": True} if summary.fail_on_new else {}),
        "exit_code": int(summary.exit_code),
    }


def _cell(cell: MatrixCell) -> Json:
    return {
        "from": cell.orig,
        "to": cell.resp,
        "allowed_flows": cell.allowed_flows,
        "observed_flows": cell.observed_flows,
        "observed_packets": cell.observed_packets,
        "observed_bytes": cell.observed_bytes,
        "violations": cell.violations,
    }


def _passage(passage: Passage, zone: tzinfo) -> Json:
    return {
        "id": passage.gateway,
        "sanitizes": passage.sanitizes,
        "legs": [
            _present(
                zone=leg.zone,
                flows=leg.flows,
                bytes_in=leg.bytes_in,
                bytes_out=leg.bytes_out,
                first_seen=_time(leg.first_seen, zone),
                last_seen=_time(leg.last_seen, zone),
            )
            for leg in passage.legs
        ],
        "carried": passage.carried,
        "paired": passage.paired,
        "past": passage.past,
        "whole": passage.whole,
    }


def _registered(one: Registered, zone: tzinfo) -> Json:
    ends = {"from": one.orig, "to": one.resp}
    return _present(
        id=one.id,
        kind=one.kind,
        **ends,
        services=list(one.services),
        observable=one.observable,
        number=one.number,
        by=one.by,
        on=one.on,
        until=one.until,
        reason=one.reason,
        first_seen=_time(one.first_seen, zone),
        last_seen=_time(one.last_seen, zone),
    )


def _rule(rule: RuleRead) -> Json:
    return _present(
        id=rule.id,
        name=rule.name,
        severity=rule.severity.value,
        title=_text(rule.title),
        why=_text(rule.why),
        remedy=_text(rule.remedy),
        asked=rule.asked,
        shortfall=rule.shortfall and _text(rule.shortfall),
    )


def _waiver_read(waiver: WaiverRead) -> Json:
    return {
        "id": waiver.id,
        "rule": waiver.rule,
        "owner": waiver.owner,
        "reason": waiver.reason,
        "until": waiver.until,
        "state": waiver.state,
        "covered": waiver.covered,
        "exceeded": waiver.exceeded,
    }


def _baseline(baseline: Baseline, zone: tzinfo) -> Json:
    return {
        "path": baseline.path,
        "sha256": baseline.sha256,
        "generated": iso(baseline.generated, zone),
        "new": baseline.new,
        "unchanged": baseline.unchanged,
        "absent": baseline.absent,
        "notes": [_text(note) for note in baseline.notes],
    }


def _graded(one: ClauseGraded) -> Json:
    return {
        "key": one.key,
        **_clause(one.clause),
        "grade": one.grade.value,
        "rules": list(one.rules),
        "short": list(one.short),
        "violated": one.violated,
        "review": one.review,
        "waived": one.waived,
    }


def finding_document(finding: Finding, zone: tzinfo) -> Json:
    """Give one finding as the report's JSON values."""
    orig, resp = finding.orig, finding.resp
    return _present(
        rule=finding.rule,
        name=finding.name,
        verdict=finding.verdict.value,
        severity=finding.severity.value,
        title=_text(finding.title),
        message=_text(finding.message),
        remedy=_text(finding.remedy),
        clauses=[_clause(clause) for clause in finding.clauses],
        zones=_present(orig=orig and orig.zone, resp=resp and resp.zone) or None,
        orig=orig and _party(orig),
        resp=resp and _party(resp),
        protocol=finding.protocol,
        service=finding.service,
        state=finding.state,
        initiator=finding.initiator,
        flows=finding.flows,
        packets=finding.packets,
        bytes=finding.bytes,
        first_seen=_time(finding.first_seen, zone),
        last_seen=_time(finding.last_seen, zone),
        locators=[_locator(locator, zone) for locator in finding.locators],
        device=finding.device,
        line=finding.line,
        allowed_by=finding.allowed_by,
        related=list(finding.related) or None,
        waiver=finding.waiver and _waiver(finding.waiver),
        baseline=finding.baseline,
        fingerprint=finding.fingerprint,
    )


def _clause(clause: Clause) -> Json:
    return {
        "document": clause.document,
        "edition": clause.edition,
        "section": clause.section,
        "text": clause.text,
        "verified": clause.verified,
    }


def _party(party: Party) -> Json | None:
    return _present(address=party.address, port=party.port, mac=party.mac, vlan=party.vlan) or None


def _locator(locator: PacketLocator | LineLocator, zone: tzinfo) -> Json:
    match locator:
        case PacketLocator():
            return {"file": locator.file, "frame": locator.frame, "time": iso(locator.time, zone)}
        case LineLocator():
            return {"file": locator.file, "line": locator.line, "text": locator.text}
        case _:
            assert_never(locator)


def _waiver(waiver: AppliedWaiver) -> Json:
    return {"id": waiver.id, "owner": waiver.owner, "reason": waiver.reason, "until": waiver.until}
