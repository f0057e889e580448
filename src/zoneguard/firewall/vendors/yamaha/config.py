"""A YAMAHA configuration as read command by command, before its parts are put together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import LineState, Route
from zoneguard.firewall.vendors.yamaha import nat
from zoneguard.firewall.vendors.yamaha.filters import Static, static_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Place
    from zoneguard.firewall.vendors.yamaha.commands import Command

_INTERFACE = re.compile(r"(?:lan|vlan|bridge|wan|onu|loopback)\d+(?:[./]\d+)?|pp|tunnel|null")


class Applied(NamedTuple):
    """A list of filter numbers on an interface, static and dynamic ones in their order."""

    statics: list[str]
    dynamics: list[str]
    place: Place
    unsure: bool


class Pending(NamedTuple):
    """A definition that refers to others, read when all are known."""

    words: list[str]
    place: Place
    remark: str


@dataclass(slots=True)
class Config:
    """What the commands said; keys begin with `ip` or `ipv6` where the two are apart."""

    export: Export
    statics: dict[str, dict[str, Static]] = field(default_factory=lambda: {"ip": {}, "ipv6": {}})
    dynamics: dict[str, dict[str, Pending]] = field(default_factory=lambda: {"ip": {}, "ipv6": {}})
    sets: dict[tuple[str, str], list[tuple[str, Applied]]] = field(default_factory=dict)
    applied: dict[tuple[str, str, str], Applied] = field(default_factory=dict)
    named: dict[tuple[str, str], tuple[str, Place]] = field(default_factory=dict)
    descriptors: dict[str, nat.Descriptor] = field(default_factory=dict)
    translated: dict[str, tuple[list[str], Place]] = field(default_factory=dict)
    addresses: dict[str, list[IPv4Interface | IPv6Interface]] = field(default_factory=dict)
    interfaces: dict[str, Place] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    vlans: dict[str, int] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    routes: list[Route] = field(default_factory=list)
    ethernet: dict[tuple[str, str], Place] = field(default_factory=dict)
    policy: list[Place] = field(default_factory=list)
    routing: dict[str, bool] = field(default_factory=lambda: {"ip": True, "ipv6": True})
    speaks_ipv6: bool = False
    notices: bool = False  # `syslog notice on`: without it no filter logs
    name: str = ""
    _context: str = ""

    def read(self, command: Command) -> None:
        """Take one command in, and state what became of its lines."""
        words, state = command.words, LineState.IRRELEVANT
        first = words[0]
        if first in ("ip", "ipv6") and len(words) > 2:
            state = self._ip(command)
        elif first in ("pp", "tunnel") and len(words) > 1:
            state = self._select(words)
        elif first == "nat" and words[1:2] == ["descriptor"]:
            known = nat.read(self.descriptors, words[2:], self._place(command))
            state = (
                LineState.PARSED if known else LineState.UNKNOWN if known is None else LineState.IRRELEVANT
            )
        elif first == "ethernet":
            state = self._ethernet(command)
        elif first in ("description", "vlan", "lan", "snmp", "console", "syslog"):
            state = self._naming(words)
        elif first in ("no", "schedule", "lua") and _touches_policy(words):
            state = LineState.UNSUPPORTED
        for number in range(command.first, command.last + 1):
            self.export.mark(number, state)
        if state is LineState.UNSUPPORTED:
            self.export.fault(command.first, state, _unsupported(" ".join(words[:4])))
        elif state is LineState.UNKNOWN:
            self.export.fault(command.first, state, _unknown(" ".join(words[:4])))

    def _place(self, command: Command) -> Place:
        return self.export.place(command.first)

    def _select(self, words: list[str]) -> LineState:
        kind = words[0]
        if words[1] == "select" and len(words) > 2:
            self._context = "" if words[2] == "none" else f"{kind} {words[2]}"
            return LineState.PARSED
        if words[1] in ("enable", "disable") and len(words) > 2:
            if words[1] == "disable":
                self.closed.add(f"{kind} {words[2]}")
            else:
                self.closed.discard(f"{kind} {words[2]}")
            return LineState.PARSED
        return LineState.IRRELEVANT

    def _ip(self, command: Command) -> LineState:
        family, word = command.words[:2]
        rest = command.words[2:]
        if word == "filter":
            return self._filter(command, family, rest)
        if word == "route":
            return self._route(command, rest)
        if word == "routing":
            self.routing[family] = rest[0] != "off"
            return LineState.PARSED
        if word == "policy":
            self.policy.append(self._place(command))
            return LineState.UNSUPPORTED
        if _INTERFACE.fullmatch(word):
            name = self._interface(word)
            self.interfaces.setdefault(name, self._place(command))
            return self._on_interface(command, family, name, rest)
        return LineState.IRRELEVANT if word in _IRRELEVANT_IP else LineState.UNKNOWN

    def _interface(self, word: str) -> str:
        return (self._context or word) if word in ("pp", "tunnel") else word

    def _filter(self, command: Command, family: str, rest: list[str]) -> LineState:
        place = self._place(command)
        if rest[0].isdecimal() and len(rest) > 2:
            static = static_of(family, rest, place, command.remark)
            if static is None:
                return LineState.UNKNOWN
            self.statics[family][rest[0]] = static
            return LineState.PARSED
        if rest[0] == "dynamic" and len(rest) > 4 and rest[1].isdecimal():
            self.dynamics[family][rest[1]] = Pending(rest[1:], place, command.remark)
            return LineState.PARSED
        if rest[0] == "set" and len(rest) > 3:
            self.sets[family, rest[1]] = _directions(rest[2:], place, unsure=command.unsure)
            return LineState.PARSED
        return LineState.IRRELEVANT if rest[0] in _IRRELEVANT_FILTER else LineState.UNKNOWN

    def _on_interface(self, command: Command, family: str, name: str, rest: list[str]) -> LineState:
        place = self._place(command)
        if rest[:2] == ["secure", "filter"] and len(rest) > 2:
            if rest[2] == "name" and len(rest) > 3:
                self.named[family, name] = (rest[3], place)
                return LineState.PARSED
            for direction, applied in _directions(rest[2:], place, unsure=command.unsure):
                self.applied[family, name, direction] = applied
            return LineState.PARSED if rest[2] in ("in", "out") else LineState.UNKNOWN
        if rest[0] in ("address", "secondary", "prefix"):
            return self._address(family, name, rest)
        if rest[:2] == ["nat", "descriptor"] and len(rest) > 2:
            self.translated[name] = (rest[2:], place)
            return LineState.PARSED
        if rest[0] == "forward" or (rest[0] == "secure" and rest[1:2] != ["filter"]):
            return LineState.UNSUPPORTED
        if family == "ipv6" and rest[0] in ("dhcp", "rtadv"):
            self.speaks_ipv6 = True
        return LineState.IRRELEVANT

    def _address(self, family: str, name: str, rest: list[str]) -> LineState:
        self.speaks_ipv6 |= family == "ipv6"
        for word in rest[1:]:
            text = word
            if found := re.fullmatch(r"([\d.]+)/([\d.]+)", word):
                text = f"{found[1]}/{found[2]}"
            try:
                self.addresses.setdefault(name, []).append(ip_interface(text))
            except ValueError:
                continue
            break
        return LineState.PARSED

    def _route(self, command: Command, rest: list[str]) -> LineState:
        if rest[0] == "change":  # `ip route change log`
            return LineState.IRRELEVANT
        state = LineState.PARSED
        version = "::/0" if command.words[0] == "ipv6" else "0.0.0.0/0"
        try:
            network = ip_network(version if rest[0] == "default" else rest[0], strict=False)
        except ValueError:
            return LineState.UNKNOWN
        at = 1
        while at < len(rest):
            if rest[at] == "gateway" and at + 1 < len(rest):
                interface, gateway = self._gateway(rest[at + 1 : at + 3])
                self.routes.append(
                    Route(network=network, interface=interface, gateway=gateway, place=self._place(command))
                )
                at += 1
            elif rest[at] == "filter":
                state = LineState.UNSUPPORTED
            at += 1
        self.speaks_ipv6 |= command.words[0] == "ipv6"
        return state

    def _gateway(self, words: list[str]) -> tuple[str | None, str | None]:
        kind, number = words[0], words[1] if len(words) > 1 else ""
        if kind in ("pp", "tunnel"):
            return f"{kind} {number}".strip(), None
        if kind in ("dhcp", "pdp", "loopback", "map-e"):
            return number or None, None
        if kind == "null":
            return "null", None
        address, _, interface = kind.partition("%")
        try:
            return interface or None, str(ip_address(address))
        except ValueError:
            return None, None

    def _ethernet(self, command: Command) -> LineState:
        words = command.words
        if len(words) > 4 and words[2] == "filter" and words[3] in ("in", "out"):
            self.ethernet[words[1], words[3]] = self._place(command)
        return LineState.UNSUPPORTED if "filter" in words[1:3] else LineState.IRRELEVANT

    def _naming(self, words: list[str]) -> LineState:
        first, rest = words[0], words[1:]
        if first == "description" and len(rest) > 1:
            name = self._interface(rest[0])
            at = 2 if name == rest[0] and rest[0] in ("pp", "tunnel") and rest[1].isdecimal() else 1
            self.descriptions[f"{rest[0]} {rest[1]}" if at == 2 else name] = " ".join(rest[at:]).strip('"')
            return LineState.PARSED
        if first == "vlan" and len(rest) > 1 and rest[1] == "802.1q":
            vid = re.search(r"\bvid=(\d{1,4})\b", " ".join(rest))
            if vid:
                self.vlans[rest[0]] = int(vid[1])
            return LineState.PARSED
        if rest[:1] == ["shutdown"] and first == "lan" and len(rest) > 1:
            self.closed.add(rest[1])
            return LineState.PARSED
        if (first, rest[0] if rest else "") in (("snmp", "sysname"), ("console", "prompt")) and len(rest) > 1:
            self.name = self.name or " ".join(rest[1:]).strip('"')
            return LineState.PARSED
        if first == "syslog" and rest[:1] == ["notice"]:
            self.notices = rest[1:2] == ["on"]
            return LineState.PARSED
        return LineState.IRRELEVANT


def _directions(words: list[str], place: Place, *, unsure: bool) -> list[tuple[str, Applied]]:
    """Part `in 1 2 dynamic 3 out 4` at its directions."""
    found: list[tuple[str, Applied]] = []
    dynamic = False
    for word in words:
        if word in ("in", "out"):
            found.append((word, Applied([], [], place, unsure)))
            dynamic = False
        elif word == "dynamic":
            dynamic = True
        elif found:
            (found[-1][1].dynamics if dynamic else found[-1][1].statics).append(word)
    return found


_IRRELEVANT_FILTER = frozenset(("directed-broadcast", "fqdn", "source-route", "timer"))
_IRRELEVANT_IP = frozenset(
    ("arp", "flow", "fragment", "host", "icmp", "implicit-route", "interface", "keepalive", "local", "mtu", "nd", "neighbor", "ospf",
     "pp", "prefix", "reassembly", "rh0", "rip", "rip6", "simple-service", "source", "stealth", "tos", "max", "multicast", "rtadv")
)  # fmt: skip


def _touches_policy(words: list[str]) -> bool:
    return any(word in ("filter", "nat", "route", "routing", "address") for word in words)


def _unsupported(what: str) -> Text:
    return Text(
        ja=f"「{what}」はモデルに入れていません。この設定が通過や経路を変える通信については、確定しないものが残ります。",
        en=f"`{what}` is not modelled; what it changes in passing or routing packets stays open.",
    )


def _unknown(what: str) -> Text:
    return Text(
        ja=f"「{what}」を読めませんでした。この設定がパケットに関わるかどうかは分かりません。",
        en=f"`{what}` was not understood; whether it bears on packets is not known.",
    )
