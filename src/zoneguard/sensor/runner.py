"""The sensor's runner: gives the machine its events and does what it commands. All that touches the world is here."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, assert_never

from zoneguard.api.watching import Watch, since
from zoneguard.errors import (
    ExitCode,
    InputRefusedError,
    MachineLacksError,
    StoreUnavailableError,
    ZoneGuardError,
    why,
)
from zoneguard.findings.finding import SEVERITY_ORDER, Severity, Verdict
from zoneguard.net.flow import CaptureCoverage
from zoneguard.policy.domains import overlap_domains
from zoneguard.policy.load import load_policy
from zoneguard.report.when import time_zone
from zoneguard.sensor import commands as do
from zoneguard.sensor import events as ev
from zoneguard.sensor.counts import Counts, FindingCount, InterfaceCounts, SpoolCounts, with_window
from zoneguard.sensor.courier import Courier
from zoneguard.sensor.folder import File, Look, look
from zoneguard.sensor.hearing import Hearing
from zoneguard.sensor.load import load_config, observation_faults
from zoneguard.sensor.log import Log
from zoneguard.sensor.machine import next_wake, step
from zoneguard.sensor.memory import Judged, Memory, Run, Stand
from zoneguard.sensor.metrics import Metrics
from zoneguard.sensor.notify import Supervisor, watchdog_limit
from zoneguard.sensor.outputs import pace_of, sink_of
from zoneguard.sensor.rights import drop_to
from zoneguard.sensor.state import State
from zoneguard.sensor.status import status_of, write_status
from zoneguard.store.parquet import Flows
from zoneguard.store.records import Blindness, CoverageWindow, FileDone
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo
    from typing import TextIO

    from zoneguard.findings.finding import Finding
    from zoneguard.net.flow import FlowTable
    from zoneguard.policy.model import Policy
    from zoneguard.sensor.commands import Command, Window
    from zoneguard.sensor.config import Config, Folder
    from zoneguard.sensor.events import Event
    from zoneguard.text import Lang

SECOND = 1_000_000_000
TURN = 0.2  # seconds that a signal waits at most
LOOK_EVERY = SECOND  # at folders, links and losses
COUNT_EVERY = 5 * SECOND  # what the store must be asked for
LAST_DELIVERY = 5.0  # seconds that a stop leaves to each output
_FIRST_ZONE = "Asia/Tokyo"  # of the log, until a policy says otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What surrounds the process: both clocks (ns), chance, environment, streams."""

    mono: Callable[[], int] = time.monotonic_ns
    wall: Callable[[], int] = time.time_ns
    chance: Callable[[], float] = field(default=lambda: int.from_bytes(os.urandom(7), "little") / 2**56)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    lang: Lang = "ja"

    def now(self) -> ev.Now:
        """Read both clocks."""
        return ev.Now(mono=self.mono(), wall=self.wall())


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
        self._supervisor = Supervisor(world.environment)
        self._metrics = Metrics()
        self._counts = Counts(started=world.wall())
        self._log = self._new_log(time_zone(_FIRST_ZONE), "")
        self._zone: tzinfo = time_zone(_FIRST_ZONE)
        self._config: Config | None = None
        self._policy: Policy | None = None
        self._read_policy: Policy | None = None  # the newest that was read, in use or not
        self._memory: Memory | None = None
        self._hearing: Hearing | None = None
        self._watch: Watch | None = None
        self._run: Run | None = None
        self._files: list[str] = []
        self._digests: dict[File, str] = {}
        self._faults: list[Text] = []  # of files, in this period
        self._base = CaptureCoverage()  # of the meter, when the period began
        self._last = CaptureCoverage()  # when the last window ended
        self._lost = 0  # packets that the system dropped in this period
        self._couriers: list[Courier] = []
        self._talking: Config | None = None  # whose outputs and metrics are running
        self._looks: dict[Path, Look] = {}
        self._known: set[File] = set()
        self._unsent: list[Text] = []  # notices that the store did not take
        self._looked = self._counted = 0
        self._code: ExitCode | None = None
        self._told: tuple[Finding, ...] = ()
        self._blind = False
        self._alive = world.mono()

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
            return self._verdict()
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
        self._retry_notices()
        if now - self._counted >= COUNT_EVERY:
            self._counted = now
            self._count()

    def _look_into(self, folder: Folder) -> None:
        if self._memory is None:
            return
        listed = []
        for path in folder.path.glob(folder.glob):
            try:
                about = path.stat()
            except OSError:
                continue
            file = File(
                path=str(path),
                inode=about.st_ino,
                size=about.st_size,
                mtime=about.st_mtime_ns,
                sensor=folder.sensor,
            )
            try:
                if file not in self._known and self._memory.is_done(file):
                    self._known.add(file)
            except StoreUnavailableError:
                return
            listed.append(file)
        before = self._looks.get(folder.path, Look())
        seen = look(
            [self._with_first_packet(file, before) for file in listed],
            self._known,
            before,
            mono=self._world.mono(),
            settle=folder.settle,
        )
        self._looks[folder.path] = seen
        for text in seen.told:
            self._say(do.Level.WARNING, text)
        if seen.ready:
            self._events.append(ev.FilesSettled(files=seen.ready))

    def _with_first_packet(self, file: File, before: Look) -> File:
        from zoneguard.capture.pcap import first_time

        last = before.seen.get(file.path)
        if last is not None and last.file == file:
            return last.file
        return replace(file, first_packet=first_time(Path(file.path)))

    def _look_at_disk(self, config: Config) -> None:
        try:
            free = shutil.disk_usage(config.state).free
        except OSError:
            return
        self._events.append(ev.DiskLow(free=free) if free < config.low_water else ev.DiskOk())

    def _is_over(self, began: int) -> bool:
        if self._config is None or self._state.reading is not None:
            return False
        settled = (
            all(look.waiting == () and not set(look.ready) - self._known for look in self._looks.values())
            and len(self._looks) == len(self._config.folders)
            and not self._state.queue
        )
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
                status = command.status.in_(self._world.lang) if command.status else ""
                self._supervisor.tell(command.words, status)
            case do.WriteStatus():
                self._write_status()
            case do.Say():
                self._say(command.level, command.text)
            case do.Announce():
                self._unsent.append(command.text)  # the machine has it said as well
                self._retry_notices()
            case do.Stop():
                self._code = command.code
            case _:
                assert_never(command)

    def _open(self, command: do.OpenRing | do.ReopenRing) -> None:
        name, watch = command.interface.name, self._watches()
        try:
            self._hears().open(command.interface, watch.sensors.index(command.interface.sensor))
        except (MachineLacksError, OSError) as error:
            reason = _reason(error)
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
        began, hearing, watch, window = time.perf_counter(), self._hears(), self._watches(), command.window
        live_sources = bool(self._config and self._config.interfaces)
        hearing.drain()
        if command.final and live_sources:
            hearing.end()
        elif ends:
            hearing.cut(window.ended.wall)
        covered = hearing.coverage()
        self._lost += sum(dropped for _, dropped in window.dropped)
        now = window.ended.wall
        findings = watch.findings(
            hearing.live(),
            hearing.tunnels(),
            hearing.claims(),
            since(covered, self._base, dropped=self._lost),
            now=now,
            faults=tuple(self._faults),
        )
        stand = None
        if not live_sources and not ends:
            stand = Stand(
                period=window.period,
                names=tuple(self._files),
                faults=tuple(self._faults),
                meter=hearing.checkpoint(),
            )
        self._remembers().prepare(
            Judged(
                number=window.number,
                run=self._runs(),
                at=now,
                clock=now if live_sources else hearing.clock() or now,
                findings=findings,
                coverage=_coverage_of(window, since(covered, self._last)),
                day_sums=watch.day_sums(),
                files=tuple(self._done(file) for file in (*window.files, *window.refused)),
                stand=stand,
            )
        )
        self._last, self._told = covered, findings
        self._blind = self._blind or bool(window.blind) or bool(window.dropped)
        self._counts = with_window(self._counts, window, time.perf_counter() - began)
        self._tell_notices()

    def _commit(self) -> None:
        memory = self._remembers()
        try:
            for number in memory.commit():
                self._events.append(ev.Committed(through=number))
                self._counts = replace(self._counts, last_success=self._world.wall())
        except StoreUnavailableError as error:
            self._events.append(ev.StoreFailed(reason=_reason(error)))
        for courier in self._couriers:
            courier.wake()

    def _begin(self, period: str) -> None:
        """Begin the judgement anew; where files alone are watched, take up what an earlier process left."""
        hearing, first = self._hears(), not self._files
        self._watch, self._run = self._new_watch(), self._new_run()
        hearing.begin_counting()
        self._base = self._last = hearing.coverage()
        self._faults, self._lost = [], 0
        if not first or (self._config and self._config.interfaces):
            return
        try:
            resumed = self._remembers().resume(period=period, policy_sha256=self._policy_in_use().sha256)
        except (InputRefusedError, StoreUnavailableError) as error:
            self._announce(_reason(error))
            return
        if resumed is None:
            return
        self._files += resumed.stand.names
        self._faults += resumed.stand.faults
        self._run = resumed.run
        for flows in resumed.flows:
            self._watch.add(flows.table)
        try:
            hearing.restore(resumed.stand.meter)
        except InputRefusedError as error:
            self._announce(_reason(error))
        self._last = hearing.coverage()

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
        policy = self._read_policy
        if policy is None:
            raise RuntimeError("A configuration is adopted with the policy that was read with it.")
        before, self._config = self._config, config
        self._zone = time_zone(policy.timezone)
        self._log = self._new_log(self._zone, config.name)
        if self._memory is None:
            self._memory = Memory(
                config, zone=self._zone, now=self._world.wall(), environment=self._world.environment
            )
        elif before is not None and (before.store, before.state, before.name) != (
            config.store,
            config.state,
            config.name,
        ):
            self._say(do.Level.WARNING, _at_restart())
        else:
            self._memory.adopt(config)
        self._tell_notices()
        if self._hearing is not None and before is not None:
            self._hearing.adopt(config)
        if before is not None:
            self._get_ready()

    def _get_ready(self) -> None:
        """Give up what only the rings needed, then begin to talk: threads come after that."""
        config = _there(self._config)
        if self._user is not None:
            drop_to(self._user, config.state)
            self._user = None
        if config is not self._talking:
            self._start_couriers(config)
            self._serve_metrics(self._talking, config)
            self._talking = config

    def _adopt_policy(self) -> None:
        if self._read_policy is None or self._config is None:
            raise RuntimeError("A policy is adopted after it was read.")
        policy = self._policy = self._read_policy
        domains = overlap_domains(policy)
        if self._hearing is None:
            self._hearing = Hearing(self._config, domains, emit=self._ended, files=self._files)
        else:
            self._hearing.set_domains(domains)
        self._watch, self._run = self._new_watch(), self._new_run()
        self._base = self._last = self._hearing.coverage()

    def _read(self, file: File) -> None:
        sensor = self._watches().sensors.index(file.sensor)
        faults, digest = self._hears().read(file, sensor, self._show_life)
        self._known.add(file)
        self._digests[file] = digest or ""
        self._faults += faults
        if digest is None:
            self._events.append(ev.FileRefused(file=file, faults=faults))
            return
        for fault in faults:
            self._say(do.Level.WARNING, fault)
        self._events.append(ev.FileDone(file=file))

    def _prune(self) -> None:
        try:
            self._remembers().prune(self._world.wall())
        except StoreUnavailableError as error:
            self._say(do.Level.WARNING, _reason(error))

    def _announce(self, text: Text) -> None:
        self._say(do.Level.WARNING, text)
        self._unsent.append(text)
        self._retry_notices()

    def _write_status(self) -> None:
        if self._config is None:
            return
        self._count_now()
        try:
            write_status(
                self._config.status, status_of(self._state, self._counts, pid=os.getpid(), zone=self._zone)
            )
        except MachineLacksError as error:
            self._say(do.Level.WARNING, _reason(error))

    # --- the judgement ----------------------------------------------------------------------------------

    def _ended(self, table: FlowTable) -> None:
        """Judge flows that have ended, and keep them for the history."""
        turned, orig, resp = self._watches().add(table)
        self._counts = replace(self._counts, flows=self._counts.flows + len(table))
        self._remembers().remember(Flows(table=turned, orig_zone=orig, resp_zone=resp))

    def _new_watch(self) -> Watch:
        return Watch(self._policy_in_use(), files=self._files)

    def _new_run(self) -> Run:
        return Run(policy_sha256=self._policy_in_use().sha256, started=self._world.wall())

    def _done(self, file: File) -> FileDone:
        return FileDone(path=file.path, size=file.size, mtime=file.mtime, sha256=self._digests.pop(file, ""))

    def _verdict(self) -> ExitCode:
        """Give the exit code of `once`, decided as that of `check`."""
        live = [one for one in self._told if one.waiver is None]
        grave = SEVERITY_ORDER[: SEVERITY_ORDER.index(Severity.MEDIUM) + 1]
        if any(one.verdict is not Verdict.UNVERIFIABLE and one.severity in grave for one in live):
            return ExitCode.FINDINGS
        unseen = any(
            one.verdict is Verdict.UNVERIFIABLE and one.severity is not Severity.INFO for one in live
        )
        nothing = since(self._last, self._base).packets == 0
        return ExitCode.INCONCLUSIVE if unseen or nothing or self._blind or self._faults else ExitCode.CLEAN

    # --- outputs, metrics, log --------------------------------------------------------------------------

    def _start_couriers(self, config: Config) -> None:
        for courier in self._couriers:
            courier.stop(LAST_DELIVERY)
        self._couriers = [
            Courier(
                self._remembers().store,
                sink_of(output, zone=self._zone, environment=self._world.environment),
                sensor=config.name,
                name=output.name,
                pace=pace_of(output),
                chance=self._world.chance,
                wall=self._world.wall,
            )
            for output in config.outputs
        ]
        for courier in self._couriers:
            courier.start()

    def _serve_metrics(self, before: Config | None, config: Config) -> None:
        if self._once is not None or (before is not None and before.metrics == config.metrics):
            return
        self._metrics.close()
        if config.metrics is None:
            return
        try:
            self._metrics.serve(config.metrics.host, config.metrics.port)
        except MachineLacksError as error:
            self._announce(_reason(error))

    def _retry_notices(self) -> None:
        while self._unsent and self._memory is not None:
            try:
                self._memory.announce(self._unsent[0], at=self._world.wall())
            except StoreUnavailableError:
                del self._unsent[:-100]  # the newest matter most
                return
            self._unsent.pop(0)
            for courier in self._couriers:
                courier.wake()

    def _tell_notices(self) -> None:
        if self._memory is not None:
            notices, self._memory.notices = self._memory.notices, []
            for text in notices:
                self._announce(text)

    def _count_now(self) -> None:
        """Bring the snapshot up to date with what costs nothing to ask."""
        hearing, memory = self._hearing, self._memory
        if hearing is None or memory is None:
            return
        interfaces = dict(self._counts.interfaces)
        for name, packets in hearing.packets().items():
            interfaces[name] = replace(interfaces.get(name, InterfaceCounts()), packets=packets)
        rows, room = hearing.rows()
        found: Counter[tuple[str, Severity, str, str]] = Counter(
            (one.rule, one.severity, one.orig.zone if one.orig else "", one.resp.zone if one.resp else "")
            for one in memory.open_findings()
        )
        self._counts = replace(
            self._counts,
            interfaces=interfaces,
            table_rows=rows,
            table_room=room,
            findings=tuple(
                FindingCount(rule=key[0], severity=key[1], orig=key[2], resp=key[3], number=number)
                for key, number in sorted(found.items())
            ),
            policy_refused=bool(self._state.refused),
            disk_low=self._state.disk_low,
        )
        self._metrics.show(self._counts)

    def _count(self) -> None:
        """Bring the snapshot up to date with what the store knows."""
        if self._memory is None or self._config is None:
            return
        try:
            depths = self._memory.store.spool(self._config.name)
        except StoreUnavailableError:
            return
        spools = {output.name: SpoolCounts() for output in self._config.outputs}
        for depth in depths:
            if depth.sink in spools:
                spools[depth.sink] = SpoolCounts(
                    waiting=depth.waiting,
                    oldest=depth.oldest,
                    delivered=depth.delivered,
                    failing=depth.error,
                )
        self._counts = replace(self._counts, spools=spools)
        self._count_now()

    def _say(self, level: do.Level, text: Text) -> None:
        self._log.write(level, text, now=self._world.wall())

    def _new_log(self, zone: tzinfo, name: str) -> Log:
        return Log(self._world.stream, zone=zone, lang=self._world.lang, sensor=name)

    def _show_life(self) -> None:
        """Tell systemd that a long piece of work goes on."""
        now = self._world.mono()
        if now - self._alive > LOOK_EVERY * 10:
            self._alive = now
            self._supervisor.tell(("WATCHDOG=1",))

    def _close(self) -> None:
        self._count()
        self._write_status()
        for courier in self._couriers:
            courier.stop(LAST_DELIVERY)
        if self._hearing is not None:
            self._hearing.close_all()
        self._metrics.close()
        if self._memory is not None:
            self._memory.close()
        self._supervisor.close()

    # --- what is there once something was adopted ----------------------------------------------------------

    def _hears(self) -> Hearing:
        return _there(self._hearing)

    def _watches(self) -> Watch:
        return _there(self._watch)

    def _remembers(self) -> Memory:
        return _there(self._memory)

    def _runs(self) -> Run:
        return _there(self._run)

    def _policy_in_use(self) -> Policy:
        return _there(self._policy)


