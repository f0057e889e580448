"""A database server that goes away in the middle of a run."""

from __future__ import annotations

import time

import pytest

from tests.sensor.faults.daemon import HURRY, Daemon
from tests.sensor.faults.traffic import Rotation, day
from tests.store.postgres import Server, program
from zoneguard.errors import ExitCode


@pytest.fixture(scope="module")
def server():
    if program("initdb") is None or program("pg_ctl") is None:
        pytest.skip("needs PostgreSQL: make store-programs installs it as root")
    made = Server()
    yield made
    made.remove()


@pytest.fixture
def daemon(tmp_path, server):
    made = Daemon(tmp_path, url=server.url, hurry=HURRY)
    yield made
    made.close()


def test_a_server_that_is_restarted_costs_nothing_and_doubles_nothing(daemon, server):
    rotation = Rotation(daemon.inbox)
    captures = day()
    daemon.start()
    for capture in captures[:8]:
        rotation.put(capture)
    daemon.until_read(rotation.files[:1])
    for mode in ("immediate", "fast"):
        server.stop(mode)
        for capture in captures[len(rotation.files) : len(rotation.files) + 8]:
            rotation.put(capture)
        daemon.until(lambda: daemon.status().get("uncommitted", {}).get("failed_attempts"), "saying so")
        time.sleep(2)
        server.start()
        daemon.until_read(rotation.files)
    assert daemon.stop() == ExitCode.CLEAN
    daemon.assert_same_as_check(rotation.files)
    daemon.assert_told_once()
    assert [one for one in daemon.notices() if "Results are stored again" in one]
    assert daemon.status()["phase"] == "stopped"
    assert "uncommitted" not in daemon.status()
