"""NAT descriptors of YAMAHA routers, as translations on the interfaces that they are set on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Mapping, Match, Translation
from zoneguard.firewall.vendors.yamaha.filters import addresses_of, services_of
from zoneguard.net.address import number_of
from zoneguard.net.service import Service
from zoneguard.net.spans import ANY_V4

if TYPE_CHECKING:
    from zoneguard.firewall.model import Place
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

MOST_STATIC = 65536  # addresses of one static entry


class Entry(NamedTuple):
    """One static entry: `outer` None is the descriptor's own outer address; no services means all, both ways."""

    number: str
    place: Place
    outer: Spans | None
    inner: Spans
    services: tuple[Service, ...] | None
    inner_port: Span | None
    unknown: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Descriptor:
    """One NAT descriptor as far as the configuration has been read."""

    kind: str = "none"
    outer: str = "ipcp"
    inner: str = "auto"
    incoming: str = "reject"
    places: list[Place] = field(default_factory=list)
    statics: list[Entry] = field(default_factory=list)
    masquerades: list[Entry] = field(default_factory=list)


class Built(NamedTuple):
    """Translations of one descriptor on one interface, of packets that come in and that go out."""

    incoming: list[Translation]
    outgoing: list[Translation]


IRRELEVANT = frozenset(
    ("backward-compatibility", "ftp", "log", "sip", "timer", "session", "rlogin", "port", "unconvertible", "ttl", "pptp", "keep-alive")
)  # fmt: skip


def read(descriptors: dict[str, Descriptor], words: list[str], place: Place) -> bool | None:
    """Read `nat descriptor …` (words behind it): True in the model, False decides no packet, None not understood."""
    if len(words) < 3:
        return None
    rest = words[1:]
    if words[0] in IRRELEVANT or (words[0] == "masquerade" and words[1] in IRRELEVANT):
        return False
    if words[0] in ("type", "address") or words[:2] == ["masquerade", "incoming"]:
        return _read_shape(descriptors, words, place)
    if words[0] == "static" and len(rest) >= 3:
        entry = _static(rest[1:], place)
        if entry:
            descriptors.setdefault(rest[0], Descriptor()).statics.append(entry)
        return bool(entry) or None
    if words[:2] == ["masquerade", "static"] and len(words) >= 6:
        entry = _masquerade(words[3:], place)
        if entry:
            descriptors.setdefault(words[2], Descriptor()).masquerades.append(entry)
        return bool(entry) or None
    return None


def _read_shape(descriptors: dict[str, Descriptor], words: list[str], place: Place) -> bool | None:
    if words[0] == "type" and words[2] in ("none", "nat", "masquerade", "nat-masquerade"):
        one = descriptors.setdefault(words[1], Descriptor())
        one.kind = words[2]
    elif words[0] == "address" and len(words) >= 4 and words[1] in ("outer", "inner"):
        one = descriptors.setdefault(words[2], Descriptor())
        if words[1] == "outer":
            one.outer = ",".join(words[3:])
        else:
            one.inner = ",".join(words[3:])
    elif (
        words[0] == "masquerade"
        and len(words) >= 4
        and words[3] in ("reject", "through", "discard", "forward")
    ):
        one = descriptors.setdefault(words[2], Descriptor())
        one.incoming = " ".join(words[3:5])
    else:
        return None
    one.places.append(place)
    return True


def _static(words: list[str], place: Place) -> Entry | None:
    outer, equals, inner = words[1].partition("=")
    count = words[2] if len(words) > 2 else "1"
    if not equals or not re.fullmatch(r"[0-9]{1,5}", count):
        return None
    spans = []
    for text in (outer, inner):
        try:
            first = number_of(IPv4Address(text))
        except ValueError:
            return None
        last = first + max(1, int(count)) - 1
        if last > ANY_V4[0][1]:
            return None
        spans.append(((first, last),))
    return Entry(words[0], place, spans[0], spans[1], None, None, ())


