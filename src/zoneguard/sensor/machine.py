"""The sensor as a machine: an event and the time give a new state and commands. No clock, no file, no socket.

What holds for any order of events: every moment of a scheduled watch lies in exactly one judged window; what an
interface did not see in it is stated there as blind; a window is judged once and committed until the store has
it; a policy or configuration with mistakes never replaces a good one; a stop ends in a last judgement and commit.
Whatever lasts is measured on the monotonic clock, so a step of the wall clock neither cuts nor repeats a watch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from zoneguard.errors import ExitCode
from zoneguard.sensor import ears, reload, windows
from zoneguard.sensor import events as ev
from zoneguard.sensor import sentences as say
from zoneguard.sensor.commands import (
    Drain,
    Level,
    Notify,
    PauseHistory,
    Prune,
    ReadFile,
    ResumeHistory,
    Say,
    WriteStatus,
)
from zoneguard.sensor.schedule import SECOND, next_begin
from zoneguard.sensor.state import Phase, Ring, State
from zoneguard.sensor.turn import Turn

if TYPE_CHECKING:
    from zoneguard.sensor.commands import Command
    from zoneguard.sensor.events import Event, Now

STEP = 2 * SECOND  # a difference between the clocks beyond this is a step of the wall clock
DRAIN = 20 * SECOND  # how long a stop waits for the rings
PATIENCE = 60 * SECOND  # how long a stop waits for the store; systemd's limit in packaging/ is above it
_FAR = 86_400 * SECOND  # a step back beyond this means that the clock had been wrong before
_SLEEP = 10 * SECOND


def step(state: State, event: Event, now: Now) -> tuple[State, tuple[Command, ...]]:
    """Take one event. Monotonic time never goes back; an earlier `now` counts as the latest known."""
    if state.phase is Phase.STOPPED:
        return state, ()
    turn = Turn(state, now)
    if abs(turn.stepped) > STEP:
        _clock_stepped(turn)
    _take(turn, event)
    _settle(turn)
    return turn.state, tuple(turn.commands)


def next_wake(state: State) -> int:
    """Give the monotonic time (ns) by which the machine wants its next Tick."""
    now = state.now
    if now is None:
        return 0
    times = [now.mono + _SLEEP, state.outstanding.retry_at, *(ear.retry_at for ear in state.ears)]
    if state.watchdog is not None:
        times.append(state.watchdog_at)
    if state.stopping is not None:
        times += [state.stopping + DRAIN, state.stopping + PATIENCE]
    elif state.config is not None and state.policy is not None and state.reading is None:
        times.append(state.until)
        if state.window is not None and not state.outstanding.numbers:
            times.append(state.window.begun.mono + state.config.judge.window * SECOND)
        for recurrence in state.config.schedule:
            begin = next_begin(recurrence, now.wall, state.policy.zone)
            times.append(None if begin is None else now.mono + begin - now.wall)
    return min((time for time in times if time is not None and time > now.mono), default=now.mono + _SLEEP)


def _take(turn: Turn, event: Event) -> None:  # noqa: C901, PLR0912 - one line an event
    match event:
        case ev.Started():
            reload.started(turn, event)
        case ev.Tick():
            pass
        case ev.ReloadAsked():
            reload.reload_asked(turn)
        case ev.StopAsked():
            _stop_asked(turn)
        case ev.StatusAsked():
            turn.commands += [WriteStatus(), Say(level=Level.INFO, text=say.status(turn.state))]
        case ev.ConfigRead() | ev.ConfigRefused() | ev.PolicyRead() | ev.PolicyRefused():
            reload.answered(turn, event)
        case ev.RingOpened():
            ears.ring_opened(turn, event)
        case ev.RingFailed():
            ears.ring_failed(turn, event)
            if turn.state.code is not ExitCode.CLEAN:
                _stop_asked(turn)
        case ev.LinkChanged():
            ears.link_changed(turn, event)
        case ev.RingLoss():
            ears.ring_loss(turn, event)
        case ev.DiskLow() | ev.DiskOk():
            _disk(turn, event)
        case ev.Committed():
            windows.committed(turn, event)
        case ev.StoreFailed():
            windows.store_failed(turn, event)
        case ev.StoreBack():
            turn.set(outstanding=replace(turn.state.outstanding, retry_at=None))
        case ev.FilesSettled():
            _files_settled(turn, event)
        case ev.FileDone() | ev.FileRefused():
            _file_read(turn, event)
        case ev.FileLeft():
            turn.set(reading=None if event.file == turn.state.reading else turn.state.reading)
        case ev.DrainDone():
            turn.set(drained=turn.state.phase is Phase.DRAINING)
        case _:
            assert_never(event)


def _settle(turn: Turn) -> None:
    """Do whatever is due now, in the one order in which nothing gets lost."""
    state = turn.state
    if state.reloading is not None and state.reloading.is_answered:
        reload.finish_reload(turn, state.reloading)
    if turn.state.phase in {Phase.IDLE, Phase.WATCHING}:
        windows.follow_schedule(turn)
        windows.follow_calendar(turn)
        windows.close_if_due(turn)
        windows.open_if_due(turn)
        ears.retry_rings(turn)
        _read_next(turn)
        _tell_ready(turn)
    if turn.state.phase is Phase.DRAINING:
        _finish(turn)
    windows.commit_if_due(turn)
    _show_life(turn)


def _files_settled(turn: Turn, event: ev.FilesSettled) -> None:
    state = turn.state
    unsure = state.outstanding.files.union(state.gathered.files, state.gathered.refused)
    done = state.done & unsure.union(event.files)
    queue = tuple(file for file in event.files if file not in done and file != state.reading)
    turn.set(queue=queue, done=done)


def _read_next(turn: Turn) -> None:
    state = turn.state
    if state.outstanding.numbers:
        return  # a commit says where the meter stands; and while the store does not answer, files wait where they lie
    if state.phase is Phase.WATCHING and state.window and state.reading is None and state.queue:
        file, *rest = state.queue
        turn.set(reading=file, queue=tuple(rest))
        turn.commands.append(ReadFile(file=file))


def _file_read(turn: Turn, event: ev.FileDone | ev.FileRefused) -> None:
    if event.file != turn.state.reading:
        return
    gathered = turn.state.gathered
    if isinstance(event, ev.FileRefused):
        gathered = replace(gathered, refused=(*gathered.refused, event.file))
        for fault in event.faults:
            turn.announce(f"file:{event.file.path}", fault)
    else:
        gathered = replace(gathered, files=(*gathered.files, event.file))
    turn.set(reading=None, gathered=gathered, done=turn.state.done | {event.file})


def _clock_stepped(turn: Turn) -> None:
    stepped, gathered = turn.stepped, turn.state.gathered
    turn.set(gathered=replace(gathered, stepped=gathered.stepped + stepped))
    turn.announce("clock", say.clock_stepped(stepped))
    if stepped < -_FAR:  # it had been wrong before: what the future has seen of the schedule is void
        turn.set(begins=(), anew=True)


def _disk(turn: Turn, event: ev.DiskLow | ev.DiskOk) -> None:
    low = isinstance(event, ev.DiskLow)
    if low is turn.state.disk_low:
        return
    turn.set(disk_low=low)
    if isinstance(event, ev.DiskLow):
        turn.announce("disk", say.disk_low(event.free))
        turn.commands += [PauseHistory(), Prune()]
    else:
        turn.announce("disk", say.disk_ok(), over=True)
        turn.commands.append(ResumeHistory())
    turn.commands.append(WriteStatus())


def _tell_ready(turn: Turn) -> None:
    """Tell systemd when every ring has opened or failed: a start without the right to capture is none."""
    opening = any(ear.ring is Ring.OPENING for ear in turn.state.ears)
    if not turn.state.ready and not opening and turn.state.reloading is None:
        turn.set(ready=True)
        turn.commands.append(Notify(words=("READY=1",), status=say.status(turn.state)))


def _show_life(turn: Turn) -> None:
    watchdog = turn.state.watchdog
    if (
        watchdog is not None
        and turn.state.phase is not Phase.STOPPED
        and turn.now.mono >= turn.state.watchdog_at
    ):
        turn.commands.append(Notify(words=("WATCHDOG=1",)))
        turn.set(watchdog_at=turn.now.mono + watchdog)


def _stop_asked(turn: Turn) -> None:
    if turn.state.phase is Phase.DRAINING:
        return
    if turn.state.phase is Phase.STARTING:
        turn.stop(ExitCode.CLEAN)
        return
    turn.set(phase=Phase.DRAINING, stopping=turn.now.mono)
    turn.commands.append(Notify(words=("STOPPING=1",), status=say.stopping()))
    turn.say(Level.INFO, say.stopping())
    if any(ear.ring is Ring.OPEN for ear in turn.state.ears):
        turn.commands.append(Drain())
    else:
        turn.set(drained=True)


def _finish(turn: Turn) -> None:
    """Judge the last window when all is taken, end when the store has everything, give up in the end."""
    state = turn.state
    stopping = state.stopping if state.stopping is not None else turn.now.mono
    ready = state.drained and state.reading is None
    if not ready and turn.now.mono < stopping + DRAIN:
        return
    if state.window is not None:
        if state.reading is not None:
            turn.say(Level.WARNING, say.file_left(state.reading.path))
            turn.set(reading=None)
        windows.close_window(turn, final=True)
        ears.close_rings(turn)
    numbers = turn.state.outstanding.numbers
    if not numbers:
        turn.stop(turn.state.code)
    elif turn.now.mono >= stopping + PATIENCE:
        turn.say(Level.ERROR, say.uncommitted(len(numbers)))
        turn.stop(ExitCode.LACKING)
