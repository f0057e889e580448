"""Access lists of a Cisco IOS configuration: entries in the order of their sequence numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from zoneguard.firewall.cisco import UnreadableError, Words, is_number, time_range, undecided
from zoneguard.firewall.model import Action, Line, LineState, Match
from zoneguard.firewall.vendors.ios.names import TCP_FLAGS
from zoneguard.firewall.vendors.ios.objects import (
    ANY_V6,
    host_v6,
    icmp_message,
    network_member,
    ports,
    protocol,
    wildcard,
)
from zoneguard.net.service import ALL_FLAGS, ALL_PORTS, ConnectionState, Service, flags_matching
from zoneguard.net.spans import ANY_V4, intersect_spans

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.ios.objects import Objects
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

REPLIES = ConnectionState.ESTABLISHED | ConnectionState.RELATED
ESTABLISHED = ALL_FLAGS & ~flags_matching(0x14, 0)  # ACK or RST
_NARROWING = {  # option: words that follow it
    "absolute-timeout": 1, "auth": 0, "dest-option": 0, "dest-option-type": 1, "dscp": 1, "flow-label": 1,
    "hbh": 0, "mobility": 0, "mobility-type": 1, "option": 1, "precedence": 1, "reflect-only": 0, "routing": 0,
    "routing-type": 1, "tos": 1, "undetermined-transport": 0,
}  # fmt: skip


@dataclass(slots=True)
class AccessList:
    """One access list as written: its family, and for each entry the number of its line and its words."""

    name: str
    family: int  # 4 or 6
    standard: bool
    header: int
    written: list[tuple[int, list[str]]] = field(default_factory=list)


@dataclass(slots=True)
class _Entry:
    """What is read of one entry so far."""

    source: Spans
    destination: Spans
    services: tuple[Service, ...] = (Service(),)
    unknown: tuple[str, ...] = ()
    log: bool = False
    time_range: str = ""
    reflect: str = ""
    unread: bool = False  # something is no word of the command reference
    numbers: tuple[int, ...] = ()


@dataclass(slots=True)
class AccessLists:
    """All access lists of one configuration; each is read when something first uses it."""

    export: Export
    objects: Objects
    written: dict[tuple[int, str], AccessList] = field(default_factory=dict)
    reflected: dict[str, list[Match]] = field(default_factory=dict)
    used: set[tuple[int, str]] = field(default_factory=set)
    evaluating: bool = False
    _read: dict[tuple[int, str], tuple[Line, ...]] = field(default_factory=dict)

    def lines(self, family: int, name: str) -> tuple[Line, ...]:
        """Give the lines of a list that something uses; none when it is undefined or empty."""
        key = family, name
        self.used.add(key)
        if key not in self._read:
            self._read[key] = ()  # an evaluate of itself ends here
            found = self.written.get(key)
            if found is not None:
                self.export.mark(found.header, LineState.PARSED)
                self._read[key] = self._lines_of(found)
        return self._read[key]

    def mark_unused(self) -> None:
        """State that lists which filter no forwarded packet are irrelevant."""
        for key, found in self.written.items():
            if key not in self.used:
                for number in (found.header, *(number for number, _ in found.written)):
                    self.export.mark(number, LineState.IRRELEVANT)

    def _lines_of(self, found: AccessList) -> tuple[Line, ...]:
        made: list[tuple[int, Line]] = []
        sequence, remarks, numbered = 0, list[str](), set[int]()
        for number, words in found.written:
            reader = Words(words)
            self.export.mark(number, LineState.PARSED)
            given = int(reader.take()) if is_number(reader.peek()) else None
            if found.family == 6 and reader.peek() == "sequence" and len(words) > reader.at + 1:
                reader.take()
                given = int(word) if is_number(word := reader.take()) else None
            if reader.peek() == "remark":
                remarks.append(reader.rest().removeprefix("remark").strip())
                continue
            sequence = sequence + 10 if given is None else given
            if sequence in numbered:
                self._fault(number, found.name, f"sequence {sequence} twice")
            numbered.add(sequence)
            label = f"{found.name} sequence {sequence}"
            made += [
                (sequence, replace(line, comment=" ".join(remarks)))
                for line in self._entry(found, label, number, reader)
            ]
            remarks = []
        return tuple(line for _, line in sorted(made, key=lambda one: one[0]))

    def _entry(self, found: AccessList, label: str, number: int, reader: Words) -> list[Line]:
        anywhere = ANY_V6 if found.family == 6 else ANY_V4
        entry = _Entry(anywhere, anywhere)
        word = reader.peek()
        if word == "evaluate" and len(reader.words) > reader.at + 1:
            return self._evaluate(found, label, number, reader.words[reader.at + 1])
        if word == "dynamic":
            entry.unknown = (reader.rest(),)
            while reader.peek() not in ("", "deny", "permit"):
                reader.at += 1
            word = reader.peek()
        if word not in ("deny", "permit"):
            self._fault(number, found.name, reader.rest())
            match = Match(source=anywhere, destination=anywhere, unknown=(reader.rest() or "empty entry",))
            place = (self.export.place(number),)
            return [
                Line(id=f"{label} ({action.value})", action=action, match=match, places=place)
                for action in (Action.PERMIT, Action.DENY)
            ]
        reader.take()
        start = reader.at
        try:
            self._read_entry(found, entry, reader, denies=word == "deny")
        except ValueError:
            reader.at = start
            entry = _Entry(anywhere, anywhere, unknown=(*entry.unknown, reader.rest()))
            entry.unread = True
        line = self._line(Action(word), label, number, entry)
        if line.match.unknown:
            state = LineState.UNKNOWN if entry.unread else LineState.UNSUPPORTED
            self._fault(number, found.name, ", ".join(line.match.unknown), state)
        return [line]

    def _line(self, action: Action, label: str, number: int, entry: _Entry) -> Line:
        begins = expires = None
        if entry.time_range:
            when = time_range(self.export, entry.time_range, self.objects.ranges.get(entry.time_range))
            begins, expires = when.begins, when.expires
            entry.unknown += when.unknown
            entry.numbers += (when.number,) if when.number else ()
        match = Match(
            source=entry.source, destination=entry.destination, services=entry.services, unknown=entry.unknown
        )
        if entry.reflect and action is Action.PERMIT:
            self.reflected.setdefault(entry.reflect, []).append(match)
        return Line(
            id=label,
            action=action,
            match=match,
            places=tuple(self.export.place(one) for one in (number, *entry.numbers)),
            log=entry.log,
            begins=begins,
            expires=expires,
        )

    def _evaluate(self, found: AccessList, label: str, number: int, name: str) -> list[Line]:
        """Open the way back for what `reflect` lines of any list saw: replies, and perhaps."""
        anywhere = ANY_V6 if found.family == 6 else ANY_V4
        seen = [Match(source=anywhere, destination=anywhere)]  # within another evaluate: any reply
        if not self.evaluating:
            self.evaluating = True
            for key, other in self.written.items():
                if key[0] == found.family and any("reflect" in words for _, words in other.written):
                    self.lines(*key)
            self.evaluating = False
            seen = self.reflected.get(name, [])
        return [
            Line(
                id=label,
                action=Action.PERMIT,
                match=replace(mirrored(match), unknown=(f"evaluate {name}",)),
                places=(self.export.place(number),),
                log=False,
            )
            for match in seen
        ]

    def _read_entry(self, found: AccessList, entry: _Entry, reader: Words, *, denies: bool) -> None:
        if found.standard:
            entry.source = self._address(reader, entry, found.family, alone=True)
        else:
            self._services_and_addresses(reader, entry, found.family)
        while reader.peek():
            self._option(reader, entry, denies=denies)

    def _services_and_addresses(self, reader: Words, entry: _Entry, family: int) -> None:
        if reader.peek() == "object-group":
            reader.take()
            group = self.objects.group(reader.take())
            entry.numbers += group.numbers
            entry.unknown += group.unknown
            entry.source = self._address(reader, entry, family)
            entry.destination = self._address(reader, entry, family)
            entry.services = group.services
            return
        spoken = protocol(reader.take(), family)
        ported = spoken in ((6, 6), (17, 17), (132, 132))
        entry.source = self._address(reader, entry, family)
        sources: tuple[Span, ...] = ports(reader, one_only=False) if ported else (ALL_PORTS,)
        entry.destination = self._address(reader, entry, family)
        destinations: tuple[Span, ...] = (ALL_PORTS,)
        if ported:
            destinations = ports(reader, one_only=False)
        elif spoken in ((1, 1), (58, 58)):
            destinations = (icmp_message(reader, family),)
        entry.services = tuple(Service(spoken, source, to) for source in sources for to in destinations)

    def _address(self, reader: Words, entry: _Entry, family: int, *, alone: bool = False) -> Spans:
        word = reader.take()
        if word == "any":
            return ANY_V6 if family == 6 else ANY_V4
        if word in ("addrgroup", "object-group"):
            group = self.objects.group(reader.take())
            entry.numbers += group.numbers
            entry.unknown += group.unknown
            return intersect_spans(group.spans, ANY_V6 if family == 6 else ANY_V4)
        if family == 6:
            return (host_v6(reader.take()),) if word == "host" else network_member(Words([word]))
        if word == "host":
            return wildcard(reader.take(), "0.0.0.0", self.objects)  # noqa: S104 - a mask
        if alone and not reader.peek()[:1].isdigit():
            return wildcard(word, "0.0.0.0", self.objects)  # noqa: S104 - a mask
        return wildcard(word, reader.take(), self.objects)

    def _option(self, reader: Words, entry: _Entry, *, denies: bool) -> None:
        word = reader.take()
        if word in ("log", "log-input"):
            entry.log = True
            if reader.peek() not in _OPTIONS and len(reader.words) == reader.at + 1:
                reader.take()  # the tag that the message carries
        elif word == "time-range":
            entry.time_range = reader.take()
        elif word == "reflect":
            entry.reflect = reader.take()
            if reader.peek() == "timeout":
                reader.at = min(reader.at + 2, len(reader.words))
        elif word == "sequence":
            reader.take()
        elif word == "fragments":
            # Later fragments carry no ports; the packets of the model are whole or first. A deny of later
            # fragments therefore matches none of them, and a permit might let through what nobody sees whole.
            entry.services = () if denies else entry.services
            entry.unknown += () if denies else ("fragments",)
        elif not _read_flags(reader, entry, word):
            self._narrowing(reader, entry, word)

    def _narrowing(self, reader: Words, entry: _Entry, word: str) -> None:
        """Read a condition that the model has no room for, and any word that is not known."""
        end = reader.at + _NARROWING.get(word, len(reader.words))
        entry.unread |= word not in _NARROWING and word != "ttl"
        if word == "ttl":
            end = reader.at + (3 if reader.peek() == "range" else 2)
        entry.unknown += (" ".join([word, *reader.words[reader.at : end]]),)
        reader.at = min(end, len(reader.words))

    def _fault(self, number: int, name: str, what: str, state: LineState = LineState.UNKNOWN) -> None:
        self.export.fault(number, state, undecided(name, what))


_OPTIONS = frozenset(
    {*_NARROWING, *TCP_FLAGS, "established", "fragments", "log", "log-input", "match-all", "match-any",
     "reflect", "sequence", "time-range", "ttl"}
)  # fmt: skip


def mirrored(match: Match) -> Match:
    """Give the replies to what a match takes: both ends exchanged, and never a first packet."""
    services = []
    for one in match.services:
        icmp = one.protocol in ((1, 1), (58, 58))
        ends = (ALL_PORTS, ALL_PORTS) if icmp else (one.dport, one.sport)
        services.append(Service(one.protocol, *ends, states=int(REPLIES)))
    return replace(
        match,
        source=match.destination,
        destination=match.source,
        services=tuple(dict.fromkeys(services)),
        ingress=match.egress,
        egress=match.ingress,
    )


def neighbour_discovery(name: str) -> tuple[Line, ...]:
    """Give what every IPv6 access list permits before its implicit deny."""
    return tuple(
        Line(
            id=f"{name} implicit {message}",
            action=Action.PERMIT,
            match=Match(
                source=ANY_V6,
                destination=ANY_V6,
                services=(Service((58, 58), ALL_PORTS, (kind * 256, kind * 256 + 255)),),
            ),
            places=(),
            log=False,
            implicit=True,
        )
        for message, kind in (("nd-na", 136), ("nd-ns", 135))
    )


def _read_flags(reader: Words, entry: _Entry, word: str) -> bool:
    if word == "established":
        _narrow_flags(entry, ESTABLISHED)
    elif word in ("match-all", "match-any"):
        _narrow_flags(entry, _signed_flags(reader, every=word == "match-all"))
    elif word in TCP_FLAGS and reader.peek() not in TCP_FLAGS:
        _narrow_flags(entry, flags_matching(TCP_FLAGS[word], TCP_FLAGS[word]))
    else:
        return False
    return True


def _narrow_flags(entry: _Entry, flags: int) -> None:
    entry.services = tuple(
        narrowed for one in entry.services if (narrowed := one._replace(flags=one.flags & flags)).flags
    )


def _signed_flags(reader: Words, *, every: bool) -> int:
    flags = ALL_FLAGS if every else 0
    read = False
    while reader.peek()[:1] in ("+", "-") and reader.peek()[1:] in TCP_FLAGS:
        word = reader.take()
        bit, read = TCP_FLAGS[word[1:]], True
        wanted = flags_matching(bit, bit if word[0] == "+" else 0)
        flags = flags & wanted if every else flags | wanted
    if not read:
        raise UnreadableError(reader.rest())
    return flags
