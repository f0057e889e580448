"""When flows of an input without end are handed on, though nothing says that they are over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zoneguard.capture import layout

if TYPE_CHECKING:
    from zoneguard.capture.tables import Meter

LEAST_ROWS: Final = 1 << 12  # room for a round of the kernel, and something to choose from
LEAST_SWEEP: Final = 1 << 13  # rows looked at in one sweep

_SECOND: Final = 1_000_000_000
_NEVER: Final = 0
JUMP: Final = 60 * _SECOND  # a clock that goes on by more between two sweeps has been put forward, or slept
HOLD: Final = 600 * _SECOND  # after that, flows that stand get so long to be heard of again
SOONEST: Final = _SECOND // 10  # between two sweeps
TURN: Final = 8 * _SECOND  # in which every row is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds after which flows of an endless input are handed on.

    `light`: silence of an attempt or a closed connection; as long as systems keep a closed connection in mind
    (RFC 9293 section 3.4.2 would have four minutes), and longer than the gaps between retried SYNs of the
    first minute. `active`: age at which a flow that goes on is handed on piece by piece; 0: never.
    """

    idle_tcp: int = layout.IDLE_TCP
    idle_other: int = layout.IDLE_OTHER
    light: int = 60
    active: int = 1800


def expire(meter: Meter, timeouts: Timeouts, now: int) -> None:
    """Hand on what is too old at `now`; see Meter.expire."""
    z = meter.t.scalars
    passed = now - int(z[layout.Z_SWEPT])
    if 0 <= passed < SOONEST:
        return
    if z[layout.Z_SWEPT] and passed > JUMP:
        z[layout.Z_HOLD] = now + HOLD
    z[layout.Z_SWEPT] = now
    held = now < z[layout.Z_HOLD]
    _sweep(
        meter,
        now,
        light=now - timeouts.light * _SECOND,
        tcp=_NEVER if held else now - timeouts.idle_tcp * _SECOND,
        other=_NEVER if held else now - timeouts.idle_other * _SECOND,
        active=now - timeouts.active * _SECOND if timeouts.active else _NEVER,
        budget=max(LEAST_SWEEP, int(z[layout.Z_ROWS]) * min(max(passed, 0), TURN) // TURN),
    )


def expire_all(meter: Meter) -> None:
    """Hand on every live flow."""
    end, rows = layout.NO_TIME, int(meter.t.scalars[layout.Z_ROWS])
    _sweep(meter, end, light=_NEVER, tcp=end, other=end, budget=rows)


def cut_all(meter: Meter, now: int) -> None:
    """Hand on what every live flow holds; the flows stay in the table, with who opened them."""
    rows = int(meter.t.scalars[layout.Z_ROWS])
    _sweep(meter, now, light=_NEVER, tcp=_NEVER, other=_NEVER, active=layout.NO_TIME, budget=rows)


def evict(meter: Meter) -> None:
    """Hand on the eighth of the table that has been silent longest, attempts and closed ones first."""
    import numpy as np

    from zoneguard.capture import flows

    rows = meter.live_rows()
    wanted = max(len(rows) // 8, layout.MOST_NEW)
    last, light = rows[:, layout.R_LAST], flows.light(rows)
    calm = last[light]
    now = int(last.max()) + 1
    if len(calm) >= wanted:
        limits = int(np.partition(calm, wanted - 1)[wanted - 1]) + 1, _NEVER
    else:
        wanted -= len(calm)
        limits = now, int(np.partition(last[~light], wanted - 1)[wanted - 1]) + 1
    before, standing = len(rows), int((~light).sum())
    del rows, last
    _sweep(meter, now, light=limits[0], tcp=limits[1], other=limits[1], budget=before)
    left = meter.live_rows()
    meter.t.scalars[layout.N_EVICTED] += before - len(left)
    meter.t.scalars[layout.N_FORGOTTEN] += standing - int((~flows.light(left)).sum())


def _sweep(
    meter: Meter, now: int, *, light: int, tcp: int, other: int, active: int = _NEVER, budget: int
) -> None:
    z = meter.t.scalars
    if budget >= z[layout.Z_ROWS]:
        z[layout.Z_CURSOR] = 0  # a row moves to the place of one that leaves: only so is each looked at
    ahead = min(now + JUMP, layout.FURTHEST)
    while budget:
        budget = meter.kernel.sweep(meter.t, now, ahead, light, tcp, other, active, budget)
        meter.drain_done()
