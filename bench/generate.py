"""The captures of the bench, drawn from fixed seeds: the same octets on every machine.

Run as `python bench/generate.py --scale quick|full [--only NAME …] [--ten10m]`. What already stands in
bench/data/<scale>/ is kept; manifest.json there says how many packets and flows each file holds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from frames import PCAP, PCAPNG, TCP, UDP, Column, Packets, write
from traffic import CHUNK, EPOCH, SYN, city, counts, even_counts, join, packets, whole_datagrams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

DATA = Path(__file__).parent / "data"
ROTATED = 8
MIXED_SECONDS = 30  # of each rotated file
CRAFTED = 40_000


class Scale(NamedTuple):
    """How much of everything."""

    small: int
    small_flows: int
    mixed: int
    lasting_flows: int  # live through all rotated files
    fresh_flows: int  # in each rotated file anew
    scan: int
    huge: int


SCALES = {
    "quick": Scale(500_000, 20_000, 300_000, 4_000, 3_000, 100_000, 1_000_000),
    "full": Scale(5_000_000, 200_000, 3_000_000, 40_000, 30_000, 1_000_000, 10_000_000),
}


def main() -> int:
    """Write what is asked for and not yet there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--only", nargs="*", help="names of files")
    parser.add_argument("--ten10m", action="store_true", help="also the capture of ten million flows")
    arguments = parser.parse_args()
    generate(arguments.scale, only=arguments.only, ten10m=arguments.ten10m)
    return 0


