"""Which rule the kernel itself names for a packet: nftrace, as `nft monitor trace` prints it."""

from __future__ import annotations

import re
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.oracle.packets import wire
from zoneguard.firewall.model import Action, Filter

if TYPE_CHECKING:
    from tests.oracle.judge import Expected
    from tests.oracle.packets import Packet
    from tests.oracle.world import World
    from zoneguard.firewall.model import Ruleset

_TABLE = """table inet zgtrace {
  chain first { type filter hook prerouting priority -450; meta nftrace set 1
  }
}
"""
_EVENT = re.compile(
    r"trace id (?P<id>\w+) (?P<family>\w+) (?P<table>\S+) (?P<chain>\S+) "
    r"(?:(?P<packet>packet):|rule .*# handle (?P<handle>\d+) \(verdict (?P<verdict>\w+)|policy (?P<policy>\w+)"
    r"|verdict (?P<plain>\w+))"
)
_CHAIN = re.compile(r"\s*chain (\S+) \{")
_HANDLE = re.compile(r"# handle (\d+)$")
_READY, _DONE = 0.5, 0.5  # seconds that the monitor needs to listen, and to print


class Decision(NamedTuple):
    """What ended one base chain for a packet: rules as "chain number", "" for its policy, and the last return."""

    base: tuple[str, str, str]  # family, table, chain
    rule: str
    returned: str


def traced(world: World, packets: list[Packet]) -> list[list[Decision]]:
    """Send packets one after the other; give the decisions of all base chains that each met, in order."""
    numbers = _numbers(world)
    world.inside("nft", "-f", "-", text=_TABLE)
    monitor = subprocess.Popen(
        ["ip", "netns", "exec", world.firewall, "nft", "-a", "monitor", "trace"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        time.sleep(_READY)
        world.pass_through([(packet.ingress, wire(packet, at)) for at, packet in enumerate(packets)])
        time.sleep(_DONE)
    finally:
        monitor.terminate()
    printed, _ = monitor.communicate(timeout=10)
    world.inside("nft", "delete", "table", "inet", "zgtrace")
    of_packet: dict[str, list[re.Match[str]]] = {}
    for line in printed.splitlines():
        if found := _EVENT.match(line):
            of_packet.setdefault(found["id"], []).append(found)
    assert len(of_packet) == len(packets), f"{len(of_packet)} packets of {len(packets)} were traced"
    return [_decisions(events, numbers) for events in of_packet.values()]


def _numbers(world: World) -> dict[tuple[str, str, str], str]:
    """Number the rules of each chain: (family, table, handle) to "chain number"."""
    numbers = {}
    table, chain, number = ("", ""), "", 0
    for line in world.inside("nft", "-a", "list", "ruleset").splitlines():
        if line.startswith("table "):
            table = tuple(line.split()[1:3])
        elif found := _CHAIN.match(line):
            chain, number = found[1], 0
        elif chain and line.strip() == "}":
            chain = ""
        elif chain and (found := _HANDLE.search(line)):
            number += 1
            numbers[table[0], table[1], found[1]] = f"{chain} {number}"
    return numbers


def _decisions(events: list[re.Match[str]], numbers: dict[tuple[str, str, str], str]) -> list[Decision]:
    decisions: list[Decision] = []
    for event in events:
        if event["packet"]:
            decisions.append(Decision((event["family"], event["table"], event["chain"]), "", ""))
            continue
        if event["table"] == "zgtrace" or not decisions:
            continue
        if event["handle"]:
            name = numbers[event["family"], event["table"], event["handle"]]
            returns = event["verdict"] in {"return", "continue"}
            last = decisions[-1]
            decisions[-1] = last._replace(returned=name) if returns else last._replace(rule=name)
        elif event["policy"]:
            decisions[-1] = decisions[-1]._replace(rule="")
    return [one for one in decisions if one.base[1] != "zgtrace"]


def agrees(ruleset: Ruleset, expected: Expected, decisions: list[Decision]) -> bool:
    """Tell whether the line that the model names is the one that ended the last base chain that it models."""
    if expected.action is Action.PERMIT and "does not meet" in expected.line:
        return True  # the last filter of the model is one that the kernel has for the other family only
    # What the nat chains of one hook keep back is one filter.
    names = {name for step in ruleset.steps if isinstance(step, Filter) for name in step.name.split(" and ")}
    known = [one for one in decisions if _name(one, ruleset) in names]
    if expected.action is None:
        return True
    if not known:  # a packet of a family that no base chain sees
        return expected.action is Action.PERMIT and _says_none(expected.line)
    met = {_name(one, ruleset) for one in decisions}
    if expected.line.endswith(" default") and expected.line.removesuffix(" default") not in met:
        return expected.action is Action.PERMIT  # a table that the kernel has for the other family only
    last = known[-1] if expected.action is Action.PERMIT else decisions[-1]
    model = expected.line.rsplit(" > ", 1)[-1].removeprefix("IPv6 ").removeprefix("IPv4 ")
    if _says_none(model):
        return last.rule == ""
    return model in {last.rule, *([last.returned] if last.rule == "" else [])}


def _says_none(line: str) -> bool:
    return not line or line.endswith((" default", " policy"))


def _name(decision: Decision, ruleset: Ruleset) -> str:
    family, table, chain = decision.base
    return f"{table} {chain}" if ruleset.format == "iptables" else f"{family} {table} {chain}"
