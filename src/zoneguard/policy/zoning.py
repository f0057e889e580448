"""Which zone an address lies in, told by longest prefix, VLAN, VRF and sensor, and never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoneguard.net.address import LOCAL_SPANS, is_link_scope, is_public, number_of, spans_of
from zoneguard.net.intervals import Intervals
from zoneguard.policy.model import PUBLIC, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from zoneguard.net.address import Address, Network
    from zoneguard.policy.model import Policy, Segment

LINK_SCOPE = "link-scope"  # multicast, broadcast, link-local: belongs to its layer-2 domain, not to a zone

_CONTESTED = -1


@dataclass(frozen=True, slots=True)
class _Claimant:
    """A segment as a claim of its zone, with its prefix length among IPv4 and IPv6 alike."""

    zone: int
    segment: Segment
    length: int


class Zoning:
    """The policy's segments, compiled.

    `names` holds the declared zones in order, then public, unknown and link-scope; vectors hold indices into
    it. `sensors` holds the sensors by the numbers that flow tables carry; 0 is none that is declared.
    """

    def __init__(self, policy: Policy, sensors: Sequence[str] | None = None) -> None:
        ids = tuple(zone.id for zone in policy.zones)
        self.names: tuple[str, ...] = (*ids, PUBLIC, UNKNOWN, LINK_SCOPE)
        self.public, self.unknown, self.link_scope = range(len(ids), len(ids) + 3)
        self.sensors = tuple(sensors) if sensors is not None else ("", *(one.id for one in policy.sensors))
        self._claimants = tuple(
            _Claimant(index, segment, _length(segment.network))
            for index, zone in enumerate(policy.zones)
            for segment in zone.segments
        )
        self._vrf_vlans: dict[str, set[int]] = {}
        self._vlan_zones: dict[int, set[int]] = {}
        for claimant in self._claimants:
            vlan, vrf = claimant.segment.vlan, claimant.segment.vrf
            if vlan is not None:
                self._vlan_zones.setdefault(vlan, set()).add(claimant.zone)
                if vrf is not None:
                    self._vrf_vlans.setdefault(vrf, set()).add(vlan)
        self._sensor_zone = {
            sensor.id: ids.index(sensor.zones[0])
            for sensor in policy.sensors
            if len(sensor.zones) == 1 and sensor.zones[0] in ids and not sensor.transit
        }
        self.intervals = Intervals(
            (
                *LOCAL_SPANS,
                *(span for network in _networks(policy) for span in spans_of(network)),
                *((number_of(address), number_of(address)) for address in _directed_broadcasts(policy)),
            )
        )
        self._candidates = self._claims_by_cell()
        self._constant = np.array([self._constant_of(cell) for cell in range(len(self.intervals))], np.int16)

    def zone_of(self, address: Address, vlan: int = 0, sensor: str = "") -> str:
        """Give the zone of one address as seen in a VLAN (0: untagged) by a sensor ("": not declared)."""
        return self.names[self._resolve(self.intervals.cell(number_of(address)), vlan, sensor)]

    def segments_of(
        self, address: Address, vlan: int = 0, sensor: str = ""
    ) -> tuple[tuple[str, Segment], ...]:
        """Give the segments that decide the zone of an address, each with its zone; more than one zone: unknown.

        None decides for a link-scope address, or for one that no zone declares.
        """
        number = number_of(address)
        if is_link_scope(number):
            return ()
        told = self._told(self.intervals.cell(number), vlan, sensor)
        return tuple((self.names[claim.zone], claim.segment) for claim in told)

    def zones_at(
        self, cells: NDArray[np.int32], vlan: NDArray[np.uint16], sensor: NDArray[np.uint16]
    ) -> NDArray[np.int16]:
        """Give the zones of many addresses, known by their cells of `intervals`."""
        zones = self._constant[cells]
        contested = np.flatnonzero(zones == _CONTESTED)
        if len(contested):
            key = (
                cells[contested].astype(np.int64) << 32
                | vlan[contested].astype(np.int64) << 16
                | sensor[contested].astype(np.int64)
            )
            seen, inverse = np.unique(key, return_inverse=True)
            told = [
                self._resolve(one >> 32, one >> 16 & 0xFFFF, self._sensor(one & 0xFFFF))
                for one in seen.tolist()
            ]
            zones[contested] = np.array(told, np.int16)[inverse]
        return zones

    def zones_of(
        self,
        high: NDArray[np.uint64],
        low: NDArray[np.uint64],
        vlan: NDArray[np.uint16],
        sensor: NDArray[np.uint16],
    ) -> NDArray[np.int16]:
        """Give the zones of many addresses, as indices into `names`."""
        return self.zones_at(self.intervals.cells(high, low), vlan, sensor)

    def zones_of_vlan(self, vlan: int) -> frozenset[str]:
        """Give the zones that declare a VLAN."""
        return frozenset(self.names[zone] for zone in self._vlan_zones.get(vlan, ()))

    def domains_of(self, vlan: NDArray[np.uint16], sensor: NDArray[np.uint16]) -> NDArray[np.int16]:
        """Give the zone whose layer-2 domain was seen: the only one of the VLAN, else of the sensor."""
        by_vlan = np.full(1 << 16, self.unknown, np.int16)
        for number, zones in self._vlan_zones.items():
            if len(zones) == 1:
                by_vlan[number] = next(iter(zones))
        by_sensor = np.array(
            [self._sensor_zone.get(name, self.unknown) for name in self.sensors or ("",)], np.int16
        )
        untagged = by_sensor[np.minimum(sensor, len(by_sensor) - 1)]
        return np.where(vlan == 0, untagged, by_vlan[vlan])

    def _sensor(self, index: int) -> str:
        return self.sensors[index] if index < len(self.sensors) else ""

    def _claims_by_cell(self) -> list[tuple[_Claimant, ...]]:
        cells: list[list[_Claimant]] = [[] for _ in range(len(self.intervals))]
        for claimant in self._claimants:
            for first, last in spans_of(claimant.segment.network):
                for cell in range(self.intervals.cell(first), self.intervals.cell(last) + 1):
                    cells[cell].append(claimant)
        return [tuple(claims) for claims in cells]

    def _constant_of(self, cell: int) -> int:
        """Give the zone of a cell where neither VLAN nor sensor can change it."""
        claims = self._candidates[cell]
        if is_link_scope(self.intervals.starts[cell]) or not claims:
            return self._resolve(cell, 0, "")
        longest = max(claim.length for claim in claims)
        zones = {claim.zone for claim in claims if claim.length == longest}
        by_sensor = any(claim.segment.sensor is not None for claim in claims)
        return _CONTESTED if by_sensor or len(zones) > 1 else zones.pop()

    def _resolve(self, cell: int, vlan: int, sensor: str) -> int:
        start = self.intervals.starts[cell]
        if is_link_scope(start):
            return self.link_scope
        told = self._told(cell, vlan, sensor)
        if not told:
            return self.public if is_public(start) else self.unknown
        zones = {claim.zone for claim in told}
        return zones.pop() if len(zones) == 1 else self.unknown

    def _told(self, cell: int, vlan: int, sensor: str) -> list[_Claimant]:
        """Give the claims that decide: of the longest prefix, those whose VLAN or sensor fits, or whose VRF."""
        claims = [claim for claim in self._candidates[cell] if claim.segment.sensor in (None, sensor)]
        longest = max((claim.length for claim in claims), default=0)
        claims = [claim for claim in claims if claim.length == longest]
        return self._told_by_key(claims, vlan) or self._told_by_vrf(claims, vlan) or claims

    @staticmethod
    def _told_by_key(claims: list[_Claimant], vlan: int) -> list[_Claimant]:
        """Keep the claims whose VLAN, or sensor without VLAN, is declared and matches."""
        exact = [claim for claim in claims if claim.segment.vlan == vlan]
        return exact or [
            claim for claim in claims if claim.segment.sensor is not None and claim.segment.vlan is None
        ]

    def _told_by_vrf(self, claims: list[_Claimant], vlan: int) -> list[_Claimant]:
        """Keep the claims in whose VRF this VLAN lies: their address space was seen."""
        return [claim for claim in claims if vlan in self._vrf_vlans.get(claim.segment.vrf or "", ())]


def _length(network: Network) -> int:
    return network.prefixlen + 96 if network.version == 4 else network.prefixlen


def _networks(policy: Policy) -> Iterator[Network]:
    """Yield every network that a question about an address may turn on."""
    for zone in policy.zones:
        yield from (segment.network for segment in zone.segments)
    for flow in policy.flows:
        yield from flow.source.networks
        yield from flow.destination.networks
    for gateway in policy.gateways:
        yield from _flat(networks for _, networks in gateway.legs)
    for noise in policy.noise:
        yield from noise.networks


def _directed_broadcasts(policy: Policy) -> Iterator[Address]:
    for zone in policy.zones:
        yield from (segment.network.broadcast_address for segment in zone.segments)


def _flat(groups: Iterable[Sequence[Network]]) -> Iterator[Network]:
    for group in groups:
        yield from group
