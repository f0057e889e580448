"""The use cases, in reading order: judge captures by a policy, and show the flow table itself."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard.api.accounting import read_earlier
from zoneguard.api.exports import ExportRead, discover_policy, export_format, read_export
from zoneguard.api.reporting import report_of
from zoneguard.capture.metering import Metered
from zoneguard.dissect.record import MOST_LOOKS
from zoneguard.errors import InputRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from zoneguard.capture.gather import Gathered
    from zoneguard.capture.metering import Input
    from zoneguard.capture.metering import InputRead as CaptureRead
    from zoneguard.findings.finding import Severity
    from zoneguard.net.flow import FlowTable
    from zoneguard.policy.model import Policy
    from zoneguard.report.model import Report
    from zoneguard.rules.evidence import Evidence
    from zoneguard.text import Lang


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
    from zoneguard.rules.choosing import Chooser, carrying
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
        carried = carrying(judged.add(table))
        passages.add(carried)
        chooser.add(carried)

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
        from zoneguard.api.looking import Looking, Sources

        sources = Sources(
            inputs=inputs,
            read=metered.inputs,
            numbers=range(len(inputs)),
            domains=domains,
            interfaces=interfaces,
        )
        evidence = Looking(search).into(evidence, chosen, judged, sources)
    if results:
        evidence = _with_exports(evidence, results)
    findings = judge(evidence)
    return report_of(
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
    # Here and not above: captures alone need neither the parsers nor the engine of permissions.
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
