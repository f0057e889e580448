"""The judge: blocks of finished flows in, evidence for the rules out, memory bounded by what is telling."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoneguard.findings.finding import PacketLocator
from zoneguard.net.address import address_at, address_text, is_link_scope, number_at
from zoneguard.net.flow import Blocked, Opener, Payload, State
from zoneguard.net.mixing import mix
from zoneguard.policy.decide import Decider
from zoneguard.policy.model import FlowKind, Service
from zoneguard.policy.services import NAMES, format_service
from zoneguard.policy.verdict import DECISIONS, Decision
from zoneguard.rules.evidence import Conversation, End, Evidence, TunnelSeen, ZonedClaim
from zoneguard.rules.grouping import (
    EXAMPLE,
    FIRST,
    KEYS,
    SUMS,
    Columns,
    collapse,
    gather,
    line_of,
)
from zoneguard.rules.members import ORIG_WILD, RESP_WILD, SERVICE_WILD, Count, Members
from zoneguard.rules.sight import TUNNEL_OPENINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from zoneguard.net.flow import CaptureCoverage, Claim, FlowTable, TunnelEnds
    from zoneguard.policy.decide import Decided
    from zoneguard.policy.model import Policy
    from zoneguard.policy.zoning import Zoning
    from zoneguard.text import Text

_CODE = {decision: code for code, decision in enumerate(DECISIONS)}

# Tunnels that cannot be opened, or that somebody must have registered (ZG-F01).
_TUNNEL_PROTOCOLS = (4, 41, 47, 50, 51, 97)
_TUNNEL_PORTS = ((17, (500, 1194, 1701, 2152, 3544, 4500, 4789, 6081, 8472, 51820)), (6, (1194, 1723)))
_ROUTING_PROTOCOLS = (88, 89, 103, 112)
# Names, time, proxies, routing and administration: telling inside a zone too (families E and G).
_TELLING_PORTS = (
    *(21, 22, 23, 53, 67, 68, 69, 88, 123, 135, 139, 161, 162, 389, 445, 514, 520, 547, 623, 636, 853),
    *(1080, 1985, 3128, 3268, 3269, 5985, 5986, 8080),
)
_TELLING_PAYLOADS = tuple(TUNNEL_OPENINGS)
_SETTLE_AT = 32_768  # pending rows before they are gathered
_MOST_UNKNOWN = 100_000  # unknown addresses that are counted one by one
_ONE = Count(1, more=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """What was observed from one zone to another."""

    orig_zone: str
    resp_zone: str
    flows: int
    packets: int
    bytes: int
    violations: int


class Judge:
    """Takes flows block by block, keeps what a rule may ask for.

    `files` and `sensors` are the names that the numbers in flow tables stand for; sensor 0 is "".
    Memory is bounded by what is told one by one (grouping.MOST_IN_ALL) and remembered to be counted once
    (members.MOST_MEMBERS); it never grows with flows.
    """

    def __init__(
        self, policy: Policy, zoning: Zoning, *, files: Sequence[str], sensors: Sequence[str]
    ) -> None:
        self._policy, self._zoning = policy, zoning
        self._files, self._sensors = files, sensors
        self._decider = Decider(policy, zoning)
        self._bound_flows = [
            at
            for at, flow in enumerate(policy.flows)
            if flow.kind is FlowKind.TOKUTEI or flow.source.macs or flow.destination.macs
        ]
        # An IPv6 address in no declared zone may well speak in the VLAN of one that is IPv4-only.
        self._ipv4_only = np.array(
            [not zone.ipv6 for zone in policy.zones] + [True] * (len(zoning.names) - len(policy.zones))
        )
        self._pending: list[Columns] = []
        self._pending_rows = 0
        self._members = Members()
        self._tunnels: dict[int, TunnelEnds] = {}
        self._matrix = np.zeros((4, len(zoning.names) ** 2), np.int64)
        self._allowed_seen: dict[str, tuple[int, int]] = {}
        self._window: tuple[int, int] | None = None
        self._answered_tcp = self._one_sided_tcp = 0
        self._unknown: set[tuple[int, int]] = set()

    def add(self, table: FlowTable, tunnels: Iterable[TunnelEnds] = ()) -> Decided:
        """Judge a block of finished flows, with the tunnels that were opened in it; give what was decided of each."""
        self._tunnels.update((tunnel.identity, tunnel) for tunnel in tunnels)
        decided = self._decider.decide(table)
        if not len(table):
            return decided
        self._count(decided)
        telling = np.flatnonzero(self._is_telling(decided))
        for start in range(0, len(telling), _SETTLE_AT):
            rows = telling[start : start + _SETTLE_AT]
            self._pending.append(_columns_of(decided, rows))
            self._pending_rows += len(rows)
            if self._pending_rows > _SETTLE_AT:
                self._settle()
        return decided

    def files_in_use(self) -> set[int]:
        """Give the numbers of the files that conversations are found in."""
        return {number for columns in self._pending for number in np.unique(columns["file"]).tolist()}

    def fork(self) -> Judge:
        """Give a judge that knows the same and may be told what is not final yet, without this one learning of it."""
        made = copy(self)
        vars(made).update(
            _pending=list(self._pending),
            _members=self._members.copy(),
            _tunnels=dict(self._tunnels),
            _matrix=self._matrix.copy(),
            _allowed_seen=dict(self._allowed_seen),
            _unknown=set(self._unknown),
        )
        return made

    def matrix(self) -> tuple[MatrixCell, ...]:
        """Give the traffic between each pair of zones that met, in the policy's order."""
        size = len(self._zoning.names)
        return tuple(
            MatrixCell(
                orig_zone=self._zoning.names[at // size],
                resp_zone=self._zoning.names[at % size],
                flows=int(self._matrix[0, at]),
                packets=int(self._matrix[1, at]),
                bytes=int(self._matrix[2, at]),
                violations=int(self._matrix[3, at]),
            )
            for at in np.flatnonzero(self._matrix[0]).tolist()
        )

    def unknown_endpoints(self, *, most: int = 100) -> tuple[int, tuple[str, ...]]:
        """Count the addresses that lie in no zone (at most 100,000) and name the lowest of them."""
        lowest = sorted(self._unknown)[:most]
        return len(self._unknown), tuple(address_text(pair) for pair in lowest)

    def evidence(
        self,
        claims: Iterable[Claim],
        coverage: CaptureCoverage,
        *,
        today: str,
        faults: tuple[Text, ...] = (),
    ) -> Evidence:
        """Give everything gathered so far, in an order that depends on the traffic alone."""
        self._settle()
        zoned = tuple(self._zoned(claim) for claim in claims)
        times = [time for claim in zoned for time in (claim.first_seen, claim.last_seen)]
        times.extend(self._window or ())
        return Evidence(
            policy=self._policy,
            conversations=tuple(self._conversations()),
            claims=zoned,
            coverage=coverage,
            zones_observed=self._zones_observed(),
            allowed_seen=dict(self._allowed_seen),
            window=(min(times), max(times)) if times else None,
            today=today,
            one_sided_share=self._one_sided_tcp / self._answered_tcp if self._answered_tcp else 0.0,
            faults=faults,
        )

    def conversations_of(self, decided: Decided) -> tuple[Conversation, ...]:
        """Give each judged flow as a conversation of its own."""
        columns = _columns_of(decided, np.arange(len(decided.table)))
        names = tuple(columns)
        single = dict.fromkeys((ORIG_WILD, RESP_WILD, SERVICE_WILD), _ONE)
        return tuple(
            self._conversation(dict(zip(names, values, strict=True)), single)
            for values in zip(*(columns[name].tolist() for name in names), strict=True)
        )

    def _count(self, decided: Decided) -> None:
        table, size = decided.table, len(self._zoning.names)
        pair = decided.orig_zone.astype(np.int64) * size + decided.resp_zone
        self._matrix[0] += np.bincount(pair, minlength=size * size)
        for at, counted in (
            (1, table.orig_packets + table.resp_packets),
            (2, table.orig_bytes + table.resp_bytes),
            (3, decided.violates),
        ):
            self._matrix[at] += np.bincount(pair, counted, size * size).astype(np.int64)
        self._window = _spanned(self._window, table.first_seen.min(), table.last_seen.max())
        for at in np.unique(decided.flow[decided.flow >= 0]).tolist():
            rows = (decided.flow == at) & (decided.decision <= _CODE[Decision.ALLOWED])
            if rows.any():
                flow = self._policy.flows[at].id
                span = table.first_seen[rows].min(), table.last_seen[rows].max()
                self._allowed_seen[flow] = _spanned(self._allowed_seen.get(flow), *span)
        answered = (table.protocol == 6) & (table.state >= State.ESTABLISHED)
        self._answered_tcp += int(answered.sum())
        one_sided = answered & ((table.orig_packets == 0) | (table.resp_packets == 0))
        self._one_sided_tcp += int(one_sided.sum())
        self._note_unknown(decided)

    def _note_unknown(self, decided: Decided) -> None:
        table = decided.table
        for zone, address in (
            (decided.orig_zone, table.orig_address),
            (decided.resp_zone, table.resp_address),
        ):
            rows = np.flatnonzero(
                (zone == self._zoning.unknown) & (decided.decision == _CODE[Decision.UNKNOWN])
            )
            room = _MOST_UNKNOWN - len(self._unknown)
            if len(rows) and room > 0:
                _, once = np.unique(mix((address[rows, 0], address[rows, 1]), len(rows)), return_index=True)
                pairs = address[rows[np.sort(once)[:_MOST_UNKNOWN]]].tolist()
                fresh = [(high, low) for high, low in pairs if (high, low) not in self._unknown]
                self._unknown.update(fresh[:room])

    def _is_telling(self, decided: Decided) -> NDArray[np.bool_]:
        """Mark the flows that a rule may ask for: all but ordinary traffic within a zone."""
        table = decided.table
        telling: NDArray[np.bool_] = (decided.decision != _CODE[Decision.WITHIN]) | (table.tunnel != 0)
        rows = np.flatnonzero(~telling)
        if not len(rows):
            return telling
        protocol, port = table.protocol[rows], table.resp_port[rows]
        told = np.isin(protocol, (*_TUNNEL_PROTOCOLS, *_ROUTING_PROTOCOLS))
        told |= np.isin(port, _TELLING_PORTS) & np.isin(protocol, (6, 17))
        for number, ports in _TUNNEL_PORTS:
            told |= (protocol == number) & np.isin(port, ports)
        told |= np.isin(table.orig_payload[rows], _TELLING_PAYLOADS)
        address = table.orig_address[rows]
        is_v6 = (address[:, 0] != 0) | (address[:, 1] >> np.uint64(32) != 0xFFFF)
        told |= is_v6 & self._ipv4_only[decided.orig_zone[rows]]
        telling[rows] = told
        return telling

    def _settle(self) -> None:
        """Gather what is pending into as few rows as tell the same."""
        if self._pending:
            joined = {
                name: np.concatenate([columns[name] for columns in self._pending])
                for name in self._pending[0]
            }
            gathered = collapse(gather(joined), self._members, self._bound_flows)
            self._pending = [gathered]
            self._pending_rows = len(gathered["wild"])

    def _zones_observed(self) -> frozenset[str]:
        size, declared = len(self._zoning.names), len(self._policy.zones)
        met = self._matrix[0].reshape(size, size)
        return frozenset(
            self._zoning.names[zone] for zone in range(declared) if met[zone].any() or met[:, zone].any()
        )

    def _zoned(self, claim: Claim) -> ZonedClaim:
        sensor = self._sensors[claim.sensor] if claim.sensor < len(self._sensors) else ""
        number = number_at(claim.address)
        address = address_at(number) if number else None
        bound = address is not None and not is_link_scope(number)
        return ZonedClaim(
            kind=claim.kind,
            mac=claim.mac,
            address=str(address) if address else None,
            zone=self._zoning.zone_of(address, claim.vlan, sensor) if address and bound else None,
            vlan=claim.vlan,
            vlan_zones=self._zoning.zones_of_vlan(claim.vlan),
            sensor=sensor or None,
            first_seen=claim.first_seen,
            last_seen=claim.last_seen,
            count=claim.count,
            locator=PacketLocator(file=self._files[claim.file], frame=claim.frame, time=claim.first_seen),
        )

    def _conversations(self) -> Iterable[Conversation]:
        if not self._pending:
            return
        columns = self._pending[0]
        counts = {wild: self._members.counts(wild) for wild in (ORIG_WILD, RESP_WILD, SERVICE_WILD)}
        lines = line_of(columns)
        order = np.lexsort(
            [
                *(columns[name] for name in reversed(KEYS)),
                columns["frame"],
                columns["file"],
                columns["first_seen"],
            ]
        )
        names = tuple(columns)
        whole = zip(lines[order].tolist(), *(columns[name][order].tolist() for name in names), strict=True)
        for line, *values in whole:
            row = dict(zip(names, values, strict=True))
            number = {wild: counts[wild].get(line, _ONE) if row["wild"] & wild else _ONE for wild in counts}
            yield self._conversation(row, number)

    def _conversation(self, row: dict[str, Any], number: dict[int, Count]) -> Conversation:
        many_services = number[SERVICE_WILD].number > 1
        protocol = row["first_protocol"]
        port = 0 if many_services else row["first_port"]
        service = (
            NAMES.get(protocol, f"ip/{protocol}")
            if many_services
            else format_service(Service(protocol=protocol, ports=(port, port)))
        )
        return Conversation(
            orig=End(
                zone=self._zoning.names[row["orig_zone"]],
                address=_address(row, "orig", number[ORIG_WILD]),
                mac=row["orig_mac"] if number[ORIG_WILD].number > 1 else row["first_orig_mac"],
                next_hop=row["first_next_hop"],
                vlan=row["first_vlan"],
            ),
            resp=End(
                zone=self._zoning.names[row["resp_zone"]],
                address=_address(row, "resp", number[RESP_WILD]),
                mac=row["resp_mac"],
                next_hop=row["resp_next_hop"],
                vlan=row["resp_vlan"],
            ),
            protocol=protocol,
            service=service,
            port=port,
            decision=DECISIONS[row["decision"]],
            allowed_by=self._policy.flows[row["flow"]].id if row["flow"] >= 0 else None,
            certain=bool(row["certain"]),
            opener=Opener(row["opener"]),
            state=State(row["state"]),
            blocked=Blocked(row["blocked"]),
            orig_payload=Payload(row["orig_payload"]),
            resp_payload=Payload(row["resp_payload"]),
            flows=row["flows"],
            packets=row["packets"],
            bytes=row["bytes"],
            orig_bytes=row["orig_bytes"],
            resp_packets=row["resp_packets"],
            first_seen=row["first_seen"],
            last_seen=row["last_seen"],
            locator=PacketLocator(file=self._files[row["file"]], frame=row["frame"], time=row["first_seen"]),
            tunnel=self._tunnel_seen(row["tunnel"]),
            routed_by=row["routed_by"],
            sensor=self._sensors[row["sensor"]] if row["sensor"] < len(self._sensors) else "",
            peers=max(number[ORIG_WILD].number, number[RESP_WILD].number),
            services=number[SERVICE_WILD].number,
        )

    def _tunnel_seen(self, identity: int) -> TunnelSeen | None:
        tunnel = self._tunnels.get(identity)
        if tunnel is None:
            return None
        orig, resp = (address_at(number_at(pair)) for pair in (tunnel.outer_orig, tunnel.outer_resp))
        return TunnelSeen(
            kind=tunnel.kind,
            outer_orig=str(orig),
            outer_resp=str(resp),
            outer_zones=(self._zoning.zone_of(orig), self._zoning.zone_of(resp)),
            number=tunnel.number,
        )


def _columns_of(decided: Decided, rows: NDArray[np.intp]) -> Columns:
    """Lay out the chosen flows as groups of one."""
    table = decided.table
    columns: Columns = {
        "orig_high": table.orig_address[rows, 0],
        "orig_low": table.orig_address[rows, 1],
        "resp_high": table.resp_address[rows, 0],
        "resp_low": table.resp_address[rows, 1],
        "port": table.resp_port[rows],
        "orig_zone": decided.orig_zone[rows],
        "resp_zone": decided.resp_zone[rows],
        "decision": decided.decision[rows],
        "flow": decided.flow[rows],
        "certain": decided.certain[rows],
        "one_way": (table.orig_packets[rows] == 0) | (table.resp_packets[rows] == 0),
        "wild": np.zeros(len(rows), np.uint8),
        "flows": np.ones(len(rows), np.int64),
        "packets": table.orig_packets[rows] + table.resp_packets[rows],
        "bytes": table.orig_bytes[rows] + table.resp_bytes[rows],
        "first_seen": table.first_seen[rows],
        "last_seen": table.last_seen[rows],
    }
    # A second sighting sent by neither end was routed; one with an end's own MAC is a mere mirror copy.
    routed = (
        (table.copies[rows] > 0)
        & (table.copy_mac[rows] != table.orig_mac[rows])
        & (table.copy_mac[rows] != table.resp_mac[rows])
    )
    columns["routed_by"] = np.where(routed, table.copy_mac[rows], np.uint64(0))
    for name in (*KEYS, *SUMS, *FIRST):
        if name not in columns:
            columns[name] = getattr(table, name)[rows]
    for name, source in EXAMPLE.items():
        columns[name] = columns[source]
    return columns


def _address(row: dict[str, Any], side: str, count: Count) -> str:
    if count.number > 1:
        return f"{count} addresses"
    return address_text((row[f"first_{side}_high"], row[f"first_{side}_low"]))


def _spanned(span: tuple[int, int] | None, first: np.int64, last: np.int64) -> tuple[int, int]:
    known = span or (int(first), int(last))
    return min(known[0], int(first)), max(known[1], int(last))
