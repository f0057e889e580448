"""`zoneguard sensor`."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.sensor.test_status import TROUBLED
from tests.sensor.test_status import status as made_status
from zoneguard.cli.bilingual import Options
from zoneguard.cli.sensor import sensor
from zoneguard.errors import InputRefusedError
from zoneguard.sensor.document import sensor_schema
from zoneguard.sensor.status import write_status

ROOT = Path(__file__).parents[2]


def run(*words, lang="en"):
    return CliRunner().invoke(sensor, [str(word) for word in words], obj=Options(lang=lang))


@pytest.fixture
def installed(tmp_path):
    (tmp_path / "sensor.yaml").write_text(run("config", "example").output, encoding="utf-8")
    shutil.copy(ROOT / "zones.yaml", tmp_path)
    return tmp_path / "sensor.yaml"


def test_the_example_lints_beside_the_example_policy(installed):
    assert run("config", "lint", installed).output == (
        f"{installed}: no mistakes (1 interfaces, 0 folders, 1 outputs)\n"
    )
    assert "誤りはありません" in run("config", "lint", installed, lang="ja").output


def test_lint_tells_mistakes_of_the_configuration(installed):
    installed.write_text(installed.read_text("utf-8").replace("judge:", "jugde:"), encoding="utf-8")
    refused = run("config", "lint", installed).exception
    assert isinstance(refused, InputRefusedError)
    assert "did you mean 'judge'?" in refused.faults[0].en


def test_lint_tells_mistakes_of_the_policy(installed):
    (installed.parent / "zones.yaml").write_text("version: 2\n", encoding="utf-8")
    assert isinstance(run("config", "lint", installed).exception, InputRefusedError)


def test_lint_tells_an_observation_point_that_the_policy_lacks(installed):
    installed.write_text(installed.read_text("utf-8").replace("sensor: S2,", "sensor: S9,"), encoding="utf-8")
    refused = run("config", "lint", installed).exception
    assert isinstance(refused, InputRefusedError)
    assert "has no 'S9'" in refused.faults[0].en


def test_the_schema_is_printed_for_editors():
    assert json.loads(run("config", "schema").output) == sensor_schema()


def test_status_shows_the_page_or_the_file_itself(tmp_path):
    path = tmp_path / "status.json"
    write_status(path, made_status(*TROUBLED))
    assert "センサー core: 観測中" in run("status", "--file", path, lang="ja").output
    assert json.loads(run("status", "--file", path, "--format", "json").output)["pid"] == 4711


def test_status_finds_the_file_through_the_configuration(installed, tmp_path):
    text = installed.read_text("utf-8").replace("state: /var/lib/zoneguard", "state: state")
    installed.write_text(text, encoding="utf-8")
    (tmp_path / "state").mkdir()
    write_status(tmp_path / "state" / "status.json", made_status())
    assert "Sensor core: watching" in run("status", "--config", installed).output


def test_a_status_of_another_shape_is_refused(tmp_path):
    path = tmp_path / "status.json"
    write_status(path, made_status() | {"phase": "dreaming"})
    assert isinstance(run("status", "--file", path).exception, InputRefusedError)
    write_status(path, made_status() | {"interfaces": [7]})
    assert isinstance(run("status", "--file", path).exception, InputRefusedError)


@pytest.fixture
def finished(tmp_path):
    """A sensor that read one capture in a folder, told of it, and ended."""
    shutil.copy(ROOT / "zones.yaml", tmp_path)
    shutil.copy(ROOT / "captures" / "story-02-screen-reversed.pcap", tmp_path)
    (tmp_path / "sensor.yaml").write_text(
        "{version: 1, name: one, policy: zones.yaml, state: state, memory: 512MiB, disk: {low_water: 1MiB},"
        " watch: {folders: [{path: ., sensor: S2, settle: 1s}]}, outputs: {local: {jsonl: {file: told.jsonl}}}}",
        encoding="utf-8",
    )
    program = str(Path(sys.executable).with_name("zoneguard"))
    ended = subprocess.run(
        [program, "sensor", "once", "--config", str(tmp_path / "sensor.yaml")],
        umask=0o022,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 1, ended.stderr
    return tmp_path


def test_a_sensor_that_ended_tells_also_of_its_last_delivery_and_nothing_to_strangers(finished):
    told = json.loads((finished / "state" / "status.json").read_text("utf-8"))
    assert told["phase"] == "stopped"
    assert (told["outputs"]["local"]["waiting"], told["outputs"]["local"]["delivered"]) == (0, 1)
    assert "ZG-A05" in (finished / "told.jsonl").read_text("utf-8")
    written = [finished / "told.jsonl", *(finished / "state").rglob("*")]
    assert {path.name for path in written} >= {"told.jsonl", "findings.db", "status.json"}
    for_all = [path.name for path in written if stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO]
    assert for_all == ["status.json"]  # which names no host
