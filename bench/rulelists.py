"""Generated rule lists in the manner of ClassBench: styles acl, fw and ipc, with groups and IPv6, seeded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.net.address import V4_FIRST
from zoneguard.net.service import ConnectionState, Service, flags_matching
from zoneguard.net.spans import ANY_V4, Spans, spans_from

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

STYLES = ("acl", "fw", "ipc")
ORDERS = ("shuffled", "narrow-first")
V6_FIRST = 0x2001_0DB8 << 96  # 2001:db8::/32, for documentation


class Style(NamedTuple):
    """Shares of what stands in a line's fields, after the seeds published with ClassBench."""

    any_source: float
    any_destination: float
    host_source: float  # of those not any; the others are networks of /16 to /30
    host_destination: float
    exact_port: float  # of the services with ports; the others are ranges, or any
    any_port: float
    group: float  # fields that hold an object group
    v6: float


SHAPES = {
    "acl": Style(0.02, 0.01, 0.45, 0.80, 0.75, 0.15, 0.03, 0.10),
    "fw": Style(0.30, 0.12, 0.60, 0.60, 0.45, 0.35, 0.05, 0.05),
    "ipc": Style(0.08, 0.06, 0.55, 0.55, 0.55, 0.25, 0.03, 0.10),
}
PORTS = (20, 21, 22, 23, 25, 53, 80, 88, 110, 123, 135, 139, 143, 161, 389, 443, 445, 514, 587, 636, 993)
PORTS += (1433, 1521, 3128, 3268, 3306, 3389, 5060, 5432, 8080, 8443, 8530)
RANGES = ((1024, 65535), (135, 139), (5000, 5100), (6000, 6063), (49152, 65535), (20, 21), (8000, 8999))


@dataclass(frozen=True, slots=True)
class Row:
    """One generated line, before any engine."""

    permits: bool
    source: Spans
    destination: Spans
    service: Service
    unsure: bool = False


def generate(
    style: str,
    lines: int,
    random: Random,
    order: str = "shuffled",
    networks: Sequence[int] | None = None,
) -> list[Row]:
    """Make a list of so many lines; few are denials, as in lists that end in a default denial.

    Addresses are drawn from `networks` (the first of 256 addresses each), else from 10.0.0.0/8.

    Shuffled as ClassBench does it, or `narrow-first`: then every broad line is held against all narrow ones,
    which is the hard case for any engine that tells which line decides.
    """
    shape = SHAPES[style]
    pool = _Pool(random, max(8, lines // 20), networks)
    rows = []
    while len(rows) < lines:
        v6, service = random.random() < shape.v6, _service(shape, random)
        source = pool.spans(shape.any_source, shape.host_source, shape.group, v6=v6)
        broad = source == ANY_V4 and service.dport == (0, 65535)  # permits of anything to anywhere end a list
        rows.append(
            Row(
                permits=random.random() < 0.85,
                source=source,
                destination=pool.spans(
                    0 if broad else shape.any_destination, shape.host_destination, shape.group, v6=v6
                ),
                service=service,
                unsure=random.random() < 0.002,
            )
        )
    if order == "shuffled":
        return rows
    keyed = [(_breadth(row) + random.gauss(0, 8), at, row) for at, row in enumerate(rows)]
    return [row for _, _, row in sorted(keyed)]


def edited(rows: list[Row], random: Random) -> list[Row]:
    """Edit 0.5 % of the lines: a third is removed, a third flipped, a third moved."""
    made = list(rows)
    for at in range(max(3, len(rows) // 200)):
        place = random.randrange(len(made))
        row = made[place]
        if at % 3 == 0:
            del made[place]
        elif at % 3 == 1:
            made[place] = replace(row, permits=not row.permits)
        else:
            del made[place]
            made.insert(random.randrange(len(made)), row)
    return made


class _Pool:
    """Networks of a site, drawn from again and again as in real lists."""

    def __init__(self, random: Random, size: int, networks: Sequence[int] | None) -> None:
        self._random = random
        self._v4 = networks or [10 << 24 | random.getrandbits(16) << 8 for _ in range(size)]
        self._v6 = [V6_FIRST | random.getrandbits(16) << 64 for _ in range(size)]

    def spans(self, anything: float, host: float, group: float, *, v6: bool) -> Spans:
        random = self._random
        if random.random() < anything:
            return ((V6_FIRST, V6_FIRST | (1 << 96) - 1),) if v6 else ANY_V4
        size = random.randint(5, 60) if random.random() < group else 1
        return spans_from(self._one(random.random() < host, v6=v6) for _ in range(size))

    def _one(self, host: bool, *, v6: bool) -> tuple[int, int]:  # noqa: FBT001 - drawn by the caller
        random = self._random
        if v6:
            start = random.choice(self._v6)
            return (
                (start | (at := random.getrandbits(8)), start | at)
                if host
                else (start, start | (1 << 64) - 1)
            )
        start = V4_FIRST | random.choice(self._v4)
        if host:
            return (start | (at := random.getrandbits(8)), start | at)
        bits = random.choice((2, 4, 6, 8, 8, 8, 8, 10, 12, 16))
        first = start >> bits << bits
        return first, first | (1 << bits) - 1


PLAIN = (
    (0.05, Service()),
    (0.03, Service(protocol=(1, 1), dport=(8 * 256, 8 * 256 + 255))),
    (0.02, Service(protocol=(6, 6), flags=flags_matching(0x10, 0x10))),
    (0.02, Service(protocol=(6, 6), states=ConnectionState.ESTABLISHED | ConnectionState.RELATED)),
)


def _service(shape: Style, random: Random) -> Service:
    kind = random.random()
    for share, service in PLAIN:
        if kind < share:
            return service
        kind -= share
    return Service(
        protocol=random.choice(((6, 6), (6, 6), (6, 6), (17, 17))),
        sport=(1024, 65535) if random.random() < 0.05 else (0, 65535),
        dport=_dport(shape, random),
    )


def _dport(shape: Style, random: Random) -> tuple[int, int]:
    kind = random.random()
    if kind < shape.any_port:
        return 0, 65535
    if kind >= shape.any_port + shape.exact_port:
        return random.choice(RANGES)
    port = random.choice(PORTS) if random.random() < 0.7 else random.choice(range(1024, 1524))
    return port, port


def _breadth(row: Row) -> int:
    """Give the bits that the addresses leave open; those of IPv6 weigh a third."""
    sizes = [
        sum(last - first + 1 for first, last in spans).bit_length() for spans in (row.source, row.destination)
    ]
    return sum(size // 3 if row.source[0][0] >= V6_FIRST else size for size in sizes)
