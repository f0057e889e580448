"""Ways over several devices: what passes all of them in a row, though none joins the two zones by itself."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.net.product import count, example_of
from zoneguard.net.spans import intersect_spans
from zoneguard.net.translation import back
from zoneguard.policy.verdict import owed
from zoneguard.rules.permission import shown
from zoneguard.rules.permitting import MOST_PASSAGES, universe_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.firewall.model import Line
    from zoneguard.net.product import Probe, Product
    from zoneguard.net.spans import Spans
    from zoneguard.net.translation import Translated, Translation
    from zoneguard.policy.model import Policy
    from zoneguard.rules.permission import Shown
    from zoneguard.rules.permitting import Held

MOST_DEVICES = 32  # more are not combined
MOST_PATHS = 64  # of one pair of zones
MOST_PIECES = 256  # products that are followed over one path; of more, the widest


class Hop(NamedTuple):
    """One device on a path, between two zones, and the lines that let the widest part pass."""

    device: str
    before: str
    behind: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathCrossing:
    """What passes from one zone to another over several devices, and the policy does not allow.

    `sure` False: something on the way was not understood, or an address was translated.
    """

    orig_zone: str
    resp_zone: str
    hops: tuple[Hop, ...]
    sure: bool
    widest: Shown
    example: Probe


class _Piece(NamedTuple):
    source: Spans  # as it came in to the first device
    now: Product
    lines: tuple[tuple[Line, ...], ...]
    sure: bool
    trail: tuple[tuple[Translated, Translation], ...]  # what was translated on the way, to find the way back


def path_crossings(policy: Policy, devices: Sequence[Held]) -> Iterator[PathCrossing]:
    """Yield, for each pair of zones that owe each other separation, the shortest path that lets something pass."""
    if not 1 < len(devices) <= MOST_DEVICES:
        return
    # Here and not above: one device alone needs no graph, nor networkx (0.05 s).
    from zoneguard.policy.graph import paths_over_devices

    spans = devices[0].spans
    universe = universe_of([one.ruleset for one in devices], devices[0].regions)
    held = {f"{at} {one.ruleset.device}": one.within(universe) for at, one in enumerate(devices)}
    joins = {
        name: {zone for zones in one.faces.zones.values() for zone in zones} for name, one in held.items()
    }
    for orig in spans:
        for resp in spans:
            if orig == resp or owed(policy, orig, resp) is None:
                continue
            for path in islice(paths_over_devices(joins, orig, resp), MOST_PATHS):
                found = _along(held, path, orig, resp)
                if found is not None:
                    yield found
                    break


def _along(
    held: dict[str, Held], path: tuple[tuple[str, str, str], ...], orig: str, resp: str
) -> PathCrossing | None:
    first = held[path[0][0]]
    destination = first.spans[resp]
    for device, _, _ in reversed(path):
        destination = held[device].translated_into(destination)
    pieces = [
        _Piece(start.source, start, (), sure=True, trail=())
        for start in first.of_one_family(first.spans[orig], destination)
    ]
    # One device that tells answers from what opens a connection lets none of them pass for it.
    strictest = min((held[device] for device, _, _ in path), key=lambda one: one.takes_replies_for_new)
    for device, before, behind in path:
        pieces = list(_past(held[device], before, behind, pieces))
        pieces = sorted(pieces, key=lambda one: -count(one.now, first.universe))[:MOST_PIECES]
    beyond = [
        (rest, piece)
        for piece in pieces
        for rest in strictest.allowed.unmatched(
            piece.now._replace(
                source=piece.source,
                destination=intersect_spans(piece.now.destination, first.spans[resp]),
            )
        )
    ]
    if not beyond:
        return None
    product, piece = max(beyond, key=lambda one: (one[1].sure, count(one[0], first.universe)))
    hops = tuple(
        Hop(held[device].ruleset.device, before, behind, lines)
        for (device, before, behind), lines in zip(path, piece.lines, strict=True)
    )
    return PathCrossing(
        orig_zone=orig,
        resp_zone=resp,
        hops=hops,
        sure=piece.sure,
        widest=shown(product, first.universe),
        example=example_of(product, first.universe),
    )


def _past(held: Held, before: str, behind: str, pieces: list[_Piece]) -> Iterator[_Piece]:
    for piece in pieces:
        for way in held.faces.ways(before, behind):
            for one in islice(held.permitter.passages(piece.now, *way), MOST_PASSAGES):
                lines = tuple(decision.line for decision in one.decisions if decision.line is not None)
                entered = one.entered
                for part, move in reversed(piece.trail):
                    entered = back(entered, part, move)
                sure = piece.sure and one.sure and not one.translations
                trail = (*piece.trail, *one.trail)
                if entered:
                    yield _Piece(entered.source, one.left, (*piece.lines, lines), sure=sure, trail=trail)
