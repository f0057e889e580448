"""Names, objects and object groups of a Cisco ASA configuration, resolved within one budget."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

from zoneguard.firewall.cisco import UnreadableError, Words, icmp_message, number_up_to
from zoneguard.firewall.indented import all_below
from zoneguard.firewall.matching import ANY_V6
from zoneguard.firewall.model import LineState
from zoneguard.firewall.vendors.asa.names import ASA_ICMP, ASA_ICMP6, ASA_PORTS, ASA_PROTOCOLS
from zoneguard.net.address import number_of, spans_of
from zoneguard.net.service import ALL_PORTS, ALL_PROTOCOLS, Service
from zoneguard.net.spans import ANY_V4, ANYWHERE, spans_from, subtract_spans, wildcard_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

MOST_PARTS = 500_000  # stretches and boxes that groups and masks of one export may expand to
MOST_STRETCHES = 4096  # of one mask with scattered bits
MOST_PLACES = 32  # lines of the file that a name shows
PORT_WORDS = frozenset({"eq", "gt", "lt", "neq", "range"})
EVERY_SERVICE = (Service(),)
WITH_PORTS = frozenset({(6, 6), (17, 17), (132, 132)})
_TCP_UDP: tuple[Span, ...] = ((6, 6), (17, 17))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a name stands for at most; `unknown` tells what could not be resolved."""

    spans: Spans = ()
    services: tuple[Service, ...] = ()
    ports: tuple[Span, ...] = ()
    unknown: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass(slots=True)
class _Found:
    """What the members of a group come to so far."""

    spans: list[Span] = field(default_factory=list)
    services: dict[Service, None] = field(default_factory=dict)
    ports: list[Span] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def reach(self) -> Reach:
        """Give what was found; where something is missing it could be anything."""
        numbers = tuple(dict.fromkeys(self.numbers))[:MOST_PLACES]
        if self.unknown:
            return Reach(
                spans=ANYWHERE,
                services=EVERY_SERVICE,
                ports=(ALL_PORTS,),
                unknown=tuple(self.unknown[:8]),
                numbers=numbers,
            )
        return Reach(
            spans=spans_from(self.spans),
            services=tuple(self.services),
            ports=spans_from(self.ports),
            numbers=numbers,
        )


