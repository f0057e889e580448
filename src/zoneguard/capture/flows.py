"""Rows of the meter to the flow table, and pieces of one flow to a whole."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoneguard.capture import kernels
from zoneguard.capture.layout import (
    IDLE_OTHER,
    IDLE_TCP,
    R_A_BYTES,
    R_A_HIGH,
    R_A_MAC,
    R_A_NEXT_HOP,
    R_A_PACKETS,
    R_B_HIGH,
    R_B_PACKETS,
    R_COPIES,
    R_COPY_MAC,
    R_COPY_NEXT_HOP,
    R_FIRST,
    R_FRAME,
    R_LAST,
    R_PLACE,
    R_PORTS,
    R_STATE,
    R_TUNNEL,
    R_VLANS,
    ROW_STRIDE,
    S_ACKED,
    S_ANSWERED,
    S_CLASS_A_SHIFT,
    S_FIN_A,
    S_FIN_B,
    S_OPENER_B,
    S_PAYLOAD_A,
    S_PAYLOAD_B,
    S_PIECE,
    S_RESET,
    S_RUNG_MASK,
    S_RUNG_SHIFT,
    S_UNREACHABLE,
)
from zoneguard.net.flow import Blocked, FlowTable, State
from zoneguard.net.mixing import mix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

PARTITIONS = 64
READ_ROWS = 1 << 14  # pieces written or read at once
JOIN_ROWS = 1 << 16  # pieces joined at once: with all copies about 60 MB
_TO_PARTITION = np.uint64(58)  # the upper six bits
_KEY = (*range(R_A_HIGH, R_PLACE + 1), R_TUNNEL)


def to_flows(rows: NDArray[np.int64]) -> FlowTable:
    """Turn rows of the meter, shape (n, ROW_STRIDE), into flows with their opener first."""
    state = rows[:, R_STATE]
    by_b = state & S_OPENER_B != 0
    ports = rows[:, R_PORTS]
    protocol = (ports & 0xFFFF).astype(np.uint8)

    def pair(a: NDArray[np.int64], b: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.where(by_b, b, a), np.where(by_b, a, b)

    a_address = rows[:, R_A_HIGH : R_A_HIGH + 2].view(np.uint64)
    b_address = rows[:, R_B_HIGH : R_B_HIGH + 2].view(np.uint64)
    orig_port, resp_port = pair(ports >> 32 & 0xFFFF, ports >> 16 & 0xFFFF)
    icmp = (protocol == 1) | (protocol == 58)
    orig_packets, resp_packets = pair(rows[:, R_A_PACKETS], rows[:, R_B_PACKETS])
    orig_bytes, resp_bytes = pair(rows[:, R_A_BYTES], rows[:, R_A_BYTES + 2])
    orig_flags, resp_flags = pair(state & 0xFF, state >> 8 & 0xFF)
    orig_class, resp_class = pair(state >> S_CLASS_A_SHIFT & 0xFF, state >> (S_CLASS_A_SHIFT + 8) & 0xFF)
    payload_a, payload_b = state & S_PAYLOAD_A != 0, state & S_PAYLOAD_B != 0
    orig_some, resp_some = np.where(by_b, payload_b, payload_a), np.where(by_b, payload_a, payload_b)
    vlans = rows[:, R_VLANS]
    orig_vlan, resp_vlan = pair(vlans & 0xFFFF, vlans >> 16 & 0xFFFF)
    orig_mac, resp_mac = pair(rows[:, R_A_MAC], rows[:, R_A_MAC + 2])
    orig_hop, resp_hop = pair(rows[:, R_A_NEXT_HOP], rows[:, R_A_NEXT_HOP + 2])
    progress = _state(rows, protocol)
    refused = np.where(state & S_UNREACHABLE != 0, Blocked.ICMP, Blocked.NO)
    refused = np.where((refused == Blocked.NO) & (state & S_RESET != 0), Blocked.RESET, refused)
    return FlowTable(
        orig_address=np.where(by_b[:, None], b_address, a_address),
        resp_address=np.where(by_b[:, None], a_address, b_address),
        orig_port=np.where(icmp, 0, orig_port).astype(np.uint16),
        resp_port=resp_port.astype(np.uint16),
        protocol=protocol,
        domain=(rows[:, R_PLACE] >> 16 & 0xFFFF).astype(np.uint16),
        sensor=(rows[:, R_PLACE] & 0xFFFF).astype(np.uint16),
        tunnel=rows[:, R_TUNNEL].view(np.uint64).copy(),
        opener=(state >> S_RUNG_SHIFT & 15).astype(np.uint8),
        state=progress,
        blocked=np.where(progress == State.ATTEMPT, refused, Blocked.NO).astype(np.uint8),
        first_seen=rows[:, R_FIRST].copy(),
        last_seen=rows[:, R_LAST].copy(),
        orig_packets=orig_packets,
        resp_packets=resp_packets,
        orig_bytes=orig_bytes,
        resp_bytes=resp_bytes,
        orig_flags=orig_flags.astype(np.uint8),
        resp_flags=resp_flags.astype(np.uint8),
        # A class of 0 with payload seen: payload without its opening octets (cut, or not TCP or UDP).
        orig_payload=np.where(orig_some & (orig_class == 0), 1, orig_class).astype(np.uint8),
        resp_payload=np.where(resp_some & (resp_class == 0), 1, resp_class).astype(np.uint8),
        orig_vlan=orig_vlan.astype(np.uint16),
        resp_vlan=resp_vlan.astype(np.uint16),
        orig_mac=orig_mac.astype(np.uint64),
        orig_next_hop=orig_hop.astype(np.uint64),
        resp_mac=resp_mac.astype(np.uint64),
        resp_next_hop=resp_hop.astype(np.uint64),
        copies=rows[:, R_COPIES].copy(),
        copy_vlan=(vlans >> 32 & 0xFFFF).astype(np.uint16),
        copy_mac=rows[:, R_COPY_MAC].astype(np.uint64),
        copy_next_hop=rows[:, R_COPY_NEXT_HOP].astype(np.uint64),
        file=rows[:, R_FRAME] >> 40,
        frame=rows[:, R_FRAME] & ((1 << 40) - 1),
    )


def continued(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which rows are later pieces of a flow of which one has been handed on before.

    Such a row counts packets and octets of the same conversation and knows who opened it and how far it had
    come; it is no further flow, and that it may hold one direction only says nothing of the mirror.
    """
    later: NDArray[np.bool_] = rows[:, R_STATE] & S_PIECE != 0
    return later


