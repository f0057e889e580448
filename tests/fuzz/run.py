"""Feeds hostile captures to the capture engine and judges what comes out.

python tests/fuzz/run.py --runs 100000 --seed 1 [--interpreted]
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fuzz import mutate
from tests.naive import compare, generate
from tests.naive.twin import Twin
from zoneguard.capture import jit, kernels, layout, tables
from zoneguard.capture.flows import to_flows
from zoneguard.net.flow import FlowTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

SEEDS = 24  # well-formed captures that the mutations start from
LAYERS = 6
EVERY_TWIN = 2  # of so many captures one is compared with the twin …
EVERY_INTERPRETED = 10  # … and one with the other mode of the kernel


class Exact(tables.Meter):
    """A meter that hands the kernel exactly what was read: an octet further is out of bounds."""

    def _run(self, words: Any, have: int) -> int:
        exact = words[:have].copy() if self.compiled else bytearray(words[:have])
        return super()._run(exact, have)


def metered(
    capture: bytes, *, compiled: bool, kernel: ModuleType | None = None
) -> tuple[FlowTable, tables.Meter]:
    """Meter one capture in a buffer of its size."""
    blocks: list[Any] = []
    meter = Exact(compiled=compiled, emit=blocks.append)
    meter.kernel = kernel or meter.kernel
    for i in range(16):
        meter.t.keys[i] = 0x2545F4914F6CDD1D * (2 * i + 1) % (1 << 62) | 1
    meter.read_bytes(capture)
    meter.finish()
    return FlowTable.concatenate([to_flows(block) for block in blocks]), meter


def captures(seed: int) -> Iterator[bytes]:
    """Give hostile captures without end."""
    random = Random(seed)
    seeds = [generate.capture(random, 6) for _ in range(SEEDS)]
    known = [mutate.fields(capture) for capture in seeds]
    while True:
        which = random.randrange(SEEDS)
        yield mutate.mutate(random, seeds[which], known[which])


def judge(capture: bytes, number: int, *, compiled: bool, kernel: ModuleType | None = None) -> str:
    """Meter one hostile capture; say what is wrong with the outcome, or nothing."""
    try:
        table, meter = metered(capture, compiled=compiled, kernel=kernel)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a find
        return f"{type(error).__name__}: {error}"
    fault = _sums(table, meter)
    if not fault and number % EVERY_TWIN == 0:
        fault = _unlike_twin(capture, table, meter)
        if fault and kernel is None and not _unlike_twin(capture, *_signed_otherwise(capture)):
            fault = ""  # two packets met in the bounded memory for mirror copies
    if not fault and compiled and number % EVERY_INTERPRETED == 0:
        other, _ = metered(capture, compiled=False)
        if not compare.equal_tables(table, other):
            fault = "the compiled and the interpreted kernel differ"
    return fault


def _sums(table: FlowTable, meter: tables.Meter) -> str:
    """Check that every frame is accounted for, and that no flow says more than the frames can."""
    c = meter.coverage()
    claims = sum(claim.count for claim in meter.all_claims())
    told = c.decoded + sum(c.not_decoded.values()) + c.truncated + c.tunnels_not_opened + claims
    packets = int(table.orig_packets.sum() + table.resp_packets.sum())
    if c.packets > told:
        return f"{c.packets - told} of {c.packets} frames vanished"
    if c.decoded > c.packets or packets + c.duplicates > LAYERS * c.packets:
        return f"{packets} packets and {c.duplicates} copies from {c.packets} frames"
    if len(table) and (int(table.orig_bytes.min()) < 0 or int(table.resp_bytes.min()) < 0):
        return "negative octets"
    if bool((table.last_seen < table.first_seen).any()):
        return "a flow ends before it begins"
    return ""


def _unlike_twin(capture: bytes, table: FlowTable, meter: tables.Meter) -> str:
    twin = Twin()
    twin.read(capture)
    return compare.told(
        compare.as_set(compare.described(table, meter)), compare.as_set(twin.flows()), "flow"
    ) or compare.told(compare.claims_of(meter), twin.claims, "claim")


def _signed_otherwise(capture: bytes) -> tuple[FlowTable, tables.Meter]:
    kernel: Any = kernels.load(compiled=False)
    signature = kernel.SIGNATURE
    kernel.SIGNATURE = tuple(number ^ 0x155555555555555A for number in signature)
    try:
        return metered(capture, compiled=False, kernel=kernel)
    finally:
        kernel.SIGNATURE = signature


def planted(module: str, old: str, new: str) -> ModuleType:
    """Load the kernels, interpreted, from sources in which one text is replaced."""
    kernels.load(compiled=False)
    jit.compiled = False
    names = ("zoneguard.capture.decode", "zoneguard.capture.meter")
    before = {name: sys.modules.get(name) for name in names}
    try:
        for name in names:
            path = Path(layout.__file__).with_name(name.rsplit(".", 1)[1] + ".py")
            source = path.read_text(encoding="utf-8")
            if name.endswith(module):
                if old not in source:
                    raise ValueError(f"{path.name} no longer holds {old!r}; plant the fault elsewhere.")
                source = source.replace(old, new, 1)
            spec = importlib.util.spec_from_loader(name, loader=None)
            assert spec is not None
            loaded = importlib.util.module_from_spec(spec)
            sys.modules[name] = loaded
            exec(compile(source, str(path), "exec"), loaded.__dict__)  # noqa: S102 - our own source
        return sys.modules[names[1]]
    finally:
        for name, old_module in before.items():
            if old_module is not None:
                sys.modules[name] = old_module
            else:
                del sys.modules[name]


def hunt(
    runs: int, seed: int, *, compiled: bool, kernel: ModuleType | None = None, told: Any = None
) -> tuple[int, str, bytes]:
    """Run until something is wrong; give the number of the run, what is wrong and the capture."""
    for number, capture in enumerate(captures(seed)):
        if number >= runs:
            break
        fault = judge(capture, number, compiled=compiled, kernel=kernel)
        if fault:
            return number, fault, capture
        if told is not None and number % 1000 == 999:
            told(number + 1)
    return runs, "", b""


def main() -> int:
    """Run from the command line; leave the capture that shows a fault in a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--interpreted", action="store_true")
    chosen = parser.parse_args()
    compare.warm()
    begin = time.monotonic()

    def told(count: int) -> None:
        print(f"\r{count} captures, {count / (time.monotonic() - begin):.0f}/s", end="", file=sys.stderr)  # noqa: T201

    number, fault, capture = hunt(chosen.runs, chosen.seed, compiled=not chosen.interpreted, told=told)
    print(file=sys.stderr)  # noqa: T201
    if not fault:
        print(f"{number} hostile captures: no fault")  # noqa: T201
        return 0
    path = Path(f"fuzz-{chosen.seed}-{number}.pcap")
    path.write_bytes(capture)
    print(f"run {number} (kept as {path}): {fault}")  # noqa: T201
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
