"""Addresses, ports and protocols as iptables and ipset write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from zoneguard.firewall.known import PORTS, PROTOCOLS
from zoneguard.net.address import V4_FIRST, number_of
from zoneguard.net.spans import spans_from, wildcard_spans

if TYPE_CHECKING:
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans


def spans_named(word: str) -> Spans:
    """Read an address with a prefix length or any mask; bits outside the mask count for nothing.

    Raises ValueError when it is none, a host name for instance.
    """
    text, _, mask_text = word.partition("/")
    address = ip_address(text)
    if "%" in text:
        raise ValueError(text)
    bits = address.max_prefixlen
    mask = _mask(mask_text, bits)
    return wildcard_spans(int(address) & mask, mask ^ ((1 << bits) - 1), bits=bits)


def prefix_length(word: str) -> int:
    """Tell how many bits of an address are fixed."""
    text, _, mask_text = word.partition("/")
    return _mask(mask_text, ip_address(text).max_prefixlen).bit_count()


def range_named(word: str) -> Spans:
    """Read `first-last`, or one address. Raises ValueError when it is neither."""
    low, _, high = word.partition("-")
    first = number_of(ip_address(low))
    last = number_of(ip_address(high)) if high else first
    return spans_from([(first, last)])


def port_span(word: str, separator: str = ":") -> Span:
    """Read a port or a range of ports, either end of which may be left out. Raises ValueError."""
    low, found, high = word.partition(separator)
    first = _port(low, 0)
    last = _port(high, 65535) if found else first
    return (first, last) if first <= last else (last, first)


def _port(word: str, absent: int) -> int:
    if not word:
        return absent
    number = int(word, 0) if word[0].isdecimal() and word.isascii() else PORTS.get(word, -1)
    if not 0 <= number <= 65535:
        raise ValueError(word)
    return number


def protocol_number(word: str) -> int | None:
    """Read a protocol by name or number; None is all of them. Raises ValueError."""
    word = word.lower()
    if word in {"all", "0"}:
        return None
    if word in _OWN_PROTOCOLS:
        return _OWN_PROTOCOLS[word]
    number = int(word) if word.isdecimal() and word.isascii() else PROTOCOLS.get(word, -1)
    if not 0 <= number <= 255:
        raise ValueError(word)
    return number


def _mask(text: str, bits: int) -> int:
    everything = (1 << bits) - 1
    if not text:
        return everything
    if text.isdecimal() and text.isascii():
        length = int(text)
        if length > bits:
            raise ValueError(text)
        return everything ^ ((1 << (bits - length)) - 1)
    mask = ip_address(text)
    if mask.max_prefixlen != bits:
        raise ValueError(text)
    return int(mask)


def mapping_span(word: str) -> Span:
    """Read the address or the range that a translation writes. Raises ValueError."""
    ((first, last),) = range_named(word)
    return first, last


def network_span(word: str) -> Span:
    """Read the one stretch that a network is. Raises ValueError for scattered masks."""
    ((first, last),) = spans_named(word)
    return first, last


def is_v4(address: IPv4Address | IPv6Address | int) -> bool:
    """Tell an IPv4 address, or its number."""
    number = address if isinstance(address, int) else number_of(address)
    return V4_FIRST <= number <= V4_FIRST + 0xFFFF_FFFF


_OWN_PROTOCOLS = {
    "ah": 51,
    "dccp": 33,
    "esp": 50,
    "ipcomp": 108,
    "ipencap": 4,
    "ipv6-auth": 51,
    "ipv6-crypt": 50,
    "ipv6-frag": 44,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "ipv6-route": 43,
    "mh": 135,
    "mobility-header": 135,
    "udplite": 136,
}
