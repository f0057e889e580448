"""What the named addresses, services and schedules of one VDOM stand for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from ipaddress import AddressValueError, IPv4Address, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import LineState
from zoneguard.firewall.vendors.fortios import defaults
from zoneguard.net.address import LAST, V4_FIRST, V4_LAST, number_of, spans_of
from zoneguard.net.service import Service
from zoneguard.net.spans import ANY_V4, spans_from, subtract_spans, wildcard_spans
from zoneguard.net.universe import stretches_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.fortios.tree import Entry
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

ANY_V6: Spans = ((0, V4_FIRST - 1), (V4_LAST + 1, LAST))
MOST_SPANS = 1_000_000  # stretches that all groups of one VDOM may hold together
MOST_NEGATED = 256  # services that one negation may speak of
DEEPEST_GROUP = 32
ZERO = "0.0.0.0"  # noqa: S104 - FortiOS: none, or any as a mask
# Objects of the factory whose members FortiOS fills in by itself, whatever subnet the export shows.
_FILLED = frozenset({"FABRIC_DEVICE", "FIREWALL_AUTH_PORTAL_ADDRESS"})


class Reach(NamedTuple):
    """The addresses that names surely stand for, and what else they stand for that the export leaves open."""

    spans: Spans = ()
    unknown: tuple[str, ...] = ()


class Offer(NamedTuple):
    """The services that names surely stand for, and what else they stand for that the export leaves open."""

    services: tuple[Service, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When a schedule holds: between two days, never, or at times that are left open."""

    begins: date | None = None
    expires: date | None = None
    never: bool = False
    unknown: tuple[str, ...] = ()


class Addresses:
    """Addresses and groups of one family, looked up by name."""

    def __init__(
        self, export: Export, objects: Mapping[str, Entry], groups: Mapping[str, Entry], *, version: int
    ) -> None:
        self.export, self.objects, self.groups, self.version = export, objects, groups, version
        self.everything = ANY_V4 if version == 4 else ANY_V6
        self._known: dict[str, Reach] = {}
        self._held = 0

    def line_of(self, name: str) -> int | None:
        """Give the line that defines a name."""
        found = self.objects.get(name) or self.groups.get(name)
        return found.line if found else None

    def of(self, names: Iterable[str]) -> Reach:
        """Give the union of names; one that nothing defines is left open."""
        named = tuple(dict.fromkeys(names))
        for name in named:
            if name in self.groups and name not in self._known:
                self._take_apart(name)
        reaches = [self._of(name) for name in named]
        if len(reaches) == 1:
            return reaches[0]
        return self._counted(
            " ".join(named[:8]),
            Reach(
                spans_from(span for one in reaches for span in one.spans),
                tuple(dict.fromkeys(said for one in reaches for said in one.unknown)),
            ),
        )

    def negated(self, reach: Reach) -> Reach:
        """Give everything of this family but a reach; with an open part nothing is sure."""
        rest = subtract_spans(self.everything, reach.spans)
        return Reach((), tuple(f"not {said}" for said in reach.unknown)) if reach.unknown else Reach(rest)

    def _of(self, name: str) -> Reach:
        if name not in self._known:
            full = self._held > MOST_SPANS
            self._known[name] = (
                Reach((), (f"address {name}",)) if full else self._counted(name, self._single(name))
            )
        return self._known[name]

    def _take_apart(self, name: str) -> None:
        """Know a group and every group in it, the innermost first, from a stack of our own."""
        stack, within = [(name, False)], set[str]()
        while stack:
            top, visited = stack.pop()
            group = self.groups[top]
            if top in self._known or top in self.objects:
                continue
            if visited:
                within.discard(top)
                full = self._held > MOST_SPANS
                left_open = Reach((), (f"address group {top}",))
                self._known[top] = left_open if full else self._counted(top, self._group(group))
                continue
            inner = {
                one for key in ("member", "exclude-member") for one in group.words(key) if one in self.groups
            }
            if inner & within or top in inner or len(within) >= DEEPEST_GROUP:
                self._known[top] = Reach((), (f"address group {top}",))
                self.export.fault(group.line, LineState.UNKNOWN, _endless(top))
                continue
            within.add(top)
            stack.append((top, True))
            stack += [(one, False) for one in sorted(inner)]

    def _counted(self, name: str, reach: Reach) -> Reach:
        self._held += len(reach.spans)
        if self._held <= MOST_SPANS:
            return reach
        return Reach((), (f"address {name}",))

    def _group(self, group: Entry) -> Reach:
        members = self.of(group.words("member"))
        if not group.on("exclude") or not group.words("exclude-member"):
            return members
        without = self.of(group.words("exclude-member"))
        if without.unknown:
            return Reach((), (*members.unknown, f"address group {group.name}"))
        return Reach(subtract_spans(members.spans, without.spans), members.unknown)

    def _single(self, name: str) -> Reach:
        entry = self.objects.get(name)
        if entry is None:
            if name == "all":
                return Reach(self.everything)
            return Reach() if name == "none" else Reach((), (f"address {name}",))
        if name in _FILLED:
            return Reach((), (f"address {name}",))
        kind = entry.word("type", "ipmask" if self.version == 4 else "ipprefix")
        try:
            spans = _spans_by_type(entry, kind, self.version)
        except (ValueError, AddressValueError):
            self.export.fault(entry.line, LineState.UNKNOWN, _unreadable(name))
            return Reach((), (f"address {name}",))
        if spans is not None:
            return Reach(spans)
        value = entry.word(kind) or entry.word("country") or entry.word("sdn")
        said = f"address {name} ({kind}{' ' + value if value else ''})"
        self.export.fault(entry.line_of("type"), LineState.UNSUPPORTED, _left_open(name, kind))
        return Reach((), (said,))


