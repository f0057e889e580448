"""Telling systemd."""

from __future__ import annotations

import socket

import pytest

from zoneguard.sensor.notify import Supervisor, watchdog_limit


@pytest.fixture(params=["path", "abstract"])
def listening(request, tmp_path):
    name = str(tmp_path / "notify") if request.param == "path" else f"@zoneguard{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(name.replace("@", "\0", 1))
        server.settimeout(5)
        yield server, name


def test_words_and_status_arrive_in_one_datagram(listening):
    server, name = listening
    supervisor = Supervisor({"NOTIFY_SOCKET": name})
    assert supervisor.tell(["READY=1", "MONOTONIC_USEC=5"], "観測中\nREADY=0")
    assert server.recv(4096).decode() == "READY=1\nMONOTONIC_USEC=5\nSTATUS=観測中 READY=0"
    supervisor.close()


def test_without_a_supervisor_nothing_is_told():
    assert not Supervisor({}).tell(["READY=1"])
    assert not Supervisor({"NOTIFY_SOCKET": "relative"}).tell(["READY=1"])


def test_a_supervisor_that_is_gone_or_hangs_does_not_stop_the_sensor(tmp_path):
    supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert not supervisor.tell(["READY=1"])
    supervisor.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "hangs"))
        supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "hangs")})
        assert not all(supervisor.tell(["WATCHDOG=1"]) for _ in range(10_000))
        supervisor.close()


@pytest.mark.parametrize(
    ("environment", "limit"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30_000_000_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30_000_000_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_limit_of_the_watchdog_is_that_of_this_process(environment, limit):
    assert watchdog_limit(environment, 7) == limit
