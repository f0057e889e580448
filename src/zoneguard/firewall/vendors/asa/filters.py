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

MOST_GROUPS = 4096  # bridge groups and levels told apart


@dataclass(slots=True)
class Bindings:
    """Which list is bound where, each with its line."""

    incoming: dict[str, tuple[str, int]] = field(default_factory=dict)  # by interface
    outgoing: dict[str, tuple[str, int]] = field(default_factory=dict)
    everywhere: tuple[str, int] | None = None  # `access-group … global`
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
        *_incoming(export, joined, bindings, lists),
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
    for name, one in joined.items():
        if one.refused:
            refused = frozenset(
                other for other, its in joined.items() if its.hardware.lower() == one.refused[0].lower()
            )
            made.append(_closed(f"no forward interface {one.refused[0]}", frozenset({name}), refused))
        if not bindings.intra:
            made.append(_closed("intra-interface", frozenset({name}), frozenset({name})))
    return made


def _bridge_groups(
    export: Export, interfaces: dict[str, AsaInterface], joined: dict[str, AsaInterface], *, bridges: bool
) -> list[Filter]:
    """Let a bridge group reach beyond itself only where its own interface is named and routes; how is not modelled."""
    made = []
    groups = sorted({one.group for one in joined.values() if one.group})
    every = frozenset(joined)
    for group in groups[:MOST_GROUPS]:
        members = frozenset(name for name, one in joined.items() if one.group == group)
        routing = next(
            (one for one in interfaces.values() if one.is_bridge and one.hardware[3:] == group), None
        )
        lines: tuple[Line, ...] = ()
        if routing is not None and routing.name and not bridges:
            export.fault(routing.number, LineState.UNSUPPORTED, _routed_bridge(routing.hardware))
            lines = (_perhaps(f"routing by {routing.hardware}", (export.place(routing.number),)),)
        for ingress, egress in ((members, every - members), (every - members, members)):
            made.append(replace(_closed(f"bridge-group {group}", ingress, egress), lines=lines))
    return made


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
    for level, names in sorted(alike.items())[:MOST_GROUPS]:
        if len(names) > 1:
            between = _closed(f"same security level {level}", frozenset(names), frozenset(names))
            made.append(
                replace(between, lines=(_perhaps("same-security-traffic permit inter-interface", ()),))
            )
    return made


def _incoming(
    export: Export, joined: dict[str, AsaInterface], bindings: Bindings, lists: AccessLists
) -> list[Filter]:
    """Make one filter of all lists that ask what comes in, so that a line of the global list stands in it once."""
    lines: list[Line] = []
    for name, members in _by_list(bindings.incoming, joined).items():
        lines += (_on(line, ingress=members) for line in _lines(export, lists, name, bindings))
    if bindings.everywhere:
        lines += _lines(export, lists, bindings.everywhere[0], bindings)
    unlisted = [one for name, one in joined.items() if name not in bindings.incoming]
    lines += (made for one in unlisted for made in _by_level(export, one, joined, bindings))
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


def _by_list(bound: dict[str, tuple[str, int]], joined: dict[str, AsaInterface]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for interface, (name, _) in bound.items():
        if interface in joined:
            found.setdefault(name, set()).add(interface)
    return {name: frozenset(members) for name, members in found.items()}


def _lines(export: Export, lists: AccessLists, name: str, bindings: Bindings) -> tuple[Line, ...]:
    """Give the lines of a bound list; what one that the file leaves out would say is open."""
    found = lists.lines(name)
    if found or name in lists.written:
        return found
    bound = [
        *bindings.incoming.values(),
        *bindings.outgoing.values(),
        *((bindings.everywhere,) if bindings.everywhere else ()),
    ]
    numbers = sorted({number for its, number in bound if its == name})
    for number in numbers:
        export.fault(number, LineState.UNSUPPORTED, _undefined(name))
    return (_perhaps(f"access-list {name}", tuple(export.place(number) for number in numbers)),)


def _by_level(
    export: Export, one: AsaInterface, joined: dict[str, AsaInterface], bindings: Bindings
) -> list[Line]:
    """Permit what comes in by an interface without a list by security levels: to lower ones, perhaps to equal ones.

    With a global list its implicit denial may stand before that; then this is left open.
    """
    if one.management_only:  # kept apart from all others
        return []
    own = [its for its in joined.values() if not its.management_only]
    unsure = ("security levels beneath a global access list",) if bindings.everywhere else ()
    lower = {
        its.name
        for its in own
        if one.level is not None
        and its.level is not None
        and (its.level < one.level or (bindings.inter and its.level == one.level and its.name != one.name))
    }
    if bindings.intra:
        lower.add(one.name)
    open_end = {its.name for its in own if its.name != one.name and (one.level is None or its.level is None)}
    made = []
    for names, unknown in ((lower, unsure), (open_end, ("security level",))):
        if names:
            places = [export.place(number) for number in (one.level_number, one.number) if number][:1]
            level = "unknown" if one.level is None else one.level
            match = Match(ingress=frozenset({one.name}), egress=frozenset(names), unknown=unknown)
            label = f"security-level {level} of {one.name}"
            made.append(Line(id=label, action=Action.PERMIT, match=match, places=tuple(places)))
    return made


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


def _routed_bridge(name: str) -> Text:
    return Text(
        ja=f"{name} によるブリッジグループの外との経路選択は読み取れません。グループの内外の通信は、許可されるかもしれないものとして扱います。",
        en=f"Routing beyond the bridge group by {name} is not modelled; traffic in and out of the group is taken as perhaps permitted.",
    )
