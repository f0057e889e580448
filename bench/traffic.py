"""The network life of the example municipality, as flows and then as packets in time."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from frames import (
    FIRST_FRAGMENT,
    FRAGMENT_PAYLOAD,
    GREETING_NAMES,
    LAST_FRAGMENT,
    TCP,
    UDP,
    WHOLE,
    Column,
    Packets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CHUNK = 1 << 17
SYN, SYN_ACK, ACK, PSH_ACK, FIN_ACK = 0x02, 0x12, 0x10, 0x18, 0x11
EPOCH = 1_782_270_000_000_000  # µs; 2026-06-24 12:00 in Japan, inside every approval of the example


class Family(NamedTuple):
    """Flows of one purpose: clients open, servers answer."""

    share: float
    vlan: int
    clients: tuple[str, int]  # first address, how many
    servers: tuple[str, int]
    protocol: int
    port: int
    asks: str
    answers: str
    fragments: bool = False


_LG = ("172.16.20.1", 1000)
_IN = ("192.168.20.1", 1000)
_MN = ("10.10.20.1", 500)

CITY = (
    Family(0.22, 220, _LG, ("172.16.10.10", 15), TCP, 443, "tls-hello", "tls"),
    Family(0.14, 220, _LG, ("172.16.10.30", 10), TCP, 445, "smb", "smb"),
    Family(0.08, 220, _LG, ("172.16.10.40", 10), TCP, 80, "http", "http-answer"),
    Family(0.08, 220, _LG, ("172.16.10.53", 1), UDP, 53, "dns", "dns-answer"),
    Family(0.05, 220, _LG, ("172.16.10.70", 8), UDP, 5000, "noise", "noise", fragments=True),
    Family(0.12, 220, _LG, ("192.168.10.1", 60), TCP, 3389, "rdp", "rdp"),
    Family(0.07, 220, _LG, ("10.200.64.1", 200), TCP, 443, "tls-hello", "tls"),
    Family(0.03, 220, _LG, ("172.16.251.3", 1), TCP, 443, "tls-hello", "tls"),
    Family(0.05, 320, _IN, ("192.168.23.240", 8), TCP, 445, "smb", "smb"),
    Family(0.03, 120, _MN, ("10.10.10.100", 20), TCP, 443, "tls-hello", "tls"),
    Family(0.10, 220, ("fd00:16:20::1", 400), ("fd00:16:20::f001", 16), TCP, 443, "tls-hello", "tls"),
    Family(0.02, 220, ("fd00:16:20::1", 400), ("fd00:16:20::5353", 1), UDP, 53, "dns", "dns-answer"),
    Family(0.01, 220, ("172.16.20.9", 6), ("192.168.20.5", 4), TCP, 445, "smb", "smb"),  # not allowed
)


class Flows(NamedTuple):
    """One column an attribute, one row a flow; `orig` opens it."""

    version: Column
    vlan: Column
    protocol: Column
    orig_high: NDArray[np.uint64]
    orig_low: NDArray[np.uint64]
    resp_high: NDArray[np.uint64]
    resp_low: NDArray[np.uint64]
    orig_port: Column
    resp_port: Column
    orig_mac: Column
    asks: Column
    answers: Column
    fragments: NDArray[np.bool_]
    handshake: NDArray[np.bool_]  # False: the capture began after the connection did
    orig_seq: Column
    resp_seq: Column
    sent: Column  # packets in earlier files


def city(
    rng: np.random.Generator, count: int, *, first: int = 0, tagged: float = 0.9, ipv6: bool = True
) -> Flows:
    """Draw flows numbered from `first`; no two numbers below 2**23 share their addresses and ports."""
    families = [f for f in CITY if ipv6 or ip_address(f.clients[0]).version == 4]
    shares = np.array([f.share for f in families])
    family = rng.choice(len(families), count, p=shares / shares.sum())
    number = first + np.arange(count)

    def of(values: list[int], kind: type = np.int64) -> NDArray[np.generic]:
        return np.array(values, kind)[family]

    def high(addresses: list[str]) -> NDArray[np.generic]:
        return of([_halves(a)[0] for a in addresses], np.uint64)

    def low(addresses: list[str], offset: Column) -> NDArray[np.generic]:
        return of([_halves(a)[1] for a in addresses], np.uint64) + offset.astype(np.uint64)

    clients = of([f.clients[1] for f in families])
    client = number % clients
    server = rng.integers(0, 1 << 30, count) % of([f.servers[1] for f in families])
    orig_low = low([f.clients[0] for f in families], client)
    vlan = of([f.vlan for f in families])
    return Flows(
        version=of([ip_address(f.clients[0]).version for f in families]),
        vlan=np.where(rng.random(count) < tagged, vlan, 0),
        protocol=of([f.protocol for f in families]),
        orig_high=high([f.clients[0] for f in families]),
        orig_low=orig_low,
        resp_high=high([f.servers[0] for f in families]),
        resp_low=low([f.servers[0] for f in families], server),
        orig_port=1024 + number // clients % 64000,
        resp_port=of([f.port for f in families]),
        orig_mac=0x0200_0000_0000 | (orig_low.astype(np.int64) & 0xFFFFFFFF),
        asks=of([GREETING_NAMES.index(f.asks) for f in families]),
        answers=of([GREETING_NAMES.index(f.answers) for f in families]),
        fragments=of([f.fragments for f in families], np.bool_),
        handshake=rng.random(count) < 0.92,
        orig_seq=rng.integers(0, 1 << 32, count),
        resp_seq=rng.integers(0, 1 << 32, count),
        sent=np.zeros(count, np.int64),
    )


def join(a: Flows, b: Flows) -> Flows:
    """Put two tables one below the other."""
    return Flows(*(np.concatenate(pair) for pair in zip(a, b, strict=True)))


def counts(rng: np.random.Generator, flows: int, packets: int, *, least: int) -> Column:
    """Share packets out among flows, a few of them much heavier than the rest."""
    weight = np.minimum(rng.pareto(1.3, flows) + 0.3, 400)
    rest = packets - least * flows
    drawn = np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random(rest))
    return least + np.bincount(np.minimum(drawn, flows - 1), minlength=flows)


def whole_datagrams(flows: Flows, share: Column) -> Column:
    """Give fragmenting flows an even number of packets, so that no datagram is torn between files."""
    share = share.copy()
    odd = flows.fragments & (share % 2 == 1)
    share[odd] -= 1
    share[np.flatnonzero(~flows.fragments)[: odd.sum()]] += 1
    return share


def even_counts(rng: np.random.Generator, flows: int, packets: int, *, least: int) -> Column:
    """Share packets out by chance alone, so that no flow is hot in any cache."""
    return least + np.bincount(rng.integers(0, flows, packets - least * flows), minlength=flows)


def packets(
    rng: np.random.Generator,
    flows: Flows,
    share: Column,
    *,
    sizes: str,
    start: int,
    seconds: int,
    shortest: int,
    whole_life: bool = False,
) -> Iterator[Packets]:
    """Let each flow send its share of packets in this stretch of time, chunk by chunk in order.

    With `whole_life` every flow lives through nearly all of it; otherwise they come and go. Flows that sent before go on where they were: `orig_seq`, `resp_seq` and `sent` are moved on in place.
    """
    total = int(share.sum())
    flow = np.repeat(np.arange(len(share)), share)
    first = np.cumsum(share) - share
    turn = np.arange(total) - first[flow]
    rank = turn + flows.sent[flow]
    tcp = flows.protocol[flow] == TCP
    opening = tcp & flows.handshake[flow]
    fragment = np.where(flows.fragments[flow], np.where(rank % 2 == 0, FIRST_FRAGMENT, LAST_FRAGMENT), WHOLE)
    pair = np.where(fragment == WHOLE, rank, rank >> 1)

    answer = rng.random(total) < 0.55
    answer[(rank == 0) | (opening & (rank == 2))] = False
    answer[(opening & (rank == 1)) | (~tcp & (fragment == WHOLE) & (rank == 1))] = True
    answer[fragment != WHOLE] = (pair[fragment != WHOLE] % 4) == 1

    payload = _sizes(rng, total, sizes)
    payload[opening & (rank < 3)] = 0
    payload[(fragment == WHOLE) & ~tcp] = np.maximum(payload[(fragment == WHOLE) & ~tcp], 18)
    payload[fragment == FIRST_FRAGMENT] = FRAGMENT_PAYLOAD
    payload[fragment == LAST_FRAGMENT] = 280
    flags = np.where(payload > 0, PSH_ACK, ACK)
    flags[opening & (rank == 0)] = SYN
    flags[opening & (rank == 1)] = SYN_ACK
    flags[opening & (turn == share[flow] - 1) & (rank > 3) & (flow % 10 < 6)] = FIN_ACK

    moves = payload + ((flags & 3) != 0)
    seq, ack = _sequence(flows, flow, first, answer, moves)
    time = start + _times(
        rng, flows, share, flow=flow, turn=turn, fragment=fragment, seconds=seconds, whole_life=whole_life
    )
    flows.sent[:] += share

    order = np.argsort(time, kind="stable")
    for at in range(0, total, CHUNK):
        chosen = order[at : at + CHUNK]
        f = flow[chosen]
        back = answer[chosen]
        gateway = 0x02FF_0000_0000 | flows.vlan[f]
        greeting = np.where(
            rank[chosen] < 6, np.where(back, flows.answers[f], flows.asks[f]), GREETING_NAMES.index("tls")
        )
        greeting = np.where(
            flows.resp_port[f] == 443, greeting, np.where(back, flows.answers[f], flows.asks[f])
        )
        tail = fragment[chosen] == FIRST_FRAGMENT
        yield Packets(
            time=time[chosen],
            vlan=flows.vlan[f],
            version=flows.version[f],
            protocol=flows.protocol[f],
            src_high=np.where(back, flows.resp_high[f], flows.orig_high[f]),
            src_low=np.where(back, flows.resp_low[f], flows.orig_low[f]),
            dst_high=np.where(back, flows.orig_high[f], flows.resp_high[f]),
            dst_low=np.where(back, flows.orig_low[f], flows.resp_low[f]),
            sport=np.where(back, flows.resp_port[f], flows.orig_port[f]),
            dport=np.where(back, flows.orig_port[f], flows.resp_port[f]),
            seq=seq[chosen],
            ack=np.where(tail, 280, np.where(flags[chosen] == SYN, 0, ack[chosen])),
            flags=flags[chosen],
            payload=payload[chosen],
            greeting=greeting,
            ident=(pair[chosen] * 7919 + f * 31) & 0xFFFF,
            fragment=fragment[chosen],
            src_mac=np.where(back, gateway, flows.orig_mac[f]),
            dst_mac=np.where(back, flows.orig_mac[f], gateway),
            shortest=shortest,
        )


def _sizes(rng: np.random.Generator, total: int, sizes: str) -> Column:
    """Octets of payload: `small` gives frames of 64 to 100 octets, `mixed` about 360 on average."""
    if sizes == "small":
        return rng.integers(10, 47, total)
    kind = rng.random(total)
    drawn = rng.integers(24, 460, total)
    drawn[kind < 0.40] = 0
    large = kind > 0.79
    drawn[large] = rng.integers(440, 1440, int(large.sum()))
    return drawn


def _sequence(
    flows: Flows, flow: Column, first: Column, answer: NDArray[np.bool_], moves: Column
) -> tuple[Column, Column]:
    """Give each packet its sequence and acknowledgement numbers; the flows' own counters go on to the next file."""
    numbers = []
    for counter, mine in ((flows.orig_seq, ~answer), (flows.resp_seq, answer)):
        sent = np.where(mine, moves, 0)
        before = np.cumsum(sent) - sent
        numbers.append(counter[flow] + before - before[first][flow])
        counter[:] += np.bincount(flow, sent, len(counter)).astype(np.int64)
    orig, resp = numbers
    return np.where(answer, resp, orig), np.where(answer, orig, resp)


def _times(
    rng: np.random.Generator,
    flows: Flows,
    share: Column,
    *,
    flow: Column,
    turn: Column,
    fragment: Column,
    seconds: int,
    whole_life: bool,
) -> Column:
    """Spread each flow's packets over its life; both halves of a fragmented datagram stay together."""
    count = len(share)
    begin = np.where(flows.sent > 0, 0.0, rng.random(count) * 0.8)
    if whole_life:
        begin *= 0.05
    life = (1 - begin) * (0.999 if whole_life else rng.random(count))
    life[flows.sent > 0] = 0.999
    jitter = rng.random(len(flow)) * 0.9
    late = (fragment == LAST_FRAGMENT) & (turn > 0)
    step = turn + jitter
    step[late] = step[np.flatnonzero(late) - 1]
    place = begin[flow] + life[flow] * step / share[flow]
    return (place * seconds * 1_000_000).astype(np.int64) + 2 * late


def _halves(address: str) -> tuple[int, int]:
    value = int(ip_address(address))
    return value >> 64, value & (1 << 64) - 1
