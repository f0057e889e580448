"""Virtual IPs and IP pools: which packets a virtual IP claims, and what is written in place of their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.firewall.model import LineState, Mapping
from zoneguard.firewall.vendors.fortios.reach import ANY_V6, ZERO, address_span, masked, port_span
from zoneguard.net.address import V4_FIRST, V4_LAST, spans_of
from zoneguard.net.service import Service, intersect_services
from zoneguard.net.spans import ANY_V4, ANYWHERE, spans_from, spans_meet
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.vendors.fortios.tree import Entry
    from zoneguard.firewall.vendors.fortios.vdom import Vdom
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

_ANY_PORT = (0, 65535)
_PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1}
MOST_COMPARED = 250_000  # pairs of claims on one address, before their order is left open
PORTS = (1024, 65535)  # source ports that a FortiGate gives where it translates them


@dataclass(slots=True, kw_only=True)
class Claim:
    """The packets that a virtual IP takes, as they arrive, and where it sends them."""

    name: str
    line: int
    destination: Spans
    services: tuple[Service, ...]
    source: Spans
    ingress: frozenset[str] | None
    targets: tuple[Mapping, ...]  # more than one: one of them is taken
    ports: tuple[Span, Span] | None = None  # from, to
    unknown: tuple[str, ...] = ()

    def before_mapping(self, services: tuple[Service, ...]) -> tuple[Service, ...]:
        """Give the packets of this claim whose port, once mapped, is among the services."""
        made: list[Service] = []
        for service in services:
            for own in self.services:
                if self.ports is None:
                    shared = intersect_services(own, service)
                    made += [shared] if shared else []
                    continue
                (first, last), (to, end) = self.ports
                low, high = max(service.dport[0], to), min(service.dport[1], end)
                if low > high:
                    continue
                if end - to == last - first:
                    low, high = low - to + first, high - to + first
                else:  # many ports to fewer: every outer port can lead there
                    low, high = first, last
                shared = intersect_services(own, service._replace(dport=(low, high)))
                made += [shared] if shared else []
        return tuple(dict.fromkeys(made))

    def mapped(self) -> Spans:
        """Give the addresses that packets of this claim are sent to."""
        return spans_from(one.address for one in self.targets if one.address)


def claims_of(vdom: Vdom) -> dict[str, Claim]:
    """Give the virtual IPs that are in force, by name, in the order in which the device asks them."""
    found: dict[str, Claim] = {}
    for version, path in ((4, "firewall vip"), (6, "firewall vip6")):
        for entry in vdom.entries(path):
            if entry.word("status") == "disable" or entry.word("type") == "dns-translation":
                continue
            found[entry.name] = _claim(vdom, entry, version)
    _leave_overlaps_open(list(found.values()))
    return found


def _claim(vdom: Vdom, entry: Entry, version: int) -> Claim:
    unknown: list[str] = []
    everything = ANY_V4 if version == 4 else ANY_V6
    kind = entry.word("type", "static-nat")
    outside = _outside(vdom, entry)
    ports: tuple[Span, Span] | None = None
    services: tuple[Service, ...] = (Service(),)
    targets: tuple[Mapping, ...] = ()
    try:
        if entry.on("portforward") or kind == "server-load-balance":
            protocol = (
                _PROTOCOLS[entry.word("protocol", "tcp")]
                if kind == "static-nat" or entry.words("protocol")
                else 6
            )
            outer = port_span(entry.word("extport", "0")) if entry.words("extport") else _ANY_PORT
            outer = _ANY_PORT if outer == (0, 0) else outer
            services = (Service((protocol, protocol), dport=_ANY_PORT if protocol == 1 else outer),)
            if entry.words("mappedport") and protocol != 1:
                inner = port_span(entry.word("mappedport"))
                ports = (outer, outer if inner == (0, 0) else inner)
        targets = tuple(_targets(entry, kind, outside, ports))
    except (KeyError, ValueError):
        unknown.append(f"vip {entry.name}")
    if kind not in ("static-nat", "load-balance", "server-load-balance") or entry.words("service"):
        unknown.append(f"vip {entry.name} ({kind})")
    if outside is None or not targets:
        unknown.append(f"vip {entry.name}")
    ways = vdom.ways(
        entry.words("srcintf-filter") or entry.words("extintf") or ("any",), entry.line_of("extintf")
    )
    source = _source_filter(entry)
    if source is None:
        unknown.append(f"vip {entry.name} src-filter")
    if unknown:
        vdom.export.fault(entry.line, LineState.UNSUPPORTED, _vip_left_open(entry.name))
    if kind == "server-load-balance":
        unknown.append(f"vip {entry.name} (real server)")
    return Claim(
        name=entry.name,
        line=entry.line,
        destination=everything if outside is None else (outside,),
        services=services,
        source=ANYWHERE if source is None else source,
        ingress=ways.names,
        targets=targets or (Mapping(address=(everything[0][0], everything[-1][1])),),
        ports=ports,
        unknown=tuple(dict.fromkeys((*unknown, *ways.unknown))),
    )


def _outside(vdom: Vdom, entry: Entry) -> Span | None:
    written = entry.word("extip")
    if written in ("", ZERO, "::"):  # the address of the interface
        return vdom.own.get(entry.word("extintf")) if not entry.words("extaddr") else None
    try:
        return address_span(written)
    except ValueError:
        return None


def _targets(
    entry: Entry, kind: str, outside: Span | None, ports: tuple[Span, Span] | None
) -> Iterator[Mapping]:
    port = ports[1] if ports else None
    if kind == "server-load-balance":
        servers = entry.tables.get("realservers")
        for server in servers.entries.values() if servers else ():
            if server.word("status", "active") != "disable" and server.word("ip"):
                own = server.word("port", "0")
                yield Mapping(
                    address=address_span(server.word("ip")), port=port if own == "0" else port_span(own)
                )
        return
    for word in entry.words("mappedip"):
        inside = address_span(word)
        if outside and inside[0] == inside[1] and outside[1] > outside[0]:
            inside = (
                inside[0],
                inside[0] + outside[1] - outside[0],
            )  # FortiOS counts on from the first address
        yield Mapping(address=inside, port=port)


def _source_filter(entry: Entry) -> Spans | None:
    words = entry.words("src-filter")
    if not words:
        return ANYWHERE
    found: list[Span] = []
    try:
        for word in words:
            if "/" in word and ":" not in word:
                found += masked([word])
            elif "/" in word:
                from ipaddress import ip_network

                found += spans_of(ip_network(word, strict=False))
            else:
                found.append(address_span(word))
    except ValueError:
        return None
    return spans_from(found)


def _leave_overlaps_open(claims: list[Claim]) -> None:
    """Leave open what a later claim takes of packets that an earlier one takes as well."""
    order = {id(one): at for at, one in enumerate(claims)}
    beside: list[Claim] = []
    compared = 0
    for claim in sorted(claims, key=lambda one: one.destination[0]):
        if any(one.destination[-1][1] < claim.destination[0][0] for one in beside[:1]):
            beside = [one for one in beside if one.destination[-1][1] >= claim.destination[0][0]]
        compared += len(beside)
        if compared > MOST_COMPARED and beside:
            claim.unknown = (*claim.unknown, f"vip {claim.name} among many")
        else:
            for other in beside:
                if _meet(claim, other):
                    later = claim if order[id(claim)] > order[id(other)] else other
                    if len(later.unknown) < 8:
                        earlier = other if later is claim else claim
                        later.unknown = (*later.unknown, f"vip {later.name} behind vip {earlier.name}")
        beside.append(claim)


def _meet(one: Claim, other: Claim) -> bool:
    if one.ingress is not None and other.ingress is not None and not one.ingress & other.ingress:
        return False
    if not spans_meet(one.destination, other.destination) or not spans_meet(one.source, other.source):
        return False
    return any(intersect_services(a, b) for a in one.services for b in other.services)


def pools_of(vdom: Vdom, names: tuple[str, ...]) -> Span | None:
    """Give the addresses of IP pools, from the first to the last; None when one cannot be read."""
    ends: list[int] = []
    for name in names:
        entry = next(
            (
                vdom.tables[path].entries[name]
                for path in ("firewall ippool", "firewall ippool6")
                if path in vdom.tables and name in vdom.tables[path].entries
            ),
            None,
        )
        if entry is None:
            return None
        try:
            ends += [*address_span(entry.word("startip")), *address_span(entry.word("endip"))]
        except ValueError:
            return None
    return (min(ends), max(ends)) if ends else None


def hidden_behind(
    vdom: Vdom, names: tuple[str, ...], ways: frozenset[str] | None
) -> list[tuple[frozenset[str] | None, Span]]:
    """Give the addresses that source NAT writes, by outgoing interface: the pools, or the interface's own."""
    if names:
        return [(ways, pools_of(vdom, names) or (V4_FIRST, V4_LAST))]
    own = list(vdom.first_addresses(ways))
    if len(own) > 32 or not own:
        return [(ways, (V4_FIRST, V4_LAST))]
    return [(frozenset({name}), address or (V4_FIRST, V4_LAST)) for name, address in own]


def _vip_left_open(name: str) -> Text:
    return Text(
        ja=f"バーチャルIP「{name}」の受け口または転送先が、設定だけでは決まりません。一致しうるものとして扱います。",
        en=f"What the virtual IP {name!r} takes, or where it sends it, does not follow from the export; it is read as a may.",
    )
