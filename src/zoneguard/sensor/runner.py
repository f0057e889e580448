"""The sensor's runner: gives the machine its events and does what it commands. All that touches the world is here."""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from zoneguard.errors import (
    ExitCode,
    MachineLacksError,
    StoreUnavailableError,
    ZoneGuardError,
    why,
)
from zoneguard.policy.domains import overlap_domains
from zoneguard.policy.load import load_policy
from zoneguard.report.when import time_zone
from zoneguard.sensor import commands as do
from zoneguard.sensor import events as ev
from zoneguard.sensor import sentences as say
from zoneguard.sensor.counting import at_hand, from_store
from zoneguard.sensor.counts import Counts, with_window
from zoneguard.sensor.folders import MOST_TRIES, Folders
from zoneguard.sensor.hearing import Hearing
from zoneguard.sensor.judgement import Judgement, there
from zoneguard.sensor.load import load_config, observation_faults
from zoneguard.sensor.machine import next_wake, step
from zoneguard.sensor.memory import Memory
from zoneguard.sensor.notify import watchdog_limit
from zoneguard.sensor.rights import drop_to
from zoneguard.sensor.sentences import said
from zoneguard.sensor.state import State
from zoneguard.sensor.voice import Voice
from zoneguard.text import Text

if TYPE_CHECKING:
    from pathlib import Path

    from zoneguard.policy.model import Policy
    from zoneguard.sensor.commands import Command
    from zoneguard.sensor.config import Config, Folder
    from zoneguard.sensor.events import Event
    from zoneguard.sensor.folder import File
    from zoneguard.sensor.world import World

SECOND = 1_000_000_000
TURN = 0.2  # seconds that a signal waits at most
LOOK_EVERY = SECOND  # at folders, links and losses
COUNT_EVERY = 5 * SECOND  # what the store must be asked for


