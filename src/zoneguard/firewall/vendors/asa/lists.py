"""Access lists of a Cisco ASA configuration: extended and standard entries in their order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from zoneguard.firewall.cisco import UnreadableError, Words, icmp_message, is_number, time_range, undecided
from zoneguard.firewall.model import Action, Line, LineState, Match
from zoneguard.firewall.vendors.asa.objects import (
    EVERY_SERVICE,
    MOST_PLACES,
    PORT_WORDS,
    WITH_PORTS,
    Reach,
    message_names,
    ports,
    protocol,
)
from zoneguard.net.service import ALL_PORTS, Service
from zoneguard.net.spans import ANYWHERE

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.asa.objects import Objects
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

KINDS = ("extended", "standard")
OTHER_KINDS = ("ethertype", "webtype")  # ask of no IP packet that is forwarded
_IDENTITIES = ("object-group-security", "object-group-user", "security-group", "user", "user-group")
_ANY = ("any", "any4", "any6")


@dataclass(slots=True)
class AccessList:
    """One access list as written: for each entry the number of its line and its words behind the name."""

    name: str
    written: list[tuple[int, list[str]]] = field(default_factory=list)


@dataclass(slots=True)
class _Entry:
    """What is read of one entry so far."""

    source: Spans = ANYWHERE
    destination: Spans = ANYWHERE
    services: tuple[Service, ...] = EVERY_SERVICE
    unknown: tuple[str, ...] = ()
    log: bool | None = None
    time_range: str = ""
    inactive: bool = False
    unread: bool = False  # something is no word of the command reference
    numbers: tuple[int, ...] = ()

    def take_over(self, reach: Reach) -> None:
        """Note what a name could not be resolved to, and where it stands."""
        self.unknown += reach.unknown
        self.numbers += reach.numbers


@dataclass(slots=True)
class AccessLists:
    """All access lists of one configuration; each is read when something first uses it."""

    export: Export
    objects: Objects
    addresses: dict[str, Span] = field(default_factory=dict)  # of interfaces, where they are written
    written: dict[str, AccessList] = field(default_factory=dict)
    _read: dict[str, tuple[Line, ...]] = field(default_factory=dict)

    def add(self, number: int, words: list[str]) -> None:
        """Take an entry as written; one with a line number is put in at that place."""
        found = self.written.setdefault(words[1], AccessList(words[1]))
        rest = words[2:]
        if rest[:1] == ["line"] and len(rest) > 2 and is_number(rest[1]):
            found.written.insert(max(0, int(rest[1]) - 1), (number, rest[2:]))
        else:
            found.written.append((number, rest))

    def lines(self, name: str) -> tuple[Line, ...]:
        """Give the lines of a list that something uses."""
        if name not in self._read:
            self._read[name] = self._lines_of(self.written[name]) if name in self.written else ()
        return self._read[name]

    def asks_no_packet(self, name: str) -> bool:
        """Tell a list of EtherTypes, which may be bound to an interface beside one that asks of IP packets."""
        written = [words for _, words in self.written[name].written] if name in self.written else []
        kinds = {words[0] for words in written if words[:1] != ["remark"] and words}
        return bool(kinds) and kinds <= set(OTHER_KINDS)

    def mark_unused(self) -> None:
        """State that lists which filter no forwarded packet are irrelevant."""
        for name, found in self.written.items():
            if name not in self._read:
                for number, _ in found.written:
                    self.export.mark(number, LineState.IRRELEVANT)

    def _lines_of(self, found: AccessList) -> tuple[Line, ...]:
        made: list[Line] = []
        remarks: list[str] = []
        for at, (number, words) in enumerate(found.written, 1):
            self.export.mark(number, LineState.PARSED)
            if words[:1] == ["remark"]:
                remarks.append(" ".join(words[1:]))
                continue
            label = f"{found.name} line {at}"
            made += [
                replace(line, comment=" ".join(remarks))
                for line in self._entry(label, found.name, number, words)
            ]
            remarks = []
        return tuple(made)

    def _entry(self, label: str, name: str, number: int, words: list[str]) -> list[Line]:
        reader = Words(words)
        kind = "extended"
        if reader.peek() in (*KINDS, *OTHER_KINDS):
            kind = reader.take()
        if kind in OTHER_KINDS:
            self.export.mark(number, LineState.IRRELEVANT)
            return []
        word = reader.peek()
        if word not in ("deny", "permit"):
            self._fault(number, name, reader.rest())
            match = Match(unknown=(reader.rest() or "empty entry",))
            place = (self.export.place(number),)
            return [
                Line(id=f"{label} ({action.value})", action=action, match=match, places=place)
                for action in (Action.PERMIT, Action.DENY)
            ]
        reader.take()
        entry = _Entry()
        try:
            self._read_entry(entry, reader, standard=kind == "standard")
        except ValueError:
            entry = _Entry(unknown=(" ".join(words),), unread=True)
        if entry.unknown and not entry.inactive:
            state = LineState.UNKNOWN if entry.unread else LineState.UNSUPPORTED
            self._fault(number, name, ", ".join(entry.unknown), state)
        return [self._line(Action(word), label, number, entry)]

    def _line(self, action: Action, label: str, number: int, entry: _Entry) -> Line:
        begins = expires = None
        if entry.time_range:
            when = time_range(self.export, entry.time_range, self.objects.ranges.get(entry.time_range))
            begins, expires = when.begins, when.expires
            if when.unknown and not entry.inactive:
                self._fault(number, label, ", ".join(when.unknown), LineState.UNSUPPORTED)
            entry.unknown += when.unknown
            entry.numbers += (when.number,) if when.number else ()
        numbers = [*dict.fromkeys((number, *entry.numbers))]
        return Line(
            id=label,
            action=action,
            match=Match(
                source=entry.source,
                destination=entry.destination,
                services=entry.services,
                unknown=entry.unknown,
            ),
            places=tuple(self.export.place(one) for one in numbers[:MOST_PLACES]),
            enabled=not entry.inactive,
            # A denial is told by message 106023 unless the line says `log disable`.
            log=True if entry.log is None and action is Action.DENY else entry.log,
            begins=begins,
            expires=expires,
        )

    def _read_entry(self, entry: _Entry, reader: Words, *, standard: bool) -> None:
        if standard:
            entry.source = self._standard_address(reader)
        else:
            self._services_and_addresses(entry, reader)
        while reader.peek():
            self._option(entry, reader)

    def _standard_address(self, reader: Words) -> Spans:
        word = reader.peek()
        if word in _ANY:
            return self.objects.anywhere(reader.take())
        if word == "host":
            reader.take()
        elif len(reader.words) > reader.at + 1:
            return self.objects.masked(reader)
        number = self.objects.address(reader.take())
        return ((number, number),)

    def _services_and_addresses(self, entry: _Entry, reader: Words) -> None:
        spoken = self._spoken(entry, reader)
        self._identities(entry, reader)
        entry.source = self._address(entry, reader)
        sources = self._ports(entry, reader, spoken)
        self._identities(entry, reader)
        entry.destination = self._address(entry, reader)
        destinations = self._ports(entry, reader, spoken)
        if sources is None and destinations is None:
            entry.services = self._messages(entry, reader, spoken)
            return
        count = len(spoken) * len(sources or "1") * len(destinations or "1")
        if count > 1 and not self.objects.spend(count):
            raise UnreadableError("too many services")
        entry.services = tuple(
            Service(one.protocol, source, to)
            for one in spoken
            for source in ((ALL_PORTS,) if sources is None else sources)
            for to in ((ALL_PORTS,) if destinations is None else destinations)
        )

    def _spoken(self, entry: _Entry, reader: Words) -> tuple[Service, ...]:
        """Read the protocol, or the object or group that stands for protocols or whole services."""
        word = reader.take()
        if word not in ("object", "object-group"):
            return (Service(protocol(word)),)
        name = reader.take()
        if word == "object-group" and self.objects.kind(name) not in ("protocol", "service", ""):
            raise UnreadableError(name)
        reach = self.objects.service(name) if word == "object" else self.objects.group(name)
        entry.take_over(reach)
        return reach.services

    def _identities(self, entry: _Entry, reader: Words) -> None:
        """Read conditions on users and security groups, whose members stand in a directory."""
        while reader.peek() in _IDENTITIES:
            word = reader.take()
            named = [reader.take() for _ in range(2 if word == "security-group" else 1)]
            entry.unknown += (" ".join([word, *named]),)

    def _address(self, entry: _Entry, reader: Words) -> Spans:
        word = reader.take()
        if word in _ANY:
            return self.objects.anywhere(word)
        if word == "host":
            number = self.objects.address(reader.take())
            return ((number, number),)
        if word == "interface":
            name = reader.take()
            address = self.addresses.get(name)
            if address is None:
                entry.unknown += (f"interface {name}",)
                return ANYWHERE
            return (address,)
        if word in ("object", "object-group"):
            name = reader.take()
            if word == "object-group" and self.objects.kind(name) not in ("network", ""):
                raise UnreadableError(name)
            reach = self.objects.network(name) if word == "object" else self.objects.group(name)
            entry.take_over(reach)
            return reach.spans
        reader.at -= 1
        return self.objects.masked(reader)

    def _ports(self, entry: _Entry, reader: Words, spoken: tuple[Service, ...]) -> tuple[Span, ...] | None:
        """Read a port condition where one may stand; None where there is none."""
        if not spoken or not all(one.protocol in WITH_PORTS and _is_plain(one) for one in spoken):
            return None
        if reader.peek() in PORT_WORDS:
            return ports(reader)
        following = reader.words[reader.at + 1 : reader.at + 2]
        if reader.peek() == "object-group" and following and self.objects.kind(following[0]) == "service":
            reader.take()
            reach = self.objects.group(reader.take())
            entry.take_over(reach)
            kept = {one.protocol for one in reach.services}
            if not reach.ports or (not reach.unknown and not all(one.protocol in kept for one in spoken)):
                raise UnreadableError(reader.rest())
            return reach.ports
        return None

    def _messages(self, entry: _Entry, reader: Words, spoken: tuple[Service, ...]) -> tuple[Service, ...]:
        """Narrow ICMP to its messages, where the line names any; other services stay as they are."""
        names = message_names(spoken[0].protocol) if len(spoken) == 1 and _is_plain(spoken[0]) else None
        if names is None:
            return spoken
        if reader.peek() == "object-group":
            reader.take()
            reach = self.objects.group(reader.take())
            entry.take_over(reach)
            if names is not message_names((1, 1)):  # the names in such a group are those of ICMP for IPv4
                entry.unknown += (f"object-group {reader.words[reader.at - 1]} of icmp6",)
                return spoken
            return tuple(Service(spoken[0].protocol, ALL_PORTS, one) for one in reach.ports)
        return (Service(spoken[0].protocol, ALL_PORTS, icmp_message(reader, names)),)

    def _option(self, entry: _Entry, reader: Words) -> None:
        word = reader.take()
        if word == "log":
            entry.log = True
            if reader.peek() == "disable":
                reader.take()
                entry.log = False
            elif reader.peek() == "default" or reader.peek() in _LEVELS or is_number(reader.peek(), 1):
                entry.log = None if reader.take() == "default" else True
            if reader.peek() == "interval":
                reader.take()
                reader.take()
        elif word == "time-range":
            entry.time_range = reader.take()
        elif word == "inactive":
            entry.inactive = True
        else:
            raise UnreadableError(word)

    def _fault(self, number: int, name: str, what: str, state: LineState = LineState.UNKNOWN) -> None:
        self.export.fault(number, state, undecided(name, what))


_LEVELS = frozenset(
    {"alerts", "critical", "debugging", "emergencies", "errors", "informational", "notifications", "warnings"}
)


def _is_plain(service: Service) -> bool:
    return service.sport == ALL_PORTS and service.dport == ALL_PORTS
