"""The zone-based firewall of a Cisco IOS configuration: zone pairs, policies and nested classes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from zoneguard.firewall.model import Action, Filter, Line, LineState, Match
from zoneguard.firewall.vendors.ios.cells import (
    MOST_CELLS,
    Cell,
    meet,
    permitted_by,
    split_protocols,
)
from zoneguard.firewall.vendors.ios.lists import mirrored
from zoneguard.firewall.vendors.ios.names import INSPECTED
from zoneguard.net.service import ALL_PORTS, Service
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.firewall.model import Place
    from zoneguard.firewall.vendors.ios.lists import AccessLists

DEEPEST_CLASS = 16  # classes within classes
MOST_LINES = 50_000  # of all zone pairs together; pairs beyond are taken as perhaps permitted
INSPECTABLE = (1, 6, 17, 58)  # protocols of which a session can be kept


@dataclass(slots=True)
class ZonePolicies:
    """Everything a configuration says about security zones."""

    export: Export
    lists: AccessLists
    zones: dict[str, int] = field(default_factory=dict)
    classes: dict[str, Statement] = field(default_factory=dict)
    policies: dict[str, Statement] = field(default_factory=dict)
    pairs: list[Statement] = field(default_factory=list)
    port_map: dict[str, tuple[Service, ...]] = field(default_factory=dict)
    made: int = 0  # lines so far
    _cells: dict[str, list[Cell]] = field(default_factory=dict)


@dataclass(slots=True)
class _Pair:
    """The policy of one ordered pair of zones, being read."""

    name: str
    lines: list[Line] = field(default_factory=list)
    default: Action = Action.DENY
    default_places: tuple[Place, ...] = ()
    default_log: bool | None = None
    passes: bool = False  # something passes without a session
    inspected: list[Line] = field(default_factory=list)


def zone_filters(policies: ZonePolicies, members: dict[str, str | None]) -> list[Filter]:
    """Give a filter for each ordered pair of zones; `members` has each interface and its zone, or None.

    Within a zone everything passes unless a pair says otherwise. Between a zone and an interface of none nothing
    passes; between interfaces of none no policy is asked, unless the zone `default` takes them in.
    """
    if "default" in policies.zones:
        members = {name: zone or "default" for name, zone in members.items()}
    inside: dict[str | None, frozenset[str]] = {
        zone: frozenset(name for name, its in members.items() if its == zone) for zone in {*members.values()}
    }
    zones = sorted(zone for zone in inside if zone is not None)
    pairs = _read_pairs(policies)
    filters = []
    for source in zones:
        for destination in zones:
            pair = pairs.get((source, destination))
            back = pairs.get((destination, source))
            if source == destination and pair is None:
                continue
            filters.append(_filter_of(source, destination, pair, back, inside))
    beyond = inside.get(None, frozenset())
    if zones and beyond:
        zoned = frozenset[str]().union(*(inside[zone] for zone in zones))
        for name, ingress, egress in (("zone to no zone", zoned, beyond), ("no zone to zone", beyond, zoned)):
            filters.append(Filter(name=name, lines=(), default=Action.DENY, ingress=ingress, egress=egress))
    return filters


def _filter_of(
    source: str,
    destination: str,
    pair: _Pair | None,
    back: _Pair | None,
    inside: dict[str | None, frozenset[str]],
) -> Filter:
    """Make the filter of a pair; with a `pass` in either direction the ways back are written out."""
    pair = pair or _Pair(f"zone {source} to {destination}")
    stateless = pair.passes or (back is not None and back.passes)
    replies = (
        [
            replace(line, id=f"replies to {line.id}", match=mirrored(line.match), implicit=True)
            for line in back.inspected
        ]
        if stateless and back
        else []
    )
    return Filter(
        name=pair.name,
        lines=(*replies, *pair.lines),
        default=pair.default,
        default_places=pair.default_places,
        default_log=pair.default_log,
        ingress=inside[source],
        egress=inside[destination],
        stateful=not stateless,
    )


def _read_pairs(policies: ZonePolicies) -> dict[tuple[str, str], _Pair]:
    found: dict[tuple[str, str], _Pair] = {}
    for one in policies.pairs:
        words = one.words
        policies.export.mark(one.number, LineState.PARSED)
        if len(words) < 7 or words[3] != "source" or words[5] != "destination":
            policies.export.fault(one.number, LineState.UNKNOWN, _not_understood("zone-pair", one.text))
            continue
        own = "self" in (words[4], words[6])
        known = found.get((words[4], words[6]))
        pair = known or _Pair(f"zone-pair {words[2]}")
        for below in one.children:
            policies.export.mark(below.number, LineState.IRRELEVANT if own else LineState.PARSED)
            if below.words[:3] == ["service-policy", "type", "inspect"] and len(below.words) == 4:
                if not own and known is None:
                    _read_policy(policies, pair, below)
            elif below.words[0] != "description":
                policies.export.fault(below.number, LineState.UNKNOWN, _not_understood(words[2], below.text))
        if not own:
            found.setdefault((words[4], words[6]), pair)
    return found


def _read_policy(policies: ZonePolicies, pair: _Pair, naming: Statement) -> None:
    policy = policies.policies.get(naming.words[3])
    if policy is None or policies.made > MOST_LINES:
        policies.export.fault(naming.number, LineState.UNKNOWN, _not_understood(pair.name, naming.text))
        pair.lines.append(
            Line(
                id=naming.text,
                action=Action.PERMIT,
                match=Match(unknown=(naming.text,)),
                places=(policies.export.place(naming.number),),
            )
        )
        return
    policies.export.mark(policy.number, LineState.PARSED)
    read: set[str] = set()
    for one in policy.children:
        policies.export.mark(one.number, LineState.PARSED)
        if one.text in read:  # the first of a name decides
            continue
        read.add(one.text)
        if one.words == ["class", "class-default"]:
            _read_default(policies, pair, one)
        elif one.words[:3] == ["class", "type", "inspect"] and len(one.words) == 4:
            _read_class(policies, pair, one)
        elif one.words[0] != "description":
            policies.export.fault(one.number, LineState.UNKNOWN, _not_understood(pair.name, one.text))


def _read_default(policies: ZonePolicies, pair: _Pair, one: Statement) -> None:
    action, unknown, log = _action(policies, pair, one)
    pair.default_places = (policies.export.place(one.number),)
    pair.default_log = log
    if unknown:
        match = Match(unknown=unknown)
        pair.lines.append(
            Line(id=f"{pair.name} class-default", action=action, match=match, places=pair.default_places)
        )
    elif action is Action.PERMIT:
        pair.default = action
        if any(below.words[0] == "inspect" for below in one.children):
            pair.inspected.append(
                Line(
                    id=f"{pair.name} class-default",
                    action=action,
                    match=Match(),
                    places=pair.default_places,
                )
            )


def _read_class(policies: ZonePolicies, pair: _Pair, one: Statement) -> None:
    action, unknown, log = _action(policies, pair, one)
    inspects = any(below.words[0] == "inspect" for below in one.children)
    name = one.words[3]
    cells = _cells_of(policies, name)
    policies.made += 1 + len(cells)
    if policies.made > MOST_LINES:
        cells = [_unsure(f"class-map {name}: too many conditions")]
    for at, cell in enumerate(cells, 1):
        match = replace(cell.match, unknown=(*cell.match.unknown, *unknown))
        parts: list[tuple[str, Match | None]] = [("", match)]
        if inspects:
            kept, other = split_protocols(match, INSPECTABLE)
            open_end = replace(other, unknown=(*other.unknown, "no session to inspect")) if other else None
            parts = [("", kept), (" other protocols", open_end)]
        for suffix, part in parts:
            if part is None:
                continue
            line = Line(
                id=f"{pair.name} class {name} {at}: {cell.label}{suffix}",
                action=action,
                match=part,
                places=(policies.export.place(one.number), *cell.places),
                log=log,
                comment=cell.comment,
                begins=cell.begins,
                expires=cell.expires,
            )
            pair.lines.append(line)
            if inspects:
                pair.inspected.append(line)


def _action(
    policies: ZonePolicies, pair: _Pair, one: Statement
) -> tuple[Action, tuple[str, ...], bool | None]:
    """Read what a class does; no action at all is a drop."""
    action, unknown = Action.DENY, list[str]()
    log: bool | None = None
    for below in one.children:
        word = below.words[0]
        policies.export.mark(below.number, LineState.PARSED)
        if word in ("inspect", "pass"):
            action = Action.PERMIT
            pair.passes |= word == "pass"
            log = "log" in below.words or None
        elif word == "drop":
            log = "log" in below.words
        elif word in ("police", "description"):
            policies.export.mark(below.number, LineState.IRRELEVANT)
        else:
            unknown.append(below.text)
            policies.export.fault(below.number, LineState.UNSUPPORTED, _not_understood(pair.name, below.text))
    return action, tuple(unknown), log


def _cells_of(policies: ZonePolicies, name: str, depth: int = 0) -> list[Cell]:
    """Give what a class matches: the union of its conditions for match-any, what meets all for match-all."""
    if name in policies._cells:  # noqa: SLF001 - the memory of this module
        return policies._cells[name]  # noqa: SLF001
    found = policies.classes.get(name)
    if found is None or depth > DEEPEST_CLASS:
        return [_unsure(f"class-map {name}")]
    policies.export.mark(found.number, LineState.PARSED)
    conditions = []
    for one in found.children:
        policies.export.mark(one.number, LineState.PARSED)
        if one.words[0] != "description":
            conditions.append(_condition(policies, one, depth))
    any_of = "match-any" in found.words[:4]
    cells = [cell for condition in conditions for cell in condition] if any_of else _all_of(conditions)
    if len(cells) > MOST_CELLS:
        cells = [_unsure(f"class-map {name}: too many conditions")]
    policies._cells[name] = cells  # noqa: SLF001
    return cells


def _condition(policies: ZonePolicies, one: Statement, depth: int) -> list[Cell]:
    words = one.words
    place = (policies.export.place(one.number),)
    if words[:2] == ["match", "access-group"] and len(words) in (3, 4):
        return permitted_by(policies.lists.lines(4, words[-1]) or policies.lists.lines(6, words[-1]))
    if words[:2] == ["match", "class-map"] and len(words) == 3:
        return _cells_of(policies, words[2], depth + 1)
    if words[:2] == ["match", "protocol"] and len(words) == 3:
        known = INSPECTED.get(words[2], ()) + policies.port_map.get(words[2], ())
        if words[2] == "icmp":
            known += (Service((58, 58), ALL_PORTS),)
        if known:
            return [Cell(label=one.text, match=Match(services=known), places=place)]
    policies.export.fault(one.number, LineState.UNSUPPORTED, _not_understood("class-map", one.text))
    return [_unsure(one.text, place)]


def _all_of(conditions: Iterable[list[Cell]]) -> list[Cell]:
    met: list[Cell] | None = None
    for cells in conditions:
        if met is None:
            met = cells
            continue
        if len(met) * len(cells) > 20 * MOST_CELLS:
            return [_unsure("too many conditions")]
        met = [cell for a in met for b in cells if (cell := meet(a, b)) is not None]
    return met or []


def _unsure(what: str, places: tuple[Place, ...] = ()) -> Cell:
    return Cell(label=what, match=Match(unknown=(what,)), places=places)


def _not_understood(where: str, what: str) -> Text:
    return Text(
        ja=f"{where} の「{what}」は読み取れません。このゾーン間の通信は、許可されるかもしれないものとして扱います。",
        en=f"{what!r} of {where} was not understood; traffic of this zone pair is taken as perhaps permitted.",
    )
