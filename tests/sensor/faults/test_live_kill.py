"""kill -9 while it listens: what was committed stands and is told once, and what was missed is stated. Needs root.

FAULTS=50 in the environment kills fifty times, otherwise three times.
"""

from __future__ import annotations

import os
import shutil
import time
from random import Random

import pytest

from tests.live.wire import wire
from tests.oracle.world import may_build
from tests.sensor.faults.daemon import HURRY, NAME, Daemon
from tests.sensor.faults.test_live import conversations, expected_of, interface, seen
from zoneguard.errors import ExitCode
from zoneguard.store.opening import visit_store

pytestmark = pytest.mark.skipif(
    shutil.which("ip") is None or not may_build(), reason="needs root, network namespaces and iproute2"
)
KILLS = int(os.environ.get("FAULTS", "3"))
AT_ONCE = 5  # frames: about two to a conversation, so that kills fall into the middle of some


@pytest.fixture
def line():
    with wire() as made:
        yield made


@pytest.fixture
def daemon(tmp_path, line):
    interfaces = [{"interface": "far", "sensor": "S2", "ring": "32MiB"}]
    made = Daemon(tmp_path, watch={"interfaces": interfaces}, hurry=HURRY)
    made.prefix = ("ip", "netns", "exec", line.name)
    yield made
    made.close()


def test_whatever_moment_it_is_killed_what_it_had_reported_stands_and_is_told_once(daemon, line, tmp_path):
    """Each life begins with all that was sent before, so that what is known already comes again."""
    chance = Random(3)
    parts = [conversations(number) for number in range(KILLS)]
    reported = set()
    for number, part in enumerate(parts):
        listen(daemon)
        find(daemon, line, parts[:number], tmp_path)
        until = time.monotonic() + chance.uniform(0.1, 1.5)
        frames = iter([part[at : at + AT_ONCE] for at in range(0, len(part), AT_ONCE)])
        while time.monotonic() < until:
            if some := next(frames, None):
                line.send(some)
            time.sleep(0.03)
        told = {fingerprint for _, fingerprint in daemon.tellings()} if daemon.lines.exists() else set()
        before = daemon.held()
        daemon.kill()
        reported |= told | before.keys()
        after = daemon.held()  # a commit may have come in between
        assert {one: after[one][:2] for one in before} == {one: told[:2] for one, told in before.items()}
        assert all(after[one][2:] >= numbers[2:] for one, numbers in before.items())
        assert reported <= after.keys()
    listen(daemon)
    find(daemon, line, parts, tmp_path)
    assert daemon.stop() == ExitCode.CLEAN
    assert reported <= daemon.held().keys()
    daemon.assert_told_once()
    lives, gaps = committed(daemon)
    assert lives >= KILLS
    assert gaps == lives - 1
    assert daemon.notices() == []


def listen(daemon):
    daemon.start()
    daemon.until_up()
    daemon.until(lambda: interface(daemon).get("ring") == "open", "opening")


def find(daemon, line, parts, folder):
    """Send conversations, and wait until each finding of theirs is held."""
    if parts:
        for part in parts:
            line.send(part)
        expected = expected_of(parts, folder / "same.pcap").keys()
        daemon.until(lambda: expected <= seen(daemon).keys(), "finding what was sent", seconds=30)


def committed(daemon):
    """Count the lives that came to a commit, and the stretches in between of which no window speaks."""
    with visit_store(daemon.url) as store:
        (sums,) = store.coverage(0, 1 << 62, sensor=NAME)
        return len(store.last_runs(NAME, most=1000)), len(sums.gaps[1:-1])
