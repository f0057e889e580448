"""Hostile sensor.yaml files: each is loaded, or refused in words with places; nothing else may happen."""

from __future__ import annotations

from random import Random

from tests.fuzz.test_policies import ROOT, RUNS, mutated
from zoneguard.errors import InputRefusedError
from zoneguard.sensor.load import parse_config


def uncommented(text: str) -> str:
    """Give the example with the outputs and folders that it only suggests."""
    return "\n".join(
        line.replace("# ", "", 1) if line.lstrip().startswith("#   ") or "store:" in line else line
        for line in text.splitlines()
    )


def test_no_hostile_configuration_does_more_than_to_be_refused() -> None:
    text = (ROOT / "packaging/sensor.yaml").read_text("utf-8")
    random = Random(9)
    loaded, faults = 0, []
    for _ in range(RUNS):
        hostile = mutated(random, random.choice((text, uncommented(text))))
        try:
            parse_config(hostile.encode("utf-8", "surrogatepass"), "sensor.yaml")
        except InputRefusedError as refusal:
            faults += refusal.faults
        else:
            loaded += 1
    assert all(fault.en.startswith("sensor.yaml:") for fault in faults)
    assert faults
    assert loaded
