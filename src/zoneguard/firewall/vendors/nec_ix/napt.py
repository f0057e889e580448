"""NAPT of the UNIVERGE IX, and how it stands to filters in each version."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from zoneguard.firewall.known import PORTS, PROTOCOLS
from zoneguard.firewall.model import Action, Line, Mapping, Match, Translation
from zoneguard.net.address import number_of
from zoneguard.net.service import ALL_PORTS, ConnectionState, Service
from zoneguard.net.spans import ANY_V4

if TYPE_CHECKING:
    from zoneguard.firewall.vendors.nec_ix.config import Napt, Port
    from zoneguard.firewall.vendors.nec_ix.lists import Entry
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

_SERVICES = {"ftp": 21, "http": 80, "https": 443, "pop3": 110, "smtp": 25, "ssh": 22, "telnet": 23}
OPEN = int(ConnectionState.ESTABLISHED | ConnectionState.RELATED)


def incoming(name: str, port: Port, extra: tuple[str, ...] = ()) -> list[Translation]:
    """Make the translations of packets that come in; entries for the router's own address translate nothing."""
    outer, unknown = outer_of(port)
    found = []
    for one in port.napt_entries:
        address, service, inner_port, unclear = _entry(one)
        if address is None:
            continue
        found.append(
            Translation(
                id=one.label,
                match=Match(
                    source=ANY_V4, destination=outer, services=(service,), ingress=frozenset((name,)),
                    unknown=unknown + unclear + extra,
                ),
                places=(one.place,),
                destination=Mapping(address=address, port=inner_port),
            )
        )  # fmt: skip
    return found


def outgoing(
    name: str, port: Port, lists: dict[str, list[Entry]], extra: tuple[str, ...] = ()
) -> list[Translation]:
    """Make the translation of packets that go out, from the inside list where there is one."""
    outer, _ = outer_of(port)
    here = frozenset((name,))
    places = (port.napt,) if port.napt else ()
    to = Mapping(address=outer[0], port=(1024, 65535))
    if port.napt_inside is None:
        return [
            Translation(
                id="ip napt", match=Match(source=ANY_V4, destination=ANY_V4, egress=here, unknown=extra), places=places, source=to
            )
        ]  # fmt: skip
    return [
        Translation(
            id=f"ip napt {port.napt_inside}",
            match=Match(
                source=entry.match.source, destination=entry.match.destination, services=entry.match.services,
                egress=here, unknown=entry.match.unknown + extra,
            ),
            places=(*places, entry.place),
            source=to if entry.action is Action.PERMIT else None,
        )
        for entry in lists.get(port.napt_inside, [])
    ]  # fmt: skip


def overriding(port: Port, version: str) -> list[Line]:
    """Give the lines by which NAPT lets packets past the incoming filters of an interface.

    Up to 7.5.11 whatever a NAPT session or static entry takes is not asked of static filters; from 8.0.3 both apply.
    Between them, and where the version is not known, either may hold.
    """
    numbers = tuple(int(part) for part in re.findall(r"\d{1,6}", version)[:3])
    if numbers and numbers >= (8, 0, 3):
        return []
    unsure = (
        () if numbers and numbers <= (7, 5, 11) else ("NAPT before or beside filters: version not known",)
    )
    outer, unknown = outer_of(port)
    places = (port.napt,) if port.napt else ()
    session = Service(states=OPEN)
    lines = [
        Line(
            id="ip napt (session)", action=Action.PERMIT, places=places, implicit=True,
            match=Match(source=ANY_V4, destination=ANY_V4, services=(session,), unknown=(*unsure, "a session that NAPT knows")),
        )
    ]  # fmt: skip
    for one in port.napt_entries:
        address, service, inner_port, unclear = _entry(one)
        if address is None:
            continue
        inside = service if inner_port is None else service._replace(dport=inner_port)
        for where, what in ((outer, service), ((address,), inside)):
            lines.append(
                Line(
                    id=one.label, action=Action.PERMIT, places=(one.place,), implicit=True,
                    match=Match(source=ANY_V4, destination=where, services=(what,), unknown=unsure + unknown + unclear),
                )
            )  # fmt: skip
    return lines


def outer_of(port: Port) -> tuple[Spans, tuple[str, ...]]:
    """Give the address that NAPT stands for; any IPv4 address where the configuration leaves it out."""
    if port.napt_address:
        try:
            number = number_of(IPv4Address(port.napt_address))
        except ValueError:
            return ANY_V4, ("outer address",)
        return ((number, number),), ()
    for one in port.addresses:
        if one.version == 4:
            return ((number_of(one.ip), number_of(one.ip)),), ()
    return ANY_V4, ("outer address",)


def _entry(one: Napt) -> tuple[Span | None, Service, Span | None, tuple[str, ...]]:
    """Give inner address (None: the router's own), outer service, inner port, and what is not clear."""
    words = one.words
    inner_port: Span | None = None
    unclear: list[str] = []
    if words[0] == "service":
        known = _SERVICES.get(words[1])
        kind = ["tcp", str(known)] if known and len(words) == 3 else words[4:6]
        if len(words) > 3 and words[3] != "none":
            inner_port = _port(words[3])
            if inner_port is None:
                unclear.append(f"inner port {words[3]}")
        words = [words[2], *kind, *words[6:]]
    address: Span | None = None
    try:
        number = number_of(IPv4Address(words[0]))
        address = (number, number)
    except ValueError:
        if not re.fullmatch(r"[A-Z]\w*\d[\d./:]*", words[0]):
            unclear.append(f"inner address {words[0]}")
            address = ANY_V4[0]
    service, unknown = _service(words[1:])
    return address, service, inner_port, tuple(unclear) + unknown


def _service(words: list[str]) -> tuple[Service, tuple[str, ...]]:
    if not words:
        return Service(), ("protocol",)
    word = words[0].lower()
    number = int(word) if re.fullmatch(r"[0-9]{1,3}", word) else PROTOCOLS.get(word, 256)
    if number > 255:
        return Service(), (f"protocol {word}",)
    rest = words[1:]
    if number not in (6, 17):
        return Service((number, number)), () if not rest or rest == ["any"] else (" ".join(rest),)
    span = ALL_PORTS if rest[:1] in ([], ["any"]) else _port(rest[0])
    clear = span is not None and len(rest) < 2
    return Service((number, number), dport=span or ALL_PORTS), () if clear else (" ".join(rest),)


def _port(text: str) -> Span | None:
    first, _, last = text.partition("-")
    numbers = [
        int(word) if re.fullmatch(r"[0-9]{1,5}", word) else PORTS.get(word, 65536)
        for word in (first, last or first)
    ]
    return (numbers[0], numbers[1]) if numbers[0] <= numbers[1] <= 65535 else None
