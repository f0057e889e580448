"""Pieces of one flow to a whole, by the rules that the meter splits by. Hot loop."""

from __future__ import annotations

from typing import Any, Final

from zoneguard.capture import jit
from zoneguard.capture.layout import (
    R_A_MAC,
    R_A_PACKETS,
    R_B_PACKETS,
    R_COPIES,
    R_COPY_MAC,
    R_COPY_NEXT_HOP,
    R_FIRST,
    R_ISN,
    R_LAST,
    R_PORTS,
    R_STATE,
    R_VLANS,
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
)
from zoneguard.net.flow import Opener, Payload

_WHO: Final = S_RUNG_MASK | S_OPENER_B
_SAID_ONCE: Final = _WHO | 0xFFFF << S_CLASS_A_SHIFT
_BY_GREETING: Final = int(Opener.GREETING) << S_RUNG_SHIFT
# Bits by number of the class.
_GREETINGS: Final = sum(
    1 << int(payload)
    for payload in (
        Payload.TLS_CLIENT,
        Payload.TLS_SERVER,
        Payload.HTTP_REQUEST,
        Payload.HTTP_RESPONSE,
        Payload.SMTP_OR_FTP_SERVER,
        Payload.SMTP_SERVER,
        Payload.FTP_SERVER,
        Payload.POP3_SERVER,
        Payload.POP3_CLIENT,
        Payload.IMAP_SERVER,
        Payload.SMTP_CLIENT,
        Payload.FTP_CLIENT,
        Payload.DNS_QUERY,
        Payload.DNS_RESPONSE,
    )
)

Rows = Any  # int64 array (n, ROW_STRIDE)
Marks = Any  # bool array (n,)


# Joined in Python, the 1.4 million pieces of 10 million flows under a cap of 256 MiB took 20 s.
@jit.kernel
def join_pieces(rows: Rows, same: Marks, keep: Marks, idle_tcp: int, idle_other: int) -> None:
    """Add each row with the key of the row before (`same`) to its flow, or mark it as one of its own.

    Rows come by key and, within a key, in time order; `keep` marks the first of each key. Idle times in ns.
    """
    base = 0
    for i in range(len(rows)):
        if not same[i]:
            base = i
        elif _packets(rows, base) == 0:  # a refusal of what had not been seen yet
            keep[i] = True
            base = i
        elif _packets(rows, i) == 0 or _goes_on(rows, base, i, idle_tcp, idle_other):
            _add(rows, base, i)
        else:
            _inherit(rows, base, i)
            keep[i] = True
            base = i


@jit.inlined
def _packets(rows: Rows, i: int) -> int:
    packets: int = rows[i, R_A_PACKETS] + rows[i, R_B_PACKETS]
    return packets


@jit.inlined
def _is_fresh(rows: Rows, before: int, after: int) -> bool:
    begins, state = rows[after, R_STATE], rows[before, R_STATE]
    if begins & S_FRESH_ANSWER != 0:
        return bool(state & S_ISN == 0 and state & (S_FIN_A | S_FIN_B | S_RESET) != 0)
    if begins & S_FRESH == 0:
        return False
    if state & S_ISN == 0:
        return True
    ended = state & (S_FIN_A | S_FIN_B | S_RESET | S_ANSWERED | S_ACKED)
    return bool(ended != 0 and rows[before, R_ISN] != rows[after, R_ISN])


@jit.inlined
def _goes_on(rows: Rows, before: int, after: int, idle_tcp: int, idle_other: int) -> bool:
    idle = idle_tcp if rows[before, R_PORTS] & 0xFFFF == 6 else idle_other
    gap = rows[after, R_FIRST] - rows[before, R_LAST]
    return bool(gap <= idle and not _is_fresh(rows, before, after))


