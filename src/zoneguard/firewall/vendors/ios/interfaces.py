"""Interfaces, routing instances and static routes of a Cisco IOS configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from zoneguard.firewall.cisco import is_number
from zoneguard.firewall.indented import mark_all
from zoneguard.firewall.model import Action, Filter, Interface, Line, LineState, Match, Route
from zoneguard.firewall.vendors.ios.objects import network_of
from zoneguard.net.address import number_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.net.address import Network, Span

# Statements of an interface that decide no forwarded packet, by how they begin.
_IRRELEVANT = re.compile(
    r"""(?x) (?:no\ )?(?: arp | auto | bandwidth | bfd | carrier-delay | cdp | channel-group | channel-protocol
      | clock | crypto\ map | default-router | delay | dialer | duplex | encapsulation\ (?:hdlc|ppp|frame-relay)
      | energywise | fair-queue | flowcontrol | glbp | half-duplex | full-duplex | hold-queue | isis | keepalive
      | ip\ (?:arp|bandwidth|bgp|cef|clear-dont|dhcp|directed-broadcast|eigrp|flow|helper-address|hello-interval
          |hold-time|igmp|local-proxy|mask-reply|mobile|mroute|mtu|multicast|nbar|nhrp|ospf|pim|proxy-arp|redirects
          |rip|rsvp|route-cache|rtp|sla|split-horizon|summary-address|tcp|unreachables|virtual-reassembly|wccp
          |access-group\ \S+\ (?!in|out)|source-route|accounting|load-sharing)
      | ipv6\ (?:cef|dhcp|eigrp|enable|flow|mld|mtu|nd|ospf|pim|redirects|rip|route-cache|router|unreachables
          |tcp|virtual-reassembly|address\ autoconfig)
      | ipv6\ enable | lacp | lldp | load-interval | logging | mac-address | macro | max-reserved-bandwidth
      | mdix | media-type | mls | mop | mpls | mtu | negotiation | netflow | ntp | ospfv3 | peer | pim | power
      | ppp | pppoe | pppoe-client | priority-queue | queue-set | random-detect | rmon | router | serial
      | service-policy\ (?:input|output) | snmp | spanning-tree | speed | srr-queue | standby | storm-control
      | storm | switchport | trust | tunnel | tx-ring-limit | udld | vrrp | wrr-queue | autostate | dot1x
      | authentication | mab | nmsp | platform | qos | device-tracking | ip\ dhcp | trunk | description )\b.*
    """
)
_ROUTED = re.compile(
    r"(?i)(?:vlan|loopback|tunnel|bvi|bdi|dialer|virtual-template|virtual-ppp|cellular|multilink)"
)


@dataclass(slots=True)
class IosInterface:
    """One interface, with what it refers to: lists by (family, direction), zone, side of translation."""

    name: str
    statement: Statement
    vrf: str | None = None
    zone: str | None = None
    vlan: int | None = None
    enabled: bool = True
    description: str = ""
    networks: list[Network] = field(default_factory=list)
    addresses: list[Span] = field(default_factory=list)
    lists: dict[tuple[int, str], tuple[str, int]] = field(default_factory=dict)
    nat: str = ""
    inspects: list[tuple[str, str, int]] = field(default_factory=list)  # name, direction, line
    switched: bool = False
    routed: bool = False

    def model(self, export: Export) -> Interface:
        """Give the interface as the model has it."""
        return Interface(
            name=self.name,
            zone=self.zone,
            networks=tuple(self.networks),
            vlan=self.vlan,
            vrf=self.vrf,
            enabled=self.enabled,
            description=self.description,
            place=export.place(self.statement.number),
        )


def read_interface(export: Export, statement: Statement) -> IosInterface:
    """Read one interface block; what filters on its layer-2 side is not modelled and said to be so."""
    made = IosInterface("".join(statement.words[1:]), statement)
    export.mark(statement.number, LineState.PARSED)
    made.routed = bool(_ROUTED.match(made.name))
    if digits := re.fullmatch(r"[Vv]lan([0-9]{1,4})", made.name):
        made.vlan = int(digits[1])
    for one in statement.children:
        if not _read_statement(export, made, one):
            if _IRRELEVANT.fullmatch(one.text):
                mark_all(export, one, LineState.IRRELEVANT)
            else:
                export.fault(one.number, LineState.UNKNOWN, _not_understood(made.name, one.text))
    if made.switched and made.lists:
        for name, number in made.lists.values():
            export.fault(number, LineState.UNSUPPORTED, _port_list(made.name, name))
    return made


def _read_statement(  # noqa: C901, PLR0912 - a table of statements
    export: Export, made: IosInterface, one: Statement
) -> bool:
    words = one.words
    match words:
        case ["description", *_]:
            made.description = one.tail(1)
        case ["shutdown"]:
            made.enabled = False
        case ["no", "shutdown"] | ["no", "ip", "address"] | ["no", "ipv6", "address"]:
            pass
        case ["no", "switchport"]:
            made.routed, made.switched = True, False
        case ["switchport", *_]:
            made.switched = True
            return False
        case ["encapsulation", "dot1Q" | "dot1q", vlan, *_] if is_number(vlan, 4):
            made.vlan = int(vlan)
        case ["vrf", "forwarding", name] | ["ip", "vrf", "forwarding", name] | ["vrf", "member", name]:
            made.vrf, made.routed = name, True
        case ["zone-member", "security", name]:
            made.zone, made.routed = name, True
        case ["ip", "nat", ("inside" | "outside") as side]:
            made.nat, made.routed = side, True
        case ["ip", "unnumbered", _] | ["ip", "address", "dhcp" | "negotiated", *_]:
            made.routed = True
        case ["ip", "address", address, mask, *_] if _add_network(made, address, mask):
            pass
        case ["ipv6", "address", address, *_] if "/" in address and _add_network(made, address, ""):
            pass
        case ["ipv6", "address", _, "link-local"]:
            pass
        case ["ip", "access-group", name, ("in" | "out") as way]:
            made.lists[4, way] = name, one.number
        case ["ipv6", "traffic-filter", name, ("in" | "out") as way]:
            made.lists[6, way] = name, one.number
        case ["ip" | "ipv6", "inspect", name, ("in" | "out") as way]:
            made.inspects.append((name, way, one.number))
        case _:
            return _known_but_open(export, made, one)
    export.mark(one.number, LineState.PARSED)
    return True


def _known_but_open(export: Export, made: IosInterface, one: Statement) -> bool:
    known = (
        "ip admission", "ip auth-proxy", "ip ips", "ip policy route-map", "ip port-unreachable", "ip urlfilter",
        "ip verify", "ipv6 policy route-map", "ipv6 verify", "cts", "mac access-group", "ip nat enable",
        "service-policy type", "xconnect", "bridge-group", "ip vrf receive", "vrf receive", "utd",
    )  # fmt: skip
    if not one.text.startswith(known):
        return False
    if one.text.startswith("mac access-group"):
        export.mark(one.number, LineState.IRRELEVANT)  # asked only for frames that carry no IP
    else:
        export.fault(one.number, LineState.UNSUPPORTED, _not_understood(made.name, one.text))
    return True


def _add_network(made: IosInterface, address: str, mask: str) -> bool:
    network = network_of(address, mask)
    if network is None:
        return False
    made.routed = True
    made.networks.append(network)
    number = number_of(IPv4Address(address) if mask else IPv6Address(address.split("/", maxsplit=1)[0]))
    made.addresses.append((number, number))
    return True


def vrf_filters(interfaces: dict[str, IosInterface], *, leaks: bool) -> list[Filter]:
    """Keep routing instances apart: what comes in by one leaves by none of another, unless routes leak."""
    inside: dict[str | None, set[str]] = {}
    for one in interfaces.values():
        inside.setdefault(one.vrf, set()).add(one.name)
    if len(inside) < 2:
        return []
    every = frozenset(interfaces)
    leak = Line(
        id="routes between VRFs",
        action=Action.PERMIT,
        match=Match(unknown=("route leaking",)),
        places=(),
        implicit=True,
    )
    return [
        Filter(
            name=f"vrf {vrf}" if vrf else "no vrf",
            lines=(leak,) if leaks else (),
            default=Action.DENY,
            ingress=frozenset(names),
            egress=every - names,
            stateful=False,
        )
        for vrf, names in sorted(inside.items(), key=lambda one: one[0] or "")
    ]


def read_route(
    export: Export, statement: Statement, interfaces: dict[str, IosInterface]
) -> tuple[Route | None, bool]:
    """Read a static route, and whether it leaves its routing instance."""
    words = list(statement.words[2:])
    vrf = None
    if words[:1] == ["vrf"] and len(words) > 2:
        vrf, words = words[1], words[2:]
    if statement.words[0] == "ip":
        network = network_of(words[0], words[1]) if len(words) > 2 else None
        rest = words[2:]
    else:
        network = network_of(words[0], "") if len(words) > 1 else None
        rest = words[1:]
    if network is None:
        export.fault(statement.number, LineState.UNKNOWN, _not_understood("ip route", statement.text))
        return None, False
    export.mark(statement.number, LineState.PARSED)
    interface = gateway = None
    for word in rest[:2]:
        if re.fullmatch(r"[\d.]*\.[\d.]*|[0-9a-fA-F:]*:[0-9a-fA-F:]*", word):
            gateway = word
        elif word[:1].isalpha() and word not in ("name", "tag", "track", "permanent", "global"):
            interface = word
        else:
            break
    away = "global" in rest or (interface in interfaces and interfaces[interface or ""].vrf != vrf)
    place = export.place(statement.number)
    return Route(network=network, interface=interface, gateway=gateway, vrf=vrf, place=place), away


def _not_understood(where: str, what: str) -> Text:
    return Text(
        ja=f"{where} の「{what}」は読み取れません。この設定が通信に与える影響は、判定に含めていません。",
        en=f"{what!r} of {where} is not modelled; what it does to traffic is left out of the verdict.",
    )


def _port_list(interface: str, name: str) -> Text:
    return Text(
        ja=f"{interface} はスイッチポートです。ここに適用されたアクセスリスト {name}（ポート ACL）は、判定に含めていません。",
        en=f"{interface} is a switch port; access list {name} on it (a port ACL) is left out of the verdict.",
    )
