"""What the names in rules of PAN-OS stand for, looked up from the innermost scope outwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import LineState
from zoneguard.net.address import V4_FIRST, number_of, spans_of
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE, spans_from, subtract_spans, wildcard_spans
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zoneguard.firewall.vendors.panos.config import Config
    from zoneguard.firewall.xmltree import Element
    from zoneguard.net.address import Network, Span
    from zoneguard.net.spans import Spans

MOST_SPANS = 1_000_000  # stretches that all names of one scope may hold together
DEEPEST_GROUP = 32

# Services of the factory.
_FACTORY = {
    "service-http": (Service((6, 6), dport=(80, 80)), Service((6, 6), dport=(8080, 8080))),
    "service-https": (Service((6, 6), dport=(443, 443)),),
}
_PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}


class Reach(NamedTuple):
    """The addresses that names surely stand for, and what else they stand for that the export leaves open."""

    spans: Spans = ()
    unknown: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()


class Offer(NamedTuple):
    """The services that names surely stand for, and what else they stand for that the export leaves open."""

    services: tuple[Service, ...] = ()
    unknown: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When a schedule holds."""

    begins: date | None = None
    expires: date | None = None
    unknown: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()


class Objects:
    """The objects of one scope and of those around it, the innermost first."""

    def __init__(self, config: Config, scopes: Sequence[Element]) -> None:
        self.config = config
        self.kinds = {
            kind: _by_name(scopes, kind)
            for kind in ("address", "address-group", "service", "service-group", "schedule")
        }
        self._reaches: dict[str, Reach] = {}
        self._held = 0

    def addresses(self, names: Iterable[str]) -> Reach:
        """Give the union of what a rule names; `any` is IPv4 and IPv6."""
        found: list[Reach] = []
        for name in dict.fromkeys(names):
            if name == "any":
                return Reach(ANYWHERE)
            found.append(self._address(name))
        if len(found) == 1:
            return found[0]
        self._held += sum(len(one.spans) for one in found)
        if self._held > MOST_SPANS:
            return Reach((), ("too many addresses",))
        return Reach(
            spans_from(span for one in found for span in one.spans),
            tuple(dict.fromkeys(said for one in found for said in one.unknown)),
            tuple(dict.fromkeys(line for one in found for line in one.lines)),
        )

    def _address(self, name: str) -> Reach:
        """Look a name up; groups in groups are taken from a stack of our own, the innermost first."""
        stack: list[tuple[str, bool]] = [(name, False)]
        within: set[str] = set()
        groups, single = self.kinds["address-group"], self.kinds["address"]
        while stack:
            top, visited = stack.pop()
            if top in self._reaches:
                continue
            group = groups.get(top) if top not in single else None
            if self._held > MOST_SPANS:
                self._reaches[top] = Reach((), (f"address {top}",))
            elif group is None:
                self._reaches[top] = self._single(top)
                self._held += len(self._reaches[top].spans)
            elif visited:
                within.discard(top)
                self._reaches[top] = self._group(top, group)
                self._held += len(self._reaches[top].spans)
            else:
                members = dict.fromkeys(group.words("static", "member"))
                if within & members.keys() or top in members or len(within) >= DEEPEST_GROUP:
                    self.config.fault(group, LineState.UNKNOWN, _endless(top))
                    self._reaches[top] = Reach((), (f"address group {top}",))
                    continue
                within.add(top)
                stack.append((top, True))
                stack += [(one, False) for one in members if one not in self._reaches]
        return self._reaches[name]

    def _group(self, name: str, group: Element) -> Reach:
        if group.find("static") is None:
            self.config.fault(group, LineState.UNSUPPORTED, _left_open(name))
            return Reach((), (f"dynamic address group {name}",), (group.line,))
        found = [self._reaches[one] for one in dict.fromkeys(group.words("static", "member"))]
        return Reach(
            spans_from(span for one in found for span in one.spans),
            tuple(dict.fromkeys(said for one in found for said in one.unknown)),
            (group.line,),
        )

    def _single(self, name: str) -> Reach:
        entry = self.kinds["address"].get(name)
        try:
            if entry is None:
                return Reach(literal(name))
            for kind in ("ip-netmask", "ip-range", "ip-wildcard"):
                written = entry.word(kind)
                if written is not None:
                    spans = _wildcard(written) if kind == "ip-wildcard" else literal(written)
                    return Reach(spans, (), (entry.line,))
        except ValueError:
            if entry is not None:
                self.config.fault(entry, LineState.UNKNOWN, _unreadable(name))
            return Reach((), (f"address {name}",))
        self.config.fault(entry, LineState.UNSUPPORTED, _left_open(name))
        return Reach((), (f"address {name} {entry.word('fqdn') or ''}".strip(),), (entry.line,))

    def services(self, names: Iterable[str]) -> Offer:
        """Give the union of services that a rule names, groups taken apart."""
        waiting, seen = list(names), set[str]()
        services: dict[Service, None] = {}
        unknown: dict[str, None] = {}
        lines: dict[int, None] = {}
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            entry, group = self.kinds["service"].get(name), self.kinds["service-group"].get(name)
            if name == "any":
                services[Service()] = None
            elif entry is not None:
                lines[entry.line] = None
                try:
                    services.update(dict.fromkeys(_service(entry)))
                except ValueError:
                    self.config.fault(entry, LineState.UNKNOWN, _unreadable(name))
                    unknown[f"service {name}"] = None
            elif group is not None:
                lines[group.line] = None
                waiting += [*group.words("members", "member"), *group.words("member")]
            elif name in _FACTORY:
                services.update(dict.fromkeys(_FACTORY[name]))
            else:
                unknown[f"service {name}"] = None
        return Offer(tuple(sorted(services)), tuple(unknown), tuple(lines))

    def when(self, name: str) -> When:
        """Tell when a schedule holds; recurring ones are left open."""
        entry = self.kinds["schedule"].get(name)
        if entry is None:
            return When(unknown=(f"schedule {name}",))
        stretches = [_stretch(one) for one in entry.words("schedule-type", "non-recurring", "member")]
        known = [one for one in stretches if one is not None]
        if not known or len(known) < len(stretches):
            return When(unknown=(f"schedule {name}",), lines=(entry.line,))
        return When(
            begins=min(one[0] for one in known),
            expires=max(one[1] for one in known),
            unknown=(f"schedule {name}",) if len(known) > 1 else (),
            lines=(entry.line,),
        )


