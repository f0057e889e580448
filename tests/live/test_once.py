"""`zoneguard sensor once` on an interface gives what `check` gives of a capture."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from scapy.utils import RawPcapNgReader

from tests.live.wire import Sender, wire
from tests.oracle.world import may_build

ROOT = Path(__file__).parents[2]
CONFIG = """\
version: 1
name: once
policy: zones.yaml
state: state
watch: {interfaces: [{interface: far, sensor: core, ring: 8MiB}]}
memory: 512MiB
disk: {low_water: 1MiB}
outputs: {local: {jsonl: {file: told.jsonl}, min_severity: info}}
"""

pytestmark = pytest.mark.skipif(
    shutil.which("ip") is None or not may_build(), reason="needs root, network namespaces and iproute2"
)


@pytest.fixture
def installed(tmp_path):
    """A configuration, and a policy with a sensor on the trunk whose approvals are in force today."""
    today = datetime.now(UTC).date()
    term = f"on: {today - timedelta(days=30)}, until: {today + timedelta(days=300)}"
    policy = (ROOT / "zones.yaml").read_text("utf-8")
    policy = re.sub(r"on: \d{4}-\d\d-\d\d, until: \d{4}-\d\d-\d\d", term, policy)
    policy = policy.replace("\nsensors:\n", "\nsensors:\n  core: {interface: far, l2_adjacent: true}\n")
    (tmp_path / "zones.yaml").write_text(policy, encoding="utf-8")
    (tmp_path / "sensor.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def watched(line, installed, frames):
    """Give the exit code of `sensor once` over these frames, and the rules of what it told."""
    program = str(Path(sys.executable).with_name("zoneguard"))
    subprocess.run([program, "warmup"], check=True, capture_output=True)
    command = [program, "sensor", "once", "--for", "120", "--config", str(installed / "sensor.yaml")]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor, line.here():
        supervisor.bind(str(installed / "notify"))
        supervisor.settimeout(30)
        environment = {**os.environ, "NOTIFY_SOCKET": str(installed / "notify")}
        sensor = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
        sender = Sender("near")
        try:
            while b"READY=1" not in supervisor.recv(4096):
                pass
            for frame in frames:
                sender.send([frame])
                time.sleep(0.0005)  # at once, a request and its repetition would be copies of a mirror
        finally:
            sender.close()
            sensor.terminate()
            _, said = sensor.communicate(timeout=60)
    told = [json.loads(one) for one in (installed / "told.jsonl").read_text("utf-8").splitlines()]
    findings = {one["finding"]["rule"] for one in told if one["kind"] == "findings"}
    return sensor.returncode, findings, said.decode()


def test_a_normal_day_on_an_interface_is_clean(installed):
    with RawPcapNgReader(str(ROOT / "captures" / "normal-day-alpha.pcapng")) as reader:
        frames = [frame for frame, _ in reader]
    with wire() as line:
        code, rules, said = watched(line, installed, frames)
    assert (code, rules) == (0, {"ZG-B04", "ZG-I01"}), said
