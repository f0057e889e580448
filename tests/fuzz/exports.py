"""Hostile exports: realistic files with lines, words and octets deleted, doubled, exchanged or made up.

python tests/fuzz/exports.py --runs 100000 --seed 1
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from zoneguard.errors import InputRefusedError
from zoneguard.firewall.export import Export
from zoneguard.firewall.parse import parse
from zoneguard.firewall.vendors import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SLOWEST = 10.0  # seconds for one file of a few hundred lines; anything beyond is a hang
LARGEST = 40_000  # octets of a seed
WORDS = (
    b"any", b"0.0.0.0/0", b"::/0", b"255.255.255.255", b"65536", b"-1", b"99999999999999999999", b"!", b"(", b"{", b"}",
    b'"', b"'", b"\\", b"\0", b"\xff\xfe", b"<", b"&amp;", b"<!ENTITY x 'y'>", b"]]>", b"[", b"1-0", b"10.0.0.1-9.0.0.1",
    b"permit", b"deny", b"end", b"next", b"exit", b"\xe4\xbb\xa4\xe5\x92\x8c", b"\x83\x58", b"\r", b"\t", b" " * 80,
)  # fmt: skip


def seeds() -> dict[str, tuple[str, bytes]]:
    """Give every sample and fixture of an export: name → format and octets."""
    found: dict[str, tuple[str, bytes]] = {}
    names = {one.name: one for one in FORMATS}
    for folder in (ROOT / "exports", ROOT / "tests" / "firewall" / "vendors"):
        for path in sorted(folder.glob("*/*")):
            name = path.parent.name.replace("_", "-")
            if path.is_file() and path.suffix not in (".md", ".py") and name in names:
                found[str(path.relative_to(ROOT))] = (name, path.read_bytes()[:LARGEST])
    return found


def mutated(random: Random, octets: bytes) -> bytes:
    """Damage a file in one to four places, by lines, by words or by octets."""
    for _ in range(random.randint(1, 4)):
        separator = random.choice((b"\n", b"\n", b" ", b",", b""))
        parts = (
            octets.split(separator)
            if separator
            else [octets[i : i + 1] for i in range(min(len(octets), 4000))]
        )
        tail = b"" if separator else octets[4000:]
        if not parts:
            return random.choice(WORDS)
        at, other = random.randrange(len(parts)), random.randrange(len(parts))
        kind = random.randrange(6)
        if kind == 0:
            del parts[at : at + random.choice((1, 1, 3))]
        elif kind == 1:
            parts.insert(other, parts[at])
        elif kind == 2:
            parts[at], parts[other] = parts[other], parts[at]
        elif kind == 3:
            parts[at] = random.choice(WORDS)
        elif kind == 4:
            parts = parts[: at + 1]
            tail = b""
        else:
            parts[at] += random.choice(WORDS)
        octets = separator.join(parts) + tail
    return octets


def judge(name: str, octets: bytes) -> str:
    """Parse one file; say what is wrong with the outcome, or nothing."""
    began = time.monotonic()
    try:
        result = parse("fuzz", octets, format_name=name)
    except InputRefusedError as error:
        return "" if all(fault.ja and fault.en for fault in error.faults) else "a refusal without words"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a find
        return f"{type(error).__name__}: {error}"
    if time.monotonic() - began > SLOWEST:
        return "a hang"
    if len(result.states) != len(Export.of("fuzz", octets).lines):
        return "lines are not accounted for"
    return ""


def hunt(runs: int, seed: int) -> Iterator[tuple[int, str, str, bytes]]:
    """Yield each find: number of the run, seed file, what is wrong, and the octets that show it."""
    random = Random(seed)
    known = list(seeds().items())
    for number in range(runs):
        path, (name, octets) = known[number % len(known)]
        hostile = mutated(random, octets)
        fault = judge(name, hostile)
        if fault:
            yield number, path, fault, hostile


def main() -> int:
    """Run from the command line; leave what shows a fault in a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    for number, path, fault, hostile in hunt(chosen.runs, chosen.seed):
        kept = Path(f"fuzz-export-{chosen.seed}-{number}")
        kept.write_bytes(hostile)
        print(f"run {number} of {path} (kept as {kept}): {fault}")  # noqa: T201
        return 1
    print(f"{chosen.runs} hostile exports: no fault")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
