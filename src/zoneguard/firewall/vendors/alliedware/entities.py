"""What rules of AlliedWare Plus name: entities (zone, network, host), applications, and the interfaces of the device."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.known import ICMP6_TYPES, ICMP_TYPES, PROTOCOLS
from zoneguard.firewall.model import Interface, LineState, Route
from zoneguard.net.address import number_of, spans_of
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE, spans_from
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.net.address import Network, Span
    from zoneguard.net.spans import Spans

EVERY_SERVICE = (Service(),)
# Applications that need no definition, where their port is beyond doubt.
_TCP = {
    "ftp": 21, "http": 80, "https": 443, "imap": 143, "imaps": 993, "ldap": 389, "ldaps": 636, "pop3": 110, "pop3s": 995,
    "smtp": 25, "ssh": 22, "telnet": 23,
}  # fmt: skip
_EITHER = {"dns": 53, "ntp": 123, "radius": 1812, "sip": 5060, "snmp": 161, "syslog": 514, "tftp": 69}


class Part(NamedTuple):
    """Addresses of an entity that lie behind one interface (None: any), and what leaves them open."""

    interface: str | None
    spans: Spans
    unknown: tuple[str, ...] = ()


class Offer(NamedTuple):
    """Services of an application, and what leaves them open."""

    services: tuple[Service, ...]
    unknown: tuple[str, ...] = ()
    is_defined: bool = True


@dataclass(slots=True)
class Entity:
    """A zone, network or host: its line, and the subnets or addresses said of it itself."""

    name: str
    line: int
    said: list[Statement] = field(default_factory=list)


@dataclass(slots=True)
class Device:
    """What one running configuration defines."""

    export: Export
    interfaces: list[Interface] = field(default_factory=list)
    own: dict[str, list[int]] = field(default_factory=dict)
    dynamic: set[str] = field(default_factory=set)
    routes: list[Route] = field(default_factory=list)
    entities: dict[str, Entity] = field(default_factory=dict)
    applications: dict[str, Statement] = field(default_factory=dict)
    inspects: bool = False  # whether traffic is told by its content, and names of applications mean that
    _parts: dict[str, tuple[Part, ...]] = field(default_factory=dict)

    def parts(self, name: str) -> tuple[Part, ...] | None:
        """Give the addresses of an entity by interface; None when it is not defined."""
        key = name.lower()
        if key not in self.entities:
            return None
        if key not in self._parts:
            self._parts[key] = tuple(self._read(key))
        return self._parts[key]

    def _read(self, key: str) -> list[Part]:
        """Read a host, a network with its hosts, or a zone with its networks."""
        own = self.entities[key].said
        statements = [one for one in own if _is_reach(one)]
        depth = key.count(".")
        if depth == 0:
            held = [
                one
                for name, one in self.entities.items()
                if name.startswith(f"{key}.") and name.count(".") == 1
            ]
            statements += [said for one in held for said in one.said if _is_reach(said)]
        spans: dict[str | None, list[Span]] = {}
        unknown: dict[str | None, list[str]] = {}
        for one in statements:
            interface, found = self._reach(one)
            if found is None:
                unknown.setdefault(interface, []).append(one.text[:80])
            else:
                spans.setdefault(interface, []).extend(found)
        parts = [Part(interface, spans_from(found)) for interface, found in spans.items()]
        return [*parts, *(Part(interface, ANYWHERE, tuple(said[:4])) for interface, said in unknown.items())]

    def _reach(self, one: Statement) -> tuple[str | None, Spans | None]:
        words = one.words
        interface = words[words.index("interface") + 1] if "interface" in words[:-1] else None
        if words[1] == "address" and words[2:3] == ["dynamic"]:
            if interface is None or interface in self.dynamic:
                return None, None
            return None, spans_from((at, at) for at in self.own.get(interface, ()))
        rest = len(words) - (2 if interface is not None else 0)
        try:
            if rest != 3:
                return interface, None
            if words[1] == "subnet":
                return interface, spans_from(spans_of(ip_network(words[2], strict=False)))
            number = number_of(ip_address(words[2]))
        except ValueError:
            return interface, None
        return interface, ((number, number),)

    def offer(self, name: str) -> Offer:
        """Give the services of an application, as rules of the firewall mean it.

        The device's own come before those told by content, and these before the predefined ones.
        """
        if self.inspects and name.lower() != "any" and name.lower() not in self.applications:
            return Offer(EVERY_SERVICE, (f"application {name}",))
        return self.plain_offer(name)

    def plain_offer(self, name: str) -> Offer:
        """Give the services of an application, as rules of NAT mean it: never told by content."""
        key = name.lower()
        if key == "any":
            return Offer(EVERY_SERVICE)
        if key in self.applications:
            return _application(self.applications[key])
        return _predefined(name)


def _predefined(name: str) -> Offer:
    key = name.lower()
    if key in _TCP:
        return Offer((Service((6, 6), dport=(_TCP[key],) * 2),))
    if key == "ping":
        return Offer((Service((1, 1), dport=(2048, 2303)),))
    if key in _EITHER:
        port = (_EITHER[key],) * 2
        return Offer((Service((6, 6), dport=port), Service((17, 17), dport=port)), (f"application {name}",))
    return Offer(EVERY_SERVICE, (f"application {name}",))


def _is_reach(one: Statement) -> bool:
    return len(one.words) >= 3 and one.words[0] in ("ip", "ipv6") and one.words[1] in ("address", "subnet")


def _application(node: Statement) -> Offer:
    said: dict[str, list[str]] = {}
    unknown: list[str] = []
    for one in node.children:
        if one.words[0] in ("dport", "icmp-code", "icmp-type", "protocol", "sport"):
            said[one.words[0]] = one.words[1:]
        elif one.words[0] not in ("description", "name"):
            unknown.append(f"application {one.text}"[:80])
    if "protocol" not in said:
        return Offer(EVERY_SERVICE, is_defined=False)
    try:
        protocol = _number(" ".join(said["protocol"]), PROTOCOLS, 255)
        sport, dport = _ports(said.get("sport")), _ports(said.get("dport"))
        if protocol in (1, 58) and "icmp-type" in said:
            kind = _number(" ".join(said["icmp-type"]), ICMP_TYPES if protocol == 1 else ICMP6_TYPES, 255)
            code = said.get("icmp-code", ["any"])
            dport = (
                (kind * 256, kind * 256 + 255)
                if code == ["any"]
                else (kind * 256 + _number(" ".join(code), {}, 255),) * 2
            )
    except ValueError:
        return Offer(EVERY_SERVICE, (*unknown, f"application {node.tail(1)}"[:80]))
    return Offer((Service((protocol, protocol), sport, dport),), tuple(unknown))


def _number(text: str, names: dict[str, int], last: int) -> int:
    if text.lower() in names:
        return names[text.lower()]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
    if not 0 <= number <= last:
        raise ValueError(text[:80])
    return number


def _ports(words: list[str] | None) -> Span:
    if not words or words == ["any"]:
        return 0, 65535
    numbers = [_number(word, {}, 65535) for word in " ".join(words).replace("-", " ").split() if word != "to"]
    if len(numbers) not in (1, 2) or numbers[0] > numbers[-1]:
        raise ValueError(" ".join(words))
    first, last = numbers[0], numbers[-1]
    return first, last


def read_zone(device: Device, zone: Statement) -> None:
    """Read a zone with its networks and their hosts, named zone.network.host."""
    export = device.export
    export.mark(zone.number, LineState.PARSED)
    held = device.entities.setdefault(zone.tail(1).lower(), Entity(zone.tail(1), zone.number))
    waiting = [(zone, held)]
    while waiting:
        node, entity = waiting.pop()
        depth = entity.name.count(".")
        for one in node.children:
            kind = one.words[0]
            if (kind == "network" and depth == 0) or (kind == "host" and depth == 1):
                name = f"{entity.name}.{one.tail(1)}"
                made = device.entities.setdefault(name.lower(), Entity(name, one.number))
                waiting.append((one, made))
                export.mark(one.number, LineState.PARSED)
            elif _is_reach(one):
                entity.said.append(one)
                export.mark(one.number, LineState.PARSED)
            elif kind in ("description", "no"):
                export.mark(one.number, LineState.IRRELEVANT)
            else:
                export.fault(one.number, LineState.UNKNOWN, _not_known(one.text[:80]))


def read_interface(device: Device, node: Statement) -> None:
    """Read an interface; a range of switch ports has no address and is left out."""
    name = node.words[1] if len(node.words) > 1 else ""
    networks: list[Network] = []
    vlan = (
        int(name[4:])
        if name.startswith("vlan") and name[4:].isascii() and name[4:].isdecimal() and len(name) < 9
        else None
    )
    for one in node.children:
        words = one.words
        if words[0] in ("ip", "ipv6") and words[1:2] == ["address"] and len(words) > 2:
            try:
                made = ip_interface(words[2])
            except ValueError:
                device.dynamic.add(name)
                continue
            networks.append(made.network)
            device.own.setdefault(name, []).append(number_of(made.ip))
        elif words[:2] == ["encapsulation", "dot1q"] and words[-1].isascii() and words[-1].isdecimal():
            vlan = int(words[-1][:6])
    texts = {one.words[0]: one.tail(1) for one in node.children}
    vrf = next((one.tail(3) for one in node.children if one.words[:3] == ["ip", "vrf", "forwarding"]), None)
    if networks or name in device.dynamic:
        device.interfaces.append(
            Interface(
                name=name,
                networks=tuple(networks),
                vlan=vlan,
                vrf=vrf,
                enabled="shutdown" not in texts,
                description=texts.get("description", ""),
                place=device.export.place(node.number),
            )
        )


def read_route(device: Device, node: Statement) -> None:
    """Read a static route: ip route [vrf NAME] PREFIX GATEWAY-OR-INTERFACE …."""
    words = node.words[2:]
    vrf = None
    if words[:1] == ["vrf"]:
        vrf, words = (words[1] if len(words) > 1 else None), words[2:]
    try:
        network = ip_network(words[0], strict=False)
        hop = words[1]
    except (IndexError, ValueError):
        device.export.fault(node.number, LineState.UNKNOWN, _not_known(node.text[:80]))
        return
    device.export.mark(node.number, LineState.PARSED)
    place = device.export.place(node.number)
    try:
        device.routes.append(Route(network=network, gateway=str(ip_address(hop)), vrf=vrf, place=place))
    except ValueError:
        if hop.lower() not in ("null", "null0"):
            device.routes.append(Route(network=network, interface=hop, vrf=vrf, place=place))


def _not_known(said: str) -> Text:
    return Text(
        ja=f"「{said}」は知られていない設定です。この設定が通過を左右するかどうかは分かりません。",
        en=f"{said!r} is not known; whether it changes what passes is not known.",
    )
