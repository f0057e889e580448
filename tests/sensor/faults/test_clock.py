"""A wall clock that is set by an hour while the sensor listens. Needs root."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.live.wire import wire
from tests.oracle.world import may_build
from tests.sensor.faults.daemon import ROOT, Daemon, environment
from tests.sensor.faults.test_live import conversations, expected_of, interface, seen
from zoneguard.errors import ExitCode

pytestmark = pytest.mark.skipif(
    shutil.which("ip") is None or not may_build(), reason="needs root, network namespaces and iproute2"
)
WINDOW, HOUR = 5, 3600
STEPS = (HOUR, 0, -HOUR, 0)


@pytest.fixture
def line():
    with wire() as made:
        yield made


@pytest.fixture
def daemon(tmp_path):
    made = Daemon(tmp_path, watch={"interfaces": [{"interface": "far", "sensor": "S2", "ring": "8MiB"}]})
    yield made
    made.close()


def test_a_clock_that_is_set_loses_and_doubles_no_window(daemon, line, tmp_path):
    command = [
        "ip",
        "netns",
        "exec",
        line.name,
        sys.executable,
        str(ROOT / "tests/sensor/faults/stepping.py"),
    ]
    with (tmp_path / "log").open("ab") as log:
        daemon.process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=log, stderr=log)
    daemon.until(lambda: interface(daemon).get("ring") == "open", "opening")
    began = time.monotonic()
    sent, parts = 0, []
    for number, offset in enumerate(STEPS):
        parts.append(conversations(number))
        sent += line.send(parts[-1])
        time.sleep(1)
        (tmp_path / "offset").write_text(str(offset), "ascii")
        daemon.signal(signal.SIGUSR2)
        until_judged(daemon, expected_of(parts, tmp_path / "same.pcap"), notices=number + 1)
    assert daemon.stop() == ExitCode.CLEAN
    lasted = time.monotonic() - began
    assert seen(daemon) == expected_of(parts, tmp_path / "same.pcap")
    daemon.assert_told_once()
    assert [("forward" in one, "3,600.0 s" in one) for one in clock_notices(daemon)] == [
        (True, True),
        (False, True),
        (False, True),
        (True, True),
    ]
    windows = judged_windows(daemon)
    assert sum(packets for _, _, packets in windows) == sent
    lengths = [end - start for start, end, _ in windows]
    assert all(0 < length < WINDOW + 5 for length in lengths), lengths
    assert abs(sum(lengths) - lasted) < 5


def until_judged(daemon, expected, *, notices):
    daemon.until(lambda: len(clock_notices(daemon)) == notices, "saying so")
    daemon.until(lambda: seen(daemon) == expected, "judging")


def clock_notices(daemon):
    return (
        [one for one in daemon.notices() if one.startswith("The clock was set")]
        if daemon.lines.exists()
        else []
    )


def judged_windows(daemon):
    """Give begin and end (seconds) and packets of each window that was committed."""
    with sqlite3.connect(f"file:{daemon.state}/findings.db?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT started, ended, packets FROM coverage").fetchall()
    connection.close()
    return [(start / 1e9, end / 1e9, packets) for start, end, packets in rows]
