"""The hooks that a forwarded packet passes, in their order, as steps of a ruleset."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.chains import ChainRule, Layout, Way, lay_out
from zoneguard.firewall.matching import FAMILIES
from zoneguard.firewall.model import Action, Filter, Line, LineState, Mapping, Match, Rewrite
from zoneguard.firewall.netfilter import (
    EITHER,
    NO_NAT,
    SOME_V4,
    SOME_V6,
    TRACKED,
    Nat,
    kept_back,
    lines_of,
    say_left_open,
    translations_of,
)
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Place, Step, Translation
    from zoneguard.firewall.vendors.iptables.rules import Table


class Hook(NamedTuple):
    """A built-in chain of a table."""

    table: str
    chain: str

    @property
    def name(self) -> str:
        """Say it as people of this device do: "filter FORWARD"."""
        return f"{self.table} {self.chain}"


# As a packet that is forwarded meets them.
HOOKS = (
    Hook("raw", "PREROUTING"),
    Hook("mangle", "PREROUTING"),
    Hook("nat", "PREROUTING"),
    Hook("mangle", "FORWARD"),
    Hook("filter", "FORWARD"),
    Hook("security", "FORWARD"),
    Hook("mangle", "POSTROUTING"),
    Hook("nat", "POSTROUTING"),
)
_FORWARD = Hook("filter", "FORWARD")


def steps_of(export: Export, tables: Sequence[Table], hook: Hook, untracked: list[Match]) -> list[Step]:
    """Make the steps of one hook, both families side by side, once for each time that the table appears."""
    absent = [v6 for v6 in (False, True) if all(table.v6 is not v6 for table in tables)]
    of_hook = [table for table in tables if table.name == hook.table]
    families = [[table for table in of_hook if table.v6 is v6] for v6 in (False, True)]
    steps: list[Step] = []
    for at in range(max(len(families[0]), len(families[1]), hook == _FORWARD)):
        both = [family[at] for family in families if at < len(family)]
        if hook.table == "nat":
            steps += _nat_steps(export, hook, both, untracked)
        else:
            # Before connections are tracked nothing is untracked yet.
            known = [] if hook.table == "raw" else untracked
            steps += _filter_step(export, hook, both, known, absent)
    return steps


def _filter_step(
    export: Export,
    hook: Hook,
    tables: Sequence[Table],
    untracked: list[Match],
    absent: list[bool],
) -> list[Step]:
    lines: list[Line] = []
    policies: dict[bool, tuple[Action, tuple[Place, ...], bool]] = {}
    for table in tables:
        layout, policy, places = _laid_out(export, table, hook)
        lines += lines_of(layout, untracked, "IPv6 " if table.v6 else "")
        policies[table.v6] = policy, places, layout.default_log
    main = policies.get(False, policies.get(True, (Action.PERMIT, (), False)))
    for v6 in (False, True):
        if v6 in absent:
            if main[0] is Action.DENY or hook == _FORWARD:
                lines.append(_not_in_file(v6=v6))
            continue
        own = policies.get(v6, (Action.PERMIT, (), False))
        if own[0] is not main[0]:
            lines.append(
                Line(
                    id=f"{'IPv6' if v6 else 'IPv4'} {hook.chain} policy",
                    action=own[0],
                    match=FAMILIES["ipv6" if v6 else "ipv4"],
                    places=own[1],
                    log=own[2],
                    implicit=True,
                )
            )
    if not lines and main[0] is Action.PERMIT and hook != _FORWARD:
        return []
    return [
        Filter(
            name=hook.name,
            lines=tuple(lines),
            default=main[0],
            default_places=main[1],
            default_log=main[2],
            stateful=False,  # replies are let through by a line that asks for the state, or not at all
            tells_replies=True,
        )
    ]


def _not_in_file(*, v6: bool) -> Line:
    """Make the line that leaves a family open of which the file says nothing."""
    family, tool = ("IPv6", "ip6tables-save") if v6 else ("IPv4", "iptables-save")
    return Line(
        id=f"{family} not in the file",
        action=Action.PERMIT,
        match=Match(
            source=FAMILIES[family.lower()].source,
            destination=FAMILIES[family.lower()].destination,
            unknown=(f"the output of {tool} is not in the file",),
        ),
        places=(),
        implicit=True,
    )


def _nat_steps(
    export: Export,
    hook: Hook,
    tables: Sequence[Table],
    untracked: list[Match],
) -> list[Step]:
    held: list[Line] = []
    translations: list[Translation] = []
    for table in tables:
        some = Mapping(address=SOME_V6 if table.v6 else SOME_V4)
        unsure = Nat(destination=some) if hook.chain == "PREROUTING" else Nat(source=some)
        layout = lay_out(
            table.chains,
            hook.chain,
            default=NO_NAT,
            either=(unsure, NO_NAT),
            region=replace(FAMILIES["ipv6" if table.v6 else "ipv4"], services=TRACKED.services),
        )
        say_left_open(export, layout.left_open)
        layout = layout._replace(lines=[line._replace(end=_at_hook(line.end, hook)) for line in layout.lines])
        prefix = "IPv6 " if table.v6 else ""
        held += kept_back(layout, prefix)
        translations += translations_of(layout, untracked, prefix)
        policy, number = table.policies.get(hook.chain, ("ACCEPT", 0))
        if policy == "DROP":
            export.fault(
                number,
                LineState.UNSUPPORTED,
                Text(
                    ja=f"nat 表のチェイン {hook.chain} のポリシー DROP は判定に含まれていません。"
                    "新しい通信がここで破棄されることがあります。",
                    en=f"Policy DROP of chain {hook.chain} in table nat is not in the verdict; new connections may "
                    "be dropped there.",
                ),
            )
    steps: list[Step] = []
    if held:
        steps.append(
            Filter(
                name=hook.name,
                lines=tuple(held),
                default=Action.PERMIT,
                default_log=False,
                stateful=False,
                tells_replies=True,
            )
        )
    if translations:
        steps.append(Rewrite(name=hook.name, translations=tuple(translations)))
    return steps


def _at_hook(end: Nat, hook: Hook) -> Nat:
    """Turn the one mapping of NETMAP to the side that its hook rewrites."""
    if end.one_to_one and hook.chain == "POSTROUTING":
        return end._replace(source=end.destination, destination=None)
    return end


def _laid_out(
    export: Export,
    table: Table,
    hook: Hook,
) -> tuple[Layout[Action], Action, tuple[Place, ...]]:
    word, number = table.policies.get(hook.chain, ("ACCEPT", 0))
    policy = Action.DENY if word == "DROP" else Action.PERMIT
    places = (export.place(number),) if number else ()
    family = FAMILIES["ipv6" if table.v6 else "ipv4"]
    chains = dict(table.chains)
    chains.setdefault(hook.chain, [])
    if word not in {"ACCEPT", "DROP"}:
        last: ChainRule[Action] = ChainRule(
            id=f"{hook.chain} policy", places=places, matches=(family,), way=Way.OPEN, target=f"policy {word}"
        )
        chains[hook.chain] = [*chains[hook.chain], last]
    layout = lay_out(chains, hook.chain, default=policy, either=EITHER, region=family)
    say_left_open(export, layout.left_open)
    return layout, policy, places
