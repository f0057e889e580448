"""A listing of nft to one ruleset: each base chain on the way of a forwarded packet is a step of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoneguard.firewall.matching import EVERYTHING, FAMILIES
from zoneguard.firewall.model import LineState, Ruleset
from zoneguard.firewall.netfilter import Host, Names, device_of
from zoneguard.firewall.vendors.nftables.items import items_of_json
from zoneguard.firewall.vendors.nftables.match import INTERFACES, Scope
from zoneguard.firewall.vendors.nftables.rules import read_rule
from zoneguard.firewall.vendors.nftables.steps import BaseChain, steps_of
from zoneguard.firewall.vendors.nftables.text import items_of_text
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.chains import ChainRule
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Match
    from zoneguard.firewall.vendors.nftables.items import Item

FORMAT_NAME = "nftables"
_HOOKS = ("ingress", "prerouting", "forward", "postrouting", "egress")
_FAMILIES = {"ip": FAMILIES["ipv4"], "ip6": FAMILIES["ipv6"], "inet": EVERYTHING, "netdev": EVERYTHING}
_TRACKING = -200  # the priority at which connections are tracked
_NAT_PLACE = {"prerouting": -100, "postrouting": 100}  # of every nat chain, whatever priority it says


@dataclass(slots=True)
class _Table:
    family: str
    name: str
    dormant: bool = False
    chains: dict[str, Item] = field(default_factory=dict)
    rules: dict[str, list[Item]] = field(default_factory=dict)
    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    read: dict[tuple[bool | None, bool, str], list[ChainRule[Any]]] = field(default_factory=dict)


def read(export: Export) -> tuple[Ruleset, ...]:
    """Read a listing, in JSON or as text."""
    host, version = Host(), ""
    if any(line.lstrip().startswith("{") and '"nftables"' in line for line in export.lines[:64]) or (
        next((line.strip() for line in export.lines if line.strip()), "") == "{"
    ):
        items = items_of_json(export)
    else:
        items = items_of_text(export, host.take)
    tables: dict[tuple[str, str], _Table] = {}
    for item in items:
        if item.kind == "metainfo":
            version = str(item.data.get("version", ""))
            item.mark(export, LineState.IRRELEVANT)
        else:
            _place(export, tables, item)
    names = _names(tables, host)
    untracked: list[Match] = []
    bases = [base for table in tables.values() for base in _base_chains(export, table, names, untracked)]
    _mark_unreached(export, tables, {(base.table, chain) for base in bases for chain in base.chains})
    return (
        Ruleset(
            device=device_of(export.file),
            format=FORMAT_NAME,
            steps=tuple(steps_of(export, bases, untracked)),
            interfaces=host.interfaces(names),
            routes=tuple(host.routes),
            version=version,
        ),
    )


def _place(export: Export, tables: dict[tuple[str, str], _Table], item: Item) -> None:
    """Put an object to its table; those of families that forward no IP packet decide nothing here."""
    key = item.key()
    table = tables.get(key) or tables.setdefault(key, _Table(*key))
    name = str(item.data.get("name", ""))
    item.mark(export, LineState.PARSED)
    if item.kind == "table":
        flags = item.data.get("flags", [])
        table.dormant = "dormant" in flags if isinstance(flags, list | str) else False
        # The text says flags in a line of its own, which comes to the same object.
        table.sets.setdefault("", item.data)
    elif item.kind == "chain":
        table.chains[name] = item
    elif item.kind == "rule":
        table.rules.setdefault(str(item.data.get("chain", "")), []).append(item)
    elif item.kind in {"set", "map"}:
        table.sets[name] = item.data
    elif item.kind == "element":
        held = table.sets.setdefault(name, {"unknown": True})
        elements = item.data.get("elem", [])
        held["elem"] = [*held.get("elem", []), *(elements if isinstance(elements, list) else [])]
    elif item.kind in _IRRELEVANT:
        item.mark(export, LineState.IRRELEVANT)
    else:
        export.fault(
            item.first,
            LineState.UNKNOWN,
            Text(
                ja=f"「{item.kind}」は知られていない記述です。転送を左右するかどうかは判断できません。",
                en=f"{item.kind!r} is not known; whether it bears on what is forwarded is left open.",
            ),
        )


_IRRELEVANT = frozenset({
    "counter", "ct expectation", "ct helper", "ct timeout", "flowtable", "limit", "metainfo", "quota", "secmark",
    "synproxy", "tunnel",
})  # fmt: skip


def _base_chains(export: Export, table: _Table, names: Names, untracked: list[Match]) -> list[BaseChain]:
    flags = table.sets.get("", {}).get("flags", [])
    if table.dormant or "dormant" in flags or table.family == "arp":
        return []
    bases = []
    for name, item in table.chains.items():
        hook = item.data.get("hook")
        if hook not in _HOOKS:
            continue
        if table.family not in _FAMILIES or (hook in {"ingress", "egress"} and not _devices(item)):
            _say_unsupported(export, item, name)
            continue
        bases.append(_base_chain(export, table, name, names, untracked))
    return bases


def _base_chain(export: Export, table: _Table, name: str, names: Names, untracked: list[Match]) -> BaseChain:
    item = table.chains[name]
    hook, written = str(item.data["hook"]), item.data.get("prio", 0)
    nat = item.data.get("type") == "nat"
    priority = written if isinstance(written, int) and not isinstance(written, bool) else 0
    if priority is not written:
        _say_priority(export, item, name, str(written))
    tracked = _tracked(hook, priority)
    chains: dict[str, list[ChainRule[Any]]] = {}
    waiting = [name]
    while waiting:
        chain = waiting.pop()
        if chain in chains or (chain != name and chain not in table.chains):
            continue
        chains[chain] = _rules(table, chain, Scope(names, table.sets, tracked), untracked, nat=nat)
        waiting += [rule.target for rule in chains[chain] if rule.target in table.chains]
    return BaseChain(
        table=(table.family, table.name),
        name=name,
        item=item,
        hook=hook,
        place=_NAT_PLACE.get(hook, priority) if nat else priority,
        priority=priority,
        nat=nat,
        drops=item.data.get("policy") == "drop",
        region=_FAMILIES[table.family],
        devices=_devices(item),
        chains=chains,
    )


def _tracked(hook: str, priority: int) -> bool | None:
    if hook == "ingress" or (hook == "prerouting" and priority < _TRACKING):
        return False
    return None if hook == "prerouting" and priority == _TRACKING else True


def _rules(
    table: _Table, chain: str, scope: Scope, untracked: list[Match], *, nat: bool
) -> list[ChainRule[Any]]:
    key = (scope.tracked, nat, chain)
    if key not in table.read:
        made: list[ChainRule[Any]] = []
        for number, item in enumerate(table.rules.get(chain, ()), 1):
            rules, taken_out = read_rule(item, f"{chain} {number}", scope, nat=nat)
            made += rules
            untracked += taken_out
        table.read[key] = made
    return table.read[key]


def _devices(item: Item) -> tuple[str, ...]:
    devices = item.data.get("dev", ())
    return (devices,) if isinstance(devices, str) else tuple(one for one in devices if isinstance(one, str))


def _names(tables: dict[tuple[str, str], _Table], host: Host) -> Names:
    """Collect the interfaces that rules, sets of names and devices of chains speak of."""
    names = Names()
    for table in tables.values():
        for item in table.chains.values():
            names.known.update(_devices(item))
        for data in table.sets.values():
            kinds = data.get("type", ())
            if "ifname" in str(kinds):
                _collect(names, data.get("elem", ()))
        # By identity: a text shares those that are equal.
        rules = (item for rules in table.rules.values() for item in rules)
        asked = {id(one): one for item in rules for one in _statements(item)}
        for statement in asked.values():
            _collect_asked(names, statement)
    if host.networks:
        names.known.update(host.networks)
        names.complete = True
    return names


def _statements(item: Item) -> list[Any]:
    statements = item.data.get("expr")
    return statements if isinstance(statements, list) else []


def _collect_asked(names: Names, statement: Any) -> None:  # noqa: ANN401 - any JSON
    if not isinstance(statement, dict):
        return
    match, vmap = statement.get("match"), statement.get("vmap")
    if isinstance(match, dict) and "if" in str(match.get("left"))[:400]:
        _collect(names, match.get("right"), match.get("left"))
    if isinstance(vmap, dict) and "if" in str(vmap.get("key"))[:400] and isinstance(vmap.get("data"), dict):
        pairs = vmap["data"].get("set", ())
        _collect(names, [pair[0] for pair in pairs if isinstance(pair, list) and pair], vmap.get("key"))


def _collect(names: Names, value: Any, key: Any = None) -> None:  # noqa: ANN401 - any JSON
    """Take the words at the places of a value where its key asks for an interface; all words without a key."""
    parts = key["concat"] if isinstance(key, dict) and isinstance(key.get("concat"), list) else [key]
    asked = [key is None or _asks_interface(part) for part in parts]
    waiting = [value] if len(parts) > 1 or asked[0] else []
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict) and isinstance(one.get("concat"), list):
            words = one["concat"]
            waiting += [
                word for word, take in zip(words, asked if key else [True] * len(words), strict=False) if take
            ]
        elif isinstance(one, dict):
            waiting += [one[name] for name in ("set", "elem", "val") if name in one]
        elif isinstance(one, str) and not one.startswith("@") and _is_name(one):
            names.add(one, "*")


def _asks_interface(part: Any) -> bool:  # noqa: ANN401 - any JSON
    return (
        isinstance(part, dict)
        and isinstance(part.get("meta"), dict)
        and part["meta"].get("key") in INTERFACES
    )


def _is_name(word: str) -> bool:
    return 0 < len(word) <= 15 and "/" not in word and not word[0].isspace()


def _mark_unreached(
    export: Export, tables: dict[tuple[str, str], _Table], reached: set[tuple[tuple[str, str], str]]
) -> None:
    for key, table in tables.items():
        for name, item in table.chains.items():
            if (key, name) in reached:
                continue
            item.mark(export, LineState.IRRELEVANT)
            for rule in table.rules.get(name, ()):
                rule.mark(export, LineState.IRRELEVANT)


def _say_unsupported(export: Export, item: Item, name: str) -> None:
    export.fault(
        item.first,
        LineState.UNSUPPORTED,
        Text(
            ja=f"チェイン {name}（ファミリー {item.data.get('family')}、フック {item.data.get('hook')}）は判定に含まれていません。"
            "ここで破棄される通信があるかもしれません。",
            en=f"Chain {name} (family {item.data.get('family')}, hook {item.data.get('hook')}) is not in the verdict; "
            "it may drop packets.",
        ),
    )


def _say_priority(export: Export, item: Item, name: str, written: str) -> None:
    export.fault(
        item.first,
        LineState.UNSUPPORTED,
        Text(
            ja=f"チェイン {name} の優先度「{written[:40]}」は読めません。filter（0）として扱います。",
            en=f"The priority {written[:40]!r} of chain {name} is not understood; it is read as filter (0).",
        ),
    )
