"""The three questions of the bench, put to the product engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.net.difference import difference
from zoneguard.net.product import Product, count
from zoneguard.net.rulelist import Action, Line, RuleList
from zoneguard.net.spans import ANYWHERE
from zoneguard.net.universe import ServiceUniverse

if TYPE_CHECKING:
    from rulelists import Row


def ask(question: str, case: list[Row], changed: list[Row]) -> tuple[int, str]:
    """Answer one question: how many things are told, and what must be equal among engines."""
    from allowed import allowed_boxes

    boxes = allowed_boxes(case) if question == "violations" else []
    rows = case + changed if question == "diff" else case
    universe = ServiceUniverse([*{row.service for row in rows}, *{service for _, _, service in boxes}])
    before = rule_list(case, universe)
    if question == "violations":
        allowed = RuleList(
            [
                Line(action=Action.PERMIT, exact=(Product(source, destination, universe.set_of(service)),))
                for source, destination, service in boxes
            ],
            universe,
        )
        whole = Product(ANYWHERE, ANYWHERE, universe.everything)
        told = packets = 0
        for one in before.permitted_within(whole, excluding=allowed):
            told += 1
            packets += count(one.product, universe)
        return told, str(packets)
    if question == "unreachable":
        lines = [one.line for one in before.unreachable()]
        return len(lines), str(lines)
    told = 0
    packets = dict.fromkeys(Action, 0)
    for change in difference(before, rule_list(changed, universe)):
        told += 1
        packets[change.now] += count(change.product, universe)
    return told, str(sorted(packets.items()))


def rule_list(rows: list[Row], universe: ServiceUniverse) -> RuleList:
    """Build the index of generated lines."""
    lines = []
    for row in rows:
        product = Product(row.source, row.destination, universe.set_of(row.service))
        action = Action.PERMIT if row.permits else Action.DENY
        lines.append(
            Line(action=action, unsure=(product,)) if row.unsure else Line(action=action, exact=(product,))
        )
    return RuleList(lines, universe)