@dataclass(slots=True)
class Objects:
    """The named things that lines refer to; an object may be written in several blocks, its translation apart."""

    export: Export
    names: dict[str, str] = field(default_factory=dict)
    networks: dict[str, list[Statement]] = field(default_factory=dict)
    services: dict[str, list[Statement]] = field(default_factory=dict)
    groups: dict[str, list[Statement]] = field(default_factory=dict)
    ranges: dict[str, Statement] = field(default_factory=dict)
    any_is_v4: bool = False  # before 9.0 `any` speaks of IPv4 only
    parts: int = 0
    _resolved: dict[tuple[str, str], Reach] = field(default_factory=dict)

    def spend(self, count: int) -> bool:
        """Count parts against the budget; False when it is used up."""
        self.parts += count
        return self.parts <= MOST_PARTS

    def kind(self, group: str) -> str:
        """Tell the kind of a group, or nothing where it is not defined."""
        return self.groups[group][0].words[1] if group in self.groups else ""

    def anywhere(self, word: str) -> Spans:
        """Give what `any`, `any4` or `any6` speaks of."""
        if word == "any6":
            return ANY_V6
        return ANY_V4 if word == "any4" or self.any_is_v4 else ANYWHERE

    def network(self, name: str) -> Reach:
        """Resolve a network object; a name that DNS resolves is not known here."""
        return self._once("network", name, self._network)

    def service(self, name: str) -> Reach:
        """Resolve a service object."""
        return self._once("service", name, self._service)

    def group(self, name: str) -> Reach:
        """Resolve a group with the groups in it; a group inside itself adds nothing more."""
        return self._once("group", name, self._group)

    def _once(self, kind: str, name: str, resolve: Callable[[str], _Found]) -> Reach:
        if (kind, name) not in self._resolved:
            found = resolve(name)
            if not (found.unknown or found.spans or found.services or found.ports):
                known = name in (self.groups if kind == "group" else self.networks | self.services)
                what = "object-group" if kind == "group" else "object"
                found.unknown.append(f"{what} {name} is empty" if known else f"{what} {name}")
            self._resolved[kind, name] = found.reach()
        return self._resolved[kind, name]

    def _network(self, name: str) -> _Found:
        found = _Found()
        for block in self.networks.get(name, ()):
            for one in block.children:
                if one.words[0] == "nat":  # read with the translations
                    continue
                self._own(block, one)
                if one.words[0] == "description":
                    continue
                found.numbers.append(block.number)
                try:
                    found.spans += self._network_member(Words(one.words))
                except ValueError:
                    found.unknown.append(f"object {name}: {one.text}")
                    if one.words[0] != "fqdn":
                        self.export.mark(one.number, LineState.UNKNOWN)
        return found

    def _service(self, name: str) -> _Found:
        found = _Found()
        if name not in self.services:
            found.services |= dict.fromkeys(predefined(name))
        for block in self.services.get(name, ()):
            for one in block.children:
                self._own(block, one)
                if one.words[0] == "description":
                    continue
                found.numbers.append(block.number)
                try:
                    if one.words[0] != "service":
                        raise UnreadableError(one.text)
                    found.services |= dict.fromkeys(service_of(Words(one.words, 1)))
                except ValueError:
                    found.unknown.append(f"object {name}: {one.text}")
                    self.export.mark(one.number, LineState.UNKNOWN)
        return found

    def mark_unused(self) -> None:
        """State that what nothing refers to decides no packet."""
        blocks = [
            one
            for held in (self.networks, self.services, self.groups)
            for kept in held.values()
            for one in kept
        ]
        for block in (*blocks, *self.ranges.values()):
            for one in all_below(block):
                if not self.export.is_marked(one.number):
                    self.export.mark(one.number, LineState.IRRELEVANT)

    def _own(self, block: Statement, one: Statement) -> None:
        self.export.mark(block.number, LineState.PARSED)
        self.export.mark(one.number, LineState.PARSED)

    def _group(self, name: str) -> _Found:
        found = _Found()
        waiting, seen = [name], {name}
        while waiting:
            one = waiting.pop()
            blocks = self.groups.get(one, [])
            if not blocks:
                found.unknown.append(f"object-group {one}")
            for block in blocks:
                found.numbers.append(block.number)
                self.export.mark(block.number, LineState.PARSED)
                for member in block.children:
                    if not self.spend(1):
                        found.unknown.append(f"object-group {name}")
                        return found
                    self.export.mark(member.number, LineState.PARSED)
                    if member.words[0] == "group-object" and len(member.words) == 2:
                        if member.words[1] not in seen:
                            seen.add(member.words[1])
                            waiting.append(member.words[1])
                    elif member.words[0] != "description":
                        self._add_member(found, block, member)
        return found

    def _add_member(self, found: _Found, block: Statement, member: Statement) -> None:
        try:
            self._member(found, block.words, Words(member.words))
        except ValueError:
            known = block.words[1] in ("security", "user")  # who they are stands in a directory
            self.export.mark(member.number, LineState.PARSED if known else LineState.UNKNOWN)
            found.unknown.append(f"object-group {block.words[2]}: {member.text}")

    def _member(self, found: _Found, head: list[str], reader: Words) -> None:
        kind, word = head[1], reader.take()
        if kind == "network" and word == "network-object":
            if reader.peek() == "object":
                self._take_over(found, self.network(reader.words[-1]))
                return
            found.spans += self._network_member(reader)
        elif kind == "service" and word == "port-object" and len(head) == 4:
            added = ports(reader)
            found.ports += added
            protocols = _TCP_UDP if head[3] == "tcp-udp" else (protocol(head[3]),)
            found.services |= dict.fromkeys(Service(one, ALL_PORTS, to) for to in added for one in protocols)
        elif kind == "service" and word == "service-object":
            if reader.peek() == "object":
                self._take_over(found, self.service(reader.words[-1]))
                return
            found.services |= dict.fromkeys(service_of(reader))
        elif kind == "protocol" and word == "protocol-object":
            found.services[Service(protocol(reader.take()))] = None
        elif kind == "icmp-type" and word == "icmp-object":
            found.ports.append(icmp_message(reader, ASA_ICMP))
            if found.ports[-1] == ALL_PORTS:
                raise UnreadableError(reader.rest())
        else:
            raise UnreadableError(reader.rest())
        if reader.peek():
            raise UnreadableError(reader.rest())

    def _take_over(self, found: _Found, reach: Reach) -> None:
        found.unknown += reach.unknown
        found.numbers += reach.numbers
        if not reach.unknown and self.spend(len(reach.spans) + len(reach.services)):
            found.spans += reach.spans
            found.services |= dict.fromkeys(reach.services)

    def _network_member(self, reader: Words) -> Spans:
        """Read what stands in an object or a group: a host, a subnet, a range or an address with its mask."""
        word = reader.take()
        if word == "range":
            first, last = self.address(reader.take()), self.address(reader.take())
            spans = spans_from([(first, last)])
        elif word == "subnet":
            spans = self.masked(reader)
        elif word == "host":
            number = self.address(reader.take())
            spans = ((number, number),)
        elif word == "fqdn":
            raise UnreadableError("resolved by DNS")
        else:
            reader.at -= 1
            spans = self.masked(reader)
        if reader.peek():
            raise UnreadableError(reader.rest())
        return spans

    def masked(self, reader: Words) -> Spans:
        """Read an address with the netmask or the length behind it; a netmask is never a wildcard mask."""
        word = reader.take()
        word = self.names.get(word, word)
        if "/" in word:
            return spans_of(IPv6Network(word, strict=False))
        address = 0 if word == "0" else int(IPv4Address(word))
        mask = netmask(reader.take())
        free = mask ^ 0xFFFF_FFFF
        low = (free ^ (free + 1)) >> 1
        if address & free or not self.spend(min(MOST_PARTS, 1 << (free & ~low).bit_count())):
            raise UnreadableError(word)  # the device refuses an address with bits beside its mask
        return wildcard_spans(address, free, bits=32, limit=MOST_STRETCHES)

    def address(self, word: str) -> int:
        """Read one address, or the name of one, as its place on the number line."""
        word = self.names.get(word, word)
        return number_of(IPv6Address(word) if ":" in word else IPv4Address(word))


