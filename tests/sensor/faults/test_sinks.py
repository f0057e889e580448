"""Outputs that are down, and then up again."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.sensor.faults.daemon import Daemon
from tests.sensor.faults.receivers import SyslogServer, WebServer, free_port
from tests.sensor.faults.traffic import Rotation, samples
from zoneguard.errors import ExitCode

RATE = {"messages": 10_000, "per": "1h"}


@pytest.fixture
def ports():
    return free_port(), free_port()


@pytest.fixture
def daemon(tmp_path, ports):
    web, syslog = ports
    made = Daemon(
        tmp_path,
        outputs={
            "lines": {"jsonl": {"file": "told.jsonl"}, "min_severity": "info"},
            "hook": {
                "webhook": {"url": f"http://127.0.0.1:{web}/zoneguard"},
                "min_severity": "info",
                "rate": RATE,
            },
            "log": {
                "syslog": {"host": "127.0.0.1", "port": syslog, "transport": "tcp"},
                "min_severity": "info",
                "rate": RATE,
            },
        },
    )
    yield made
    made.close()


def test_what_a_silent_receiver_missed_arrives_when_it_is_back_once(daemon, ports):
    """Down at first and through a restart, then up with answers that get lost, then down and up again."""
    rotation = Rotation(daemon.inbox)
    captures = samples()
    for capture in captures[:10]:
        rotation.put(capture)
    daemon.start()
    daemon.until_read(rotation.files)
    daemon.until(lambda: all(is_failing(daemon, name) for name in ("hook", "log")), "saying so in the status")
    assert "127.0.0.1" in daemon.status()["outputs"]["hook"]["failing"]
    assert daemon.stop() == ExitCode.CLEAN
    daemon.start()
    daemon.until_up()
    web, syslog = ports
    with closing(WebServer(web, hang_ups=1)) as hook, closing(SyslogServer(syslog)) as log:
        daemon.until_told()
        assert len(hook.got) > len({one["key"] for one in hook.got})
    for capture in captures[10:20]:
        rotation.put(capture)
    daemon.until_read(rotation.files)
    daemon.until(lambda: all(is_failing(daemon, name) for name in ("hook", "log")), "saying so in the status")
    with closing(WebServer(web)) as again, closing(SyslogServer(syslog)) as log_again:
        daemon.until_told()
        daemon.until(lambda: not any(is_failing(daemon, name) for name in ("hook", "log")))
        assert daemon.stop() == ExitCode.CLEAN
    daemon.assert_same_as_check(rotation.files)
    daemon.assert_told_once()
    held = sorted(daemon.held())
    assert sorted([*hook.told(), *again.told()]) == held
    assert sorted([*log.told(), *log_again.told()]) == held


def is_failing(daemon, name):
    return "failing" in daemon.status().get("outputs", {}).get(name, {})
