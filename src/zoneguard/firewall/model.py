"""What an export says, in no vendor's words: interfaces, lines in order, translations and routes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from zoneguard.net.rulelist import Action
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE

if TYPE_CHECKING:
    from datetime import date

    from zoneguard.net.address import Network, Span
    from zoneguard.net.spans import Spans
    from zoneguard.text import Text


__all__ = [
    "Action", "Fault", "Filter", "Interface", "Line", "LineState", "Mapping", "Match", "ParseResult", "Place",
    "Rewrite", "Route", "Ruleset", "Step", "Translation",
]  # fmt: skip


class LineState(StrEnum):
    """What became of one line of the file; every line ends in exactly one."""

    PARSED = "parsed"  # understood and in the model
    IRRELEVANT = "irrelevant"  # understood: it decides no packet
    UNSUPPORTED = "unsupported"  # known to the parser, but not modelled: what it may change is left open
    UNKNOWN = "unknown"  # not understood


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in the export something stands (lines from 1); `text` is the line, its secrets redacted."""

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something in the export that was not understood: where, and a sentence that says what and what follows."""

    place: Place
    state: LineState
    message: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The packets a line speaks of: all fields must hold.

    `source` and `destination` are canonical spans (net.spans) as the packet carries them where it meets the
    line, IPv4 and IPv6 on one number line; `services` is a union of boxes (net.service). `ingress` and
    `egress` are names of `Interface`; None is any. `unknown` names conditions that narrow the match and whose
    meaning here is not known (a user group, an application, an FQDN, a set that the export leaves out): the
    other fields then say what the line could match at most, and it surely matches nothing.
    """

    source: Spans = ANYWHERE
    destination: Spans = ANYWHERE
    services: tuple[Service, ...] = (Service(),)
    ingress: frozenset[str] | None = None
    egress: frozenset[str] | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a filter, in the order the device asks them.

    `places` begins with the line itself; objects it names (address, group, service, schedule) follow.
    """

    id: str  # as people of this device would say it: "policy 12", "100 sequence 30", "FORWARD 7"
    action: Action
    match: Match
    places: tuple[Place, ...]
    name: str = ""
    comment: str = ""
    enabled: bool = True
    log: bool | None = None  # None: this format does not say it by the line
    expires: date | None = None  # last day on which it is active; a line that expired still stands here
    begins: date | None = None
    implicit: bool = False  # made by the device itself, written by nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A list of lines of which the first that matches decides.

    It is asked only for packets that come in by one of `ingress` and leave by one of `egress` (None: all).
    A disabled line is in the list, and matches nothing.
    """

    name: str
    lines: tuple[Line, ...]
    default: Action
    default_places: tuple[Place, ...] = ()  # where the default is written; empty: the device's own
    default_log: bool | None = None
    ingress: frozenset[str] | None = None
    egress: frozenset[str] | None = None
    stateful: bool = True  # replies to what was permitted need no line
    tells_replies: bool = False  # they need one, but never pass for a packet that opens a connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """What a translation writes in place of an address, and of a port where `port` is given.

    A span as large as the matched one maps address by address; a span of one address maps all to it; any other
    is a pool, of which one address is taken. The same holds for `port`, which is the source port of a
    source mapping and the destination port of a destination mapping. `address` None keeps the address.
    """

    address: Span | None = None
    port: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """One translating line; `match` is of packets before it. Both mappings None: it exempts from translation."""

    id: str
    match: Match
    places: tuple[Place, ...]
    source: Mapping | None = None
    destination: Mapping | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """A list of translations of which the first that matches is applied; what none matches passes unchanged."""

    name: str
    translations: tuple[Translation, ...]


Step: TypeAlias = Filter | Rewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An interface of the device, physical or logical, by the name that lines use.

    `stands_for_others`: its name ends in `*`, and it is every interface whose name begins so and that is not
    listed itself.
    """

    name: str
    zone: str | None = None  # the device's own zone or security zone
    networks: tuple[Network, ...] = ()  # directly connected, from its addresses
    vlan: int | None = None
    vrf: str | None = None
    enabled: bool = True
    description: str = ""
    place: Place | None = None
    stands_for_others: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A static route."""

    network: Network
    interface: str | None = None  # None: where the gateway is reached
    gateway: str | None = None
    vrf: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """What one device, or one virtual device of it, does with packets that it forwards.

    A packet meets `steps` in their order; it is forwarded when no filter on its way denies it. `forwards`
    False: this device passes no packet on, whatever the steps say.
    """

    device: str  # host name, with the virtual device behind a slash: "fw-border/root"
    format: str
    steps: tuple[Step, ...]
    interfaces: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    version: str = ""
    forwards: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseResult:
    """Everything one export said.

    `states` has one entry for each line of the file, so that their sum is the number of lines. `faults` tells
    every unsupported or unknown line that could bear on a packet. `redacted` counts secrets put out of sight.
    """

    file: str
    format: str
    rulesets: tuple[Ruleset, ...]
    states: tuple[LineState, ...]
    faults: tuple[Fault, ...] = ()
    redacted: int = 0
