"""The sensor as a machine: an event and the time give a new state and commands. No clock, no file, no socket.

What holds for any order of events: every moment of a scheduled watch lies in exactly one judged window; what an
interface did not see in it is stated there as blind; a window is judged once and committed until the store has
it; a policy or configuration with mistakes never replaces a good one; a stop ends in a last judgement and commit.
Whatever lasts is measured on the monotonic clock, so a step of the wall clock neither cuts nor repeats a watch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never

from zoneguard.errors import ExitCode
from zoneguard.sensor import events as ev
from zoneguard.sensor import sentences as say
from zoneguard.sensor.commands import (
    AdoptConfig,
    AdoptPolicy,
    Announce,
    BeginPeriod,
    Blind,
    CloseRing,
    Commit,
    Drain,
    Judge,
    Level,
    Notify,
    OpenRing,
    PauseHistory,
    Prune,
    ReadFile,
    Reload,
    ReopenRing,
    ResumeHistory,
    Say,
    Stop,
    Window,
    WriteStatus,
)
from zoneguard.sensor.schedule import SECOND, latest_begin, next_begin, period_of
from zoneguard.sensor.state import Ear, Gathered, Opened, Outstanding, Phase, Reloading, Ring, State

if TYPE_CHECKING:
    from zoneguard.sensor.commands import Command
    from zoneguard.sensor.config import Config
    from zoneguard.sensor.events import Event, Now, PolicyVersion
    from zoneguard.sensor.folder import File
    from zoneguard.text import Text

STEP = 2 * SECOND  # a difference between the clocks beyond this is a step of the wall clock
DRAIN = 20 * SECOND  # how long a stop waits for the rings
PATIENCE = 60 * SECOND  # how long a stop waits for the store; systemd's limit in packaging/ is above it
_FAR = 86_400 * SECOND  # a step back beyond this means that the clock had been wrong before
_FOREVER = 1 << 62
_LONGEST_WAIT = 60 * SECOND  # between two attempts
_SLEEP = 10 * SECOND
_MOST_BLIND = 256  # stretches told apart in one window


def step(state: State, event: Event, now: Now) -> tuple[State, tuple[Command, ...]]:
    """Take one event. Monotonic time never goes back; an earlier `now` counts as the latest known."""
    if state.phase is Phase.STOPPED:
        return state, ()
    turn = _Turn(state, now)
    turn.take(event)
    turn.settle(ticking=isinstance(event, ev.Tick))
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


class _Turn:
    """One event being taken: the state so far and the commands so far."""

    def __init__(self, state: State, now: Now) -> None:
        before = state.now
        self.now = now if before is None else replace(now, mono=max(now.mono, before.mono))
        self.state = replace(state, now=self.now)
        self.commands: list[Command] = []
        if before is not None:
            stepped = (self.now.wall - before.wall) - (self.now.mono - before.mono)
            if abs(stepped) > STEP:
                self._clock_stepped(stepped)

    def take(self, event: Event) -> None:  # noqa: C901, PLR0912 - one line an event
        match event:
            case ev.Started():
                self._started(event)
            case ev.Tick():
                pass
            case ev.ReloadAsked():
                self._reload_asked()
            case ev.StopAsked():
                self._stop_asked()
            case ev.StatusAsked():
                self.commands += [WriteStatus(), Say(level=Level.INFO, text=say.status(self.state))]
            case ev.ConfigRead() | ev.ConfigRefused() | ev.PolicyRead() | ev.PolicyRefused():
                self._answered(event)
            case ev.RingOpened():
                self._ring_opened(event)
            case ev.RingFailed():
                self._ring_failed(event)
            case ev.LinkChanged():
                self._link_changed(event)
            case ev.RingLoss():
                self._ring_loss(event)
            case ev.DiskLow() | ev.DiskOk():
                self._disk(event)
            case ev.Committed():
                self._committed(event)
            case ev.StoreFailed():
                self._store_failed(event)
            case ev.StoreBack():
                self._set(outstanding=replace(self.state.outstanding, retry_at=None))
            case ev.FilesSettled():
                self._files_settled(event)
            case ev.FileDone() | ev.FileRefused():
                self._file_read(event)
            case ev.DrainDone():
                self._set(drained=self.state.phase is Phase.DRAINING)
            case _:
                assert_never(event)

    def settle(self) -> None:
        """Do whatever is due now, in the one order in which nothing gets lost."""
        state = self.state
        if state.reloading is not None and state.reloading.is_answered:
            self._finish_reload(state.reloading)
        if self.state.phase in {Phase.IDLE, Phase.WATCHING}:
            self._follow_schedule()
            self._follow_calendar()
            self._close_if_due()
            self._open_if_due()
            self._retry_rings()
            self._read_next()
        if self.state.phase is Phase.DRAINING:
            self._finish()
        self._commit_if_due()
        self._show_life()

    # --- windows -----------------------------------------------------------------------------------------

    def _follow_schedule(self) -> None:
        """Enter what has begun since the last look: each begin once, whatever the wall clock did meanwhile."""
        config, policy = self._in_use()
        if not config.schedule:
            self._set(until=_FOREVER)
            return
        until, entered = self.state.until, dict(self.state.begins)
        for recurrence in config.schedule:
            begin, last = latest_begin(recurrence, self.now.wall, policy.zone), entered.get(recurrence)
            if begin is None or (last is not None and begin <= last):
                continue
            entered[recurrence] = begin
            lasting = recurrence.seconds * SECOND
            left = begin + lasting - self.now.wall
            if left > 0:
                until = max(until or 0, self.now.mono + left)
            elif last is not None:  # the clock stepped over all of it, or nobody ran us: it is kept now
                until = max(until or 0, self.now.mono) + lasting
                self._say(Level.WARNING, say.late_watch())
        self._set(until=until, begins=tuple(entered.items()))

    def _follow_calendar(self) -> None:
        config, policy = self._in_use()
        period = period_of(self.now.wall, config.judge.period, policy.zone)
        begins = period > self.state.period or (self.state.anew and period != self.state.period)
        if begins and self.state.reading is None:
            self._close_window()
            self._set(period=period, anew=False)
            self.commands += [BeginPeriod(period=period), Prune()]

    def _close_if_due(self) -> None:
        state, (config, _) = self.state, self._in_use()
        if state.phase is not Phase.WATCHING or state.reading is not None:
            return
        if state.until is None or self.now.mono >= state.until:
            self._close_window()
            self._close_rings()
            self._set(phase=Phase.IDLE, until=None)
            self.commands.append(WriteStatus())
            return
        # While the store does not answer, the window stays open: what waits for it does not pile up.
        age = self.now.mono - state.window.begun.mono if state.window else 0
        if age >= config.judge.window * SECOND and not state.outstanding.numbers:
            self._close_window()

    def _open_if_due(self) -> None:
        state = self.state
        if state.until is None or self.now.mono >= state.until:
            return
        if state.phase is Phase.IDLE:
            self._set(phase=Phase.WATCHING)
            self._open_rings()
            self.commands.append(WriteStatus())
        if self.state.window is None:
            number = self.state.windows + 1
            self._set(window=Opened(number=number, begun=self.now), windows=number)

    def _close_window(self, *, final: bool = False) -> None:
        """Have the open window judged, with everything it has to state; nothing is open afterwards."""
        state = self.state
        if state.window is None or state.policy is None:
            return
        if state.window.begun.mono == self.now.mono and state.gathered == Gathered() and not final:
            return
        for ear in state.ears:
            self._end_blindness(ear)
        gathered = self.state.gathered
        window = Window(
            number=state.window.number,
            period=state.period,
            policy=state.policy.sha256,
            begun=state.window.begun,
            ended=self.now,
            blind=gathered.blind,
            dropped=gathered.dropped,
            stepped=gathered.stepped,
            files=gathered.files,
            refused=gathered.refused,
        )
        self.commands.append(Judge(window=window, final=final))
        waiting = state.outstanding
        self._set(
            window=None,
            gathered=Gathered(),
            outstanding=replace(
                waiting,
                numbers=(*waiting.numbers, window.number),
                files=waiting.files.union(window.files, window.refused),
            ),
        )
        self._end_of_loss(window)

    # --- the store ---------------------------------------------------------------------------------------

    def _commit_if_due(self) -> None:
        waiting = self.state.outstanding
        due = waiting.retry_at is None or self.now.mono >= waiting.retry_at
        if waiting.numbers and not waiting.sent and due and self.state.phase is not Phase.STOPPED:
            self.commands.append(Commit(numbers=waiting.numbers, attempt=waiting.attempts + 1))
            self._set(outstanding=replace(waiting, sent=waiting.numbers, retry_at=None))

    def _committed(self, event: ev.Committed) -> None:
        waiting = self.state.outstanding
        held = {number for number in waiting.sent if number <= event.through}
        if not held:
            return
        left = tuple(number for number in waiting.numbers if number not in held)
        if waiting.attempts:
            self._announce("store", say.store_back(), over=True)
        files = waiting.files if left else frozenset[File]()
        self._set(outstanding=Outstanding(numbers=left, files=files), last_success=self.now.wall)
        self.commands += [WriteStatus(), Notify(words=(), status=say.status(self.state))]

    def _store_failed(self, event: ev.StoreFailed) -> None:
        waiting = self.state.outstanding
        if not waiting.sent:
            self._say(Level.ERROR, say.store_failed(event.reason))
            return
        if waiting.attempts == 0:
            self._announce("store", say.store_failed(event.reason))
        attempts = waiting.attempts + 1
        retry_at = self.now.mono + _wait(attempts)
        self._set(
            outstanding=replace(waiting, sent=(), attempts=attempts, retry_at=retry_at, reason=event.reason)
        )
        self.commands.append(WriteStatus())

    # --- rings -------------------------------------------------------------------------------------------

    def _open_rings(self) -> None:
        config, _ = self._in_use()
        links = {ear.interface.name: ear.link for ear in self.state.ears}
        ears = []
        for interface in config.interfaces:
            link = links.get(interface.name, ev.Link.UP)
            # Whether one that had gone is back, opening its ring will tell.
            link = ev.Link.UP if link is ev.Link.GONE else link
            ears.append(Ear(interface=interface, ring=Ring.OPENING, link=link, blind_since=self.now.mono))
            self.commands.append(OpenRing(interface=interface))
        self._set(ears=tuple(ears))

    def _close_rings(self) -> None:
        for ear in self.state.ears:
            if ear.ring is not Ring.CLOSED:
                self.commands.append(CloseRing(interface=ear.interface.name))
                self._change_ear(ear, ring=Ring.CLOSED, retry_at=None, attempts=0)

    def _retry_rings(self) -> None:
        for ear in self.state.ears:
            if ear.ring is Ring.FAILED and ear.retry_at is not None and self.now.mono >= ear.retry_at:
                self.commands.append(ReopenRing(interface=ear.interface))
                self._change_ear(ear, ring=Ring.OPENING, retry_at=None)

    def _ring_opened(self, event: ev.RingOpened) -> None:
        ear = self._ear(event.interface)
        if ear is None or ear.ring is Ring.CLOSED or ear.link is ev.Link.GONE:
            return
        if ear.attempts:
            self._announce(f"ring:{event.interface}", say.ring_opened(event.interface), over=True)
        self._change_ear(ear, ring=Ring.OPEN, attempts=0, retry_at=None)
        self._set(heard=True)

    def _ring_failed(self, event: ev.RingFailed) -> None:
        ear = self._ear(event.interface)
        if ear is None or ear.ring is Ring.CLOSED:
            return
        if ear.attempts == 0:
            self._announce(f"ring:{event.interface}", say.ring_failed(event.interface, event.reason))
        gone = ear.link is ev.Link.GONE  # then its return is what is waited for
        retry_at = None if gone else self.now.mono + _wait(ear.attempts + 1)
        self._change_ear(ear, ring=Ring.FAILED, attempts=ear.attempts + 1, retry_at=retry_at)
        if event.denied and not self.state.heard:
            self._set(code=ExitCode.LACKING)
            self._stop_asked()

    def _link_changed(self, event: ev.LinkChanged) -> None:
        ear = self._ear(event.interface)
        if ear is None or ear.link is event.link:
            return
        deaf = ear.link is ev.Link.GONE or ear.ring is Ring.FAILED
        up = event.link is ev.Link.UP
        self._announce(f"link:{event.interface}", say.link(event.interface, event.link), over=up)
        if ear.ring is Ring.CLOSED:
            self._change_ear(ear, link=event.link)
        elif event.link is ev.Link.GONE:
            self.commands.append(CloseRing(interface=event.interface))
            self._change_ear(ear, link=event.link, ring=Ring.FAILED, retry_at=None)
        elif deaf:
            self.commands.append(ReopenRing(interface=ear.interface))
            self._change_ear(ear, link=event.link, ring=Ring.OPENING, retry_at=None)
        else:
            self._change_ear(ear, link=event.link)
        self.commands.append(WriteStatus())

    def _ring_loss(self, event: ev.RingLoss) -> None:
        if event.dropped <= 0:
            return
        dropped = dict(self.state.gathered.dropped)
        dropped[event.interface] = dropped.get(event.interface, 0) + event.dropped
        self._set(gathered=replace(self.state.gathered, dropped=tuple(sorted(dropped.items()))))
        if event.interface not in self.state.lossy:
            self._announce(f"loss:{event.interface}", say.loss(event.interface, event.dropped))
            self._set(lossy=self.state.lossy | {event.interface})

    def _end_of_loss(self, window: Window) -> None:
        """A window without loss ends the matter."""
        lost = {interface for interface, _ in window.dropped}
        for interface in sorted(self.state.lossy - lost):
            self._announce(f"loss:{interface}", say.no_loss(interface), over=True)
        self._set(lossy=self.state.lossy & lost)

    def _ear(self, interface: str) -> Ear | None:
        return next((ear for ear in self.state.ears if ear.interface.name == interface), None)

    def _change_ear(self, ear: Ear, **changes: Any) -> None:  # noqa: ANN401 - the fields of an Ear
        """Change an ear; where that changes why it is blind, the stretch until now is stated."""
        changed = replace(ear, **changes)
        if changed.blindness is not ear.blindness:
            self._state_blindness(ear)
            changed = replace(changed, blind_since=None if changed.blindness is None else self.now.mono)
        self._put_ear(changed)

    def _end_blindness(self, ear: Ear) -> None:
        """State an ear's blindness up to now; if it goes on, it goes on in the next window."""
        if ear.blind_since is not None:
            self._state_blindness(ear)
            self._put_ear(replace(ear, blind_since=self.now.mono))

    def _put_ear(self, ear: Ear) -> None:
        name = ear.interface.name
        self._set(ears=tuple(ear if one.interface.name == name else one for one in self.state.ears))

    def _state_blindness(self, ear: Ear) -> None:
        if ear.blindness is None or ear.blind_since is None or ear.blind_since == self.now.mono:
            return
        blind = Blind(
            interface=ear.interface.name, begun=ear.blind_since, ended=self.now.mono, reason=ear.blindness
        )
        self._set(gathered=replace(self.state.gathered, blind=_with(self.state.gathered.blind, blind)))

    # --- files -------------------------------------------------------------------------------------------

    def _files_settled(self, event: ev.FilesSettled) -> None:
        state = self.state
        unsure = state.outstanding.files.union(state.gathered.files, state.gathered.refused)
        done = state.done & unsure.union(event.files)
        queue = tuple(file for file in event.files if file not in done and file != state.reading)
        self._set(queue=queue, done=done)

    def _read_next(self) -> None:
        state = self.state
        if state.phase is Phase.WATCHING and state.window and state.reading is None and state.queue:
            file, *rest = state.queue
            self._set(reading=file, queue=tuple(rest))
            self.commands.append(ReadFile(file=file))

    def _file_read(self, event: ev.FileDone | ev.FileRefused) -> None:
        if event.file != self.state.reading:
            return
        gathered = self.state.gathered
        if isinstance(event, ev.FileRefused):
            gathered = replace(gathered, refused=(*gathered.refused, event.file))
            for fault in event.faults:
                self._announce(f"file:{event.file.path}", fault)
        else:
            gathered = replace(gathered, files=(*gathered.files, event.file))
        self._set(reading=None, gathered=gathered, done=self.state.done | {event.file})

    # --- configuration -----------------------------------------------------------------------------------

    def _started(self, event: ev.Started) -> None:
        if self.state.reloading is not None or self.state.config is not None:
            return
        life = None if event.watchdog is None else event.watchdog // 2
        self._set(watchdog=life, watchdog_at=self.now.mono, reloading=Reloading())
        self.commands.append(Reload())

    def _reload_asked(self) -> None:
        if self.state.phase is Phase.DRAINING:
            return
        if self.state.reloading is not None:
            self._set(reloading=replace(self.state.reloading, again=True))
            return
        if self.state.config is None:
            return
        self._set(reloading=Reloading())
        self.commands += [Notify(words=("RELOADING=1", f"MONOTONIC_USEC={self.now.mono // 1000}")), Reload()]

    def _answered(self, event: ev.ConfigRead | ev.ConfigRefused | ev.PolicyRead | ev.PolicyRefused) -> None:
        answers = self.state.reloading
        if answers is None:
            return
        match event:
            case ev.ConfigRead():
                answers = replace(answers, config=event.config, config_faults=None)
            case ev.ConfigRefused():
                answers = replace(answers, config=None, config_faults=event.faults)
            case ev.PolicyRead():
                answers = replace(answers, policy=event.policy, policy_faults=None)
            case ev.PolicyRefused():
                answers = replace(answers, policy=None, policy_faults=event.faults)
            case _:
                assert_never(event)
        self._set(reloading=answers)

    def _finish_reload(self, answers: Reloading) -> None:
        """Take both files or neither: a configuration belongs to the policy that it was read with."""
        if self.state.phase is Phase.DRAINING:
            self._set(reloading=None)
            return
        if answers.config is None or answers.policy is None:
            self._keep_old((*(answers.config_faults or ()), *(answers.policy_faults or ())))
        elif self.state.reading is not None:
            return  # a window ends between files
        else:
            self._adopt(answers.config, answers.policy)
        if self.state.phase is Phase.STOPPED:
            return
        self._set(reloading=None)
        self.commands += [Notify(words=("READY=1",), status=say.status(self.state)), WriteStatus()]
        if answers.again:
            self._reload_asked()

    def _keep_old(self, faults: tuple[Text, ...]) -> None:
        for fault in faults:
            self._say(Level.ERROR, fault)
        if self.state.config is None:
            self._stop(ExitCode.REFUSED)
            return
        self._announce("reload", say.kept_old(len(faults)))
        self._set(refused=faults)

    def _adopt(self, config: Config, policy: PolicyVersion) -> None:
        old_config, old_policy = self.state.config, self.state.policy
        if self.state.refused:
            self._announce("reload", say.adopted(), over=True)
        self._set(refused=())
        if config == old_config and policy == old_policy:
            self._say(Level.INFO, say.unchanged())
            return
        self._close_window()
        if self.state.phase is Phase.STARTING or (old_config and config.interfaces != old_config.interfaces):
            self._close_rings()
            links = {ear.interface.name: ear.link for ear in self.state.ears}
            ears = [Ear(interface=one, link=links.get(one.name, ev.Link.UP)) for one in config.interfaces]
            self._set(phase=Phase.IDLE, ears=tuple(ears))
        if old_config is None or config.schedule != old_config.schedule:
            self._set(begins=(), until=None)
        self._set(config=config, policy=policy, anew=True)
        if config != old_config:
            self.commands.append(AdoptConfig(config=config))
        if policy != old_policy:
            self.commands.append(AdoptPolicy(policy=policy))
        self._say(Level.INFO, say.adopted())

    # --- the machine it runs on --------------------------------------------------------------------------

    def _clock_stepped(self, stepped: int) -> None:
        gathered = self.state.gathered
        self._set(gathered=replace(gathered, stepped=gathered.stepped + stepped))
        self._announce("clock", say.clock_stepped(stepped))
        if stepped < -_FAR:  # it had been wrong before: what the future has seen of the schedule is void
            self._set(begins=(), anew=True)

    def _disk(self, event: ev.DiskLow | ev.DiskOk) -> None:
        low = isinstance(event, ev.DiskLow)
        if low is self.state.disk_low:
            return
        self._set(disk_low=low)
        if isinstance(event, ev.DiskLow):
            self._announce("disk", say.disk_low(event.free))
            self.commands += [PauseHistory(), Prune()]
        else:
            self._announce("disk", say.disk_ok(), over=True)
            self.commands.append(ResumeHistory())
        self.commands.append(WriteStatus())

    def _show_life(self) -> None:
        watchdog = self.state.watchdog
        if watchdog is not None and self.now.mono >= self.state.watchdog_at:
            self.commands.append(Notify(words=("WATCHDOG=1",)))
            self._set(watchdog_at=self.now.mono + watchdog)

    # --- the end -----------------------------------------------------------------------------------------

    def _stop_asked(self) -> None:
        if self.state.phase is Phase.DRAINING:
            return
        if self.state.phase is Phase.STARTING:
            self._stop(ExitCode.CLEAN)
            return
        self._set(phase=Phase.DRAINING, stopping=self.now.mono)
        self.commands.append(Notify(words=("STOPPING=1",), status=say.stopping()))
        self._say(Level.INFO, say.stopping())
        if any(ear.ring is Ring.OPEN for ear in self.state.ears):
            self.commands.append(Drain())
        else:
            self._set(drained=True)

    def _finish(self) -> None:
        """Judge the last window when all is taken, end when the store has everything, give up in the end."""
        state = self.state
        stopping = state.stopping if state.stopping is not None else self.now.mono
        ready = state.drained and state.reading is None
        if not ready and self.now.mono < stopping + DRAIN:
            return
        if state.window is not None:
            if state.reading is not None:
                self._say(Level.WARNING, say.file_left(state.reading.path))
                self._set(reading=None)
            self._close_window(final=True)
            self._close_rings()
        numbers = self.state.outstanding.numbers
        if not numbers:
            self._stop(self.state.code)
        elif self.now.mono >= stopping + PATIENCE:
            self._say(Level.ERROR, say.uncommitted(len(numbers)))
            self._stop(ExitCode.LACKING)

    def _stop(self, code: ExitCode) -> None:
        self._set(phase=Phase.STOPPED)
        self.commands += [WriteStatus(), Stop(code=code)]

    def _in_use(self) -> tuple[Config, PolicyVersion]:
        config, policy = self.state.config, self.state.policy
        if config is None or policy is None:
            raise AssertionError("a sensor that has begun has a configuration and a policy")
        return config, policy

    def _set(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of a State
        self.state = replace(self.state, **changes)

    def _say(self, level: Level, text: Text) -> None:
        self.commands.append(Say(level=level, text=text))

    def _announce(self, key: str, text: Text, *, over: bool = False) -> None:
        self._say(Level.INFO if over else Level.WARNING, text)
        self.commands.append(Announce(key=key, text=text, over=over))


def _wait(attempts: int) -> int:
    return min(SECOND << min(attempts - 1, 10), _LONGEST_WAIT)


def _with(stretches: tuple[Blind, ...], blind: Blind) -> tuple[Blind, ...]:
    """Add a stretch; of too many, the last of the interface is drawn out: more is called blind, never less."""
    if len(stretches) < _MOST_BLIND:
        return (*stretches, blind)
    for at in range(len(stretches) - 1, -1, -1):
        if stretches[at].interface == blind.interface:
            return (*stretches[:at], replace(stretches[at], ended=blind.ended), *stretches[at + 1 :])
    return (*stretches, blind)
