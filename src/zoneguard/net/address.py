"""Addresses as numbers: IPv4 is its IPv4-mapped form, so that one number line holds both families."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Pair: TypeAlias = tuple[int, int]  # (high, low) halves of 64 bits, as in FlowTable
Span: TypeAlias = tuple[int, int]  # first and last number, both inside

MASK64 = (1 << 64) - 1
LAST = (1 << 128) - 1
V4_FIRST = 0xFFFF << 32
V4_LAST = V4_FIRST | 0xFFFF_FFFF


def number_of(address: Address) -> int:
    """Give an address its place on the 128-bit number line."""
    return int(address) | V4_FIRST if address.version == 4 else int(address)


def address_at(number: int) -> Address:
    """Give the address at a place on the number line; an IPv4-mapped one is IPv4."""
    if V4_FIRST <= number <= V4_LAST:
        return IPv4Address(number & 0xFFFF_FFFF)
    return IPv6Address(number)


def pair_of(number: int) -> Pair:
    """Split a number into the halves that flow tables hold."""
    return number >> 64, number & MASK64


def number_at(pair: Pair) -> int:
    """Join the halves that flow tables hold."""
    return int(pair[0]) << 64 | int(pair[1])


def address_text(pair: Pair) -> str:
    """Write the address that the halves hold."""
    return str(address_at(number_at(pair)))


def spans_of(network: Network) -> tuple[Span, ...]:
    """Give the numbers of a network; an IPv6 network never holds IPv4 addresses by accident of mapping."""
    first, last = number_of(network.network_address), number_of(network.broadcast_address)
    if network.version == 6 and first < V4_FIRST and last > V4_LAST:
        return (first, V4_FIRST - 1), (V4_LAST + 1, last)
    if network.version == 6 and first <= V4_FIRST and last >= V4_LAST:
        return tuple(span for span in ((first, V4_FIRST - 1), (V4_LAST + 1, last)) if span[0] <= span[1])
    return ((first, last),)


def mac_text(mac: int) -> str:
    """Write a MAC address as 02:00:00:00:00:01."""
    return ":".join(f"{mac >> shift & 0xFF:02x}" for shift in range(40, -8, -8))


def mac_number(text: str) -> int:
    """Read a MAC address in any of the ways vendors write one: colons, hyphens, dots or nothing between.

    Raises ValueError when it is none.
    """
    from netaddr import EUI, AddrFormatError

    try:
        return int(EUI(text, version=48))
    except AddrFormatError as error:
        raise ValueError(f"A MAC address has 12 hexadecimal digits; {text!r} does not.") from error


def _spans(*networks: str) -> tuple[Span, ...]:
    return tuple(span for text in networks for span in spans_of(ip_network(text)))


FAMILIES: tuple[tuple[Span, ...], ...] = (((V4_FIRST, V4_LAST),), ((0, V4_FIRST - 1), (V4_LAST + 1, LAST)))

# Belong to the layer-2 domain they were seen in, never to a zone by address.
LINK_SPANS = _spans(
    "0.0.0.0/32",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "fe80::/10",
    "ff00::/8",
)

# Never the Internet: outside all declared zones such an address is unknown, not public.
LOCAL_SPANS = LINK_SPANS + _spans(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
)


def is_link_scope(number: int) -> bool:
    """Tell multicast, broadcast, link-local and unspecified addresses."""
    return any(first <= number <= last for first, last in LINK_SPANS)


def is_public(number: int) -> bool:
    """Tell whether an address could be on the Internet; documentation ranges count as public."""
    return not any(first <= number <= last for first, last in LOCAL_SPANS)
