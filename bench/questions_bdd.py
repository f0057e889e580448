"""The three questions of the bench, put to binary decision diagrams: the whole set first, then the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allowed import allowed_boxes

from tests.naive.bdd import Diagrams
from zoneguard.net.rulelist import Action, Reading

if TYPE_CHECKING:
    from rulelists import Row

NODES = 1 << 26  # 1.4 GB


def ask(question: str, case: list[Row], changed: list[Row]) -> tuple[int, str]:
    """Answer one question: how many things are told, and what must be equal among engines."""
    diagrams = Diagrams(NODES)
    lines = _lines(diagrams, case)
    if question == "unreachable":
        found = diagrams.unreachable(lines)
        return len(found), str(found)
    permitted = diagrams.permitted(lines, Action.DENY, Reading.MUST)
    if question == "violations":
        for source, destination, service in allowed_boxes(case):
            permitted &= ~diagrams.box(source, destination, [service])
        return 0, str(diagrams.count(permitted))
    now = diagrams.permitted(_lines(diagrams, changed), Action.DENY, Reading.MUST)
    packets = {
        Action.PERMIT: diagrams.count(now & ~permitted),
        Action.DENY: diagrams.count(permitted & ~now),
    }
    return 0, str(sorted(packets.items()))


def _lines(diagrams: Diagrams, rows: list[Row]) -> list[tuple[Action, object, object]]:
    none = diagrams.manager.false()
    lines = []
    for row in rows:
        box = diagrams.box(row.source, row.destination, [row.service])
        action = Action.PERMIT if row.permits else Action.DENY
        lines.append((action, none, box) if row.unsure else (action, box, none))
    return lines
