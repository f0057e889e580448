"""What a policy of Aerleon says, read from its YAML alone: the set of packets that may open a connection."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import yaml

from tests.aerleon.generate import HERE
from zoneguard.net.address import spans_of
from zoneguard.net.product import Product, subtract_all
from zoneguard.net.service import ConnectionState, Service, flags_matching
from zoneguard.net.spans import ANY_V4, spans_from, subtract_spans

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.net.spans import Spans
    from zoneguard.net.universe import ServiceUniverse

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51}
KINDS = {
    "echo-reply": 0,
    "unreachable": 3,
    "source-quench": 4,
    "redirect": 5,
    "echo-request": 8,
    "time-exceeded": 11,
}
# What opens a connection: new to a stateful device, for TCP the SYN of RFC 9293 alone.
OPENING = tuple(
    Service(
        protocol=(first, last),
        flags=flags_matching(0x17, 0x02) if first == 6 else 1,
        states=ConnectionState.NEW,
    )
    for first, last in ((0, 5), (6, 6), (7, 255))
)


Groups: TypeAlias = "dict[str, Spans]"


class Term(NamedTuple):
    """One term of a policy: who may, or may not, ask whom for what.

    Addresses stand under the name they have in the policy; what is left of one that something was cut out of
    stands under "", as it has no name. Without a name at all, any address is meant.
    """

    name: str
    permits: bool
    source: Groups
    destination: Groups
    services: tuple[Service, ...]


def terms_of(policy: Any) -> list[Term]:
    """Read the terms of a policy's only filter, in order."""
    (filter_,) = policy["filters"]
    return [_term(one) for one in filter_["terms"]]


def permitted(terms: Iterable[Term], universe: ServiceUniverse) -> list[Product]:
    """Give what the terms permit, the first that matches deciding, as disjoint products."""
    taken: list[Product] = []
    found: list[Product] = []
    opening = universe.set_of(*OPENING)
    for term in terms:
        product = Product(
            held(term.source), held(term.destination), universe.set_of(*term.services) & opening
        )
        if term.permits:
            found += subtract_all([product], taken)
        taken.append(product)
    return found


def held(groups: Groups) -> Spans:
    """Give the addresses of groups together."""
    return spans_from(span for spans in groups.values() for span in spans) or ANY_V4


def services_of(terms: Iterable[Term]) -> set[Service]:
    """Give every service that terms, and the question itself, tell apart."""
    return {*OPENING, *(service for term in terms for service in term.services)}


def _term(one: dict[str, Any]) -> Term:
    return Term(
        name=one["name"],
        permits=one["action"] == "accept",
        source=_groups(one, "source-address", "source-exclude"),
        destination=_groups(one, "destination-address", "destination-exclude"),
        services=tuple(_services(one)),
    )


def _groups(one: dict[str, Any], wanted: str, excluded: str) -> Groups:
    networks = _definitions("networks")
    cut = spans_from(
        span
        for name in _many(one.get(excluded))
        for value in networks[name]["values"]
        for span in _network(value)
    )
    groups: Groups = {}
    for name in _many(one.get(wanted)):
        for value in networks[name]["values"]:
            spans = spans_from(_network(value))
            left = subtract_spans(spans, cut)
            key = name if left == spans else ""
            groups[key] = spans_from([*groups.get(key, ()), *left])
    return groups


def _network(value: dict[str, str]) -> Spans:
    return spans_of(ip_network(value["address"]))


def _services(one: dict[str, Any]) -> Iterable[Service]:
    protocols = _many(one.get("protocol"))
    if not protocols:
        yield Service()
    for protocol in protocols:
        number = PROTOCOLS[protocol]
        kinds = [(KINDS[kind] << 8, KINDS[kind] << 8 | 255) for kind in _many(one.get("icmp-type"))]
        for sport in _ports(one.get("source-port"), protocol):
            for dport in kinds or _ports(one.get("destination-port"), protocol):
                yield Service(protocol=(number, number), sport=sport, dport=dport)


def _ports(names: Any, protocol: str) -> list[tuple[int, int]]:
    if names is None:
        return [(0, 65535)]
    services = _definitions("services")
    spans = [
        str(entry["port"]).partition("-")
        for name in _many(names)
        for entry in services[name]
        if entry["protocol"] == protocol
    ]
    return [(int(first), int(last or first)) for first, _, last in spans]


def _many(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _definitions(kind: str) -> dict[str, Any]:
    if kind not in _READ:
        _READ[kind] = yaml.safe_load((HERE / "def" / f"{kind}.yaml").read_text(encoding="utf-8"))[kind]
    return _READ[kind]


_READ: dict[str, dict[str, Any]] = {}
