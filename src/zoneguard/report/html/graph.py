"""Zones and what goes between them as a drawing: places, curves and labels, in the units of its view box."""

from __future__ import annotations

from math import cos, hypot, pi, sqrt
from typing import TYPE_CHECKING, Literal, NamedTuple

from zoneguard.report.width import cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from zoneguard.report.html.zones import Pair

EdgeKind = Literal["violated", "review", "observed", "allowed"]

_WIDTH = 860.0
_BOX = 190.0  # width of a zone's box
_ROW = 58.0  # from box to box
_HIGH = 40.0  # height of a box
_CELL = 6.6  # width of a narrow character at 12 px, with room to spare
_CLOSED = frozenset({"mynumber", "lgwan"})
_OPEN = frozenset({"internet", "public", "external", "unknown"})
_ROOMY = 96.0  # the same while there are few, so that the lines between them part
_TRIES = tuple(
    0.5 + sign * step / 20 for step in range(8) for sign in (1, -1)
)  # along the curve, for a label


class Node(NamedTuple):
    """A zone's box and the lines of its name; `dot` is where its edges end."""

    zone: str
    x: float
    y: float
    width: float
    height: float
    dot: tuple[float, float]
    lines: tuple[str, ...]


class Edge(NamedTuple):
    """A curve from who opened to who answered, with its label where there is something to count."""

    kind: EdgeKind
    orig: str
    resp: str
    path: str  # of SVG
    label: str
    at: tuple[float, float]
    label_width: float


class Drawing(NamedTuple):
    """Everything, the most important edges last so that they lie on top."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def draw(
    zones: Sequence[str], roles: Mapping[str, str], pairs: Sequence[Pair], names: Mapping[str, str]
) -> Drawing:
    """Place zones on two bows, the closed ones on the left, so that no line passes through a box.

    `roles` are those of the declared zones; `names` what stands in the boxes.
    Boxes stand outside the bows and lines inside; labels of lines never lie on one another while a free place
    along their line is left. Quadratic in the number of edges that have labels.
    """
    rows = max(*map(len, _sides(zones, roles)), 2)
    height = rows * (_ROOMY if rows < 5 else _ROW) + 40
    nodes = tuple(_nodes(zones, roles, height, names))
    dots = {node.zone: node.dot for node in nodes}
    drawn = [pair for pair in pairs if pair.orig in dots and pair.resp in dots and pair.orig != pair.resp]
    ranked = sorted(drawn, key=lambda pair: -_RANK.index(_kind(pair)))
    placed: list[tuple[float, float, float]] = []
    # Labels of what matters most are placed first; the lines are drawn in the opposite order.
    edges = [_edge(pair, dots[pair.orig], dots[pair.resp], height, placed) for pair in reversed(ranked)]
    return Drawing(width=_WIDTH, height=height, nodes=nodes, edges=tuple(reversed(edges)))


_RANK: tuple[EdgeKind, ...] = ("violated", "review", "observed", "allowed")


def _kind(pair: Pair) -> EdgeKind:
    if pair.is_bad:
        return "violated"
    if pair.flows and not pair.allowed:
        return "review"
    return "observed" if pair.flows else "allowed"


def _nodes(
    zones: Sequence[str], roles: Mapping[str, str], height: float, names: Mapping[str, str]
) -> Iterator[Node]:
    inner = (_WIDTH - 2 * _BOX) / 2
    left, right = _sides(zones, roles)
    step = (height - 40) / max(len(left), len(right), 2)
    for at, zone in [*enumerate(left), *enumerate(right)]:
        is_left = zone in left
        many = len(left if is_left else right)
        y = height / 2 + (at - (many - 1) / 2) * step
        lift = sqrt(max(0.0, 1 - ((y - height / 2) / (height / 2 + 30)) ** 2))
        reach = inner - 70 + 64 * lift
        middle = _WIDTH / 2
        dot = (middle - reach, y) if is_left else (middle + reach, y)
        x = dot[0] - _BOX - 8 if is_left else dot[0] + 8
        x = max(1.0, min(x, _WIDTH - _BOX - 1))
        yield Node(zone, x, y - _HIGH / 2, _BOX, _HIGH, dot, _lines(names.get(zone, zone)))


def _sides(zones: Sequence[str], roles: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Put the closed zones on the left and the open ones on the right, the others where there is room."""
    left = [zone for zone in zones if roles.get(zone) in _CLOSED]
    right = [zone for zone in zones if roles.get(zone, zone) in _OPEN]
    for zone in zones:
        if zone not in left and zone not in right:
            (left if len(left) <= len(right) else right).append(zone)
    return left, right


