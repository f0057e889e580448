"""Access lists of the UNIVERGE IX: entries, dynamic lists, and what they are where a filter names them."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.known import PORTS, PROTOCOLS
from zoneguard.firewall.model import Action, Line, Match
from zoneguard.net.address import spans_of
from zoneguard.net.service import ALL_PORTS, ConnectionState, Service
from zoneguard.net.spans import ANY_V4, ANYWHERE, subtract_spans

if TYPE_CHECKING:
    from zoneguard.firewall.model import Place
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

ANY_V6 = subtract_spans(ANYWHERE, ANY_V4)
OPEN = int(ConnectionState.ESTABLISHED | ConnectionState.RELATED)


class Entry(NamedTuple):
    """One entry of an access list, in the order of its sequence number, or of the file where it has none."""

    sequence: int
    action: Action
    match: Match
    place: Place
    remark: str


class Dynamic(NamedTuple):
    """A dynamic list: the access lists that trigger it, and that it lets through besides, back and onward."""

    trigger: str
    back: str
    onward: str
    unknown: tuple[str, ...]
    place: Place


def family_of(word: str) -> Spans:
    """Give the addresses of a command's family: `ip` is IPv4."""
    return ANY_V6 if word == "ipv6" else ANY_V4


def entry_of(family: str, words: list[str], place: Place, remark: str) -> Entry | None:
    """Read `[SEQUENCE] permit|deny PROTOCOL src … [sport …] dest … [dport …]`; None when it has no such form."""
    sequence = 0
    if words and words[0].isdecimal() and len(words[0]) < 10:
        sequence, words = int(words[0]), words[1:]
    if len(words) < 2 or words[0] not in ("permit", "deny"):
        return None
    everywhere = family_of(family)
    fields: dict[str, Spans] = {"src": everywhere, "dest": everywhere}
    ports: dict[str, Span] = {"sport": ALL_PORTS, "dport": ALL_PORTS}
    kinds: dict[str, int] = {}
    unknown: list[str] = []
    rest = words[2:]
    while rest:
        word, rest = rest[0], rest[1:]
        if word in fields and rest:
            spans = everywhere if rest[0] == "any" else _network(family, rest[0])
            if spans is None:
                unknown.append(f"{word} {rest[0]}")
            fields[word], rest = spans or everywhere, rest[1:]
        elif word in ports and rest:
            span, used = _span(rest)
            if span is None:
                unknown.append(f"{word} {' '.join(rest[:2])}")
            ports[word], rest = span or ALL_PORTS, rest[used:]
        elif word in ("type", "code") and rest and rest[0].isdecimal() and int(rest[0]) < 256:
            kinds[word], rest = int(rest[0]), rest[1:]
        else:
            unknown.append(word)
    service, unclear = _service(words[1].lower(), ports, kinds, ipv6=family == "ipv6")
    match = Match(
        source=fields["src"],
        destination=fields["dest"],
        services=(service,),
        unknown=tuple(unknown + unclear),
    )
    return Entry(sequence, Action.PERMIT if words[0] == "permit" else Action.DENY, match, place, remark)


def _network(family: str, text: str) -> Spans | None:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    return spans_of(network) if (network.version == 6) == (family == "ipv6") else None


def _span(words: list[str]) -> tuple[Span | None, int]:
    """Read `any`, `eq N`, `range A B`, `gt N`, `lt N` or a bare number; give the span and how many words it took."""
    if words[0] == "any":
        return ALL_PORTS, 1
    if words[0] == "range":
        ends = [_port(word) for word in words[1:3]]
        low, high = (*ends, None, None)[:2]
        return ((low, high) if low is not None and high is not None and low <= high else None), 3
    if words[0] in ("eq", "gt", "lt"):
        number = _port(words[1]) if len(words) > 1 else None
        if number is None:
            return None, 2
        span = {"eq": (number, number), "gt": (number + 1, 65535), "lt": (0, number - 1)}[words[0]]
        return (span if span[0] <= span[1] else None), 2
    number = _port(words[0])
    return ((number, number) if number is not None else None), 1


def _port(word: str) -> int | None:
    if re.fullmatch(r"[0-9]{1,5}", word):
        return int(word) if int(word) <= 65535 else None
    return PORTS.get(word.lower())


