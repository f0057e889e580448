"""kill -9 at any moment: each file is judged once, nothing is lost, nothing is told twice.

FAULTS=50 in the environment kills fifty times, as issue and release ask; otherwise twelve times.
"""

from __future__ import annotations

import os
import signal
import time
from random import Random

import pytest

from tests.sensor.faults.daemon import HURRY, Daemon
from tests.sensor.faults.traffic import Rotation, day
from zoneguard.errors import ExitCode

KILLS = int(os.environ.get("FAULTS", "12"))


@pytest.fixture
def daemon(tmp_path):
    made = Daemon(tmp_path, hurry=HURRY)
    yield made
    made.close()


def test_whatever_moment_it_is_killed_nothing_is_lost_and_nothing_told_twice(daemon):
    """Half of the kills come at any moment of a life, half while a stop judges and commits what was read."""
    chance = Random(9)
    rotation = Rotation(daemon.inbox)
    captures = day(hours=24, flows=60)
    for number in range(KILLS):
        while len(rotation.files) < len(captures) * (number + 1) // KILLS:
            rotation.put(captures[len(rotation.files)])
        daemon.start()
        if number % 2:
            daemon.until_up()
            time.sleep(chance.uniform(0.3, 1.5))  # files are read by then
            daemon.signal(signal.SIGTERM)
            time.sleep(chance.uniform(0, 0.4))
        else:
            time.sleep(chance.uniform(0, 4.5))
        daemon.kill()
    daemon.start()
    daemon.until_up()
    daemon.until_read(rotation.files)
    assert daemon.stop() == ExitCode.CLEAN
    daemon.assert_same_as_check(rotation.files)
    daemon.assert_told_once()
    assert daemon.notices() == []
