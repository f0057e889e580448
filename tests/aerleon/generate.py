"""Runs Aerleon, which has an environment of its own, and gives what it made of each policy for each platform."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ACLGEN = ROOT / ".venv-aerleon" / "bin" / "aclgen"


def generated(folder: Path, policies: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Generate policies, given by name, in an empty folder: (name, suffix of the platform) → text.

    Raises CalledProcessError with what Aerleon says when it refuses one of them.
    """
    made = folder / "out"
    for part in ("pol", "out"):
        (folder / part).mkdir()
    for name, policy in policies.items():
        (folder / "pol" / f"{name}.yaml").write_text(json.dumps(policy), encoding="utf-8")  # JSON is YAML
    told = subprocess.run(
        [ACLGEN, "--base_directory", folder, "--recursive", "--definitions_directory", HERE / "def",
         "--output_directory", made, "--logtostderr"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if told.returncode:
        raise subprocess.CalledProcessError(told.returncode, ACLGEN, told.stdout, told.stderr)
    return {(path.stem, path.suffix): path.read_text(encoding="utf-8") for path in sorted(made.iterdir())}
