"""A sensor process of the test's own: its folder, its signals, and what it remembers and told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from zoneguard.api.judging import check
from zoneguard.dissect.record import MOST_LOOKS
from zoneguard.errors import ZoneGuardError
from zoneguard.findings.finding import Severity
from zoneguard.sensor.folder import File
from zoneguard.store.opening import visit_store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.findings.finding import Finding

ROOT = Path(__file__).resolve().parents[3]
NAME = "faults"
PATIENCE = 120.0  # seconds; a machine that is busy with other tests is slow
# How many times as fast a sensor's clocks go as those of the machine; FAULTS_HURRY=1 in the environment: just as fast.
HURRY = int(os.environ.get("FAULTS_HURRY", "6"))
COMMAND = [sys.executable, "-c", "from zoneguard.cli.main import main; main()"]

Held = dict[str, tuple[str, str, int, int, int]]


class Daemon:
    """`zoneguard sensor` in a folder: captures come to `inbox`, lines go to `told.jsonl`.

    Everything is told to the lines, a judgement lasts a week (midnight is no part of these tests), and a finding
    is never gone. `url`: of another store than the one in the state folder. `hurry`: how many times as fast its
    clocks go. Packets of an interface are stamped by those of the machine: to a sensor in a hurry they are older.
    """

    def __init__(
        self,
        folder: Path,
        *,
        state: Path | None = None,
        url: str | None = None,
        hurry: int = 1,
        **changes: Any,
    ) -> None:
        self.folder, self.state = folder, state or folder / "state"
        self.inbox, self.lines = folder / "in", folder / "told.jsonl"
        self.url = url or f"sqlite:///{self.state}/findings.db"
        self.process: subprocess.Popen[bytes] | None = None
        self.prefix: tuple[str, ...] = ()  # before the command, as `ip netns exec`
        self.command = COMMAND
        if hurry > 1:
            hurried = str(ROOT / "tests/sensor/faults/hurrying.py")
            self.command = [sys.executable, hurried, str(hurry), str(time.time_ns())]
        self.inbox.mkdir()
        self.document: dict[str, Any] = {
            "version": 1,
            "name": NAME,
            "policy": str(ROOT / "zones.yaml"),
            "state": str(self.state),
            "watch": {"folders": [{"path": "in", "sensor": "S2", "settle": "1s"}]},
            "judge": {"window": "5s", "period": "week", "gone_after": "5000d"},
            "outputs": {"lines": {"jsonl": {"file": "told.jsonl"}, "min_severity": "info"}},
            "disk": {"low_water": "1MiB"},
            "store": {"url": self.url},
            **changes,
        }
        self.configure()

    def configure(self, **changes: Any) -> None:
        """Write sensor.yaml anew."""
        self.document |= changes
        (self.folder / "sensor.yaml").write_text(yaml.safe_dump(self.document), "utf-8")

    # --- the process ------------------------------------------------------------------------------------

    def start(self, verb: str = "run", *arguments: str) -> None:
        command = [
            *(*self.prefix, *self.command, "--lang", "en"),
            *("sensor", verb, "--config", "sensor.yaml", *arguments),
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def until_up(self) -> None:
        """Wait until the process has adopted its configuration."""
        process = self.process
        assert process is not None
        self.until(lambda: self.status().get("pid") == process.pid, "starting")

    def once(self, *arguments: str) -> int:
        """Run `sensor once` to its end and give its exit code."""
        self.start("once", *arguments)
        return self.ended()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.ended()

    def ended(self) -> int:
        """Wait for the end; a Python traceback on the way is a failure whatever the code."""
        assert self.process is not None
        code = self.process.wait(PATIENCE)
        self.process = None
        assert "Traceback" not in self.log(), self.log()
        return code

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def until(self, condition: Any, what: str = "", *, seconds: float = PATIENCE) -> Any:
        """Wait until a condition holds while the process lives; give what it gave."""
        end = time.monotonic() + seconds
        while True:
            given = condition()
            if given:
                return given
            assert self.process is None or self.process.poll() is None, f"ended: {self.log()}"
            assert time.monotonic() < end, f"{what or condition} did not come true: {self.log()[-4000:]}"
            time.sleep(0.05)

    def until_read(self, files: list[Path]) -> None:
        """Wait until the store holds each of these files as judged."""
        self.until(lambda: set(map(str, files)) <= self.done(), "reading")

    def until_told(self) -> None:
        """Wait until nothing is on its way any more."""
        self.until(
            lambda: not self._asked(lambda store: [one for one in store.spool() if one.waiting], [1]),
            "telling",
        )

    # --- what came of it --------------------------------------------------------------------------------

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def status(self) -> dict[str, Any]:
        try:
            return json.loads((self.state / "status.json").read_text("utf-8"))
        except FileNotFoundError:
            return {}

    def done(self) -> set[str]:
        """Name the files that the store holds as judged."""
        named = [file_at(path) for path in self.inbox.iterdir()]
        return self._asked(
            lambda store: {
                one.path
                for one in named
                if store.is_done(NAME, path=one.path, size=one.size, mtime=one.mtime)
            },
            set(),
        )

    def held(self) -> Held:
        """Give what the store holds: rule, severity, flows, packets and bytes by fingerprint."""
        return self._asked(
            lambda store: {
                one.finding.fingerprint: (
                    one.finding.rule,
                    one.finding.severity.value,
                    one.flows,
                    one.packets,
                    one.bytes,
                )
                for one in store.findings(NAME)
            },
            {},
        )

    def stored(self) -> list[Finding]:
        return self._asked(lambda store: [one.finding for one in store.findings(NAME)], [])

    def tellings(self) -> list[tuple[str, str]]:
        """Give (change, fingerprint) of each line, those that came again under the same key counted once."""
        return tellings_in(self.lines)

    def notices(self) -> list[str]:
        """Give what the sensor said of itself, in English."""
        return [one["notice"]["en"] for one in by_key(self.lines).values() if "notice" in one]

    def assert_same_as_check(self, files: list[Path]) -> None:
        """Every finding of `check` is held with the same numbers.

        What is held beside them was told while a conversation was young, and `check`, which knows its end, tells
        something else of the same conversation.
        """
        found, stored = findings_of_check(files), self.stored()
        expected, held = numbers(found), self.held()
        assert len(expected) > 9
        assert {one: held.get(one) for one in expected} == expected
        about = {conversation(one) for one in found}
        assert [
            one for one in stored if one.fingerprint not in expected and conversation(one) not in about
        ] == []

    def assert_told_once(self) -> None:
        """Each finding that the store holds was told as new once, and nothing else was."""
        count = Counter(fingerprint for change, fingerprint in self.tellings() if change == "new")
        assert count == Counter(self.held().keys())

    def _asked(self, question: Any, without: Any) -> Any:
        try:
            with visit_store(self.url) as store:
                return question(store)
        except ZoneGuardError:  # not begun yet, or not there at the moment
            return without


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}


def by_key(path: Path) -> dict[str, dict[str, Any]]:
    """Read all lines, rotated ones too; a line that came again is the same line."""
    found: dict[str, dict[str, Any]] = {}
    for one in sorted(path.parent.glob(f"{path.name}*")):
        for line in one.read_text("utf-8").splitlines():
            told = json.loads(line)
            assert found.setdefault(told["key"], told) == told, "two things under one key"
    return found


def tellings_in(path: Path) -> list[tuple[str, str]]:
    return [
        (one["change"], one["finding"]["fingerprint"]) for one in by_key(path).values() if "finding" in one
    ]


def file_at(path: Path) -> File:
    about = path.stat()
    return File(path=str(path), inode=about.st_ino, size=about.st_size, mtime=about.st_mtime_ns)


def checked(files: list[Path]) -> Held:
    """Give what `zoneguard check` says of the same files."""
    return numbers(findings_of_check(files))


def findings_of_check(files: list[Path], *, most_looks: int = MOST_LOOKS) -> tuple[Finding, ...]:
    return check(
        [str(path) for path in files],
        ROOT / "zones.yaml",
        lang="en",
        fail_on=Severity.MEDIUM,
        today=None,
        generated=time.time_ns(),
        most_looks=most_looks,
        search=os.environ["PATH"],
    ).findings


def numbers(findings: Iterable[Finding]) -> Held:
    return {
        one.fingerprint: (one.rule, one.severity.value, one.flows or 0, one.packets or 0, one.bytes or 0)
        for one in findings
    }


def conversation(finding: Finding) -> tuple[str | None, ...]:
    ends = [end and (end.address or end.mac) for end in (finding.orig, finding.resp)]
    return (*ends, finding.service)