def _spans_by_type(entry: Entry, kind: str, version: int) -> Spans | None:
    """Give what an address of a type stands for; None for a type whose members the export does not hold."""
    if kind == "iprange":
        return _range(entry.word("start-ip"), entry.word("end-ip"))
    if version == 6:
        return spans_of(ip_network(entry.word("ip6", "::/0"), strict=False)) if kind == "ipprefix" else None
    if kind == "wildcard":
        return masked(entry.words("wildcard") or (ZERO, ZERO))
    if kind == "ipmask" or (kind == "interface-subnet" and entry.words("subnet")):
        return masked(entry.words("subnet") or (ZERO, ZERO))
    return None


def masked(words: Sequence[str]) -> Spans:
    """Read an IPv4 address with its mask, contiguous or not, in two words or one. Raises ValueError."""
    text, _, length = words[0].partition("/")
    address = int(IPv4Address(text))
    if length:
        return spans_of(ip_network(f"{text}/{length}", strict=False))
    mask = int(IPv4Address(words[1])) if len(words) > 1 else 0xFFFF_FFFF
    return wildcard_spans(address, mask ^ 0xFFFF_FFFF, bits=32, limit=4096)


def _range(start: str, end: str) -> Spans:
    first = number_of(ip_address(start))
    last = number_of(ip_address(end)) if end else first
    return spans_from([(first, last)])


