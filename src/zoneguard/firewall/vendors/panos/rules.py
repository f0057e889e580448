"""Security rules of PAN-OS as lines: addresses before NAT, the zone behind NAT, applications as a may."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zoneguard.firewall.model import Action, Filter, Line, LineState, Match
from zoneguard.firewall.vendors.panos.objects import Reach, When, negated
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.model import Place
    from zoneguard.firewall.vendors.panos.config import Config
    from zoneguard.firewall.vendors.panos.network import Net
    from zoneguard.firewall.vendors.panos.objects import Objects
    from zoneguard.firewall.xmltree import Element

MOST_PLACES = 24
_DENYING = frozenset({"deny", "drop", "reset-both", "reset-client", "reset-server"})
# What narrows a rule and is not modelled, unless all its members are `any`.
_NARROWING = frozenset({
    "category", "destination-hip", "device-group", "hip-profiles", "source-hip", "source-imei", "source-imsi", "source-nw-slice",
    "source-user", "source-device", "destination-device",
})  # fmt: skip
_READ = frozenset({
    "action", "application", "description", "destination", "disabled", "from", "log-end", "log-start",
    "negate-destination", "negate-source", "rule-type", "schedule", "service", "source", "target", "to",
})  # fmt: skip
_HARMLESS = frozenset({
    "disable-inspect", "group-tag", "icmp-unreachable", "log-setting", "loc", "option", "profile-setting", "qos",
    "saas-tenant-list", "saas-user-list", "tag", "uuid",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebase:
    """One rulebase of the stack, with the words by which people tell it."""

    said: str  # "", "pre ", "post "
    rules: list[Element]


def security(
    config: Config, stack: list[Rulebase], defaults: list[Element], net: Net, objects: Objects
) -> Filter:
    """Give the filter of one scope: its rules in the order of the rulebases, then the two default rules."""
    lines: list[Line] = []
    for base in stack:
        for entry in base.rules:
            lines += _lines(config, entry, base.said, net, objects)
    inside, between = (
        next((one for one in defaults if one.attributes.get("name") == name), None)
        for name in ("intrazone-default", "interzone-default")
    )
    permits = inside is None or (inside.word("action") or "allow") == "allow"
    lines += [
        Line(
            id="intrazone-default",
            action=Action.PERMIT if permits else Action.DENY,
            match=Match(ingress=ways, egress=ways),
            places=() if inside is None else (config.export.place(inside.line),),
            name=zone,
            log=_logs(inside, default=False),
            implicit=inside is None,
        )
        for zone, ways in net.zones.items()
    ]
    crossing = between is not None and between.word("action") == "allow"
    return Filter(
        name="security",
        lines=tuple(lines),
        default=Action.PERMIT if crossing else Action.DENY,
        default_places=() if between is None else (config.export.place(between.line),),
        default_log=_logs(between, default=False),
    )


def _logs(entry: Element | None, *, default: bool) -> bool:
    if entry is None:
        return default
    return (
        entry.word("log-start") == "yes" or (entry.word("log-end") or ("yes" if default else "no")) == "yes"
    )


def _lines(config: Config, entry: Element, said: str, net: Net, objects: Objects) -> Iterator[Line]:
    name = entry.attributes.get("name", "")
    unknown = [*_narrowed(config, entry, name)]
    source = objects.addresses(entry.words("source", "member"))
    destination = objects.addresses(entry.words("destination", "member"))
    for reach in (source, destination):
        if reach.unknown:
            config.fault(entry, LineState.UNSUPPORTED, _open_names(name, reach.unknown[0]))
    if entry.word("negate-source") == "yes":
        source = negated(source)
    if entry.word("negate-destination") == "yes":
        destination = negated(destination)
    offered = entry.words("service", "member")
    by_default = "application-default" in offered
    offer = objects.services(one for one in offered if one != "application-default")
    if offer.unknown:
        config.fault(entry, LineState.UNKNOWN, _open_names(name, offer.unknown[0]))
    left_open = [*offer.unknown, *(("application-default",) if by_default else ())]
    held = objects.when(entry.word("schedule") or "") if entry.word("schedule") else When()
    places = tuple(
        config.export.place(line)
        for line in dict.fromkeys((entry.line, *source.lines, *destination.lines, *offer.lines, *held.lines))
    )[:MOST_PLACES]
    for ingress, egress, zones in _ways(entry, net):
        if zones:
            config.fault(entry, LineState.UNKNOWN, _open_names(name, zones[0]))
        whole = [*unknown, *zones, *held.unknown]
        for match in _matches(source, destination, offer.services, left_open, whole):
            yield _line(
                entry, f"{said}rule {name}", replace(match, ingress=ingress, egress=egress), places, held
            )


def _matches(
    source: Reach,
    destination: Reach,
    services: tuple[Service, ...],
    open_services: list[str],
    whole: list[str],
) -> Iterator[Match]:
    """Yield what a rule surely matches, then what it may match besides."""
    said = tuple(dict.fromkeys((*whole, *source.unknown, *destination.unknown, *open_services)))
    sure = Match(source=source.spans, destination=destination.spans, services=services)
    if not said or (not whole and source.spans and destination.spans and services):
        yield sure
    if said:
        yield Match(
            source=ANYWHERE if source.unknown else source.spans,
            destination=ANYWHERE if destination.unknown else destination.spans,
            services=(Service(),) if open_services else services,
            unknown=said,
        )


def _ways(
    entry: Element, net: Net
) -> Iterator[tuple[frozenset[str] | None, frozenset[str] | None, tuple[str, ...]]]:
    """Yield pairs of ingress and egress: one for a universal rule, one a zone for the others."""
    sources, targets = entry.words("from", "member"), entry.words("to", "member")
    ingress, missing_from = net.ways(sources)
    egress, missing_to = net.ways(targets)
    kind = entry.word("rule-type") or "universal"
    if kind == "universal" or missing_from or (missing_to and kind == "interzone"):
        yield ingress, egress, (*missing_from, *missing_to)
        return
    for zone in net.zones if "any" in sources else dict.fromkeys(sources):
        ways = net.zones[zone]
        if kind == "intrazone":
            yield ways, ways, ()
        else:
            others = frozenset(way for one in net.zones.values() for way in one) if egress is None else egress
            if others - ways:
                yield ways, others - ways, ()


def _narrowed(config: Config, entry: Element, name: str) -> Iterator[str]:
    """Yield what narrows a rule and is not modelled, and every element that nobody knows."""
    applications = [word for word in entry.words("application", "member") if word != "any"]
    if applications:
        yield "application " + " ".join(applications[:8])
    for child in entry.children:
        if child.tag in _NARROWING:
            words = [word for word in (*child.words("member"), child.text) if word and word != "any"]
            if words:
                config.fault(child, LineState.UNSUPPORTED, _narrowing(name, child.tag))
                yield f"{child.tag} {' '.join(words[:4])[:80]}"
        elif child.tag == "target":
            if (
                child.find("devices", "entry") is not None
                or child.word("negate") == "yes"
                or child.find("tags", "member")
            ):
                config.fault(child, LineState.UNSUPPORTED, _narrowing(name, "target"))
                yield "target"
        elif child.tag not in _READ and child.tag not in _HARMLESS:
            config.fault(child, LineState.UNKNOWN, _unknown_element(name, child.tag))
            yield child.tag
    yield from _lacking(config, entry, name)


def _lacking(config: Config, entry: Element, name: str) -> Iterator[str]:
    """Yield what a rule must have and has not."""
    action = entry.word("action") or ""
    if action != "allow" and action not in _DENYING:
        config.fault(entry, LineState.UNKNOWN, _unknown_element(name, f"action {action}"))
        yield f"action {action}"
    for key in ("from", "to", "source", "destination", "service"):
        if not entry.words(key, "member"):
            config.fault(entry, LineState.UNKNOWN, _unknown_element(name, f"no {key}"))
            yield f"no {key}"


def _line(entry: Element, said: str, match: Match, places: tuple[Place, ...], held: When) -> Line:
    return Line(
        id=said,
        action=Action.PERMIT if entry.word("action") == "allow" else Action.DENY,
        match=match,
        places=places,
        name=entry.attributes.get("name", ""),
        comment=entry.word("description") or "",
        enabled=entry.word("disabled") != "yes",
        log=_logs(entry, default=True),
        begins=held.begins,
        expires=held.expires,
    )


def _narrowing(name: str, said: str) -> Text:
    return Text(
        ja=f"ルール「{name}」の条件「{said}」は、どのパケットに一致するかが設定だけでは決まりません。一致しうるものとして扱います。",
        en=f"Which packets the condition {said!r} of rule {name!r} matches does not follow from the export; it is read as a may.",
    )


def _open_names(name: str, said: str) -> Text:
    return Text(
        ja=f"ルール「{name}」が指す「{said}」の範囲は、この設定からは決まりません。一致しうるものとして扱います。",
        en=f"What {said!r} of rule {name!r} stands for does not follow from this export; it is read as a may.",
    )


def _unknown_element(name: str, said: str) -> Text:
    return Text(
        ja=f"ルール「{name}」の「{said}」は知られていません。このルールは一致しうるものとして扱います。",
        en=f"{said!r} of rule {name!r} is not known; the rule is read as a may.",
    )
