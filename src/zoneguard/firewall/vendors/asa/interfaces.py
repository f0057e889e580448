"""Interfaces, security levels and static routes of a Cisco ASA configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

from zoneguard.firewall.cisco import is_number
from zoneguard.firewall.indented import mark_all
from zoneguard.firewall.model import Interface, LineState, Route
from zoneguard.firewall.vendors.asa.objects import network_with
from zoneguard.net.address import number_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.net.address import Network, Span

# Statements of an interface that decide no forwarded packet, by how they begin.
_IRRELEVANT = re.compile(
    r"""(?x) (?:no\ )?(?: arp | authentication | channel-group | cts | ddns | delay | dhcp | dhcpd | dhcprelay | duplex
      | eigrp | flowcontrol | hello-interval | hold-time | igmp | ipv6\ (?:address\ autoconfig|dhcp|enable|mtu|nd|ospf)
      | isis | lacp | lldp | mac-address | media-type | member-interface | mfib | mtu | negotiation | ospf | ospfv3
      | pim | poe | policy-route\ (?:cost|path-monitoring) | port-channel | power | pppoe | rip | speed | split-horizon
      | standby | summary-address | switchport | zone-member )\b.*
      | no\ (?:nameif|security-level|ip\ address|ipv6\ address)
    """
)
_VPN = ("tunnel protection", "tunnel mode ipsec")
_TUNNEL = ("tunnel source", "tunnel destination", "tunnel mode")


@dataclass(slots=True)
class AsaInterface:
    """One interface; lines use the name that `nameif` gives."""

    hardware: str
    number: int
    name: str = ""
    level: int | None = None
    level_number: int = 0  # line of the security level, else of the name that gives it
    vlan: int | None = None
    group: str = ""  # bridge group
    enabled: bool = True
    management_only: bool = False
    description: str = ""
    networks: list[Network] = field(default_factory=list)
    addresses: list[Span] = field(default_factory=list)
    leased: bool = False
    default_route: bool = False
    refused: str = ""  # `no forward interface`: the other's hardware name
    tunnel: int = 0  # line that protects it as a tunnel

    @property
    def is_bridge(self) -> bool:
        """Tell the virtual interface that stands for a bridge group."""
        return self.hardware.upper().startswith("BVI")

    def model(self, export: Export) -> Interface:
        """Give the interface as the model has it."""
        return Interface(
            name=self.name,
            networks=tuple(self.networks),
            vlan=self.vlan,
            enabled=self.enabled,
            description=self.description,
            place=export.place(self.number) if self.number else None,
        )


def read_interface(export: Export, statement: Statement, names: dict[str, str]) -> AsaInterface:
    """Read one interface block."""
    made = AsaInterface("".join(statement.words[1:]), statement.number)
    export.mark(statement.number, LineState.PARSED)
    if digits := re.fullmatch(r"[Vv]lan([0-9]{1,4})", made.hardware):
        made.vlan = int(digits[1])
    for one in statement.children:
        if _read_statement(made, one, names):
            export.mark(one.number, LineState.PARSED)
        elif _IRRELEVANT.fullmatch(one.text) or one.text.startswith(_TUNNEL):
            mark_all(export, one, LineState.IRRELEVANT)
        else:
            known = one.text.startswith(("policy-route", "nve-only", "segment-id", "vtep-nve"))
            state = LineState.UNSUPPORTED if known else LineState.UNKNOWN
            mark_all(export, one, state)
            export.fault(one.number, state, _not_understood(made.name or made.hardware, one.text))
    return made


def _read_statement(  # noqa: C901, PLR0912 - a table of statements
    made: AsaInterface, one: Statement, names: dict[str, str]
) -> bool:
    words = one.words
    match words:
        case ["description", *_]:
            made.description = one.tail(1)
        case ["shutdown"]:
            made.enabled = False
        case ["no", "shutdown"]:
            made.enabled = True
        case ["nameif", name]:
            made.name = name
            if made.level is None:  # what the device gives a name of which no level is written
                made.level = 100 if name == "inside" else 0
                made.level_number = one.number
        case ["security-level", level] if is_number(level, 3) and int(level) <= 100:
            made.level, made.level_number = int(level), one.number
        case ["vlan", vlan, *_] if is_number(vlan, 4):
            made.vlan = int(vlan)
        case ["bridge-group", group]:
            made.group = group
        case ["management-only", *_]:
            made.management_only = True
        case ["no", "forward", "interface", *hardware]:
            made.refused = "".join(hardware)
        case ["ip", "address", "dhcp" | "pppoe", *options]:
            made.leased = True
            made.default_route = "setroute" in options
        case ["ip", "address", address, mask, *_] if _add_v4(made, names.get(address, address), mask):
            pass
        case ["ipv6", "address", address, *_] if _add_v6(made, address):
            pass
        case ["ipv6", "address", _, "link-local" | "standby", *_]:
            pass
        case _ if one.text.startswith(_VPN):
            made.tunnel = one.number
        case _:
            return False
    return True


def _add_v4(made: AsaInterface, address: str, mask: str) -> bool:
    network = network_with(address, mask)
    if network is None:
        return False
    made.networks.append(network)
    number = number_of(IPv4Address(address))
    made.addresses.append((number, number))
    return True


def _add_v6(made: AsaInterface, address: str) -> bool:
    try:
        network = IPv6Network(address, strict=False)
        number = number_of(IPv6Address(address.split("/", maxsplit=1)[0]))
    except ValueError:
        return False
    if "/" not in address:
        return False
    made.networks.append(network)
    made.addresses.append((number, number))
    return True


def read_route(export: Export, statement: Statement, names: dict[str, str]) -> Route | None:
    """Read a static route; the default of tunnels is no way for other packets."""
    words = [names.get(word, word) for word in statement.words]
    if words[-1] == "tunneled":
        export.mark(statement.number, LineState.IRRELEVANT)
        return None
    network: Network | None = None
    gateway: str | None = None
    match words:
        case ["route", interface, address, mask, *_] if interface.lower() == "null0":  # dropped
            network = network_with(address, mask)
        case ["route", interface, address, mask, gateway, *_]:
            network = network_with(address, mask)
        case ["ipv6", "route", interface, prefix, gateway, *_] if "/" in prefix:
            network = _v6_network(prefix)
        case _:
            interface = ""
    if network is None:
        export.fault(statement.number, LineState.UNKNOWN, _not_understood("route", statement.text))
        return None
    export.mark(statement.number, LineState.PARSED)
    return Route(network=network, interface=interface, gateway=gateway, place=export.place(statement.number))


def leased_default(export: Export, one: AsaInterface) -> Route:
    """Give the default route that an interface takes from the network it leases its address from."""
    return Route(network=IPv4Network("0.0.0.0/0"), interface=one.name, place=export.place(one.number))


def _v6_network(prefix: str) -> IPv6Network | None:
    try:
        return IPv6Network(prefix, strict=False)
    except ValueError:
        return None


def _not_understood(where: str, what: str) -> Text:
    return Text(
        ja=f"{where} の「{what}」は読み取れません。この設定が通信に与える影響は、判定に含めていません。",
        en=f"{what!r} of {where} is not modelled; what it does to traffic is left out of the verdict.",
    )
