"""What is installed beside the program: systemd units that are valid, hardened, and name what exists."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from zoneguard.cli.sensor import DEFAULT, sensor
from zoneguard.sensor.machine import DRAIN, PATIENCE, SECOND

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "packaging"
SERVICES = ("zoneguard-sensor.service", "zoneguard-once.service")
UNITS = (*SERVICES, "zoneguard-once.timer")
MOST_EXPOSED = 20  # systemd's tenths: 2.0 of 10


def setting(unit: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", (FOLDER / unit).read_text("utf-8"), re.MULTILINE)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_finds_no_mistake_in_the_units(tmp_path):
    for unit in UNITS:
        text = (FOLDER / unit).read_text("utf-8").replace("/usr/bin/zoneguard", "/bin/true")
        (tmp_path / unit).write_text(text, encoding="utf-8")
    checked = run("systemd-analyze", "verify", *(str(tmp_path / unit) for unit in UNITS))
    assert (checked.returncode, checked.stderr) == (0, "")


def test_systemd_does_find_a_mistake(tmp_path):
    unit = tmp_path / SERVICES[0]
    unit.write_text("[Service]\nType=notfy\nExecStart=/bin/none\n", encoding="utf-8")
    assert run("systemd-analyze", "verify", str(unit)).stderr != ""


@pytest.mark.parametrize("unit", SERVICES)
def test_the_units_expose_little(unit):
    judged = run(
        "systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(FOLDER / unit)
    )
    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize("unit", SERVICES)
def test_a_sensor_may_open_packet_sockets_and_nothing_else(unit):
    assert setting(unit, "CapabilityBoundingSet") == ["CAP_NET_RAW"]
    assert setting(unit, "AmbientCapabilities") == ["CAP_NET_RAW"]
    assert setting(unit, "NoNewPrivileges") == ["yes"]
    assert setting(unit, "MemoryDenyWriteExecute") == []


def test_both_services_are_hardened_alike():
    lines = [
        {line for line in (FOLDER / unit).read_text("utf-8").splitlines() if re.match(r"[A-Z]\w+=", line)}
        for unit in SERVICES
    ]
    told_apart = re.compile(
        r"(Description|Documentation|After|Wants|Conflicts|Type|Exec\w+|Timeout\w+|Watchdog\w+|Restart(Sec|Prevent\w+)?"
        r"|SuccessExitStatus|StartLimit\w+|WantedBy)="
    )
    assert {line for line in lines[0] ^ lines[1] if not told_apart.match(line)} == set()


def test_a_stop_may_take_as_long_as_the_machine_waits():
    (limit,) = setting("zoneguard-sensor.service", "TimeoutStopSec")
    assert int(limit.removesuffix("s")) * SECOND > max(DRAIN, PATIENCE)


@pytest.mark.parametrize("unit", SERVICES)
def test_the_configuration_is_where_the_commands_look_for_it(unit):
    words = shlex.split(setting(unit, "ExecStart")[0])
    assert words[:2] == ["/usr/bin/zoneguard", "sensor"]
    assert words[words.index("--config") + 1] == str(DEFAULT)
    assert isinstance(sensor, click.Group)


def test_the_user_of_the_units_is_the_one_that_is_made():
    made = (FOLDER / "sysusers.conf").read_text("utf-8")
    kept = (FOLDER / "tmpfiles.conf").read_text("utf-8")
    for unit in SERVICES:
        (user,), (group,) = setting(unit, "User"), setting(unit, "Group")
        assert re.search(rf"^u {user} ", made, re.MULTILINE)
        assert re.search(rf"^d {DEFAULT.parent} 0750 root {group} ", kept, re.MULTILINE)
    assert run("systemd-sysusers", "--dry-run", str(FOLDER / "sysusers.conf")).returncode == 0
