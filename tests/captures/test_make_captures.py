from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CAPTURES = Path(__file__).parents[2] / "captures"
MOST_OCTETS = 3_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captures")
    subprocess.run(
        [sys.executable, str(CAPTURES / "make_captures.py"), "--output", str(folder)],
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def shipped():
    return {path.name: path.read_bytes() for path in CAPTURES.glob("*.pcap*")}


def test_making_the_captures_again_gives_the_same_bytes(made):
    assert made.keys() == shipped().keys()
    assert [name for name, data in shipped().items() if made[name] != data] == []


def test_the_captures_stay_small():
    assert sum(map(len, shipped().values())) < MOST_OCTETS


def test_every_capture_has_an_expected_result():
    expected = yaml.safe_load((CAPTURES / "expected.yaml").read_text("utf-8"))
    real = {f"real/{path.name}" for path in (CAPTURES / "real").glob("*.pcap")}
    assert expected.keys() == shipped().keys() | real
    assert list(expected) == sorted(expected)


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_every_capture_is_told_in_the_readme(readme):
    words = (CAPTURES / readme).read_text("utf-8")
    assert [name for name in shipped() if f"`{name}`" not in words] == []
