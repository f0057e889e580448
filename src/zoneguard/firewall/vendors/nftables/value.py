"""Keys and values of a rule, as nft(8) writes them, to JSON."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoneguard.firewall.vendors.nftables.words import Words

_HEADERS = frozenset({
    "ah", "arp", "comp", "dccp", "dst", "esp", "ether", "frag", "gre", "hbh", "icmp", "icmpv6", "igmp", "ip", "ip6",
    "mh", "rt", "sctp", "tcp", "th", "udp", "udplite", "vlan",
})  # fmt: skip
_META = frozenset({
    "cgroup", "cpu", "day", "hour", "ibrname", "iif", "iifgroup", "iifkind", "iifname", "iiftype", "length",
    "l4proto", "mark", "nfproto", "nftrace", "obrname", "oif", "oifgroup", "oifkind", "oifname", "oiftype", "pkttype",
    "priority", "protocol", "random", "rtclassid", "skgid", "skuid", "time",
})  # fmt: skip
_NO_VALUES = frozenset({"\n", ";", "{", "}", "", ",", "=", "!", "&"})
_MOST_NESTED = 4  # brackets within brackets
_MOST_ELEMENTS = 1_000_000
# A range, and not a word with a hyphen: both ends have digits, colons or dots only.
_RANGE = re.compile(r"(?=[0-9]|[^-]*[.:])[0-9:a-fA-F][0-9a-fA-Fx.:]*-[0-9a-fA-Fx.:]+")
_ELEMENT_WORDS = frozenset({"comment", "counter", "expires", "limit", "timeout", "quota", "last", "ct"})


class NotUnderstoodError(Exception):
    """The words are none that this reader knows; the rule goes on behind them."""


def read_key(words: Words) -> Any:  # noqa: ANN401 - any JSON
    """Read what a rule asks of a packet: a field, several joined by dots, or a field under a mask."""
    parts = [_field(words)]
    while words.peek() == ".":
        words.next()
        parts.append(_field(words))
    if len(parts) > 1:
        return {"concat": parts}
    if words.take("&"):
        return {"&": [parts[0], read_value(words)]}
    return parts[0]


def _field(words: Words) -> dict[str, Any]:
    name = words.next()
    if name in _META:
        return _meta(name)
    if name == "tcp" and words.take("option"):
        return {"tcp option": {"name": words.next(), "field": words.next()}}
    if name in _HEADERS:
        return _payload(name, words.next())
    if name not in {"ct", "fib", "meta"}:
        raise NotUnderstoodError(name)
    return _ct(words) if name == "ct" else _fib(words) if name == "fib" else _meta(words.next())


@lru_cache(maxsize=1024)
def _payload(protocol: str, name: str) -> dict[str, Any]:
    """Give a field of a header: one object for the same words, so that readers may go by its identity."""
    return {"payload": {"protocol": protocol, "field": name}}


@lru_cache(maxsize=1024)
def _meta(key: str) -> dict[str, Any]:
    """Give what is known beside a packet, likewise."""
    return {"meta": {"key": key}}


def _fib(words: Words) -> dict[str, Any]:
    flags = [words.next()]
    while words.take("."):
        flags.append(words.next())
    return {"fib": {"result": words.next(), "flags": flags}}


def _ct(words: Words) -> dict[str, Any]:
    key = words.next()
    if key in {"original", "reply"}:
        key = f"{key} {words.next()}"
        if words.peek() in {"saddr", "daddr"}:
            key = f"{key} {words.next()}"
    elif key == "count":
        raise NotUnderstoodError(key)
    return {"ct": {"key": key}}


def read_value(words: Words) -> Any:  # noqa: ANN401 - any JSON
    """Read what a key is compared with: a value, a list, a set, or the name of one."""
    word = words.peek()
    if word == "{":
        return {"set": read_elements(words, None)}
    if word.startswith("@"):
        return words.next()
    first = read_one(words)
    if words.peek() == ",":
        parts = [first]
        while words.take(","):
            parts.append(read_one(words))
        return parts
    return first


def read_one(words: Words) -> Any:  # noqa: ANN401 - any JSON
    """Read one value: alone, joined by dots, or by bars."""
    first = _single(words)
    joint = words.peek()
    if joint not in {"|", "."}:
        return first
    parts = [first]
    while words.take(joint):
        parts.append(_single(words))
    return {"|" if joint == "|" else "concat": parts}


def _single(words: Words) -> Any:  # noqa: ANN401 - any JSON
    word = words.peek()
    if word == "(":
        words.skip(1)
        words.nested += 1
        inner = read_one(words) if words.nested <= _MOST_NESTED else None
        words.nested -= 1
        if inner is None or not words.take(")"):
            raise NotUnderstoodError
        return inner
    if word in _NO_VALUES:
        raise NotUnderstoodError(word)
    words.skip(1)
    if not word.startswith('"'):
        return scalar(word)
    if words.peek() == "-":
        raise NotUnderstoodError
    return word[1:]


def scalar(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Read a number, an address, a network, a range or a word."""
    if text.isdecimal() and text.isascii():
        return int(text)
    if text.startswith("0x"):
        return int(text, 16)
    if "-" in text and _RANGE.fullmatch(text):
        low, _, high = text.partition("-")
        return {"range": [scalar(low), scalar(high)]}
    address, found, length = text.partition("/")
    if found and length.isdecimal() and length.isascii():
        return {"prefix": {"addr": address, "len": int(length)}}
    return text


def read_elements(words: Words, read_data: Callable[[Words], Any] | None) -> list[Any]:
    """Read `{ a, b : data }`; with `read_data`, an element with a colon is a pair."""
    if not words.take("{"):
        raise NotUnderstoodError
    found: list[Any] = []
    while True:
        words.skip_ends()
        if words.take("}"):
            return found
        if words.over or len(found) > _MOST_ELEMENTS:
            raise NotUnderstoodError
        element = _element(words)
        if words.take(":"):
            if read_data is None:
                raise NotUnderstoodError
            element = [element, read_data(words)]
        found.append(element)
        words.skip_ends()
        if not words.take(",") and words.peek() != "}":
            raise NotUnderstoodError


def _element(words: Words) -> Any:  # noqa: ANN401 - any JSON
    value = "*" if words.take("*") else read_one(words)
    if words.peek() not in _ELEMENT_WORDS:
        return value
    options: dict[str, Any] = {}
    while words.peek() in _ELEMENT_WORDS:
        name = words.next()
        taken = []
        while words.peek() not in {",", "}", ":", "\n", *_ELEMENT_WORDS} and not words.over:
            taken.append(words.next())
        options[name] = " ".join(taken)
    return {"elem": {"val": value, **options}}
