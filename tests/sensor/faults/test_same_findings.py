"""A folder that a sensor follows gives what `check` gives on the same files, however they come."""

from __future__ import annotations

import time

import pytest

from tests.sensor.faults.daemon import HURRY, Daemon, checked
from tests.sensor.faults.traffic import Rotation, day, real, samples
from zoneguard.errors import ExitCode


@pytest.fixture
def daemon(tmp_path):
    made = Daemon(tmp_path, hurry=HURRY)
    yield made
    made.close()


def test_a_day_in_files_gives_the_findings_of_check(daemon):
    rotation = Rotation(daemon.inbox)
    for capture in [*samples(), *day()]:
        rotation.put(capture)
    expected = checked(rotation.files)
    assert len(expected) > 30
    # What only opened flows tell: tools of remote control, tunnels in what looks like something else.
    assert {"ZG-B05", "ZG-F01"} <= {rule for rule, *_ in expected.values()}
    # One window: what an early one tells of a young conversation is held beside what is told of it in the end.
    daemon.configure(judge=daemon.document["judge"] | {"window": "30s"})
    daemon.start()
    daemon.until_read(rotation.files)
    assert daemon.stop() == ExitCode.CLEAN
    assert daemon.held() == expected
    daemon.assert_told_once()
    assert daemon.notices() == []


def test_files_that_come_one_by_one_give_the_findings_of_check(daemon):
    rotation = Rotation(daemon.inbox)
    daemon.start()
    for capture in day(hours=12, flows=32):
        rotation.put(capture)
        time.sleep(0.3)
    daemon.until_read(rotation.files)
    assert daemon.stop() == ExitCode.CLEAN
    daemon.assert_same_as_check(rotation.files)
    daemon.assert_told_once()
    assert daemon.notices() == []


@pytest.mark.parametrize("history", ["30d", "none"])
def test_a_stop_in_the_middle_of_a_day_changes_nothing(daemon, history):
    daemon.configure(retention={"history": history})
    rotation = Rotation(daemon.inbox)
    captures = [*samples(), *day()]
    for start in range(0, len(captures), 24):
        for capture in captures[start : start + 24]:
            rotation.put(capture)
        daemon.start()
        daemon.until_up()
        daemon.until_read(rotation.files[: start + 1])
        assert daemon.stop() == ExitCode.CLEAN
    daemon.start()
    daemon.until_up()
    daemon.until_read(rotation.files)
    assert daemon.stop() == ExitCode.CLEAN
    assert any((daemon.state / "history").rglob("*.parquet")) is (history != "none")
    daemon.assert_same_as_check(rotation.files)
    daemon.assert_told_once()
    assert daemon.notices() == []


def test_what_opened_flows_showed_outlives_their_captures(daemon):
    rotation = Rotation(daemon.inbox)
    for capture in real():
        rotation.put(capture)
    # Those of the observation itself change with what else is observed.
    expected = {one: told for one, told in checked(rotation.files).items() if told[0] != "ZG-I01"}
    daemon.start()
    daemon.until_read(rotation.files)
    for file in rotation.files:
        file.unlink()
    fresh = rotation.put(samples()[0])
    daemon.until_read([fresh])
    assert daemon.stop() == ExitCode.CLEAN
    assert {one: daemon.held().get(one) for one in expected} == expected
    assert [one for one in daemon.stored() if "could not be read again" in one.message.en] == []
    daemon.assert_told_once()
    assert daemon.notices() == []


def test_after_a_restart_it_is_told_which_flows_could_not_be_opened_again(daemon):
    rotation = Rotation(daemon.inbox)
    for capture in real():
        rotation.put(capture)
    expected = checked(rotation.files)
    daemon.start()
    daemon.until_read(rotation.files)
    assert daemon.stop() == ExitCode.CLEAN
    for file in rotation.files:
        file.unlink()
    daemon.start()
    daemon.until_up()
    daemon.until_read([rotation.put(samples()[0])])
    assert daemon.stop() == ExitCode.CLEAN
    assert expected.keys() <= daemon.held().keys()
    assert any("could not be read again" in one.message.en for one in daemon.stored())
    daemon.assert_told_once()


def test_a_flow_that_grew_after_its_capture_was_deleted_is_told_as_not_opened(daemon):
    rotation = Rotation(daemon.inbox)
    captures = day(hours=12, flows=32)
    for capture in captures[:6]:
        rotation.put(capture)
    daemon.start()
    daemon.until_read(rotation.files)
    for file in rotation.files:
        file.unlink()
    later = [rotation.put(capture) for capture in captures[6:]]
    daemon.until_read(later)
    assert daemon.stop() == ExitCode.CLEAN
    said = [one.message.en for one in daemon.stored() if one.rule == "ZG-I01"]
    assert any("flows could not be read again" in one for one in said), said