def _lines(name: str) -> tuple[str, ...]:
    """Break a name into at most two lines of the box; what is longer ends in an ellipsis."""
    most = int((_BOX - 16) / _CELL)
    lines, line = [], ""
    words = _pieces(name)
    for at, word in enumerate(words):
        if cells(line + word.rstrip()) <= most or not line:
            line += word
            continue
        lines.append(line.rstrip())
        line = word
        if len(lines) == 2:
            rest = "".join(words[at:])
            return lines[0], _cut(lines[1] + rest, most)
    return tuple(_cut(one, most) for one in (*lines, line.rstrip()) if one)


def _pieces(name: str) -> list[str]:
    """Split after spaces and between wide characters."""
    pieces = [""]
    for char in name[:200]:
        pieces[-1] += char
        if char == " " or cells(char) == 2:
            pieces.append("")
    return [piece for piece in pieces if piece]


def _cut(text: str, most: int) -> str:
    if cells(text) <= most:
        return text
    while text and cells(text) > most - 1:
        text = text[:-1]
    return text + "…"


def _edge(
    pair: Pair,
    start: tuple[float, float],
    end: tuple[float, float],
    height: float,
    placed: list[tuple[float, float, float]],
) -> Edge:
    kind = _kind(pair)
    bend = _bend(start, end, height)
    count = max(pair.violations, pair.violated)
    label = f"×{count:,}" if kind == "violated" else ""
    width = cells(label) * 8 + 8.0
    at = _place(start, bend, end, width, placed) if label else start
    # The line stops short of the dot, where the head of its arrow goes.
    tip = _towards(end, bend, 9.0)
    path = f"M{start[0]:.1f} {start[1]:.1f}Q{bend[0]:.1f} {bend[1]:.1f} {tip[0]:.1f} {tip[1]:.1f}"
    return Edge(kind, pair.orig, pair.resp, path, label, at, width)


def _bend(start: tuple[float, float], end: tuple[float, float], height: float) -> tuple[float, float]:
    """Bow a line to its left, so that the two directions part, and away from its own side of the figure."""
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    across, down = end[0] - start[0], end[1] - start[1]
    long = hypot(across, down) or 1.0
    aside = 12.0 + 0.04 * long
    x, y = middle[0] + down / long * aside, middle[1] - across / long * aside
    if abs(across) < 150:  # both on one side: bow inwards, the farther apart the more
        inwards = 1 if middle[0] < _WIDTH / 2 else -1
        x += inwards * (50 + 0.32 * abs(down) * cos(min(abs(down) / height, 1) * pi / 4))
    return x, y


def _place(
    start: tuple[float, float],
    bend: tuple[float, float],
    end: tuple[float, float],
    width: float,
    placed: list[tuple[float, float, float]],
) -> tuple[float, float]:
    """Find a place along the curve where no label lies yet; the middle when there is none."""
    spots = [_along(start, bend, end, share) for share in _TRIES]
    spot = next(
        (
            spot
            for spot in spots
            if all(
                abs(spot[0] - x) > (width + other) / 2 + 2 or abs(spot[1] - y) > 20 for x, y, other in placed
            )
        ),
        spots[0],
    )
    placed.append((*spot, width))
    return spot


def _along(
    start: tuple[float, float], bend: tuple[float, float], end: tuple[float, float], share: float
) -> tuple[float, float]:
    rest = 1 - share
    x, y = (
        rest * rest * a + 2 * rest * share * b + share * share * c
        for a, b, c in zip(start, bend, end, strict=True)
    )
    return x, y


def _towards(point: tuple[float, float], other: tuple[float, float], far: float) -> tuple[float, float]:
    across, down = other[0] - point[0], other[1] - point[1]
    long = hypot(across, down) or 1.0
    return point[0] + across / long * far, point[1] + down / long * far
