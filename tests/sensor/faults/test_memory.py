"""Memory under a scan that never ends.

Here 40,000 new flows in each of 20 simulated minutes, and flows that are forgotten after one; `make bench-live` plays a
million and thirty minutes.
"""

from __future__ import annotations

import time

import pytest

from tests.sensor.faults.daemon import HURRY, Daemon
from tests.sensor.faults.scanning import minute, resident
from tests.sensor.faults.traffic import Rotation
from zoneguard.errors import ExitCode

FLOWS = 40_000
AT_ONCE = 5  # minutes that lie ready; after the first of them the table of flows holds as many as it will
TIMES = 4
SAMPLES = 20  # of what is resident, over two seconds: a judgement that is under way holds more for a moment
MEMORY = 512 << 20


@pytest.fixture
def daemon(tmp_path):
    idle = {"idle_tcp": "1m", "idle_other": "1m"}
    made = Daemon(tmp_path, memory="512MiB", timeouts=idle, retention={"history": "1d"}, hurry=HURRY)
    yield made
    made.close()


def test_memory_stays_flat_under_a_scan_that_never_ends(daemon):
    rotation = Rotation(daemon.inbox)
    daemon.start()
    daemon.until_up()
    held = []
    for turn in range(TIMES):
        files = [rotation.put(minute(turn * AT_ONCE + number, FLOWS)) for number in range(AT_ONCE)]
        daemon.until_read(files)
        held.append(least(daemon.process.pid))
        for file in files:
            file.unlink()
    _, most = resident(daemon.process.pid)
    assert daemon.status()["flows"] >= (AT_ONCE * TIMES - 3) * FLOWS
    assert daemon.stop() == ExitCode.CLEAN
    # Memory that is lost never comes back; 10 % are 70 octets for each flow of the second half.
    half = TIMES // 2
    assert min(held[half:]) <= 1.1 * min(held[:half]), held
    assert most <= MEMORY
    # However many addresses it tried, the scan is told in a few words.
    attempts = [one for one in daemon.stored() if one.flows == FLOWS * AT_ONCE * TIMES]
    assert attempts
    assert len(daemon.tellings()) < 10


def least(pid: int) -> int:
    """Give the fewest octets that a process holds over some time."""
    held = []
    for _ in range(SAMPLES):
        held.append(resident(pid)[0])
        time.sleep(0.1)
    return min(held)
