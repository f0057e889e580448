"""A disk that fills up, and has room again."""

from __future__ import annotations

import os
from contextlib import closing

import pytest

from tests.sensor.faults.daemon import HURRY, Daemon
from tests.sensor.faults.traffic import Rotation, day
from tests.store.disk import small_disk
from zoneguard.errors import ExitCode

STATE_MIB = 24


@pytest.fixture
def daemon(tmp_path):
    with (
        small_disk(STATE_MIB) as state,
        closing(Daemon(tmp_path, state=state / "state", hurry=HURRY)) as made,
    ):
        yield made


def test_a_full_disk_costs_nothing_and_is_told(daemon):
    """The state folder fills up between two windows, a kill falls into that time, then there is room."""
    rotation = Rotation(daemon.inbox)
    captures = day()
    for capture in captures[:8]:
        rotation.put(capture)
    daemon.start()
    daemon.until_read(rotation.files)
    before = daemon.held()
    fill(daemon.state.parent / "filler")
    for capture in captures[8:16]:
        rotation.put(capture)
    daemon.until(lambda: daemon.log().count("Results cannot be stored") == 1, "saying so")
    assert daemon.held().items() >= before.items()
    (daemon.state.parent / "filler").unlink()
    daemon.until_read(rotation.files)
    fill(daemon.state.parent / "filler")
    for capture in captures[16:]:
        rotation.put(capture)
    daemon.until(lambda: daemon.log().count("Results cannot be stored") == 2, "saying so again")
    daemon.kill()
    (daemon.state.parent / "filler").unlink()
    daemon.start()
    daemon.until_read(rotation.files)
    daemon.until(lambda: daemon.status().get("disk_low") is False, "having room")
    assert daemon.stop() == ExitCode.CLEAN
    daemon.assert_same_as_check(rotation.files)
    daemon.assert_told_once()
    assert [one for one in daemon.notices() if "Results are stored again" in one]


def fill(path):
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            pass
        try:
            while True:
                file.write(b"\0")
        except OSError:
            os.fsync(file.fileno())