def _service(
    word: str, ports: dict[str, Span], kinds: dict[str, int], *, ipv6: bool
) -> tuple[Service, list[str]]:
    open_ports = ports["sport"] == ports["dport"] == ALL_PORTS
    if word in ("ip", "ipv6"):
        return Service(), [] if open_ports else ["ports of no protocol"]
    number = int(word) if re.fullmatch(r"[0-9]{1,3}", word) else PROTOCOLS.get(word, 256)
    if word == "icmp" and ipv6:
        number = 58
    if number > 255:
        return Service(), [f"protocol {word}"]
    if number in (1, 58):
        first = kinds.get("type", 0) * 256 + kinds.get("code", 0)
        last = kinds.get("type", 255) * 256 + kinds.get("code", 255)
        unclear = ["code of any type"] if "code" in kinds and "type" not in kinds else []
        return Service((number, number), dport=(0, 65535) if unclear else (first, last)), unclear
    if number not in (6, 17) and not open_ports:
        return Service((number, number)), ["ports of no protocol"]
    return Service((number, number), sport=ports["sport"], dport=ports["dport"]), []


def static_lines(name: str, entries: list[Entry], applied: Place, *, logs: bool) -> list[Line]:
    """Give the lines of an access list; what none of them matches goes on to the next list of the interface."""
    return [
        Line(
            id=f"{name} {entry.sequence or at}",
            action=entry.action,
            match=entry.match,
            places=(entry.place, applied),
            comment=entry.remark,
            log=logs and entry.action is Action.DENY,
        )
        for at, entry in enumerate(entries, 1)
    ]


def dynamic_lines(name: str, dynamic: Dynamic, triggers: list[Entry], applied: Place) -> list[Line]:
    """Give the lines of a dynamic list for packets that open a session.

    What a deny in the trigger list does is not documented: the packet may be discarded or go on, and whatever
    the list permits after it may be meant for fewer packets.
    """
    lines = []
    after: tuple[str, ...] = ()
    for at, entry in enumerate(triggers, 1):
        if entry.action is Action.DENY:
            after = ("after a deny in a trigger list",)
        lines.append(
            Line(
                id=f"{name} {entry.sequence or at}",
                action=entry.action,
                match=_with(entry.match, dynamic.unknown + after),
                places=(entry.place, dynamic.place, applied),
                comment=entry.remark,
            )
        )
    return lines


def session_lines(
    name: str, dynamic: Dynamic, lists: dict[str, list[Entry]], applied: Place, *, back: bool
) -> list[Line]:
    """Give the lines, asked before all others, for packets of open sessions in one direction of the interface."""
    places = (dynamic.place, applied)
    found = []
    besides = lists.get(dynamic.back if back else dynamic.onward, [])
    if back:
        for entry in lists.get(dynamic.trigger, []):
            if entry.action is Action.PERMIT:
                match = entry.match
                found.append(
                    Match(
                        source=match.destination, destination=match.source,
                        services=tuple(_reply(one) for one in match.services), unknown=match.unknown,
                    )
                )  # fmt: skip
    for entry in besides:
        if entry.action is Action.PERMIT:
            related = tuple(one._replace(states=int(ConnectionState.RELATED)) for one in entry.match.services)
            found.append(
                Match(
                    source=entry.match.source, destination=entry.match.destination, services=related, unknown=entry.match.unknown
                )
            )  # fmt: skip
    return [
        Line(
            id=f"{name} (session)",
            action=Action.PERMIT,
            match=_with(match, dynamic.unknown),
            places=places,
            implicit=True,
        )
        for match in found
    ]


def undefined_lines(family: str, name: str, applied: Place) -> list[Line]:
    """Give the lines for a list that does not exist: it may pass or discard whatever reaches it."""
    match = Match(
        source=family_of(family),
        destination=family_of(family),
        unknown=(f"access list {name} is not defined",),
    )
    return [Line(id=name, action=action, match=match, places=(applied,)) for action in Action]


def _reply(one: Service) -> Service:
    if one.protocol in ((6, 6), (17, 17)):
        return one._replace(sport=one.dport, dport=one.sport, states=OPEN)
    return one._replace(dport=ALL_PORTS, states=OPEN)


def _with(match: Match, unknown: tuple[str, ...]) -> Match:
    return Match(
        source=match.source, destination=match.destination, services=match.services, unknown=match.unknown + unknown
    )  # fmt: skip
