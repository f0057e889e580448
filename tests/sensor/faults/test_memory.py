"""Memory under a scan that never ends.

Here 60,000 new flows a simulated minute, and flows that are forgotten after one; by hand a million and thirty
minutes: FAULTS_FLOWS=1000000 FAULTS_MINUTES=30, which takes a third of an hour.
"""

from __future__ import annotations

import os

import pytest

from tests.sensor.faults.daemon import Daemon
from tests.sensor.faults.scanning import minute, resident
from tests.sensor.faults.traffic import Rotation
from zoneguard.errors import ExitCode

FLOWS = int(os.environ.get("FAULTS_FLOWS", "60000"))
MINUTES = int(os.environ.get("FAULTS_MINUTES", "9"))
FIRST = 3  # minutes until the table of flows holds as many as it will


@pytest.fixture
def daemon(tmp_path):
    idle = {"idle_tcp": "1m", "idle_other": "1m"}
    made = Daemon(tmp_path, memory="512MiB", timeouts=idle, retention={"history": "1d"})
    yield made
    made.close()


def test_memory_stays_flat_under_a_scan_that_never_ends(daemon):
    rotation = Rotation(daemon.inbox)
    daemon.start()
    daemon.until_up()
    held = []
    for number in range(MINUTES):
        file = rotation.put(minute(number, FLOWS))
        daemon.until_read([file])
        held.append(resident(daemon.process.pid))
        file.unlink()
    assert daemon.status()["flows"] >= (MINUTES - 3) * FLOWS
    assert daemon.stop() == ExitCode.CLEAN
    assert max(held[FIRST:]) <= 1.1 * max(held[:FIRST]), held
    # However many addresses it tried, the scan is told in a few words.
    attempts = [one for one in daemon.stored() if one.flows == FLOWS * MINUTES]
    assert attempts
    assert len(daemon.tellings()) < 10
