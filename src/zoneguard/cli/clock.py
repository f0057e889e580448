"""What the command line takes from the machine: the time of the run and the size of the evidence."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.errors import UsageError
from zoneguard.report.when import SECOND
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence


def time_of_run() -> int:
    """Give the time in ns since 1970; SOURCE_DATE_EPOCH stands for it where output must repeat."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    if not fixed:
        return time.time_ns()
    if not fixed.isascii() or not fixed.isdigit() or len(fixed) > 10:
        raise UsageError(
            Text(
                ja=f"SOURCE_DATE_EPOCH「{fixed}」は1970年からの秒数ではありません。整数を指定してください。",
                en=f"SOURCE_DATE_EPOCH {fixed!r} is no number of seconds since 1970; give an integer.",
            )
        )
    return int(fixed) * SECOND


def total_size(paths: Sequence[str]) -> int | None:
    """Add up what lies in the named files and folders; None when standard input is among them."""
    if "-" in paths:
        return None
    files = [file for path in map(Path, paths) for file in (path.rglob("*") if path.is_dir() else [path])]
    try:
        return sum(file.stat().st_size for file in files if file.is_file())
    except OSError:
        return None
