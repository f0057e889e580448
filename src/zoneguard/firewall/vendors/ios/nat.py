"""Network address translation of a Cisco IOS configuration: inside and outside, static, dynamic and overloaded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.cisco import UnreadableError, Words
from zoneguard.firewall.model import LineState, Mapping, Match, Rewrite, Translation
from zoneguard.firewall.vendors.ios.cells import permitted_by
from zoneguard.firewall.vendors.ios.names import IOS_PORTS
from zoneguard.net.address import number_of, spans_of
from zoneguard.net.service import ALL_PORTS, Service
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.firewall.vendors.ios.interfaces import IosInterface
    from zoneguard.firewall.vendors.ios.lists import AccessLists
    from zoneguard.net.address import Span


@dataclass(slots=True)
class Translations:
    """What a configuration says about translation."""

    export: Export
    lists: AccessLists
    statements: list[Statement] = field(default_factory=list)
    pools: dict[str, Statement] = field(default_factory=dict)
    route_maps: dict[str, list[Statement]] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)


class _Ends(NamedTuple):
    """One static entry: two spans that stand for each other, with a protocol and ports where it has them."""

    local: Span
    beyond: Span
    protocol: int | None = None
    local_port: int = 0
    beyond_port: int = 0


class Rewrites(NamedTuple):
    """Translations where a packet comes in (outside to inside) and where it leaves (inside to outside)."""

    incoming: Rewrite | None
    leaving: Rewrite | None


def rewrites(found: Translations, interfaces: dict[str, IosInterface]) -> Rewrites:
    """Give both lists; static entries stand before dynamic ones, those with ports before those without."""
    made: list[tuple[int, bool, Translation]] = []  # rank, incoming, translation
    for one in found.statements:
        found.export.mark(one.number, LineState.PARSED)
        try:
            made += _read(found, one, interfaces)
        except (ValueError, IndexError):
            found.export.fault(one.number, LineState.UNSUPPORTED, _not_modelled(one.text))
    made.sort(key=lambda entry: entry[0])
    # What comes in is translated before its way out is known.
    incoming = tuple(
        replace(translation, match=replace(translation.match, egress=None))
        for _, comes_in, translation in made
        if comes_in
    )
    leaving = tuple(translation for _, comes_in, translation in made if not comes_in)
    return Rewrites(
        Rewrite(name="ip nat outside to inside", translations=incoming) if incoming else None,
        Rewrite(name="ip nat inside to outside", translations=leaving) if leaving else None,
    )


def _read(
    found: Translations, one: Statement, interfaces: dict[str, IosInterface]
) -> list[tuple[int, bool, Translation]]:
    reader = Words(one.words, 2)
    side, what = reader.take(), reader.take()
    if side not in ("inside", "outside") or what not in ("source", "destination"):
        raise UnreadableError(one.text)
    vrf = one.words[one.words.index("vrf") + 1] if "vrf" in one.words else None
    inside = frozenset(found.inside)
    if vrf is not None:
        inside = frozenset(name for name in inside if interfaces[name].vrf == vrf)
    outside = frozenset(found.outside)
    if reader.peek() == "static":
        reader.take()
        rank, ends = _static(reader, interfaces)
        unknown: tuple[str, ...] = ()
        if "route-map" in one.words:
            unknown = (f"route-map {one.words[one.words.index('route-map') + 1]}",)
        if side == "outside":
            inside, outside = outside, inside
        return [
            (rank, side == "outside", _forward(found, one, ends, (inside, outside), unknown)),
            (rank, side == "inside", _backward(found, one, ends, (inside, outside), unknown)),
        ]
    if side == "outside":
        inside, outside = outside, inside
    comes_in = (side == "outside") != (what == "destination")
    return [(9, comes_in, each) for each in _dynamic(found, one, reader, (inside, outside), interfaces)]


def _static(reader: Words, interfaces: dict[str, IosInterface]) -> tuple[int, _Ends]:
    word = reader.take()
    if word == "network":
        first, second = IPv4Address(reader.take()), IPv4Address(reader.take())
        mask = reader.take().removeprefix("/")
        local, beyond = (
            spans_of(IPv4Network(f"{address}/{mask}", strict=False))[0] for address in (first, second)
        )
        return 2, _Ends(local, beyond)
    if word in ("tcp", "udp"):
        local, local_port = _host(reader.take()), _port(reader.take())
        beyond = _host_or_interface(reader, interfaces)
        beyond_port = _port(reader.take())
        return 0, _Ends(local, beyond, 6 if word == "tcp" else 17, local_port, beyond_port)
    if word in ("esp", "gre"):
        raise UnreadableError(word)
    return 1, _Ends(_host(word), _host_or_interface(reader, interfaces))


def _forward(
    found: Translations,
    one: Statement,
    ends: _Ends,
    between: tuple[frozenset[str], frozenset[str]],
    unknown: tuple[str, ...],
) -> Translation:
    service, port = Service(), None
    if ends.protocol is not None:
        service = Service((ends.protocol, ends.protocol), (ends.local_port, ends.local_port))
        port = (ends.beyond_port, ends.beyond_port)
    return Translation(
        id=one.text,
        match=Match(
            source=(ends.local,), services=(service,), ingress=between[0], egress=between[1], unknown=unknown
        ),
        places=(found.export.place(one.number),),
        source=Mapping(address=ends.beyond, port=port),
    )


def _backward(
    found: Translations,
    one: Statement,
    ends: _Ends,
    between: tuple[frozenset[str], frozenset[str]],
    unknown: tuple[str, ...],
) -> Translation:
    """Give the way back of a static entry, which anybody beyond may open."""
    service, port = Service(), None
    if ends.protocol is not None:
        spoken, to = (ends.protocol, ends.protocol), (ends.beyond_port, ends.beyond_port)
        service, port = Service(spoken, ALL_PORTS, to), (ends.local_port, ends.local_port)
    return Translation(
        id=f"{one.text} (back)",
        match=Match(
            destination=(ends.beyond,),
            services=(service,),
            ingress=between[1],
            egress=between[0],
            unknown=unknown,
        ),
        places=(found.export.place(one.number),),
        destination=Mapping(address=ends.local, port=port),
    )


def _dynamic(
    found: Translations,
    one: Statement,
    reader: Words,
    between: tuple[frozenset[str], frozenset[str]],
    interfaces: dict[str, IosInterface],
) -> list[Translation]:
    kind, name = reader.take(), reader.take()
    to_destination = one.words[3] == "destination"
    unknown: tuple[str, ...] = ()
    if kind == "route-map":
        lists, unknown = _lists_of_route_map(found, name)
    elif kind == "list":
        lists = [name]
    else:
        raise UnreadableError(kind)
    places = [found.export.place(one.number)]
    if reader.peek() == "pool":
        reader.take()
        pool = found.pools[name] if (name := reader.take()) in found.pools else None
        if pool is None:
            raise UnreadableError(name)
        found.export.mark(pool.number, LineState.PARSED)
        places.append(found.export.place(pool.number))
        address = number_of(IPv4Address(pool.words[4])), number_of(IPv4Address(pool.words[5]))
        if address[0] > address[1]:
            raise UnreadableError(pool.text)
    else:
        address = _host_or_interface(reader, interfaces)
    port = (1024, 65535) if "overload" in one.words else None
    made = []
    for listed in lists:
        for cell in permitted_by(found.lists.lines(4, listed)):
            timed = ("time-range",) if cell.begins or cell.expires else ()
            ingress, egress = reversed(between) if to_destination else between
            match = replace(cell.match, ingress=ingress, egress=egress)
            made.append(
                Translation(
                    id=f"{one.text}: {cell.label}",
                    match=replace(match, unknown=match.unknown + unknown + timed),
                    places=(*places, *cell.places),
                    source=None if to_destination else Mapping(address=address, port=port),
                    destination=Mapping(address=address) if to_destination else None,
                )
            )
    return made


def _lists_of_route_map(found: Translations, name: str) -> tuple[list[str], tuple[str, ...]]:
    lists: list[str] = []
    unknown: list[str] = []
    for clause in found.route_maps.get(name, []):
        found.export.mark(clause.number, LineState.PARSED)
        for below in clause.children:
            found.export.mark(below.number, LineState.PARSED)
            if below.words[:3] == ["match", "ip", "address"]:
                lists += below.words[3:]
            elif below.words[0] == "match":
                unknown.append(below.text)
        if "deny" in clause.words[2:3]:
            unknown.append(clause.text)
    if not lists:
        raise UnreadableError(name)
    return lists, tuple(unknown)


def _host(word: str) -> Span:
    number = number_of(IPv4Address(word))
    return (number, number)


def _host_or_interface(reader: Words, interfaces: dict[str, IosInterface]) -> Span:
    """Read an address, or the address of an interface; one leased from elsewhere is not known."""
    if reader.peek() != "interface":
        return _host(reader.take())
    reader.take()
    interface = interfaces.get(reader.take())
    if interface is None or not interface.addresses:
        raise UnreadableError("interface")
    return interface.addresses[0]


def _port(word: str) -> int:
    number = IOS_PORTS[word] if word in IOS_PORTS else int(word)
    if not 0 <= number <= 65535:
        raise UnreadableError(word)
    return number


def _not_modelled(what: str) -> Text:
    return Text(
        ja=f"アドレス変換「{what}」は読み取れません。変換される通信の行き先は、確かめられません。",
        en=f"The translation {what!r} is not modelled; where the packets it translates go is not known.",
    )
