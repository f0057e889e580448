"""Random rulesets into the kernel, and its own listing back: what the parser reads is what the tools print."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from tests.oracle import iptables_rules, nftables_rules

if TYPE_CHECKING:
    from random import Random

    from tests.oracle.world import World

_EMPTY = "*raw\nCOMMIT\n*mangle\nCOMMIT\n*nat\nCOMMIT\n*filter\n:FORWARD ACCEPT\nCOMMIT\n"
_REFUSED = re.compile(r"/dev/stdin:(\d+):")
_TRIES = 60


def load_iptables(world: World, random: Random, *, nat: bool, flavour: str = "") -> str:
    """Load a random ruleset of both families and their sets; `flavour` is "-legacy" or "-nft"."""
    clear(world)
    for family in ("", "6"):
        world.inside(f"ip{family}tables{flavour}-restore", text=_EMPTY)
    _destroy_sets(world)
    world.inside("ipset", "restore", text=iptables_rules.sets_text(random))
    listing = world.inside("ipset", "save")
    for family in ("", "6"):
        text = iptables_rules.Writer(random, v6=bool(family), nat=nat).text()
        world.inside(f"ip{family}tables{flavour}-restore", text=text)
        listing += world.inside(f"ip{family}tables{flavour}-save")
    return listing + (_host(world) if random.random() < 0.5 else "")


def load_nftables(world: World, random: Random, *, nat: bool) -> str:
    """Load a random ruleset, without the rules that nft finds to contradict themselves; give JSON or text."""
    clear(world)
    lines = nftables_rules.Writer(random, nat=nat).text().splitlines()
    for _ in range(_TRIES):
        refused = _refused(world, lines)
        if not refused:
            break
        assert all(" comment " in lines[at - 1] or "dnat" in lines[at - 1] for at in refused), refused
        lines = [line for at, line in enumerate(lines, 1) if at not in refused]
    if random.random() < 0.5:
        return world.inside("nft", "-j", "list", "ruleset")
    return world.inside("nft", "list", "ruleset") + (_host(world) if random.random() < 0.5 else "")


def _refused(world: World, lines: list[str]) -> set[int]:
    """Load a ruleset; give the lines that nft refuses, none when it is loaded."""
    try:
        world.inside("nft", "-f", "-", text="\n".join(lines) + "\n")
    except RuntimeError as error:
        numbers = {int(number) for number in _REFUSED.findall(str(error))}
        if not numbers:
            raise
        return numbers
    return set()


def clear(world: World) -> None:
    """Take all rules of nft out of the firewall, those of iptables-nft among them."""
    world.inside("nft", "flush", "ruleset")


def _destroy_sets(world: World) -> None:
    """Destroy all sets; the kernel lets go of those that rules asked for a moment after the rules are gone."""
    world.inside("ipset", "flush")  # a member of a list of sets cannot be destroyed
    for _ in range(_TRIES):
        try:
            world.inside("ipset", "destroy")
        except RuntimeError:
            time.sleep(0.05)
        else:
            return
    world.inside("ipset", "destroy")


def _host(world: World) -> str:
    parts = (("addr",), ("route",), ("-6", "route"))
    return "".join(world.inside("ip", *words) for words in parts)