def negated(reach: Reach) -> Reach:
    """Give every address but a reach; with an open part nothing is sure."""
    if reach.unknown:
        return Reach((), tuple(f"not {said}" for said in reach.unknown), reach.lines)
    return Reach(subtract_spans(ANYWHERE, reach.spans), (), reach.lines)


def literal(text: str) -> Spans:
    """Read an address, a network or a range. Raises ValueError.

    For the device an IPv4 address is also the IPv6 address ::a.b.c.d, so that ::/0 matches both families.
    """
    text = text.strip()
    if "-" in text:
        first, _, last = text.partition("-")
        start, end = ip_address(first.strip()), ip_address(last.strip())
        if start.version != end.version or int(start) > int(end):
            raise ValueError(f"A range ascends in one family; {text} does not.")
        spans: Spans = ((number_of(start), number_of(end)),)
        low, high = int(start), int(end)
        six = start.version == 6
    else:
        network: Network = ip_network(text, strict=False)
        spans, six = spans_of(network), network.version == 6
        low, high = int(network.network_address), int(network.broadcast_address)
    if six and low < 1 << 32:
        spans = spans_from((*spans, (V4_FIRST + low, V4_FIRST + min(high, (1 << 32) - 1))))
    return spans


def _wildcard(text: str) -> Spans:
    address, _, mask = text.partition("/")
    return wildcard_spans(int(ip_address(address)), int(ip_address(mask)), bits=32, limit=4096)


def _service(entry: Element) -> list[Service]:
    made: list[Service] = []
    for name, number in _PROTOCOLS.items():
        for protocol in entry.all("protocol", name):
            sources = _ports(protocol.word("source-port") or "0-65535")
            for dport in _ports(protocol.word("port") or "0-65535"):
                made += [Service((number, number), sport=sport, dport=dport) for sport in sources]
    if not made:
        raise ValueError("A service has a protocol.")
    return made


def _ports(text: str) -> list[Span]:
    spans = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        span = port(first), port(last or first)
        if span[0] > span[1]:
            raise ValueError(f"A range ascends; {part} does not.")
        spans.append(span)
    return spans


def port(text: str) -> int:
    """Read one port. Raises ValueError."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 6) or int(text) > 65535:
        raise ValueError(f"{text!r} is no port.")
    return int(text)


def _stretch(text: str) -> tuple[date, date] | None:
    """Read `2025/04/01@00:00-2025/06/30@23:59`."""
    try:
        first, last = text.split("-", 1)
        begins, expires = (
            date(*(int(part) for part in one.split("@")[0].split("/"))) for one in (first, last)
        )
    except (TypeError, ValueError):
        return None
    return begins, expires


def _by_name(scopes: Sequence[Element], kind: str) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for scope in scopes:
        for entry in scope.all(kind, "entry"):
            found.setdefault(entry.attributes.get("name", ""), entry)
    return found


def _endless(name: str) -> Text:
    return Text(
        ja=f"アドレスグループ「{name}」は自分自身を含むか、入れ子が深すぎます。その範囲は確定できないものとして扱います。",
        en=f"The address group {name!r} contains itself or is nested too deep; what it stands for is left open.",
    )


def _unreadable(name: str) -> Text:
    return Text(
        ja=f"オブジェクト「{name}」の値を読めません。その範囲は確定できないものとして扱います。",
        en=f"The value of the object {name!r} cannot be read; what it stands for is left open.",
    )


def _left_open(name: str) -> Text:
    return Text(
        ja=f"「{name}」が指すアドレスは設定だけでは決まりません（FQDN、動的グループなど）。一致しうるものとして扱います。",
        en=f"Which addresses {name!r} stands for does not follow from the export (FQDN, dynamic group); it is read as a may.",
    )
