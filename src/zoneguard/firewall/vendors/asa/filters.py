"""What stands between two interfaces of a Cisco ASA: bound access lists, else security levels, and what keeps apart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from zoneguard.firewall.model import Action, Filter, Line, LineState, Match
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Place
    from zoneguard.firewall.vendors.asa.interfaces import AsaInterface
    from zoneguard.firewall.vendors.asa.lists import AccessLists

MOST_PLACES = 8  # security levels that a line shows


@dataclass(slots=True)
class Bindings:
    """Which list is bound where."""

    incoming: dict[str, str] = field(default_factory=dict)  # interface → list
    outgoing: dict[str, str] = field(default_factory=dict)
    everywhere: str = ""  # `access-group … global`
    numbers: dict[str, list[int]] = field(default_factory=dict)  # where each list is bound
    inter: bool = False  # same-security-traffic permit inter-interface
    intra: bool = False


def filters_of(
    export: Export,
    interfaces: dict[str, AsaInterface],
    bindings: Bindings,
    lists: AccessLists,
    *,
    bridges: bool,
) -> list[Filter]:
    """Give all filters in the order of a packet; `bridges` is transparent mode."""
    joined = {name: one for name, one in interfaces.items() if one.enabled and not one.is_bridge}
    return [
        *_apart(joined, bindings),
        *_bridge_groups(export, interfaces, joined, bridges=bridges),
        *_same_levels(joined, bindings),
        *_incoming(export, interfaces, joined, bindings, lists),
        *_outgoing(export, joined, bindings, lists),
    ]


def _apart(joined: dict[str, AsaInterface], bindings: Bindings) -> list[Filter]:
    """Keep apart what no list can join: management ports, refused neighbours, the way back out of an interface."""
    made = []
    every = frozenset(joined)
    management = frozenset(name for name, one in joined.items() if one.management_only)
    if management:
        for ingress, egress in ((management, every - management), (every - management, management)):
            made.append(_closed("management-only", ingress, egress))
    by_hardware = {one.hardware.lower(): name for name, one in joined.items()}
    for name, one in joined.items():
        if refused := by_hardware.get(one.refused.lower()):
            made.append(_closed(f"no forward interface {one.refused}", {name}, {refused}))
        if not bindings.intra:
            made.append(_closed("intra-interface", {name}, {name}))
    return made


def _bridge_groups(
    export: Export, interfaces: dict[str, AsaInterface], joined: dict[str, AsaInterface], *, bridges: bool
) -> list[Filter]:
    """Let a bridge group reach beyond itself only where its own interface is named and routes; how is not modelled."""
    members: dict[str, set[str]] = {}
    for name, one in joined.items():
        members.setdefault(one.group, set()).add(name)
    if not any(members):
        return []
    lines = []
    for group, names in members.items():
        within = Match(ingress=frozenset(names), egress=frozenset(names))
        called = f"within bridge-group {group}" if group else "beside bridge groups"
        lines.append(Line(id=called, action=Action.PERMIT, match=within, places=(), implicit=True))
    for one in interfaces.values():
        names = members.get(one.hardware[3:], set()) if one.is_bridge and one.name and not bridges else set()
        if names:
            export.fault(one.number, LineState.UNSUPPORTED, _routed_bridge(one.hardware))
            perhaps = _perhaps(f"routing by {one.hardware}", (export.place(one.number),))
            lines.append(_on(perhaps, ingress=frozenset(names)))
            lines.append(replace(perhaps, match=replace(perhaps.match, egress=frozenset(names))))
    return [Filter(name="bridge groups", lines=tuple(lines), default=Action.DENY)]


def _same_levels(joined: dict[str, AsaInterface], bindings: Bindings) -> list[Filter]:
    """Leave open whether a list joins interfaces of one level that nothing else lets speak to each other.

    Without a list the levels themselves deny it. The manuals say what the command permits, and not whether a list
    does without it.
    """
    if bindings.inter:
        return []
    alike: dict[int, set[str]] = {}
    for name, one in joined.items():
        if one.level is not None and (name in bindings.incoming or bindings.everywhere):
            alike.setdefault(one.level, set())
    for name, one in joined.items():
        if one.level in alike:
            alike[one.level].add(name)
    made = []
    for level, names in sorted(alike.items()):
        if len(names) > 1:
            between = _closed(f"same security level {level}", names, names)
            made.append(
                replace(between, lines=(_perhaps("same-security-traffic permit inter-interface", ()),))
            )
    return made


def _incoming(
    export: Export,
    interfaces: dict[str, AsaInterface],
    joined: dict[str, AsaInterface],
    bindings: Bindings,
    lists: AccessLists,
) -> list[Filter]:
    """Make one filter of all lists that ask what comes in, so that a line of the global list stands in it once."""
    lines: list[Line] = []
    for name, members in _by_list(bindings.incoming, joined).items():
        lines += (_on(line, ingress=members) for line in _lines(export, lists, name, bindings))
    for name, members in _of_bridges(export, interfaces, joined, bindings).items():
        lines += (_perhaps_on(line, name, members) for line in _lines(export, lists, name, bindings))
    if bindings.everywhere:
        lines += _lines(export, lists, bindings.everywhere, bindings)
    lines += _by_level(export, joined, bindings)
    if not joined:
        return []
    return [Filter(name="access lists in", lines=tuple(lines), default=Action.DENY, default_log=True)]


def _outgoing(
    export: Export, joined: dict[str, AsaInterface], bindings: Bindings, lists: AccessLists
) -> list[Filter]:
    return [
        Filter(
            name=f"{name} out",
            lines=_lines(export, lists, name, bindings),
            default=Action.DENY,
            default_log=True,
            egress=members,
        )
        for name, members in _by_list(bindings.outgoing, joined).items()
    ]


def _of_bridges(
    export: Export,
    interfaces: dict[str, AsaInterface],
    joined: dict[str, AsaInterface],
    bindings: Bindings,
) -> dict[str, frozenset[str]]:
    """Give the lists that are bound to the interface of a bridge group, with the members of the group.

    They are asked behind those of the members and before the global list (Firewall CLI Guide, Access Rules); what
    they say of packets within the group is left open.
    """
    found: dict[str, frozenset[str]] = {}
    for name, one in interfaces.items():
        ways = [bound[name] for bound in (bindings.incoming, bindings.outgoing) if name in bound]
        if one.is_bridge and ways:
            export.fault(one.number, LineState.UNSUPPORTED, _listed_bridge(one.hardware, ", ".join(ways)))
        if one.is_bridge and name in bindings.incoming:
            members = {member for member, its in joined.items() if its.group == one.hardware[3:]}
            found[bindings.incoming[name]] = found.get(bindings.incoming[name], frozenset()) | members
    return found


def _perhaps_on(line: Line, name: str, members: frozenset[str]) -> Line:
    unknown = (*line.match.unknown, f"access-list {name} of a bridge group")
    return replace(line, match=replace(line.match, ingress=members, unknown=unknown))


def _by_list(bound: dict[str, str], joined: dict[str, AsaInterface]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for interface, name in bound.items():
        if interface in joined:
            found.setdefault(name, set()).add(interface)
    return {name: frozenset(members) for name, members in found.items()}


def _lines(export: Export, lists: AccessLists, name: str, bindings: Bindings) -> tuple[Line, ...]:
    """Give the lines of a bound list; what one that the file leaves out would say is open."""
    found = lists.lines(name)
    if found or name in lists.written:
        return found
    numbers = bindings.numbers.get(name, [])
    for number in numbers:
        export.fault(number, LineState.UNSUPPORTED, _undefined(name))
    return (_perhaps(f"access-list {name}", tuple(export.place(number) for number in numbers)),)


def _by_level(export: Export, joined: dict[str, AsaInterface], bindings: Bindings) -> list[Line]:
    """Permit what comes in by interfaces without a list by security levels: to lower ones, perhaps to equal ones.

    With a global list its implicit denial may stand before that; then this is left open.
    """
    inside: dict[int | None, list[AsaInterface]] = {}
    for one in joined.values():
        if not one.management_only:  # kept apart from all others
            inside.setdefault(one.level, []).append(one)
    every = frozenset(one.name for held in inside.values() for one in held)
    unleveled = frozenset(one.name for one in inside.get(None, ()))
    unsure = ("security levels beneath a global access list",) if bindings.everywhere else ()
    made = []
    for level, held in inside.items():
        unlisted = [one for one in held if one.name not in bindings.incoming]
        lower = frozenset(
            one.name
            for other, its in inside.items()
            if level is not None
            and other is not None
            and (other < level or (bindings.inter and other == level))
            for one in its
        )
        open_end = every if level is None else unleveled
        for names, unknown in ((lower, unsure), (open_end, ("security level",))):
            if unlisted and names:
                made.append(_level_line(export, level, unlisted, names, unknown))
        if bindings.intra:
            made += [_level_line(export, level, [one], frozenset({one.name}), unsure) for one in unlisted]
    return made


def _level_line(
    export: Export,
    level: int | None,
    held: list[AsaInterface],
    egress: frozenset[str],
    unknown: tuple[str, ...],
) -> Line:
    called = ", ".join(one.name for one in held[:3]) + (", …" if len(held) > 3 else "")
    return Line(
        id=f"security-level {'unknown' if level is None else level} of {called}",
        action=Action.PERMIT,
        match=Match(ingress=frozenset(one.name for one in held), egress=egress, unknown=unknown),
        places=tuple(export.place(one.level_number or one.number) for one in held[:MOST_PLACES]),
    )


def _on(line: Line, *, ingress: frozenset[str]) -> Line:
    return replace(line, match=replace(line.match, ingress=ingress))


def _closed(name: str, ingress: Iterable[str], egress: Iterable[str]) -> Filter:
    return Filter(
        name=name, lines=(), default=Action.DENY, ingress=frozenset(ingress), egress=frozenset(egress)
    )


def _perhaps(what: str, places: tuple[Place, ...]) -> Line:
    return Line(id=what, action=Action.PERMIT, match=Match(unknown=(what,)), places=places, implicit=True)


def _undefined(name: str) -> Text:
    return Text(
        ja=f"適用されているアクセスリスト {name} が、この設定にありません。何を許可するかは確かめられません。",
        en=f"The access list {name} is bound and not in this export; what it permits is not known.",
    )


def _listed_bridge(name: str, lists: str) -> Text:
    return Text(
        ja=f"{name} に適用されたアクセスリスト（{lists}）がブリッジグループ内の通信に何をするかは読み取れません。許可も拒否も、あり得るものとして扱います。",
        en=f"What the access list bound to {name} ({lists}) does to traffic of the bridge group is not modelled; it is taken as perhaps permitting and perhaps denying.",
    )


def _routed_bridge(name: str) -> Text:
    return Text(
        ja=f"{name} によるブリッジグループの外との経路選択は読み取れません。グループの内外の通信は、許可されるかもしれないものとして扱います。",
        en=f"Routing beyond the bridge group by {name} is not modelled; traffic in and out of the group is taken as perhaps permitted.",
    )