class Services:
    """Services and groups of them, looked up by name; those of the factory where the export leaves them out."""

    def __init__(self, export: Export, objects: Mapping[str, Entry], groups: Mapping[str, Entry]) -> None:
        self.export, self.objects, self.groups = export, objects, groups
        self._known: dict[str, Offer] = {}

    def line_of(self, name: str) -> int | None:
        """Give the line that defines a name; None for one of the factory."""
        found = self.objects.get(name) or self.groups.get(name)
        return found.line if found else None

    def of(self, names: Iterable[str]) -> Offer:
        """Give the union of names, groups taken apart; one that nothing defines is left open."""
        waiting, seen = list(names), set[str]()
        found: list[Offer] = []
        while waiting:
            name = waiting.pop(0) if len(waiting) < 64 else waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in self.objects or not (members := self._members(name)):
                found.append(self._single(name))
            else:
                waiting += members
        return Offer(
            tuple(dict.fromkeys(one for offer in found for one in offer.services)),
            tuple(dict.fromkeys(said for offer in found for said in offer.unknown)),
        )

    def _members(self, name: str) -> tuple[str, ...]:
        group = self.groups.get(name)
        return group.words("member") if group else defaults.GROUPS.get(name, ())

    def _single(self, name: str) -> Offer:
        if name not in self._known:
            entry = self.objects.get(name)
            if entry is None:
                services = _of_factory(name)
                self._known[name] = Offer((), (f"service {name}",)) if services is None else Offer(services)
            else:
                self._known[name] = self._read(entry)
        return self._known[name]

    def _read(self, entry: Entry) -> Offer:
        kind = entry.word("protocol", "TCP/UDP/SCTP")
        narrowed = (
            entry.on("proxy")
            or kind in ("HTTP", "FTP", "CONNECT", "SOCKS-TCP", "SOCKS-UDP", "ALL")
            or entry.word("app-service-type", "disable") != "disable"
            or entry.word("iprange", ZERO) != ZERO
            or entry.word("fqdn") != ""
        )
        # The device takes one number here; which of several it would keep, nothing says.
        narrowed |= any(len(entry.words(key)) > 1 for key in ("protocol-number", "icmptype", "icmpcode"))
        try:
            services = _services_by_protocol(entry, kind)
        except ValueError:
            services = None
        if services is None or narrowed:
            self.export.fault(entry.line, LineState.UNSUPPORTED, _service_left_open(entry.name))
            return Offer((), (f"service {entry.name}",))
        return Offer(services)


def _services_by_protocol(entry: Entry, kind: str) -> tuple[Service, ...] | None:
    if kind.startswith("TCP/UDP"):
        made: list[Service] = []
        for protocol, key in ((6, "tcp"), (17, "udp"), (132, "sctp"), (136, "udplite")):
            made += ports_of(protocol, entry.words(f"{key}-portrange"))
        return tuple(made)
    if kind == "IP":
        number = _number(entry.word("protocol-number", "0"), 255)
        return (Service(),) if number == 0 else (Service((number, number)),)
    if kind in ("ICMP", "ICMP6"):
        protocol = 1 if kind == "ICMP" else 58
        if not entry.word("icmptype"):
            return (Service((protocol, protocol)),)
        first = _number(entry.word("icmptype"), 255) * 256
        code = entry.word("icmpcode")
        ends = (first, first + 255) if not code else (first + _number(code, 255),) * 2
        return (Service((protocol, protocol), dport=ends),)
    return None


def ports_of(protocol: int, words: Iterable[str]) -> list[Service]:
    """Read `80 443-444:1024-65535`: destination ports, and source ports behind a colon. Raises ValueError."""
    made = []
    for word in (one for text in words for one in text.split()):
        destination, _, source = word.partition(":")
        made.append(
            Service(
                (protocol, protocol),
                sport=port_span(source) if source else (0, 65535),
                dport=port_span(destination),
            )
        )
    return made


def port_span(text: str) -> Span:
    """Read a port or a range of ports. Raises ValueError."""
    first, _, last = text.partition("-")
    span = _number(first, 65535), _number(last or first, 65535)
    if span[0] > span[1]:
        raise ValueError(f"A range ascends; {text} does not.")
    return span


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) > most:
        raise ValueError(f"{text!r} is no number up to {most}.")
    return int(text)


def _of_factory(name: str) -> tuple[Service, ...] | None:
    if name in defaults.TCP_UDP:
        tcp, udp = defaults.TCP_UDP[name]
        return (*ports_of(6, tcp.split()), *ports_of(17, udp.split()))
    if name in defaults.IP_PROTOCOLS:
        number = defaults.IP_PROTOCOLS[name]
        return (Service((number, number)),) if number else (Service(),)
    for protocol, table in ((1, defaults.ICMP), (58, defaults.ICMP6)):
        if name in table:
            kind = table[name]
            ends = (0, 65535) if kind is None else (kind * 256, kind * 256 + 255)
            return (Service((protocol, protocol), dport=ends),)
    return None


