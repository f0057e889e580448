"""Network address translation of a Cisco ASA configuration (8.3 and later): one table of three sections.

A packet is given its real destination before the access lists are asked, and its translated source when it leaves.
A rule of sections 1 and 3 decides on both ends at once; in section 2 one rule may decide on each end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from zoneguard.firewall.cisco import UnreadableError, Words, is_number
from zoneguard.firewall.model import LineState, Mapping, Match, Rewrite, Translation
from zoneguard.firewall.vendors.asa.objects import Reach, port, protocol
from zoneguard.net.service import ALL_PORTS, ALL_PROTOCOLS, Service
from zoneguard.net.spans import ANYWHERE, spans_size
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.firewall.model import Place
    from zoneguard.firewall.vendors.asa.objects import Objects
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

HIDDEN_PORTS = (1024, 65535)  # source ports that translation with ports takes
_Side = Literal["source", "destination"]
_EVERYWHERE = Reach(spans=ANYWHERE)
_POOL_OPTIONS = frozenset({"block-allocation", "extended", "flat", "include-reserve", "round-robin"})
_PLAIN_OPTIONS = frozenset({"dns", "net-to-net", "no-proxy-arp", "route-lookup"})


@dataclass(slots=True)
class Translations:
    """What a configuration says about translation."""

    export: Export
    objects: Objects
    addresses: dict[str, Span] = field(default_factory=dict)  # of interfaces, where they are written
    twice: list[Statement] = field(default_factory=list)
    of_objects: list[tuple[str, Statement]] = field(default_factory=list)


class _Ports(NamedTuple):
    """The ports of a rule on one end: as the real host has them, and as they are translated."""

    real: Span = ALL_PORTS
    mapped: Span = ALL_PORTS


_ALL_PORTS = _Ports()


@dataclass(slots=True, kw_only=True)
class _Rule:
    """One rule: source real → mapped on the way out, destination mapped → real, and both reversed on the way in."""

    id: str
    number: int
    places: tuple[Place, ...]
    real_side: frozenset[str] | None  # interfaces; None: any
    mapped_side: frozenset[str] | None
    source: Reach = _EVERYWHERE
    mapped_source: Reach = _EVERYWHERE
    destination: Reach | None = None  # real; None: the rule asks of no destination
    mapped_destination: Reach = _EVERYWHERE
    protocol: Span = ALL_PROTOCOLS
    source_ports: _Ports = _ALL_PORTS
    destination_ports: _Ports = _ALL_PORTS
    static: bool = True
    hides: bool = False  # many behind one address, by source ports
    twice: bool = False
    unidirectional: bool = False
    enabled: bool = True


class Rewrites(NamedTuple):
    """Translations before the access lists (destinations) and behind them (sources)."""

    before: Rewrite | None
    after: Rewrite | None


def rewrites(found: Translations) -> Rewrites:
    """Give both lists in the order of the table."""
    first: list[_Rule] = []
    last: list[_Rule] = []
    for one in found.twice:
        found.export.mark(one.number, LineState.PARSED)
        try:
            rule, section, line = _twice(found, one)
        except ValueError:
            found.export.fault(one.number, LineState.UNSUPPORTED, _not_modelled(one.text))
            continue
        held = last if section == 3 else first
        held.insert(len(held) if line is None else max(0, line - 1), rule)
    automatic: list[tuple[tuple[bool, int, int, str], _Rule]] = []
    for name, one in found.of_objects:
        found.export.mark(one.number, LineState.PARSED)
        try:
            rule = _of_object(found, name, one)
        except ValueError:
            found.export.fault(one.number, LineState.UNSUPPORTED, _not_modelled(one.text))
            continue
        size = spans_size(rule.source.spans)
        begins = rule.source.spans[0][0] if rule.source.spans else 0
        automatic.append(((not rule.static, size, begins, name), rule))
    automatic.sort(key=lambda entry: entry[0])
    table = [*first, *(rule for _, rule in automatic), *last]
    before = _without_idle_end([made for rule in table for made in _before(found, rule)])
    after = _without_idle_end([made for rule in table for made in _after(rule)])
    return Rewrites(
        Rewrite(name="nat of destinations", translations=before) if before else None,
        Rewrite(name="nat of sources", translations=after) if after else None,
    )


def _without_idle_end(made: list[Translation]) -> tuple[Translation, ...]:
    """Leave out exemptions behind which nothing is translated."""
    while made and made[-1].source is None and made[-1].destination is None:
        made.pop()
    return tuple(made)


# --- what a rule does -----------------------------------------------------------------------------------


def _before(found: Translations, rule: _Rule) -> list[Translation]:
    """Give what a rule makes of destinations: those of its own side, then those that come in to it."""
    made: list[Translation] = []
    sender = rule.destination or _EVERYWHERE
    if rule.twice:
        move = _move(rule.mapped_destination, sender)
        sent = Match(
            source=rule.source.spans,
            services=(Service(rule.protocol, rule.source_ports.real, rule.destination_ports.mapped),),
            ingress=rule.real_side,
            egress=rule.mapped_side,
            unknown=(*rule.source.unknown, *move.unknown),
        )
        made.append(_translation(rule, "destination", sent, move, rule.destination_ports.real))
    if rule.static and not rule.unidirectional:
        move = _move(rule.mapped_source, rule.source)
        opened = Match(
            source=sender.spans,
            services=(Service(rule.protocol, rule.destination_ports.real, rule.source_ports.mapped),),
            ingress=rule.mapped_side,
            egress=rule.real_side,
            unknown=(*sender.unknown, *move.unknown),
        )
        made.append(_translation(rule, "destination", opened, move, rule.source_ports.real, back=True))
    if rule.enabled and any(one.match.unknown for one in made):
        found.export.fault(rule.number, LineState.UNSUPPORTED, _not_modelled(rule.id))
    # Where a destination is translated, the rule itself decides the way out.
    return [
        replace(one, match=replace(one.match, egress=None)) if one.destination is not None else one
        for one in made
    ]


def _after(rule: _Rule) -> list[Translation]:
    """Give what a rule makes of sources. Which address is taken bears on nothing that is asked before."""
    destination = rule.destination or _EVERYWHERE
    if rule.source.unknown or destination.unknown:
        return []
    leaving = Match(
        destination=destination.spans,
        services=(Service(rule.protocol, rule.source_ports.real, rule.destination_ports.real),),
        ingress=rule.real_side,
        egress=rule.mapped_side,
    )
    ports = HIDDEN_PORTS if rule.hides else rule.source_ports.mapped
    made = [_translation(rule, "source", leaving, _move(rule.source, rule.mapped_source), ports)]
    if rule.twice and rule.static and not rule.unidirectional:
        entering = Match(
            destination=rule.source.spans,
            services=(Service(rule.protocol, rule.destination_ports.real, rule.source_ports.real),),
            ingress=rule.mapped_side,
            egress=rule.real_side,
        )
        move = _move(destination, rule.mapped_destination)
        made.append(_translation(rule, "source", entering, move, rule.destination_ports.mapped, back=True))
    return made


class _Move(NamedTuple):
    """What addresses become; None where they stay."""

    before: Spans
    after: Span | None = None
    unknown: tuple[str, ...] = ()


def _move(before: Reach, after: Reach) -> _Move:
    """Say what addresses become, exactly where one stretch stands for one as long, or for itself."""
    unknown = before.unknown + after.unknown
    if not unknown and before.spans == after.spans:
        return _Move(before.spans)
    if not before.spans or not after.spans:
        return _Move(())
    same = spans_size(before.spans) == spans_size(after.spans)
    if not unknown and not (same and len(before.spans) == len(after.spans) == 1):
        unknown = ("addresses that are not translated one by one",)
    return _Move(before.spans, (after.spans[0][0], after.spans[-1][1]), unknown)


def _translation(
    rule: _Rule, side: _Side, match: Match, move: _Move, port_after: Span, *, back: bool = False
) -> Translation:
    service = match.services[0]
    port_before = service.sport if side == "source" else service.dport
    port_moves = port_after if port_after not in (port_before, ALL_PORTS) else None
    mapping = Mapping(address=move.after, port=port_moves) if move.after or port_moves else None
    return Translation(
        id=f"{rule.id} (back)" if back else rule.id,
        match=replace(match, source=move.before)
        if side == "source"
        else replace(match, destination=move.before),
        places=rule.places,
        source=mapping if side == "source" else None,
        destination=mapping if side == "destination" else None,
        enabled=rule.enabled,
    )


# --- how a rule is written ------------------------------------------------------------------------------


def _of_object(found: Translations, name: str, one: Statement) -> _Rule:
    reader = Words(one.words, 1)
    rule = _Rule(
        id=f"object network {name} {one.text}",
        number=one.number,
        places=(found.export.place(one.number),),
        real_side=None,
        mapped_side=None,
    )
    rule.real_side, rule.mapped_side = _sides(reader)
    rule.source = found.objects.network(name)
    if not rule.source.spans or rule.source.unknown:
        raise UnreadableError(name)
    kind = reader.take()
    rule.static = kind == "static"
    if kind not in ("dynamic", "static"):
        raise UnreadableError(kind)
    rule.mapped_source = _mapped(found, reader, rule)
    while reader.peek():
        word = reader.take()
        if word == "service":
            rule.protocol = protocol(reader.take())
            real, mapped = port(reader.take()), port(reader.take())
            rule.source_ports = _Ports((real, real), (mapped, mapped))
        elif word not in _PLAIN_OPTIONS:
            raise UnreadableError(word)
    rule.places += tuple(found.export.place(number) for number in rule.source.numbers)
    return rule


def _twice(found: Translations, one: Statement) -> tuple[_Rule, int, int | None]:
    """Read a rule of section 1 or 3, with the line that it is put in at."""
    words = one.words
    if "description" in words:
        words = words[: words.index("description")]
    reader = Words(words, 1)
    rule = _Rule(
        id=" ".join(words),
        number=one.number,
        places=(found.export.place(one.number),),
        real_side=None,
        mapped_side=None,
        twice=True,
    )
    rule.real_side, rule.mapped_side = _sides(reader)
    section, line = 1, None
    if reader.peek() == "after-auto":
        reader.take()
        section = 3
    if is_number(reader.peek()):
        line = int(reader.take())
    if reader.take() != "source":
        raise UnreadableError(one.text)
    kind = reader.take()
    if kind not in ("dynamic", "static"):
        raise UnreadableError(kind)
    rule.static = kind == "static"
    rule.source = _named(found, reader.take())
    rule.mapped_source = _mapped(found, reader, rule)
    while reader.peek():
        _clause(found, rule, reader)
    named = (rule.source, rule.mapped_source, rule.destination or _EVERYWHERE, rule.mapped_destination)
    numbers = dict.fromkeys(number for reach in named for number in reach.numbers)
    rule.places += tuple(found.export.place(number) for number in numbers)
    return rule, section, line


def _clause(found: Translations, rule: _Rule, reader: Words) -> None:
    word = reader.take()
    if word == "destination":
        if reader.take() != "static":
            raise UnreadableError(reader.rest())
        rule.mapped_destination = _interface_or_named(found, reader, rule.real_side)
        rule.destination = _named(found, reader.take())
    elif word == "service":
        first, second = _service(found, reader.take()), _service(found, reader.take())
        if first.protocol != second.protocol:
            raise UnreadableError("two protocols")
        rule.protocol = first.protocol
        # The first object has the real source and the mapped destination, the second the other two.
        rule.source_ports = _Ports(first.sport, second.sport)
        rule.destination_ports = _Ports(second.dport, first.dport)
    elif word == "unidirectional":
        rule.unidirectional = True
    elif word == "inactive":
        rule.enabled = False
    elif word not in _PLAIN_OPTIONS:
        raise UnreadableError(word)


def _sides(reader: Words) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """Read `(real,mapped)`, which older releases write with a blank after the comma; without it both are any."""
    word = reader.peek()
    if not word.startswith("("):
        return None, None
    written = reader.take()
    while not written.endswith(")"):
        written += reader.take()
    names = [name.strip() for name in written[1:-1].split(",")]
    if len(names) != 2 or not all(names):
        raise UnreadableError(written)
    real, mapped = (None if name == "any" else frozenset({name}) for name in names)
    return real, mapped


def _mapped(found: Translations, reader: Words, rule: _Rule) -> Reach:
    """Read what a source becomes: an address, an object, a pool with ports, the address of an interface."""
    if reader.peek() == "pat-pool":
        reader.take()
        rule.hides = True
    reach = _interface_or_named(
        found, reader, rule.mapped_side, beginning=rule.source if rule.static else None
    )
    rule.hides |= not rule.static and spans_size(reach.spans) == 1
    while not rule.static and reader.peek() in (*_POOL_OPTIONS, "interface", "ipv6", "pat-pool"):
        word = reader.take()
        rule.hides |= word in ("interface", "pat-pool")
        if word == "pat-pool":
            reach = _named(found, reader.take())
    return reach


def _interface_or_named(
    found: Translations, reader: Words, side: frozenset[str] | None, beginning: Reach | None = None
) -> Reach:
    if reader.peek() != "interface":
        return _named(found, reader.take(), beginning)
    reader.take()
    if reader.peek() == "ipv6":
        reader.take()
        raise UnreadableError("interface ipv6")
    address = found.addresses.get(next(iter(side))) if side else None
    if address is None:  # leased, or any interface
        return Reach(spans=ANYWHERE, unknown=("the address of an interface",))
    return Reach(spans=(address,))


def _named(found: Translations, word: str, beginning: Reach | None = None) -> Reach:
    """Resolve an object, a group or an address; of a network an address is where it begins."""
    objects = found.objects
    if word == "any":
        return _EVERYWHERE
    if word in objects.networks:
        return objects.network(word)
    if word in objects.groups and objects.kind(word) == "network":
        return objects.group(word)
    first = objects.address(word)
    length = 1
    if beginning and len(beginning.spans) == 1:
        length = spans_size(beginning.spans)
    return Reach(spans=((first, first + length - 1),))


def _service(found: Translations, word: str) -> Service:
    if word == "any" or word not in found.objects.services:
        raise UnreadableError(word)
    reach = found.objects.service(word)
    if reach.unknown or len(reach.services) != 1:
        raise UnreadableError(word)
    return reach.services[0]


def _not_modelled(what: str) -> Text:
    return Text(
        ja=f"アドレス変換「{what}」は読み取れません。変換される通信の行き先は、確かめられません。",
        en=f"The translation {what!r} is not modelled; where the packets it translates go is not known.",
    )
