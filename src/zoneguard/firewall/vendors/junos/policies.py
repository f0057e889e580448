"""Security policies as one list: those from zone to zone, then the global ones, then the default policy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard.firewall.model import Action, Filter, Line, LineState, Match
from zoneguard.firewall.vendors.junos.objects import ANY_V6, EVERY_SERVICE, Offer, Reach, When, excluded, when
from zoneguard.firewall.vendors.junos.zones import Ways
from zoneguard.net.spans import ANYWHERE
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.vendors.junos.objects import Book
    from zoneguard.firewall.vendors.junos.tree import Node
    from zoneguard.firewall.vendors.junos.zones import Device

MOST_PLACES = 24
_NO_CONDITION = frozenset({"any", "none", "unassigned"})
_CONDITIONS = ("dynamic-application", "source-end-user-profile", "source-identity", "url-category")
_MATCH = frozenset({
    *_CONDITIONS, "application", "destination-address", "destination-address-excluded", "from-zone", "source-address",
    "source-address-excluded", "to-zone",
})  # fmt: skip


def policies_of(device: Device) -> Filter:
    """Give the policies of a device that works on flows, as one filter."""
    security = device.root.get("security")
    lines = [*_unzoned(device), *_without_ipv6(device)]
    policies = security.get("policies") if security else None
    if policies is not None:
        for source in policies.every("from-zone"):
            for destination in source.every("to-zone"):
                if "junos-host" in (source.word, destination.word):
                    _take(destination)
                    continue
                for policy in destination.every("policy"):
                    name = f"from-zone {source.word} to-zone {destination.word} policy {policy.word}"
                    lines += _Reading(device, policy, name, (source.word, destination.word)).lines_of()
        for policy in policies.every("global", "policy"):
            lines += _Reading(device, policy, f"global policy {policy.word}", None).lines_of()
    default = policies.get("default-policy") if policies else None
    permits = default is not None and default.has("permit-all")
    if default is not None:
        default.has("deny-all")
        default.words("log")
    return Filter(
        name="security policies",
        lines=tuple(lines),
        default=Action.PERMIT if permits else Action.DENY,
        default_places=(device.place(default.line),) if default is not None else (),
        default_log=default is not None and default.has("log"),
    )


def _unzoned(device: Device) -> Iterator[Line]:
    """Deny what comes in or leaves by an interface in no security zone (the null zone)."""
    names = device.names() - {name for names in device.zones.values() for name in names}
    if not names:
        return
    for ingress, egress in ((names, None), (None, names)):
        yield Line(
            id="null zone",
            action=Action.DENY,
            match=Match(ingress=ingress, egress=egress),
            places=(),
            log=False,
            implicit=True,
        )


def _without_ipv6(device: Device) -> Iterator[Line]:
    """Deny IPv6 where it is not forwarded; whether it is by default changed between models and releases."""
    mode = device.root.word_at("security", "forwarding-options", "family", "inet6", "mode")
    if mode == "flow-based":
        return
    node = device.root.get("security", "forwarding-options", "family", "inet6", "mode")
    unknown: tuple[str, ...] = ()
    if mode != "drop":
        unknown = (f"inet6 mode {mode}" if mode else "inet6 mode not written",)
        for port in device.root.each("interfaces"):
            for unit in port.each("unit"):
                family = unit.get("family", "inet6")
                if family is not None and family.has("address"):
                    device.fault(family.line, LineState.UNSUPPORTED, _ipv6_open())
    for spans in ((ANY_V6, ANYWHERE), (ANYWHERE, ANY_V6)):
        yield Line(
            id="inet6 mode",
            action=Action.DENY,
            match=Match(source=spans[0], destination=spans[1], unknown=unknown),
            places=(device.place(node.line),) if node is not None else (),
            log=False,
            implicit=True,
        )


def _take(node: Node) -> None:
    """Take a whole block that decides nothing of what is forwarded."""
    waiting = [node]
    while waiting:
        waiting += waiting.pop().every()


class _Reading:
    """One policy being read; `zones` is None for a global one."""

    def __init__(self, device: Device, policy: Node, name: str, zones: tuple[str, str] | None) -> None:
        self.device, self.policy, self.name, self.zones = device, policy, name, zones
        self.unknown: list[str] = []
        self.lines: list[int] = [policy.line]

    def lines_of(self) -> Iterator[Line]:
        """Yield the policy; what it surely matches stands before what it only may match."""
        policy, device = self.policy, self.device
        off = policy.is_off
        ways = self._ways()
        books = (
            (device.shared,) * 2
            if self.zones is None
            else (device.book(self.zones[0]), device.book(self.zones[1]))
        )
        source = self._reach("source-address", books[0])
        destination = self._reach("destination-address", books[1])
        offer = self._offer()
        self._conditions()
        action = self._action()
        held = self._when()
        opened = (*source.unknown, *destination.unknown, *offer.unknown)
        unknown = tuple(dict.fromkeys((*self.unknown, *opened)))[:16]
        if unknown and not off:
            device.fault(policy.line, LineState.UNSUPPORTED, _left_open(self.name, unknown[0]))
        comments = [policy.word_at("description"), policy.comment]
        whole = Line(
            id=self.name,
            action=action,
            match=Match(
                source=source.spans,
                destination=destination.spans,
                services=offer.services or EVERY_SERVICE,
                ingress=ways[0].names,
                egress=ways[1].names,
                unknown=unknown,
            ),
            places=tuple(device.place(line) for line in tuple(dict.fromkeys(self.lines))[:MOST_PLACES]),
            name=policy.word,
            comment=" ".join(one for one in comments if one),
            enabled=not off,
            log=self._logs(action),
            expires=held.expires,
            begins=held.begins,
        )
        if opened and not self.unknown and source.certain and destination.certain and offer.certain:
            sure = replace(
                whole.match,
                source=source.certain,
                destination=destination.certain,
                services=offer.certain,
                unknown=(),
            )
            yield replace(whole, match=sure)
        yield whole

    def _ways(self) -> tuple[Ways, Ways]:
        found = []
        for at, key in enumerate(("from-zone", "to-zone")):
            if self.zones is not None:
                ways = self.device.zone_ways((self.zones[at],))
            else:
                words = self.policy.words("match", key)
                ways = self.device.zone_ways(words) if words else Ways(None)
            self.unknown += ways.unknown
            found.append(ways)
        return found[0], found[1]

    def _reach(self, key: str, book: Book) -> Reach:
        words = self.policy.words("match", key)
        if not words:
            self.unknown.append(f"no {key}")
            return Reach(ANYWHERE)
        reach = book.of(words)
        self.lines += reach.lines
        if self.policy.has("match", f"{key}-excluded"):
            reach = excluded(reach)
        return reach

    def _offer(self) -> Offer:
        words = self.policy.words("match", "application")
        if words == ["junos-defaults"] or not words:
            self.unknown.append("application by default of the dynamic one" if words else "no application")
            return Offer(EVERY_SERVICE)
        offer = self.device.applications.of(words)
        self.lines += offer.lines
        return offer

    def _conditions(self) -> None:
        for key in _CONDITIONS:
            words = self.policy.words("match", key)
            if words and not set(words) <= _NO_CONDITION:
                self.unknown.append(f"{key} {' '.join(words)}"[:80])
        match = self.policy.get("match")
        for one in match.each() if match else ():
            if one.word not in _MATCH:
                self.unknown.append(f"match {one.word}"[:80])
                one.used = False

    def _action(self) -> Action:
        then = self.policy.get("then")
        chosen = (
            [] if then is None else [one for one in then.each() if one.word in ("permit", "deny", "reject")]
        )
        own = [one for one in chosen if one.origin is None]
        node = own[-1] if own else chosen[0] if chosen else None
        for one in then.each("count") if then else ():
            one.each()
        if node is None:
            self.unknown.append("no action")
            return Action.DENY
        if node.word != "permit":
            _take(node)
            return Action.DENY
        for one in node.each():
            if one.word in ("firewall-authentication", "destination-address"):
                self.unknown.append(f"permit {one.word}")
            _take(one)
        return Action.PERMIT

    def _logs(self, action: Action) -> bool:
        kinds = self.policy.words("then", "log")
        # What is denied makes no session, so only its beginning can be logged.
        return "session-init" in kinds or (action is Action.PERMIT and "session-close" in kinds)

    def _when(self) -> When:
        name = self.policy.word_at("scheduler-name")
        if not name:
            return When()
        held = when(name, self.device.root.get("schedulers"))
        self.unknown += held.unknown
        self.lines += held.lines
        return held


def _left_open(name: str, said: str) -> Text:
    return Text(
        ja=f"{name} の条件「{said}」は、設定だけでは決まりません。一致しうるものとして扱います。",
        en=f"The condition {said!r} of {name} does not follow from the export; it is read as a may.",
    )


def _ipv6_open() -> Text:
    return Text(
        ja="IPv6を転送する方式（security forwarding-options family inet6 mode）が書かれていません。既定は機種とリリースで異なり、"
        "IPv6は通りうるものとして扱います。",
        en="How IPv6 is forwarded (security forwarding-options family inet6 mode) is not written. The default differs by "
        "model and release, so what is permitted of IPv6 is read as a may.",
    )
