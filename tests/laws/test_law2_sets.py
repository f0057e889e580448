"""A packet is permitted by first match exactly when it is in the permitted set: every packet, every resolution."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.naive.packets import (
    UNIVERSE,
    WHOLE,
    actions,
    lists,
    outcomes,
    packets_of,
    probe_of,
    products,
)
from zoneguard.net import covering, remainder, rulelist, stretches
from zoneguard.net.rulelist import Action, Line, Reading, RuleList


def deciders(decided):
    """Lay out which line decides each packet; no packet is told twice."""
    found = {}
    for product, line in decided:
        for packet in packets_of([product]):
            assert packet not in found
            found[packet] = line
    return found


@settings(deadline=None)
@given(lists, actions)
def test_first_match_is_the_sure_line_and_every_line_that_may_come_before(made, default):
    index = RuleList(made, UNIVERSE, default=default)
    for packet, found in outcomes(made, default).items():
        match = index.first_match(probe_of(packet))
        assert {match.line, *match.unsure} == {line for line, _ in found}


@settings(deadline=None)
@given(lists, actions, products)
def test_must_is_permitted_in_every_resolution_and_may_in_some(made, default, within):
    index = RuleList(made, UNIVERSE, default=default)
    must = deciders(index.permitted_within(within))
    may = deciders(index.permitted_within(within, reading=Reading.MAY))
    only_may = deciders(index.only_may_be_permitted_within(within))
    inside = packets_of([within])
    for packet, found in outcomes(made, default).items():
        permits = {action is Action.PERMIT for _, action in found}
        assert (packet in must) == (packet in inside and permits == {True})
        assert (packet in may) == (packet in inside and True in permits)
    assert only_may.keys() == may.keys() - must.keys()


@settings(deadline=None)
@given(lists, actions)
def test_each_product_names_a_line_that_decides_it(made, default):
    index = RuleList(made, UNIVERSE, default=default)
    found = outcomes(made, default)
    for reading in Reading:
        for action in Action:
            for packet, line in deciders(index.decided_within(WHOLE, action, reading=reading)).items():
                assert (line, action) in found[packet]


@settings(deadline=None)
@given(lists, products)
def test_what_is_permitted_and_what_is_denied_make_up_everything(made, within):
    index = RuleList(made, UNIVERSE)
    for reading in Reading:
        both = [one for action in Action for one in index.decided_within(within, action, reading=reading)]
        assert deciders(both).keys() == packets_of([within])


@settings(deadline=None)
@given(lists, lists)
def test_what_is_excluded_is_not_told(made, other):
    index, excluded = RuleList(made, UNIVERSE), RuleList(other, UNIVERSE)
    told = deciders(index.permitted_within(WHOLE, excluding=excluded))
    taken = packets_of([product for line in other for product in line.exact])
    assert told == {
        packet: line
        for packet, line in deciders(index.permitted_within(WHOLE)).items()
        if packet not in taken
    }


@settings(deadline=None)
@given(lists)
def test_a_line_is_unreachable_exactly_when_no_resolution_reaches_it(made):
    unreachable = {one.line: one.covered_by for one in RuleList(made, UNIVERSE).unreachable()}
    reached = {line for found in outcomes(made, Action.DENY).values() for line, _ in found}
    assert unreachable.keys() == set(range(len(made))) - reached


@settings(deadline=None)
@given(lists)
def test_the_lines_that_cover_an_unreachable_one_are_earlier_and_needed(made):
    for line, covered_by in RuleList(made, UNIVERSE).unreachable():
        held = packets_of(made[line].exact + made[line].unsure)
        cover = [packets_of(made[at].exact) for at in covered_by]
        assert all(at < line for at in covered_by)
        assert held <= set().union(*cover)
        if len(made[line].exact + made[line].unsure) == 1 and all(
            len(made[at].exact) == 1 for at in covered_by
        ):
            for at in range(len(cover)):
                assert not held <= set().union(*cover[:at], *cover[at + 1 :])


@settings(deadline=None)
@given(lists)
def test_removing_unreachable_lines_changes_nothing(made):
    dead = {one.line for one in RuleList(made, UNIVERSE).unreachable()}
    alive = [line for at, line in enumerate(made) if at not in dead]
    for reading in Reading:
        before = deciders(RuleList(made, UNIVERSE).permitted_within(WHOLE, reading=reading))
        after = deciders(RuleList(alive, UNIVERSE).permitted_within(WHOLE, reading=reading))
        assert before.keys() == after.keys()


@settings(deadline=None)
@given(lists)
def test_a_line_is_what_it_reaches_and_what_shadows_it(made):
    index = RuleList(made, UNIVERSE)
    sure = [packets_of(line.exact) for line in made]
    for at, line in enumerate(made):
        taken = deciders(index.shadowed(at))
        for packet in packets_of(line.exact + line.unsure):
            assert taken.get(packet) == next((other for other in range(at) if packet in sure[other]), None)
        if not any(one.unsure for one in made):
            assert taken.keys() | packets_of(index.reached(at)) == packets_of(line.exact)


def test_a_line_that_only_an_unknown_condition_covers_is_reachable():
    whole = Line(action=Action.PERMIT, exact=(WHOLE,))
    perhaps = Line(action=Action.DENY, unsure=(WHOLE,))
    assert list(RuleList([perhaps, whole], UNIVERSE).unreachable()) == []
    assert [one.line for one in RuleList([whole, perhaps], UNIVERSE).unreachable()] == [1]


@pytest.fixture(scope="module")
def no_shortcuts():
    """Divide as for thousands of lines, where few would be taken by the shortest way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remainder, "TRIED", 0)
        patch.setattr(stretches, "DIRECT", 0)
        yield


