"""Random rulesets in the model's own terms: filters in a row, translations between, conditions not understood."""

from __future__ import annotations

from ipaddress import ip_address

from zoneguard.firewall.model import (
    Action,
    Filter,
    Line,
    Mapping,
    Match,
    Place,
    Rewrite,
    Ruleset,
    Translation,
)
from zoneguard.net.address import number_of
from zoneguard.net.service import Point, Service, flags_matching
from zoneguard.net.spans import spans_from

BASE = number_of(ip_address("10.0.0.0"))
HOSTS = 12
PORTS = (22, 80, 443, 8443)
INTERFACES = ("a", "b", "c")


def at(host):
    return BASE + host


def place(number):
    return Place(file="random.conf", line=number, text=f"line {number}")


def random_spans(random):
    if random.random() < 0.25:
        return ((0, (1 << 128) - 1),)
    spans = []
    for _ in range(random.randint(1, 2)):
        first = random.randrange(HOSTS)
        spans.append((at(first), at(random.randint(first, HOSTS - 1))))
    return spans_from(spans)


def random_services(random):
    made = []
    for _ in range(random.randint(1, 2)):
        kind = random.random()
        if kind < 0.2:
            made.append(Service())
        elif kind < 0.3:
            made.append(Service(protocol=(6, 6), flags=flags_matching(0x12, 0x10)))
        else:
            port = random.choice(PORTS)
            protocol = random.choice((6, 17))
            made.append(Service(protocol=(protocol, protocol), dport=(port, random.choice((port, 8443)))))
    return tuple(made)


def random_interfaces(random):
    if random.random() < 0.5:
        return None
    return frozenset(random.sample(INTERFACES, random.randint(1, 2)))


def random_match(random, *, unknown=0.0):
    return Match(
        source=random_spans(random),
        destination=random_spans(random),
        services=random_services(random),
        ingress=random_interfaces(random),
        egress=random_interfaces(random),
        unknown=("application",) if random.random() < unknown else (),
    )


def random_filter(random, *, unknown=0.0):
    lines = tuple(
        Line(
            id=f"line {number}",
            action=random.choice((Action.PERMIT, Action.DENY)),
            match=random_match(random, unknown=unknown),
            places=(place(number),),
            enabled=random.random() < 0.9,
        )
        for number in range(1, random.randint(2, 7))
    )
    return Filter(
        name="filter",
        lines=lines,
        default=random.choice((Action.PERMIT, Action.DENY)),
        ingress=random_interfaces(random),
    )


def random_rewrite(random):
    translations = []
    for number in range(random.randint(1, 2)):
        first = random.randrange(HOSTS - 3)
        size = random.choice((0, 2))
        matched = ((at(first), at(first + size)),)
        target = random.randrange(HOSTS - 3)
        mapping = Mapping(address=(at(target), at(target + random.choice((0, size)))))
        destination = random.random() < 0.6
        if destination and random.random() < 0.5:
            mapping = Mapping(address=mapping.address, port=(443, 443))
        services = (Service(protocol=(6, 6), dport=(8443, 8443)),) if mapping.port else (Service(),)
        translations.append(
            Translation(
                id=f"nat {number}",
                match=Match(destination=matched, services=services) if destination else Match(source=matched),
                places=(place(100 + number),),
                destination=mapping if destination else None,
                source=None if destination else mapping,
            )
        )
    return Rewrite(name="nat", translations=tuple(translations))


def random_ruleset(random, *, unknown=0.0, translates=False):
    steps = [random_filter(random, unknown=unknown) for _ in range(random.randint(1, 2))]
    if translates:
        steps.insert(random.randrange(len(steps) + 1), random_rewrite(random))
    return Ruleset(device="random", format="model", steps=tuple(steps))


def points():
    for protocol in (6, 17):
        for port in (*PORTS, 81):
            for flags in (0x02, 0x10) if protocol == 6 else (0,):
                yield Point(protocol, 49152, port, flags=flags)
