"""Cells of a hand-kept list to addresses and services; what a cell may also mean is said, never chosen."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.known import ICMP6_TYPES, ICMP_TYPES, PORTS, PROTOCOLS
from zoneguard.firewall.vendors.csv.words import is_any, narrow
from zoneguard.net.address import number_of, spans_of
from zoneguard.net.service import ALL_PORTS, Service
from zoneguard.net.spans import ANYWHERE, spans_from, subtract_spans

if TYPE_CHECKING:
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

MOST_VALUES = 10_000  # of one cell


class Addresses(NamedTuple):
    """The addresses a cell names at most; `unclear` holds what was not understood in it."""

    spans: Spans
    unclear: tuple[str, ...] = ()


class Services(NamedTuple):
    """The services that cells name at most; `unclear` holds what was not understood in them."""

    services: tuple[Service, ...]
    unclear: tuple[str, ...] = ()


def values_of(cell: str) -> list[str]:
    """Part a cell at its separators: ; 、 , | and line breaks."""
    return [part for piece in re.split(r"[;、,|\n\r]+", narrow(cell)) if (part := piece.strip())][
        :MOST_VALUES
    ]


@lru_cache(maxsize=4096)  # the same few cells fill a column
def addresses_of(cell: str) -> Addresses:
    """Read a cell of addresses: networks, ranges, several of them, or all but one."""
    if is_any(cell):
        return Addresses(ANYWHERE)
    text = re.sub(r"\s*[-~〜–—]\s*(?=[\d:a-fA-F])", "-", narrow(cell))
    text = re.sub(r"(?<=\d)\s+(?=(?:255|254|252|248|240|224|192|128)\.\d+\.\d+\.\d+(?![\d./-]))", "/", text)
    text = re.sub(r"\s*/\s*", "/", text)
    values = [word for value in values_of(text) for word in _words(value)]
    if len(values) == 1 and (excluded := _NOT.fullmatch(values[0])):
        spans = _address(excluded["before"] or excluded["after"])
        return Addresses(subtract_spans(ANYWHERE, spans)) if spans else Addresses(ANYWHERE, (cell,))
    stretches: list[Span] = []
    unclear = []
    for value in values:
        spans = ANYWHERE if is_any(value) else _address(value)
        if spans is None:
            unclear.append(value)
        else:
            stretches += spans
    if unclear or not stretches:
        return Addresses(ANYWHERE, tuple(unclear) or (cell.strip(),))
    return Addresses(spans_from(stretches))


_NOT = re.compile(r"(?:!|not\s)\s*(?P<before>\S+)|(?P<after>\S+?)\s?(?:以外|を除く)", re.IGNORECASE)
_NOTE = re.compile(r"(?P<before>[^()]*)\((?P<inside>[^()]*)\)")
_EXCEPT = re.compile(r"除|以外|のぞ|except|not\b|!", re.IGNORECASE)


def _words(value: str) -> list[str]:
    """Part at blanks, a remark in brackets taken off: the address may stand before the brackets or in them."""
    note = _NOTE.fullmatch(value)
    if note and not _EXCEPT.search(value):
        before, inside = note["before"].strip(), note["inside"].strip()
        if _address(before) and not re.search(r"\d\.\d|::", inside):
            return [before]
        if _address(inside) and not re.search(r"\d\.\d|::", before):
            return [inside]
    if re.match(r"(?:!|not\s)", value, re.IGNORECASE) or _EXCEPT.search(value):
        return [value]
    words = value.split()
    return words if all(_address(word) or is_any(word) for word in words) else [value]


def _address(text: str) -> Spans | None:
    if octets := re.fullmatch(r"(\d+\.(?:\d+\.)*)((?:\*\.?){1,3})", text):
        known = octets[1].rstrip(".")
        given = known.count(".") + 1
        if given + octets[2].count("*") != 4:
            return None
        text = known + ".0" * (4 - given) + f"/{8 * given}"
    try:
        if "-" in text:
            return _range(*text.split("-", 1))
        if re.fullmatch(r"[\d.]+", text) and text.count(".") != 3:
            return None
        return spans_of(ip_network(text, strict=False))
    except ValueError:
        return None


def _range(first: str, last: str) -> Spans | None:
    low = ip_address(first)
    if last.isascii() and last.isdigit() and isinstance(low, IPv4Address):
        last = first.rpartition(".")[0] + "." + last
    high = ip_address(last)
    if low.version != high.version or int(high) < int(low):
        return None
    return ((number_of(low), number_of(high)),)


@lru_cache(maxsize=4096)
def services_of(protocol: str, port: str, source_port: str, service: str) -> Services:
    """Read the four cells that may say the service; a blank one says nothing.

    Where a service and a port are both given and are not the same, both are named as possible.
    """
    by_port = _by_port(protocol, port) if protocol.strip() or port.strip() else None
    by_name = _by_name(service) if service.strip() else None
    if by_port is None and by_name is None:
        return Services((Service(),), ("",))
    found = by_port or by_name or Services((Service(),))
    if by_port and by_name and not is_any(service):
        label = not port.strip() or is_any(port) or by_port.unclear
        if by_name.unclear and label:
            found = Services(by_port.services, (*by_port.unclear, service.strip()))
        elif not by_name.unclear and set(by_name.services) != set(by_port.services):
            union = tuple(dict.fromkeys(by_port.services + by_name.services))
            found = Services(union, (f"{service.strip()} / {protocol.strip()} {port.strip()}",))
    if source_port.strip() and not is_any(source_port):
        spans, unclear = _ports(source_port, "")
        with_source = [one._replace(sport=span) for one in found.services for span in spans]
        found = Services(tuple(with_source) or found.services, (*found.unclear, *unclear))
    return found


def _by_port(protocol: str, port: str) -> Services:
    protocols = _protocols(protocol)
    if protocols is None:
        return _by_protocol_name(protocol, port)
    whole = tuple(Service((one, one)) for one in protocols)
    if not port.strip() and {6, 17} & set(protocols):
        # A protocol alone in a list that has ports apart may mean all ports, or one that was forgotten.
        return Services(whole, (f"{protocol.strip()} ",))
    if not port.strip() or is_any(port):
        return Services(whole or (Service(),))
    if inline := _inline(port, protocols):
        return inline
    spans, unclear = _ports(port, protocol)
    if not protocols:
        either = tuple(Service((one, one), dport=span) for one in (6, 17) for span in spans)
        return Services(either, (*unclear, port.strip()))
    made = tuple(
        Service((one, one), dport=_icmp(span) if one in (1, 58) else span)
        for one in protocols
        for span in spans
    )
    return Services(made or whole, unclear)


def _by_protocol_name(protocol: str, port: str) -> Services:
    """Read a protocol cell that names services: "HTTPS", "tcp/443"; a port beside it has to say the same."""
    named = _by_name(protocol)
    if port.strip() and not is_any(port):
        spans, unclear = _ports(port, "")
        if unclear or sorted(one.dport for one in named.services) != sorted(spans):
            return Services((Service(),), (f"{protocol.strip()} {port.strip()}",))
    return named


def _inline(port: str, protocols: tuple[int, ...]) -> Services | None:
    """Read ports that carry their protocol, "443/tcp", beside a protocol cell that agrees or is open."""
    if not re.search(r"tcp|udp|icmp", port, re.IGNORECASE):
        return None
    named = _by_name(port)
    if protocols and any(one.protocol[0] not in protocols for one in named.services):
        return Services(tuple(Service((one, one)) for one in protocols) + named.services, (port.strip(),))
    return named


def _protocols(cell: str) -> tuple[int, ...] | None:
    """Give protocol numbers, none for any; None when the cell names something else."""
    if not cell.strip() or is_any(cell) or narrow(cell).lower() in ("ip", "ipv4"):
        return ()
    numbers = []
    for word in re.split(r"[;、,|\n\r/・+&\s]+", narrow(cell).lower()):
        number = int(word) if re.fullmatch(r"[0-9]{1,3}", word) else PROTOCOLS.get(word, -1)
        if not 0 < number <= 255:
            return None
        numbers.append(number)
    return tuple(dict.fromkeys(numbers))


def _ports(cell: str, protocol: str) -> tuple[list[Span], tuple[str, ...]]:
    if not cell.strip() or is_any(cell):
        return [ALL_PORTS], ()
    if (grouped := _thousands(narrow(cell))) is not None:
        listed = [_port(word) for word in narrow(cell).split(",")]
        return [*(span for span in listed if span), (grouped, grouped)], (cell.strip(),)
    spans, unclear = [], []
    for word in (one for value in values_of(_ranges_closed(cell)) for one in value.split()):
        span = _icmp_word(word, protocol) or _port(word)
        if span:
            spans.append(span)
        else:
            unclear.append(word)
    return ([ALL_PORTS], tuple(unclear)) if unclear else (spans, ())


def _ranges_closed(cell: str) -> str:
    return re.sub(r"(?<=\d)\s*[-~〜–—:]\s*(?=\d)", "-", narrow(cell))


def _thousands(cell: str) -> int | None:
    """Give the port that "1,433" may be as well as two ports; None when it can be only one of the two."""
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+", cell) and (number := int(cell.replace(",", ""))) <= 65535:
        return number
    return None


def _port(word: str) -> Span | None:
    first, _, last = _ranges_closed(word).partition("-")
    last = last or first
    if re.fullmatch(r"[0-9]{1,5}", first) and re.fullmatch(r"[0-9]{1,5}", last):
        low, high = int(first), int(last)
        return (low, high) if low <= high <= 65535 else None
    number = PORTS.get(word.lower())
    return (number, number) if number is not None else None


def _icmp_word(word: str, protocol: str) -> Span | None:
    """Read the name of an ICMP message; the span is of types, as a port cell gives it."""
    if "icmp" not in narrow(protocol).lower():
        return None
    names = ICMP6_TYPES if "6" in protocol else ICMP_TYPES
    number = names.get(word.lower())
    return (number, number) if number is not None else None


def _icmp(types: Span) -> Span:
    return (0, 65535) if types == ALL_PORTS else (min(types[0], 255) * 256, min(types[1], 255) * 256 + 255)


def _by_name(cell: str) -> Services:
    if is_any(cell):
        return Services((Service(),))
    text = narrow(cell).lower()
    if _thousands(re.sub(r"^(?:tcp|udp)[/: ]", "", text)) is not None:
        return Services((Service(),), (cell.strip(),))
    text = re.sub(r"\b(tcp|udp)\s*[/+&・,]\s*(tcp|udp)\b", "tcpudp", text)
    text = re.sub(r"\b(tcpudp|tcp|udp|sctp|icmp|icmpv6|ip)[\s:/_-]+(?=[\da-z])", r"\1/", _ranges_closed(text))
    made: list[Service] = []
    unclear, carried = [], ""
    for value in values_of(text):
        for word in [value] if "(" in value else value.split():
            found, carried = _service(word, carried)
            if found:
                made += found
            else:
                unclear.append(word)
    if unclear or not made:
        return Services((Service(),), tuple(unclear) or (cell.strip(),))
    return Services(tuple(dict.fromkeys(made)))


_FORMS = (
    re.compile(r"(?P<protocol>tcpudp|tcp|udp|sctp)/?(?P<port>\d[\d-]*|[a-z][\w-]*)"),
    re.compile(r"(?P<port>\d[\d-]*|[a-z][\w-]*)[/:_(](?P<protocol>tcpudp|tcp|udp|sctp)\)?"),
)


def _service(word: str, carried: str) -> tuple[list[Service], str]:
    """Read one service; a bare number takes the protocol of the one before it in its cell."""
    if word in _SERVICES:
        return list(_SERVICES[word]), carried
    if label := re.fullmatch(r"(?P<label>[^()/:\d]+)\((?P<inside>[^()]+)\)", word):
        return _labelled(label["label"].strip(), label["inside"].strip())
    for form in _FORMS:
        if (found := form.fullmatch(word)) and (span := _port(found["port"])):
            return [Service((one, one), dport=span) for one in _numbers(found["protocol"])], found["protocol"]
    if carried and (span := _port(word)):
        return [Service((one, one), dport=span) for one in _numbers(carried)], carried
    if word in _WHOLE:
        return [Service((one, one)) for one in _WHOLE[word]], word
    return _of_no_port(word), ""


def _of_no_port(word: str) -> list[Service]:
    if icmp := re.fullmatch(r"(icmp|icmpv6)/(\d{1,3}|[a-z-]+)", word):
        names = ICMP6_TYPES if "6" in icmp[1] else ICMP_TYPES
        kind = int(icmp[2]) if icmp[2].isdigit() else names.get(icmp[2], 256)
        one = PROTOCOLS[icmp[1]]
        return [Service((one, one), dport=(kind * 256, kind * 256 + 255))] if kind < 256 else []
    number = re.fullmatch(r"ip/(\d{1,3})", word)
    return [Service((int(number[1]), int(number[1])))] if number and 0 < int(number[1]) < 256 else []


def _labelled(label: str, inside: str) -> tuple[list[Service], str]:
    """Read "https(443)" and "Web閲覧(tcp/443)": what stands in the brackets counts, the label where it must help."""
    found, carried = _service(inside, "")
    if found:
        return found, carried
    span = _port(inside)
    known = _SERVICES.get(label) or tuple(Service((one, one)) for one in _WHOLE.get(label, ()))
    if span and known:
        return [Service(one.protocol, dport=span) for one in known], ""
    return [], ""


def _numbers(protocol: str) -> tuple[int, ...]:
    return {"tcp": (6,), "udp": (17,), "sctp": (132,), "tcpudp": (6, 17)}.get(protocol, ())


_WHOLE = {name: (number,) for name, number in PROTOCOLS.items()} | {"tcpudp": (6, 17), "icmpv4": (1,)}


def _tcp(*ports: int) -> tuple[Service, ...]:
    return tuple(Service((6, 6), dport=(port, port)) for port in ports)


def _udp(*ports: int) -> tuple[Service, ...]:
    return tuple(Service((17, 17), dport=(port, port)) for port in ports)


# What people mean by a name in a list; a name that may mean several ports is not here.
_SERVICES = {
    "bgp": _tcp(179), "dns": _tcp(53) + _udp(53), "domain": _tcp(53) + _udp(53), "ftp": _tcp(21), "http": _tcp(80),
    "https": _tcp(443), "imap": _tcp(143), "imaps": _tcp(993), "ldap": _tcp(389), "ldaps": _tcp(636),
    "ms-sql": _tcp(1433), "mssql": _tcp(1433), "mysql": _tcp(3306), "ntp": _udp(123),
    "ping": (Service((1, 1), dport=(2048, 2303)),), "pop3": _tcp(110), "pop3s": _tcp(995), "postgresql": _tcp(5432),
    "rdp": _tcp(3389), "smb": _tcp(445), "smtp": _tcp(25), "smtps": _tcp(465), "snmp": _udp(161),
    "snmp-trap": _udp(162), "snmptrap": _udp(162), "ssh": _tcp(22), "submission": _tcp(587), "syslog": _udp(514),
    "telnet": _tcp(23), "tftp": _udp(69), "winrm": _tcp(5985, 5986),
}  # fmt: skip
