"""diff(a, a) is empty, diff(a, b) mirrors diff(b, a), and both tell exactly what changed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naive.packets import UNIVERSE, WHOLE, actions, lists, outcomes, packets_of
from zoneguard.net.difference import changed_lines, difference
from zoneguard.net.product import intersect
from zoneguard.net.rulelist import Action, Line, Reading, RuleList
from zoneguard.net.universe import ServiceUniverse


def told(changes):
    """Lay out (now, before, after) of each packet; no packet is told twice."""
    found = {}
    for change in changes:
        for packet in packets_of([intersect(change.product, WHOLE)]):
            assert packet not in found
            found[packet] = (change.now, change.before, change.after)
    return found


@st.composite
def edits(draw):
    before = draw(lists)
    after = list(before)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(after)))
        kind = draw(st.sampled_from(["insert", "remove", "move"]))
        if kind == "insert":
            after[at:at] = draw(lists)[:1]
        elif at < len(after):
            line = after.pop(at)
            if kind == "move":
                after.insert(draw(st.integers(0, len(after))), line)
    return before, after


@settings(deadline=None)
@given(edits(), actions, actions)
def test_a_change_is_told_exactly_where_the_action_differs(pair, was, now):
    before, after = (
        RuleList(one, UNIVERSE, default=default) for one, default in zip(pair, (was, now), strict=True)
    )
    found = [outcomes(one, default) for one, default in zip(pair, (was, now), strict=True)]
    for reading in Reading:
        permitted = [
            packets_of([one.product for one in index.permitted_within(WHOLE, reading=reading)])
            for index in (before, after)
        ]
        changes = told(difference(before, after, reading=reading))
        assert changes.keys() == permitted[0] ^ permitted[1]
        for packet, (action, line_before, line_after) in changes.items():
            assert (packet in permitted[1]) == (action is Action.PERMIT)
            other = Action.DENY if action is Action.PERMIT else Action.PERMIT
            assert (line_before, other) in found[0][packet]
            assert (line_after, action) in found[1][packet]


@settings(deadline=None)
@given(edits())
def test_a_difference_turned_round_is_its_mirror(pair):
    before, after = (RuleList(one, UNIVERSE) for one in pair)
    forth, back = told(difference(before, after)), told(difference(after, before))
    mirror = {Action.PERMIT: Action.DENY, Action.DENY: Action.PERMIT}
    assert {packet: (mirror[now], b, a) for packet, (now, a, b) in back.items()} == forth


@settings(deadline=None)
@given(lists, actions)
def test_a_list_does_not_differ_from_itself(made, default):
    one, same = (RuleList(made, UNIVERSE, default=default) for _ in range(2))
    assert list(difference(one, same)) == []
    assert changed_lines(tuple(dict.fromkeys(made)), tuple(dict.fromkeys(made))) == ([], [])


def test_a_moved_line_is_one_removed_and_one_added():
    a, b, c = (Line(action=Action.PERMIT, exact=(WHOLE._replace(services=1 << at),)) for at in range(3))
    assert changed_lines([a, b, c], [c, a, b]) == ([2], [0])


def test_lists_of_two_universes_are_not_compared():
    with pytest.raises(ValueError, match="one universe"):
        list(difference(RuleList([], UNIVERSE), RuleList([], ServiceUniverse([]))))
