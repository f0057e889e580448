"""Filters of YAMAHA routers: static and dynamic definitions to matches, and lists on interfaces to lines."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.known import PORTS, PROTOCOLS
from zoneguard.firewall.model import Action, Line, Match
from zoneguard.net.address import number_of, spans_of
from zoneguard.net.service import ALL_FLAGS, ALL_PORTS, ConnectionState, Service, flags_matching
from zoneguard.net.spans import ANY_V4, ANYWHERE, spans_from, subtract_spans

if TYPE_CHECKING:
    from zoneguard.firewall.model import Place
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

ANY_V6 = subtract_spans(ANYWHERE, ANY_V4)
MOST_PORT_PAIRS = 4096  # of one filter; a router takes lists of ten or so
_OPEN = int(ConnectionState.ESTABLISHED | ConnectionState.RELATED)


class Static(NamedTuple):
    """A static filter: `kind` is pass, reject or restrict."""

    number: str
    kind: str
    log: bool
    match: Match
    place: Place
    remark: str


class Dynamic(NamedTuple):
    """A dynamic filter: sessions it watches, and what it lets through besides, back and onward."""

    number: str
    source: Spans
    destination: Spans
    services: tuple[Service, ...]
    back: tuple[Service, ...]
    onward: tuple[Service, ...]
    unknown: tuple[str, ...]
    place: Place
    remark: str


def family_of(word: str) -> Spans:
    """Give the addresses of a command's family: `ip` is IPv4."""
    return ANY_V6 if word == "ipv6" else ANY_V4


def static_of(family: str, words: list[str], place: Place, remark: str) -> Static | None:
    """Read `NUMBER ACTION SRC [DST [PROTOCOL [SPORT [DPORT]]]]`; None when it has no such form."""
    kind, _, log = words[1].partition("-")
    if kind not in ("pass", "reject", "restrict") or log not in ("", "log", "nolog") or len(words) < 3:
        return None
    fields = [*words[2:7], "*", "*", "*", "*"]
    unknown: list[str] = []
    match = Match(
        source=addresses_of(family, fields[0], unknown),
        destination=addresses_of(family, fields[1], unknown),
        services=services_of(fields[2], fields[3], fields[4], unknown),
        unknown=tuple(unknown + words[7:]),
    )
    return Static(words[0], kind, log == "log" or (kind == "reject" and not log), match, place, remark)


def addresses_of(family: str, text: str, unknown: list[str]) -> Spans:
    """Read a list of addresses; what is none (a domain name) is added to `unknown`, and all is possible."""
    everything = family_of(family)
    if text == "*":
        return everything
    stretches: list[Span] = []
    for word in text.split(","):
        spans = everything if word == "*" else _address(word)
        if not spans or (family == "ip") != (ANY_V4[0][0] <= spans[0][0] <= ANY_V4[0][1]):
            unknown.append(f"address {word!r}")
            return everything
        stretches += spans
    return spans_from(stretches)


def _address(word: str) -> Spans | None:
    try:
        if "-" in word:
            low, high = (ip_address(end) for end in word.split("-", 1))
            return ((number_of(low), number_of(high)),) if number_of(low) <= number_of(high) else None
        if octets := re.fullmatch(r"((?:\d+\.){1,3})\*(?:\.\*){0,2}", word):
            given = octets[1].count(".")
            return spans_of(ip_network(octets[1] + ".".join("0" * (4 - given)) + f"/{8 * given}"))
        if hexadecimal := re.fullmatch(r"([\d.]+)/0x([0-9a-fA-F]{8})", word):
            word = f"{hexadecimal[1]}/{ip_address(int(hexadecimal[2], 16))}"
        return spans_of(ip_network(word, strict=False))
    except ValueError:
        return None


def services_of(protocols: str, sports: str, dports: str, unknown: list[str]) -> tuple[Service, ...]:
    """Read protocol, source ports and destination ports; for ICMP the two are types and codes."""
    found: list[Service] = []
    for word in protocols.split(","):
        if word.lower() in ("icmp", "icmp4", "icmp6") and (sports, dports) != ("*", "*"):
            one = PROTOCOLS["icmp6" if word.lower() == "icmp6" else "icmp"]
            types, codes = _numbers(sports, 255), _numbers(dports, 255)
            if types is None or codes is None:
                unknown.append(f"icmp {sports} {dports}")
                types, codes = [(0, 255)], [(0, 255)]
            found += [Service((one, one), dport=span) for span in _icmp_spans(types, codes)]
            continue
        bases = _protocol(word.lower())
        if bases is None:
            unknown.append(f"protocol {word!r}")
            return (Service(),)
        source, destination = _ports(sports), _ports(dports)
        ported = all(base.protocol in ((6, 6), (17, 17), (132, 132), (136, 136)) for base in bases)
        too_many = len(source or ()) * len(destination or ()) > MOST_PORT_PAIRS
        if (
            source is None
            or destination is None
            or too_many
            or (not ported and (sports, dports) != ("*", "*"))
        ):
            unknown.append(f"ports {sports} {dports}")
            source, destination = [ALL_PORTS], [ALL_PORTS]
        found += [
            base if not ported else base._replace(sport=one, dport=other)
            for base in bases
            for one in source
            for other in destination
        ]
    return tuple(dict.fromkeys(found))


