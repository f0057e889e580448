"""The base chains that a forwarded packet passes, in their order, as steps of a ruleset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from zoneguard.firewall.chains import ChainRule, Way, lay_out
from zoneguard.firewall.matching import ANY_V6, FAMILIES
from zoneguard.firewall.model import Action, Filter, Line, LineState, Mapping, Match, Rewrite
from zoneguard.firewall.netfilter import (
    EITHER,
    NO_NAT,
    SOME_V4,
    TRACKED,
    Nat,
    kept_back,
    lines_of,
    say_left_open,
    translations_of,
)
from zoneguard.firewall.vendors.nftables.rules import masquerade_of
from zoneguard.net.spans import ANY_V4, intersect_spans
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Step
    from zoneguard.firewall.vendors.nftables.items import Item

_ORDER = ("ingress", "prerouting", "forward", "postrouting", "egress")
_TRACKING = -200


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChain:
    """A base chain and all that it calls; `place` is the priority at which it is met."""

    table: tuple[str, str]
    name: str
    item: Item
    hook: str
    place: int
    priority: int
    nat: bool
    drops: bool
    region: Match
    devices: tuple[str, ...]
    chains: dict[str, list[ChainRule[Any]]]

    @property
    def title(self) -> str:
        """Say it as nft does: "inet filter forward"."""
        return f"{self.table[0]} {self.table[1]} {self.name}"


def steps_of(export: Export, bases: list[BaseChain], untracked: list[Match]) -> list[Step]:
    """Make the steps. An accept ends its base chain only, so each filter is asked; nat chains are one list.

    At one priority the chain that was added last is met first (nf_hook_entries_grow).
    """
    steps: list[Step] = []
    order = sorted(
        enumerate(bases), key=lambda one: (_ORDER.index(one[1].hook), one[1].place, one[1].nat, -one[0])
    )
    done: set[str] = set()
    for _, base in order:
        before = base.hook == "ingress" or (base.hook == "prerouting" and base.place < _TRACKING)
        if not base.nat:
            steps.append(_filter(export, base, [] if before else untracked))
        elif base.hook in {"prerouting", "postrouting"} and base.hook not in done:
            done.add(base.hook)
            chains = [one for _, one in order if one.nat and one.hook == base.hook]
            chains.sort(key=lambda one: one.priority)
            steps += _translations(export, chains, untracked)
    _say_unmodelled(export, bases)
    return [step for step in steps if not _is_empty(step)]


def _is_empty(step: Step) -> bool:
    if isinstance(step, Rewrite):
        return not step.translations
    return not step.lines and step.default is Action.PERMIT and not step.default_places


def _filter(export: Export, base: BaseChain, untracked: list[Match]) -> Filter:
    policy = Action.DENY if base.drops else Action.PERMIT
    layout = lay_out(base.chains, base.name, default=policy, either=EITHER, region=base.region)
    say_left_open(export, layout.left_open)
    _say_unknown(export, base)
    lines = lines_of(layout, untracked)
    if base.drops:
        lines += _other_family(base)
    devices = frozenset(base.devices) or None
    shown = base.hook == "forward" or base.drops
    return Filter(
        name=base.title,
        lines=tuple(lines),
        default=policy,
        default_places=(base.item.place,) if shown else (),
        default_log=layout.default_log,
        ingress=devices if base.hook == "ingress" else None,
        egress=devices if base.hook == "egress" else None,
        stateful=False,  # replies are let through by a line that asks for the state, or not at all
        tells_replies=True,
    )


def _other_family(base: BaseChain) -> list[Line]:
    """Let packets of the family pass that a chain of the other family never sees."""
    for name, spans in (("IPv4", ANY_V4), ("IPv6", ANY_V6)):
        if not intersect_spans(base.region.source, spans):
            return [
                Line(
                    id=f"{name} does not meet table {base.table[0]} {base.table[1]}",
                    action=Action.PERMIT,
                    match=FAMILIES[name.lower()],
                    places=(base.item.place,),
                    implicit=True,
                )
            ]
    return []


def _translations(export: Export, bases: Sequence[BaseChain], untracked: list[Match]) -> list[Step]:
    """Join the nat chains of a hook: what one of them does not translate comes to the next."""
    steps: list[Step] = []
    for v6 in (False, True):
        family = FAMILIES["ipv6" if v6 else "ipv4"]
        chains: dict[str, list[ChainRule[Any]]] = {}
        asked = [one for one in bases if intersect_spans(one.region.source, family.source)]
        for at, base in enumerate(asked):
            for name, rules in base.chains.items():
                chains[f"{at} {name}"] = [_in_sequence(rule, at, v6=v6) for rule in rules]
            last = Nat(dropped=True) if base.drops else NO_NAT
            end: ChainRule[Any] = ChainRule(
                id=f"{base.name} policy", places=(base.item.place,), matches=(family,), way=Way.END, end=last
            )
            if base.drops or at + 1 == len(asked):
                chains[f"{at} {base.name}"].append(end)
            else:
                onward = replace(end, way=Way.GOTO, end=None, target=f"{at + 1} {asked[at + 1].name}")
                chains[f"{at} {base.name}"].append(onward)
        if not asked:
            continue
        hook = asked[0].hook
        _turn_accepts(chains, asked)
        unsure = masquerade_of(Nat(source=Mapping(address=SOME_V4)), v6=v6)
        if hook == "prerouting":
            unsure = Nat(destination=unsure.source)
        layout = lay_out(
            chains,
            f"0 {asked[0].name}",
            default=NO_NAT,
            either=(unsure, NO_NAT),
            region=replace(family, services=TRACKED.services),
        )
        say_left_open(export, layout.left_open)
        name = " and ".join(one.title for one in asked)
        prefix = "IPv6 " if v6 else ""
        held = kept_back(layout, prefix)
        if held:
            steps.append(
                Filter(
                    name=name,
                    lines=tuple(held),
                    default=Action.PERMIT,
                    default_log=False,
                    stateful=False,
                    tells_replies=True,
                )
            )
        translated = any(line.end.source or line.end.destination for line in layout.lines)
        if translated:
            translations = translations_of(layout, untracked, prefix)
            steps.append(Rewrite(name=f"{name}{' (IPv6)' if v6 else ''}", translations=tuple(translations)))
    return steps


def _in_sequence(rule: ChainRule[Any], at: int, *, v6: bool) -> ChainRule[Any]:
    if rule.way in {Way.JUMP, Way.GOTO}:
        return replace(rule, target=f"{at} {rule.target}")
    if isinstance(rule.end, Nat):
        return replace(rule, end=masquerade_of(rule.end, v6=v6))
    return rule


def _turn_accepts(chains: dict[str, list[ChainRule[Any]]], asked: Sequence[BaseChain]) -> None:
    """Send what one nat chain accepts without translation to the next nat chain, and what it returns likewise."""
    for at, base in enumerate(asked[:-1]):
        onward = f"{at + 1} {asked[at + 1].name}"
        for name, rules in chains.items():
            if not name.startswith(f"{at} "):
                continue
            for place, rule in enumerate(rules):
                returns = rule.way is Way.RETURN and name == f"{at} {base.name}"
                if returns or (rule.way is Way.END and rule.end == NO_NAT):
                    rules[place] = replace(rule, way=Way.GOTO, end=None, target=onward)


def _say_unknown(export: Export, base: BaseChain) -> None:
    for rules in base.chains.values():
        for rule in rules:
            conditions = list(dict.fromkeys(word for match in rule.matches for word in match.unknown))[:16]
            if not conditions or rule.way in {Way.NOTHING, Way.LOG}:
                continue
            said = "、".join(conditions), "; ".join(conditions)
            export.fault(
                rule.places[0].line,
                LineState.UNSUPPORTED,
                Text(
                    ja=f"規則「{rule.id}」の条件のうち、次のものは評価できません: {said[0]}。"
                    "この規則は「当たるかもしれない」として扱います。",
                    en=f"Rule {rule.id!r} has conditions that are not evaluated: {said[1]}. It is read as one that may "
                    "match.",
                ),
            )


def _say_unmodelled(export: Export, bases: Sequence[BaseChain]) -> None:
    for base in bases:
        for rules in base.chains.values():
            for rule in rules:
                if isinstance(rule.end, Nat) and rule.end.local:
                    export.fault(
                        rule.places[0].line,
                        LineState.UNSUPPORTED,
                        Text(
                            ja=f"規則「{rule.id}」は通信をこの機器自身に渡します。転送されないものとして扱います。"
                            "機器上のプロキシがその先へ送る通信は、この設定からは分かりません。",
                            en=f"Rule {rule.id!r} hands packets to the device itself, so they are read as not "
                            "forwarded. What a proxy there sends on is not in this export.",
                        ),
                    )
