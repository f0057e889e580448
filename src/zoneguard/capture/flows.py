"""Rows of the meter to the flow table, and pieces of one flow to a whole."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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
    R_ISN,
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
    S_FRESH,
    S_FRESH_ANSWER,
    S_ISN,
    S_OPENER_B,
    S_PAYLOAD_A,
    S_PAYLOAD_B,
    S_RESET,
    S_RUNG_MASK,
    S_RUNG_SHIFT,
    S_UNREACHABLE,
)
from zoneguard.net.flow import Blocked, FlowTable, Opener, Payload, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

PARTITIONS = 64
_KEY = (*range(R_A_HIGH, R_PLACE + 1), R_TUNNEL)
_WHO = S_RUNG_MASK | S_OPENER_B
_SAID_ONCE = _WHO | 0xFFFF << S_CLASS_A_SHIFT
_GREETINGS = frozenset(
    (
        Payload.TLS_CLIENT,
        Payload.TLS_SERVER,
        Payload.HTTP_REQUEST,
        Payload.HTTP_RESPONSE,
        Payload.SMTP_OR_FTP_SERVER,
        Payload.SMTP_CLIENT,
        Payload.FTP_CLIENT,
        Payload.DNS_QUERY,
        Payload.DNS_RESPONSE,
    )
)


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


def _state(rows: NDArray[np.int64], protocol: NDArray[np.uint8]) -> NDArray[np.uint8]:
    state = rows[:, R_STATE]
    tcp = protocol == 6
    by_syn = state & S_RUNG_MASK == 0
    # A lone SYN-ACK proves no connection: it may answer a forged request (backscatter).
    stands = (state & S_ACKED != 0) | ((state & S_ANSWERED != 0) & by_syn)
    both = (rows[:, R_A_PACKETS] > 0) & (rows[:, R_B_PACKETS] > 0)
    established = np.where(tcp, stands, both)
    payload = state & (S_PAYLOAD_A | S_PAYLOAD_B) != 0
    progress: NDArray[np.uint8] = established.astype(np.uint8) + (established & payload).astype(np.uint8)
    return progress


class Spill:
    """Pieces of flows on disk, by partition of their key; joined exactly at the end.

    Memory while joining is that of one partition (1/64 of all pieces).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="zoneguard-", dir=folder)
        self._files = [
            Path(self._folder.name, f"{p:02d}").open("w+b")  # noqa: SIM115 - closed by `close`
            for p in range(PARTITIONS)
        ]
        self.pieces = 0

    def add(self, rows: NDArray[np.int64]) -> None:
        """Take pieces, in the order of their packets."""
        self.pieces += len(rows)
        partition = _partition(rows)
        order = np.argsort(partition, kind="stable")
        bounds = np.searchsorted(partition[order], np.arange(PARTITIONS + 1))
        for p, file in enumerate(self._files):
            part = rows[order[bounds[p] : bounds[p + 1]]]
            if len(part):
                file.write(part.tobytes())

    def partition(self, p: int) -> NDArray[np.int64]:
        """Read the pieces of one partition, in the order they were added."""
        self._files[p].seek(0)
        return np.fromfile(self._files[p], np.int64).reshape(-1, ROW_STRIDE)

    def close(self) -> None:
        """Remove the files."""
        for file in self._files:
            file.close()
        self._folder.cleanup()


def joined(spills: Sequence[Spill]) -> Iterator[NDArray[np.int64]]:
    """Give the whole flows of spills that follow one another, a partition at a time."""
    for p in range(PARTITIONS if spills else 0):
        rows = np.concatenate([spill.partition(p) for spill in spills])
        if len(rows):
            yield join(rows)