def generate(scale: str, *, only: list[str] | None = None, ten10m: bool = False) -> Path:
    """Write the captures of a scale; return their folder."""
    folder = DATA / scale
    folder.mkdir(parents=True, exist_ok=True)
    manifest_path = folder / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {}
    for names, make in MAKERS:
        wanted = only is None or any(name in only for name in names)
        if names == ("ten10m.pcap",):
            wanted = ten10m or (only is not None and names[0] in only)
        if not wanted or all(name in manifest and (folder / name).exists() for name in names):
            continue
        began = time.monotonic()
        manifest |= make(folder, SCALES[scale])
        manifest_path.write_text(json.dumps(manifest, indent=1) + "\n")
        print(f"{', '.join(names)}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    return folder


Made = dict[str, dict[str, int]]


def _entry(path: Path, chunks: Iterator[Packets], flows: int, container: str = PCAP) -> Made:
    number, octets = write(path, chunks, container)
    return {path.name: {"packets": number, "flows": flows, "octets": octets}}


def _small(folder: Path, scale: Scale) -> Made:
    """All flows at once and none of them hot, which is the hard case for a flow table.

    small-tenth.pcap has a tenth of the packets of the very same flows.
    """
    made: Made = {}
    for name, total in (("small.pcap", scale.small), ("small-tenth.pcap", scale.small // 10)):
        rng = np.random.default_rng(1)
        flows = city(rng, scale.small_flows, tagged=0, ipv6=False)
        flows.fragments[:] = False
        share = even_counts(rng, scale.small_flows, total, least=2)
        chunks = packets(
            rng, flows, share, sizes="small", start=EPOCH, seconds=60, shortest=64, whole_life=True
        )
        made |= _entry(folder / name, chunks, scale.small_flows)
    return made


def _mixed(folder: Path, scale: Scale) -> Made:
    """Eight rotated files that share flows, and the first of them as pcapng."""
    made: Made = {}
    rng = np.random.default_rng(2)
    lasting = city(rng, scale.lasting_flows)
    for i in range(ROTATED):
        fresh = city(rng, scale.fresh_flows, first=scale.lasting_flows + i * scale.fresh_flows)
        flows = join(lasting, fresh)
        share = np.concatenate(
            (
                counts(rng, scale.lasting_flows, scale.mixed * 6 // 10, least=4),
                counts(rng, scale.fresh_flows, scale.mixed - scale.mixed * 6 // 10, least=4),
            )
        )
        share = whole_datagrams(flows, share)
        state = rng.bit_generator.state
        containers = (
            (("mixed.pcapng", PCAPNG), ("mixed-0.pcap", PCAP)) if i == 0 else ((f"mixed-{i}.pcap", PCAP),)
        )
        for name, container in containers:
            rng.bit_generator.state = state
            moving = type(flows)(*(column.copy() for column in flows))
            chunks = packets(
                rng,
                moving,
                share,
                sizes="mixed",
                start=EPOCH + i * MIXED_SECONDS * 1_000_000,
                seconds=MIXED_SECONDS,
                shortest=60,
            )
            made |= _entry(folder / name, chunks, len(share), container)
        lasting = type(flows)(*(column[: scale.lasting_flows] for column in moving))
    made["mixed"] = {
        "packets": scale.mixed * ROTATED,
        "flows": scale.lasting_flows + ROTATED * scale.fresh_flows,
    }
    return made


def _tiny(folder: Path, _scale: Scale) -> Made:
    rng = np.random.default_rng(3)
    flows = city(rng, 60)
    share = whole_datagrams(flows, counts(rng, 60, 1000, least=4))
    chunks = packets(rng, flows, share, sizes="mixed", start=EPOCH, seconds=20, shortest=60)
    return _entry(folder / "tiny.pcap", chunks, 60)


def _hostile(folder: Path, scale: Scale) -> Made:
    """One LGWAN terminal opens connections to a million places in other zones and in the Internet."""
    total = scale.scan
    number = np.arange(total)
    kind, nth = number % 3, number // 3
    # Odd multipliers walk through a power of two without meeting an address twice.
    address = np.select(
        [kind == 0, kind == 1],
        [0xC0A80000 | nth * 40503 % (1 << 16), 0x0A000000 | nth * 10_368_889 % (1 << 24)],
        np.array([0xC0000200, 0xC6336400, 0xCB007100])[nth % 3] | nth // 3 % 256,
    )
    port = np.select([kind == 0, kind == 1], [20 + (nth >> 16), 445], 1 + nth // 768)

    def chunks() -> Iterator[Packets]:
        for at in range(0, total, CHUNK):
            part = slice(at, min(at + CHUNK, total))
            count = part.stop - at
            yield _openings(
                time=EPOCH + number[part] * 10,
                src=np.full(count, 0xAC10144D),
                dst=address[part],
                sport=1024 + number[part] % 60000,
                dport=port[part],
                seq=number[part] * 2_654_435_761 & 0xFFFFFFFF,
            )

    return _entry(folder / "hostile.pcap", chunks(), total)


def _huge(folder: Path, scale: Scale) -> Made:
    """Ten million flows of one SYN; every fifth sends another, 655,360 flows later."""
    total = scale.huge

    def chunks() -> Iterator[Packets]:
        for at in range(0, total, CHUNK):
            fresh = np.arange(at, min(at + CHUNK, total))
            again = fresh[fresh % 5 == 0] - 5 * CHUNK
            number = np.concatenate((fresh, again[again >= 0]))
            mixed = number * 7_368_787 % total
            time_of = EPOCH + np.minimum(at + np.arange(len(number)), at + CHUNK - 1) * 5
            yield _openings(
                time=time_of,
                src=0xAC101401 + mixed % 1000,
                dst=0xAC100A0A + mixed // 1000 % 200,
                sport=1024 + mixed // 200_000,
                dport=np.full(len(number), 443),
                seq=mixed,
            )

    return _entry(folder / "ten10m.pcap", chunks(), total)


def _openings(
    *, time: Column, src: Column, dst: Column, sport: Column, dport: Column, seq: Column
) -> Packets:
    """Give TCP SYN packets over IPv4."""
    nothing = np.zeros(len(time), np.int64)
    high = nothing.astype(np.uint64)
    return Packets(
        time=time,
        vlan=nothing,
        version=nothing + 4,
        protocol=nothing + TCP,
        src_high=high,
        src_low=src.astype(np.uint64),
        dst_high=high,
        dst_low=dst.astype(np.uint64),
        sport=sport,
        dport=dport,
        seq=seq,
        ack=nothing,
        flags=nothing + SYN,
        payload=nothing,
        greeting=nothing,
        ident=seq * 31 & 0xFFFF,
        fragment=nothing,
        src_mac=0x0200_0000_0000 | src,
        dst_mac=nothing + 0x02FF_0000_00DC,
        shortest=60,
    )


Addresses = tuple["NDArray[np.uint64]", "NDArray[np.uint64]", "NDArray[np.uint64]", "NDArray[np.uint64]"]
_ODD = np.uint64(0x9E3779B97F4A7C15)  # the multiplier that hashes commonly take from the golden ratio


def _crafted(folder: Path, _scale: Scale) -> Made:
    """40,000 packets meant to share a bucket of a known hash, and 40,000 ordinary ones of the same size.

    Each quarter collides under one known way to hash four words of 64 bits, whatever its secret start
    value: h = h * K + word (the second word takes back what the first one did); (h ^ word) * K with the
    low bits as the bucket (only high bits differ); exclusive-or of the words; their sum.
    """
    rng = np.random.default_rng(5)
    count = CRAFTED // 4
    prefix = np.uint64(0xFD00_0016_0020_0000)
    step = np.arange(count, dtype=np.uint64)
    noise = rng.integers(0, 1 << 63, count, dtype=np.uint64)
    fixed = np.full(count, prefix)
    server = np.full(count, np.uint64(0x5353))
    with np.errstate(over="ignore"):
        quarters: list[Addresses] = [
            (prefix + step, np.uint64(7) - step * _ODD, fixed, server),
            (fixed ^ step << np.uint64(32), step << np.uint64(44), fixed, server),
            (fixed, noise, fixed, noise ^ np.uint64(0x5353)),
            (fixed, noise, fixed, np.uint64(0x5353) - noise),
        ]
    _prove(quarters)
    crafted: Addresses = tuple(np.concatenate(part) for part in zip(*quarters, strict=True))  # type: ignore[assignment]
    ordinary: Addresses = (
        np.full(CRAFTED, prefix) + rng.integers(0, count, CRAFTED, dtype=np.uint64),
        rng.integers(0, 1 << 63, CRAFTED, dtype=np.uint64),
        np.full(CRAFTED, prefix),
        rng.integers(0, 1 << 63, CRAFTED, dtype=np.uint64),
    )
    made: Made = {}
    for name, addresses in (("crafted.pcap", crafted), ("ordinary40k.pcap", ordinary)):
        made |= _entry(folder / name, iter([_datagrams(addresses)]), CRAFTED)
    return made


def _prove(quarters: list[Addresses]) -> None:
    """Refuse to go on unless every quarter really collides under the hash that it is meant for."""
    start = np.uint64(0x0123_4567_89AB_CDEF)

    def polynomial(h: NDArray[np.uint64], word: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return h * _ODD + word

    def product(h: NDArray[np.uint64], word: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return (h ^ word) * _ODD & np.uint64(0xFFFFF)

    def exclusive(h: NDArray[np.uint64], word: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return h ^ word

    def addition(h: NDArray[np.uint64], word: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return h + word

    steps: list[Callable[..., NDArray[np.uint64]]] = [polynomial, product, exclusive, addition]
    for words, mix in zip(quarters, steps, strict=True):
        h = np.full(len(words[0]), start)
        with np.errstate(over="ignore"):
            for word in words:
                h = mix(h, word)
        if len(np.unique(h)) != 1:
            raise AssertionError(f"{mix.__name__}: the crafted addresses do not collide")


def _datagrams(addresses: Addresses) -> Packets:
    count = len(addresses[0])
    nothing = np.zeros(count, np.int64)
    return Packets(
        EPOCH + np.arange(count) * 20,
        nothing + 220,
        nothing + 6,
        nothing + UDP,
        *addresses,
        sport=nothing + 40000,
        dport=nothing + 53,
        seq=nothing,
        ack=nothing,
        flags=nothing,
        payload=nothing + 30,
        greeting=nothing,
        ident=nothing,
        fragment=nothing,
        src_mac=nothing + 0x0200_0000_0001,
        dst_mac=nothing + 0x02FF_0000_00DC,
        shortest=60,
    )


MAKERS: list[tuple[tuple[str, ...], Callable[[Path, Scale], Made]]] = [
    (("tiny.pcap",), _tiny),
    (("crafted.pcap", "ordinary40k.pcap"), _crafted),
    (("hostile.pcap",), _hostile),
    (("small.pcap", "small-tenth.pcap"), _small),
    ((*(f"mixed-{i}.pcap" for i in range(ROTATED)), "mixed.pcapng"), _mixed),
    (("ten10m.pcap",), _huge),
]


if __name__ == "__main__":
    sys.exit(main())
