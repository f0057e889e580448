"""What `ipset save` prints: the sets that rules ask by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.firewall.known import ICMP6_TYPES, ICMP_TYPES
from zoneguard.firewall.matching import MOST_MATCHES, meet_all, not_sure
from zoneguard.firewall.model import Match
from zoneguard.firewall.vendors.iptables.address import (
    port_span,
    prefix_length,
    protocol_number,
    range_named,
    spans_named,
)
from zoneguard.net.service import ALL_PORTS, Service
from zoneguard.net.spans import spans_from, subtract_spans

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.net.spans import Spans

_KINDS = ("bitmap:", "hash:", "list:")
_OPEN_OPTIONS = {"timeout": "its members come and go with time", "skbinfo": "", "counters": ""}


@dataclass(slots=True)
class IpSet:
    """One set; `open_for` says why its members at run time are not those of the file."""

    name: str
    kind: str
    open_for: str = ""
    entries: list[tuple[str, ...]] = field(default_factory=list)
    exceptions: list[tuple[str, ...]] = field(default_factory=list)
    known: dict[tuple[str, ...], tuple[Match, ...]] = field(default_factory=dict)  # by directions


def read_line(sets: dict[str, IpSet], words: list[str]) -> bool:
    """Read a `create` or `add` line; tell whether it was one."""
    if len(words) >= 3 and words[0] == "create" and words[2].startswith(_KINDS):
        why = next((_OPEN_OPTIONS[word] for word in words[3:] if _OPEN_OPTIONS.get(word)), "")
        sets[words[1]] = IpSet(name=words[1], kind=words[2], open_for=why)
        return True
    if len(words) >= 3 and words[0] == "add" and words[1] in sets:
        target = sets[words[1]]
        (target.exceptions if "nomatch" in words[3:] else target.entries).append(tuple(words[2].split(",")))
        return True
    return False


def matches_of(sets: dict[str, IpSet], name: str, directions: list[str]) -> tuple[Match, ...]:
    """Give the packets that a set holds, its parts taken from source or destination as `directions` say."""
    known = sets.get(name)
    if known is None:
        return (not_sure(f"set {name}, which the file does not list"),)
    asked = tuple(directions)
    if asked not in known.known:
        known.known[asked] = _of_any(sets, known, directions)
    return known.known[asked]


def _of_any(sets: dict[str, IpSet], known: IpSet, directions: list[str]) -> tuple[Match, ...]:
    if known.kind != "list:set":
        return _of_set(known, directions)
    found: list[Match] = []
    for entry in known.entries:
        member = sets.get(entry[0])
        if member is None or member.kind == "list:set":
            return (not_sure(f"set {known.name} with member {entry[0]}"),)
        found += _of_set(member, directions)
    return tuple(found)


def _of_set(known: IpSet, directions: list[str]) -> tuple[Match, ...]:
    parts = known.kind.partition(":")[2].split(",")
    if known.open_for:
        return (not_sure(f"set {known.name}: {known.open_for}"),)
    if len(directions) < len(parts) or any(part not in {"ip", "net", "port"} for part in parts):
        return (not_sure(f"set {known.name} of type {known.kind}"),)
    try:
        if parts in (["ip"], ["net"]):
            # The most specific member decides, be it an exception or not.
            return _of_addresses(_most_specific(known), directions[0])
        if known.exceptions:
            return (not_sure(f"set {known.name} with exceptions"),)
        return _of_tuples(known, parts, directions)
    except (KeyError, ValueError):
        return (not_sure(f"set {known.name}, of which not every member is understood"),)


def _of_tuples(known: IpSet, parts: list[str], directions: list[str]) -> tuple[Match, ...]:
    """Join members that differ in their first part only, so that one service of many hosts is one match."""
    grouped: dict[tuple[str, ...], list[str]] = {}
    for entry in known.entries:
        if len(entry) != len(parts):
            raise ValueError(entry)
        grouped.setdefault(entry[1:], []).append(entry[0])
    if len(grouped) > MOST_MATCHES:
        return (not_sure(f"set {known.name} of {len(grouped)} combinations"),)
    found: list[Match] = []
    for rest, firsts in grouped.items():
        conditions = [
            _of_part(part, direction, words)
            for part, direction, words in zip(
                parts, directions, [firsts, *([word] for word in rest)], strict=False
            )
        ]
        found += meet_all(conditions)
    return tuple(found)


def _of_part(part: str, direction: str, words: list[str]) -> tuple[Match, ...]:
    if part == "port":
        return (Match(services=_joined(box for word in words for box in _ports(word, direction))),)
    return _of_addresses(spans_from(span for word in words for span in _member(word)), direction)


def _joined(boxes: Iterable[Service]) -> tuple[Service, ...]:
    """Join ports that touch; each box narrows one side only, and all the same one."""
    spans: dict[tuple[int, bool], list[tuple[int, int]]] = {}
    for box in boxes:
        of_source = box.sport != ALL_PORTS
        spans.setdefault((box.protocol[0], of_source), []).append(box.sport if of_source else box.dport)
    return tuple(
        Service(protocol=(protocol, protocol), sport=span)
        if of_source
        else Service(protocol=(protocol, protocol), dport=span)
        for (protocol, of_source), found in spans.items()
        for span in spans_from(found)
    )


def _of_addresses(spans: Spans, direction: str) -> tuple[Match, ...]:
    if not spans:
        return ()
    return (Match(source=spans) if direction == "src" else Match(destination=spans),)


def _most_specific(known: IpSet) -> Spans:
    if not known.exceptions:
        return spans_from(span for entry in known.entries for span in _member(entry[0]))
    ranked = [(prefix_length(entry[0]), True, entry[0]) for entry in known.entries]
    ranked += [(prefix_length(entry[0]), False, entry[0]) for entry in known.exceptions]
    held: Spans = ()
    for _, holds, word in sorted(ranked):
        member = spans_named(word)
        held = spans_from((*held, *member)) if holds else subtract_spans(held, member)
    return held


def _member(word: str) -> Spans:
    return range_named(word) if "-" in word else spans_named(word)


def _ports(word: str, direction: str) -> Iterable[Service]:
    name, found, ports = word.rpartition(":")
    if not found:  # bitmap:port says no protocol and means both
        span = port_span(word, "-")
        for protocol in (6, 17):
            yield _at_port(protocol, span, direction)
        return
    number = protocol_number(name)
    if number in {1, 58}:
        kind, slash, code = ports.partition("/")
        names = ICMP_TYPES if number == 1 else ICMP6_TYPES
        first = (int(kind) if kind.isdecimal() else names[kind]) * 256 + (int(code) if slash else 0)
        yield Service(protocol=(number, number), dport=(first, first))
    elif number is not None:
        yield _at_port(number, port_span(ports, "-"), direction)


def _at_port(protocol: int, span: tuple[int, int], direction: str) -> Service:
    if direction == "src":
        return Service(protocol=(protocol, protocol), sport=span)
    return Service(protocol=(protocol, protocol), dport=span)
