"""What install.sh refuses before anything is installed, and how it says so."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "packaging" / "install.sh"
LOCK = f"zoneguard-needs-this==1.0 --hash=sha256:{'0' * 64}\n"


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    (folder / "wheels").mkdir(parents=True)
    shutil.copy(SCRIPT, folder)
    (folder / "requirements.lock").write_text(LOCK, encoding="utf-8")
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  ./{path.name}\n"
        for path in sorted(folder.iterdir())
        if path.is_file()
    ]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    return folder


def install(bundle, to):
    return subprocess.run(
        ["sh", str(bundle / "install.sh"), to],
        cwd=bundle.parent,
        env=os.environ | {"PYTHON": sys.executable, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def test_a_file_that_was_changed_on_the_way_is_refused(bundle):
    (bundle / "requirements.lock").write_text(LOCK.replace("1.0", "1.1"), encoding="utf-8")
    run = install(bundle, "zoneguard")
    assert run.returncode != 0
    assert "requirements.lock: FAILED" in run.stdout + run.stderr
    assert not (bundle.parent / "zoneguard").exists()


def test_packages_that_do_not_fit_this_python_are_told_in_both_languages(bundle):
    run = install(bundle, "zoneguard")
    assert run.returncode == 5
    assert "make the bundle with this one" in run.stderr
    assert "同じ版の Python で作り直してください" in run.stderr
