"""NAT rules of PAN-OS: the first that matches rewrites source and destination at once, after the security rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.firewall.model import LineState, Mapping, Match, Translation
from zoneguard.firewall.vendors.panos.objects import port
from zoneguard.net.address import V4_FIRST, V4_LAST
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.vendors.panos.config import Config
    from zoneguard.firewall.vendors.panos.network import Net
    from zoneguard.firewall.vendors.panos.objects import Objects, Reach
    from zoneguard.firewall.xmltree import Element
    from zoneguard.net.address import Span

_PORTS = (1024, 65535)
_SOME = (V4_FIRST, V4_LAST)
_KNOWN = frozenset({
    "active-active-device-binding", "description", "destination", "destination-translation", "disabled",
    "dynamic-destination-translation", "from", "group-tag", "loc", "nat-type", "service", "source",
    "source-translation", "tag", "target", "to", "to-interface", "uuid",
})  # fmt: skip


@dataclass(slots=True)
class _Rule:
    entry: Element
    unknown: list[str] = field(default_factory=list)


def translations(
    config: Config, rules: list[tuple[str, Element]], net: Net, objects: Objects
) -> Iterator[Translation]:
    """Yield the NAT rules of one scope in their order, each static one of both directions with its reverse."""
    for said, entry in rules:
        yield from _one(config, f"{said}nat {entry.attributes.get('name', '')}", entry, net, objects)


def _one(config: Config, said: str, entry: Element, net: Net, objects: Objects) -> Iterator[Translation]:
    rule = _Rule(entry)
    source = objects.addresses(entry.words("source", "member"))
    destination = objects.addresses(entry.words("destination", "member"))
    written = entry.words("service", "member") or [entry.word("service") or "any"]
    offer = objects.services(written)
    ingress, missing = net.ways(entry.words("from", "member"))
    egress, missing_to = net.ways(entry.words("to", "member"))
    interface = entry.word("to-interface")
    if interface and interface != "any":
        egress = frozenset({interface})
    rule.unknown += [*source.unknown, *destination.unknown, *offer.unknown, *missing, *missing_to]
    if (entry.word("nat-type") or "ipv4") != "ipv4":
        rule.unknown.append(f"nat-type {entry.word('nat-type')}")
    rule.unknown += [child.tag for child in entry.children if child.tag not in _KNOWN]
    for key in ("from", "to", "source", "destination"):
        if not entry.words(key, "member"):
            rule.unknown.append(f"no {key}")
    if entry.find("target", "devices", "entry") is not None:
        rule.unknown.append("target")
    outward = _source(rule, net, objects)
    inward = _destination(rule, objects)
    if inward is not None:
        # The zone of the rule is where the packet was bound for before; it leaves by another one.
        if "any" in entry.words("destination", "member") and egress is not None:
            rule.unknown.append("the zone before translation")
        egress = None
    if rule.unknown:
        config.fault(entry, LineState.UNSUPPORTED, _nat_left_open(said, rule.unknown[0]))
    match = Match(
        source=ANYWHERE if source.unknown else source.spans,
        destination=ANYWHERE if destination.unknown else destination.spans,
        services=(Service(),) if offer.unknown else offer.services,
        ingress=ingress,
        egress=egress,
        unknown=tuple(dict.fromkeys(rule.unknown)),
    )
    enabled = entry.word("disabled") != "yes"
    places = (config.export.place(entry.line),)
    yield Translation(
        id=said, match=match, places=places, source=outward, destination=inward, enabled=enabled
    )
    static = entry.find("source-translation", "static-ip")
    if static is not None and static.word("bi-directional") == "yes" and outward and outward.address:
        inner = _one_span(source)
        doubt = () if inner else ("bi-directional",)
        yield Translation(
            id=f"{said} (reverse)",
            match=Match(
                destination=(outward.address,), unknown=tuple(dict.fromkeys((*rule.unknown, *doubt)))
            ),
            places=places,
            destination=Mapping(address=inner or _SOME),
            enabled=enabled,
        )


def _source(rule: _Rule, net: Net, objects: Objects) -> Mapping | None:
    written = rule.entry.find("source-translation")
    if written is None or not written.children:
        return None
    kind = written.children[0]
    if kind.tag not in ("dynamic-ip-and-port", "dynamic-ip", "static-ip"):
        rule.unknown.append(f"source-translation {kind.tag}")
        return Mapping(address=_SOME)
    ports = _PORTS if kind.tag == "dynamic-ip-and-port" else None
    interface = kind.find("interface-address")
    if interface is not None:
        own = _interface_address(interface, net, objects)
        return Mapping(address=own or _SOME, port=ports)
    names = kind.words("translated-address", "member") or [kind.word("translated-address") or ""]
    reach = objects.addresses(one for one in names if one)
    if reach.unknown or not reach.spans:
        return Mapping(address=_SOME, port=ports)
    return Mapping(address=(reach.spans[0][0], reach.spans[-1][1]), port=ports)


def _interface_address(element: Element, net: Net, objects: Objects) -> Span | None:
    written = element.word("ip") or element.word("floating-ip")
    if written:
        reach = objects.addresses([written.partition("/")[0] if "/" in written else written])
        return _one_span(reach)
    return net.own.get(element.word("interface") or "")


def _destination(rule: _Rule, objects: Objects) -> Mapping | None:
    entry = rule.entry
    dynamic = entry.find("dynamic-destination-translation")
    written = entry.find("destination-translation") or dynamic
    if written is None or not (written.children or written.text):
        return None
    name = written.word("translated-address") or ""
    reach = objects.addresses([name]) if name else None
    text = written.word("translated-port")
    to = None
    if text:
        try:
            to = (port(text), port(text))
        except ValueError:
            rule.unknown.append(f"translated-port {text[:20]}")
    if reach is not None and dynamic is not None and not reach.unknown and reach.spans:
        return Mapping(address=(reach.spans[0][0], reach.spans[-1][1]), port=to)
    span = _one_span(reach) if reach is not None else None
    if reach is not None and span is None:
        rule.unknown.append(f"translated-address {name}")
        return Mapping(address=_SOME, port=to)
    return Mapping(address=span, port=to)


def _one_span(reach: Reach) -> Span | None:
    return reach.spans[0] if len(reach.spans) == 1 and not reach.unknown else None


def _nat_left_open(said: str, why: str) -> Text:
    return Text(
        ja=f"NATルール「{said}」の「{why}」は、設定だけでは決まらないか、扱えません。一致しうるものとして扱います。",
        en=f"{why!r} of {said!r} does not follow from the export or is not modelled; it is read as a may.",
    )
