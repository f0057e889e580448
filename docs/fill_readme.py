"""The real output of the demo, put between the markers of both READMEs."""  # noqa: INP001  (a script)

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READMES = {"en": ROOT / "README.md", "ja": ROOT / "README.ja.md"}
BEGIN, END = "<!-- demo:begin -->", "<!-- demo:end -->"
LINES = 80
GENERATED = "1795392000"  # 2026-11-23 00:00 UTC, the day the demo judges
FINDINGS = 1
MORE = {"en": "… (and {n} more lines)", "ja": "…（ほか {n} 行）"}


def main() -> None:
    """Rewrite both READMEs."""
    for lang, path in READMES.items():
        path.write_text(filled(path.read_text("utf-8"), block(lang)), "utf-8")
        sys.stdout.write(f"{path.name}\n")


def block(lang: str) -> str:
    """Run the demo in one language and give the block that the README shows."""
    command = f"{demo_command()} --lang {lang}"
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(  # noqa: S603  (the command is our own, and its globs are the shell's work)
        ["/bin/bash", "-c", command],
        cwd=ROOT,
        env={"PATH": path, "LC_ALL": "C.UTF-8", "COLUMNS": "100", "SOURCE_DATE_EPOCH": GENERATED}
        | {name: os.environ[name] for name in ("HOME", "ZONEGUARD_CACHE") if name in os.environ},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if run.returncode != FINDINGS:
        sys.exit(f"The demo ended with exit code {run.returncode} instead of {FINDINGS}.\n{run.stderr}")
    lines = [line.rstrip() for line in run.stdout.splitlines()]
    rest = len(lines) - LINES
    shown = [*lines[:LINES], MORE[lang].format(n=rest)] if rest > 0 else lines
    return "\n".join(["```console", f"$ {command}", *shown, "```"])


def demo_command() -> str:
    """Read from the Makefile which command `make demo` runs."""
    found = re.search(r"^DEMO := (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    if not found:
        sys.exit("Makefile has no line 'DEMO := …'; the demo's command is read from there.")
    return found.group(1)


def filled(readme: str, demo: str) -> str:
    """Put a block between the markers of a README."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{demo}\n{END}{after}"


if __name__ == "__main__":
    main()
