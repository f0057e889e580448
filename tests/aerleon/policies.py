"""The policies that are generated: those written by hand in pol/, and random ones of the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tests.aerleon.generate import HERE

if TYPE_CHECKING:
    from random import Random

INSIDE = ("TERMINALS", "SERVERS", "MAIL_INSIDE", "UPDATE_SERVERS", "PRINTERS")
OUTSIDE = ("VDI", "PROXIES", "DMZ", "BRANCH")
# What is cut out must lie within what it is cut from, or a generator is left without any address.
PARTS = {"SERVERS": "UPDATE_SERVERS", "TERMINALS": "PRINTERS", "BRANCH": "BRANCH_GUESTS", "DMZ": "PROXIES"}
PORTS = {"tcp": ("SMTP", "WEB", "UPDATES", "TELNET", "DNS"), "udp": ("NTP", "DNS", "RDP")}
KINDS = ("echo-reply", "unreachable", "source-quench", "redirect", "echo-request", "time-exceeded")


def written() -> dict[str, Any]:
    """Give the policies written by hand, by name."""
    return {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted((HERE / "pol").glob("*.yaml"))
    }


def random_policy(random: Random) -> dict[str, Any]:
    """Make a policy of up to twelve terms, of ports or of kinds of ICMP, that ends with a deny."""
    (filter_,) = written()["lgwan-to-internet"]["filters"]
    of_kinds = random.random() < 0.25
    terms = [_term(random, f"term-{at}", of_kinds=of_kinds) for at in range(random.randint(2, 12))]
    return {
        "filters": [
            {"header": filter_["header"], "terms": [*terms, {"name": "rest", "action": "deny"}]},
        ]
    }


def _term(random: Random, name: str, *, of_kinds: bool) -> dict[str, Any]:
    term: dict[str, Any] = {"name": name, "action": random.choice(("accept", "accept", "deny"))}
    for side, names in (("source", INSIDE), ("destination", OUTSIDE)):
        if random.random() < 0.85:
            chosen = random.sample(names, random.choice((1, 1, 2)))
            term[f"{side}-address"] = chosen
            if len(chosen) == 1 and chosen[0] in PARTS and random.random() < 0.4:
                term[f"{side}-exclude"] = PARTS[chosen[0]]
    return term | (_kinds(random) if of_kinds else _service(random))


def _service(random: Random) -> dict[str, Any]:
    kind = random.randrange(8)
    if kind == 0:
        return {}
    if kind == 1:
        return {"protocol": random.choice(("icmp", "esp", "tcp", "udp", ["tcp", "udp"]))}
    protocol = random.choice(tuple(PORTS))
    ports = random.sample(PORTS[protocol], random.choice((1, 1, 2)))
    source = {"source-port": "HIGH"} if random.random() < 0.2 else {}
    return {"protocol": protocol, "destination-port": ports, **source}


def _kinds(random: Random) -> dict[str, Any]:
    return {"protocol": "icmp", "icmp-type": random.sample(KINDS, random.randint(2, 4))}
