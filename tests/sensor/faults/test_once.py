"""`sensor once` ends with the exit code of `check`."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.sensor.faults.daemon import ROOT, Daemon
from zoneguard.capture import kernels
from zoneguard.errors import ExitCode
from zoneguard.sensor.folders import MOST_TRIES

CAPTURES = ROOT / "captures"
NORMAL = CAPTURES / "normal-day-alpha.pcapng"


@pytest.fixture
def daemon(tmp_path):
    """Its policy has approvals that do not run out while these tests are run."""
    policy = re.sub(r"until: 20\d\d", "until: 2099", (ROOT / "zones.yaml").read_text("utf-8"))
    (tmp_path / "zones.yaml").write_text(policy, "utf-8")
    made = Daemon(tmp_path, policy="zones.yaml")
    yield made
    made.close()


def test_a_normal_day_is_clean(daemon):
    shutil.copy(NORMAL, daemon.inbox / "s2-1.pcapng")
    assert daemon.once() == ExitCode.CLEAN, daemon.log()
    assert daemon.status()["files"] == {"read": 1, "refused": 0, "waiting": 0}


def test_a_crossing_is_found_and_again_nothing_is_told_when_nothing_is_new(daemon):
    shutil.copy(CAPTURES / "story-04-smb-crossing.pcap", daemon.inbox / "s2-1.pcap")
    assert daemon.once() == ExitCode.FINDINGS
    told = daemon.tellings()
    held = daemon.held()
    assert told
    assert daemon.once() == ExitCode.FINDINGS
    assert daemon.tellings() == told
    assert daemon.held() == held


def test_a_file_that_was_cut_is_inconclusive(daemon):
    (daemon.inbox / "s2-1.pcapng").write_bytes(NORMAL.read_bytes()[:-10])
    assert daemon.once() == ExitCode.INCONCLUSIVE
    assert "s2-1.pcapng" in daemon.log()


def test_a_file_that_is_no_capture_is_inconclusive_also_the_next_time(daemon):
    (daemon.inbox / "s2-1.pcapng").write_bytes(b"no capture")
    (daemon.inbox / "s2-2.pcapng").write_bytes(NORMAL.read_bytes())
    assert daemon.once() == ExitCode.INCONCLUSIVE
    assert "s2-1.pcapng" in daemon.log()
    assert daemon.once() == ExitCode.INCONCLUSIVE


def test_nothing_seen_is_inconclusive(daemon):
    assert daemon.once() == ExitCode.INCONCLUSIVE


def test_a_configuration_or_policy_with_mistakes_is_refused(daemon):
    daemon.configure(judge={"window": "1s"})
    assert daemon.once() == ExitCode.REFUSED
    assert "sensor.yaml:" in daemon.log()
    daemon.configure(judge={})
    (daemon.folder / "zones.yaml").write_text("version: 1\nzones: {}\n", "utf-8")
    assert daemon.once() == ExitCode.REFUSED
    assert "zones.yaml" in daemon.log()
    assert not (daemon.state / "findings.db").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become a user without rights")
def test_without_the_right_to_capture_it_says_what_the_machine_lacks(monkeypatch):
    with tempfile.TemporaryDirectory(prefix="zoneguard-once-") as name:  # pytest's own folder is root's alone
        folder = Path(name)
        daemon = Daemon(folder, watch={"interfaces": [{"interface": "lo", "sensor": "S2"}]})
        daemon.prefix = (
            "setpriv",
            "--reuid=nobody",
            "--regid=nogroup",
            "--clear-groups",
            "--bounding-set=-all",
        )
        # What is compiled is taken from a cache of one's own alone.
        compiled, _ = kernels.warmup()
        assert compiled is not None
        monkeypatch.setenv("ZONEGUARD_CACHE", str(folder / "cache"))
        shutil.copytree(compiled, folder / "cache" / compiled.name)
        for one in [folder, *folder.rglob("*")]:
            shutil.chown(one, "nobody", "nogroup")
        with closing(daemon):
            assert daemon.once("--for", "5") == ExitCode.LACKING, daemon.log()
        said = [json.loads(line)["message"]["en"] for line in daemon.log().splitlines()]
    assert [one for one in said if one.startswith("lo: cannot be opened for capture")]


def test_a_capture_that_cannot_be_opened_is_told_and_leaves_the_run_inconclusive(tmp_path):
    with closing(Daemon(tmp_path, hurry=60, judge={"window": "1h"})) as daemon:
        (daemon.inbox / "s2-1.pcap").mkdir()
        shutil.copy(NORMAL, daemon.inbox / "s2-2.pcapng")
        assert daemon.once() in {ExitCode.INCONCLUSIVE, ExitCode.FINDINGS}, daemon.log()
        assert daemon.status()["files"] == {"read": 1, "refused": 1, "waiting": 0}
        assert daemon.log().count("it is tried again after a while") == MOST_TRIES - 1
        assert len([one for one in daemon.notices() if "it is set aside and was not judged" in one]) == 1
