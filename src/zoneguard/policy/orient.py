"""Who opened, where the wire does not say: the lower rungs of the ladder of evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoneguard.net.flow import Opener, State
from zoneguard.net.mixing import mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoneguard.net.flow import FlowTable
    from zoneguard.policy.model import FlowEnd, Policy
    from zoneguard.policy.zoning import Zoning

PORT_PROTOCOLS = (6, 17, 132)  # TCP, UDP, SCTP
_MANY_PEERS = 3
_EPHEMERAL = 32768  # the lowest port that common systems give to clients
_WELL_KNOWN = 1024


class DeclaredServices:
    """Which ports are services that the policy declares between two zones, whichever of them answers."""

    def __init__(self, policy: Policy, zoning: Zoning) -> None:
        services = [service for flow in policy.flows for service in flow.services]
        cuts = {0, *(one.ports[0] for one in services), *(one.ports[1] + 1 for one in services)}
        self._cuts = np.array(sorted(cut for cut in cuts if cut <= 65535), np.uint16)
        zones = len(zoning.names)
        self._declared = np.zeros((len(PORT_PROTOCOLS), zones, zones, len(self._cuts)), np.bool_)
        for flow in policy.flows:
            for service in flow.services:
                ports = (self._cuts >= service.ports[0]) & (self._cuts <= service.ports[1])
                for at, protocol in enumerate(PORT_PROTOCOLS):
                    if service.protocol not in (None, protocol):
                        continue
                    for a in _zones(flow.source, zoning):
                        for b in _zones(flow.destination, zoning):
                            self._declared[at, a, b] |= ports
                            self._declared[at, b, a] |= ports

    def holds(
        self,
        protocol: NDArray[np.uint8],
        a: NDArray[np.int16],
        b: NDArray[np.int16],
        port: NDArray[np.uint16],
    ) -> NDArray[np.bool_]:
        """Tell for each flow whether a port is a declared service between its zones."""
        at = np.searchsorted(PORT_PROTOCOLS, protocol)
        cell = np.searchsorted(self._cuts, port, side="right") - 1
        told: NDArray[np.bool_] = self._declared[at, a, b, cell]
        return told


def openers(
    table: FlowTable,
    services: DeclaredServices,
    orig_zone: NDArray[np.int16],
    resp_zone: NDArray[np.int16],
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Give each flow its rung, and whether its ends must change places."""
    # A group never opens anything: an announcement is its sender's, whatever it looks like.
    opener, turn = table.opener.copy(), _is_group(table.orig_address)
    open_ = np.flatnonzero(
        (table.opener > Opener.GREETING)
        & np.isin(table.protocol, PORT_PROTOCOLS)
        & ~_is_group(table.resp_address)
        & ~turn
    )
    if not len(open_):
        return opener, turn
    zones = table.protocol[open_], orig_zone[open_], resp_zone[open_]
    as_is, turned = (
        services.holds(*zones, table.resp_port[open_]),
        services.holds(*zones, table.orig_port[open_]),
    )
    told = as_is ^ turned
    opener[open_[told]] = Opener.DECLARED
    turn[open_[told & turned]] = True

    open_ = open_[~told]
    orig_peers, resp_peers = _peers(table, open_)
    told = (np.maximum(orig_peers, resp_peers) >= _MANY_PEERS) & (orig_peers != resp_peers)
    opener[open_[told]] = Opener.DEGREE
    turn[open_[told & (orig_peers > resp_peers)]] = True

    open_ = open_[~told]
    orig_port, resp_port = table.orig_port[open_], table.resp_port[open_]
    lower, higher = np.minimum(orig_port, resp_port), np.maximum(orig_port, resp_port)
    told = (lower != higher) & ((lower < _WELL_KNOWN) | ((lower < _EPHEMERAL) & (higher >= _EPHEMERAL)))
    opener[open_[told]] = Opener.LOWER_PORT
    turn[open_[told & (orig_port < resp_port)]] = True
    opener[open_[~told]] = Opener.FIRST_PACKET
    return opener, turn


def _is_group(address: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Mark multicast and broadcast addresses (RFC 5771, RFC 919, RFC 4291 section 2.7)."""
    high, low = address[:, 0], address[:, 1]
    mapped = (high == 0) & (low >> np.uint64(32) == 0xFFFF)
    four = low & np.uint64(0xFFFFFFFF)
    marked: NDArray[np.bool_] = (mapped & ((four >> np.uint64(28) == 0xE) | (four == 0xFFFFFFFF))) | (
        high >> np.uint64(56) == 0xFF
    )
    return marked


def _peers(table: FlowTable, rows: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the hosts that each end's port conversed with.

    Only answered flows count: whoever scans from one port meets many hosts too, but they do not answer.
    """
    nothing = np.zeros(len(rows), np.int64)
    answered = np.flatnonzero(
        (table.state >= State.ESTABLISHED) & (table.orig_packets > 0) & (table.resp_packets > 0)
    )
    if not len(rows) or not len(answered):
        return nothing, nothing
    orig, resp = _ends(table, answered)
    hosts = _hosts(table.resp_address[answered]), _hosts(table.orig_address[answered])
    ends, count = _distinct(np.concatenate([orig, resp]), np.concatenate(hosts))
    orig, resp = _ends(table, rows)
    return _looked_up(orig, ends, count), _looked_up(resp, ends, count)


def _distinct(
    end: NDArray[np.uint64], peer: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Count the different peers of each end."""
    _, once = np.unique(mix((end, peer), len(end)), return_index=True)
    ends, count = np.unique(end[once], return_counts=True)
    return ends, count


def _hosts(address: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return mix((address[:, 0], address[:, 1]), len(address))


def _ends(table: FlowTable, rows: NDArray[np.intp]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hash address, port and protocol of both ends, alike for an end that opens and one that answers."""
    protocol = table.protocol[rows]
    return (
        mix((_hosts(table.orig_address[rows]), table.orig_port[rows], protocol), len(rows)),
        mix((_hosts(table.resp_address[rows]), table.resp_port[rows], protocol), len(rows)),
    )


def _looked_up(
    key: NDArray[np.uint64], keys: NDArray[np.uint64], values: NDArray[np.int64]
) -> NDArray[np.int64]:
    at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    found: NDArray[np.int64] = np.where(keys[at] == key, values[at], 0)
    return found


def _zones(end: FlowEnd, zoning: Zoning) -> set[int]:
    """Give the zones an end may lie in; a gateway's leg lies where its addresses do."""
    names = {end.zone}
    if end.gateway is not None:
        names |= {zoning.zone_of(network.network_address) for network in end.networks}
    return {zoning.names.index(name) for name in names if name in zoning.names}
