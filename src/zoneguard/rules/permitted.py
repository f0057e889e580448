"""How what a device permits is told: addresses, services and lines in words, and the finding made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Finding, LineLocator, Party, Severity, Verdict
from zoneguard.net.address import FAMILIES, LAST, V4_FIRST, V4_LAST, address_at
from zoneguard.net.service import ALL_FLAGS, ALL_PORTS, ConnectionState, Service
from zoneguard.net.spans import prefixes_of, spans_size
from zoneguard.policy.services import NAMES, WITH_TYPES
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zoneguard.firewall.model import Filter, Line, Place
    from zoneguard.net.product import Probe
    from zoneguard.net.spans import Spans
    from zoneguard.rules.base import Rule
    from zoneguard.rules.permission import Permission

COUNTED = 1 << 32  # more addresses than IPv4 has say nothing as a number
_NAMED = 3  # addresses or services that are named one by one
_PLACES = 5  # objects of a line that a finding points at
_EVERYTHING = {((0, LAST),), *FAMILIES}


def spans_words(spans: Spans) -> Text:
    """Name addresses by prefixes where that is short, else by ranges; the rest is counted."""
    if spans in _EVERYTHING:
        return Text(ja="任意", en="any")
    names = []
    for span in spans[: _NAMED + 1]:
        prefixes = list(prefixes_of((span,)))
        if len(prefixes) == 1:
            names.append(_prefix(prefixes[0]))
        else:
            names.append(f"{address_at(span[0])}-{address_at(span[1])}")
    if len(spans) <= _NAMED:
        return Text(ja="、".join(names), en=", ".join(names))
    size = spans_size(spans)
    some = names[:_NAMED]
    if size > COUNTED:
        return Text(ja=f"{'、'.join(some)} など多数", en=f"{', '.join(some)} and many more")
    return Text(
        ja=f"{'、'.join(some)} など計 {size:,} アドレス",
        en=f"{', '.join(some)} and more, {size:,} addresses in all",
    )


def services_words(boxes: Iterable[Service]) -> Text:
    """Name services by protocol and destination port; what a device tells apart beyond that is left out."""
    plain = sorted({(box.protocol, box.dport) for box in boxes})
    if {one[0] for one in plain if one[1] == ALL_PORTS} >= {(0, 5), (6, 6), (7, 255)} or (
        (0, 255),
        ALL_PORTS,
    ) in plain:
        return Text(ja="すべてのサービス", en="any service")
    names = list(dict.fromkeys(_service(protocol, port) for protocol, port in plain))
    if len(names) <= _NAMED + 1:
        return Text(ja="、".join(names), en=", ".join(names))
    return Text(
        ja=f"{'、'.join(names[:_NAMED])} など {len(names):,} 種",
        en=f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED:,} more",
    )


def probe_words(probe: Probe) -> str:
    """Name one packet."""
    point = probe.service
    service = _service((point.protocol, point.protocol), (point.dport, point.dport))
    return f"{address_at(probe.source)} → {address_at(probe.destination)} {service}"


def line_words(line: Line) -> str:
    """Name a line as people of the device do, with the name it carries."""
    return f"{line.id}（{line.name}）" if line.name and line.name not in line.id else line.id


def locators(lines: Iterable[Line]) -> tuple[LineLocator, ...]:
    """Point at lines, each first, and at the objects they name."""
    lines = tuple(lines)
    places = [line.places[0] for line in lines if line.places]
    places += [place for line in lines for place in line.places[1 : _PLACES + 1]]
    return tuple(map(_locator, dict.fromkeys(places)))


def _locator(place: Place) -> LineLocator:
    return LineLocator(file=place.file, line=place.line, text=place.text)


def tell_lines(
    rule: Rule,
    permission: Permission,
    message: Text,
    *,
    lines: Sequence[Line] = (),
    verdict: Verdict = Verdict.VIOLATED,
    severity: Severity | None = None,
    name: str | None = None,
    zones: tuple[str, str] | None = None,
    service: str | None = None,
    allowed_by: str | None = None,
    related: tuple[str, ...] = (),
    defaults: Iterable[Filter] = (),
) -> Finding:
    """Make a finding of lines of one device, and of the places where defaults of filters are written."""
    places = locators(lines)
    if written := [place for one in defaults for place in one.default_places[:_PLACES]]:
        places = tuple(dict.fromkeys((*places, *map(_locator, written))))
    return Finding(
        rule=rule.id,
        name=name or rule.name,
        verdict=verdict,
        severity=severity or rule.severity,
        title=rule.title,
        message=message,
        remedy=rule.remedy,
        orig=Party(zone=zones[0]) if zones else None,
        resp=Party(zone=zones[1]) if zones else None,
        service=service,
        locators=places,
        device=permission.device,
        line=", ".join(dict.fromkeys(line.id for line in lines)) if 0 < len(lines) <= _NAMED else None,
        allowed_by=allowed_by,
        related=related,
    )


def is_wide(spans: Spans) -> bool:
    """Tell whether addresses are as many as a /16 of IPv4 or more, or a /64 of IPv6 network beyond one."""
    v4 = spans_size(
        tuple((max(a, V4_FIRST), min(b, V4_LAST)) for a, b in spans if a <= V4_LAST and b >= V4_FIRST)
    )
    return v4 >= 1 << 16 or spans_size(spans) - v4 > 1 << 64


def is_any_service(services: Iterable[Service]) -> bool:
    """Tell whether all protocols, or all ports of TCP or UDP, are matched."""
    return any(
        box.dport == ALL_PORTS and box.protocol[0] <= protocol <= box.protocol[1] and _opens_any(box)
        for box in services
        for protocol in (6, 17)
    )


def _opens_any(box: Service) -> bool:
    return box.flags == ALL_FLAGS and bool(box.states & ConnectionState.NEW)


def _prefix(span: tuple[int, int]) -> str:
    bits = (span[1] - span[0] + 1).bit_length() - 1
    v4 = V4_FIRST <= span[0] <= V4_LAST
    length = (32 if v4 else 128) - bits
    address = address_at(span[0])
    return str(address) if length == (32 if v4 else 128) else f"{address}/{length}"


def _service(protocol: tuple[int, int], port: tuple[int, int]) -> str:
    if protocol[0] != protocol[1]:
        return f"ip/{protocol[0]}-{protocol[1]}"
    name = NAMES.get(protocol[0], f"ip/{protocol[0]}")
    if port == ALL_PORTS or (port[0] == 0 and protocol[0] not in (1, 6, 17, 58, 132)):
        return name
    if name in WITH_TYPES:
        kind, code = divmod(port[0], 256)
        return f"{name}/{kind}/{code}" if port[0] == port[1] else f"{name}/{kind}"
    return f"{name}/{port[0]}" if port[0] == port[1] else f"{name}/{port[0]}-{port[1]}"
