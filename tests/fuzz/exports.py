"""Hostile exports: realistic files with lines, words, blocks and octets deleted, doubled, exchanged or made up.

python tests/fuzz/exports.py --runs 100000 --seed 1 [--format fortios]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from random import Random
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fuzz.shapes import TREES, reshaped
from zoneguard.errors import InputRefusedError
from zoneguard.firewall.export import decode
from zoneguard.firewall.model import Filter
from zoneguard.firewall.parse import parse
from zoneguard.firewall.vendors import FORMATS

ROOT = Path(__file__).parents[2]
SLOWEST = 10.0  # seconds for one file of a few hundred lines; anything beyond is a hang
LARGEST = 40_000  # octets of a seed
READABLE = 0.55  # of the damage; beyond that most files of a strict syntax are refused at the first bracket
RUNS = int(os.environ.get("FUZZ_EXPORTS", "100000"))  # of a test run, all formats together
LEAST_READ = 0.4  # share of damaged files of which lines must still be read: the others try only refusals
BLOCKS = ("fortios", "junos", "nftables")
# A format that is in no other group is of lines: a new one is always hunted.
NAMES = {
    "blocks": BLOCKS,
    "lines": tuple(one.name for one in FORMATS if one.name not in {*BLOCKS, *TREES}),
    "trees": tuple(TREES),
}
WORDS = (
    b"any", b"0.0.0.0/0", b"::/0", b"255.255.255.255", b"65536", b"-1", b"99999999999999999999", b"!", b"(", b"{", b"}",
    b'"', b"'", b"\\", b"\0", b"\xff\xfe", b"<", b"&amp;", b"<!ENTITY x 'y'>", b"]]>", b"[", b"1-0", b"10.0.0.1-9.0.0.1",
    b"permit", b"deny", b"end", b"next", b"exit", b"\xe4\xbb\xa4\xe5\x92\x8c", b"\x83\x58", b"\r", b"\t", b" " * 80,
    # Digits that int() refuses or that are none of ASCII's, and ends of lines that only Unicode knows.
    b"1" * 5000, b"\xc2\xb2", b"\xef\xbc\x91", b"\xe2\x80\xa8", b"\xc2\x85", b"\x0b", b"\x0c", b"\x1c",
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


def mutated(random: Random, octets: bytes, shape: str = "lines") -> bytes:
    """Damage a file in one to four places; more than half of the files only so that they stay readable."""
    times = random.randint(1, 4)
    if random.random() < READABLE:
        return _reshaped(random, octets, shape, times)
    for _ in range(times):
        octets = _reshaped(random, octets, shape, 1) if random.random() < 0.5 else _broken(random, octets)
    return octets


def _reshaped(random: Random, octets: bytes, shape: str, times: int) -> bytes:
    text = octets.decode("utf-8", "surrogateescape")
    return reshaped(random, text, shape, times).encode("utf-8", "surrogateescape")


def _broken(random: Random, octets: bytes) -> bytes:
    separator = random.choice((b"\n", b"\n", b" ", b",", b""))
    parts = (
        octets.split(separator) if separator else [octets[i : i + 1] for i in range(min(len(octets), 4000))]
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
    return separator.join(parts) + tail


class Outcome(NamedTuple):
    """What became of one file: what is wrong with that, if anything, and whether lines of a filter were read."""

    fault: str
    read: bool


def judge(name: str, octets: bytes) -> Outcome:
    """Parse one file and hold the outcome against what every parser owes."""
    began = time.process_time()  # the machine may have other work
    try:
        result = parse("fuzz", octets, format_name=name)
    except InputRefusedError as error:
        worded = error.faults and all(fault.ja and fault.en for fault in error.faults)
        return Outcome("" if worded else "a refusal without words", read=False)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a find
        return Outcome(f"{type(error).__name__}: {error}", read=False)
    read = any(
        isinstance(step, Filter) and step.lines for ruleset in result.rulesets for step in ruleset.steps
    )
    if time.process_time() - began > SLOWEST:
        return Outcome("a hang", read)
    if len(result.states) != len(decode(octets).splitlines()):
        return Outcome("lines are not accounted for", read)
    return Outcome("", read)


class Hunted(NamedTuple):
    """What came of many runs; `find` is None, or the seed, what is wrong, and the octets that show it."""

    runs: int
    read: int  # of them, those of which lines of a filter were read
    slowest: float  # seconds of one run
    find: tuple[str, str, bytes] | None


def hunt(name: str, runs: int, seed: int) -> Hunted:
    """Damage the seeds of a format in turn until something is wrong."""
    random = Random(f"{name} {seed}")
    shape = TREES.get(name, "lines")
    known = [(path, octets) for path, (format_name, octets) in seeds().items() if format_name == name]
    read, slowest = 0, 0.0
    for number in range(runs):
        path, octets = known[number % len(known)]
        hostile = mutated(random, octets, shape)
        began = time.process_time()
        outcome = judge(name, hostile)
        slowest = max(slowest, time.process_time() - began)
        if outcome.fault:
            return Hunted(number, read, slowest, (path, outcome.fault, hostile))
        read += outcome.read
    return Hunted(runs, read, slowest, None)


def check(name: str) -> None:
    """Hunt a format's share of a test run; raises AssertionError with the seed and the octets of a find."""
    hunted = hunt(name, RUNS // len(FORMATS), 100)
    assert hunted.find is None, f"run {hunted.runs}: {hunted.find}"
    assert hunted.read >= LEAST_READ * hunted.runs, f"only {hunted.read} of {hunted.runs} were read"


def main() -> int:
    """Run from the command line; leave what shows a fault in a file."""
    names = [one.name for one in FORMATS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000, help="of all formats together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", choices=names)
    chosen = parser.parse_args()
    chosen_names = [chosen.format] if chosen.format else names
    for name in chosen_names:
        began = time.monotonic()
        hunted = hunt(name, chosen.runs // len(chosen_names), chosen.seed)
        if hunted.find is not None:
            path, fault, octets = hunted.find
            kept = Path(f"fuzz-export-{name}-{chosen.seed}-{hunted.runs}")
            kept.write_bytes(octets)
            print(f"{name}, run {hunted.runs} of {path} (kept as {kept}): {fault}")  # noqa: T201
            return 1
        rate, share = hunted.runs / (time.monotonic() - began), hunted.read / hunted.runs
        told = f"{share:.0%} still read, {rate:.0f}/s, the slowest {hunted.slowest:.2f} s"
        print(f"{name}: {hunted.runs} hostile exports, {told}")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
