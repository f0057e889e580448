"""What a capture says, in words short enough for a test: flows as text lines."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from tests.naive import compare
from tests.naive.generate import BEGIN, MILLISECOND, Frame, pcap
from zoneguard.net.flow import Opener, State, Tunnel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.capture.tables import Meter


def frames_of(*packets: bytes, link: int = 1, step: int = 10 * MILLISECOND) -> list[Frame]:
    """Put packets on the wire one after another."""
    return [Frame(BEGIN + i * step, data, link=link) for i, data in enumerate(packets)]


def flows_of(*captures: bytes, domains: Sequence[int] = ()) -> tuple[list[str], Meter]:
    """Describe each flow: protocol, ends, packets there/back, octets there/back, state, opener, tunnels."""
    table, meter = compare.metered(*captures, compiled=False, domains=domains)
    lines = []
    for flow in compare.described(table, meter):
        carried = "".join(f" in {Tunnel(ends.kind).name} {ends.number}" for ends in flow["tunnel"])
        lines.append(
            f"{flow['protocol']} {end(flow, 'orig')} > {end(flow, 'resp')} "
            f"{flow['orig_packets']}/{flow['resp_packets']} {flow['orig_bytes']}/{flow['resp_bytes']} "
            f"{State(flow['state']).name} {Opener(flow['opener']).name}{carried}"
        )
    return sorted(lines), meter


def end(flow: dict[str, bytes], side: str) -> str:
    address = ipaddress.IPv6Address(flow[f"{side}_address"])
    return f"{address.ipv4_mapped or address}:{flow[f'{side}_port']}"


def seen(*packets: bytes, link: int = 1, domains: Sequence[int] = ()) -> list[str]:
    """Give the flows of some frames."""
    return flows_of(pcap(frames_of(*packets, link=link), link=link), domains=domains)[0]
