"""One VDOM of a configuration: its tables, its interfaces and zones, its routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_interface, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Interface, LineState, Place, Route
from zoneguard.firewall.vendors.fortios.reach import ZERO, Addresses, Services
from zoneguard.net.address import address_at, number_of
from zoneguard.net.spans import prefixes_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.fortios.tree import Entry, Table
    from zoneguard.net.address import Network, Span

MOST_NETWORKS = 1024  # prefixes of one route that names an address object


class Ways(NamedTuple):
    """The interfaces that names stand for; None is any. `unknown` are names that nothing defines."""

    names: frozenset[str] | None
    unknown: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Vdom:
    """One VDOM, with the tables of the whole device that it shares."""

    export: Export
    name: str
    tables: dict[str, Table]
    shared: dict[str, Table]
    many: bool  # the device has several
    addresses: Addresses
    addresses6: Addresses
    services: Services
    zones: dict[str, frozenset[str]]
    interfaces: dict[str, Interface]
    assumed: dict[str, Interface] = field(
        default_factory=dict
    )  # named by a policy, where no interface is listed

    def entries(self, *paths: str) -> Iterator[Entry]:
        """Yield the entries of tables, in file order within each."""
        for path in paths:
            if path in self.tables:
                yield from self.tables[path].entries.values()

    def body(self, path: str) -> Entry | None:
        """Give the settings directly in a table, of this VDOM before those of the device."""
        table = self.tables.get(path) or self.shared.get(path)
        return table.body if table else None

    def place(self, line: int) -> Place:
        """Give the place of a line."""
        return self.export.place(line)

    def ways(self, names: Iterable[str], line: int) -> Ways:
        """Resolve interfaces and zones that a policy names."""
        found: set[str] = set()
        unknown: list[str] = []
        for name in names:
            if name == "any":
                return Ways(None)
            if name in self.zones:
                found |= self.zones[name]
            elif name in self.interfaces or not self.interfaces:
                found.add(name)
            else:
                unknown.append(f"interface {name}")
            if not self.interfaces and name not in self.zones and name not in self.assumed:
                self.assumed[name] = Interface(name=name, place=self.place(line))
        return Ways(None, tuple(unknown)) if unknown else Ways(frozenset(found))

    def every_interface(self) -> tuple[Interface, ...]:
        """Give the interfaces of this VDOM, and those that only policies name where none is listed."""
        return (*self.interfaces.values(), *self.assumed.values())

    def first_addresses(self, ways: frozenset[str] | None) -> Iterator[tuple[str, Span | None]]:
        """Yield interfaces with the IPv4 address that hides others behind it; None when the export has none."""
        for one in self.every_interface():
            if ways is None or one.name in ways:
                yield one.name, self.own.get(one.name)

    own: dict[str, Span] = field(default_factory=dict)  # the first IPv4 address of each interface


def vdom_of(
    export: Export, name: str, tables: dict[str, Table], shared: dict[str, Table], *, many: bool
) -> Vdom:
    """Gather one VDOM; the interfaces of the device that belong to it, by zone."""

    def by_name(*paths: str) -> dict[str, Entry]:
        return {key: entry for path in paths if path in tables for key, entry in tables[path].entries.items()}

    zones = _zones(tables)
    of = {member: zone for zone, members in zones.items() for member in members}
    made: dict[str, Interface] = {}
    own: dict[str, Span] = {}
    for source in (shared, tables) if shared is not tables else (tables,):
        listed = source.get("system interface")
        for entry in listed.entries.values() if listed else ():
            if many and entry.word("vdom", "root") != name:
                continue
            made[entry.name] = _interface(export, entry, of.get(entry.name))
            first = _own_address(entry)
            if first:
                own[entry.name] = first
    return Vdom(
        export=export,
        name=name,
        tables=tables,
        shared=shared,
        many=many,
        addresses=Addresses(export, by_name("firewall address"), by_name("firewall addrgrp"), version=4),
        addresses6=Addresses(export, by_name("firewall address6"), by_name("firewall addrgrp6"), version=6),
        services=Services(export, by_name("firewall service custom"), by_name("firewall service group")),
        zones=zones,
        interfaces=made,
        own=own,
    )


def _zones(tables: dict[str, Table]) -> dict[str, frozenset[str]]:
    """Zones, and SD-WAN zones, by the interfaces in them."""
    found: dict[str, frozenset[str]] = {}
    for entry in tables["system zone"].entries.values() if "system zone" in tables else ():
        found[entry.name] = frozenset(entry.words("interface"))
    for path in ("system sdwan", "system virtual-wan-link"):
        if path not in tables:
            continue
        body = tables[path].body
        if body.word("status") == "disable":
            continue
        listed = body.tables.get("zone")
        wan: dict[str, set[str]] = {name: set() for name in (listed.entries if listed else ())}
        members = body.tables.get("members")
        for entry in members.entries.values() if members else ():
            if entry.word("status") != "disable":
                wan.setdefault(entry.word("zone", "virtual-wan-link"), set()).add(entry.word("interface"))
        found |= {name: frozenset(names) for name, names in wan.items()}
    return found


def _interface(export: Export, entry: Entry, zone: str | None) -> Interface:
    vlan = entry.word("vlanid")
    return Interface(
        name=entry.name,
        zone=zone,
        networks=tuple(_networks(export, entry)),
        vlan=int(vlan) if vlan.isascii() and vlan.isdecimal() and len(vlan) < 6 else None,
        vrf=entry.word("vrf") or None,
        enabled=entry.word("status") != "down",
        description=entry.word("alias") or entry.word("description"),
        place=export.place(entry.line),
    )


def _networks(export: Export, entry: Entry) -> Iterator[Network]:
    second = entry.tables.get("secondaryip")
    ipv6 = entry.tables.get("ipv6")
    written = [(entry, "ip"), *((one, "ip") for one in (second.entries.values() if second else ()))]
    if ipv6:
        extra = ipv6.body.tables.get("ip6-extra-addr")
        written += [(ipv6.body, "ip6-address")]
        yield from _extra(extra) if extra else ()
    for one, key in written:
        words = one.words(key)
        if not words or words[0] in (ZERO, "::/0"):
            continue
        try:
            network = ip_interface("/".join(words[:2])).network
        except ValueError:
            export.fault(one.line_of(key), LineState.UNKNOWN, _no_address(entry.name))
            continue
        yield network


def _extra(table: Table) -> Iterator[Network]:
    for name in table.entries:
        try:
            yield ip_interface(name).network
        except ValueError:
            continue


def _own_address(entry: Entry) -> Span | None:
    try:
        number = number_of(IPv4Address(entry.word("ip")))
    except ValueError:
        return None
    return (number, number) if entry.word("ip") != ZERO else None


def routes_of(vdom: Vdom) -> tuple[Route, ...]:
    """Give the static routes that are in force."""
    found: list[Route] = []
    for version, path in ((4, "router static"), (6, "router static6")):
        for entry in vdom.entries(path):
            if entry.word("status") == "disable":
                continue
            if entry.on("blackhole") or entry.word("internet-service", "0") != "0":
                vdom.export.fault(entry.line, LineState.UNSUPPORTED, _route_left_out(entry.name))
                continue
            try:
                networks = _route_networks(vdom, entry, version)
            except ValueError:
                networks = None
            if networks is None:
                vdom.export.fault(entry.line, LineState.UNKNOWN, _route_left_out(entry.name))
                continue
            gateway = entry.word("gateway")
            devices: list[str | None] = list(_devices(vdom, entry))
            found += [
                Route(
                    network=network,
                    interface=device,
                    gateway=None if gateway in ("", ZERO, "::") else gateway,
                    vrf=entry.word("vrf") or None,
                    place=vdom.place(entry.line),
                )
                for network in networks
                for device in devices or [None]
            ]
    return tuple(found)


def _devices(vdom: Vdom, entry: Entry) -> Iterator[str]:
    zones = entry.words("sdwan-zone") or (
        ("virtual-wan-link",) if entry.on("sdwan") or entry.on("virtual-wan-link") else ()
    )
    for name in (*entry.words("device"), *zones):
        yield from sorted(vdom.zones[name]) if name in vdom.zones else (name,)


def _route_networks(vdom: Vdom, entry: Entry, version: int) -> list[Network] | None:
    named = entry.words("dstaddr")
    if named:
        reach = (vdom.addresses if version == 4 else vdom.addresses6).of(named)
        blocks = list(prefixes_of(reach.spans)) if len(reach.spans) <= MOST_NETWORKS else []
        if reach.unknown or not blocks or len(blocks) > MOST_NETWORKS:
            return None
        return [_network_of(block) for block in blocks]
    words = entry.words("dst") or ((ZERO, ZERO) if version == 4 else ("::/0",))
    return [ip_network("/".join(words[:2]), strict=False)]


def _network_of(block: Span) -> Network:
    size = (block[1] - block[0] + 1).bit_length() - 1
    address = address_at(block[0])
    return ip_network(f"{address}/{address.max_prefixlen - size}")


def _no_address(name: str) -> Text:
    return Text(
        ja=f"インターフェース「{name}」のアドレスを読めません。直結のネットワークとして数えません。",
        en=f"An address of the interface {name!r} cannot be read; it is not counted as directly connected.",
    )


def _route_left_out(name: str) -> Text:
    return Text(
        ja=f"静的経路 {name} は扱えません（破棄経路、インターネットサービス、または範囲の決まらない宛先）。経路に数えません。",
        en=f"The static route {name} is not modelled (a blackhole, an internet service, or a destination that is left "
        "open); it is not counted among the routes.",
    )
