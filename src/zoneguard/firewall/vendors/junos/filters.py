"""Stateless firewall filters bound to interfaces, each direction asked apart from security policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Action, Filter, Line, LineState, Match
from zoneguard.firewall.vendors.junos import names
from zoneguard.firewall.vendors.junos.flags import FlagsError, flags_of
from zoneguard.firewall.vendors.junos.objects import (
    ANY_V6,
    EVERY_SERVICE,
    ports_of,
    prefix_spans,
    protocol_of,
    wildcard_of,
)
from zoneguard.net.service import ALL_PORTS, Service, flags_matching
from zoneguard.net.spans import ANY_V4, ANYWHERE, intersect_spans, spans_from, subtract_spans
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zoneguard.firewall.vendors.junos.tree import Node
    from zoneguard.firewall.vendors.junos.zones import Device
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

MOST_BOXES = 4096
_FAMILIES = {"inet": ANY_V4, "inet6": ANY_V6}
_WITH_PORTS = ((6, 6), (17, 17), (132, 132))
# What a term does besides deciding; `next term` decides nothing and is told apart.
_MODIFIERS = frozenset({
    "count", "dscp", "forwarding-class", "log", "loss-priority", "policer", "port-mirror", "port-mirror-instance", "sample",
    "syslog", "three-color-policer", "traffic-class",
})  # fmt: skip
_ELSEWHERE = frozenset(
    {"next-hop-group", "next-interface", "next-ip", "next-ip6", "packet-mode", "routing-instance"}
)


class _Bound(NamedTuple):
    interface: str
    family: str
    direction: str  # "input" or "output"
    filters: tuple[Node, ...]  # the words that name the filters


def filters_of(device: Device) -> tuple[tuple[Filter, ...], tuple[Filter, ...]]:
    """Give the filters that packets meet as they come in, and as they leave."""
    bound: dict[tuple[str, str], list[_Bound]] = {}
    for one in _bound(device):
        if one.interface.startswith("lo0."):
            continue  # protects the device itself
        bound.setdefault((one.interface, one.direction), []).append(one)
    inward = [_filter(device, name, way, held) for (name, way), held in bound.items() if way == "input"]
    outward = [_filter(device, name, way, held) for (name, way), held in bound.items() if way == "output"]
    _take_unbound(device)
    return tuple(inward), tuple(outward)


def _bound(device: Device) -> Iterator[_Bound]:
    for port in device.root.each("interfaces"):
        for unit in port.each("unit"):
            for family in unit.each("family"):
                held = family.get("filter")
                if held is None:
                    continue
                if family.word not in _FAMILIES:
                    device.fault(held.line, LineState.UNSUPPORTED, _family(family.word))
                    continue
                for direction in ("input", "output"):
                    listed = held.each(f"{direction}-list") or held.each(direction)
                    if listed:
                        yield _Bound(f"{port.word}.{unit.word}", family.word, direction, tuple(listed))


def _filter(device: Device, interface: str, direction: str, held: list[_Bound]) -> Filter:
    lines: list[Line] = []
    for one in held:
        for word in one.filters:
            node = _definition(device, one.family, word.word)
            if node is None:
                device.fault(word.line, LineState.UNKNOWN, _undefined(word.word))
                lines.append(_open(device, word, one.family))
                continue
            lines += _terms(device, node, one.family)
        spans = _FAMILIES[one.family]
        lines.append(
            Line(
                id=f"filter {' '.join(word.word for word in one.filters)} end",
                action=Action.DENY,
                match=Match(source=spans, destination=spans),
                places=(device.place(one.filters[0].line),),
                log=False,
                implicit=True,
            )
        )
    ways = frozenset({interface})
    return Filter(
        name=f"{interface} filter {direction}",
        lines=tuple(lines),
        default=Action.PERMIT,
        ingress=ways if direction == "input" else None,
        egress=ways if direction == "output" else None,
        stateful=False,
    )


def _definition(device: Device, family: str, name: str) -> Node | None:
    found = device.root.get("firewall", "family", family, "filter", name)
    if found is None and family == "inet":
        found = device.root.get("firewall", "filter", name)
    return found


def _take_unbound(device: Device) -> None:
    """Take the filters that nothing of what is forwarded meets."""
    held = device.root.get("firewall")
    if held is None:
        return
    waiting = [*held.every("filter")]
    for family in _FAMILIES:
        waiting += held.every("family", family, "filter")
    while waiting:
        waiting += waiting.pop().every()


def _open(device: Device, word: Node, family: str) -> Line:
    spans = _FAMILIES[family]
    return Line(
        id=f"filter {word.word}",
        action=Action.DENY,
        match=Match(source=spans, destination=spans, unknown=(f"filter {word.word}",)),
        places=(device.place(word.line),),
    )


def _terms(device: Device, node: Node, family: str) -> Iterator[Line]:
    terms = node.every("term")
    if not terms and (node.has("from") or node.has("then")):
        terms = [node]  # a filter of one term without a name
    for term in terms:
        yield from _Term(device, node, term, family).lines()


class _Term:
    """One term being read."""

    def __init__(self, device: Device, node: Node, term: Node, family: str) -> None:
        self.device, self.term, self.family = device, term, _FAMILIES[family]
        self.name = f"filter {node.word} term {term.word}"
        self.unknown: list[str] = []
        self.lines_read = [term.line]

    def lines(self) -> Iterator[Line]:
        decided = self._action()
        matches = self._matches()
        if decided is None:
            return
        action, log = decided
        off = self.term.is_off
        if self.unknown and not off:
            self.device.fault(self.term.line, LineState.UNSUPPORTED, _left_open(self.name, self.unknown[0]))
        for source, destination, services in matches:
            yield Line(
                id=self.name,
                action=action,
                match=Match(
                    source=source,
                    destination=destination,
                    services=services,
                    unknown=tuple(dict.fromkeys(self.unknown))[:16],
                ),
                places=tuple(self.device.place(line) for line in self.lines_read[:12]),
                name=self.term.word,
                comment=self.term.comment,
                enabled=not off,
                log=log,
            )

    def _action(self) -> tuple[Action, bool] | None:
        then = self.term.get("then")
        action: Action | None = Action.PERMIT
        log = False
        for one in then.each() if then else ():
            if one.word in ("discard", "reject"):
                action = Action.DENY
            elif one.word == "next" and one.has("term"):
                action = None
            elif one.word in _ELSEWHERE:
                self.device.fault(one.line, LineState.UNSUPPORTED, _elsewhere(self.name, one.word))
            elif one.word not in _MODIFIERS and one.word != "accept":
                self.unknown.append(f"then {one.word}"[:80])
            log |= one.word in ("log", "syslog")
            _take(one)
        return None if action is None else (action, log)

    def _matches(self) -> list[tuple[Spans, Spans, tuple[Service, ...]]]:
        held = self.term.get("from")
        source, destination, either = (
            intersect_spans(self._addresses(held, side), self.family)
            for side in ("source-", "destination-", "")
        )
        services = self._services(held)
        known = (*_ADDRESSES, *_SERVICES)
        for one in held.each() if held else ():
            if one.word not in known:
                self.unknown.append(f"from {one.word}"[:80])
                _take(one)
        if either == self.family:
            return [(source, destination, services)]
        return [
            (intersect_spans(source, either), destination, services),
            (source, intersect_spans(destination, either), services),
        ]

    def _addresses(self, held: Node | None, side: str) -> Spans:
        """Give the addresses of one side, the longest prefix deciding between match and except."""
        key, listed = f"{side}address", f"{side}prefix-list"
        if held is None or not (held.has(key) or held.has(listed)):
            return ANYWHERE
        prefixes: list[tuple[int, bool, Spans]] = []
        if not side and any(one.has("except") for one in (*held.each(key), *held.each(listed))):
            self.unknown.append(f"{key} except")  # excepts only what both addresses are in
            return ANYWHERE
        for one in held.each(key):
            self._prefix(prefixes, one.word, excepted=one.has("except"))
        for one in held.each(listed):
            node = self.device.root.get("policy-options", "prefix-list", one.word)
            if node is None:
                self.unknown.append(f"{listed} {one.word}"[:80])
                return ANYWHERE
            self.lines_read.append(node.line)
            for prefix in node.each():
                if prefix.word == "apply-path":
                    self.unknown.append(f"{listed} {one.word}"[:80])
                    return ANYWHERE
                self._prefix(prefixes, prefix.word, excepted=one.has("except"))
        found: Spans = ()
        # Wider first; of one width those that match come last, as an except of the same prefix cannot stand beside.
        prefixes.sort(key=lambda one: one[0], reverse=True)
        at = 0
        while at < len(prefixes):
            end = at
            while end < len(prefixes) and prefixes[end][1] == prefixes[at][1]:
                end += 1
            joined = spans_from(span for one in prefixes[at:end] for span in one[2])
            found = subtract_spans(found, joined) if prefixes[at][1] else spans_from((*found, *joined))
            at = end
        return found

    def _prefix(self, prefixes: list[tuple[int, bool, Spans]], text: str, *, excepted: bool) -> None:
        try:
            spans = prefix_spans(text)
        except ValueError:
            try:
                spans = wildcard_of(text)
            except ValueError:
                self.unknown.append(f"address {text}"[:80])
                spans = ANYWHERE
        prefixes.append((sum(last - first + 1 for first, last in spans), excepted, spans))

    def _services(self, held: Node | None) -> tuple[Service, ...]:
        if held is None:
            return EVERY_SERVICE
        try:
            return self._boxes(held)
        except (ValueError, FlagsError) as error:
            self.unknown.append(f"from {error}"[:80])
            for key in _SERVICES:
                for one in held.each(key):
                    one.use()
            return EVERY_SERVICE

    def _boxes(self, held: Node) -> tuple[Service, ...]:
        if held.has("port-except"):
            raise ValueError("port-except")
        protocols = _spans(held, ("protocol", "next-header", "payload-protocol"), protocol_of, 255)
        sports, dports, ports = (
            _spans(held, (key,), ports_of, 65535) for key in ("source-port", "destination-port", "port")
        )
        flags = self._flags(held)
        icmp = _icmp(held, self.family)
        if protocols is None:
            protocols = [(0, 255)]
            if sports is not None or dports is not None or ports is not None:
                protocols = [*_WITH_PORTS]
            elif flags is not None:
                protocols = [(6, 6)]
            elif icmp is not None:
                protocols = [(58, 58)] if self.family == ANY_V6 else [(1, 1)]
        every = [ALL_PORTS]
        pairs: list[tuple[list[Span], list[Span]]] = [(sports or every, icmp or dports or every)]
        if sports == [] or dports == [] or ports == []:
            return ()
        if ports is not None:
            pairs = [(ports, dports or every), (sports or every, ports)]
        boxes = [
            Service(protocol, sport, dport)
            for protocol in protocols
            for left, right in pairs
            for sport in left[:MOST_BOXES]
            for dport in right[:MOST_BOXES]
        ][: MOST_BOXES + 1]
        if len(boxes) > MOST_BOXES:
            raise ValueError(f"{len(boxes)} services")
        return tuple(box._replace(flags=flags) for box in boxes) if flags is not None else tuple(boxes)

    def _flags(self, held: Node) -> int | None:
        found: int | None = None
        if held.has("tcp-established"):
            found = flags_matching(0x10, 0x10) | flags_matching(0x04, 0x04)
        if held.has("tcp-initial"):
            found = flags_matching(0x12, 0x02) & (-1 if found is None else found)
        for text in held.words("tcp-flags"):
            made = flags_of(text)
            found = made if found is None else found & made
        return found


_ADDRESSES = tuple(
    f"{side}{kind}" for side in ("source-", "destination-", "") for kind in ("address", "prefix-list")
)
_SERVICES = (
    "destination-port", "destination-port-except", "icmp-code", "icmp-type", "next-header", "next-header-except",
    "payload-protocol", "payload-protocol-except", "port", "port-except", "protocol", "protocol-except", "source-port",
    "source-port-except", "tcp-established", "tcp-flags", "tcp-initial",
)  # fmt: skip


def _spans(held: Node, keys: tuple[str, ...], reading: Callable[[str], Span], last: int) -> list[Span] | None:
    """Give the numbers that a condition or its `-except` asks for; None when it is not asked."""
    found: Spans | None = None
    for key in keys:
        if held.has(key):
            made = spans_from(reading(one) for one in held.words(key))
            found = made if found is None else intersect_spans(found, made)
        if held.has(f"{key}-except"):
            made = spans_from(reading(one) for one in held.words(f"{key}-except"))
            made = subtract_spans(((0, last),), made)
            found = made if found is None else intersect_spans(found, made)
    return None if found is None else list(found)


def _icmp(held: Node, family: Spans) -> list[Span] | None:
    """Give type*256+code of the ICMP conditions; None when there are none."""
    if not held.has("icmp-type"):
        if held.has("icmp-code"):
            raise ValueError("icmp-code without icmp-type")
        return None
    types = names.ICMP6_TYPES if family == ANY_V6 else names.ICMP_TYPES
    codes = [int(one) for one in held.words("icmp-code")]
    found: list[Span] = []
    for word in held.words("icmp-type"):
        low, _, high = word.partition("-") if word not in types else (str(types[word]), "", "")
        first, last = int(low), int(high or low)
        if not 0 <= first <= last <= 255 or any(not 0 <= code <= 255 for code in codes):
            raise ValueError(f"icmp-type {word}")
        if codes:
            found += [(number * 256 + code,) * 2 for number in range(first, last + 1) for code in codes]
        else:
            found.append((first * 256, last * 256 + 255))
    return found


def _take(node: Node) -> None:
    waiting = [node]
    while waiting:
        waiting += waiting.pop().every()


def _left_open(name: str, said: str) -> Text:
    return Text(
        ja=f"{name} の条件「{said}」は、設定だけでは決まりません。一致しうるものとして扱います。",
        en=f"The condition {said!r} of {name} does not follow from the export; it is read as a may.",
    )


def _undefined(name: str) -> Text:
    return Text(
        ja=f"ファイアウォールフィルタ「{name}」が定義されていません。このインタフェースで何が破棄されるかは分かりません。",
        en=f"The firewall filter {name!r} is not defined; what is discarded on this interface is not known.",
    )


def _family(name: str) -> Text:
    return Text(
        ja=f"family {name} のフィルタはモデルにありません。このインタフェースで何が破棄されるかは分かりません。",
        en=f"Filters of family {name} are not modelled; what they discard on this interface is not known.",
    )


def _elsewhere(name: str, word: str) -> Text:
    return Text(
        ja=f"{name} の {word} は、一致した通信の行き先または処理を変えます。モデルでは通過だけを扱います。",
        en=f"{word} of {name} changes where or how what matches is forwarded; only that it passes is modelled.",
    )
