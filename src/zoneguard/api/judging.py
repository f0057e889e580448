"""The use cases, in reading order: judge captures by a policy, and show the flow table itself."""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard import __version__
from zoneguard.api.accounting import compare, read_earlier, waivers_read
from zoneguard.api.exports import ExportRead, discover_policy, export_format, read_export
from zoneguard.capture.metering import Metered
from zoneguard.errors import ExitCode, InputRefusedError
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.findings.threshold import fails
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from zoneguard.api.accounting import Earlier
    from zoneguard.capture.gather import Gathered
    from zoneguard.capture.metering import Input
    from zoneguard.capture.metering import InputRead as CaptureRead
    from zoneguard.findings.finding import Finding
    from zoneguard.findings.passage import Passage
    from zoneguard.net.flow import CaptureCoverage, FlowTable
    from zoneguard.policy.model import Policy
    from zoneguard.report.model import Coverage, InputRead, MatrixCell, Report, Summary
    from zoneguard.rules.conversing import Judge
    from zoneguard.rules.evidence import Evidence
    from zoneguard.text import Lang

MOST_LOOKS = 200  # flows that the deep look opens for each question, unless told otherwise

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


def check(
    paths: Sequence[str],
    policy_path: Path | None,
    *,
    lang: Lang,
    fail_on: Severity,
    jobs: int = 1,
    today: str | None,
    generated: int,
    most_memory_mib: int = 256,
    digests: bool = True,
    most_looks: int = MOST_LOOKS,
    search: str = os.defpath,
    baseline: Path | None = None,
    fail_on_new: bool = False,
    progress: Callable[[int, int], None] = lambda octets, packets: None,
    keep: Callable[[Sequence[Input], Sequence[CaptureRead]], None] = lambda inputs, read: None,
) -> Report:
    """Judge captures, exports of firewalls and routers, or both, by a policy.

    `generated` is the time of the report in ns since 1970, `today` (ISO date) what approvals are held
    against; without it the day of `generated` in the policy's time zone. At most `most_looks` flows are opened
    for each question; `search` is the PATH in which tshark is looked for. Findings are held against the stored
    report `baseline`; with `fail_on_new` only what is new there fails the run. `keep` gets the captures as they
    were read, with which their packets can be read again. Raises InputRefusedError when the policy, the baseline or
    every piece of evidence cannot be read.
    """
    from zoneguard.capture.gather import gather
    from zoneguard.capture.metering import meter
    from zoneguard.net.flow import FlowTable
    from zoneguard.policy.domains import overlap_domains
    from zoneguard.policy.load import load_policy
    from zoneguard.policy.zoning import Zoning
    from zoneguard.report.when import day, time_zone
    from zoneguard.rules.catalogue import judge
    from zoneguard.rules.choosing import Chooser
    from zoneguard.rules.conversing import Judge
    from zoneguard.rules.passing import Passages

    policy = load_policy(policy_path or discover_policy())
    earlier = read_earlier(baseline) if baseline is not None else None
    gathered = gather(paths, is_export=lambda path: export_format(path, policy) is not None)
    results = [read_export(path, policy) for path in gathered.exports]
    inputs = _inputs(gathered, policy)
    sensors = ("", *(sensor.id for sensor in policy.sensors))
    names = [str(one.path) if one.path is not None else "-" for one in inputs]
    zoning = Zoning(policy, sensors)
    judged = Judge(policy, zoning, files=names, sensors=sensors)
    passages = Passages(policy, zoning)
    chooser = Chooser(policy, zoning, most=most_looks)

    def take(table: FlowTable) -> None:
        decided = judged.add(table)
        passages.add(decided)
        chooser.add(decided)

    metered = Metered()
    domains = overlap_domains(policy)
    interfaces = {s.interface: i for i, s in enumerate(policy.sensors, 1) if s.interface is not None}
    if inputs:
        metered = meter(
            inputs,
            take,
            jobs=jobs,
            most_memory_mib=most_memory_mib,
            domains=domains,
            digests=digests,
            interfaces=interfaces,
            progress=progress,
        )
        _refuse_if_nothing_was_read(metered)
        keep(inputs, metered.inputs)
    judged.add(FlowTable.empty(), metered.tunnels)
    evidence = replace(
        judged.evidence(
            metered.claims,
            metered.coverage,
            today=today or day(generated, time_zone(policy.timezone)),
            faults=tuple(fault for one in metered.inputs for fault in one.reading.faults),
        ),
        traffic=bool(inputs),
    )
    if (chosen := chooser.chosen()) is not None:
        # Here and not above: a run that opens nothing reads nothing again and loads no dissectors.
        from zoneguard.api.looking import with_looks

        evidence = with_looks(
            evidence,
            chosen,
            judged,
            inputs,
            metered.inputs,
            domains=domains,
            interfaces=interfaces,
            search=search,
        )
    if results:
        evidence = _with_exports(evidence, results)
    findings = judge(evidence)
    return _report(
        policy,
        judged,
        metered,
        results,
        gateways=passages.told() if inputs else (),
        evidence=evidence,
        findings=findings,
        lang=lang,
        fail_on=fail_on,
        fail_on_new=fail_on_new,
        earlier=earlier,
        generated=generated,
    )


