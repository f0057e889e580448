"""When a compilation is announced; nothing is compiled here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from zoneguard.capture import kernels


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Begin as a new process does, with an empty cache, and with kernels that cost nothing."""
    told = []
    monkeypatch.setenv("ZONEGUARD_CACHE", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    for name, value in (("_loaded", {}), ("_cache", None), ("_announce", told.append)):
        monkeypatch.setattr(kernels, name, value)
    monkeypatch.setattr(kernels, "importlib", SimpleNamespace(import_module=str))
    monkeypatch.setattr(kernels, "sys", SimpleNamespace(modules={}, implementation=sys.implementation))
    monkeypatch.setattr(kernels.jit, "compiled", False)
    return told


def leave_mark():
    (kernels.cache_folder() / kernels._mark()).touch()


def test_a_compilation_is_announced_before_it_begins(monkeypatch, fresh):
    monkeypatch.setattr(kernels, "_compile", lambda: fresh.append("compiled"))
    kernels.load(compiled=True)
    assert fresh == [True, "compiled"]


def test_the_interpreted_kernels_are_not_announced(monkeypatch, fresh):
    monkeypatch.setattr(kernels, "_compile", lambda: fresh.append("compiled"))
    kernels.load(compiled=False)
    assert fresh == []


def test_what_was_compiled_before_is_not_announced(monkeypatch, fresh):
    monkeypatch.setattr(kernels, "_compile", leave_mark)
    kernels.load(compiled=True)
    kernels._loaded.clear()
    kernels.load(compiled=True)
    assert fresh == [True]
    assert kernels.is_ready()


def test_kernels_of_another_machine_are_compiled_again(monkeypatch, fresh):
    monkeypatch.setattr(kernels, "_compile", leave_mark)
    kernels.load(compiled=True)
    monkeypatch.setattr("llvmlite.binding.get_host_cpu_name", lambda: "another")
    kernels._loaded.clear()
    kernels.load(compiled=True)
    assert fresh == [True, True]


def test_without_a_cache_every_compilation_is_announced(monkeypatch, fresh):
    monkeypatch.setattr(kernels, "_candidates", list)
    monkeypatch.setattr(kernels, "_compile", lambda: None)
    for _ in range(2):
        kernels._loaded.clear()
        kernels.load(compiled=True)
    assert fresh == [False, False]


READ_BACK = """
from zoneguard.capture import kernels, pcap, tables
kernels.load(compiled=True)
meter = tables.Meter(compiled=True)
meter.read_bytes(pcap.EMPTY_FILE)
print(sum(meter.kernel.run.stats.cache_hits.values()), sum(meter.kernel.run.stats.cache_misses.values()))
"""


def test_the_next_process_reads_what_was_compiled():
    kernels.warmup()
    made = subprocess.run(
        [sys.executable, "-c", READ_BACK],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert made.stdout.split() == ["1", "0"]
