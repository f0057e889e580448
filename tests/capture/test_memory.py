from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")


def scanned(command: list[str]) -> dict[str, Any]:
    run = subprocess.run([*command, "--only", "meter"], check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(run.stdout)["meter"]
    return told


def test_a_scan_without_end_takes_no_more_memory_after_twenty_minutes_than_after_five() -> None:
    command = [sys.executable, "bench/endless.py", "--flows", "30000", "--minutes", "20", "--rows", "40000"]
    said = scanned(command)
    assert said["handed_on"] == said["flows"] == 600_000
    assert said["live_at_the_end"] > 25_000
    assert said["growth"] < 0.1
    assert said["evicted"] == 0  # a minute of attempts has room


def test_a_scan_beyond_the_bound_takes_no_more_memory_and_is_handed_on_early() -> None:
    command = [sys.executable, "bench/endless.py", "--flows", "60000", "--minutes", "10", "--rows", "20000"]
    said = scanned(command)
    assert said["handed_on"] == said["flows"] == 600_000
    assert said["live_at_the_end"] <= 20_000
    assert said["evicted"] > 500_000
    assert said["growth"] < 0.1
