"""The snapshot of a sensor brought up to date: from what is at hand, and from what the store knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard.sensor.counts import Counts, FindingCount, InterfaceCounts, SpoolCounts

DAY = 86_400 * 1_000_000_000  # a success that is longer ago is not told

if TYPE_CHECKING:
    from zoneguard.findings.finding import Severity
    from zoneguard.sensor.config import Config
    from zoneguard.sensor.hearing import Hearing
    from zoneguard.sensor.memory import Memory
    from zoneguard.sensor.state import State


def at_hand(counts: Counts, hearing: Hearing, memory: Memory, state: State) -> Counts:
    """Bring up to date what costs nothing to ask."""
    interfaces = dict(counts.interfaces)
    for name, (packets, octets) in hearing.received().items():
        interfaces[name] = replace(interfaces.get(name, InterfaceCounts()), packets=packets, bytes=octets)
    rows, room = hearing.rows()
    found: Counter[tuple[str, Severity, str, str]] = Counter(
        (one.rule, one.severity, one.orig.zone if one.orig else "", one.resp.zone if one.resp else "")
        for one in memory.open_findings()
    )
    return replace(
        counts,
        interfaces=interfaces,
        table_rows=rows,
        table_room=room,
        findings=tuple(
            FindingCount(rule=rule, severity=severity, orig=orig, resp=resp, number=number)
            for (rule, severity, orig, resp), number in sorted(found.items())
        ),
        policy_refused=bool(state.refused),
        disk_low=state.disk_low,
    )


def from_store(counts: Counts, config: Config, memory: Memory, *, now: int) -> Counts:
    """Bring up to date what waits for the outputs; `now` is ns since 1970. Raises StoreUnavailableError."""
    spools = {output.name: SpoolCounts() for output in config.outputs}
    for depth in memory.store.spool(config.name):
        if depth.sink in spools:
            spools[depth.sink] = SpoolCounts(
                waiting=depth.waiting,
                oldest=depth.oldest,
                delivered=depth.delivered,
                last_success=max(memory.store.sent(config.name, depth.sink, since=now - DAY), default=None),
                failing=depth.error,
            )
    return replace(counts, spools=spools)
