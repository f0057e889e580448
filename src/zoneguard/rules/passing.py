"""What passed through each sanitising gateway: legs seen, data in paired with data out, and what went past it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoneguard.findings.passage import LegSeen, Passage
from zoneguard.net.address import number_of, pair_of
from zoneguard.net.flow import State
from zoneguard.policy.model import Sanitizes
from zoneguard.policy.verdict import DECISIONS, VIOLATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zoneguard.policy.decide import Decided
    from zoneguard.policy.model import Gateway, Network, Policy
    from zoneguard.policy.zoning import Zoning

WINDOW = 300_000_000_000  # ns that a gateway may take over its work
_GROWTH, _SLACK = (
    1.5,
    65_536,
)  # what comes out may be so much larger than what went in: headers, new connections
MOST_FLOWS = 200_000  # of one leg that are held for pairing; beyond, the pairs are a lower bound
_MOST_TRIED = 256  # flows in that one flow out is held against
_VIOLATES = np.array([decision in VIOLATIONS for decision in DECISIONS])


class Passages:
    """Takes judged flows block by block and keeps those that met a gateway."""

    def __init__(self, policy: Policy, zoning: Zoning) -> None:
        self._gateways = [_Met(gateway, policy, zoning) for gateway in policy.gateways]

    def add(self, decided: Decided) -> None:
        """Note what of a block met a gateway, or went past it."""
        if len(decided.table):
            for met in self._gateways:
                met.add(decided)

    def told(self) -> tuple[Passage, ...]:
        """Give what was seen of every gateway, in the policy's order."""
        return tuple(met.told() for met in self._gateways)


class _Met:
    def __init__(self, gateway: Gateway, policy: Policy, zoning: Zoning) -> None:
        self._gateway = gateway
        self._spans = [_spans(networks) for _, networks in gateway.legs]
        self._flows: list[list[NDArray[np.int64]]] = [[] for _ in gateway.legs]
        self._held = [0] * len(gateway.legs)
        self._totals = np.zeros((len(gateway.legs), 3), np.int64)
        self._seen: list[tuple[int, int] | None] = [None] * len(gateway.legs)
        self._sides = [
            np.array([name == zone or _extends(policy, name, zone) for name in zoning.names])
            for zone, _ in gateway.legs
        ]
        self._past = 0

    def add(self, decided: Decided) -> None:
        table = decided.table
        carries = table.state == State.DATA
        for leg, spans in enumerate(self._spans):
            to_leg, from_leg = _within(table.resp_address, spans), _within(table.orig_address, spans)
            rows = np.flatnonzero((to_leg | from_leg) & carries)
            if len(rows):
                into = np.where(to_leg, table.orig_bytes, table.resp_bytes)[rows]
                out = np.where(to_leg, table.resp_bytes, table.orig_bytes)[rows]
                # Mail goes the way its connection was opened, however little it is; files and pictures either way.
                brings = from_leg[rows] if self._gateway.sanitizes is Sanitizes.MAIL else out > into
                self._note(
                    leg, np.stack([table.first_seen[rows], table.last_seen[rows], into, out, brings], axis=1)
                )
        self._past += sum(
            int(
                (
                    carries & _VIOLATES[decided.decision] & one[decided.orig_zone] & other[decided.resp_zone]
                ).sum()
            )
            for at, one in enumerate(self._sides)
            for beside, other in enumerate(self._sides)
            if at != beside
        )

    def _note(self, leg: int, met: NDArray[np.int64]) -> None:
        """Keep flows that met a leg: first and last seen, octets in and out, whether data came out of it."""
        first, last = int(met[:, 0].min()), int(met[:, 1].max())
        self._totals[leg] += (len(met), met[:, 2].sum(), met[:, 3].sum())
        begin, end = self._seen[leg] or (first, last)
        self._seen[leg] = min(begin, first), max(end, last)
        room = MOST_FLOWS - self._held[leg]
        if room > 0:
            self._flows[leg].append(met[:room])
            self._held[leg] += len(self._flows[leg][-1])

    def told(self) -> Passage:
        flows = [np.concatenate(parts) if parts else np.zeros((0, 5), np.int64) for parts in self._flows]
        carried = paired = 0
        for leg, met in enumerate(flows):
            others = [one for at, one in enumerate(flows) if at != leg]
            outward = met[met[:, 4] == 1]
            inward = np.concatenate(others) if others else met[:0]
            carried += len(outward)
            paired += _pairs(inward[inward[:, 4] == 0], outward)
        return Passage(
            gateway=self._gateway.id,
            sanitizes=self._gateway.sanitizes.value,
            legs=tuple(
                LegSeen(
                    zone=zone,
                    flows=int(self._totals[leg, 0]),
                    bytes_in=int(self._totals[leg, 1]),
                    bytes_out=int(self._totals[leg, 2]),
                    first_seen=seen[0] if (seen := self._seen[leg]) else None,
                    last_seen=seen[1] if seen else None,
                )
                for leg, (zone, _) in enumerate(self._gateway.legs)
            ),
            carried=carried,
            paired=paired,
            past=self._past,
            whole=all(
                held == total for held, total in zip(self._held, self._totals[:, 0].tolist(), strict=True)
            ),
        )


def _pairs(inward: NDArray[np.int64], outward: NDArray[np.int64]) -> int:
    """Count the flows out that follow, or run beside, a flow in of about their volume; each flow in serves one."""
    waiting: list[tuple[int, int]] = []  # (last seen, octets) of flows in, by their beginning
    arrivals = inward[np.argsort(inward[:, 0], kind="stable")].tolist()
    at = paired = 0
    for first, last, _, octets, _ in outward[np.argsort(outward[:, 0], kind="stable")].tolist():
        while at < len(arrivals) and arrivals[at][0] <= last:
            waiting.append((arrivals[at][1], arrivals[at][2]))
            at += 1
        waiting = [one for one in waiting if one[0] + WINDOW >= first]
        for place, (_, came) in enumerate(waiting[:_MOST_TRIED]):
            if octets <= _GROWTH * came + _SLACK:
                del waiting[place]
                paired += 1
                break
    return paired


def _extends(policy: Policy, name: str, zone: str) -> bool:
    found = policy.zone(name)
    return found is not None and found.extends == zone


def _spans(networks: Sequence[Network]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return [
        (pair_of(number_of(network.network_address)), pair_of(number_of(network.broadcast_address)))
        for network in networks
    ]


def _within(
    addresses: NDArray[np.uint64], spans: Sequence[tuple[tuple[int, int], tuple[int, int]]]
) -> NDArray[np.bool_]:
    high, low = addresses[:, 0], addresses[:, 1]
    inside = np.zeros(len(addresses), np.bool_)
    for first, last in spans:
        from_first = (high > first[0]) | ((high == first[0]) & (low >= first[1]))
        to_last = (high < last[0]) | ((high == last[0]) & (low <= last[1]))
        inside |= from_first & to_last
    return inside
