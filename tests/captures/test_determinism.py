"""The same evidence gives the same report, whatever order Python's sets have in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = "from zoneguard.cli.main import main; main()"
SEEDS = ("1", "6")  # with these two, sets of a few words are in different orders


def told(seed: str, *evidence: str) -> str:
    command = ["check", *evidence, "--policy", "zones.yaml", "--today", "2026-11-23", "--format", "json"]
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.stdout, made.stderr
    return "\n".join(line for line in made.stdout.splitlines() if '"generated"' not in line)


@pytest.mark.parametrize("evidence", ["captures", "captures/real", "exports"])
def test_the_order_of_sets_in_memory_changes_no_word(evidence):
    first, second = (told(seed, evidence) for seed in SEEDS)
    assert first == second
