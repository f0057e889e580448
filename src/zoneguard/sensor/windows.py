"""When to watch, when to judge, when to commit: the windows of a sensor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard.sensor import ears
from zoneguard.sensor import sentences as say
from zoneguard.sensor.commands import BeginPeriod, Commit, Judge, Level, Notify, Prune, Window, WriteStatus
from zoneguard.sensor.folder import File
from zoneguard.sensor.schedule import SECOND, latest_begin, period_of
from zoneguard.sensor.state import Gathered, Opened, Outstanding, Phase
from zoneguard.sensor.turn import wait

if TYPE_CHECKING:
    from zoneguard.sensor import events as ev
    from zoneguard.sensor.turn import Turn

_FOREVER = 1 << 62


def follow_schedule(turn: Turn) -> None:
    """Enter what has begun since the last look: each begin once, whatever the wall clock did meanwhile."""
    config, policy = turn.in_use()
    if not config.schedule:
        turn.set(until=_FOREVER)
        return
    until, entered = turn.state.until, dict(turn.state.begins)
    for recurrence in config.schedule:
        begin, last = latest_begin(recurrence, turn.now.wall, policy.zone), entered.get(recurrence)
        if begin is None or (last is not None and begin <= last):
            continue
        entered[recurrence] = begin
        lasting = recurrence.seconds * SECOND
        left = begin + lasting - turn.now.wall
        if left > 0:
            until = max(until or 0, turn.now.mono + left)
        elif last is not None:  # the clock stepped over all of it, or nobody ran us: it is kept now
            until = max(until or 0, turn.now.mono) + lasting
            turn.say(Level.WARNING, say.late_watch())
    turn.set(until=until, begins=tuple(entered.items()))


def follow_calendar(turn: Turn) -> None:
    config, policy = turn.in_use()
    period = period_of(turn.now.wall, config.judge.period, policy.zone)
    begins = period > turn.state.period or (turn.state.anew and period != turn.state.period)
    if begins and turn.state.reading is None:
        close_window(turn)
        turn.set(period=period, anew=False)
        turn.commands += [BeginPeriod(period=period), Prune()]


def close_if_due(turn: Turn) -> None:
    state, (config, _) = turn.state, turn.in_use()
    if state.phase is not Phase.WATCHING or state.reading is not None:
        return
    if state.until is None or turn.now.mono >= state.until:
        close_window(turn)
        ears.close_rings(turn)
        turn.set(phase=Phase.IDLE, until=None, window=None)
        turn.commands.append(WriteStatus())
        return
    # While the store does not answer, the window stays open: what waits for it does not pile up.
    age = turn.now.mono - state.window.begun.mono if state.window else 0
    if age >= config.judge.window * SECOND and not state.outstanding.numbers:
        close_window(turn)


def open_if_due(turn: Turn) -> None:
    state = turn.state
    if state.until is None or turn.now.mono >= state.until:
        return
    if state.phase is Phase.IDLE:
        turn.set(phase=Phase.WATCHING)
        ears.open_rings(turn)
        turn.commands.append(WriteStatus())
    if turn.state.window is None:
        number = turn.state.windows + 1
        turn.set(window=Opened(number=number, begun=turn.now), windows=number)


def close_window(turn: Turn, *, final: bool = False) -> None:
    """Have the open window judged, with everything it has to state; nothing is open afterwards."""
    state = turn.state
    if state.window is None or state.policy is None:
        return
    if state.window.begun.mono == turn.now.mono and state.gathered == Gathered() and not final:
        return
    for ear in state.ears:
        ears.end_blindness(turn, ear)
    gathered = turn.state.gathered
    window = Window(
        number=state.window.number,
        period=state.period,
        policy=state.policy.sha256,
        begun=state.window.begun,
        ended=turn.now,
        blind=gathered.blind,
        dropped=gathered.dropped,
        stepped=gathered.stepped,
        files=gathered.files,
        refused=gathered.refused,
    )
    turn.commands.append(Judge(window=window, final=final))
    waiting = state.outstanding
    turn.set(
        window=None,
        gathered=Gathered(),
        outstanding=replace(
            waiting,
            numbers=(*waiting.numbers, window.number),
            files=waiting.files.union(window.files, window.refused),
        ),
    )
    ears.end_of_loss(turn, window)


def commit_if_due(turn: Turn) -> None:
    waiting = turn.state.outstanding
    due = waiting.retry_at is None or turn.now.mono >= waiting.retry_at
    if waiting.numbers and not waiting.sent and due and turn.state.phase is not Phase.STOPPED:
        turn.commands.append(Commit(numbers=waiting.numbers, attempt=waiting.attempts + 1))
        turn.set(outstanding=replace(waiting, sent=waiting.numbers, retry_at=None))


def committed(turn: Turn, event: ev.Committed) -> None:
    waiting = turn.state.outstanding
    held = {number for number in waiting.sent if number <= event.through}
    if not held:
        return
    left = tuple(number for number in waiting.numbers if number not in held)
    if waiting.attempts:
        turn.announce("store", say.store_back(), over=True)
    files = waiting.files if left else frozenset[File]()
    turn.set(outstanding=Outstanding(numbers=left, files=files), last_success=turn.now.wall)
    turn.commands += [WriteStatus(), Notify(words=(), status=say.status(turn.state))]


def store_failed(turn: Turn, event: ev.StoreFailed) -> None:
    waiting = turn.state.outstanding
    if not waiting.sent:
        turn.say(Level.ERROR, say.store_failed(event.reason))
        return
    if waiting.attempts == 0:
        turn.announce("store", say.store_failed(event.reason))
    attempts = waiting.attempts + 1
    retry_at = turn.now.mono + wait(attempts)
    turn.set(outstanding=replace(waiting, sent=(), attempts=attempts, retry_at=retry_at, reason=event.reason))
    turn.commands.append(WriteStatus())
