"""Services: boxes of packets without their addresses."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from zoneguard.net.address import Span

ALL_PROTOCOLS: Span = (0, 255)
ALL_PORTS: Span = (0, 65535)
ALL_FLAGS = (1 << 256) - 1  # bit v: the octet of TCP flags may be v


class ConnectionState(IntFlag):
    """What a stateful device calls a packet's connection."""

    NEW = 1
    ESTABLISHED = 2
    RELATED = 4
    INVALID = 8
    UNTRACKED = 16


ALL_STATES = 31
UNUSED_PORT = 49152  # the first of the dynamic ports of RFC 6335: what a client's own port looks like


class Service(NamedTuple):
    """A box of packets without their addresses; both ends of a span are inside.

    ICMP and ICMPv6 hold type*256+code in `dport`, as the policy does. `flags` is a set of flag octets and
    `states` a set of ConnectionState bits, so that negations and alternatives fit one box.
    """

    protocol: Span = ALL_PROTOCOLS
    sport: Span = ALL_PORTS
    dport: Span = ALL_PORTS
    flags: int = ALL_FLAGS
    states: int = ALL_STATES

    def size(self) -> int:
        """Count protocol x source port x destination port x flag octet x state."""
        ports = (self.sport[1] - self.sport[0] + 1) * (self.dport[1] - self.dport[0] + 1)
        protocols = self.protocol[1] - self.protocol[0] + 1
        return protocols * ports * self.flags.bit_count() * self.states.bit_count()


def flags_matching(mask: int, value: int) -> int:
    """Give the set of flag octets with octet & mask == value: SYN without ACK is (0x12, 0x02)."""
    return sum(1 << octet for octet in range(256) if octet & mask == value)


class Point(NamedTuple):
    """One packet without its addresses; `flags` is the octet and `state` one ConnectionState bit."""

    protocol: int
    sport: int
    dport: int
    flags: int = 0
    state: int = ConnectionState.NEW


def intersect_services(a: Service, b: Service) -> Service | None:
    """Give the packets in both boxes; None when there are none."""
    protocol = max(a.protocol[0], b.protocol[0]), min(a.protocol[1], b.protocol[1])
    sport = max(a.sport[0], b.sport[0]), min(a.sport[1], b.sport[1])
    dport = max(a.dport[0], b.dport[0]), min(a.dport[1], b.dport[1])
    flags, states = a.flags & b.flags, a.states & b.states
    if protocol[0] > protocol[1] or sport[0] > sport[1] or dport[0] > dport[1] or not flags or not states:
        return None
    return Service(protocol, sport, dport, flags, states)
