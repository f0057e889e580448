"""What the wheel brings along beside the code: templates, schemas, tables, and the manual pages."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_every_file_of_the_package_and_the_manual_pages(tmp_path):
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)),
        ],
        check=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("zoneguard-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    package = {
        path.relative_to(source).as_posix()
        for path in (source / "zoneguard").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "zoneguard/report/html/page.html.jinja" in package
    assert package - held == set()
    (folder,) = {name.partition("/")[0] for name in held if name.endswith("/man1/zoneguard.1")}
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs" / "man").rglob("*.1")}
    assert {f"{folder}/data/share/{page}" for page in pages} - held == set()
