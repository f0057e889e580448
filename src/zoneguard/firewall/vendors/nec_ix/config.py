"""A UNIVERGE IX configuration as read line by line, before its parts are put together."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import LineState, Route
from zoneguard.firewall.secrets import REDACTED
from zoneguard.firewall.vendors.nec_ix.lists import Dynamic, Entry, entry_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Place


class Applied(NamedTuple):
    """An access list on an interface, at its place in the order of the lists there."""

    sequence: int
    name: str
    place: Place


class Napt(NamedTuple):
    """A static entry of NAPT: words behind `ip napt static` or `ip napt service NAME`."""

    label: str
    words: list[str]
    place: Place


@dataclass(slots=True, kw_only=True)
class Port:
    """One logical interface as far as it has been read."""

    place: Place
    addresses: list[IPv4Interface | IPv6Interface] = field(default_factory=list)
    vlan: int | None = None
    vrf: str | None = None
    enabled: bool = True
    description: str = ""
    napt: Place | None = None
    napt_inside: str | None = None
    napt_address: str | None = None
    napt_entries: list[Napt] = field(default_factory=list)
    nat: Place | None = None  # `ip nat …`, which is not modelled
    mac_filters: dict[str, Place] = field(default_factory=dict)


@dataclass(slots=True)
class Config:
    """What the lines said; keys begin with `ip` or `ipv6` where the two are apart."""

    export: Export
    lists: dict[str, dict[str, list[Entry]]] = field(default_factory=lambda: {"ip": {}, "ipv6": {}})
    dynamics: dict[str, dict[str, Dynamic]] = field(default_factory=lambda: {"ip": {}, "ipv6": {}})
    applied: dict[tuple[str, str, str], list[Applied]] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    hostname: str = ""
    version: str = ""
    speaks_ipv6: bool = False
    logs: bool = False
    _block: str = ""  # first words of the block that indented lines belong to
    _remark: str = ""

    def read(self) -> None:
        """Read all lines, and state what became of each."""
        for number, line in enumerate(self.export.lines, 1):
            _put_away_secrets(self.export, number)
            text = self.export.lines[number - 1]
            words = text.split()
            if not words or words[0].startswith("!") or _is_prompt(text):
                self._remark_of(text.strip())
                self.export.mark(number, LineState.IRRELEVANT)
                continue
            state = self._inside(number, words) if line[:1] in (" ", "\t") else self._top(number, words)
            self._remark = ""
            self.export.mark(number, state)
            what = " ".join(words[:4])
            if state is LineState.UNSUPPORTED:
                self.export.fault(number, state, _unsupported(what))
            elif state is LineState.UNKNOWN:
                self.export.fault(number, state, _unknown(what))

    def _remark_of(self, text: str) -> None:
        if found := re.search(r"Software, Version ([\w.]+)", text):
            self.version = self.version or found[1]
        self._remark = text.lstrip("! \t")

    def _top(self, number: int, words: list[str]) -> LineState:
        self._block = " ".join(words[:2])
        first = words[0]
        if first == "interface" and len(words) > 1:
            self.ports.setdefault(words[1], Port(place=self.export.place(number)))
            return LineState.PARSED
        if first == "hostname" and len(words) > 1:
            self.hostname = words[1]
            return LineState.PARSED
        if first == "logging" and words[1:2] == ["subsystem"] and len(words) > 3:
            if words[2] in ("all", "flt"):
                self.logs = words[3] in ("warn", "notice", "info", "debug")
            return LineState.PARSED
        if first in ("ip", "ipv6") and len(words) > 2:
            return self._ip(number, words)
        if first == "no":
            bears = len(words) > 2 and words[2] in ("access-list", "route", "dynamic-filter")
            return LineState.UNSUPPORTED if bears else LineState.IRRELEVANT
        return LineState.IRRELEVANT if first in _IRRELEVANT_TOP else LineState.UNKNOWN

    def _ip(self, number: int, words: list[str]) -> LineState:
        family, kind = words[:2]
        if kind == "access-list":
            return self._access_list(number, family, words[2:])
        if kind == "route":
            return self._route(number, family, words[2:])
        if kind == "dynamic-filter":
            return LineState.UNSUPPORTED
        return LineState.IRRELEVANT if kind in _IRRELEVANT_IP else LineState.UNKNOWN

    def _access_list(self, number: int, family: str, words: list[str]) -> LineState:
        place = self.export.place(number)
        if words[0] in ("cache", "option", "sequence-mode") and words[1:2] not in (["permit"], ["deny"]):
            return LineState.IRRELEVANT
        if words[0] == "dynamic" and words[1:2] not in (["permit"], ["deny"]):
            return self._dynamic(family, words[1:], place)
        entry = entry_of(family, words[1:], place, self._remark)
        if entry is None:
            return LineState.UNKNOWN
        self.lists[family].setdefault(words[0], []).append(entry)
        return LineState.UNKNOWN if entry.match.unknown else LineState.PARSED

    def _dynamic(self, family: str, words: list[str], place: Place) -> LineState:
        if not words or words[0] in ("cache", "timer"):
            return LineState.IRRELEVANT
        lists = {"access": "", "in": "", "out": ""}
        rest, unknown = words[1:], []
        while len(rest) > 1 and rest[0] in lists:
            lists[rest[0]], rest = rest[1], rest[2:]
        if rest or not lists["access"]:
            unknown.append(f"dynamic {' '.join(words[1:])}")
        self.dynamics[family][words[0]] = Dynamic(
            lists["access"], lists["in"], lists["out"], tuple(unknown), place
        )
        return LineState.UNKNOWN if unknown else LineState.PARSED

    def _route(self, number: int, family: str, words: list[str]) -> LineState:
        vrf = None
        if words[0] == "vrf" and len(words) > 2:
            vrf, words = words[1], words[2:]
        default = "::/0" if family == "ipv6" else "0.0.0.0/0"
        try:
            network = ip_network(default if words[0] == "default" else words[0], strict=False)
        except ValueError:
            return LineState.IRRELEVANT if words[0] in ("redistribute", "maximum") else LineState.UNKNOWN
        interface, gateway = None, None
        for word in words[1:3]:
            try:
                gateway = str(ip_address(word))
            except ValueError:
                if re.fullmatch(r"[A-Z]\w+\d(?:[/.:\d]*)", word):
                    interface = word
        self.routes.append(
            Route(
                network=network,
                interface=interface,
                gateway=gateway,
                vrf=vrf,
                place=self.export.place(number),
            )
        )
        return LineState.PARSED

    def _inside(self, number: int, words: list[str]) -> LineState:
        kind, _, name = self._block.partition(" ")
        if kind != "interface" or name not in self.ports:
            known = kind in _IRRELEVANT_TOP or (kind in ("ip", "ipv6") and name in _IRRELEVANT_IP)
            return LineState.IRRELEVANT if known else LineState.UNKNOWN
        port = self.ports[name]
        rest = words[1:]
        if words[0] in ("ip", "ipv6") and rest:
            return self._on_port(number, words[0], name, rest)
        if words[0] == "encapsulation" and rest[:1] == ["dot1q"] and len(rest) > 1 and rest[1].isdecimal():
            port.vlan = int(rest[1]) if len(rest[1]) < 5 else None
        elif words[0] == "vrf" and len(rest) > 1:
            port.vrf = rest[1]
        elif words[0] == "description":
            port.description = " ".join(rest).strip('"')
        elif words[0] == "shutdown" or words == ["no", "shutdown"]:
            port.enabled = words[0] == "no"
        elif words[0] == "filter" and len(rest) > 2:
            port.mac_filters[rest[2]] = self.export.place(number)
            return LineState.UNSUPPORTED
        elif words[0] == "no" or words[0] in _IRRELEVANT_PORT:
            return LineState.IRRELEVANT
        else:
            return LineState.UNKNOWN
        return LineState.PARSED

    def _on_port(self, number: int, family: str, name: str, rest: list[str]) -> LineState:
        port, place = self.ports[name], self.export.place(number)
        self.speaks_ipv6 |= family == "ipv6" and rest[0] in ("enable", "address", "dhcp")
        if rest[0] == "filter" and len(rest) > 3 and rest[2].isdecimal() and rest[3] in ("in", "out"):
            key = (family, name, rest[3])
            self.applied.setdefault(key, []).append(Applied(int(rest[2][:9]), rest[1], place))
            return (
                LineState.PARSED if len(rest) == 4 or rest[4:] == ["suppress-logging"] else LineState.UNKNOWN
            )
        if rest[0] == "address" and len(rest) > 1:
            with suppress(ValueError):  # dhcp, ipcp: the configuration does not say it
                port.addresses.append(ip_interface(rest[1]))
            return LineState.PARSED
        if rest[0] == "napt":
            return self._napt(port, rest[1:], place)
        if rest[0] == "nat":
            port.nat = place
        unsupported = rest[0] in ("dynamic-filter", "filter", "nat", "policy")
        return LineState.UNSUPPORTED if unsupported else LineState.IRRELEVANT

    def _napt(self, port: Port, words: list[str], place: Place) -> LineState:
        kind = words[0] if words else ""
        if kind == "enable":
            port.napt = place
        elif kind == "inside" and words[1:2] == ["list"] and len(words) > 2:
            port.napt_inside = words[2]
        elif kind == "address" and len(words) > 1:
            port.napt_address = words[1]
        elif kind == "static" and len(words) > 2:
            port.napt_entries.append(Napt(f"ip napt static {' '.join(words[1:4])}", words[1:], place))
        elif kind == "service" and len(words) > 2:
            port.napt_entries.append(Napt(f"ip napt service {words[1]}", ["service", *words[1:]], place))
        else:
            return LineState.IRRELEVANT if kind in _IRRELEVANT_NAPT else LineState.UNKNOWN
        return LineState.PARSED


_TOP_WORDS = """
    aaa alias arp bgp bridge class-map configure control-plane ddns device devices dialer dns domain dot1x event exit
    fast-path floating-link http-server http-client https-server ike ikev2 ipsec isdn key l2tp l2tpv2 lldp logging mac-address-table
    mld monitor multicast netconf netmeister network-monitor nm ntp ntp-server pki policy-map pppoe ppp privilege proxy-dns qos queue
    radius route-map router rtr scheduler sflow sftp snmp-agent sntp ssh-server ssh syslog system telnet-server terminal timezone
    track tunnel unified upgrade upnp username vlan vrf vrrp watch-group web-console wol write zero-touch-provisioning service
    access-list banner boot clock crypto date ddns-client enable end