def light(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell attempts and closed connections, as the meter does when it hands on what is old."""
    state = rows[:, R_STATE]
    answered = (rows[:, R_A_PACKETS] > 0) & (rows[:, R_B_PACKETS] > 0) | (state & S_ANSWERED != 0)
    both = S_FIN_A | S_FIN_B
    closed = (state & S_RESET != 0) | (state & both == both)
    attempt = state & (S_ANSWERED | S_ACKED) == 0
    is_light: NDArray[np.bool_] = np.where(rows[:, R_PORTS] & 0xFFFF == 6, closed | attempt, ~answered)
    return is_light


def _state(rows: NDArray[np.int64], protocol: NDArray[np.uint8]) -> NDArray[np.uint8]:
    state = rows[:, R_STATE]
    tcp = protocol == 6
    by_syn = state & S_RUNG_MASK == 0
    # A lone SYN-ACK proves no connection: it may answer a forged request (backscatter).
    stands = (state & S_ACKED != 0) | ((state & S_ANSWERED != 0) & by_syn)
    both = (rows[:, R_A_PACKETS] > 0) & (rows[:, R_B_PACKETS] > 0)
    answered_before = state & S_ANSWERED != 0  # in an earlier piece
    established = np.where(tcp, stands, both | answered_before)
    payload = state & (S_PAYLOAD_A | S_PAYLOAD_B) != 0
    progress: NDArray[np.uint8] = established.astype(np.uint8) + (established & payload).astype(np.uint8)
    return progress


class Spill:
    """Pieces of flows on disk, by partition of their key; joined exactly at the end."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="zoneguard-", dir=folder)
        self._files = [
            Path(self._folder.name, f"{p:02d}").open("w+b")  # noqa: SIM115 - closed by `close`
            for p in range(PARTITIONS)
        ]
        self.pieces = [0] * PARTITIONS

    def add(self, rows: NDArray[np.int64]) -> None:
        """Take pieces, in the order of their packets."""
        for first in range(0, len(rows), READ_ROWS):
            some = rows[first : first + READ_ROWS]
            partition = _mixed(some) >> _TO_PARTITION
            order = np.argsort(partition, kind="stable")
            bounds = np.searchsorted(partition[order], np.arange(PARTITIONS + 1)).tolist()
            for p, (begin, end) in enumerate(pairwise(bounds)):
                if begin < end:
                    self._files[p].write(some[order[begin:end]].data)
                    self.pieces[p] += end - begin

    def partition(self, p: int) -> Iterator[NDArray[np.int64]]:
        """Read the pieces of one partition block by block, in the order they were added."""
        self._files[p].seek(0)
        for _ in range(0, self.pieces[p], READ_ROWS):
            yield np.fromfile(self._files[p], np.int64, READ_ROWS * ROW_STRIDE).reshape(-1, ROW_STRIDE)

    def close(self) -> None:
        """Remove the files."""
        for file in self._files:
            file.close()
        self._folder.cleanup()


def joined(spills: Sequence[Spill], *, compiled: bool) -> Iterator[NDArray[np.int64]]:
    """Give the whole flows of spills that follow one another, at most about JOIN_ROWS of them at a time.

    A partition of more pieces is read several times, each time for another share of its keys, so that
    memory does not grow with the number of flows.
    """
    for p in range(PARTITIONS if spills else 0):
        shares = -(-sum(spill.pieces[p] for spill in spills) // JOIN_ROWS)
        for share in range(shares):
            kept = [
                block if shares == 1 else block[_mixed(block) % np.uint64(shares) == share]
                for spill in spills
                for block in spill.partition(p)
            ]
            rows = np.concatenate(kept)
            del kept
            if len(rows):
                yield join(rows, compiled=compiled)


def in_blocks(parts: Iterable[NDArray[np.int64]], most: int) -> Iterator[NDArray[np.int64]]:
    """Give rows in blocks of at most so many, small parts together: what is done with a block costs for itself."""
    waiting: list[NDArray[np.int64]] = []
    for rows in parts:
        waiting.append(rows)
        if sum(map(len, waiting)) >= most:
            together = np.concatenate(waiting)
            whole = len(together) - len(together) % most
            yield from (together[first : first + most] for first in range(0, whole, most))
            waiting = [together[whole:].copy()]
    if any(map(len, waiting)):
        yield np.concatenate(waiting)


def prepare(*, compiled: bool) -> None:
    """Load what joins pieces, so that it is there when they are."""
    _wholes(np.zeros((1, ROW_STRIDE), np.int64), compiled=compiled)


def _mixed(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    # Fixed, unlike the hash of the table: the order of the results must not depend on the run.
    return mix((rows[:, word] for word in _KEY), len(rows))


def join(rows: NDArray[np.int64], *, compiled: bool) -> NDArray[np.int64]:
    """Join the pieces of each flow by the rules that the meter splits by. Pieces come in time order."""
    mixed = _mixed(rows)
    order = np.argsort(mixed, kind="stable")
    alike = np.zeros(len(rows) + 1, np.bool_)  # as the one before
    alike[1:-1] = mixed[order[1:]] == mixed[order[:-1]]
    several = order[alike[1:] | alike[:-1]]
    if len(several):
        single = order[~(alike[1:] | alike[:-1])]
        rows = np.concatenate([rows[single], _wholes(rows[several], compiled=compiled)])
    # A refusal of what was never seen is no flow.
    some = (rows[:, R_A_PACKETS] > 0) | (rows[:, R_B_PACKETS] > 0) | (rows[:, R_COPIES] > 0)
    kept = np.flatnonzero(some)
    return rows[kept[np.lexsort((rows[kept, R_FRAME], rows[kept, R_FIRST]))]]


def _wholes(rows: NDArray[np.int64], *, compiled: bool) -> NDArray[np.int64]:
    """Join pieces of which nearly all share their key with another."""
    rows = rows[np.lexsort(tuple(rows[:, word] for word in reversed(_KEY)))]
    same = np.ones(len(rows), np.bool_)
    same[0] = False
    for word in _KEY:
        same[1:] &= rows[1:, word] == rows[:-1, word]
    keep = ~same
    kernel = kernels.load(compiled=compiled, name="joining")
    kernel.join_pieces(rows, same, keep, IDLE_TCP * 1_000_000_000, IDLE_OTHER * 1_000_000_000)
    return rows[keep]
