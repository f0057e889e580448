"""Object groups and time ranges of a Cisco IOS configuration."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from zoneguard.firewall.cisco import UnreadableError, Words, is_number, number_up_to
from zoneguard.firewall.cisco import icmp_message as message_of
from zoneguard.firewall.model import LineState
from zoneguard.firewall.vendors.ios.names import (
    ICMP6_MESSAGES,
    ICMP_MESSAGES,
    IOS_PORTS,
    IOS_PROTOCOLS,
)
from zoneguard.net.address import number_of, spans_of
from zoneguard.net.service import ALL_PORTS, ALL_PROTOCOLS, Service
from zoneguard.net.spans import ANY_V4, ANYWHERE, spans_from, subtract_spans, wildcard_spans

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

ANY_V6: Spans = subtract_spans(ANYWHERE, ANY_V4)
MOST_PARTS = 500_000  # stretches and boxes that wildcard masks and groups of one export may expand to
MOST_STRETCHES = 4096  # of one wildcard mask
PORT_WORDS = frozenset({"eq", "gt", "lt", "neq", "range"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """What a group stands for at most; `unknown` tells members that could not be resolved."""

    spans: Spans = ()
    services: tuple[Service, ...] = ()
    unknown: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass(slots=True)
class Objects:
    """The named things that lines refer to, by name; each is resolved once and within one budget."""

    export: Export
    groups: dict[str, Statement] = field(default_factory=dict)
    ranges: dict[str, Statement] = field(default_factory=dict)
    parts: int = 0
    _resolved: dict[str, Members] = field(default_factory=dict)

    def spend(self, count: int) -> bool:
        """Count parts against the budget; False when it is used up."""
        if self.parts + count > MOST_PARTS:
            return False
        self.parts += count
        return True

    def group(self, name: str) -> Members:
        """Resolve a group with the groups in it; a group inside itself adds nothing more."""
        if name not in self._resolved:
            self._resolved[name] = self._resolve(name)
        return self._resolved[name]

    def _resolve(self, name: str) -> Members:
        spans: list[Span] = []
        services: dict[Service, None] = {}
        unknown: list[str] = []
        numbers: list[int] = []
        waiting, seen = [name], {name}
        while waiting:
            one = waiting.pop()
            group = self.groups.get(one)
            if group is None or not group.children:
                unknown.append(f"object-group {one}")
                continue
            numbers.append(group.number)
            self.export.mark(group.number, LineState.PARSED)
            for member in group.children:
                if not self.spend(1):
                    return Members(spans=ANYWHERE, services=(Service(),), unknown=(f"object-group {name}",))
                self.export.mark(member.number, LineState.PARSED)
                if member.words[0] == "group-object" and len(member.words) == 2:
                    if member.words[1] not in seen:
                        seen.add(member.words[1])
                        waiting.append(member.words[1])
                elif member.words[0] != "description":
                    try:
                        self._member(group.words[1], member.words, spans, services)
                    except ValueError:
                        self.export.mark(member.number, LineState.UNKNOWN)
                        unknown.append(f"object-group {one}: {member.text}")
        if unknown:  # what is missing could be anything
            return Members(
                spans=ANYWHERE, services=(Service(),), unknown=tuple(unknown[:8]), numbers=tuple(numbers)
            )
        return Members(spans=spans_from(spans), services=tuple(services), numbers=tuple(numbers))

    def _member(self, kind: str, words: list[str], spans: list[Span], services: dict[Service, None]) -> None:
        reader = Words(words)
        if kind in ("service", "v6-service"):
            services.update(dict.fromkeys(service_member(reader, 6 if kind == "v6-service" else 4)))
        elif kind in ("network", "v6-network"):
            spans.extend(network_member(reader))
        else:
            raise UnreadableError(kind)
        if reader.peek():
            raise UnreadableError(reader.rest())


def network_member(reader: Words) -> Spans:
    """Read a member of a network group; its masks are netmasks, not wildcards."""
    word = reader.take()
    if word == "any":
        return ANY_V4
    if word == "host":
        number = number_of(ip_address(reader.take()))
        return ((number, number),)
    if word == "range":
        first, last = number_of(ip_address(reader.take())), number_of(ip_address(reader.take()))
        return spans_from([(first, last)])
    if "/" in word:
        return spans_of(ip_network(word, strict=False))
    mask = reader.take()
    return spans_of(ip_network(f"{IPv4Address(word)}/{mask.removeprefix('/')}", strict=False))


def service_member(reader: Words, family: int) -> list[Service]:
    """Read a member of a service group."""
    if reader.peek() == "tcp-udp":
        reader.take()
        protocols: list[Span] = [(6, 6), (17, 17)]
    else:
        protocols = [protocol(reader.take(), family)]
    if protocols[0] in ((1, 1), (58, 58)):
        return [Service(protocols[0], ALL_PORTS, icmp_message(reader, family))]
    sources: tuple[Span, ...] = (ALL_PORTS,)
    if reader.peek() == "source":
        reader.take()
        sources = ports(reader, one_only=True)
    destinations = ports(reader, one_only=True)
    return [Service(one, source, to) for one in protocols for source in sources for to in destinations]


def protocol(word: str, family: int) -> Span:
    """Read a protocol by name or number."""
    if word in ("ip", "ipv4", "ipv6"):
        return ALL_PROTOCOLS
    if word == "icmp" and family == 6:
        return (58, 58)
    number = IOS_PROTOCOLS[word] if word in IOS_PROTOCOLS else number_up_to(word, 255)
    if number == 0:
        raise UnreadableError("protocol 0")
    return (number, number)


def ports(reader: Words, *, one_only: bool) -> tuple[Span, ...]:
    """Read a port condition, none being all ports; `eq` and `neq` take several where the line may have them."""
    word = reader.peek()
    if word not in PORT_WORDS:
        if one_only and word:
            number = _port(reader.take())
            return ((number, number),)
        return (ALL_PORTS,)
    reader.take()
    first = _port(reader.take())
    if word == "range":
        last = _port(reader.take())
        return ((min(first, last), max(first, last)),)
    if word == "lt":
        return ((0, first - 1),) if first else ()
    if word == "gt":
        return ((first + 1, 65535),) if first < 65535 else ()
    numbers = [first]
    while is_number(reader.peek()) or reader.peek() in IOS_PORTS:
        numbers.append(_port(reader.take()))
    among = spans_from((number, number) for number in numbers)
    return among if word == "eq" else subtract_spans((ALL_PORTS,), among)


def icmp_message(reader: Words, family: int) -> Span:
    """Read an ICMP type and code, none being all, as stretches of type*256+code."""
    return message_of(reader, ICMP6_MESSAGES if family == 6 else ICMP_MESSAGES)


def wildcard(base: str, mask: str, objects: Objects) -> Spans:
    """Expand an address with a wildcard mask; refuses what would be too many stretches."""
    address, free = int(IPv4Address(base)), int(IPv4Address(mask))
    low = (free ^ (free + 1)) >> 1
    if not objects.spend(1 << (free & ~low).bit_count()):
        raise UnreadableError("too many stretches")
    return wildcard_spans(address, free, bits=32, limit=MOST_STRETCHES)


def network_of(address: str, mask: str) -> IPv4Network | IPv6Network | None:
    """Read an interface or route network; None when it is none."""
    with suppress(ValueError):
        if not mask:
            return IPv6Network(address, strict=False)
        return IPv4Network(f"{IPv4Address(address)}/{IPv4Address(mask)}", strict=False)
    return None


def host_v6(word: str) -> Span:
    """Read one IPv6 address."""
    number = number_of(IPv6Address(word))
    return (number, number)


def _port(word: str) -> int:
    return IOS_PORTS[word] if word in IOS_PORTS else number_up_to(word, 65535)
