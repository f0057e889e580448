"""A configuration of an ASA to a ruleset for each context in it: the statements sorted, then read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.firewall.indented import mark_all, statements_of
from zoneguard.firewall.model import LineState, Ruleset
from zoneguard.firewall.vendors.asa.accounts import not_modelled, redact, state_other, tunnelled
from zoneguard.firewall.vendors.asa.filters import Bindings, filters_of
from zoneguard.firewall.vendors.asa.interfaces import (
    AsaInterface,
    leased_default,
    read_interface,
    read_route,
)
from zoneguard.firewall.vendors.asa.lists import AccessLists
from zoneguard.firewall.vendors.asa.nat import Translations, rewrites
from zoneguard.firewall.vendors.asa.objects import Objects
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.firewall.model import Route, Step

_FIRST_OF_BOTH = (9, 0)  # release from which `any` speaks of both families
_FIRST = (8, 3)  # release from which lists speak of real addresses and translation is what is read here


@dataclass(slots=True)
class _Config:
    """One configuration, sorted into what it speaks of."""

    export: Export
    objects: Objects
    lists: AccessLists
    nat: Translations
    bindings: Bindings = field(default_factory=Bindings)
    interfaces: list[AsaInterface] = field(default_factory=list)
    routes: list[Statement] = field(default_factory=list)
    others: list[Statement] = field(default_factory=list)
    device: str = ""
    version: str = ""
    system: bool = False  # the execution space that only shares out interfaces to contexts
    bridges: bool = False
    bound: list[tuple[str, tuple[str, str]]] = field(default_factory=list)  # (list, (in or out, interface))
    bound_at: dict[str, int] = field(default_factory=dict)  # interface → line that binds a list to it
    tunnels_bypass: bool = True


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read a configuration, and each context that stands in it."""
    redact(export)
    configs = [_config(export)]
    for statement in statements_of(export, comment="!", delimited_banners=False):
        if statement.words[:2] in (["ASA", "Version"], ["PIX", "Version"]) and configs[-1].version:
            configs.append(_config(export))  # another context of the same device
        _sort_in(configs[-1], statement)
    made = []
    for config in configs:
        ruleset = _ruleset(config)
        config.lists.mark_unused()
        config.objects.mark_unused()
        if not config.system:
            made.append(ruleset)
    return tuple(made)


def _config(export: Export) -> _Config:
    objects = Objects(export)
    return _Config(export, objects, AccessLists(export, objects), Translations(export, objects))


def _sort_in(config: _Config, statement: Statement) -> None:  # noqa: C901, PLR0912 - a table of statements
    export = config.export
    words = statement.words
    match words:
        case ["hostname", name]:
            config.device = name
        case ["ASA" | "PIX", "Version", version, *kind]:
            config.version = version
            _told_version(config, statement, kind)
        case ["firewall", "transparent"]:
            config.bridges = True
        case ["name", address, name, *_]:
            config.objects.names[name] = address
        case ["interface", _, *_]:
            config.interfaces.append(read_interface(export, statement, config.objects.names))
        case ["access-group", name, ("in" | "out") as way, "interface", interface, *options]:
            _bind(config, statement, name, (way, interface), options)
        case ["access-group", name, "global"]:
            config.bindings.everywhere = name
            config.bindings.numbers.setdefault(name, []).append(statement.number)
        case ["same-security-traffic", "permit", "inter-interface"]:
            config.bindings.inter = True
        case ["same-security-traffic", "permit", "intra-interface"]:
            config.bindings.intra = True
        case ["no", "sysopt", "connection", "permit-vpn" | "permit-ipsec"]:
            config.tunnels_bypass = False
        case ["nat" | "global" | "static" | "alias", *_] if _is_old_nat(words):
            export.fault(statement.number, LineState.UNSUPPORTED, _old_nat(statement.text))
        case ["context" | "admin-context", *_] | ["mode", "multiple", *_]:
            config.system |= words[0] != "mode"
            mark_all(export, statement, LineState.UNSUPPORTED)
            export.fault(statement.number, LineState.UNSUPPORTED, _contexts(statement.text))
        case _:
            if not _keep(config, statement):
                config.others.append(statement)
            return
    export.mark(statement.number, LineState.PARSED)


def _keep(config: _Config, statement: Statement) -> bool:
    """Keep what is read once something refers to it, or when the whole is known; False for the rest."""
    objects, words = config.objects, statement.words
    match words:
        case ["object", "network", name, *_]:
            objects.networks.setdefault(name, []).append(statement)
            config.nat.of_objects += [(name, one) for one in statement.children if one.words[0] == "nat"]
        case ["object", "service", name, *_]:
            objects.services.setdefault(name, []).append(statement)
        case ["object-group", _, name, *_]:
            objects.groups.setdefault(name, []).append(statement)
        case ["time-range", name]:
            objects.ranges[name] = statement
        case ["access-list", name, _, *_] if name not in ("alert-interval", "deny-flow-max"):
            config.lists.add(statement.number, words)
        case ["nat", *_]:
            config.nat.twice.append(statement)
        case ["route", *_] | ["ipv6", "route", *_]:
            config.routes.append(statement)
        case _:
            return False
    return True