T = TypeVar("T")


def _there(one: T | None) -> T:
    """Give what the machine never asks for before it was adopted."""
    if one is None:
        raise RuntimeError(
            "The machine commanded something before a configuration and a policy were adopted."
        )
    return one


def _reason(error: Exception) -> Text:
    if isinstance(error, ZoneGuardError):
        return Text(
            ja="".join(fault.ja for fault in error.faults), en=" ".join(fault.en for fault in error.faults)
        )
    if isinstance(error, OSError):
        return why(error)
    return Text(ja=str(error), en=str(error))


def _coverage_of(window: Window, seen: CaptureCoverage) -> CoverageWindow:
    """Put a window and its blind stretches on the wall clock, as it stood when the window ended.

    So a step of the clock makes no window longer than it was, nor one that ended before it began.
    """
    offset = window.ended.wall - window.ended.mono
    begun = window.begun.wall + window.stepped
    return CoverageWindow(
        start=begun,
        end=max(window.ended.wall, begun + 1),
        packets=seen.packets,
        bytes=seen.bytes,
        dropped=seen.dropped + sum(dropped for _, dropped in window.dropped),
        truncated=seen.truncated,
        not_decoded=seen.not_decoded,
        blind=tuple(
            Blindness(
                start=one.begun + offset,
                end=one.ended + offset,
                reason=one.reason.value,
                interface=one.interface,
            )
            for one in window.blind
        ),
    )


def _at_restart() -> Text:
    return Text(
        ja="name、state、store の変更は、センサーを再起動すると有効になります。それまでは前の保存先を使います。",
        en="A changed name, state or store takes effect when the sensor is restarted; until then the old ones are used.",
    )
