"""Files of the state folder that are damaged when the sensor starts."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.sensor.faults.daemon import HURRY, Daemon
from tests.sensor.faults.traffic import Rotation, day
from zoneguard.errors import ExitCode


@pytest.fixture
def daemon(tmp_path):
    made = Daemon(tmp_path, hurry=HURRY)
    yield made
    made.close()


@pytest.fixture
def half(daemon):
    """A day whose first half was judged before the sensor stopped."""
    rotation = Rotation(daemon.inbox)
    captures = day()
    for capture in captures[:12]:
        rotation.put(capture)
    daemon.start()
    daemon.until_read(rotation.files)
    assert daemon.stop() == ExitCode.CLEAN
    for capture in captures[12:]:
        rotation.put(capture)
    return rotation


def test_a_damaged_database_is_set_aside_and_everything_is_judged_again(daemon, half):
    database = daemon.state / "findings.db"
    damage(database)
    daemon.start()
    daemon.until_read(half.files)
    assert daemon.stop() == ExitCode.CLEAN
    assert len(list(daemon.state.glob("findings.db.corrupt-*"))) == 1
    assert [
        one for one in daemon.notices() if "was damaged" in one and "set aside as findings.db.corrupt-" in one
    ]
    daemon.assert_same_as_check(half.files)
    # The new store told everything anew, as the notice says, under keys of its own.
    told = Counter(fingerprint for change, fingerprint in daemon.tellings() if change == "new")
    assert set(told) >= set(daemon.held())
    assert max(told.values()) == 2


def test_a_damaged_part_of_the_history_costs_the_history_alone(daemon, half):
    before = daemon.held()
    part = min((daemon.state / "history").rglob("*.parquet"))
    part.write_bytes(b"damaged" + part.read_bytes()[7:])
    daemon.start()
    daemon.until_read(half.files)
    assert daemon.stop() == ExitCode.CLEAN
    assert [one for one in daemon.notices() if "begins anew" in one]
    assert not before.keys() - daemon.held().keys()
    daemon.assert_told_once()


def test_a_damaged_checkpoint_costs_what_was_under_way_alone(daemon, half):
    before = daemon.held()
    (checkpoint,) = daemon.state.glob("checkpoint-*")
    damage(checkpoint)
    daemon.start()
    daemon.until_read(half.files)
    assert daemon.stop() == ExitCode.CLEAN
    assert [one for one in daemon.notices() if "begins anew" in one]
    assert not before.keys() - daemon.held().keys()
    daemon.assert_told_once()


def damage(path):
    octets = bytearray(path.read_bytes())
    for start in range(0, len(octets), 4096):
        octets[start + 16 : start + 80] = b"\xa5" * len(octets[start + 16 : start + 80])
    path.write_bytes(octets)
