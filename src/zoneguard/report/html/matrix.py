"""The zone matrix: for each pair of zones what was seen, as a number, a shade and a sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zoneguard.report.html.zones import Pair


class Cell(NamedTuple):
    """`heat` is 0 for nothing and grows with each factor of ten, up to 5; `sign` says what colour must not."""

    heat: int
    sign: str  # "✕2", "△", "○" or ""
    flows: int
    is_bad: bool
    is_self: bool


class MatrixRow(NamedTuple):
    """One zone that opened, and a cell for each that answered."""

    zone: str
    name: str
    cells: tuple[Cell, ...]


def matrix_rows(
    zones: Sequence[str], pairs: Sequence[Pair], names: Mapping[str, str]
) -> tuple[MatrixRow, ...]:
    """Lay out the pairs; quadratic in the zones, which are bounded."""
    known = {(pair.orig, pair.resp): pair for pair in pairs}
    return tuple(
        MatrixRow(
            zone=orig,
            name=names.get(orig, orig),
            cells=tuple(_cell(known.get((orig, resp)), is_self=orig == resp) for resp in zones),
        )
        for orig in zones
    )


def _cell(pair: Pair | None, *, is_self: bool) -> Cell:
    if pair is None:
        return Cell(0, "", 0, is_bad=False, is_self=is_self)
    sign = ""
    if pair.is_bad:
        sign = f"✕{max(pair.violations, pair.violated):,}"
    elif pair.flows and not pair.allowed and not is_self:
        sign = "△"
    elif pair.allowed and not pair.flows:
        sign = "○"
    heat = min(5, len(str(pair.flows))) if pair.flows else 0
    return Cell(heat, sign, pair.flows, is_bad=pair.is_bad, is_self=is_self)