"""
_IRRELEVANT_TOP = frozenset(_TOP_WORDS.split())
_IP_WORDS = """
    arp as-path bgp community-list dhcp dhcp-relay domain extcommunity-list host icmp igmp irdp local mroute multicast
    name-server napt nat pim prefix-list rip router-id source-route ssh tcp ufs-cache udp vrf general-prefix nd neighbor
    unicast-routing url-filter load-sharing redirects traceroute
"""
_IRRELEVANT_IP = frozenset(_IP_WORDS.split())
_PORT_WORDS = """
    arp auto-connect bandwidth bridge bridge-group dialer dot1x duplex floating-link idle-timeout ike ikev2 ipsec keepalive
    l2tp lldp load-interval logging mac-address mdi mobile mtu netmeister network-monitor ppp pppoe qos queue rtp service-policy
    speed sflow snmp tunnel vlan-group vrrp watch wan dns proxy-dns encapsulation
"""
_IRRELEVANT_PORT = frozenset(_PORT_WORDS.split())
_IRRELEVANT_NAPT = frozenset(("access-log", "alg", "eim-mode", "hairpinning", "translation"))

_SECRET = re.compile(
    r"""(?ix)\b(?:password|secret-password|secret|community|psk|key(?:\s+char|\s+hex)?|auth-key|priv-key|key-string|access[\s-]code
    |snmp-agent\s+ip\s+host\s+\S+|authentication\s+text|md5|message-digest-key\s+\d+\s+md5)\s+(?P<secret>\S.*)$"""
)


def _put_away_secrets(export: Export, number: int) -> None:
    """Put away all that follows a word for a secret: this router writes user, kind and secret in many orders."""
    line = export.lines[number - 1]
    words = line.split()
    bears = words[:2] in (
        ["ip", "access-list"],
        ["ipv6", "access-list"],
        ["ip", "filter"],
        ["ipv6", "filter"],
    )
    if bears or words[:1] in (["description"], ["hostname"]) or line.lstrip().startswith("!"):
        return
    if (found := _SECRET.search(line)) and found["secret"].strip() != REDACTED:
        export.redact(number, found["secret"].strip())


def _is_prompt(text: str) -> bool:
    return re.match(
        r"[\w.-]{1,40}(?:\([\w./-]+\))?[#>]\s*(?:show|enable|en|terminal|exit|$)", text.strip()
    ) is not None or (
        text.strip().startswith(("--More--", "Current configuration", "Building configuration"))
    )


def _unsupported(what: str) -> Text:
    return Text(
        ja=f"「{what}」はモデルに入れていません。この設定が通過や経路を変える通信については、確定しないものが残ります。",
        en=f"`{what}` is not modelled; what it changes in passing or routing packets stays open.",
    )


def _unknown(what: str) -> Text:
    return Text(
        ja=f"「{what}」を読み切れませんでした。この設定が関わる通信は、確定しないものとして扱います。",
        en=f"`{what}` was not understood in full; packets that it bears on count as open.",
    )
