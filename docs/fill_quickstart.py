"""The real output of the first quarter of an hour, put between the markers of both quickstarts."""  # noqa: INP001  (a script)

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"en": ROOT / "docs" / "quickstart.md", "ja": ROOT / "docs" / "ja" / "quickstart.md"}
BEGIN, END = "<!-- first:begin -->", "<!-- first:end -->"
EVIDENCE = {"fw-border.conf": "exports/fortios/clean.conf", "core.pcapng": "captures/normal-day-alpha.pcapng"}
GENERATED = "1795392000"  # 2026-11-23 00:00 UTC, as in the README
COMMANDS = (  # each with its exit code and how many lines of its output are shown
    ("zoneguard policy init --model alpha --from-export fw-border.conf --from-capture core.pcapng", 0, 5),
    ("zoneguard policy lint zones.yaml", 0, 12),
    ("zoneguard check core.pcapng fw-border.conf", 1, 32),
)
MORE = {"en": "… (and {n} more lines)", "ja": "…（ほか {n} 行）"}


def main() -> None:
    """Rewrite both pages."""
    for lang, path in PAGES.items():
        path.write_text(filled(path.read_text("utf-8"), block(lang)), "utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")


def block(lang: str) -> str:
    """Run the commands in a folder of their own and give the block that the page shows."""
    lines = ["```console"]
    with tempfile.TemporaryDirectory() as folder:
        for name, source in EVIDENCE.items():
            shutil.copy(ROOT / source, Path(folder, name))
        for command, code, most in COMMANDS:
            said = [
                line.replace(f"{Path(folder).resolve()}/", "") for line in _run(command, lang, folder, code)
            ]
            rest = len(said) - most
            lines += [f"$ {command}", *said[:most], *([MORE[lang].format(n=rest)] if rest > 0 else []), ""]
    return "\n".join([*lines[:-1], "```"])


def _run(command: str, lang: str, folder: str, code: int) -> list[str]:
    words = [sys.executable, "-c", "from zoneguard.cli.main import main; main()", *command.split()[1:]]
    environment = {"LC_ALL": "C.UTF-8", "COLUMNS": "100", "SOURCE_DATE_EPOCH": GENERATED}
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "PYTHONPATH") if name in os.environ}
    run = subprocess.run(  # noqa: S603  (the command is our own)
        [*words, "--lang", lang],
        cwd=folder,
        env=environment | kept,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if run.returncode != code:
        sys.exit(f"{command} ended with exit code {run.returncode} instead of {code}.\n{run.stderr}")
    return [line.rstrip() for line in run.stdout.splitlines()]


def filled(page: str, shown: str) -> str:
    """Put a block between the markers of a page."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{shown}\n{END}{after}"


if __name__ == "__main__":
    main()
