"""Time the packet-set engine on generated rule lists, beside BDDs (oxidd) where asked.

    python bench/rulesets.py [--quick] [--lines N] [--style acl] [--order narrow-first] [--beside]

Each question runs in a process of its own, so that seconds and memory are those of the whole process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

from rulelists import ORDERS, STYLES, edited, generate  # noqa: E402

QUESTIONS = ("violations", "unreachable", "diff")
ENGINES = ("products", "bdd")


def main() -> None:
    """Print one line a list and question."""
    arguments = _arguments()
    if arguments.question:
        print(json.dumps(_measure(arguments)))
        return
    lines = 1000 if arguments.quick else arguments.lines
    engines = ENGINES if arguments.beside or arguments.quick else ENGINES[:1]
    for style in [arguments.style] if arguments.style else STYLES:
        for question in QUESTIONS:
            command = [sys.executable, __file__, "--lines", str(lines), "--style", style]
            command += ["--question", question, "--seed", str(arguments.seed), "--order", arguments.order]
            _report(f"{lines:>7} {style:4} {question:12}", command, engines)


def answered(style: str, lines: int, question: str, *, engine: str) -> dict[str, Any]:
    """Ask one engine in a process of its own: its answer, CPU seconds and memory of the whole."""
    command = [sys.executable, __file__, "--lines", str(lines), "--style", style, "--question", question]
    return _run([*command, "--engine", engine])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 lines, beside BDDs")
    parser.add_argument("--beside", action="store_true", help="ask the BDDs as well and compare")
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--style", choices=STYLES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--order", choices=ORDERS, default=ORDERS[0])
    parser.add_argument("--question", choices=QUESTIONS, help=argparse.SUPPRESS)
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help=argparse.SUPPRESS)
    return parser.parse_args()


def _report(text: str, command: list[str], engines: tuple[str, ...]) -> None:
    told = {engine: _run([*command, "--engine", engine]) for engine in engines}
    for engine, one in told.items():
        text += f" | {engine} {one['asked']:.2f} s, whole {one['whole']:.2f} s, {one['megabytes']:.0f} MB"
    print(f"{text} | {told['products']['told']} told", flush=True)
    if len({str(one["answer"]) for one in told.values()}) > 1:
        sys.exit("The engines differ.")


def _run(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _measure(arguments: argparse.Namespace) -> dict[str, object]:
    case = generate(arguments.style, arguments.lines, Random(arguments.seed), arguments.order)
    changed = edited(case, Random(arguments.seed + 1))
    made = time.process_time()
    if arguments.engine == "products":
        from questions import ask
    else:
        from questions_bdd import ask
    told, answer = ask(arguments.question, case, changed)
    return {
        "told": told,
        "answer": answer,
        "asked": time.process_time() - made,
        "whole": time.process_time(),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
