"""Hostile input in the measure of a test run; `make fuzz` goes on for longer."""

from __future__ import annotations

import os

import pytest

from tests.fuzz import run

RUNS = int(os.environ.get("FUZZ_CASES", "3000"))

# One bounds comparison taken out of the kernels at a time.
FAULTS = {
    "the Ethernet header": ("decode", "if end - at < 14:", "if end - at < 0:"),
    "the ARP message": ("decode", "if end - at < 28:", "if end - at < 0:"),
    "the ports": ("decode", "        if have < 4:\n            return False\n", ""),
    "the TCP flags": ("decode", "if have < 14:", "if have < 0:"),
    "the IPv6 extension header": ("decode", "if last - body < 8:\n                        break\n", "if last < 0:\n                        break\n"),
    "the captured length of a pcapng block": ("meter", "if captured > end - body:", "if captured < 0:"),
    "the length of a pcap record": ("meter", "if n - at - 16 < captured:", "if captured < 0:"),
    "the MPLS stack": ("decode", "and end - at >= 4 and not bottom", "and not bottom"),
}  # fmt: skip


def test_no_hostile_capture_breaks_the_engine() -> None:
    number, fault, _ = run.hunt(RUNS, 20_240, compiled=True)
    assert fault == "", f"run {number}"
    assert number == RUNS


def test_the_interpreted_kernel_withstands_them_too() -> None:
    number, fault, _ = run.hunt(RUNS // 10, 7, compiled=False)
    assert fault == "", f"run {number}"


@pytest.mark.parametrize("missing", FAULTS)
def test_the_fuzzer_finds_a_missing_comparison(missing: str) -> None:
    kernel = run.planted(*FAULTS[missing])
    number, fault, capture = run.hunt(10_000, 3, compiled=False, kernel=kernel)
    assert fault, f"{missing} is not checked any more, and {number} hostile captures did not show it"
    assert run.judge(capture, 0, compiled=False) == ""
