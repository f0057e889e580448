"""Verdicts for whole flow tables: one reading of the policy for each kind of flow, not for each flow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from zoneguard.net.address import address_at
from zoneguard.net.flow import Opener, State, swap
from zoneguard.policy.orient import PORT_PROTOCOLS, DeclaredServices, openers
from zoneguard.policy.verdict import DECISIONS, VIOLATIONS, Decision, Packet, verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoneguard.net.flow import FlowTable
    from zoneguard.policy.model import Policy, Service
    from zoneguard.policy.zoning import Zoning

_NO_FLOW = -1
_IS_VIOLATION = np.array([decision in VIOLATIONS for decision in DECISIONS])
_NOISE = DECISIONS.index(Decision.NOISE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Flows, turned so that `orig` opened, and what the policy says of each.

    Zones are indices into `Zoning.names`; an end of link scope has the zone whose layer-2 domain it was
    seen in. `decision` is an index into DECISIONS, `flow` into `Policy.flows` (-1: none).
    """

    table: FlowTable
    orig_zone: NDArray[np.int16]
    resp_zone: NDArray[np.int16]
    decision: NDArray[np.uint8]
    flow: NDArray[np.int32]
    certain: NDArray[np.bool_]

    @property
    def violates(self) -> NDArray[np.bool_]:
        """Mark the flows that break the policy."""
        marked: NDArray[np.bool_] = _IS_VIOLATION[self.decision]
        return marked


@dataclass(frozen=True, slots=True)
class _Ends:
    """One side of every flow: its place (what the policy can tell of its address) and its zone."""

    place: NDArray[np.int32]
    zone: NDArray[np.int16]
    vlan: NDArray[np.uint16]


