"""One (logical) device: its interfaces, security zones, routing instances, routes and address books."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Interface, LineState, Place, Route
from zoneguard.firewall.vendors.junos.objects import Applications, Book
from zoneguard.net.address import number_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.junos.tree import Node
    from zoneguard.net.address import Network

MOST_FAULTS = 2000  # told one by one; all lines keep their state


class Ways(NamedTuple):
    """Interfaces that something may stand for; None is any."""

    names: frozenset[str] | None
    unknown: tuple[str, ...] = ()


@dataclass(slots=True)
class Device:
    """What policies, NAT and filters of one device ask about it."""

    export: Export
    root: Node
    interfaces: list[Interface] = field(default_factory=list)
    addresses: dict[str, list[int]] = field(default_factory=dict)  # by interface, as numbers
    zones: dict[str, frozenset[str]] = field(default_factory=dict)
    instances: dict[str, frozenset[str]] = field(default_factory=dict)
    books: dict[str, Book] = field(default_factory=dict)  # by zone
    shared: Book = field(default_factory=lambda: Book([]))
    applications: Applications = field(default_factory=lambda: Applications(None))

    def place(self, line: int) -> Place:
        """Give the place of a line."""
        return self.export.place(line)

    def fault(self, line: int, state: LineState, message: Text) -> None:
        """State that something was not understood; of very many, only the lines are marked."""
        if len(self.export.faults) < MOST_FAULTS:
            self.export.fault(line, state, message)
        else:
            self.export.mark(line, state)

    def names(self) -> frozenset[str]:
        """Give the names of all interfaces."""
        return frozenset(one.name for one in self.interfaces)

    def zone_ways(self, zones: Iterable[str]) -> Ways:
        """Give the interfaces of zones; `any` and none at all stand for every one."""
        found: set[str] = set()
        unknown = []
        for zone in zones:
            if zone == "any":
                return Ways(None)
            if zone not in self.zones and zone != "junos-host":
                unknown.append(f"zone {zone}")
            found |= self.zones.get(zone, frozenset())
        return Ways(None if unknown else frozenset(found), tuple(unknown))

    def book(self, zone: str) -> Book:
        """Give the address book of a zone, or the one that all zones share."""
        return self.books.get(zone, self.shared)


def device_of(export: Export, root: Node) -> Device:
    """Read what one device is made of; inheritance from groups is done."""
    device = Device(export, root)
    _read_instances(device)
    _read_zones(device)
    _read_interfaces(device)
    _read_books(device)
    device.applications = Applications(root.get("applications"))
    return device


def unit_name(text: str) -> str:
    """Give the name of a logical interface; without a unit it is unit 0."""
    return text if "." in text or text in ("all", "any") else f"{text}.0"


def _read_instances(device: Device) -> None:
    for one in device.root.each("routing-instances"):
        device.instances[one.word] = frozenset(unit_name(name) for name in one.words("interface"))


def _read_zones(device: Device) -> None:
    everywhere = None
    taken: set[str] = set()
    for zone in device.root.each("security", "zones", "security-zone"):
        names = {unit_name(one.word) for one in zone.each("interfaces")}
        if names & {"all", "any"}:
            everywhere = zone.word
        device.zones[zone.word] = frozenset(names - {"all", "any"})
        taken |= names
    if everywhere is not None:
        rest = {
            f"{one.word}.{unit.word}"
            for one in device.root.each("interfaces")
            for unit in one.each("unit")
            if one.word not in ("fxp0", "lo0")
        }
        device.zones[everywhere] |= rest - taken


def _read_interfaces(device: Device) -> None:
    zone_of = {name: zone for zone, names in device.zones.items() for name in names}
    vrf_of = {name: vrf for vrf, names in device.instances.items() for name in names}
    vlan_of: dict[str, int] = {}
    for vlan in (*device.root.each("vlans"), *device.root.each("bridge-domains")):
        ways = [*vlan.words("l3-interface"), *vlan.words("routing-interface")]
        number = _number(vlan.word_at("vlan-id"))
        vlan_of.update({name: number for name in ways if number is not None})
    for port in device.root.each("interfaces"):
        off = port.has("disable")
        said = port.word_at("description")
        for unit in port.each("unit"):
            name = f"{port.word}.{unit.word}"
            networks: list[Network] = []
            for family in ("inet", "inet6"):
                for address in unit.each("family", family, "address"):
                    try:
                        made = ip_interface(address.word)
                    except ValueError:
                        device.fault(address.line, LineState.UNKNOWN, _address_unread(address.word))
                        continue
                    networks.append(made.network)
                    device.addresses.setdefault(name, []).append(number_of(made.ip))
            vlan_number = _number(unit.word_at("vlan-id"))
            device.interfaces.append(
                Interface(
                    name=name,
                    zone=zone_of.get(name),
                    networks=tuple(networks),
                    vlan=vlan_of.get(name) if vlan_number is None else vlan_number,
                    vrf=vrf_of.get(name),
                    enabled=not off and not unit.has("disable"),
                    description=unit.word_at("description") or said,
                    place=device.place(unit.line),
                )
            )
    known = device.names()
    device.interfaces += [
        Interface(name=name, zone=zone, vrf=vrf_of.get(name))
        for name, zone in zone_of.items()
        if name not in known
    ]


def _read_books(device: Device) -> None:
    security = device.root
    books = {one.word: one for one in security.each("security", "address-book")}
    shared = books.get("global")
    device.shared = Book([shared] if shared else [])
    held: dict[str, list[Node]] = {}
    for name, book in books.items():
        if name != "global":
            for zone in book.words("attach", "zone"):
                held.setdefault(zone, []).append(book)
    for zone_node in security.each("security", "zones", "security-zone"):
        inline = zone_node.get("address-book")
        if inline is not None:
            held.setdefault(zone_node.word, []).append(inline)
    device.books = {zone: Book(nodes, device.shared) for zone, nodes in held.items()}


def routes_of(device: Device) -> tuple[Route, ...]:
    """Give the static routes, of the device and of its routing instances."""
    found: list[Route] = []
    tables = [(None, device.root), *((one.word, one) for one in device.root.each("routing-instances"))]
    for vrf, node in tables:
        held = [node.get("routing-options", "static")]
        held += [rib.get("static") for rib in node.each("routing-options", "rib")]
        for static in held:
            for route in static.each("route") if static else ():
                found += _hops(device, route, vrf)
    return tuple(found)


def _hops(device: Device, route: Node, vrf: str | None) -> list[Route]:
    try:
        network = ip_network("0.0.0.0/0" if route.word == "default" else route.word, strict=False)
    except ValueError:
        device.fault(route.line, LineState.UNKNOWN, _address_unread(route.word))
        return []
    for one in route.each():
        if one.word not in ("next-hop", "qualified-next-hop"):
            for value in one.each():  # preference, metric, discard, tag …
                value.use()
    found = []
    for hop in [*route.words("next-hop"), *route.words("qualified-next-hop")]:
        try:
            gateway = str(ip_address(hop))
        except ValueError:
            found.append(
                Route(network=network, interface=unit_name(hop), vrf=vrf, place=device.place(route.line))
            )
        else:
            found.append(Route(network=network, gateway=gateway, vrf=vrf, place=device.place(route.line)))
    return found


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None


def _address_unread(text: str) -> Text:
    return Text(
        ja=f"アドレス「{text[:60]}」を読めません。このインタフェースまたは経路の範囲は分かりません。",
        en=f"The address {text[:60]!r} cannot be read; the reach of this interface or route is not known.",
    )
