"""The store: one transaction a judgement, and everything that the sensor and its pages ask of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from zoneguard.errors import StoreFullError
from zoneguard.store import outbox, pruning, queries, writing
from zoneguard.store.engine import told
from zoneguard.store.records import Committed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import TracebackType
    from typing import Self, TypeVar

    from sqlalchemy import URL, Connection, Engine

    from zoneguard.findings.finding import Severity
    from zoneguard.findings.lifecycle import Acknowledgement, Key, Known, Status
    from zoneguard.store.lock import FolderLock
    from zoneguard.store.outbox import Digest
    from zoneguard.store.records import (
        Commit,
        CommitDone,
        CoverageSum,
        FileDone,
        FlowDay,
        Message,
        Part,
        Pending,
        Retention,
        RunRecord,
        SpoolDepth,
        StoredFinding,
        Tally,
    )

    T = TypeVar("T")

# How much shorter things are kept, step by step, when there is no room for a commit.
_PRESSURE = (0.5, 0.25, 0.0)


class Store:
    """An open store; made by `open_store` (the sensor's own) or `visit_store` (beside it).

    Every method is one transaction and may raise StoreUnavailableError (try again), StoreFullError or
    StoreCorruptError (open anew). Safe to use from several threads.
    """

    def __init__(
        self,
        url: URL,
        engine: Engine,
        *,
        locks: Sequence[FolderLock],
        retention: Retention,
        digest: Digest | None,
    ) -> None:
        self._url = url
        self._reading = engine
        self._writing = engine.execution_options(begin="IMMEDIATE")
        self._locks = list(locks)
        self._retention = retention
        self._digest = digest

    # --- runs and commits ------------------------------------------------------------------------------

    def begin_run(self, sensor: str, *, started: int, policy_sha256: str, tool_version: str) -> int:
        """Begin a run and give its number, counted per sensor from one."""
        return self._write(
            lambda c: writing.begin_run(
                c, sensor, started=started, policy_sha256=policy_sha256, tool_version=tool_version
            )
        )

    def commit(self, commit: Commit) -> Committed:
        """Write a judgement whole. Where there is no room, what is over gives way before what is open."""
        try:
            return self._write(lambda c: writing.commit(c, commit))
        except StoreFullError:
            pruned = 0
            for make_room in self._ways_to_make_room(commit):
                freed = make_room()
                pruned += freed
                if freed:
                    try:
                        number = self._write(lambda c: writing.commit(c, commit)).number
                    except StoreFullError:
                        continue
                    return Committed(number=number, pruned=pruned)
            raise

    def known(self, sensor: str) -> dict[Key, Known]:
        """Give what is known of a sensor's findings, for `findings.lifecycle.advance`."""
        return self._read(lambda c: queries.known(c, sensor))

    def acknowledgements(self, sensor: str) -> dict[Key, Acknowledgement]:
        """Give who deals with what: all that may change beside a sensor that keeps what it knows in memory."""
        return self._read(lambda c: queries.acknowledgements(c, sensor))

    def acknowledge(self, key: Key, given: Acknowledgement | None) -> None:
        """Put or, with None, take back an acknowledgement; raises ValueError for a finding that is unknown or gone."""
        self._write(lambda c: writing.acknowledge(c, key, given))

    def prune(self, at: int, *, scale: float = 1.0) -> int:
        """Delete what is over for longer than it is kept, times `scale`; give the number of rows."""
        return self._write(lambda c: pruning.prune(c, at, self._retention, scale))

    # --- files and parts -------------------------------------------------------------------------------

    def is_done(self, sensor: str, *, path: str, size: int, mtime: int) -> bool:
        """Tell whether a file of this name, size and time was judged to its end."""
        return self._read(lambda c: queries.is_done(c, sensor, path=path, size=size, mtime=mtime))

    def done_as(self, sensor: str, sha256: str) -> FileDone | None:
        """Find a file of the same content that was judged under any name."""
        return self._read(lambda c: queries.done_as(c, sensor, sha256))

    def parts(self, sensor: str, *, first_day: str | None = None, last_day: str | None = None) -> list[Part]:
        """Give the parts of the flow history that commits vouch for, in order."""
        return self._read(lambda c: queries.parts(c, sensor, first_day=first_day, last_day=last_day))

    def replace_parts(self, sensor: str, *, old: Sequence[Part], new: Sequence[Part]) -> None:
        """Vouch for new parts instead of old ones: compaction, retention, a damaged part, adoption."""
        self._write(lambda c: writing.replace_parts(c, sensor, old, new))

    # --- outbox ----------------------------------------------------------------------------------------

    def post(self, sensor: str, messages: Iterable[Message], *, at: int) -> None:
        """Put messages into the outbox that belong to no judgement: what the sensor says of itself."""
        self._write(lambda c: writing.post(c, sensor, messages, at))

    def pending(self, sensor: str, sink: str, *, most: int = 1000) -> list[Pending]:
        """Give the oldest messages that one sink has not taken yet, in order."""
        return self._read(lambda c: outbox.pending(c, sensor, sink, most))

    def waiting(self, sensor: str, sink: str) -> int:
        """Count the messages that one sink has not taken yet."""
        return self._read(lambda c: outbox.waiting(c, sensor, sink))

    def sent(self, sensor: str, sink: str, *, since: int) -> list[int]:
        """Give the times at which a sink took something since a time, a batch counted once."""
        return self._read(lambda c: outbox.sent(c, sensor, sink, since))

    def bind(self, sensor: str, sink: str, *, last: int) -> None:
        """Bind all that waits up to a sequence into one batch, so that each attempt sends the same."""
        self._write(lambda c: outbox.bind(c, sensor, sink, last))

    def delivered(self, sensor: str, sink: str, *, last: int, at: int) -> None:
        """Note that a sink took everything up to a sequence."""
        self._write(lambda c: outbox.delivered(c, sensor, sink, last, at))

    def failed(self, sensor: str, sink: str, *, next_attempt: int, error: str) -> None:
        """Note that a sink did not take the message at the head, and when to try again."""
        self._write(lambda c: outbox.failed(c, sensor, sink, next_attempt, error))

    def abandon(self, sensor: str, sink: str) -> int:
        """Give up what waits for an output that there is no more; give the number of messages."""
        return self._write(lambda c: outbox.abandon(c, sensor, sink))

    # --- pages -----------------------------------------------------------------------------------------

    def findings(
        self, sensor: str | None = None, *, statuses: Sequence[Status] | None = None, most: int = 10_000
    ) -> list[StoredFinding]:
        """Give findings, gravest and latest first; without `statuses` those that are open."""
        return self._read(lambda c: queries.findings(c, sensor, statuses, most))

    def tallies(self, sensor: str | None = None) -> list[Tally]:
        """Count findings by sensor, severity and status."""
        return self._read(lambda c: queries.tallies(c, sensor))

    def gravest_open(self, sensor: str | None = None) -> Severity | None:
        """Give the gravest severity of an open finding that is not waived."""
        return self._read(lambda c: queries.gravest_open(c, sensor))

    def last_commits(self, sensor: str | None = None, *, most: int = 10) -> list[CommitDone]:
        """Give the latest commits, newest first."""
        return self._read(lambda c: queries.last_commits(c, sensor, most))

    def last_runs(self, sensor: str | None = None, *, most: int = 10) -> list[RunRecord]:
        """Give the latest runs, newest first."""
        return self._read(lambda c: queries.last_runs(c, sensor, most))

    def spool(self, sensor: str | None = None) -> list[SpoolDepth]:
        """Give what waits for each sink."""
        return self._read(lambda c: outbox.depths(c, sensor))

    def coverage(self, first: int, last: int, *, sensor: str | None = None) -> list[CoverageSum]:
        """Sum what each sensor saw and did not see in a period; times no window speaks of are gaps."""
        return self._read(lambda c: queries.coverage(c, sensor, first, last))

    def flow_days(self, first: str, last: str, *, sensor: str | None = None) -> list[tuple[str, FlowDay]]:
        """Give sensor and daily totals of flows between zones, from one ISO date to another."""
        return self._read(lambda c: queries.flow_days(c, sensor, first, last))

    def sensors(self) -> list[str]:
        """Name the sensors that ever began a run here."""
        return self._read(queries.sensors)

    # --- ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close all connections and let the folders go."""
        self._reading.dispose()
        while self._locks:
            self._locks.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ways_to_make_room(self, commit: Commit) -> Iterator[Callable[[], int]]:
        for scale in _PRESSURE:
            yield partial(self.prune, commit.at, scale=scale)
        digest = self._digest
        if digest is not None:
            yield lambda: self._write(lambda c: outbox.condense(c, commit.sensor, digest))

    def _write(self, work: Callable[[Connection], T]) -> T:
        with told(self._url), self._writing.begin() as connection:
            return work(connection)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with told(self._url), self._reading.begin() as connection:
            return work(connection)