_ICMP_ERROR = (3, 4, 5, 11, 12, 31, 32)
_ICMP_INFO = (0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 30, 33, 34, 35, 36)


def _protocol(word: str) -> list[Service] | None:
    if word == "*":
        return [Service()]
    if word in ("icmp-error", "icmp-info"):
        types = _ICMP_ERROR if word == "icmp-error" else _ICMP_INFO
        return [Service((1, 1), dport=(one * 256, one * 256 + 255)) for one in types]
    if (flags := _flags(word)) is not None:
        return [Service((6, 6), flags=flags)]
    if re.fullmatch(r"[0-9]{1,3}", word) and int(word) < 256:
        return [Service((int(word), int(word)))]
    number = PROTOCOLS.get(word)
    return None if number is None else [Service((number, number))]


def _flags(word: str) -> int | None:
    if word in ("tcpfin", "tcprst", "established"):
        return {
            "tcpfin": flags_matching(0x01, 0x01),
            "tcprst": flags_matching(0x04, 0x04),
            "established": ALL_FLAGS & ~flags_matching(0x14, 0),
        }[word]
    found = re.fullmatch(r"tcpflag(!?)=0x([0-9a-f]{1,4})/0x([0-9a-f]{1,4})", word)
    if not found:
        return None
    mask = int(found[3], 16)
    value = int(found[2], 16) & mask
    if mask > 255:
        return None
    flags = flags_matching(mask, value)
    flags = ALL_FLAGS & ~flags if found[1] else flags
    return flags or None


# Names that the router knows in its own spelling; the others are those of the IANA registry.
_MNEMONICS = {
    "ftpdata": 20, "netbios_dgm": 138, "netbios_ns": 137, "netbios_ssn": 139, "route": 520, "tcpmux": 1, "mail": 25,
}  # fmt: skip


def _ports(text: str) -> list[Span] | None:
    if text == "*":
        return [ALL_PORTS]
    spans: list[Span] = []
    for word in text.split(","):
        first, dash, last = word.partition("-")
        low = _port(first) if first or not dash else 0
        high = _port(last) if last else 65535 if dash else low
        if word == "*":
            low, high = ALL_PORTS
        if low is None or high is None or not low <= high <= 65535:
            return None
        spans.append((low, high))
    return spans


def _port(word: str) -> int | None:
    if re.fullmatch(r"[0-9]{1,5}", word):
        return int(word)
    return _MNEMONICS.get(word.lower(), PORTS.get(word.lower()))


def _numbers(text: str, most: int) -> list[Span] | None:
    spans = _ports(text)
    if spans is None:
        return None
    return [(low, min(high, most)) for low, high in spans if low <= most] or None


def _icmp_spans(types: list[Span], codes: list[Span]) -> list[Span]:
    if codes == [(0, 255)]:
        return [(low * 256, high * 256 + 255) for low, high in types]
    return [
        (one * 256 + low, one * 256 + high)
        for first, last in types
        for one in range(first, last + 1)
        for low, high in codes
    ]


def _dynamic_services(name: str) -> tuple[Service, ...] | None:
    """Give the services of an application name in a dynamic filter, where `www` is ports 80 and 443."""
    tcp = {"ftp": (21,), "http": (80,), "https": (443,), "pop3": (110,), "smtp": (25,), "ssh": (22,), "submission": (587,),
           "telnet": (23,), "www": (80, 443), "domain": (53,)}  # fmt: skip
    udp = {"domain": (53,), "ntp": (123,), "snmp": (161,), "syslog": (514,), "tftp": (69,)}
    if name in ("tcp", "udp"):
        return (Service((PROTOCOLS[name], PROTOCOLS[name])),)
    if name == "ping":
        return (Service((1, 1), dport=(2048, 2303)),)
    if name == "ping6":
        return (Service((58, 58), dport=(128 * 256, 128 * 256 + 255)),)
    made = [Service((6, 6), dport=(port, port)) for port in tcp.get(name, ())]
    made += [Service((17, 17), dport=(port, port)) for port in udp.get(name, ())]
    return tuple(made) or None