def _with_exports(evidence: Evidence, results: Sequence[ExportRead]) -> Evidence:
    # Here and not above: captures alone need neither the parsers nor networkx (0.3 s of a small run).
    from zoneguard.rules.pathing import path_crossings
    from zoneguard.rules.permitting import held_of

    held = held_of(evidence.policy, [one.result for one in results])
    return replace(
        evidence,
        permissions=tuple(one.permission() for one in held),
        path_crossings=tuple(path_crossings(evidence.policy, held)),
    )


def flows(
    paths: Sequence[str],
    policy_path: Path | None = None,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda octets, packets: None,
) -> Iterator[tuple[FlowTable, tuple[NDArray[np.str_], NDArray[np.str_]] | None]]:
    """Give the flow table of captures block by block, with the zones of both ends when a policy is given."""
    import numpy as np

    from zoneguard.capture.gather import gather
    from zoneguard.capture.metering import Input, meter
    from zoneguard.policy.decide import Decider
    from zoneguard.policy.domains import overlap_domains
    from zoneguard.policy.load import load_policy
    from zoneguard.policy.zoning import Zoning

    policy = load_policy(policy_path) if policy_path is not None else None
    gathered = gather(paths)
    inputs = _inputs(gathered, policy) if policy else [Input(path=path) for path in gathered.captures]
    blocks = _streamed(
        lambda emit: meter(
            inputs,
            emit,
            jobs=jobs,
            domains=overlap_domains(policy) if policy else (),
            progress=progress,
        )
    )
    if policy is None:
        yield from ((block, None) for block in blocks)
        return
    zoning = Zoning(policy)
    decider, zone_names = Decider(policy, zoning), np.array(zoning.names)
    for block in blocks:
        decided = decider.decide(block)
        yield decided.table, (zone_names[decided.orig_zone], zone_names[decided.resp_zone])


def _streamed(work: Callable[[Callable[[FlowTable], None]], Metered]) -> Iterator[FlowTable]:
    """Give blocks while they are metered; the meter waits when they are not fetched."""
    from queue import Queue
    from threading import Thread

    blocks: Queue[FlowTable | Metered | BaseException] = Queue(maxsize=4)

    def run() -> None:
        try:
            blocks.put(work(blocks.put))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the reader's thread
            blocks.put(error)

    Thread(target=run, daemon=True).start()
    while True:
        match blocks.get():
            case BaseException() as error:
                raise error
            case Metered() as metered:
                _refuse_if_nothing_was_read(metered)
                return
            case block:
                yield block


def _inputs(gathered: Gathered, policy: Policy) -> list[Input]:
    """Put each capture under the sensor whose file patterns it matches; captures of one sensor stay in order."""
    from zoneguard.capture.metering import Input

    return [Input(path=path, sensor=_sensor_of(path, policy)) for path in gathered.captures]


def _sensor_of(path: Path | None, policy: Policy) -> int:
    if path is None:
        return 0
    for index, sensor in enumerate(policy.sensors, 1):
        if any(fnmatch.fnmatch(path.name, glob) or path.match(glob) for glob in sensor.files):
            return index
    return 0


def _refuse_if_nothing_was_read(metered: Metered) -> None:
    if all(one.reading.refused for one in metered.inputs):
        raise InputRefusedError(*(fault for one in metered.inputs for fault in one.reading.faults))


def _report(
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
    from zoneguard.api.register import register, zones_read
    from zoneguard.policy.undecided import open_points
    from zoneguard.report.model import PolicyRead, Report, Tool
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
    )
    kinds = {"capture"} if metered.inputs else set()
    kinds |= {"export"} if results else set()
    held = compare(findings, earlier, policy=policy, kinds=kinds) if earlier is not None else None
    findings = held.findings if held is not None else findings
    return Report(
        tool=Tool(name="zoneguard", version=__version__),
        generated=generated,
        lang=lang,
        policy=PolicyRead(
            path=policy.path,
            sha256=policy.sha256,
            organization=policy.organization,
            model=policy.model,
            timezone=policy.timezone,
            zones=zones_read(policy),
            to_decide=len(open_points(policy)),
        ),
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


def has_finding(live: Iterable[Finding], fail_on: Severity) -> bool:
    """Tell whether something was found at a severity or above; `live` are findings that nobody waived."""
    return any(fails(one, fail_on, only_new=False) for one in live)


def is_unsure(live: Iterable[Finding]) -> bool:
    """Tell whether something that matters could not be verified."""
    return any(one.verdict is Verdict.UNVERIFIABLE and one.severity is not Severity.INFO for one in live)
