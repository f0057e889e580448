"""Interfaces, zones and static routes of a PAN-OS firewall."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING

from zoneguard.firewall.model import Interface, LineState, Route
from zoneguard.net.address import number_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.vendors.panos.config import Config
    from zoneguard.firewall.vendors.panos.objects import Objects
    from zoneguard.firewall.xmltree import Element
    from zoneguard.net.address import Network, Span

_KINDS = ("layer3", "layer2", "virtual-wire", "tap", "tunnel", "external")


@dataclass(slots=True, kw_only=True)
class Net:
    """What the rules of one scope may name of the network."""

    zones: dict[str, frozenset[str]]
    interfaces: tuple[Interface, ...]
    routes: tuple[Route, ...]
    own: dict[str, Span]  # the first IPv4 address of each interface
    everywhere: frozenset[str] | None  # what `any` zone is; None where every interface has a zone

    def ways(self, names: list[str]) -> tuple[frozenset[str] | None, tuple[str, ...]]:
        """Give the interfaces of zones, and the zones that nothing defines."""
        if "any" in names:
            return self.everywhere, ()
        unknown = tuple(f"zone {name}" for name in dict.fromkeys(names) if name not in self.zones)
        if unknown:
            return self.everywhere, unknown
        return frozenset(way for name in names for way in self.zones[name]), ()


def net_of(
    config: Config, scopes: list[Element], device: Element | None, objects: Objects, named: set[str]
) -> Net:
    """Gather the network of one vsys; a zone without an interface is taken as one interface of its name."""
    zones: dict[str, frozenset[str]] = {}
    places: dict[str, Element] = {}
    for scope in scopes:
        for entry in scope.all("zone", "entry"):
            name = entry.attributes.get("name", "")
            members = frozenset(word for kind in _KINDS for word in entry.words("network", kind, "member"))
            zones[name] = zones.get(name, frozenset()) | members
            places[name] = entry
    listed = bool(zones)
    for name in sorted(named):
        if name not in zones and not listed:
            zones[name] = frozenset()
    made = {one.name: one for one in _interfaces(config, device, objects)} if device else {}
    zone_of = {way: zone for zone, ways in zones.items() for way in ways}
    vrfs = _vrfs(device) if device else {}
    found: list[Interface] = []
    for name, one in made.items():
        if name in zone_of or len(list(_vsys(device))) <= 1:
            found.append(
                Interface(
                    name=name,
                    zone=zone_of.get(name),
                    networks=one.networks,
                    vlan=one.vlan,
                    vrf=vrfs.get(name),
                    enabled=one.enabled,
                    description=one.description,
                    place=one.place,
                )
            )
    for zone, ways in zones.items():
        if not ways:
            zones[zone] = frozenset({zone})
        for way in sorted(zones[zone] - made.keys()):
            place = config.export.place(places[zone].line) if zone in places else None
            found.append(Interface(name=way, zone=zone, place=place))
    whole = all(one.zone for one in found)
    return Net(
        zones=zones,
        interfaces=tuple(found),
        routes=tuple(_routes(config, device, objects)) if device else (),
        own={name: span for name, span in _own(device, objects) if span} if device else {},
        everywhere=None if whole else frozenset(one.name for one in found if one.zone),
    )


def _vsys(device: Element | None) -> Iterator[Element]:
    if device is not None:
        yield from device.all("vsys", "entry")


def _logical(device: Element) -> Iterator[tuple[str, Element]]:
    """Yield every interface that may carry addresses, with the element that holds them."""
    for kind in ("ethernet", "aggregate-ethernet"):
        for entry in device.all("network", "interface", kind, "entry"):
            name = entry.attributes.get("name", "")
            layer3 = entry.find("layer3")
            yield name, layer3 or entry
            for layer in ("layer3", "layer2", "virtual-wire"):
                for unit in entry.all(layer, "units", "entry"):
                    yield unit.attributes.get("name", ""), unit
    for kind in ("vlan", "loopback", "tunnel"):
        for unit in device.all("network", "interface", kind, "units", "entry"):
            yield unit.attributes.get("name", ""), unit


def _interfaces(config: Config, device: Element, objects: Objects) -> Iterator[Interface]:
    for name, holder in _logical(device):
        tag = holder.word("tag") or ""
        networks: list[Network] = []
        for text in _addresses(holder, objects):
            try:
                networks.append(ip_interface(text).network)
            except ValueError:
                config.fault(holder, LineState.UNKNOWN, _no_address(name))
        yield Interface(
            name=name,
            networks=tuple(networks),
            vlan=int(tag) if tag.isascii() and tag.isdecimal() and len(tag) < 6 else None,
            description=holder.word("comment") or "",
            place=config.export.place(holder.line),
        )


def _addresses(holder: Element, objects: Objects) -> Iterator[str]:
    for path in (("ip", "entry"), ("ipv6", "address", "entry")):
        for entry in holder.all(*path):
            name = entry.attributes.get("name", "")
            known = objects.kinds["address"].get(name)
            yield (known.word("ip-netmask") or name) if known else name


def _own(device: Element, objects: Objects) -> Iterator[tuple[str, Span | None]]:
    for name, holder in _logical(device):
        for text in _addresses(holder, objects):
            try:
                address = ip_interface(text).ip
            except ValueError:
                continue
            if address.version == 4:
                number = number_of(address)
                yield name, (number, number)
                break


def _routers(device: Element) -> Iterator[tuple[str, Element]]:
    for entry in device.all("network", "virtual-router", "entry"):
        yield entry.attributes.get("name", ""), entry
    for router in device.all("network", "logical-router", "entry"):
        for entry in router.all("vrf", "entry"):
            yield f"{router.attributes.get('name', '')}/{entry.attributes.get('name', '')}", entry


def _vrfs(device: Element) -> dict[str, str]:
    """Give the virtual router of each interface; one router alone divides nothing."""
    routers = list(_routers(device))
    if len(routers) < 2:
        return {}
    return {way: name for name, entry in routers for way in entry.words("interface", "member")}


def _routes(config: Config, device: Element, objects: Objects) -> Iterator[Route]:
    routers = list(_routers(device))
    for router, entry in routers:
        for family in ("ip", "ipv6"):
            for one in entry.all("routing-table", family, "static-route", "entry"):
                written = one.word("destination") or ""
                known = objects.kinds["address"].get(written)
                try:
                    network = ip_network((known.word("ip-netmask") or "") if known else written, strict=False)
                except ValueError:
                    config.fault(one, LineState.UNKNOWN, _route_left_out(one.attributes.get("name", "")))
                    continue
                if one.find("nexthop", "discard") is not None or one.find("nexthop", "next-vr") is not None:
                    config.fault(one, LineState.UNSUPPORTED, _route_left_out(one.attributes.get("name", "")))
                    continue
                yield Route(
                    network=network,
                    interface=one.word("interface"),
                    gateway=one.word("nexthop", "ip-address") or one.word("nexthop", "ipv6-address"),
                    vrf=router if len(routers) > 1 else None,
                    place=config.export.place(one.line),
                )


def _no_address(name: str) -> Text:
    return Text(
        ja=f"インターフェース「{name}」のアドレスを読めません（変数など）。直結のネットワークとして数えません。",
        en=f"An address of the interface {name!r} cannot be read (a variable, for one); it is not counted as directly connected.",
    )


def _route_left_out(name: str) -> Text:
    return Text(
        ja=f"静的経路「{name}」は扱えません（破棄、別の仮想ルータ、または読めない宛先）。経路に数えません。",
        en=f"The static route {name!r} is not modelled (discard, another virtual router, or a destination that cannot be "
        "read); it is not counted among the routes.",
    )
