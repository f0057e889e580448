"""Memory under a scan that never ends.

Here 40,000 new flows in each of 15 simulated minutes, and flows that are forgotten after one; `make bench-live` plays a
million and thirty minutes.
"""

from __future__ import annotations

import pytest

from tests.sensor.faults.daemon import HURRY, Daemon
from tests.sensor.faults.scanning import minute, resident
from tests.sensor.faults.traffic import Rotation
from zoneguard.errors import ExitCode

FLOWS = 40_000
AT_ONCE = 5  # minutes that lie ready; after the first of them the table of flows holds as many as it will
TIMES = 3
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
    for time in range(TIMES):
        files = [rotation.put(minute(time * AT_ONCE + number, FLOWS)) for number in range(AT_ONCE)]
        daemon.until_read(files)
        now, most = resident(daemon.process.pid)
        held.append(now)
        for file in files:
            file.unlink()
    assert daemon.status()["flows"] >= (AT_ONCE * TIMES - 3) * FLOWS
    assert daemon.stop() == ExitCode.CLEAN
    assert max(held) <= 1.1 * held[0], held
    assert most <= MEMORY
    # However many addresses it tried, the scan is told in a few words.
    attempts = [one for one in daemon.stored() if one.flows == FLOWS * AT_ONCE * TIMES]
    assert attempts
    assert len(daemon.tellings()) < 10
