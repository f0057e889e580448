"""Host names against lists of them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_listed(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a name is on a list; `*.example.jp` stands for every name below example.jp, at label borders.

    A wildcard is the whole leftmost label (RFC 6125 section 6.4.3) but may stand for several labels, as in
    the lists that vendors publish; the name below which it stands is not itself meant.
    """
    name = _plain(name)
    for pattern in map(_plain, patterns):
        if pattern.startswith("*."):
            if name.endswith(pattern[1:]) and len(name) > len(pattern) - 1:
                return True
        elif name == pattern:
            return True
    return False


def is_below(name: str, domains: Iterable[str]) -> bool:
    """Tell whether a name is one of these domains or lies below one."""
    name = _plain(name)
    return any(name == domain or name.endswith("." + domain) for domain in map(_plain, domains))


def is_literal(name: str) -> bool:
    """Tell an address from a name."""
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    return name.rstrip(".").lower()
