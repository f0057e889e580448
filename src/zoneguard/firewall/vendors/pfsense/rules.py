"""Filter rules, in the order in which pf lets one decide: quick ones as they stand, then the others from the last back."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Action, Filter, Line, LineState, Match
from zoneguard.firewall.vendors.pfsense.objects import ANY_V6, FAMILIES, is_on, protocol_numbers
from zoneguard.net.address import spans_of
from zoneguard.net.service import ALL_FLAGS, Service, flags_matching
from zoneguard.net.spans import ANYWHERE, spans_from
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.vendors.pfsense.objects import Objects
    from zoneguard.firewall.xmltree import Element
    from zoneguard.net.address import Span

MOST_SERVICES = 4096
READ = frozenset({
    "associated-rule-id", "descr", "destination", "direction", "disabled", "floating", "icmptype", "interface", "interfacenot",
    "ipprotocol", "log", "protocol", "quick", "source", "statetype", "tcpflags1", "tcpflags2", "tcpflags_any", "type",
})  # fmt: skip
NARROWING = frozenset({"dscp", "l7container", "os", "sched", "schedule", "tagged", "tos", "vlanprio", "prio"})
HARMLESS = frozenset({
    "ackqueue", "adaptiveend", "adaptivestart", "allowopts", "bridgeto", "category", "created", "defaultqueue", "disablereplyto", "dnpipe",
    "id", "max", "max-src-conn", "max-src-conn-rate", "max-src-conn-rates", "max-src-nodes", "max-src-states", "nopfsync", "noXMLRPCSync",
    "nosync", "overload", "pdnpipe", "pflow", "reply-to", "separator", "set-prio", "set-prio-low", "shaper1", "shaper2", "state-policy", "statepolicy", "statetimeout",
    "tag", "tracker", "udp-first", "udp-multiple", "udp-single", "updated", "vlanprioset",
})  # fmt: skip
_PRIVATE = ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
# What is surely among addresses that nobody may have; the table itself is downloaded by the device.
_BOGONS = (
    "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "240.0.0.0/4", "2001:db8::/32",
)  # fmt: skip
_ICMP = {
    "althost": 6, "dataconv": 31, "echorep": 0, "echoreq": 8, "inforep": 16, "inforeq": 15, "maskrep": 18, "maskreq": 17,
    "mobredir": 32, "mobregrep": 36, "mobregreq": 35, "paramprob": 12, "photuris": 40, "redir": 5, "routeradv": 9,
    "routersol": 10, "skip": 39, "squench": 4, "timerep": 14, "timereq": 13, "timex": 11, "trace": 30, "unreach": 3,
}  # fmt: skip
_ICMP6 = {
    "echorep": 129, "echoreq": 128, "fqdnrep": 140, "fqdnreq": 139, "groupqry": 130, "grouprep": 131, "groupterm": 132, "listendone": 132,
    "listenrep": 131, "listqry": 130, "mtrace": 201, "mtraceresp": 200, "neighbradv": 136, "neighbrsol": 135,
    "niqry": 139, "nirep": 140, "paramprob": 4, "redir": 137, "routeradv": 134, "routersol": 133, "routrrenum": 138,
    "timex": 3, "toobig": 2, "unreach": 1, "wrurep": 140, "wrureq": 139,
}  # fmt: skip
_FLAGS = {
    "ack": 0x10,
    "cwr": 0x80,
    "ece": 0x40,
    "fin": 0x01,
    "psh": 0x08,
    "rst": 0x04,
    "syn": 0x02,
    "urg": 0x20,
}


class Asked(NamedTuple):
    """A rule, the directions in which it is asked, whether it decides at once, and its lines."""

    inward: bool
    outward: bool
    quick: bool
    lines: tuple[Line, ...]
    rank: int  # floating 0, groups of interfaces 1, interfaces 2


def filters_of(objects: Objects, passing: tuple[Line, ...]) -> tuple[Filter, Filter]:
    """Give what is asked as a packet comes in, and what as it leaves; `passing` is let in by NAT itself."""
    root = objects.root
    found = [_asked(objects, rule, at) for at, rule in enumerate(root.all("filter", "rule"), 1)]
    rules = sorted((one for one in found if one is not None), key=lambda one: one.rank)
    log = not is_on(root.find("syslog", "nologdefaultblock"))
    blocked = tuple(_without_ipv6(objects))
    inward = Filter(
        name="rules in",
        lines=(*blocked, *passing, *_guards(objects), *_in_order([one for one in rules if one.inward], "in")),
        default=Action.DENY,
        default_log=log,
    )
    outward = Filter(
        name="rules out",
        lines=(*blocked, *_in_order([one for one in rules if one.outward], "out")),
        default=Action.PERMIT,  # what was let in is let out, unless a floating rule says otherwise
        default_log=False,
    )
    return inward, outward


def _in_order(rules: list[Asked], direction: str) -> Iterator[Line]:
    listed = [*(one for one in rules if one.quick), *reversed([one for one in rules if not one.quick])]
    for one in listed:
        for line in one.lines:
            ways = line.match.ingress
            if direction == "out":
                yield replace(line, match=replace(line.match, ingress=None, egress=ways))
            else:
                yield line


def _without_ipv6(objects: Objects) -> Iterator[Line]:
    if objects.root.find("system", "ipv6allow") is not None:
        return
    for source, destination in ((ANY_V6, ANYWHERE), (ANYWHERE, ANY_V6)):
        yield Line(
            id="IPv6 not allowed",
            action=Action.DENY,
            match=Match(source=source, destination=destination),
            places=(),
            implicit=True,
        )


def _guards(objects: Objects) -> Iterator[Line]:
    """Yield what an interface blocks of private and impossible sources, ahead of every rule."""
    section = objects.root.find("interfaces")
    for one in section.children if section else ():
        for key, networks, unknown in (("blockpriv", _PRIVATE, ()), ("blockbogons", _BOGONS, ("bogons",))):
            node = one.find(key)
            if node is not None and is_on(node):
                yield Line(
                    id=f"{one.tag} {key}",
                    action=Action.DENY,
                    match=Match(
                        source=spans_from(span for text in networks for span in spans_of(ip_network(text))),
                        ingress=frozenset({one.tag}),
                        unknown=unknown,
                    ),
                    places=(objects.export.place(node.line),),
                    implicit=True,
                )


def _asked(objects: Objects, rule: Element, at: int) -> Asked | None:
    kind = (rule.word("type") or "pass").lower()
    if kind == "match":
        return None  # decides nothing
    reading = _Reading(objects, rule, at)
    lines = tuple(
        reading.lines(
            Action.PERMIT if kind == "pass" else Action.DENY, known=kind in ("pass", "block", "reject")
        )
    )
    floating = is_on(rule.find("floating"))
    names = (rule.word("interface") or "").replace(",", " ").split()
    direction = (rule.word("direction") or ("any" if floating else "in")).lower()
    quick = rule.find("quick")
    rank = 0 if floating or len(names) != 1 else 1 if names[0] in objects.groups else 2
    return Asked(
        inward=direction in ("in", "any", ""),
        outward=direction in ("out", "any", ""),
        quick=is_on(quick) if quick is not None else not floating,
        lines=lines,
        rank=rank,
    )


class _Reading:
    """One rule being read."""

    def __init__(self, objects: Objects, rule: Element, at: int) -> None:
        self.objects, self.rule = objects, rule
        self.id = f"rule {rule.word('tracker') or at}"
        self.unknown: list[str] = []

    def lines(self, action: Action, *, known: bool) -> Iterator[Line]:
        rule, objects = self.rule, self.objects
        family = FAMILIES.get((rule.word("ipprotocol") or "inet").lower())
        if family is None or not known:
            self.unknown.append(
                f"ipprotocol {rule.word('ipprotocol')}" if known else f"type {rule.word('type')}"
            )
        ways, unknown = objects.ways(rule.word("interface") or "")
        self.unknown += unknown
        if is_on(rule.find("interfacenot")) and ways is not None:
            ways = frozenset(one.name for one in objects.interfaces) - ways
        services = self._services()
        self._conditions()
        source = objects.reach(rule.find("source"), family or ANYWHERE)
        destination = objects.reach(rule.find("destination"), family or ANYWHERE)
        opened = (*source.unknown, *destination.unknown)
        off = is_on(rule.find("disabled"))
        if (opened or self.unknown) and not off:
            said = (*self.unknown, *opened)[0]
            objects.export.fault(rule.line, LineState.UNSUPPORTED, _left_open(self.id, said))
        whole = Line(
            id=self.id,
            action=action,
            match=Match(
                source=source.spans,
                destination=destination.spans,
                services=services,
                ingress=ways,
                unknown=tuple(dict.fromkeys((*self.unknown, *opened)))[:16],
            ),
            places=tuple(objects.export.place(line) for line in self._places()),
            name=rule.word("descr") or "",
            comment=rule.word("descr") or "",
            enabled=not off,
            log=is_on(rule.find("log")),
        )
        if opened and not self.unknown and source.certain and destination.certain:
            yield replace(
                whole,
                match=replace(
                    whole.match, source=source.certain, destination=destination.certain, unknown=()
                ),
            )
        yield whole

    def _places(self) -> list[int]:
        found = {self.rule.line: None}
        for side in ("source", "destination"):
            for key in ("network", "address", "port"):
                alias = self.objects.aliases.get(self.rule.word(side, key) or "")
                if alias is not None:
                    found[alias.line] = None
        return list(found)

    def _conditions(self) -> None:
        for one in self.rule.children:
            if one.tag in NARROWING:
                if one.text:
                    self.unknown.append(f"{one.tag} {one.text}"[:80])
            elif one.tag == "gateway":
                if one.text and one.text != "default":
                    self.objects.export.fault(
                        one.line, LineState.UNSUPPORTED, _elsewhere(self.id, one.text[:60])
                    )
            elif one.tag == "statetype":
                if one.text.startswith("none"):
                    self.objects.export.fault(one.line, LineState.UNSUPPORTED, _no_state(self.id))
            elif one.tag not in READ and one.tag not in HARMLESS:
                self.unknown.append(one.tag[:80])
                self.objects.export.mark(one.line, LineState.UNKNOWN)

    def _services(self) -> tuple[Service, ...]:
        protocols = protocol_numbers(self.rule.word("protocol") or "")
        if protocols is None:
            self.unknown.append(f"protocol {self.rule.word('protocol')}"[:80])
            return (Service(),)
        if protocols in ([1], [58]) or self.rule.word("icmptype"):
            return self._icmp(protocols)
        sports = self.objects.ports(self.rule.word("source", "port"))
        dports = self.objects.ports(self.rule.word("destination", "port"))
        self.unknown += [*sports.unknown, *dports.unknown]
        flags = self._flags()
        spans: list[Span] = [(0, 255) if one < 0 else (one, one) for one in protocols]
        if len(sports.spans) * len(dports.spans) * len(spans) > MOST_SERVICES:
            self.unknown.append("one of many ports")
            return (Service(),)
        return tuple(
            Service(span, sport, dport, flags if span == (6, 6) else ALL_FLAGS)
            for span in spans
            for sport in sports.spans
            for dport in dports.spans
        )

    def _flags(self) -> int:
        said, among = self.rule.word("tcpflags1"), self.rule.word("tcpflags2")
        if is_on(self.rule.find("tcpflags_any")) or not among:
            return ALL_FLAGS
        masks = []
        for text in (said or "", among):
            words = text.lower().replace(",", " ").split()
            if any(word not in _FLAGS for word in words):
                self.unknown.append(f"tcpflags {text}"[:80])
                return ALL_FLAGS
            masks.append(sum({_FLAGS[word] for word in words}))
        return flags_matching(masks[1], masks[0] & masks[1])

    def _icmp(self, protocols: list[int]) -> tuple[Service, ...]:
        words = (self.rule.word("icmptype") or "").lower().replace(",", " ").split()
        family = (self.rule.word("ipprotocol") or "inet").lower()
        tables = []
        if family != "inet6" and protocols != [58]:
            tables.append((1, _ICMP))
        if family != "inet" or protocols == [58]:
            tables.append((58, _ICMP6))
        found = []
        for number, names in tables:
            if not words or words == ["any"]:
                found.append(Service((number, number)))
                continue
            for word in words:
                kind = names.get(
                    word, int(word) if word.isascii() and word.isdecimal() and len(word) < 4 else -1
                )
                if 0 <= kind <= 255:
                    found.append(Service((number, number), dport=(kind * 256, kind * 256 + 255)))
                elif len(tables) == 1:
                    self.unknown.append(f"icmptype {word}"[:80])
        return tuple(found) or (Service(),)


def _left_open(name: str, said: str) -> Text:
    return Text(
        ja=f"{name} の条件「{said}」は、設定だけでは決まりません。一致しうるものとして扱います。",
        en=f"The condition {said!r} of {name} does not follow from the export; it is read as a may.",
    )


def _elsewhere(name: str, gateway: str) -> Text:
    return Text(
        ja=f"{name} は、一致した通信をゲートウェイ「{gateway}」へ送ります（ポリシールーティング）。モデルでは通過だけを扱います。",
        en=f"{name} sends what it matches to the gateway {gateway!r} (policy routing); only that it passes is modelled.",
    )


def _no_state(name: str) -> Text:
    return Text(
        ja=f"{name} は状態を保持しません。その応答に別のルールが要ることは、モデルにありません。",
        en=f"{name} keeps no state; that its replies need a rule of their own is not modelled.",
    )