def _told_version(config: _Config, statement: Statement, kind: list[str]) -> None:
    numbers = re.match(r"(\d{1,3})\.(\d{1,3})", config.version)
    release = (int(numbers[1]), int(numbers[2])) if numbers else _FIRST_OF_BOTH
    config.objects.any_is_v4 = release < _FIRST_OF_BOTH
    if kind == ["<system>"]:
        config.system = True
        config.export.fault(statement.number, LineState.UNSUPPORTED, _contexts(statement.text))
    elif release < _FIRST:
        config.export.fault(statement.number, LineState.UNSUPPORTED, _old_release(config.version))


def _bind(
    config: _Config, statement: Statement, name: str, where: tuple[str, str], options: list[str]
) -> None:
    """Bind a list to an interface; what asks of packets to the device itself is irrelevant."""
    if options == ["control-plane"]:
        config.export.mark(statement.number, LineState.IRRELEVANT)
        return
    interface = where[1]
    config.bound.append((name, where))
    config.bindings.numbers.setdefault(name, []).append(statement.number)
    config.bound_at.setdefault(interface, statement.number)
    if options:  # per-user-override: a list that a server hands out for a user stands before this one
        config.export.fault(statement.number, LineState.UNSUPPORTED, not_modelled(statement.text))


def _is_old_nat(words: list[str]) -> bool:
    """Tell translation as written before 8.3, whose `nat (inside) 1 …` names one interface."""
    if words[0] != "nat":
        return True
    return len(words) > 1 and words[1].startswith("(") and words[1].endswith(")") and "," not in words[1]


def _ruleset(config: _Config) -> Ruleset:
    export = config.export
    for statement in config.others:
        state_other(export, statement, tunnels_bypass=config.tunnels_bypass)
    interfaces = _named(config)
    for one in interfaces.values():
        if one.tunnel and config.tunnels_bypass:
            export.fault(one.tunnel, LineState.UNSUPPORTED, tunnelled(f"interface {one.hardware}"))
        if one.addresses:
            config.lists.addresses[one.name] = config.nat.addresses[one.name] = one.addresses[0]
    for name, (way, interface) in config.bound:
        if not config.lists.asks_no_packet(name):
            held = config.bindings.incoming if way == "in" else config.bindings.outgoing
            held[interface] = name
    translated = rewrites(config.nat)
    filters = filters_of(export, interfaces, config.bindings, config.lists, bridges=config.bridges)
    steps: tuple[Step | None, ...] = (translated.before, *filters, translated.after)
    joined = tuple(one.model(export) for one in interfaces.values() if not one.is_bridge)
    return Ruleset(
        device=config.device or "asa",
        format="asa",
        steps=tuple(step for step in steps if step is not None),
        interfaces=joined,
        routes=tuple(_routes(config, interfaces)),
        version=config.version,
        forwards=bool(joined),
    )


def _named(config: _Config) -> dict[str, AsaInterface]:
    """Give the interfaces that have a name, and those of which only the name is known; others pass nothing."""
    found = {one.name or one.hardware: one for one in config.interfaces if one.name or one.is_bridge}
    bridges = {one.hardware[3:]: one for one in config.interfaces if one.is_bridge}
    for one in found.values():
        if one.group in bridges:
            one.networks += bridges[one.group].networks
    for name, number in config.bound_at.items():
        if name not in found:
            config.export.fault(number, LineState.UNSUPPORTED, _unwritten(name))
            found[name] = AsaInterface(hardware=name, number=number, name=name)
    return found


def _routes(config: _Config, interfaces: dict[str, AsaInterface]) -> list[Route]:
    read = (read_route(config.export, one, config.objects.names) for one in config.routes)
    leased = (leased_default(config.export, one) for one in interfaces.values() if one.default_route)
    return [*(one for one in read if one is not None), *leased]


def _old_nat(what: str) -> Text:
    return Text(
        ja=f"「{what}」は 8.3 より前の書き方のアドレス変換で、読み取れません。変換される通信の行き先は、確かめられません。",
        en=f"{what!r} is translation as written before 8.3 and is not modelled; where the packets it translates go is not known.",
    )


def _old_release(version: str) -> Text:
    return Text(
        ja=f"バージョン {version} は 8.3 より前です。アクセスリストは変換後のアドレスで書かれ、アドレス変換の書き方も異なるため、"
        "判定は確かではありません。8.3 以降の機器から出力してください。",
        en=f"Release {version} is older than 8.3: its access lists speak of translated addresses and its translation is "
        "written in another way, so the verdict is not certain. Export from a device of 8.3 or later.",
    )


def _contexts(what: str) -> Text:
    return Text(
        ja=f"「{what}」: マルチコンテキストのシステム領域は通信を判定しません。各コンテキストの `show running-config` を渡してください。",
        en=f"{what!r}: the system space of multiple contexts decides no traffic; give the `show running-config` of each context.",
    )


def _unwritten(name: str) -> Text:
    return Text(
        ja=f"アクセスリストが適用されているインタフェース {name} が、この設定にありません。セキュリティレベルは分かりません。",
        en=f"The interface {name} to which an access list is bound is not in this export; its security level is not known.",
    )