def dynamic_of(
    family: str, words: list[str], statics: dict[str, Static], place: Place, remark: str
) -> Dynamic | None:
    """Read `NUMBER SRC DST APPLICATION` or `NUMBER SRC DST filter LIST [in LIST] [out LIST]`, options behind it.

    Of the static filters it refers to, only protocol and ports count.
    """
    if len(words) < 4:
        return None
    unknown: list[str] = []
    source = addresses_of(family, words[1], unknown)
    destination = addresses_of(family, words[2], unknown)
    lists: dict[str, list[Service]] = {"filter": [], "in": [], "out": []}
    if words[3] == "filter":
        kind = "filter"
        for word in words[4:]:
            if word in ("in", "out"):
                kind = word
            elif word in statics:
                lists[kind] += statics[word].match.services
                unknown += [one for one in statics[word].match.unknown if not one.startswith("address")]
            elif "=" not in word:
                unknown.append(f"filter {word}")
        if not lists["filter"]:
            lists["filter"] = [Service()]
            unknown.append("filter")
    else:
        services = _dynamic_services(words[3].lower())
        if services is None:
            unknown.append(f"application {words[3]!r}")
        lists["filter"] = list(services or (Service(),))
        if words[3].lower() == "ftp":
            lists["in"], lists["out"] = [Service((6, 6))], [Service((6, 6))]
    return Dynamic(
        words[0], source, destination, tuple(dict.fromkeys(lists["filter"])), tuple(lists["in"]), tuple(lists["out"]),
        tuple(unknown), place, remark,
    )  # fmt: skip


def static_lines(word: str, static: Static, applied: Place, *, logs: bool) -> list[Line]:
    """Give the lines of a static filter in a list; `restrict` passes while the line is up and else discards."""
    name = f"{word} filter {static.number}"
    passing = Line(
        id=name,
        action=Action.DENY if static.kind == "reject" else Action.PERMIT,
        match=static.match,
        places=(static.place, applied),
        comment=static.remark,
        log=logs and static.log,
    )
    if static.kind != "restrict":
        return [passing]
    match = static.match
    up = Match(
        source=match.source, destination=match.destination, services=match.services,
        unknown=(*match.unknown, "restrict: only while the line is up"),
    )  # fmt: skip
    return [
        Line(
            id=name,
            action=Action.PERMIT,
            match=up,
            places=passing.places,
            comment=static.remark,
            log=passing.log,
        ),
        Line(
            id=name,
            action=Action.DENY,
            match=match,
            places=passing.places,
            comment=static.remark,
            log=passing.log,
        ),
    ]


def dynamic_line(word: str, dynamic: Dynamic, applied: Place) -> Line:
    """Give the line that lets the sessions of a dynamic filter through, asked after the static ones."""
    return Line(
        id=f"{word} filter dynamic {dynamic.number}",
        action=Action.PERMIT,
        match=Match(
            source=dynamic.source, destination=dynamic.destination, services=dynamic.services, unknown=dynamic.unknown
        ),
        places=(dynamic.place, applied),
        comment=dynamic.remark,
    )  # fmt: skip


def session_lines(word: str, dynamic: Dynamic, applied: Place) -> tuple[list[Line], list[Line]]:
    """Give the lines asked before all others for packets of open sessions: onward, and back the other way."""
    replies = [
        one._replace(sport=one.dport, dport=one.sport, states=_OPEN)
        if one.protocol in ((6, 6), (17, 17))
        else one._replace(dport=ALL_PORTS, states=_OPEN)
        for one in dynamic.services
    ]
    back = tuple(replies) + tuple(one._replace(states=int(ConnectionState.RELATED)) for one in dynamic.back)
    onward = tuple(one._replace(states=int(ConnectionState.RELATED)) for one in dynamic.onward)
    places = (dynamic.place, applied)
    name = f"{word} filter dynamic {dynamic.number} (session)"

    def line(source: Spans, destination: Spans, services: tuple[Service, ...]) -> list[Line]:
        match = Match(source=source, destination=destination, services=services, unknown=dynamic.unknown)
        return (
            [Line(id=name, action=Action.PERMIT, match=match, places=places, implicit=True)]
            if services
            else []
        )

    return line(dynamic.source, dynamic.destination, onward), line(dynamic.destination, dynamic.source, back)


def undefined_lines(word: str, number: str, applied: Place) -> list[Line]:
    """Give the lines for a number that no filter has: it may pass or discard whatever reaches it."""
    match = Match(
        source=family_of(word),
        destination=family_of(word),
        unknown=(f"{word} filter {number} is not defined",),
    )
    return [
        Line(id=f"{word} filter {number}", action=action, match=match, places=(applied,)) for action in Action
    ]