class Runner:
    """One sensor process, from its start to its exit code.

    `once`: seconds after which it stops by itself (0: those of a judgement); folders alone are read to their end and
    no longer. `user`: whom root becomes when the rings are open.
    """

    def __init__(
        self, config_path: Path, world: World, *, once: int | None = None, user: str | None = None
    ) -> None:
        self._path, self._world, self._once, self._user = config_path, world, once, user
        self._state = State()
        self._events: deque[Event] = deque()
        self._voice = Voice(world)
        self._counts = Counts(started=world.wall())
        self._config: Config | None = None
        self._read_policy: Policy | None = None  # the newest that was read, in use or not
        self._memory: Memory | None = None
        self._hearing: Hearing | None = None
        self._judgement: Judgement | None = None
        self._folders = Folders()
        self._looked = self._counted = 0
        self._code: ExitCode | None = None

    def run(self) -> ExitCode:
        """Run until a stop is asked for and done."""
        began = self._world.mono()
        self._take(ev.Started(watchdog=watchdog_limit(self._world.environment, os.getpid())))
        try:
            while self._code is None:
                self._listen()
                self._look_around()
                while self._events and self._code is None:
                    self._take(self._events.popleft())
                if self._code is None:
                    self._take(ev.Tick())
                if self._once is not None and self._is_over(began):
                    self._take(ev.StopAsked())
        finally:
            self._close()
        if self._once is not None and self._code is ExitCode.CLEAN:
            return self._judges().verdict()
        return self._code

    def ask(self, event: Event) -> None:
        """Give it an event from outside: a signal's, mostly."""
        self._events.append(event)

    # --- events -----------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        self._state, commands = step(self._state, event, self._world.now())
        ends = any(isinstance(one, (do.BeginPeriod, do.AdoptPolicy)) for one in commands)
        for command in commands:
            self._carry_out(command, ends=ends)

    def _listen(self) -> None:
        wake = (next_wake(self._state) - self._world.mono()) / SECOND
        seconds = 0.0 if self._events else min(max(wake, 0.0), TURN)
        hearing = self._hearing
        if hearing is None or not (self._config and self._config.interfaces):
            time.sleep(seconds)
            return
        hearing.wait(seconds)
        hearing.drain()
        hearing.expire(self._world.wall())

    def _look_around(self) -> None:
        now = self._world.mono()
        if now - self._looked < LOOK_EVERY or self._config is None or self._hearing is None:
            return
        self._looked = now
        self._events += [ev.RingLoss(interface=name, dropped=lost) for name, lost in self._hearing.losses()]
        self._events += [ev.LinkChanged(interface=name, link=link) for name, link in self._hearing.links()]
        for folder in self._config.folders:
            self._look_into(folder)
        self._look_at_disk(self._config)
        self._voice.retry(self._memory)
        if now - self._counted >= COUNT_EVERY:
            self._counted = now
            self._count()

    def _look_into(self, folder: Folder) -> None:
        ready, told = self._folders.look(folder, self._remembers().is_done, mono=self._world.mono())
        for text in told:
            self._voice.say(do.Level.WARNING, text)
        if ready:
            self._events.append(ev.FilesSettled(files=ready))

    def _look_at_disk(self, config: Config) -> None:
        try:
            free = shutil.disk_usage(config.state).free
        except OSError:
            return
        self._events.append(ev.DiskLow(free=free) if free < config.low_water else ev.DiskOk())

    def _is_over(self, began: int) -> bool:
        if self._config is None or self._state.reading is not None:
            return False
        settled = self._folders.are_read(self._config.folders) and not self._state.queue
        seconds = (self._world.mono() - began) / SECOND
        if self._config.interfaces:
            return seconds >= (self._once or self._config.judge.window) and settled
        return settled and self._state.ready

    # --- commands ---------------------------------------------------------------------------------------

    def _carry_out(self, command: Command, *, ends: bool) -> None:  # noqa: C901, PLR0912 - one line a command
        match command:
            case do.OpenRing() | do.ReopenRing():
                self._open(command)
            case do.CloseRing():
                self._hears().close(command.interface)
            case do.Drain():
                self._drain()
            case do.Judge():
                self._judge(command, ends=ends)
            case do.Commit():
                self._commit()
            case do.BeginPeriod():
                self._begin(command.period)
            case do.Reload():
                self._reload()
            case do.AdoptConfig():
                self._adopt_config(command.config)
            case do.AdoptPolicy():
                self._adopt_policy()
            case do.ReadFile():
                self._read(command.file)
            case do.Prune():
                self._prune()
            case do.PauseHistory() | do.ResumeHistory():
                self._remembers().writes_history = isinstance(command, do.ResumeHistory)
            case do.Notify():
                if "READY=1" in command.words:
                    self._get_ready()
                self._voice.tell_systemd(command.words, command.status)
            case do.WriteStatus():
                self._write_status()
            case do.Say():
                self._voice.say(command.level, command.text)
            case do.Announce():
                self._voice.announce(command.text, self._memory)
            case do.Stop():
                self._code = command.code
            case _:
                assert_never(command)

    def _open(self, command: do.OpenRing | do.ReopenRing) -> None:
        name = command.interface.name
        try:
            self._hears().open(command.interface, self._judges().sensor(command.interface.sensor))
        except (MachineLacksError, OSError) as error:
            reason = said(error)
            denied = isinstance(error.__cause__, PermissionError)
            self._events.append(ev.RingFailed(interface=name, reason=reason, denied=denied))
        else:
            self._events.append(ev.RingOpened(interface=name))

    def _drain(self) -> None:
        hearing = self._hears()
        hearing.drain()
        self._events += [ev.RingLoss(interface=name, dropped=lost) for name, lost in hearing.losses()]
        self._events.append(ev.DrainDone())

    def _judge(self, command: do.Judge, *, ends: bool) -> None:
        began = time.perf_counter()
        self._judges().judge(
            command.window, self._hears(), final=command.final, ends=ends, alive=self._voice.show_life
        )
        self._counts = with_window(self._counts, command.window, time.perf_counter() - began)
        self._tell_notices()

    def _commit(self) -> None:
        memory = self._remembers()
        try:
            for number in memory.commit():
                self._events.append(ev.Committed(through=number))
                self._counts = replace(self._counts, last_success=self._world.wall())
        except StoreUnavailableError as error:
            self._events.append(ev.StoreFailed(reason=said(error)))
        self._voice.wake()

    def _begin(self, period: str) -> None:
        for text in self._judges().begin(period, self._hears(), now=self._world.wall()):
            self._announce(text)

    def _reload(self) -> None:
        try:
            config = load_config(self._path)
            if self._once is not None:
                config = replace(config, schedule=())
        except ZoneGuardError as error:
            self._events.append(ev.ConfigRefused(faults=tuple(error.faults)))
            self._events.append(ev.PolicyRefused(faults=()))
            return
        try:
            policy = load_policy(config.policy)
        except ZoneGuardError as error:
            self._events.append(ev.ConfigRead(config=config))
            self._events.append(ev.PolicyRefused(faults=tuple(error.faults)))
            return
        faults = observation_faults(config, policy)
        self._events.append(ev.ConfigRefused(faults=faults) if faults else ev.ConfigRead(config=config))
        self._read_policy = policy
        zone = time_zone(policy.timezone)
        self._events.append(ev.PolicyRead(policy=ev.PolicyVersion(sha256=policy.sha256, zone=zone)))

    def _adopt_config(self, config: Config) -> None:
        before, self._config = self._config, config
        zone = time_zone(there(self._read_policy).timezone)
        self._voice.call(zone, config.name)
        if self._memory is None:
            self._memory = Memory(
                config, zone=zone, now=self._world.wall(), environment=self._world.environment
            )
        elif before is not None and (before.store, before.state, before.name) != (
            config.store,
            config.state,
            config.name,
        ):
            self._voice.say(do.Level.WARNING, _at_restart())
        else:
            self._memory.adopt(config)
        self._tell_notices()
        if self._hearing is not None and self._judgement is not None:
            self._hearing.adopt(config)
            self._judgement.is_live = bool(config.interfaces)
            self._judgement.most_looks = config.looks
        if before is not None:
            self._get_ready()

    def _get_ready(self) -> None:
        """Give up what only the rings needed, then begin to talk: threads come after that."""
        config = there(self._config)
        if self._user is not None:
            drop_to(self._user, config.state)
            self._user = None
        self._voice.talk(config, self._remembers(), metrics=self._once is None)

    def _adopt_policy(self) -> None:
        config, policy, memory = there(self._config), there(self._read_policy), self._remembers()
        domains = overlap_domains(policy)
        if self._judgement is None:
            self._judgement = Judgement(
                memory,
                is_live=bool(config.interfaces),
                most_looks=config.looks,
                search=self._world.environment.get("PATH", os.defpath),
            )
        if self._hearing is None:
            judgement = self._judgement
            self._hearing = Hearing(config, domains, emit=judgement.ended, files=judgement.files)
        self._hearing.set_domains(domains)
        self._judgement.judge_by(policy, now=self._world.wall())

    def _read(self, file: File) -> None:
        sensor = self._judges().sensor(file.sensor)
        try:
            source = self._hears().source(file)
        except OSError as error:
            if self._folders.will_try_again(file, mono=self._world.mono()):
                self._voice.say(do.Level.WARNING, say.not_opened_yet(file.path, why(error)))
                self._events.append(ev.FileLeft(file=file))
                return
            self._note_read(file, (say.not_opened(file.path, why(error), tries=MOST_TRIES),), None)
            return
        faults, digest = self._hears().read(source, file, sensor, self._voice.show_life)
        self._note_read(file, faults, digest)

    def _note_read(self, file: File, faults: tuple[Text, ...], digest: str | None) -> None:
        self._folders.note(file)
        self._judges().was_read(file, faults, digest)
        if digest is None:
            self._events.append(ev.FileRefused(file=file, faults=faults))
            return
        for fault in faults:
            self._voice.say(do.Level.WARNING, fault)
        self._events.append(ev.FileDone(file=file))

    def _prune(self) -> None:
        try:
            self._remembers().prune(self._world.wall())
        except StoreUnavailableError as error:
            self._voice.say(do.Level.WARNING, said(error))

    def _announce(self, text: Text) -> None:
        self._voice.say(do.Level.WARNING, text)
        self._voice.announce(text, self._memory)

    def _write_status(self) -> None:
        if self._config is not None:
            self._count_now()
            self._voice.write_status(self._config, self._state, self._counts)

    # --- outputs, metrics, log --------------------------------------------------------------------------

    def _tell_notices(self) -> None:
        if self._memory is not None:
            notices, self._memory.notices = self._memory.notices, []
            for text in notices:
                self._announce(text)

    def _count_now(self) -> None:
        if self._hearing is not None and self._memory is not None:
            counts = replace(self._counts, flows=self._judges().flows)
            self._counts = at_hand(counts, self._hearing, self._memory, self._state)
            self._voice.show(self._counts)

    def _count(self) -> None:
        if self._memory is not None and self._config is not None:
            with suppress(StoreUnavailableError):
                self._counts = from_store(self._counts, self._config, self._memory, now=self._world.wall())
            self._count_now()

    def _close(self) -> None:
        self._voice.close()
        self._count()
        self._write_status()
        if self._hearing is not None:
            self._hearing.close_all()
        if self._memory is not None:
            self._memory.close()

    # --- what is there once something was adopted ----------------------------------------------------------

    def _hears(self) -> Hearing:
        return there(self._hearing)

    def _judges(self) -> Judgement:
        return there(self._judgement)

    def _remembers(self) -> Memory:
        return there(self._memory)


def _at_restart() -> Text:
    return Text(
        ja="name、state、store の変更は、センサーを再起動すると有効になります。それまでは前の保存先を使います。",
        en="A changed name, state or store takes effect when the sensor is restarted; until then the old ones are used.",
    )