def _partition(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    # Fixed, unlike the hash of the table: the order of the results must not depend on the run.
    mixed = np.zeros(len(rows), np.uint64)
    for word in _KEY:
        mixed ^= rows[:, word].view(np.uint64)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return (mixed >> np.uint64(58)).astype(np.int64)


def join(
    rows: NDArray[np.int64], *, idle_tcp: int = IDLE_TCP, idle_other: int = IDLE_OTHER
) -> NDArray[np.int64]:
    """Join the pieces of each flow by the rules that the meter splits by. Pieces come in time order."""
    order = np.lexsort(tuple(rows[:, word] for word in reversed(_KEY)))
    rows = rows[order]
    same = np.ones(len(rows), np.bool_)
    same[0] = False
    for word in _KEY:
        same[1:] &= rows[1:, word] == rows[:-1, word]
    keep = ~same
    base = -1
    for i in np.flatnonzero(same).tolist():
        if not same[i - 1] or base < 0:
            base = i - 1
        if not _packets(rows[base]):  # a refusal of what had not been seen yet
            keep[i] = True
            base = i
        elif not _packets(rows[i]) or _goes_on(rows[base], rows[i], idle_tcp, idle_other):
            _add(rows[base], rows[i])
        else:
            _inherit(rows[base], rows[i])
            keep[i] = True
            base = i
    whole = rows[keep]
    # A refusal of what was never seen is no flow.
    whole = whole[(whole[:, R_A_PACKETS] > 0) | (whole[:, R_B_PACKETS] > 0) | (whole[:, R_COPIES] > 0)]
    return whole[np.lexsort((whole[:, R_FRAME], whole[:, R_FIRST]))]


def _packets(row: NDArray[np.int64]) -> int:
    return int(row[R_A_PACKETS]) + int(row[R_B_PACKETS])


def _is_fresh(before: NDArray[np.int64], after: NDArray[np.int64]) -> bool:
    begins, state = int(after[R_STATE]), int(before[R_STATE])
    if begins & S_FRESH_ANSWER:
        return not state & S_ISN and bool(state & (S_FIN_A | S_FIN_B | S_RESET))
    if not begins & S_FRESH:
        return False
    if not state & S_ISN:
        return True
    ended = state & (S_FIN_A | S_FIN_B | S_RESET | S_ANSWERED | S_ACKED)
    return bool(ended) and int(before[R_ISN]) != int(after[R_ISN])


def _goes_on(before: NDArray[np.int64], after: NDArray[np.int64], idle_tcp: int, idle_other: int) -> bool:
    idle = idle_tcp if int(before[R_PORTS]) & 0xFFFF == 6 else idle_other
    gap = int(after[R_FIRST]) - int(before[R_LAST])
    return gap <= idle * 1_000_000_000 and not _is_fresh(before, after)


def _inherit(before: NDArray[np.int64], after: NDArray[np.int64]) -> None:
    """After a silence the same connection goes on: who opened it is still known."""
    if _is_fresh(before, after):
        return
    old, new = int(before[R_STATE]), int(after[R_STATE])
    # All but the TCP flags and the refusal, which tell of one piece.
    kept = S_ISN | S_ANSWERED | S_ACKED | S_FIN_A | S_FIN_B | S_RESET | S_PAYLOAD_A | S_PAYLOAD_B
    after[R_STATE] = new & ~_SAID_ONCE | old & kept | new & kept | _said_once(old, new, after)
    after[R_ISN] = _isn(before, after)


def _said_once(old: int, new: int, row: NDArray[np.int64]) -> int:
    """Give opener and classes of first payloads of a flow whose earlier piece ended in state `old`."""
    said, opener = 0, new & _WHO
    greeted = -1
    for side, bit in enumerate((S_PAYLOAD_A, S_PAYLOAD_B)):
        shift = S_CLASS_A_SHIFT + 8 * side
        said |= (old if old & bit else new) & (0xFF << shift)
        if new & bit and not old & bit and new >> shift & 0xFF in _GREETINGS:
            greeted = side
    greeting = new & S_RUNG_MASK == Opener.GREETING << S_RUNG_SHIFT
    if greeting and int(row[R_PORTS]) & 0xFFFF in (6, 17) and greeted < 0:
        return said | old & _WHO  # a later payload only looked like a greeting
    # Of two SYNs the later holds, of all other evidence of one strength the earlier.
    stronger = new & S_RUNG_MASK < old & S_RUNG_MASK or new & S_RUNG_MASK == 0
    return said | (opener if stronger else old & _WHO)


def _isn(before: NDArray[np.int64], after: NDArray[np.int64]) -> int:
    """Give the initial sequence number that holds after both pieces: that of the latest SYN."""
    old, new = int(before[R_STATE]), int(after[R_STATE])
    later = new & S_ISN and (not old & S_ISN or new & S_RUNG_MASK == 0)
    return int(after[R_ISN] if later else before[R_ISN])


def _add(base: NDArray[np.int64], piece: NDArray[np.int64]) -> None:
    """Add a later piece to a flow."""
    old, new = int(base[R_STATE]), int(piece[R_STATE])
    fresh = S_FRESH | S_FRESH_ANSWER
    isn = _isn(base, piece)
    base[R_STATE] = (old | new) & ~(_SAID_ONCE | fresh) | old & fresh | _said_once(old, new, base)
    base[R_ISN] = isn
    base[R_A_PACKETS : R_B_PACKETS + 2] += piece[R_A_PACKETS : R_B_PACKETS + 2]
    if _packets(piece):  # not a copy or a refusal alone
        base[R_LAST] = max(base[R_LAST], piece[R_LAST])
        base[R_FIRST] = min(base[R_FIRST], piece[R_FIRST])
    base[R_COPIES] += piece[R_COPIES]
    if piece[R_COPIES]:
        base[R_COPY_MAC], base[R_COPY_NEXT_HOP] = piece[R_COPY_MAC], piece[R_COPY_NEXT_HOP]
    vlans, more = int(base[R_VLANS]), int(piece[R_VLANS])
    for side, mac in ((0, R_A_MAC), (1, R_A_MAC + 2)):
        if not int(base[R_A_PACKETS + 2 * side]) - int(piece[R_A_PACKETS + 2 * side]):
            base[mac], base[mac + 1] = piece[mac], piece[mac + 1]
            vlans = vlans & ~(0xFFFF << 16 * side) | more & (0xFFFF << 16 * side)
    if piece[R_COPIES]:
        vlans = vlans & 0xFFFFFFFF | more & ~0xFFFFFFFF
    base[R_VLANS] = vlans
