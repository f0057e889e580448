"""Generated rule lists written as a device's export, with the example city's addresses, for whole processes."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

from rulelists import STYLES, edited, generate  # noqa: E402

from zoneguard.net.address import V4_FIRST, V4_LAST  # noqa: E402
from zoneguard.net.service import ALL_FLAGS, ConnectionState  # noqa: E402
from zoneguard.net.spans import ANY_V4  # noqa: E402
from zoneguard.policy.load import load_policy  # noqa: E402

if TYPE_CHECKING:
    from rulelists import Row

    from zoneguard.net.address import Span
    from zoneguard.net.service import Service
    from zoneguard.net.spans import Spans

PUBLIC_SHARE = 0.2  # of the networks drawn; the others lie in a zone of the city
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}


def main() -> None:
    """Write LINES generated lines of STYLE to FILE, and an edit of them to FILE.after."""
    style, lines, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    write(style, lines, file, file.with_suffix(".after" + file.suffix))


def write(style: str, lines: int, before: Path, after: Path) -> None:
    """Write one list, and the same list with 0.5 % of its lines edited, as nftables rulesets."""
    if style not in STYLES:
        sys.exit(f"{style}: the styles are {', '.join(STYLES)}")
    case = generate(style, lines, Random(1), networks=city_networks(max(8, lines // 20), Random(2)))
    before.write_text(as_nftables(case), "utf-8")
    after.write_text(as_nftables(edited(case, Random(3))), "utf-8")


def city_networks(count: int, random: Random) -> list[int]:
    """Draw networks of 256 addresses (their first ones, IPv4 as 32 bits) from the city's zones and beyond."""
    policy = load_policy(HERE.parent / "zones.yaml")
    segments = [
        segment.network for zone in policy.zones for segment in zone.segments if segment.network.version == 4
    ]
    drawn = []
    for _ in range(count):
        if random.random() < PUBLIC_SHARE:
            drawn.append(203 << 24 | random.getrandbits(16) << 8)
            continue
        network = random.choice(segments)
        first = int(network.network_address) + random.randrange(network.num_addresses)
        drawn.append(first >> 8 << 8)
    return drawn


def as_nftables(rows: list[Row]) -> str:
    """Give the rows as the forward chain of one table, denying what no line permits."""
    body = "\n".join(f"\t\t{_rule(row)}" for row in rows)
    head = (
        "table inet filter {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n"
    )
    return f"{head}{body}\n\t}}\n}}\n"


def _rule(row: Row) -> str:
    words = [
        *_address("saddr", row.source),
        *_address("daddr", row.destination),
        *_service(row.service),
        *(["meta skuid 1000"] if row.unsure else []),
        "accept" if row.permits else "drop",
    ]
    return " ".join(words)


def _address(side: str, spans: Spans) -> list[str]:
    if spans == ANY_V4:
        return ["meta nfproto ipv4"] if side == "saddr" else []
    v4 = spans[0][0] <= V4_LAST and spans[0][0] >= V4_FIRST
    told = [_span(span, v4=v4) for span in spans]
    return ["ip" if v4 else "ip6", side, told[0] if len(told) == 1 else "{ " + ", ".join(told) + " }"]


def _span(span: Span, *, v4: bool) -> str:
    first, last = (IPv4Address(one - V4_FIRST) for one in span) if v4 else (IPv6Address(one) for one in span)
    return str(first) if first == last else f"{first}-{last}"


def _service(service: Service) -> list[str]:
    if service.states == ConnectionState.ESTABLISHED | ConnectionState.RELATED:
        return ["ct state established,related"]
    if service.protocol[0] != service.protocol[1]:
        return []
    name = PROTOCOLS[service.protocol[0]]
    if name == "icmp":
        return ["icmp type echo-request"]
    words = []
    for side, ports in (("sport", service.sport), ("dport", service.dport)):
        if ports != (0, 65535):
            words += [name, side, str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"]
    if not words:
        words = (
            ["tcp flags ack / ack"]
            if name == "tcp" and service.flags != ALL_FLAGS
            else [f"meta l4proto {name}"]
        )
    return words


if __name__ == "__main__":
    main()
