"""The judgement that a sensor goes on with: what ended, what still lives, and what each window comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from zoneguard.api.looking import Looking
from zoneguard.api.watching import Watch, since
from zoneguard.errors import ExitCode, InputRefusedError, StoreUnavailableError
from zoneguard.findings.finding import Severity
from zoneguard.findings.threshold import has_failing, is_unsure
from zoneguard.net.flow import CaptureCoverage
from zoneguard.sensor import commands as do
from zoneguard.sensor.captures import Faults, Names
from zoneguard.sensor.hearing import LOOK_OCTETS
from zoneguard.sensor.memory import Judged, Run
from zoneguard.sensor.sentences import said
from zoneguard.sensor.stand import Stand
from zoneguard.store.parquet import Flows
from zoneguard.store.records import Blindness, CoverageWindow, FileDone

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoneguard.findings.finding import Finding
    from zoneguard.net.flow import FlowTable
    from zoneguard.policy.model import Policy
    from zoneguard.sensor.commands import Window
    from zoneguard.sensor.folder import File
    from zoneguard.sensor.hearing import Hearing
    from zoneguard.sensor.memory import Memory
    from zoneguard.text import Text

T = TypeVar("T")


class Judgement:
    """Judges what a sensor hears, from the begin of a period on. `is_live`: interfaces are heard, not folders alone.

    Over folders alone it is taken up where an earlier process left it; over interfaces each process begins anew,
    since what passed in between is lost. `most_looks` flows are opened for each question, with the tshark that is
    found in `search` (a PATH).
    """

    def __init__(self, memory: Memory, *, is_live: bool, most_looks: int, search: str) -> None:
        self.files = Names()  # that flows tell by number: interfaces and captures
        self.flows = 0  # that ended, since the process began
        self.is_live = is_live
        self.most_looks = most_looks  # from the next judgement on
        self._looking = Looking(search, room=LOOK_OCTETS)
        self._memory = memory
        self._policy: Policy | None = None
        self._watch: Watch | None = None
        self._run: Run | None = None
        self._digests: dict[File, str] = {}
        self._faults = Faults()  # in this period
        self._base = CaptureCoverage()  # of the meter, when the period began
        self._last = CaptureCoverage()  # when the last window ended
        self._lost = 0  # packets that the system dropped in this period
        self._told: tuple[Finding, ...] = ()
        self._missed = False  # something was not seen since the process began

    def judge_by(self, policy: Policy, *, now: int) -> None:
        """Judge by this policy from now on, anew."""
        self._policy = policy
        self._watch = Watch(policy, files=self.files, most_looks=self.most_looks)
        self._looking.forget()
        self._run = Run(policy_sha256=policy.sha256, started=now)

    def begin(self, period: str, hearing: Hearing, *, now: int) -> tuple[Text, ...]:
        """Begin a period, or go on with one that an earlier process began; give what there is to say of it."""
        policy, first = there(self._policy), not self.files
        self.judge_by(policy, now=now)
        hearing.begin_counting()
        self._base = self._last = hearing.coverage()
        self._faults, self._lost = Faults(), 0
        if self.is_live or not first:
            return ()
        try:
            resumed = self._memory.resume(period=period, policy_sha256=policy.sha256)
            if resumed is not None:
                with resumed.meter:
                    hearing.restore(resumed.meter, resumed.stand.captures)
        except (InputRefusedError, StoreUnavailableError) as error:
            return (said(error),)
        if resumed is not None:
            stand = resumed.stand
            self.files.restore(stand.names, stand.next_name)
            self._faults = Faults(stand.faults, stand.more_faults)
            self._run = resumed.run
            for flows in resumed.flows:
                there(self._watch).add(flows.table)
            self._last = hearing.coverage()
        return ()

    def ended(self, table: FlowTable) -> None:
        """Judge flows that have ended, and keep them for the history."""
        turned, orig, resp = there(self._watch).add(table)
        self.flows += len(table)
        self._memory.remember(Flows(table=turned, orig_zone=orig, resp_zone=resp))

    def sensor(self, name: str) -> int:
        """Give the number by which flows tell an observation point."""
        return there(self._watch).sensors.index(name)

    def was_read(self, file: File, faults: tuple[Text, ...], digest: str | None) -> None:
        """Note what became of a file."""
        self._digests[file] = digest or ""
        self._faults.add(faults)

    def judge(
        self, window: Window, hearing: Hearing, *, final: bool, ends: bool, alive: Callable[[], None]
    ) -> None:
        """Judge everything of the period so far, and prepare its commit.

        `final`: nothing more comes in this process. `ends`: the period, or the policy, ends with this window.
        `alive` is called now and then.
        """
        hearing.drain()
        if final and self.is_live:
            hearing.end()
        elif ends:
            hearing.cut(window.ended.wall)
        covered, now, watch = hearing.coverage(), window.ended.wall, there(self._watch)
        self._lost += sum(dropped for _, dropped in window.dropped)
        self._told = watch.findings(
            hearing.live(),
            hearing.tunnels(),
            hearing.claims(),
            since(covered, self._base, dropped=self._lost),
            now=now,
            faults=self._faults.told(),
            opening=lambda evidence, chosen, judged: self._looking.into(
                evidence, chosen, judged, hearing.sources(), at_last=final or ends, alive=alive
            ),
        )
        self._forget_names(hearing)
        stand = None
        if not self.is_live and not ends:
            stand = Stand(
                period=window.period,
                names=self.files.known(),
                next_name=len(self.files),
                faults=tuple(self._faults.first),
                more_faults=self._faults.more,
                captures=hearing.captures.told(),
            )
        self._memory.prepare(
            Judged(
                number=window.number,
                run=there(self._run),
                at=now,
                clock=now if self.is_live else hearing.clock() or now,
                findings=self._told,
                coverage=_coverage_of(window, since(covered, self._last)),
                flow_days=watch.flow_days(),
                files=tuple(self._done(file) for file in (*window.files, *window.refused)),
                stand=stand,
                meter=hearing.checkpoint,
            )
        )
        self._last = covered
        # Until its ring is open, an interface is not yet what was asked for.
        gaps = [one for one in window.blind if one.reason is not do.Blindness.OPENING]
        self._missed = self._missed or bool(gaps) or bool(window.dropped)

    def verdict(self) -> ExitCode:
        """Give the exit code of the last judgement, decided as that of `check`."""
        live = [one for one in self._told if one.waiver is None]
        if has_failing(live, Severity.MEDIUM):
            return ExitCode.FINDINGS
        nothing = since(self._last, self._base).packets == 0
        unsure = is_unsure(live) or nothing or self._missed or self._faults
        return ExitCode.INCONCLUSIVE if unsure else ExitCode.CLEAN

    def _forget_names(self, hearing: Hearing) -> None:
        if self.files.are_many:
            self.files.keep(hearing.files_in_use() | there(self._watch).files_in_use())

    def _done(self, file: File) -> FileDone:
        return FileDone(path=file.path, size=file.size, mtime=file.mtime, sha256=self._digests.pop(file, ""))


def there(one: T | None) -> T:
    """Give what the machine never asks for before it was adopted."""
    if one is None:
        raise RuntimeError(
            "The machine commanded something before a configuration and a policy were adopted."
        )
    return one


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