def services_but(offer: Offer) -> Offer:
    """Give every service but those of an offer; with an open part, or too many of them, nothing is sure."""
    if offer.unknown or len(offer.services) > MOST_NEGATED:
        return Offer((), tuple(f"not {said}" for said in offer.unknown) or ("not so many services",))
    made: list[Service] = []
    for first, last, reaching in stretches_of([one.protocol for one in offer.services], 255):
        among = [offer.services[at] for at in reaching]
        for low, high, covering in stretches_of([one.dport for one in among], 65535):
            covered = spans_from(among[at].sport for at in covering)
            made += [
                Service((first, last), sport=sport, dport=(low, high))
                for sport in subtract_spans(((0, 65535),), covered)
            ]
    return Offer(tuple(made))


def when(
    names: Sequence[str], once: Mapping[str, Entry], again: Mapping[str, Entry], groups: Mapping[str, Entry]
) -> When:
    """Tell when the schedule of a policy holds; a group holds when any of its members does."""
    if len(names) == 1 and names[0] in groups:
        found = [_schedule(name, once, again) for name in groups[names[0]].words("member")[:1000]]
    else:
        found = [_schedule(name, once, again) for name in names]
    alive = [one for one in found if not one.never]
    if not alive:
        return When(never=True) if found else When(unknown=("schedule",))
    for one in alive:
        if one == When():
            return one
    if any(one.unknown for one in alive):
        return When(unknown=tuple(said for one in alive for said in one.unknown))
    begins = [one.begins for one in alive]
    expires = [one.expires for one in alive]
    return When(
        begins=None if None in begins else min(day for day in begins if day),
        expires=None if None in expires else max(day for day in expires if day),
        # Days between two stretches are not told apart from those in them.
        unknown=("schedule group",) if len(alive) > 1 else (),
    )


def _schedule(name: str, once: Mapping[str, Entry], again: Mapping[str, Entry]) -> When:
    if name in once:
        begins, expires = _moment(once[name].words("start")), _moment(once[name].words("end"))
        if begins is None or expires is None:
            return When(unknown=(f"schedule {name}",))
        last = expires[1] - timedelta(days=1) if expires[0] in ("00:00", "00:00:00") else expires[1]
        return When(begins=begins[1], expires=last)
    if name in again:
        entry = again[name]
        days = set(entry.words("day")) - {"none"}
        whole = entry.word("start", "00:00") == entry.word("end", "00:00")
        if not days:
            return When(never=True)
        return When() if len(days) == 7 and whole else When(unknown=(f"schedule {name}",))
    if name == "always":
        return When()
    return When(never=True) if name == "none" else When(unknown=(f"schedule {name}",))


def _moment(words: Sequence[str]) -> tuple[str, date] | None:
    """Read `09:30 2026/04/01`."""
    try:
        year, month, day = (int(part) for part in words[1].split("/"))
        made = words[0], date(year, month, day)
    except (IndexError, ValueError):
        return None
    return made if made[1].year > 1 else None


def address_span(text: str) -> Span:
    """Read an address or a range of addresses of one family. Raises ValueError."""
    first, _, last = text.partition("-")
    start = ip_address(first.strip())
    end = ip_address(last.strip()) if last else start
    if start.version != end.version or int(start) > int(end):
        raise ValueError(f"A range ascends in one family; {text} does not.")
    return number_of(start), number_of(end)


def _endless(name: str) -> Text:
    return Text(
        ja=f"アドレスグループ「{name}」は自分自身を含むか、入れ子が深すぎます。その範囲は確定できないものとして扱います。",
        en=f"The address group {name!r} contains itself or is nested too deep; what it stands for is left open.",
    )


def _unreadable(name: str) -> Text:
    return Text(
        ja=f"アドレス「{name}」の値を読めません。その範囲は確定できないものとして扱います。",
        en=f"The value of the address {name!r} cannot be read; what it stands for is left open.",
    )


def _left_open(name: str, kind: str) -> Text:
    return Text(
        ja=f"アドレス「{name}」は種別 {kind} であり、設定だけでは範囲が決まりません。一致しうるものとして扱います。",
        en=f"The address {name!r} is of type {kind}, whose members the export does not hold; it is read as a may.",
    )


def _service_left_open(name: str) -> Text:
    return Text(
        ja=f"サービス「{name}」は設定だけでは範囲が決まりません。一致しうるものとして扱います。",
        en=f"What the service {name!r} stands for does not follow from the export; it is read as a may.",
    )