def netmask(word: str) -> int:
    """Read an IPv4 mask as a number; 0 is short for none."""
    return 0 if word == "0" else int(IPv4Address(word))


def network_with(address: str, mask: str) -> IPv4Network | None:
    """Give the network of an interface or a route; None where the mask is no netmask (0.0.0.255 is none)."""
    try:
        bits = netmask(mask)
        free = bits ^ 0xFFFF_FFFF
        if free & (free + 1):
            return None
        return IPv4Network(
            (0 if address == "0" else int(IPv4Address(address)), bits.bit_count()), strict=False
        )
    except ValueError:
        return None


def service_of(reader: Words) -> list[Service]:
    """Read a service: protocol, then source and destination ports or an ICMP message."""
    if reader.peek() == "tcp-udp":
        reader.take()
        protocols = _TCP_UDP
    else:
        protocols = (protocol(reader.take()),)
    if message := message_names(protocols[0]):
        made = [Service(protocols[0], ALL_PORTS, icmp_message(reader, message))]
    else:
        sources: tuple[Span, ...] = (ALL_PORTS,)
        destinations: tuple[Span, ...] = (ALL_PORTS,)
        if reader.peek() == "source":
            reader.take()
            sources = ports(reader)
        if reader.peek() == "destination":
            reader.take()
        if reader.peek() in PORT_WORDS:
            destinations = ports(reader)
        if (sources, destinations) != ((ALL_PORTS,), (ALL_PORTS,)) and protocols[0] not in WITH_PORTS:
            raise UnreadableError(reader.words[0])
        made = [Service(one, source, to) for one in protocols for source in sources for to in destinations]
    if reader.peek():
        raise UnreadableError(reader.rest())
    return made


def predefined(name: str) -> list[Service]:
    """Give a service object that every device has: `esp`, `tcp-https`, `tcp-udp-domain`, `icmp-echo`, `icmp6-echo`."""
    if name in ASA_PROTOCOLS or name == "ip":
        return [Service(protocol(name))]
    for begins, protocols in (("tcp-udp-", _TCP_UDP), ("tcp-", ((6, 6),)), ("udp-", ((17, 17),))):
        if name.startswith(begins) and name.removeprefix(begins) in ASA_PORTS:
            number = ASA_PORTS[name.removeprefix(begins)]
            return [Service(one, ALL_PORTS, (number, number)) for one in protocols]
    for begins, spoken, names in (("icmp-", 1, ASA_ICMP), ("icmp6-", 58, ASA_ICMP6)):
        if name.removeprefix(begins) in names and name.startswith(begins):
            message = icmp_message(Words([name.removeprefix(begins)]), names)
            return [Service((spoken, spoken), ALL_PORTS, message)]
    return []


def message_names(spoken: Span) -> Mapping[str, tuple[int, int | None]] | None:
    """Give the names of the messages that a protocol has; None for one that is no ICMP."""
    if spoken == (1, 1):
        return ASA_ICMP
    return ASA_ICMP6 if spoken == (58, 58) else None


def protocol(word: str) -> Span:
    """Read a protocol by name or number."""
    if word == "ip":
        return ALL_PROTOCOLS
    number = ASA_PROTOCOLS[word] if word in ASA_PROTOCOLS else number_up_to(word, 255)
    return (number, number) if number else ALL_PROTOCOLS


def ports(reader: Words) -> tuple[Span, ...]:
    """Read a port condition."""
    word = reader.take()
    if word not in PORT_WORDS:
        raise UnreadableError(word)
    first = port(reader.take())
    if word == "range":
        last = port(reader.take())
        return ((min(first, last), max(first, last)),)
    if word == "lt":
        return ((0, first - 1),) if first else ()
    if word == "gt":
        return ((first + 1, 65535),) if first < 65535 else ()
    return ((first, first),) if word == "eq" else subtract_spans((ALL_PORTS,), ((first, first),))


def port(word: str) -> int:
    """Read a port by name or number."""
    return ASA_PORTS[word] if word in ASA_PORTS else number_up_to(word, 65535)
