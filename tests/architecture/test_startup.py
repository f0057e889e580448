"""What a command may import: seconds of start-up come from libraries that nobody asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("zoneguard")


def imported_by(*arguments: str, codes: tuple[int, ...]) -> set[str]:
    """Run the installed program and give the names of the top-level packages it imported."""
    run = subprocess.run(
        [PROGRAM, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    lines = run.stderr.splitlines()
    said = [line for line in lines if not line.startswith("import time:")]
    assert run.returncode in codes, said
    assert not any(line.startswith("Traceback") for line in said), said
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines if line not in said}


@pytest.mark.parametrize(
    "arguments", [("--help",), ("check", "--help"), ("--version",), ("completion", "bash")]
)
def test_help_imports_no_heavy_library(arguments: tuple[str, ...]) -> None:
    heavy = {
        *("cryptography", "jinja2", "networkx", "numba", "numpy", "pyarrow", "pydantic", "rich", "scapy"),
        *("weasyprint", "yaml"),
    }
    assert imported_by(*arguments, codes=(0,)) & heavy == set()


def test_a_small_capture_is_judged_without_the_compiler() -> None:
    capture = next((ROOT / "captures").glob("story-*.pcap*"))
    packages = imported_by(
        "check", str(capture), "--policy", "zones.yaml", "--today", "2026-11-23", codes=(0, 1, 4)
    )
    assert "zoneguard" in packages
    assert packages & {"numba", "llvmlite", "pyarrow", "scapy"} == set()


def test_an_export_of_one_device_is_judged_without_the_library_of_graphs() -> None:
    packages = imported_by(
        *("check", "exports/nftables/clean.txt", "--policy", "zones.yaml", "--today", "2026-11-23"),
        codes=(0, 1, 4),
    )
    assert "zoneguard" in packages
    assert packages & {"networkx", "numba", "llvmlite", "pyarrow", "scapy"} == set()


def test_formats_are_told_apart_without_their_readers() -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from zoneguard.firewall.parse import format_of; format_of(b'hello'); print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = {name for name in run.stdout.split() if name.startswith("zoneguard.firewall.vendors.")}
    assert modules
    assert [name for name in modules if name.endswith((".parse", ".read"))] == []
