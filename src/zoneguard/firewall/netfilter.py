"""What the two front ends of netfilter share: interface names, translations and states, and steps from chains."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.matching import meet
from zoneguard.firewall.model import (
    Action,
    Interface,
    Line,
    LineState,
    Mapping,
    Match,
    Place,
    Route,
    Translation,
)
from zoneguard.net.address import V4_FIRST
from zoneguard.net.service import ALL_STATES, ConnectionState, Service
from zoneguard.net.spans import spans_size, subtract_spans
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zoneguard.firewall.chains import ChainRule, Laid, Layout
    from zoneguard.firewall.export import Export
    from zoneguard.net.address import Network, Span
    from zoneguard.net.spans import Spans

EITHER = (Action.PERMIT, Action.DENY)
STATES = {
    "new": ConnectionState.NEW,
    "established": ConnectionState.ESTABLISHED,
    "related": ConnectionState.RELATED,
    "invalid": ConnectionState.INVALID,
    "untracked": ConnectionState.UNTRACKED,
}
# An address that the export does not tell: any unicast address of the family, and no other size of a pool.
SOME_V4: Span = (V4_FIRST | 0x01000000, V4_FIRST | 0xDFFFFFFF)
SOME_V6: Span = (0x2000 << 112, (0xFE80 << 112) - 1)


class Nat(NamedTuple):
    """What a rule of a nat chain ends in; both mappings None: no translation.

    `local`: the packet goes to the device itself (a redirection), and is not forwarded. `dropped`: likewise,
    because the chain drops it. `one_to_one`: a mapping as large as what it matches maps address by address;
    otherwise one of several addresses is taken, whatever the sizes.
    """

    source: Mapping | None = None
    destination: Mapping | None = None
    local: bool = False
    dropped: bool = False
    one_to_one: bool = False


NO_NAT = Nat()
# Only tracked connections are translated.
TRACKED = Match(
    services=(Service(states=ConnectionState.NEW | ConnectionState.ESTABLISHED | ConnectionState.RELATED),)
)


@dataclass(slots=True)
class Names:
    """The interfaces that lines speak of, so that patterns and negations have something to stand for.

    A file that lists the interfaces (ip addr) makes them complete. Otherwise `*` stands for every interface
    that the file does not name, and `eth*` for every such that begins with eth.
    """

    known: set[str] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)
    complete: bool = False

    def add(self, pattern: str, wildcard: str) -> None:
        """Take note of a name, or of a pattern that ends in the sign of the front end."""
        if not pattern.endswith(wildcard):
            self.known.add(pattern)
        elif pattern != wildcard:
            self.prefixes.add(pattern[:-1])

    def everything(self) -> frozenset[str]:
        """Give every name, those that stand for others among them."""
        if self.complete:
            return frozenset(self.known)
        return frozenset({"*", *self.known, *(f"{one}*" for one in self.prefixes)})

    def matching(self, patterns: Iterable[str], wildcard: str) -> frozenset[str]:
        """Give the names that any of the patterns stands for."""
        names = self.everything()
        found: set[str] = set()
        for one in patterns:
            if one.endswith(wildcard):
                found.update(name for name in names if name.startswith(one[:-1]))
            else:
                found.add(one)
        return frozenset(found)


@dataclass(slots=True)
class Host:
    """What ip(8) prints of a host: `ip addr` (also with -o) and `ip route`, in the file of its rules."""

    networks: dict[str, list[Network]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    routes: list[Route] = field(default_factory=list)
    _current: str = ""

    def take(self, export: Export, number: int) -> bool:
        """Read one line; tell whether it was one of ip(8)."""
        line = export.lines[number - 1]
        if found := _LINK.match(line):
            self._current = found["name"]
            self.networks.setdefault(self._current, [])
            self.places.setdefault(self._current, export.place(number))
            if found["flags"] and "UP" not in found["flags"].split(","):
                self.down.add(self._current)
            if not found["address"]:
                export.mark(number, LineState.PARSED)
                return True
            return self._address(export, number, found["address"])
        if found := _ADDRESS.match(line):
            return self._address(export, number, found["address"])
        if _LINK_DETAIL.match(line):
            export.mark(number, LineState.IRRELEVANT)
            return True
        return self._route(export, number, line.split())

    def _address(self, export: Export, number: int, address: str) -> bool:
        try:
            network = ip_interface(address).network
        except ValueError:
            return False
        if not self._current:
            return False
        self.networks[self._current].append(network)
        export.mark(number, LineState.PARSED)
        return True

    def _route(self, export: Export, number: int, words: list[str]) -> bool:
        if len(words) < 3 or not _ROUTE.match(" ".join(words[:3])):
            return False
        after = dict(zip(words[1::2], words[2::2], strict=False))
        try:
            gateway = ip_address(after["via"]) if "via" in after else None
            if words[0] == "default":
                network = ip_network("::/0" if gateway and gateway.version == 6 else "0.0.0.0/0")
            else:
                network = ip_network(words[0])
        except ValueError:
            return False
        route = Route(
            network=network,
            interface=after.get("dev"),
            gateway=str(gateway) if gateway else None,
            place=export.place(number),
        )
        self.routes.append(route)
        export.mark(number, LineState.PARSED)
        return True

    def interfaces(self, names: Names) -> tuple[Interface, ...]:
        """List the interfaces of the file, and the names that stand for others."""
        return tuple(
            Interface(
                name=name,
                networks=tuple(self.networks.get(name, ())),
                enabled=name not in self.down,
                place=self.places.get(name),
                stands_for_others=name.endswith("*"),
            )
            for name in sorted(names.everything() | self.networks.keys())
        )


_LINK = re.compile(
    r"\d+: (?P<name>[^\s:@]+)(?:@\S+?)?(?::\s+<(?P<flags>[^>]*)>.*|\s+inet6? (?P<address>\S+).*)"
)
_ADDRESS = re.compile(r"\s+inet6? (?P<address>[0-9a-fA-F.:]+/\d+)\s")
_LINK_DETAIL = re.compile(r"\s+(?:link/|valid_lft |altname |inet6? )")
_ROUTE = re.compile(r"(?:default|[0-9a-fA-F.:]+(?:/\d+)?) (?:via|dev) \S+")


def device_of(file: str) -> str:
    """Name the device after its file: these exports do not say whose they are."""
    return PurePath(file).stem or file


def states_before_tracking(states: int) -> int:
    """Give what a set of states matches before connections are tracked: there every packet is invalid."""
    return ALL_STATES if states & ConnectionState.INVALID else 0


def lines_of(layout: Layout[Action], untracked: Sequence[Match] = (), prefix: str = "") -> list[Line]:
    """Make the lines of a filter; `untracked` is what rules before took out of connection tracking."""
    return [
        Line(
            id=prefix + laid.id,
            action=laid.end,
            match=unsure_of_state(laid.match, untracked),
            places=_places(laid),
            comment=laid.rule.comment if laid.rule else "",
            log=laid.log,
            begins=laid.rule.begins if laid.rule else None,
            expires=laid.rule.expires if laid.rule else None,
            implicit=laid.rule is None,
        )
        for laid in layout.lines
    ]


def translations_of(
    layout: Layout[Nat], untracked: Sequence[Match] = (), prefix: str = ""
) -> list[Translation]:
    """Make the translations of a nat chain; what exempts at its end exempts from nothing."""
    last = max(
        (at for at, one in enumerate(layout.lines) if one.end.source or one.end.destination), default=-1
    )
    return [
        Translation(
            id=prefix + laid.id,
            match=unsure_of_state(match, untracked, always=True),
            places=_places(laid),
            source=laid.end.source,
            destination=laid.end.destination,
        )
        for laid in layout.lines[: last + 1]
        for match in _as_pool(laid.match, laid.end)
    ]


def _as_pool(match: Match, nat: Nat) -> list[Match]:
    """Part a match that is by chance as large as the pool it is mapped to: sizes that agree mean one to one."""
    parts = [match]
    if nat.one_to_one:
        return parts
    if nat.source is not None:
        parts = [
            replace(match, source=spans, services=services)
            for spans in _other_spans(match.source, nat.source.address)
            for services in _other_services(match.services, nat.source.port, destination=False)
        ]
    if nat.destination is not None:
        parts = [
            replace(one, destination=spans, services=services)
            for one in parts
            for spans in _other_spans(one.destination, nat.destination.address)
            for services in _other_services(one.services, nat.destination.port, destination=True)
        ]
    return parts


def _other_spans(spans: Spans, pool: Span | None) -> list[Spans]:
    if pool is None or not spans_size(spans) == _size(pool) > 1:
        return [spans]
    first = ((spans[0][0], spans[0][0]),)
    return [first, subtract_spans(spans, first)]


def _other_services(
    boxes: tuple[Service, ...], pool: Span | None, *, destination: bool
) -> list[tuple[Service, ...]]:
    if pool is None or _size(pool) == 1:
        return [boxes]
    low, high, rest = [], [], []
    for box in boxes:
        first, last = box.dport if destination else box.sport
        if last - first + 1 != _size(pool):
            rest.append(box)
        elif destination:
            low.append(box._replace(dport=(first, first)))
            high.append(box._replace(dport=(first + 1, last)))
        else:
            low.append(box._replace(sport=(first, first)))
            high.append(box._replace(sport=(first + 1, last)))
    return [tuple(part) for part in (low, high, rest) if part]


def _size(span: Span) -> int:
    return span[1] - span[0] + 1


def kept_back(layout: Layout[Nat], prefix: str = "") -> list[Line]:
    """Make the lines of what a nat chain does not let be forwarded; none when it lets everything."""
    last = max((at for at, one in enumerate(layout.lines) if one.end.local or one.end.dropped), default=-1)
    return [
        Line(
            id=prefix + laid.id,
            action=Action.DENY if laid.end.local or laid.end.dropped else Action.PERMIT,
            match=laid.match,
            places=_places(laid),
            comment=laid.rule.comment if laid.rule else "",
            log=laid.log,
            implicit=laid.rule is None,
        )
        for laid in layout.lines[: last + 1]
    ]


def _places(laid: Laid[Action] | Laid[Nat]) -> tuple[Place, ...]:
    return laid.rule.places if laid.rule else ()


def unsure_of_state(match: Match, untracked: Sequence[Match], *, always: bool = False) -> Match:
    """Leave a match open where it asks for a state and rules before took packets out of tracking.

    `always`: it depends on tracking though it asks for no state, as a translation does.
    """
    if not untracked or (not always and all(one.states == ALL_STATES for one in match.services)):
        return match
    stateless = tuple(one._replace(states=ALL_STATES) for one in match.services)
    if any(meet(replace(match, services=stateless), one) for one in untracked):
        return replace(match, unknown=(*match.unknown, "packets taken out of tracking"))
    return match


def services(protocols: Iterable[int], **fields: Span | int) -> tuple[Service, ...]:
    """Give one box for each protocol."""
    return tuple(Service(protocol=(one, one))._replace(**fields) for one in protocols)  # type: ignore[arg-type]


def say_left_open(
    export: Export, left_open: Iterable[tuple[ChainRule[Action] | ChainRule[Nat], str]]
) -> None:
    """State each rule of which the layout had to leave open what it does."""
    for rule, why in left_open:
        export.fault(
            rule.places[0].line,
            LineState.UNSUPPORTED,
            Text(
                ja=f"規則「{rule.id}」の行き先は判断できません（{why}）。この規則に当たる通信は、許可とも拒否とも確定しません。",
                en=f"Where rule {rule.id!r} leads is left open ({why}): what it matches is neither surely permitted "
                "nor surely denied.",
            ),
        )
