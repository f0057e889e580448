"""Hostile flows in the measure of a test run; `make fuzz` goes on for longer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.fuzz import looks
from zoneguard.dissect import tls
from zoneguard.dissect.look import look

if TYPE_CHECKING:
    import pytest

RUNS = int(os.environ.get("FUZZ_LOOKS", "8000"))


def test_no_hostile_flow_breaks_the_look() -> None:
    number, fault, _ = looks.hunt(RUNS, 20_260)
    assert fault == "", f"run {number}"
    assert number == RUNS


def test_the_conversations_that_are_mutated_are_understood() -> None:
    for protocol, port, turns in looks.seeds():
        cut = looks.building.tcp(*turns) if protocol == 6 else looks.building.udp(*turns)
        seen = look(cut, protocol, port)
        assert seen.spoken is not None or seen.files is not None, (protocol, port)
        assert "not-understood" not in seen.troubles
        assert looks.CANARY not in repr(seen)


def test_the_fuzzer_finds_a_missing_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(orig: bytes, resp: bytes) -> None:
        size = int.from_bytes(orig[3:5], "big")
        assert orig[5 + size - 1] is not None  # an octet that a lying length puts out of reach

    monkeypatch.setattr(tls, "read_tls", careless)
    number, fault, _ = looks.hunt(RUNS, 3)
    assert fault.startswith("IndexError"), f"{number} hostile flows did not show it"
