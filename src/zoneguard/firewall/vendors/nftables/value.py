"""Keys and values of a rule, as nft(8) writes them, to JSON."""

from __future__ import annotations

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
_MOST_NESTED = 4  # brackets within brackets
_MOST_ELEMENTS = 1_000_000
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
    name = words.next().text
    if name in _META:
        return {"meta": {"key": name}}
    if name == "tcp" and words.take("option"):
        return {"tcp option": {"name": words.next().text, "field": words.next().text}}
    if name in _HEADERS:
        return {"payload": {"protocol": name, "field": words.next().text}}
    if name not in {"ct", "fib", "meta"}:
        raise NotUnderstoodError(name)
    return (
        _ct(words) if name == "ct" else _fib(words) if name == "fib" else {"meta": {"key": words.next().text}}
    )


def _fib(words: Words) -> dict[str, Any]:
    flags = [words.next().text]
    while words.take("."):
        flags.append(words.next().text)
    return {"fib": {"result": words.next().text, "flags": flags}}


def _ct(words: Words) -> dict[str, Any]:
    key = words.next().text
    if key in {"original", "reply"}:
        key = f"{key} {words.next().text}"
        if words.peek() in {"saddr", "daddr"}:
            key = f"{key} {words.next().text}"
    elif key == "count":
        raise NotUnderstoodError(key)
    return {"ct": {"key": key}}


def read_value(words: Words) -> Any:  # noqa: ANN401 - any JSON
    """Read what a key is compared with: a value, a list, a set, or the name of one."""
    if words.peek() == "{":
        return {"set": read_elements(words, None)}
    if words.peek().startswith("@"):
        return words.next().text
    first = read_one(words)
    if words.peek() == ",":
        parts = [first]
        while words.take(","):
            parts.append(read_one(words))
        return parts
    return first


def read_one(words: Words) -> Any:  # noqa: ANN401 - any JSON
    """Read one value: alone, joined by dots, or by bars."""
    parts = [_single(words)]
    if words.peek() == "|":
        while words.take("|"):
            parts.append(_single(words))
        return {"|": parts}
    while words.peek() == ".":
        words.next()
        parts.append(_single(words))
    return {"concat": parts} if len(parts) > 1 else parts[0]


def _single(words: Words) -> Any:  # noqa: ANN401 - any JSON
    if words.take("("):
        words.nested += 1
        inner = read_one(words) if words.nested <= _MOST_NESTED else None
        words.nested -= 1
        if inner is None or not words.take(")"):
            raise NotUnderstoodError
        return inner
    quoted = words.peek().startswith('"')
    word = words.next()
    if not quoted and (word.text in {"\n", ";", "{", "}", "", ",", "=", "!", "&"}):
        raise NotUnderstoodError(word.text)
    if quoted:
        if words.peek().startswith("-") and len(words.peek()) == 1:
            raise NotUnderstoodError
        return word.text
    return scalar(word.text)


def scalar(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Read a number, an address, a network, a range or a word."""
    if text.isdecimal() and text.isascii():
        return int(text)
    if text.startswith("0x"):
        return int(text, 16)
    if "-" in text and _is_range(text):
        low, _, high = text.partition("-")
        return {"range": [scalar(low), scalar(high)]}
    address, found, length = text.partition("/")
    if found and length.isdecimal() and length.isascii():
        return {"prefix": {"addr": address, "len": int(length)}}
    return text


def _is_range(text: str) -> bool:
    """Tell a range from a word with a hyphen: both ends have digits or colons only."""
    low, _, high = text.partition("-")
    digits = set("0123456789abcdefABCDEFx.:")
    return bool(low and high) and set(low) <= digits and set(high) <= digits and low[0] in "0123456789:abcdefABCDEF" and (
        any(sign in low for sign in ".:") or low[0].isdigit()
    )  # fmt: skip


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
    options: dict[str, Any] = {}
    while words.peek() in _ELEMENT_WORDS:
        name = words.next().text
        taken = []
        while words.peek() not in {",", "}", ":", "\n", *_ELEMENT_WORDS} and not words.over:
            taken.append(words.next().text)
        options[name] = " ".join(taken)
    return {"elem": {"val": value, **options}} if options else value
