"""The objects that policies name: address books, applications and schedulers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from ipaddress import IPv4Address, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.vendors.junos import names
from zoneguard.net.address import number_of, spans_of
from zoneguard.net.service import Service
from zoneguard.net.spans import ANY_V4, ANYWHERE, spans_from, subtract_spans, wildcard_spans

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.firewall.vendors.junos.tree import Node
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

MOST_SERVICES = 4096  # boxes of one application; beyond, they are left open
EVERY_SERVICE = (Service(),)
ANY_V6 = subtract_spans(ANYWHERE, ANY_V4)
_PREDEFINED: dict[str, Spans] = {"any": ANYWHERE, "any-ipv4": ANY_V4, "any-ipv6": ANY_V6}
_DATE = re.compile(r"^(?:(\d{4})-)?(\d{1,2})-(\d{1,2})\.(\d{1,2}):(\d{2})(?::\d{2})?$")


class Reach(NamedTuple):
    """Addresses that something may stand for, what leaves them open, the lines that say so, and the sure ones."""

    spans: Spans = ()
    unknown: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    sure: Spans = ()

    @property
    def certain(self) -> Spans:
        """Give the addresses that it surely stands for."""
        return self.sure if self.unknown else self.spans


class Offer(NamedTuple):
    """Services that something may stand for, what leaves them open, the lines that say so, and the sure ones."""

    services: tuple[Service, ...] = ()
    unknown: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    sure: tuple[Service, ...] = ()

    @property
    def certain(self) -> tuple[Service, ...]:
        """Give the services that it surely stands for."""
        return self.sure if self.unknown else self.services


def prefix_spans(text: str) -> Spans:
    """Give the addresses of a prefix or single address. Raises ValueError for anything else."""
    return spans_from(spans_of(ip_network(text, strict=False)))


def wildcard_of(text: str) -> Spans:
    """Give the addresses of 10.0.11.0/255.0.255.0, whose mask says which bits count. Raises ValueError."""
    base, _, mask = text.partition("/")
    return wildcard_spans(int(IPv4Address(base)), 0xFFFF_FFFF ^ int(IPv4Address(mask)), bits=32)


def range_of(low: str, high: str) -> Span:
    """Give the addresses from one to another. Raises ValueError when they are none."""
    first, last = number_of(ip_address(low.partition("/")[0])), number_of(ip_address(high.partition("/")[0]))
    if first > last:
        raise ValueError(f"A range ends no earlier than it begins; {low} to {high} does.")
    return first, last


@dataclass(slots=True)
class Book:
    """One address book; names it lacks are looked up in the next one."""

    nodes: list[Node]
    beyond: Book | None = None
    _found: dict[str, Reach] = field(default_factory=dict)

    def of(self, words: Iterable[str]) -> Reach:
        """Give the addresses of several names."""
        spans: list[Span] = []
        sure: list[Span] = []
        unknown: dict[str, None] = {}
        lines: dict[int, None] = {}
        for word in words:
            one = self.one(word)
            spans += one.spans
            sure += one.certain
            unknown.update(dict.fromkeys(one.unknown))
            lines.update(dict.fromkeys(one.lines))
        return Reach(spans_from(spans), tuple(unknown)[:16], tuple(lines)[:24], spans_from(sure))

    def one(self, word: str) -> Reach:
        """Give the addresses of one name."""
        if word not in self._found:
            self._found[word] = self._read(word)
        return self._found[word]

    def _holder(self, word: str) -> tuple[Node | None, Node | None]:
        """Find an address or an address set of that name."""
        for book in self.nodes:
            for kind in ("address", "address-set"):
                found = book.get(kind, word)
                if found is not None:
                    return (found, None) if kind == "address" else (None, found)
        return None, None

    def _read(self, word: str) -> Reach:
        if word in _PREDEFINED:
            return Reach(_PREDEFINED[word])
        spans: list[Span] = []
        sure: list[Span] = []
        unknown: dict[str, None] = {}
        lines: dict[int, None] = {}
        waiting, seen = [word], {word}
        while waiting:
            name = waiting.pop()
            address, group = self._holder(name)
            if address is not None:
                one = _address(name, address)
            elif group is not None:
                lines[group.line] = None
                members = [*group.words("address"), *group.words("address-set")]
                waiting += [member for member in members if member not in seen]
                seen.update(members)
                continue
            elif self.beyond is not None:
                one = self.beyond.one(name)
            else:
                one = Reach(ANYWHERE, (f"address {name}",))
            spans += one.spans
            sure += one.certain
            unknown.update(dict.fromkeys(one.unknown))
            lines.update(dict.fromkeys(one.lines))
        return Reach(spans_from(spans), tuple(unknown)[:16], tuple(lines)[:24], spans_from(sure))


def _address(name: str, node: Node) -> Reach:
    lines = (node.line,)
    spans: list[Span] = []
    try:
        for one in node.each():
            if one.word in ("dns-address", "dns-name"):
                return Reach(ANYWHERE, (f"dns-name {' '.join(one.words())}"[:80],), lines)
            spans += _spans_said(one)
    except ValueError:
        return Reach(ANYWHERE, (f"address {name}",), lines)
    if not spans:
        return Reach(ANYWHERE, (f"address {name}",), lines)
    return Reach(spans_from(spans), (), lines)


def _spans_said(node: Node) -> Spans:
    """Give the addresses of one statement of an address. Raises ValueError for what is not understood."""
    words = node.words()
    match node.word:
        case "comment" | "description":
            return ()
        case "ip-prefix":
            return tuple(span for word in words for span in prefix_spans(word))
        case "range-address":
            return tuple(range_of(low.word, low.word_at("to")) for low in node.each())
        case "wildcard-address":
            return tuple(span for word in words for span in wildcard_of(word))
        case _:
            return prefix_spans(node.word)


def excluded(reach: Reach) -> Reach:
    """Give everything but these addresses; what may be among them may be left out."""
    return reach._replace(spans=subtract_spans(ANYWHERE, reach.certain), sure=())


def ports_of(text: str) -> Span:
    """Give the ports of 80, 1024-65535 or a name. Raises ValueError for anything else."""
    if text in names.PORTS:
        return (names.PORTS[text],) * 2
    low, _, high = text.partition("-")
    first, last = int(low), int(high or low)
    if not 0 <= first <= last <= 65535:
        raise ValueError(text)
    return first, last


def protocol_of(text: str) -> Span:
    """Give the protocol of a number or name. Raises ValueError for anything else."""
    number = names.PROTOCOLS[text.lower()] if text.lower() in names.PROTOCOLS else int(text)
    if not 0 <= number <= 255:
        raise ValueError(text)
    return number, number


_FIELDS = frozenset({
    "alg", "application-protocol", "description", "destination-port", "do-not-translate-A-query-to-AAAA-query",
    "do-not-translate-AAAA-query-to-A-query", "ether-type", "icmp-code", "icmp-type", "icmp6-code", "icmp6-type",
    "inactivity-timeout", "protocol", "rpc-program-number", "source-port", "uuid",
})  # fmt: skip
_NARROWING = frozenset({"ether-type", "rpc-program-number", "uuid"})


def fields_of(node: Node) -> dict[str, list[str]]:
    """Give the fields of an application or term, whether each is a statement or all are on one line."""
    found: dict[str, list[str]] = {}
    waiting = [node]
    while waiting:
        at = waiting.pop()
        for one in at.each():
            if one.word in _FIELDS:
                for value in one.each():
                    found.setdefault(one.word, []).append(value.word)
                    waiting.append(value)
            elif one.word != "term":
                found.setdefault("?", []).append(one.word)
    return found


class Applications:
    """The applications and application sets of a device, its own before the predefined."""

    def __init__(self, holder: Node | None) -> None:
        self._holder = holder
        self._found: dict[str, Offer] = {}

    def of(self, words: Iterable[str]) -> Offer:
        """Give the services of several names."""
        services: dict[Service, None] = {}
        sure: dict[Service, None] = {}
        unknown: dict[str, None] = {}
        lines: dict[int, None] = {}
        for word in words:
            one = self.one(word)
            services.update(dict.fromkeys(one.services))
            sure.update(dict.fromkeys(one.certain))
            unknown.update(dict.fromkeys(one.unknown))
            lines.update(dict.fromkeys(one.lines))
        if len(services) > MOST_SERVICES:
            return Offer(
                EVERY_SERVICE, (*tuple(unknown)[:15], f"one of {len(services)} services"), tuple(lines)[:24]
            )
        if any(one == Service() for one in services):
            services = dict.fromkeys(EVERY_SERVICE)
        return Offer(tuple(services), tuple(unknown)[:16], tuple(lines)[:24], tuple(sure))

    def one(self, word: str) -> Offer:
        """Give the services of one name, sets opened."""
        if word not in self._found:
            self._found[word] = self._read(word)
        return self._found[word]

    def _read(self, word: str) -> Offer:
        if word == "any":
            return Offer(EVERY_SERVICE)
        services: dict[Service, None] = {}
        sure: dict[Service, None] = {}
        unknown: dict[str, None] = {}
        lines: dict[int, None] = {}
        waiting, seen = [word], {word}
        while waiting and len(services) <= MOST_SERVICES:
            name = waiting.pop()
            one = self._application(name)
            if one is None:
                group = self._holder.get("application-set", name) if self._holder else None
                members: list[str] = list(names.APPLICATION_SETS.get(name, ()))
                if group is not None:
                    lines[group.line] = None
                    members = [*group.words("application"), *group.words("application-set")]
                elif not members:
                    unknown[f"application {name}"] = None
                    services[Service()] = None
                waiting += [member for member in members if member not in seen]
                seen.update(members)
                continue
            services.update(dict.fromkeys(one.services))
            sure.update(dict.fromkeys(one.certain))
            unknown.update(dict.fromkeys(one.unknown))
            lines.update(dict.fromkeys(one.lines))
        return Offer(tuple(services), tuple(unknown)[:16], tuple(lines)[:24], tuple(sure))

    def _application(self, name: str) -> Offer | None:
        node = self._holder.get("application", name) if self._holder else None
        if node is None:
            if name not in names.APPLICATIONS:
                return None
            return Offer(tuple(_predefined(*one) for one in names.APPLICATIONS[name]))
        terms = node.each("term") or [node]
        found = [_term(name, fields_of(term)) for term in terms]
        services = dict.fromkeys(service for one in found for service in one.services)
        unknown = dict.fromkeys(said for one in found for said in one.unknown)
        return Offer(tuple(services), tuple(unknown)[:16], (node.line,))


def _predefined(protocol: str, detail: str) -> Service:
    kind = protocol_of(protocol)
    if not detail:
        return Service(kind)
    if protocol.startswith("icmp"):
        number, _, code = detail.partition("/")
        first = int(number) * 256 + int(code or 0)
        return Service(kind, dport=(first, first if code else first + 255))
    return Service(kind, dport=ports_of(detail))


def _term(name: str, said: dict[str, list[str]]) -> Offer:
    unknown = tuple(f"{key} {' '.join(said[key])}"[:80] for key in sorted(_NARROWING & said.keys()))
    if "?" in said:
        unknown += (f"application {name}: {said['?'][0]}"[:80],)
    try:
        protocols = [protocol_of(one) for one in said.get("protocol", ())]
        icmp = _icmp(said, "icmp", 1, names.ICMP_TYPES) + _icmp(said, "icmp6", 58, names.ICMP6_TYPES)
        if icmp:
            return Offer(tuple(icmp), unknown)
        sports = [ports_of(one) for one in said.get("source-port", ())] or [(0, 65535)]
        dports = [ports_of(one) for one in said.get("destination-port", ())] or [(0, 65535)]
    except ValueError:
        return Offer(EVERY_SERVICE, (*unknown, f"application {name}"))
    if not protocols:
        if "source-port" not in said and "destination-port" not in said:
            return Offer(EVERY_SERVICE, (*unknown, f"application {name}"))
        protocols = [(6, 6), (17, 17)]
        unknown += (f"application {name} without protocol",)
    boxes = [Service(one, sport, dport) for one in protocols for sport in sports for dport in dports]
    return Offer(tuple(boxes[: MOST_SERVICES + 1]), unknown)


def _icmp(said: dict[str, list[str]], kind: str, protocol: int, types: dict[str, int]) -> list[Service]:
    if f"{kind}-type" not in said:
        return []
    found = []
    codes = [int(one) for one in said.get(f"{kind}-code", ())]
    for text in said[f"{kind}-type"]:
        number = types[text] if text in types else int(text)
        if not 0 <= number <= 255 or any(not 0 <= code <= 255 for code in codes):
            raise ValueError(text)
        spans = [(number * 256 + code,) * 2 for code in codes] or [(number * 256, number * 256 + 255)]
        found += [Service((protocol, protocol), dport=span) for span in spans]
    return found


class When(NamedTuple):
    """When a policy is active: from a day, to a day, and what else decides."""

    begins: date | None = None
    expires: date | None = None
    unknown: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()


def when(name: str, holder: Node | None) -> When:
    """Give the days of a scheduler; hours of the day and days of the week are left open."""
    node = holder.get("scheduler", name) if holder else None
    if node is None:
        return When(unknown=(f"scheduler {name}",))
    begins = _day(node.word_at("start-date"), is_end=False)
    # Either may be a statement of its own, or both one: start-date A stop-date B.
    ends = [node.word_at("stop-date"), *(start.word_at("stop-date") for start in node.each("start-date"))]
    expires = next((day for text in ends if (day := _day(text, is_end=True))), None)
    unknown: list[str] = []
    for one in node.each():
        if one.word in ("description", "start-date", "stop-date"):
            one.each()
        elif one.word == "daily" and one.has("all-day"):
            continue
        else:
            unknown.append(f"scheduler {name}")
            _take_all(one)
    dates = [text for text in (*node.words("start-date"), *ends) if text]
    if any(_day(text, is_end=True) is None for text in dates):
        unknown.append(f"scheduler {name}")
    return When(begins, expires, tuple(dict.fromkeys(unknown)), (node.line,))


def _take_all(node: Node) -> None:
    waiting = [node]
    while waiting:
        waiting += waiting.pop().each()


def _day(text: str, *, is_end: bool) -> date | None:
    found = _DATE.match(text)
    if not found or not found[1]:  # without a year it comes again each year
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
    midnight = int(found[4]) == 0 and int(found[5]) == 0
    return day - timedelta(days=1) if is_end and midnight and day > date.min else day
