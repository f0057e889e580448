"""A run judged, put together as the report: inputs, coverage, matrix, what was asked, and the exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard import __version__
from zoneguard.api.accounting import compare, waivers_read
from zoneguard.errors import ExitCode
from zoneguard.findings.finding import Verdict
from zoneguard.findings.threshold import fails, is_unsure
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.api.accounting import Earlier
    from zoneguard.api.exports import ExportRead
    from zoneguard.capture.metering import InputRead as CaptureRead
    from zoneguard.capture.metering import Metered
    from zoneguard.findings.finding import Finding, Severity
    from zoneguard.findings.passage import Passage
    from zoneguard.net.flow import CaptureCoverage
    from zoneguard.policy.model import Policy
    from zoneguard.report.model import Coverage, InputRead, MatrixCell, Report, Summary
    from zoneguard.rules.conversing import Judge
    from zoneguard.rules.evidence import Evidence
    from zoneguard.text import Lang

# What is no IP traffic, or a sender's own fault, is told in the coverage; these leave the run inconclusive.
_INCONCLUSIVE = frozenset(
    {
        "unsupported link type",
        "too many layers of tunnels",
        "encrypted wireless frame",
        "undeclared pcapng interface",
        "tunnels beyond the bound",
        "address claims beyond the bound",
    }
)


def report_of(
    policy: Policy,
    judged: Judge,
    metered: Metered,
    results: Sequence[ExportRead],
    *,
    gateways: tuple[Passage, ...],
    evidence: Evidence,
    findings: tuple[Finding, ...],
    lang: Lang,
    fail_on: Severity,
    fail_on_new: bool,
    earlier: Earlier | None,
    generated: int,
) -> Report:
    from zoneguard.api.grading import clause_grades, rules_read
    from zoneguard.api.register import policy_read, register, zones_read
    from zoneguard.policy.undecided import open_points
    from zoneguard.report.model import Report, Tool
    from zoneguard.rules.catalogue import CATALOGUE
    from zoneguard.rules.clauses import shipped_clauses

    matrix = _matrix(policy, judged)
    asked = rules_read(
        CATALOGUE,
        findings,
        policy=policy,
        observed=evidence.zones_observed,
        traffic=evidence.traffic,
        exports=bool(results),
        traffic_short=_traffic_short(findings, metered) if evidence.traffic else None,
        exports_short=_exports_short(findings, results),
        all_opened=not evidence.left and not evidence.look_faults,
    )
    kinds = {"capture"} if metered.inputs else set()
    kinds |= {"export"} if results else set()
    held = compare(findings, earlier, policy=policy, kinds=kinds) if earlier is not None else None
    findings = held.findings if held is not None else findings
    return Report(
        tool=Tool(name="zoneguard", version=__version__),
        generated=generated,
        lang=lang,
        policy=replace(policy_read(policy), zones=zones_read(policy), to_decide=len(open_points(policy))),
        inputs=(*(_input_read(one) for one in metered.inputs), *(_export_read(one) for one in results)),
        coverage=_coverage(policy, judged, metered.coverage, evidence, findings=findings, matrix=matrix),
        summary=_summary(policy, findings, metered, results, fail_on=fail_on, fail_on_new=fail_on_new),
        matrix=matrix,
        findings=findings,
        gateways=gateways,
        rules=asked,
        waivers=waivers_read(policy, findings, today=evidence.today),
        baseline=held.baseline if held is not None else None,
        absent=held.absent if held is not None else (),
        today=evidence.today,
        register=register(policy, evidence),
        clauses=clause_grades(shipped_clauses(), CATALOGUE, asked, findings),
    )


def _input_read(one: CaptureRead) -> InputRead:
    from zoneguard.report.model import InputRead

    reading = one.reading
    return InputRead(
        path=one.name,
        kind="capture",
        format=reading.format,
        size=one.size,
        sha256=one.sha256 or None,
        status="refused" if reading.refused else "partial" if reading.faults else "read",
        packets=reading.packets,
        first_seen=reading.first_seen,
        last_seen=reading.last_seen,
        notes=tuple(reading.faults),
    )


def _export_read(one: ExportRead) -> InputRead:
    from zoneguard.firewall.model import LineState
    from zoneguard.report.model import InputRead

    result = one.result
    counted = Counter(result.states)
    unread = counted[LineState.UNKNOWN] + counted[LineState.UNSUPPORTED]
    notes = [
        Text(
            ja=f"{fault.place.line}行目「{fault.place.text}」: {fault.message.ja}",
            en=f"line {fault.place.line} ({fault.place.text}): {fault.message.en}",
        )
        for fault in result.faults
    ]
    return InputRead(
        path=result.file,
        kind="export",
        format=result.format,
        size=one.size,
        sha256=one.sha256,
        status="partial" if unread else "read",
        lines=len(result.states),
        lines_not_understood=unread,
        notes=tuple(notes),
    )


def _matrix(policy: Policy, judged: Judge) -> tuple[MatrixCell, ...]:
    from zoneguard.report.model import MatrixCell

    declared = Counter((flow.source.zone, flow.destination.zone) for flow in policy.flows)
    observed = {(cell.orig_zone, cell.resp_zone): cell for cell in judged.matrix()}
    order = {zone.id: at for at, zone in enumerate(policy.zones)}
    last = len(order)
    cells = []
    for pair in sorted(
        {*declared, *observed}, key=lambda p: (order.get(p[0], last), order.get(p[1], last), p)
    ):
        cell = observed.get(pair)
        cells.append(
            MatrixCell(
                orig=pair[0],
                resp=pair[1],
                allowed_flows=declared[pair],
                observed_flows=cell.flows if cell else 0,
                observed_packets=cell.packets if cell else 0,
                observed_bytes=cell.bytes if cell else 0,
                violations=cell.violations if cell else 0,
            )
        )
    return tuple(cells)


def _coverage(
    policy: Policy,
    judged: Judge,
    seen: CaptureCoverage,
    evidence: Evidence,
    *,
    findings: Sequence[Finding],
    matrix: Sequence[MatrixCell],
) -> Coverage:
    from zoneguard.report.model import Coverage, Unverifiable

    return Coverage(
        packets=seen.packets,
        bytes=seen.bytes,
        flows=sum(cell.observed_flows for cell in matrix),
        decoded=seen.decoded,
        not_decoded=dict(sorted(seen.not_decoded.items())),
        duplicates=seen.duplicates,
        truncated=seen.truncated,
        dropped=seen.dropped,
        opened=len(evidence.looks),
        not_opened=sum(evidence.left.values()),
        unknown_endpoints=judged.unknown_endpoints()[0],
        zones_observed=tuple(zone.id for zone in policy.zones if zone.id in evidence.zones_observed),
        zones_not_observed=tuple(zone.id for zone in policy.zones if zone.id not in evidence.zones_observed),
        unverifiable=tuple(
            Unverifiable(rule=finding.rule, reason=finding.message)
            for finding in findings
            if finding.verdict is Verdict.UNVERIFIABLE
        ),
    )


def _summary(
    policy: Policy,
    findings: Sequence[Finding],
    metered: Metered,
    results: Sequence[ExportRead],
    *,
    fail_on: Severity,
    fail_on_new: bool,
) -> Summary:
    from zoneguard.report.model import Summary

    live = [finding for finding in findings if finding.waiver is None]
    return Summary(
        findings=len(live),
        by_severity=Counter(finding.severity for finding in live),
        by_verdict=Counter(finding.verdict for finding in live),
        waived=len(findings) - len(live),
        exit_code=_exit_code(policy, live, metered, results, fail_on=fail_on, fail_on_new=fail_on_new),
        fail_on=fail_on,
        fail_on_new=fail_on_new,
    )


def _traffic_short(findings: Sequence[Finding], metered: Metered) -> Text | None:
    """Say what keeps the traffic from having been seen as a whole; None when nothing does."""
    from zoneguard.api.grading import coverage_shortfall

    told = coverage_shortfall(findings, of_exports=False)
    if told is not None or not _lost_traffic(metered):
        return told
    if not metered.coverage.packets:
        return Text(ja="キャプチャにパケットがありません。", en="The captures hold no packet.")
    return Text(
        ja="通信の一部が、記録されていないか、途中で切れているか、解釈できません（観測範囲の章を参照）。",
        en="Part of the traffic was not captured, cut off or not understood (see the coverage).",
    )


def _exports_short(findings: Sequence[Finding], results: Sequence[ExportRead]) -> Text | None:
    from zoneguard.api.grading import coverage_shortfall

    told = coverage_shortfall(findings, of_exports=True)
    unclear = [one.result.file for one in results if one.is_inconclusive]
    if told is not None or not unclear:
        return told
    return Text(
        ja=f"{'、'.join(unclear)} に、通る通信を変え得るのに解釈できない行があります。",
        en=f"Lines that may change what passes were not understood in {', '.join(unclear)}.",
    )


def _lost_traffic(metered: Metered) -> bool:
    """Tell whether captures were given and are not whole, so that what they do not show may yet have been."""
    seen = metered.coverage
    return bool(metered.inputs) and bool(
        any(one.reading.faults for one in metered.inputs)
        or seen.packets == 0
        or seen.dropped
        or seen.truncated
        or _INCONCLUSIVE & seen.not_decoded.keys()
    )


def _exit_code(
    policy: Policy,
    live: Sequence[Finding],
    metered: Metered,
    results: Sequence[ExportRead],
    *,
    fail_on: Severity,
    fail_on_new: bool,
) -> ExitCode:
    """Decide by precedence: refused input, findings at the threshold, something not understood or not seen.

    Zones that nobody has confirmed are a premise that may be wrong: what they show to be clean is not conclusive.
    """
    if any(one.reading.refused for one in metered.inputs):
        return ExitCode.REFUSED
    if any(fails(one, fail_on, only_new=fail_on_new) for one in live):
        return ExitCode.FINDINGS
    if (
        is_unsure(live)
        or any(zone.to_decide for zone in policy.zones)
        or _lost_traffic(metered)
        or any(one.is_inconclusive for one in results)
    ):
        return ExitCode.INCONCLUSIVE
    return ExitCode.CLEAN
