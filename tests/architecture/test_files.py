"""What holds for every file of the project."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BANNED_NAMES = {"common", "handler", "handlers", "helper", "helpers", "info", "manager", "utils"}
ONLY_HERE = re.compile(r"(?<![\w-])sha" + r"red/")  # written apart, or this file would name it


def project_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_the_project_stands_alone() -> None:
    naming = []
    for path in project_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        naming += [f"{path.relative_to(ROOT)}: {found[0]}" for found in ONLY_HERE.finditer(text)]
    assert naming == []


def test_no_module_is_a_bin_for_leftovers() -> None:
    modules = [path for path in project_files() if path.suffix == ".py"]
    assert [path for path in modules if path.stem in BANNED_NAMES or path.parent.name in BANNED_NAMES] == []


def test_every_module_says_in_one_sentence_what_it_is() -> None:
    silent = [
        path
        for path in (ROOT / "src").rglob("*.py")
        if not path.read_text("utf-8").startswith('"""') and path.stat().st_size
    ]
    assert silent == []


def test_scapy_is_not_part_of_the_product_path() -> None:
    importing = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "src").rglob("*.py")
        if re.search(r"^\s*(?:import|from) scapy", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(importing) <= 1, importing


def test_what_is_installed_offline_is_what_was_tested() -> None:
    pinned = [
        set(re.findall(r"^([\w.-]+==[^\s;]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    ]
    assert pinned[0]
    assert pinned[0] <= pinned[1]
