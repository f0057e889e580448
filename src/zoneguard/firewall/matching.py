"""The algebra of matches: what two of them share, what a condition leaves out, and families."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard.firewall.model import Match
from zoneguard.net.address import LAST, V4_FIRST, V4_LAST
from zoneguard.net.service import Service, intersect_services
from zoneguard.net.spans import ANY_V4, ANYWHERE, intersect_spans, spans_within, subtract_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

ANY_V6: Spans = ((0, V4_FIRST - 1), (V4_LAST + 1, LAST))
EVERYTHING = Match()
FAMILIES: dict[str, Match] = {
    "ipv4": Match(source=ANY_V4, destination=ANY_V4),
    "ipv6": Match(source=ANY_V6, destination=ANY_V6),
}
# Protocols whose first four octets are the ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
WITH_PORTS = (6, 17, 33, 132, 136)
MOST_SERVICES = 4096  # boxes of one match; beyond, what a condition says of services is left open
MOST_MATCHES = 2048  # matches of one rule, likewise

_ANY_SERVICE = (Service(),)


def meet(a: Match, b: Match) -> Match | None:
    """Give the packets that both may match; None when there are none."""
    if a is EVERYTHING or b is EVERYTHING:
        return b if a is EVERYTHING else a
    source, destination = (
        intersect_spans(a.source, b.source),
        intersect_spans(a.destination, b.destination),
    )
    if not source or not destination:
        return None
    services, open_services = meet_services(a.services, b.services)
    ingress, egress = _meet_names(a.ingress, b.ingress), _meet_names(a.egress, b.egress)
    if not services or (ingress is not None and not ingress) or (egress is not None and not egress):
        return None
    if b.unknown or open_services:
        unknown = (*a.unknown, *(one for one in (*b.unknown, *open_services) if one not in a.unknown))
    else:
        unknown = a.unknown
    return Match(
        source=source,
        destination=destination,
        services=services,
        ingress=ingress,
        egress=egress,
        unknown=unknown,
    )


def meet_all(conditions: Iterable[Sequence[Match]]) -> tuple[Match, ...]:
    """Give the packets for which every condition holds; each condition is a union of matches."""
    found: tuple[Match, ...] = (EVERYTHING,)
    for union in conditions:
        found = meet_unions(found, union)
    return found


def meet_unions(a: Sequence[Match], b: Sequence[Match]) -> tuple[Match, ...]:
    """Give the packets that both unions may match; what would be too many matches is made coarse."""
    if len(a) == 1 == len(b):  # of nearly every condition
        both = meet(a[0], b[0])
        return () if both is None else (both,)
    if len(a) * len(b) > 4 * MOST_MATCHES:
        a, b = [too_many(a)], [too_many(b)]
    found = tuple(both for one in a for other in b if (both := meet(one, other)) is not None)
    return (too_many(found),) if len(found) > MOST_MATCHES else found


def too_many(matches: Sequence[Match]) -> Match:
    """Give one match that holds all of them at most, for a union too long to be told apart."""
    if len(matches) == 1:
        return matches[0]
    known = tuple(dict.fromkeys(word for one in matches for word in one.unknown))
    return Match(unknown=(*known[:8], f"one of {len(matches)} combinations"))


def meet_services(
    a: tuple[Service, ...], b: tuple[Service, ...]
) -> tuple[tuple[Service, ...], tuple[str, ...]]:
    """Give the services of both unions, and what is left open because they are too many to be told apart."""
    if a == _ANY_SERVICE or a is b:
        return b, ()
    if b == _ANY_SERVICE:
        return a, ()
    if len(a) * len(b) > MOST_SERVICES * 16:
        return (a if len(a) < len(b) else b), (f"one of {max(len(a), len(b))} services",)
    found = {both: None for one in a for other in b if (both := intersect_services(one, other))}
    if len(found) > MOST_SERVICES:
        return (a if len(a) < len(b) else b), (f"one of {len(found)} services",)
    return tuple(found), ()


def subtract_services(a: Iterable[Service], b: Iterable[Service]) -> tuple[Service, ...]:
    """Give the packets of one union of boxes that are not in the other, as disjoint boxes where `a` is."""
    left = list(a)
    for one in b:
        left = [piece for box in left for piece in _subtract(box, one)]
    return tuple(left)


def _subtract(box: Service, hole: Service) -> list[Service]:
    shared = intersect_services(box, hole)
    if shared is None:
        return [box]
    pieces = []
    for field in ("protocol", "dport", "sport"):
        first, last = getattr(box, field)
        low, high = getattr(shared, field)
        if first < low:
            pieces.append(_with(box, field, (first, low - 1)))
        if high < last:
            pieces.append(_with(box, field, (high + 1, last)))
        box = _with(box, field, (low, high))
    if box.flags & ~shared.flags:
        pieces.append(box._replace(flags=box.flags & ~shared.flags))
        box = box._replace(flags=shared.flags)
    if box.states & ~shared.states:
        pieces.append(box._replace(states=box.states & ~shared.states))
    return pieces


def _with(box: Service, field: str, span: Span) -> Service:
    if field == "protocol":
        return box._replace(protocol=span)
    return box._replace(dport=span) if field == "dport" else box._replace(sport=span)


def subtract_one_way(region: Match, hole: Match) -> Match | None:
    """Give a region without a hole that narrows it in one field only; None when it narrows more.

    The hole must be less than the region, and hold as surely.
    """
    narrower: list[Match] = []
    if not spans_within(region.source, hole.source):
        narrower.append(replace(region, source=subtract_spans(region.source, hole.source)))
    if not spans_within(region.destination, hole.destination):
        narrower.append(replace(region, destination=subtract_spans(region.destination, hole.destination)))
    for field in ("ingress", "egress"):
        of_region, of_hole = getattr(region, field), getattr(hole, field)
        if of_hole is None or (of_region is not None and of_region <= of_hole):
            continue
        if of_region is None:
            return None
        narrower.append(replace(region, **{field: of_region - of_hole}))
    if len(hole.services) * len(region.services) > MOST_SERVICES:
        return None
    if hole.services != _ANY_SERVICE and len(narrower) <= 1:
        services = subtract_services(region.services, hole.services)
        if len(services) > len(region.services) + 8:
            return None
        if services:
            narrower.append(replace(region, services=services))
    return narrower[0] if len(narrower) == 1 else None


def covers(outer: Match, inner: Match) -> bool:
    """Tell whether every packet of the inner match surely meets the outer one."""
    return (
        not outer.unknown
        and spans_within(inner.source, outer.source)
        and spans_within(inner.destination, outer.destination)
        and covers_names(outer.ingress, inner.ingress)
        and covers_names(outer.egress, inner.egress)
        and (outer.services == _ANY_SERVICE or _all_within(inner.services, outer.services))
    )


def covers_names(wide: frozenset[str] | None, narrow: frozenset[str] | None) -> bool:
    """Tell whether interfaces (None: any) hold all of others."""
    return wide is None or (narrow is not None and narrow <= wide)


def _all_within(inner: tuple[Service, ...], outer: tuple[Service, ...]) -> bool:
    """Tell whether every box lies in the other union; no is the answer where that is too long to find out."""
    if inner == outer:
        return True
    if len(inner) * len(outer) > MOST_SERVICES:
        return False
    # Box by box first: it answers most questions at a tenth of the cost of taking boxes apart.
    loose = [box for box in inner if not any(intersect_services(box, one) == box for one in outer)]
    return not loose or (len(outer) > 1 and not subtract_services(loose, outer))


def without(spans: Spans) -> Spans:
    """Give every address but these."""
    return subtract_spans(ANYWHERE, spans)


def not_sure(reason: str) -> Match:
    """Give the match of a condition whose meaning is not known."""
    return Match(unknown=(reason,))


def _meet_names(a: frozenset[str] | None, b: frozenset[str] | None) -> frozenset[str] | None:
    if a is None:
        return b
    return a if b is None else a & b
