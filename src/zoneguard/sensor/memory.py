"""What a sensor remembers beyond its process: commits to the store, the flow history, and where it stands in files."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from zoneguard import __version__
from zoneguard.errors import InputRefusedError, StoreUnavailableError, why
from zoneguard.findings.lifecycle import Status, advance, remembered
from zoneguard.sensor import messages
from zoneguard.sensor.messages import findings_messages, notice_messages
from zoneguard.sensor.outputs import retention_of
from zoneguard.sensor.resolve import read_secret
from zoneguard.sensor.stand import pack_stand, unpack_stand
from zoneguard.store.history import History
from zoneguard.store.opening import open_store
from zoneguard.store.records import Commit
from zoneguard.store.upkeep import take_up, tidy
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import tzinfo
    from pathlib import Path
    from typing import BinaryIO

    from zoneguard.findings.finding import Finding
    from zoneguard.findings.lifecycle import Blind, Key, Known
    from zoneguard.sensor.config import Config
    from zoneguard.sensor.folder import File
    from zoneguard.sensor.stand import Stand
    from zoneguard.store.parquet import Flows
    from zoneguard.store.records import Blindness, CoverageWindow, FileDone, FlowDay, Part
    from zoneguard.store.store import Store

SECOND = 1_000_000_000
DAY = 86_400
HOUR = 3600 * SECOND
MOST_HELD = 100_000  # flows that wait for the next commit in memory: about 40 MB
MOST_OWED = 100_000  # flows that wait for room in the history: about 30 MB, as Parquet a fifth of it


@dataclass(slots=True)
class Run:
    """One judgement that goes on: begun in the store by its first commit."""

    policy_sha256: str
    started: int
    number: int | None = None
    serial: int = 0
    parts: list[int] = field(default_factory=list)  # numbers of those that hold its flows
    covered: CoverageWindow | None = None  # of the hour so far
    whole: bool = True  # False: too many flows of it are in no part, so that it cannot be taken up again


class _Checkpoint(NamedTuple):
    """Where the sensor stands: what is told of its run, and the meter, which is written when the commit is.

    With a full table the state of the meter is most of what the process holds: it is never held a second time. No
    packet is metered between a judgement and its commit; see sensor/machine.py.
    """

    head: bytes
    meter: Callable[[BinaryIO], None]


class _Waiting(NamedTuple):
    """Beside a commit that waits: the window it is of, its run, and where the sensor then stood."""

    number: int
    run: Run
    checkpoint: _Checkpoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one window came to, before it is committed. `clock` is that of the packets, `at` that of the wall."""

    number: int
    run: Run
    at: int
    clock: int
    findings: tuple[Finding, ...]
    coverage: CoverageWindow
    flow_days: tuple[FlowDay, ...]
    files: tuple[FileDone, ...] = ()
    stand: Stand | None = None
    meter: Callable[[BinaryIO], None] | None = None  # writes its state, beside a stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Where an earlier process stopped in its files: the run goes on."""

    run: Run
    stand: Stand
    meter: BinaryIO  # at the state of the meter
    flows: Iterator[Flows]  # of this run that have ended, read one part after the other