@jit.inlined
def _inherit(rows: Rows, before: int, after: int) -> None:
    """After a silence the same connection goes on: who opened it is still known."""
    if _is_fresh(rows, before, after):
        return
    old, new = rows[before, R_STATE], rows[after, R_STATE]
    # All but the TCP flags and the refusal, which tell of one piece.
    kept = S_ISN | S_ANSWERED | S_ACKED | S_FIN_A | S_FIN_B | S_RESET | S_PAYLOAD_A | S_PAYLOAD_B
    said = _said_once(old, new, rows[after, R_PORTS] & 0xFFFF)
    isn = _isn(rows, before, after)
    rows[after, R_STATE] = new & ~_SAID_ONCE | old & kept | new & kept | said
    rows[after, R_ISN] = isn


@jit.inlined
def _said_once(old: int, new: int, protocol: int) -> int:
    """Give opener and classes of first payloads of a flow whose earlier piece ended in state `old`."""
    said, opener = 0, new & _WHO
    greeted = False
    for side in range(2):
        shift = S_CLASS_A_SHIFT + 8 * side
        if old >> shift & 0xFF != 0:
            said |= old & (0xFF << shift)
        else:
            payload = new >> shift & 0xFF
            said |= payload << shift
            greeted = greeted or (payload < 63 and _GREETINGS >> payload & 1 != 0)
    if new & S_RUNG_MASK == _BY_GREETING and (protocol in (6, 17)) and not greeted:
        return said | old & _WHO  # a later payload only looked like a greeting
    # Of two SYNs the later holds, of all other evidence of one strength the earlier.
    stronger = new & S_RUNG_MASK < old & S_RUNG_MASK or new & S_RUNG_MASK == 0
    return said | (opener if stronger else old & _WHO)


@jit.inlined
def _isn(rows: Rows, before: int, after: int) -> int:
    """Give the initial sequence number that holds after both pieces: that of the latest SYN."""
    old, new = rows[before, R_STATE], rows[after, R_STATE]
    later = new & S_ISN != 0 and (old & S_ISN == 0 or new & S_RUNG_MASK == 0)
    isn: int = rows[after, R_ISN] if later else rows[before, R_ISN]
    return isn


@jit.inlined
def _add(rows: Rows, base: int, piece: int) -> None:
    """Add a later piece to a flow."""
    old, new = rows[base, R_STATE], rows[piece, R_STATE]
    fresh = S_FRESH | S_FRESH_ANSWER
    isn = _isn(rows, base, piece)
    said = _said_once(old, new, rows[base, R_PORTS] & 0xFFFF)
    rows[base, R_STATE] = (old | new) & ~(_SAID_ONCE | fresh) | old & fresh | said
    rows[base, R_ISN] = isn
    vlans, more = rows[base, R_VLANS], rows[piece, R_VLANS]
    for side in range(2):
        if rows[base, R_A_PACKETS + 2 * side] == 0:
            mac = R_A_MAC + 2 * side
            rows[base, mac], rows[base, mac + 1] = rows[piece, mac], rows[piece, mac + 1]
            vlans = vlans & ~(0xFFFF << 16 * side) | more & (0xFFFF << 16 * side)
    for word in range(R_A_PACKETS, R_B_PACKETS + 2):
        rows[base, word] += rows[piece, word]
    if _packets(rows, piece) != 0:  # not a copy or a refusal alone
        rows[base, R_LAST] = max(rows[base, R_LAST], rows[piece, R_LAST])
        rows[base, R_FIRST] = min(rows[base, R_FIRST], rows[piece, R_FIRST])
    if rows[piece, R_COPIES] != 0:
        rows[base, R_COPIES] += rows[piece, R_COPIES]
        rows[base, R_COPY_MAC] = rows[piece, R_COPY_MAC]
        rows[base, R_COPY_NEXT_HOP] = rows[piece, R_COPY_NEXT_HOP]
        vlans = vlans & 0xFFFFFFFF | more & ~0xFFFFFFFF
    rows[base, R_VLANS] = vlans
