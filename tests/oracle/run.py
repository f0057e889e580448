"""The kernel oracle: random rulesets and packets, the kernel's verdict beside the model's. `make oracle` runs it.

python -m tests.oracle.run [--rulesets 200] [--packets 5000] [--seed 0] [--kind iptables|iptables-legacy|nftables]
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.oracle.judge import expect, judge
from tests.oracle.load import load_iptables, load_nftables
from tests.oracle.packets import random_packet, state_of
from tests.oracle.trace import agrees, traced
from tests.oracle.world import may_build, world
from zoneguard.firewall.model import LineState
from zoneguard.firewall.parse import parse

if TYPE_CHECKING:
    from tests.oracle.world import World

KINDS = ("iptables", "iptables-legacy", "nftables")
TRACED = 20  # packets of each ruleset of which the kernel also names the rule


@dataclass
class Sum:
    """What came of all rulesets of one kind."""

    rulesets: int = 0
    compared: int = 0
    permitted: int = 0
    left_open: int = 0
    traced: int = 0
    disagreements: list[str] = field(default_factory=list)


def run(world: World, kind: str, *, seed: int, packets: int, total: Sum) -> None:
    """Judge one random ruleset, everything of it drawn from the seed, and add what came of it."""
    random = Random(f"{kind} {seed}")
    nat = random.random() < 0.4
    if kind == "nftables":
        listing = load_nftables(world, random, nat=nat)
    else:
        listing = load_iptables(world, random, nat=nat, flavour=kind.removeprefix("iptables"))
    result = parse("oracle.txt", listing.encode())
    assert LineState.UNKNOWN not in result.states, [fault.message.en for fault in result.faults]
    (ruleset,) = result.rulesets
    asked = [random_packet(random, at, v6=random.random() < 0.35, translated=nat) for at in range(packets)]
    judgement = judge(world, ruleset, asked)
    total.rulesets += 1
    total.compared += judgement.compared
    total.permitted += judgement.permitted
    total.left_open += judgement.left_open
    total.disagreements += [f"{kind} seed {seed}: {one}" for one in judgement.disagreements]
    if kind == "iptables-legacy":  # its rules are none of nft's
        return
    world.forget_connections()
    sample = asked[:TRACED]
    for packet, decisions in zip(sample, traced(world, sample), strict=True):
        model = expect(ruleset, packet, state_of(packet))
        total.traced += model.action is not None
        if not agrees(ruleset, model, decisions):
            total.disagreements.append(
                f"{kind} seed {seed}: {packet}: kernel {decisions}, model {model.line}"
            )


def main() -> int:
    """Run as many rulesets as asked, and say what came of it; 1 when anything disagrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rulesets", type=int, default=200)
    parser.add_argument("--packets", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--kind", choices=KINDS, action="append")
    chosen = parser.parse_args()
    if not may_build():
        sys.stderr.write(
            "The oracle needs root and network namespaces. root とネットワーク名前空間が必要です。\n"
        )
        return 5
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the namespaces are removed
    failed = False
    for kind in chosen.kind or ("iptables", "nftables"):
        total, start = Sum(), time.monotonic()
        with world() as made:
            for seed in range(chosen.seed, chosen.seed + chosen.rulesets):
                run(made, kind, seed=seed, packets=chosen.packets, total=total)
        failed |= bool(total.disagreements)
        said = (
            f"{kind}: {total.rulesets} rulesets, {total.compared:,} verdicts ({total.permitted:,} permitted, "
            f"{total.left_open:,} left open), {total.traced:,} lines traced, {len(total.disagreements)} "
            f"disagreements, {time.monotonic() - start:.0f} s"
        )
        sys.stdout.write("\n".join([said, *total.disagreements[:20], ""]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