class Memory:
    """The store of one sensor with its history and its checkpoints. Everything here is written whole or not at all."""

    def __init__(self, config: Config, *, zone: tzinfo, now: int, environment: Mapping[str, str]) -> None:
        """Open the store; `notices` says what there was to say. Raises MachineLacksError."""
        self._config = config
        secret = config.store.password
        self.store: Store
        self.store, notes = open_store(
            config.store.url,
            now=now,
            password=None if secret is None else read_secret(secret, environment),
            state=config.state,
            retention=retention_of(config.retention),
            digest=messages.digest,
        )
        self.notices: list[Text] = list(notes.notices)
        self.history = History(config.state / "history", zone)
        self.notices += take_up(self.store, self.history, config.name)
        self.known: dict[Key, Known] = {
            key: remembered(one) for key, one in self.store.known(config.name).items()
        }
        self._blind: list[Blind] = list(self._unobserved(now))
        self._flows: list[Flows] = []
        self._parts: list[Part] = []  # that the next commit vouches for
        self._is_short = False  # flows that the next commit is of were given up for want of room
        self._owed: list[Flows] = []  # of the run that goes on and in no part: they go into the checkpoint
        self._queue: list[tuple[_Waiting, Commit]] = []
        self._run: Run | None = (
            None  # that goes on, to be taken up again from its parts where files are watched
        )
        self.writes_history = True  # False while the disk is nearly full

    def adopt(self, config: Config) -> None:
        """Go by another configuration of the same store from now on."""
        self._config = config

    # --- commits ----------------------------------------------------------------------------------------

    def remember(self, flows: Flows) -> None:
        """Keep flows that have ended for the history of the next commit; many are written at once.

        What is written before its commit is removed by the next start, if there is no such commit.
        """
        if not len(flows):
            return
        self._flows.append(flows)
        if sum(len(one) for one in self._flows) >= MOST_HELD:
            some, self._flows = self._flows, []
            parts = self._written(some)
            self._parts += parts or []
            self._is_short = self._is_short or parts is None

    def prepare(self, judged: Judged) -> None:
        """Make the commit of a judged window, on top of those that still wait."""
        config = self._config
        if not self._queue:
            self._take_acknowledgements()
        first = judged.clock - config.judge.gone_after * SECOND
        self._blind = [one for one in self._blind if one[1] > first]
        self._blind += self._blind_everywhere(judged.coverage.blind)
        step = advance(
            self.known,
            judged.findings,
            sensor=config.name,
            now=judged.clock,
            gone_after=config.judge.gone_after,
            blind=self._blind,
        )
        self.known |= {one.key: remembered(one) for one in step.known}
        sinks = {output.name: output.min_severity for output in config.outputs}
        judged.run.serial += 1
        parts = self._write_history(judged.run)
        self._run = judged.run
        checkpoint = self._stands(judged)
        # The meter has gone on since those that wait: only the last one can tell where it stands.
        self._queue = [(waiting._replace(checkpoint=None), commit) for waiting, commit in self._queue]
        self._queue.append(
            (
                _Waiting(judged.number, judged.run, checkpoint),
                Commit(
                    sensor=config.name,
                    run=0,  # given when the run is begun
                    serial=judged.run.serial,
                    at=judged.at,
                    known=step.known,
                    findings=judged.findings,
                    coverage=(self._covered(judged.run, judged.coverage),),
                    flow_days=judged.flow_days,
                    files=judged.files,
                    parts=parts,
                    messages=list(findings_messages(step, sensor=config.name, at=judged.at, sinks=sinks)),
                ),
            )
        )

    def commit(self) -> Iterator[int]:
        """Commit what waits, in order, and yield the number of each window that the store holds.

        Raises StoreUnavailableError; what was not yielded waits, and is handed in again as it was.
        """
        while self._queue:
            waiting, commit = self._queue[0]
            run = waiting.run
            if run.number is None:
                run.number = self.store.begin_run(
                    commit.sensor,
                    started=run.started,
                    policy_sha256=run.policy_sha256,
                    tool_version=__version__,
                )
            if waiting.checkpoint is not None:
                self._write_checkpoint(run.number, commit.serial, waiting.checkpoint)
            self.store.commit(replace(commit, run=run.number))
            self._queue.pop(0)
            self._drop_checkpoints(run.number, commit.serial)
            yield waiting.number

    def announce(self, text: Text, *, at: int) -> None:
        """Put a notice into the outbox of every output. Raises StoreUnavailableError."""
        sinks = [output.name for output in self._config.outputs]
        self.store.post(
            self._config.name, notice_messages(text, sensor=self._config.name, at=at, sinks=sinks), at=at
        )

    def open_findings(self) -> list[Finding]:
        """Give the findings that are open now and waived by nobody."""
        return [
            one.finding
            for one in self.known.values()
            if one.status is not Status.GONE and one.finding.waiver is None
        ]

    # --- files ------------------------------------------------------------------------------------------

    def is_done(self, file: File) -> bool:
        """Tell whether a file was judged to its end."""
        return self.store.is_done(self._config.name, path=file.path, size=file.size, mtime=file.mtime)

    def resume(self, *, period: str, policy_sha256: str) -> Resumed | None:
        """Find where the last commit left off, if that was in the same period by the same policy.

        Close `meter` when it was read.

        Raises InputRefusedError when the checkpoint, or a part of the history that it needs, is damaged.
        """
        runs = self.store.last_runs(self._config.name, most=1)
        if not runs or not runs[0].serial:
            return None
        last = runs[0]
        path = self._checkpoint(last.run, last.serial)
        try:
            file = path.open("rb")
        except OSError:
            if last.policy_sha256 == policy_sha256:
                self.notices.append(_begun_anew())
            return None
        try:
            stand, numbers, owed = unpack_stand(file)
            if stand.period != period or last.policy_sha256 != policy_sha256:
                file.close()
                return None
            parts = self._whole(numbers)
        except (ValueError, KeyError, OSError) as error:
            file.close()
            raise InputRefusedError(_damaged(path)) from error
        self._owed = [owed] if len(owed) else []
        self._run = run = Run(policy_sha256, last.started, last.run, last.serial, numbers)
        return Resumed(run=run, stand=stand, meter=file, flows=self._ended(parts, self._owed))

    def _whole(self, numbers: Sequence[int]) -> list[Part]:
        """Find parts of the history; raises KeyError or ValueError when one is not there or damaged."""
        held = {part.number: part for part in self.store.parts(self._config.name)}
        parts = [held[number] for number in numbers]
        if self.history.damaged(parts):
            raise ValueError("A part of the history is damaged.")
        return parts

    def _ended(self, parts: Sequence[Part], owed: Sequence[Flows]) -> Iterator[Flows]:
        for part in parts:
            yield from self.history.blocks(part)
        yield from owed

    def prune(self, now: int) -> None:
        """Remove what is older than its retention. Raises StoreUnavailableError."""
        days = self._config.retention.history // DAY
        self.store.prune(now)
        needed = frozenset(self._run.parts) if self._run is not None and not self._config.interfaces else ()
        self.notices += tidy(self.store, self.history, self._config.name, now=now, days=days, needed=needed)

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def _stands(self, judged: Judged) -> _Checkpoint | None:
        if judged.stand is None or judged.meter is None or not judged.run.whole:
            return None
        return _Checkpoint(pack_stand(judged.stand, judged.run.parts, self._owed), judged.meter)

    def _take_acknowledgements(self) -> None:
        """Learn what people acknowledged meanwhile, beside this process."""
        with suppress(StoreUnavailableError):
            given = self.store.acknowledgements(self._config.name)
            self.known = {
                key: replace(one, acknowledged=given.get(key)) if one.acknowledged != given.get(key) else one
                for key, one in self.known.items()
            }

    def _covered(self, run: Run, window: CoverageWindow) -> CoverageWindow:
        """Add a window to those of its hour: what was covered is kept by the hour, not by the minute."""
        last = run.covered
        apart = last is None or abs(window.start - last.end) > SECOND  # nothing was watched in between
        if last is None or apart or last.start // HOUR != window.start // HOUR:
            run.covered = window
        else:
            missed = Counter(last.not_decoded)
            missed.update(window.not_decoded)
            run.covered = replace(
                last,
                end=max(last.end, window.end),
                packets=last.packets + window.packets,
                bytes=last.bytes + window.bytes,
                dropped=last.dropped + window.dropped,
                truncated=last.truncated + window.truncated,
                not_decoded=dict(missed),
                blind=(*last.blind, *window.blind),
            )
        return run.covered

    def _write_history(self, run: Run) -> list[Part]:
        """Write the flows that wait; findings must not wait for room that the history does not find."""
        flows, self._flows = self._flows, []
        old, self._owed = self._owed, []
        parts, self._parts = self._parts, []
        run.parts += [part.number for part in parts]
        run.whole, self._is_short = run.whole and not self._is_short, False
        if run is not self._run:  # what an earlier judgement owes is no part of this one
            parts += self._written(old) or []
            old = []
        if not old and not flows:
            return parts
        own = self._written([*old, *flows])
        if own is not None:
            run.parts += [part.number for part in own]
            return [*parts, *own]
        kept = [*old, *flows]
        wanted = self._config.retention.history or (run.whole and not self._config.interfaces)
        if wanted and sum(len(one) for one in kept) <= MOST_OWED:
            self._owed = kept
        else:
            run.whole = False
        return parts

    def _written(self, flows: list[Flows]) -> list[Part] | None:
        """Write flows; None when there is no room for them, or none are to be kept."""
        if not flows:
            return []
        if not self.writes_history or not self._config.retention.history:
            return None
        try:
            return self.history.write(*flows)
        except StoreUnavailableError as error:
            self.notices += error.faults
            return None

    def _unobserved(self, now: int) -> Iterator[Blind]:
        """Yield when this sensor saw nothing at all lately, as far as it matters to what may be gone."""
        first = now - self._config.judge.gone_after * SECOND - DAY * SECOND
        for one in self.store.coverage(first, now, sensor=self._config.name):
            yield from one.gaps
            yield from self._blind_everywhere(one.blind)

    def _blind_everywhere(self, blind: Sequence[Blindness]) -> Iterator[Blind]:
        """Yield when no interface saw anything; never so where folders are watched too."""
        names = {one.name for one in self._config.interfaces}
        if not names or self._config.folders:
            return
        borders = sorted({moment for one in blind for moment in (one.start, one.end)})
        for start, end in pairwise(borders):
            closed = {one.interface for one in blind if one.start <= start and end <= one.end}
            if names <= closed:
                yield start, end

    def _checkpoint(self, run: int, serial: int) -> Path:
        return self._config.state / f"checkpoint-{run:08d}-{serial:08d}"

    def _write_checkpoint(self, run: int, serial: int, checkpoint: _Checkpoint) -> None:
        path = self._checkpoint(run, serial)
        draft = path.with_name(path.name + ".tmp")
        try:
            with draft.open("wb") as file:
                file.write(checkpoint.head)
                checkpoint.meter(file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            raise StoreUnavailableError(_not_written(path, error)) from error

    def _drop_checkpoints(self, run: int, serial: int) -> None:
        kept = self._checkpoint(run, serial).name
        with suppress(OSError):  # the commit stands; the next one tries again
            for path in self._config.state.glob("checkpoint-*"):
                if path.name != kept:
                    path.unlink(missing_ok=True)


def _damaged(path: Path) -> Text:
    return Text(
        ja=f"{path}: 前回の続きの記録が壊れています。途中だった通信は続きとして扱わず、ここから新しく判定します。",
        en=f"{path}: the record of where the sensor stood is damaged; flows that were under way are not continued,"
        " and the judgement begins anew from here.",
    )


def _begun_anew() -> Text:
    return Text(
        ja="前回の続きの記録がないため、途中だった通信は続きとして扱わず、ここから新しく判定します（フロー履歴を残さない設定、"
        "空き容量の不足、集計期間の終わりのいずれかによります）。",
        en="There is no record of where the sensor stood, so flows that were under way are not continued and the judgement"
        " begins anew from here; flow history is not kept, the disk was full for long, or a period had ended.",
    )


def _not_written(path: Path, error: OSError) -> Text:
    reason = why(error)
    return Text(
        ja=f"{path}: 書き込めません（{reason.ja}）。空き容量と権限を確かめてください。",
        en=f"{path}: cannot be written ({reason.en}); check space and rights.",
    )
