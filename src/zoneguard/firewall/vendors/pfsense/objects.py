"""What rules name: interfaces and their addresses, groups of interfaces, aliases, ports and protocols."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall import known
from zoneguard.firewall.model import Interface
from zoneguard.net.address import number_of, spans_of
from zoneguard.net.spans import ANY_V4, ANYWHERE, intersect_spans, spans_from, subtract_spans

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.xmltree import Element
    from zoneguard.net.address import Network, Span
    from zoneguard.net.spans import Spans

ANY_V6 = subtract_spans(ANYWHERE, ANY_V4)
FAMILIES = {"inet": ANY_V4, "inet6": ANY_V6, "inet46": ANYWHERE}
MOST_MEMBERS = 100_000  # of one alias with everything in it; beyond, it is left open
# Names that stand for the tunnels of a service, which the list of interfaces does not hold.
_TUNNELS = frozenset({"enc0", "ipsec", "l2tp", "openvpn", "pppoe", "wireguard"})
_PROTOCOLS = {**known.PROTOCOLS, "carp": 112, "pfsync": 240, "st": 5, "etherip": 97}
_NETWORKS = frozenset({"host", "network", "networkgroup", "url", "url_ports", "port"})


class Reach(NamedTuple):
    """Addresses that something may stand for, what leaves them open, and the sure ones."""

    spans: Spans
    unknown: tuple[str, ...] = ()
    sure: Spans = ()

    @property
    def certain(self) -> Spans:
        """Give the addresses that it surely stands for."""
        return self.sure if self.unknown else self.spans


class Ports(NamedTuple):
    """Ports that something may stand for, and what leaves them open."""

    spans: tuple[Span, ...]
    unknown: tuple[str, ...] = ()


def is_on(element: Element | None) -> bool:
    """Tell a flag that is there, empty or as 1 or yes, from one that is away or 0."""
    return element is not None and element.text.lower() not in ("0", "no", "false", "disabled")


@dataclass(slots=True)
class Objects:
    """What one configuration defines for its rules."""

    export: Export
    root: Element
    interfaces: list[Interface] = field(default_factory=list)
    own: dict[str, list[int]] = field(default_factory=dict)  # own addresses by interface
    virtual: dict[str, list[int]] = field(default_factory=dict)  # further addresses, by interface
    dynamic: set[str] = field(default_factory=set)  # interfaces whose address the export does not hold
    outside: set[str] = field(default_factory=set)  # interfaces with a gateway
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: dict[str, Element] = field(default_factory=dict)
    _reaches: dict[str, Reach] = field(default_factory=dict)
    _ports: dict[str, Ports] = field(default_factory=dict)

    def ways(self, text: str) -> tuple[frozenset[str] | None, tuple[str, ...]]:
        """Give the interfaces of a rule, groups opened; an empty text stands for every one."""
        found: set[str] = set()
        unknown: list[str] = []
        names = {one.name for one in self.interfaces}
        for name in text.replace(",", " ").split():
            if name == "any":
                return None, ()
            if name in self.groups:
                found.update(self.groups[name])
            else:
                found.add(name)
                if (
                    name not in names
                    and name not in _TUNNELS
                    and not name.startswith(("ovpn", "wg", "ipsec", "tun_"))
                ):
                    unknown.append(f"interface {name}")
        return (frozenset(found) if found else None), tuple(unknown)

    def reach(self, side: Element | None, family: Spans) -> Reach:
        """Give the addresses of one side of a rule."""
        if side is None or is_on(side.find("any")):
            return Reach(family)
        text = side.word("network") or side.word("address")
        if not text:
            return (
                Reach(family)
                if side.find("port") is not None or not side.children
                else Reach(family, ("no address",))
            )
        found = self.named(text)
        if is_on(side.find("not")):
            return Reach(
                intersect_spans(subtract_spans(ANYWHERE, found.certain), family),
                found.unknown,
                () if found.unknown else intersect_spans(subtract_spans(ANYWHERE, found.spans), family),
            )
        return Reach(
            intersect_spans(found.spans, family), found.unknown, intersect_spans(found.certain, family)
        )

    def named(self, text: str) -> Reach:
        """Give the addresses of a name, a network or several of them."""
        if text not in self._reaches:
            self._reaches[text] = self._resolved(text)
        return self._reaches[text]

    def _resolved(self, text: str) -> Reach:
        spans: list[Span] = []
        unknown: dict[str, None] = {}
        excluded: list[Span] = []
        waiting = [*reversed(text.replace(",", " ").split())]
        seen: set[str] = set()
        while waiting:
            word = waiting.pop()
            bare = word.removeprefix("!")
            if bare in seen:
                continue
            seen.add(bare)
            if len(seen) > MOST_MEMBERS:
                unknown["too many members"] = None
                break
            if bare in self.aliases and not word.startswith("!"):
                said = _alias_said(self.aliases[bare])
                if said is None:
                    unknown[f"alias {bare}"] = None
                else:
                    waiting += [*reversed(said)]
                continue
            made = self._plain(bare)
            if made is None:
                unknown[bare[:60]] = None
            elif word.startswith("!"):
                excluded += made
            else:
                spans += made
        certain = subtract_spans(spans_from(spans), spans_from(excluded))
        return Reach(ANYWHERE, tuple(unknown)[:16], certain) if unknown else Reach(certain)

    def _plain(self, word: str) -> Spans | None:
        """Give the addresses of one word that is no alias; None when they are not known."""
        if word in ("any", "all"):
            return ANYWHERE
        if word == "(self)":
            held = [at for table in (self.own, self.virtual) for own in table.values() for at in own]
            return None if self.dynamic else spans_from((at, at) for at in held)
        by_name = {one.name: one for one in self.interfaces}
        name = word if word in by_name else word.removesuffix("ip")
        if name in self.dynamic:
            return None
        if name in by_name:
            if name == word:
                return spans_from(span for one in by_name[name].networks for span in spans_of(one))
            return spans_from((at, at) for at in self.own.get(name, ()))
        return _written(word)

    def ports(self, text: str | None) -> Ports:
        """Give the ports of a number, a range, a name or an alias."""
        if not text or text == "any":
            return Ports(((0, 65535),))
        if text not in self._ports:
            self._ports[text] = self._resolved_ports(text)
        return self._ports[text]

    def _resolved_ports(self, text: str) -> Ports:
        spans: list[Span] = []
        unknown: dict[str, None] = {}
        waiting, seen = text.replace(",", " ").split(), set[str]()
        while waiting:
            word = waiting.pop()
            if word in seen or len(seen) > MOST_MEMBERS:
                continue
            seen.add(word)
            if word in self.aliases:
                said = _alias_said(self.aliases[word])
                waiting += said or ()
                if said is None:
                    unknown[f"alias {word}"] = None
                continue
            span = port_span(word)
            if span is None:
                unknown[f"port {word}"[:60]] = None
            else:
                spans.append(span)
        return Ports(((0, 65535),), tuple(unknown)[:8]) if unknown else Ports(spans_from(spans))


def _written(word: str) -> Spans | None:
    """Give the addresses of a network or a range; None when it is neither."""
    try:
        low, dash, high = word.partition("-")
        if dash:
            first, last = number_of(ip_address(low)), number_of(ip_address(high))
            return ((first, last),) if first <= last else None
        return spans_from(spans_of(ip_network(word, strict=False)))
    except ValueError:
        return None


def port_span(word: str) -> Span | None:
    """Give the ports of 80, 1000:2000, 1000-2000 or a name; None when they are none."""
    if word in known.PORTS:
        return (known.PORTS[word],) * 2
    low, _, high = word.replace("-", ":").partition(":")
    if not (
        low.isascii()
        and low.isdecimal()
        and len(low) < 6
        and (not high or (high.isascii() and high.isdecimal() and len(high) < 6))
    ):
        return None
    first, last = int(low), int(high or low)
    return (first, last) if first <= last <= 65535 else None


def protocol_numbers(text: str) -> list[int] | None:
    """Give the protocols of a rule; None when the name is not known, every one when there is none."""
    word = text.lower()
    if not word or word == "any":
        return [-1]
    if word in ("tcp/udp", "tcpudp"):
        return [6, 17]
    if word in _PROTOCOLS:
        return [_PROTOCOLS[word]]
    return [int(word)] if word.isascii() and word.isdecimal() and len(word) < 4 and int(word) < 256 else None


def _alias_said(alias: Element) -> list[str] | None:
    """Give the members of an alias; None where only the device knows them."""
    if alias.find("enabled") is not None and not is_on(alias.find("enabled")):
        return []
    kind = (alias.word("type") or "host").lower()
    if (
        kind not in _NETWORKS
        or kind.startswith("url")
        or alias.word("url")
        or alias.find("aliasurl") is not None
    ):
        return None
    return f"{alias.word('address') or ''} {alias.word('content') or ''}".split()


def objects_of(export: Export, root: Element) -> Objects:
    """Read interfaces, groups and aliases."""
    made = Objects(export, root)
    vlans = {one.word("vlanif"): one.word("tag") or "" for one in root.all("vlans", "vlan")}
    section = root.find("interfaces")
    for one in section.children if section else ():
        made.interfaces.append(_interface(made, one, vlans))
    for vip in root.all("virtualip", "vip"):
        _virtual(made, vip)
    for group in root.all("ifgroups", "ifgroupentry"):
        name = group.word("ifname")
        if name:
            made.groups[name] = tuple((group.word("members") or "").replace(",", " ").split())
    sections = [root.all("aliases", "alias"), root.all("OPNsense", "Firewall", "Alias", "aliases", "alias")]
    made.aliases = {name: alias for held in sections for alias in held if (name := alias.word("name"))}
    return made


def _interface(made: Objects, one: Element, vlans: dict[str | None, str]) -> Interface:
    networks: list[Network] = []
    for address, bits in (("ipaddr", "subnet"), ("ipaddrv6", "subnetv6")):
        text = one.word(address) or ""
        if not text:
            continue
        try:
            read = ip_interface(f"{text}/{one.word(bits) or ''}".rstrip("/"))
        except ValueError:
            made.dynamic.add(one.tag)  # dhcp, pppoe, track6 …
            continue
        networks.append(read.network)
        made.own.setdefault(one.tag, []).append(number_of(read.ip))
    if one.word("gateway") or one.word("ipaddr") in ("dhcp", "pppoe", "pptp", "l2tp", "ppp"):
        made.outside.add(one.tag)
    port = one.word("if") or ""
    tag = vlans.get(port) or ""
    return Interface(
        name=one.tag,
        networks=tuple(networks),
        vlan=int(tag) if tag.isascii() and tag.isdecimal() and len(tag) < 5 else None,
        enabled=is_on(one.find("enable")),
        description=one.word("descr") or port,
        place=made.export.place(one.line),
    )


def _virtual(made: Objects, vip: Element) -> None:
    name, address = vip.word("interface") or "", vip.word("subnet") or ""
    if vip.word("mode") in ("ipalias", "carp"):
        try:
            made.virtual.setdefault(name, []).append(number_of(ip_address(address)))
        except ValueError:
            made.dynamic.add(name)