class Decider:
    """A policy and its zoning, ready for tables.

    The policy can tell addresses apart only by the networks it names, and ports only by its services: flows
    alike in these are one kind, and each kind is put to `verdict` once.
    """

    def __init__(self, policy: Policy, zoning: Zoning) -> None:
        self._policy = policy
        self._zoning = zoning
        self._services = DeclaredServices(policy, zoning)
        self._flow_index = {flow.id: at for at, flow in enumerate(policy.flows)}
        self._place_of, self._addresses = _places(policy, zoning)
        self._cuts = _port_cuts(policy)
        self._known: dict[int, tuple[int, int]] = {}
        self._strict = _without_noise(policy)

    def decide(self, table: FlowTable) -> Decided:
        """Judge every flow of a table, after telling who opened it."""
        orig, resp = self._ends(table)
        opener, turn = openers(table, self._services, orig.zone, resp.zone)
        table = table.replace(opener=opener)
        if turn.any():
            table = swap(table, turn)
            orig, resp = _exchanged(orig, resp, turn)
        decision, flow = self._judge(table.protocol, table.resp_port, table.state, orig, resp)
        certain = self._certain(table, orig, resp, decision)
        return Decided(
            table=table,
            orig_zone=self._domain(table, orig),
            resp_zone=self._domain(table, resp),
            decision=decision,
            flow=flow,
            certain=certain,
        )

    def _ends(self, table: FlowTable) -> tuple[_Ends, _Ends]:
        """Find both sides; who never spoke has the VLAN in which it was last spoken to."""
        towards = np.where(table.copies > 0, table.copy_vlan, 0)
        orig_vlan = np.where(
            table.orig_packets > 0, table.orig_vlan, np.where(towards, towards, table.resp_vlan)
        )
        resp_vlan = np.where(
            table.resp_packets > 0, table.resp_vlan, np.where(towards, towards, table.orig_vlan)
        )
        sides = []
        for address, vlan in ((table.orig_address, orig_vlan), (table.resp_address, resp_vlan)):
            cells = self._zoning.intervals.cells(address[:, 0], address[:, 1])
            zone = self._zoning.zones_at(cells, vlan, table.sensor)
            sides.append(_Ends(self._place_of[cells], zone, vlan))
        return sides[0], sides[1]

    def _judge(
        self,
        protocol: NDArray[np.uint8],
        port: NDArray[np.uint16],
        state: NDArray[np.uint8],
        orig: _Ends,
        resp: _Ends,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        kinds = self._kinds(protocol, port, orig, resp)
        unique = np.unique(kinds)
        told = np.array([self._rule(kind) for kind in unique.tolist()], np.int32).reshape(-1, 2)
        at = np.searchsorted(unique, kinds)
        decision = told[at, 0].astype(np.uint8)
        flow = told[at, 1]
        self._wake_answered(state, kinds, decision, flow)
        return decision, flow

    def _wake_answered(
        self,
        state: NDArray[np.uint8],
        kinds: NDArray[np.int64],
        decision: NDArray[np.uint8],
        flow: NDArray[np.int32],
    ) -> None:
        """Judge noise that was answered as if the policy did not know it: it was not denied."""
        rows = np.flatnonzero((decision == _NOISE) & (state > State.ATTEMPT))
        if self._strict is None or not len(rows):
            return
        for kind in np.unique(kinds[rows]).tolist():
            here = rows[kinds[rows] == kind]
            ruling = verdict(self._strict, self._packet(kind))
            decision[here] = DECISIONS.index(ruling.decision)
            flow[here] = self._flow_index.get(ruling.flow or "", _NO_FLOW)

    def _kinds(
        self, protocol: NDArray[np.uint8], port: NDArray[np.uint16], orig: _Ends, resp: _Ends
    ) -> NDArray[np.int64]:
        stretch = np.searchsorted(self._cuts, port, side="right") - 1
        kind = orig.place.astype(np.int64)
        for column, size in (
            (resp.place, len(self._addresses)),
            (orig.zone, len(self._zoning.names)),
            (resp.zone, len(self._zoning.names)),
            (protocol, 256),
            (stretch, len(self._cuts)),
        ):
            kind *= size
            kind += column
        return kind

    def _rule(self, kind: int) -> tuple[int, int]:
        if kind not in self._known:
            ruling = verdict(self._policy, self._packet(kind))
            self._known[kind] = (
                DECISIONS.index(ruling.decision),
                self._flow_index.get(ruling.flow or "", _NO_FLOW),
            )
        return self._known[kind]

    def _packet(self, kind: int) -> Packet:
        """Give a packet of a kind."""
        kind, port = divmod(kind, len(self._cuts))
        kind, protocol = divmod(kind, 256)
        kind, resp_zone = divmod(kind, len(self._zoning.names))
        kind, orig_zone = divmod(kind, len(self._zoning.names))
        orig, resp = divmod(kind, len(self._addresses))
        return Packet(
            orig=address_at(self._addresses[orig]),
            resp=address_at(self._addresses[resp]),
            orig_zone=self._zoning.names[orig_zone],
            resp_zone=self._zoning.names[resp_zone],
            protocol=protocol,
            port=int(self._cuts[port]),
        )

    def _certain(
        self, table: FlowTable, orig: _Ends, resp: _Ends, decision: NDArray[np.uint8]
    ) -> NDArray[np.bool_]:
        """Tell flows whose opener is sure, or that would be a violation either way, or neither way."""
        certain = table.opener <= Opener.DECLARED
        unsure = np.flatnonzero(~certain)
        if len(unsure):
            # Only where there are ports does the service change sides with the opener.
            has_ports = np.isin(table.protocol[unsure], PORT_PROTOCOLS)
            turned, _ = self._judge(
                table.protocol[unsure],
                np.where(has_ports, table.orig_port[unsure], table.resp_port[unsure]),
                table.state[unsure],
                _taken(resp, unsure),
                _taken(orig, unsure),
            )
            certain[unsure] = _IS_VIOLATION[decision[unsure]] == _IS_VIOLATION[turned]
        return certain

    def _domain(self, table: FlowTable, end: _Ends) -> NDArray[np.int16]:
        rows = np.flatnonzero(end.zone == self._zoning.link_scope)
        if not len(rows):
            return end.zone
        zone = end.zone.copy()
        zone[rows] = self._zoning.domains_of(end.vlan[rows], table.sensor[rows])
        return zone


def _exchanged(orig: _Ends, resp: _Ends, turn: NDArray[np.bool_]) -> tuple[_Ends, _Ends]:
    pairs = ((orig.place, resp.place), (orig.zone, resp.zone), (orig.vlan, resp.vlan))
    first, second = zip(*((np.where(turn, b, a), np.where(turn, a, b)) for a, b in pairs), strict=True)
    return _Ends(*first), _Ends(*second)


def _taken(end: _Ends, rows: NDArray[np.intp]) -> _Ends:
    return _Ends(end.place[rows], end.zone[rows], end.vlan[rows])


def _places(policy: Policy, zoning: Zoning) -> tuple[NDArray[np.int32], list[int]]:
    """Give cells that the same networks hold one number, and each number an address."""
    networks = {
        network
        for group in (
            *(end.networks for flow in policy.flows for end in (flow.source, flow.destination)),
            *(networks for gateway in policy.gateways for _, networks in gateway.legs),
            *(noise.networks for noise in policy.noise),
        )
        for network in group
    }
    ends = {
        segment.network.broadcast_address
        for zone in policy.zones
        for segment in zone.segments
        if segment.network.version == 4 and segment.network.prefixlen <= 30
    }
    places: dict[tuple[object, ...], int] = {}
    place_of, addresses = np.zeros(len(zoning.intervals), np.int32), []
    for cell, start in enumerate(zoning.intervals.starts):
        address = address_at(start)
        held = frozenset(network for network in networks if address in network)
        kind = (held, address in ends, zoning.zone_of(address) == zoning.names[zoning.link_scope])
        if kind not in places:
            places[kind] = len(places)
            addresses.append(start)
        place_of[cell] = places[kind]
    return place_of, addresses


def _port_cuts(policy: Policy) -> NDArray[np.uint16]:
    groups: list[tuple[Service, ...]] = [
        *(flow.services for flow in policy.flows),
        *(noise.services for noise in policy.noise),
    ]
    ports = [service.ports for services in groups for service in services]
    cuts = {0, *(first for first, _ in ports), *(last + 1 for _, last in ports)}
    return np.array(sorted(cut for cut in cuts if cut <= 65535), np.uint16)


def _without_noise(policy: Policy) -> Policy | None:
    """Give the policy without its noise; None when it has none."""
    return replace(policy, noise=()) if policy.noise else None