def _masquerade(words: list[str], place: Place) -> Entry | None:
    """Read `ID INNER PROTOCOL [OUTER_PORT=]INNER_PORT`."""
    unknown: list[str] = []
    outer_address, equals, inner_address = words[1].rpartition("=")
    inner = addresses_of("ip", inner_address, unknown)
    outer = addresses_of("ip", outer_address, unknown) if equals else None
    ports = words[3] if len(words) > 3 else "*"
    outer_port, equals, inner_port = ports.rpartition("=")
    services = services_of(words[2], "*", outer_port if equals else inner_port, unknown)
    target = services_of("tcp", "*", inner_port, unknown)[0].dport if equals else None
    if len(inner) != 1 or inner[0][0] != inner[0][1]:
        unknown.append("inner address")
        inner = ANY_V4
    return Entry(words[0], place, outer, inner, services, target, tuple(unknown + words[4:]))


def build(name: str, number: str, one: Descriptor, *, primary: Spans | None) -> Built:
    """Make the translations of a descriptor on interface `name`, whose first own address is `primary`."""
    if one.kind == "none":
        return Built([], [])
    outer, unknown = _outer(one.outer, primary)
    here = frozenset((name,))
    incoming, outgoing = [], []
    for entry in one.statics:
        label = f"nat descriptor static {number} {entry.number}"
        outside, inside = entry.outer or outer, entry.inner
        incoming.append(
            Translation(
                id=label, match=Match(source=ANY_V4, destination=outside, ingress=here), places=(entry.place,),
                destination=Mapping(address=inside[0]),
            )
        )  # fmt: skip
        outgoing.append(
            Translation(
                id=label, match=Match(source=inside, destination=ANY_V4, egress=here), places=(entry.place,),
                source=Mapping(address=outside[0]),
            )
        )  # fmt: skip
    if one.kind != "nat":
        for entry in one.masquerades:
            own = () if entry.outer else unknown
            match = Match(
                source=ANY_V4, destination=entry.outer or outer, services=entry.services or (Service(),), ingress=here,
                unknown=(*own, *entry.unknown),
            )  # fmt: skip
            incoming.append(
                Translation(
                    id=f"nat descriptor masquerade static {number} {entry.number}", match=match, places=(entry.place,),
                    destination=Mapping(address=entry.inner[0], port=entry.inner_port),
                )
            )  # fmt: skip
        if one.incoming.startswith("forward "):
            incoming.append(_forward(number, one, outer, unknown, here))
    outgoing.append(_dynamic(number, one, outer, here))
    return Built(incoming, outgoing)


def _outer(text: str, primary: Spans | None) -> tuple[Spans, tuple[str, ...]]:
    if text == "primary" and primary:
        return primary, ()
    if text in ("ipcp", "primary", "secondary", "map-e", "dhcp"):
        return ANY_V4, (f"outer address {text}",)
    unknown: list[str] = []
    return addresses_of("ip", text, unknown), tuple(unknown)


def _forward(
    number: str, one: Descriptor, outer: Spans, unknown: tuple[str, ...], here: frozenset[str]
) -> Translation:
    unclear = list(unknown)
    inner = addresses_of("ip", one.incoming.partition(" ")[2], unclear)
    return Translation(
        id=f"nat descriptor masquerade incoming {number}",
        match=Match(source=ANY_V4, destination=outer, ingress=here, unknown=tuple(unclear)),
        places=tuple(one.places),
        destination=Mapping(address=inner[0]),
    )


def _dynamic(number: str, one: Descriptor, outer: Spans, here: frozenset[str]) -> Translation:
    unknown: list[str] = []
    inner = ANY_V4 if one.inner == "auto" else addresses_of("ip", one.inner, unknown)
    return Translation(
        id=f"nat descriptor {number}",
        match=Match(source=inner, destination=ANY_V4, egress=here, unknown=tuple(unknown)),
        places=tuple(one.places),
        source=Mapping(address=outer[0], port=None if one.kind == "nat" else (1024, 65535)),
    )