@pytest.mark.usefixtures("no_shortcuts")
@settings(deadline=None)
@given(lists, products)
def test_the_ways_for_many_lines_tell_the_same(made, within):
    index = RuleList(made, UNIVERSE)
    found = outcomes(made, Action.DENY)
    for reading in Reading:
        for action in Action:
            for packet, line in deciders(index.decided_within(within, action, reading=reading)).items():
                assert (line, action) in found[packet]
    both = [one for action in Action for one in index.decided_within(within, action)]
    assert deciders(both).keys() == packets_of([within])
    reached = {line for lines_of in found.values() for line, _ in lines_of}
    assert {one.line for one in index.unreachable()} == set(range(len(made))) - reached


SHIPPED = [
    (module, name, getattr(module, name))
    for module, name in (
        (covering, "FIRST_BLOCK"),
        (covering, "GROWTH"),
        (rulelist, "LONG"),
        (rulelist, "SHARE"),
        (stretches, "MANY"),
        (stretches, "RUN"),
    )
]


@pytest.fixture(scope="module")
def as_for_long_lists():
    """Ask in blocks, and index what meets a product by itself, as lists of thousands of lines are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(covering, "FIRST_BLOCK", 1)
        patch.setattr(covering, "GROWTH", 2)
        patch.setattr(rulelist, "LONG", 0)
        patch.setattr(rulelist, "SHARE", 0)
        patch.setattr(stretches, "MANY", 0)
        patch.setattr(stretches, "RUN", 1)
        yield


@pytest.mark.usefixtures("as_for_long_lists")
@settings(deadline=None)
@given(lists, lists, products)
def test_the_ways_of_long_lists_tell_the_same(made, other, within):
    def told():
        index, excluded = RuleList(made, UNIVERSE), RuleList(other, UNIVERSE)
        decided = [
            list(index.decided_within(within, action, reading=reading, excluding=excluded))
            for reading in Reading
            for action in Action
        ]
        some = range(0, len(made), 2)
        return (
            decided,
            list(index.only_may_be_permitted_within(within)),
            list(index.unreachable()),
            list(index.unreachable(some)),
        )

    long = told()
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in SHIPPED:
            patch.setattr(module, name, value)
        assert told() == long
    assert long[3] == [one for one in long[2] if one.line % 2 == 0]
