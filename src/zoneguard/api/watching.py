"""A judgement that goes on: flows come in as they end, and findings are asked for as often as wanted."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np

from zoneguard.net.flow import CaptureCoverage, FlowTable
from zoneguard.policy.model import Service
from zoneguard.policy.services import format_service
from zoneguard.policy.zoning import Zoning
from zoneguard.report.when import day, time_zone
from zoneguard.rules.catalogue import judge
from zoneguard.rules.choosing import Chooser, carrying
from zoneguard.rules.conversing import Judge
from zoneguard.store.records import FlowDay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from zoneguard.findings.finding import Finding
    from zoneguard.net.flow import Claim, TunnelEnds
    from zoneguard.policy.decide import Decided
    from zoneguard.policy.model import Policy
    from zoneguard.rules.choosing import Chosen
    from zoneguard.rules.evidence import Evidence
    from zoneguard.text import Text

MOST_SERVICES = 20_000  # combinations of day, zones and service that are summed apart; beyond, as "other"
OTHER = "other"
_DAY = 86_400 * 1_000_000_000


class Watch:
    """Judges flows cumulatively, from one begin on; memory is bounded as that of a Judge, and never grows with flows.

    `files` are the names that the numbers in flow tables stand for; the list may grow while the watch goes on.
    At most `most_looks` flows are opened for each question; 0: none.
    """

    def __init__(self, policy: Policy, *, files: Sequence[str], most_looks: int = 0) -> None:
        self.sensors = ("", *(sensor.id for sensor in policy.sensors))
        zoning = Zoning(policy, self.sensors)
        self._names = np.array(zoning.names)
        self._judge = Judge(policy, zoning, files=files, sensors=self.sensors)
        self._opens = most_looks > 0
        self._chooser = Chooser(policy, zoning, most=most_looks)
        self._zone = time_zone(policy.timezone)
        self._sums: dict[tuple[str, str, str, str], NDArray[np.int64]] = {}
        self._changed: set[tuple[str, str, str, str]] = set()  # of them, since they were asked for

    def add(self, table: FlowTable) -> tuple[FlowTable, NDArray[np.str_], NDArray[np.str_]]:
        """Judge flows that have ended; give them with their opener first, and the zones of both ends."""
        decided = self._judge.add(table)
        self._choose(self._chooser, decided)
        self._sum(decided)
        return decided.table, self._names[decided.orig_zone], self._names[decided.resp_zone]

    def findings(
        self,
        live: Iterable[FlowTable],
        tunnels: Iterable[TunnelEnds],
        claims: Iterable[Claim],
        coverage: CaptureCoverage,
        *,
        now: int,
        faults: tuple[Text, ...] = (),
        opening: Callable[[Evidence, Chosen, Judge], Evidence] | None = None,
    ) -> tuple[Finding, ...]:
        """Judge everything so far, and the flows that still live as they stand; `now` (ns) dates the approvals.

        `opening` gives the evidence with what the chosen flows show.
        """
        self._judge.add(FlowTable.empty(), tunnels)
        fork, chooser = self._judge.fork(), self._chooser.fork()
        for table in live:
            self._choose(chooser, fork.add(table))
        evidence = fork.evidence(claims, coverage, today=day(now, self._zone), faults=faults)
        if opening is not None and (chosen := chooser.chosen()) is not None:
            evidence = opening(evidence, chosen, fork)
        return judge(evidence)

    def files_in_use(self) -> set[int]:
        """Give the numbers of the files that conversations, and flows that may be opened, are found in."""
        return self._judge.files_in_use() | self._chooser.files_in_use()

    def flow_days(self) -> tuple[FlowDay, ...]:
        """Give what ended flows add up to so far, by day, zones and service: of sums that changed since the last time."""
        changed, self._changed = self._changed, set()
        return tuple(
            FlowDay(
                day=key[0],
                orig_zone=key[1],
                resp_zone=key[2],
                service=key[3],
                flows=int(sums[0]),
                packets=int(sums[1]),
                bytes=int(sums[2]),
                violations=int(sums[3]),
            )
            for key in sorted(changed)
            for sums in [self._sums[key]]
        )

    def _choose(self, chooser: Chooser, decided: Decided) -> None:
        if self._opens:
            chooser.add(carrying(decided))

    def _sum(self, decided: Decided) -> None:
        table = decided.table
        if not len(table):
            return
        # Days are told apart by the quarter of an hour, on which every time zone's day begins.
        quarter = table.first_seen // (_DAY // 96)
        key = np.stack(
            [quarter, decided.orig_zone, decided.resp_zone, table.protocol, table.resp_port], axis=1
        )
        distinct, inverse = np.unique(key.astype(np.int64), axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        sums = np.zeros((len(distinct), 4), np.int64)
        counted = (
            np.ones(len(table), np.int64),
            table.orig_packets + table.resp_packets,
            table.orig_bytes + table.resp_bytes,
            decided.violates.astype(np.int64),
        )
        for at, values in enumerate(counted):
            np.add.at(sums[:, at], inverse, values)
        for (quarter_of, orig, resp, protocol, port), added in zip(distinct.tolist(), sums, strict=True):
            date = day(quarter_of * (_DAY // 96), self._zone)
            service = format_service(Service(protocol=protocol, ports=(port, port)))
            whole = (date, str(self._names[orig]), str(self._names[resp]), service)
            if whole not in self._sums and len(self._sums) >= MOST_SERVICES:
                whole = (*whole[:3], OTHER)
            self._sums[whole] = self._sums.get(whole, np.zeros(4, np.int64)) + added
            self._changed.add(whole)


def since(now: CaptureCoverage, before: CaptureCoverage, *, dropped: int = 0) -> CaptureCoverage:
    """Give what was covered since an earlier count of the same meter; `dropped` is what the system lost meanwhile."""
    numbers = {
        one.name: getattr(now, one.name) - getattr(before, one.name)
        for one in fields(now)
        if one.name != "not_decoded"
    }
    missed = Counter(now.not_decoded)
    missed.subtract(before.not_decoded)
    made = CaptureCoverage(
        **numbers, not_decoded={reason: count for reason, count in missed.items() if count}
    )
    return replace(made, dropped=made.dropped + dropped)
