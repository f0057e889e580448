"""Products and binary decision diagrams agree on random lists of IPv4 and IPv6: equal sets, equal exact counts."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naive.bdd import Diagrams
from zoneguard.net.address import V4_FIRST, V4_LAST, spans_of
from zoneguard.net.difference import difference
from zoneguard.net.product import Product, count
from zoneguard.net.rulelist import Action, Line, Reading, RuleList
from zoneguard.net.service import ConnectionState, Service, flags_matching
from zoneguard.net.spans import ANYWHERE, spans_from, wildcard_spans
from zoneguard.net.universe import ServiceUniverse

NETWORKS = ["0.0.0.0/0", "::/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "10.1.2.4/31"]
NETWORKS += ["192.168.0.0/16", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::1"]
stretches = st.one_of(
    st.sampled_from(NETWORKS).map(lambda text: spans_of(ip_network(text))),
    st.tuples(st.integers(V4_FIRST, V4_LAST), st.integers(0, 5000)).map(
        lambda pair: ((pair[0], min(V4_LAST, sum(pair))),)
    ),
    st.integers(0, 255).map(lambda last: wildcard_spans(0x0A000000 | last, 0x00010300, bits=32)),
)
spans = st.lists(stretches, min_size=1, max_size=3).map(
    lambda held: spans_from(one for part in held for one in part)
)
ports = st.sampled_from([(0, 65535), (443, 443), (80, 443), (53, 53), (1024, 65535), (0, 1023), (2048, 2303)])
services = st.builds(
    Service,
    st.sampled_from([(0, 255), (6, 6), (17, 17), (1, 1), (6, 17)]),
    st.sampled_from([(0, 65535), (0, 65535), (53, 53), (1024, 65535)]),
    ports,
    st.sampled_from([flags_matching(0, 0), flags_matching(0x12, 0x02), flags_matching(0x10, 0x10)]),
    st.sampled_from([31, 31, ConnectionState.NEW, ConnectionState.ESTABLISHED | ConnectionState.RELATED]),
)
rows = st.tuples(
    st.sampled_from(Action),
    spans,
    spans,
    st.lists(services, min_size=1, max_size=2),
    st.sampled_from(["exact", "exact", "exact", "unsure"]),
)


@pytest.fixture(scope="module")
def diagrams():
    return Diagrams()


def rule_list(made, universe, default=Action.DENY):
    return RuleList(
        [
            Line(action=action, **{kind: (Product(source, destination, universe.set_of(*held)),)})
            for action, source, destination, held, kind in made
        ],
        universe,
        default=default,
    )


def as_sets(diagrams, made):
    none = diagrams.manager.false()
    found = []
    for action, source, destination, held, kind in made:
        box = diagrams.box(source, destination, held)
        found.append((action, box, none) if kind == "exact" else (action, none, box))
    return found


def agree(diagrams, universe, products, expected):
    """Hold disjoint products against a diagram: the same set, and the same count, digit for digit."""
    products = list(products)
    assert sum(count(one, universe) for one in products) == diagrams.count(expected)
    whole = diagrams.union(diagrams.product(one, universe) for one in products)
    assert not ((whole ^ expected) & diagrams.states_that_are).satisfiable()


def universe_of(*lists):
    return ServiceUniverse(service for made in lists for row in made for service in row[3])


@settings(deadline=None)
@given(st.lists(rows, max_size=14), st.sampled_from(Action))
def test_permitted_sets_are_equal_in_both_readings(diagrams, made, default):
    diagrams.gc()
    universe = universe_of(made)
    index, sets = rule_list(made, universe, default), as_sets(diagrams, made)
    everything = Product(ANYWHERE, ANYWHERE, universe.everything)
    for reading in Reading:
        told = [one.product for one in index.permitted_within(everything, reading=reading)]
        agree(diagrams, universe, told, diagrams.permitted(sets, default, reading))


@settings(deadline=None)
@given(st.lists(rows, max_size=14))
def test_unreachable_lines_are_the_same(diagrams, made):
    diagrams.gc()
    index = rule_list(made, universe_of(made))
    assert [one.line for one in index.unreachable()] == diagrams.unreachable(as_sets(diagrams, made))


@settings(deadline=None)
@given(st.lists(rows, max_size=10), st.lists(rows, max_size=8))
def test_permitted_less_allowed_is_the_same(diagrams, made, allowed):
    diagrams.gc()
    universe = universe_of(made, allowed)
    index, excluded = rule_list(made, universe), rule_list(allowed, universe)
    everything = Product(ANYWHERE, ANYWHERE, universe.everything)
    told = [one.product for one in index.permitted_within(everything, excluding=excluded)]
    taken = diagrams.union(exact for _, exact, _ in as_sets(diagrams, allowed))
    permitted = diagrams.permitted(as_sets(diagrams, made), Action.DENY, Reading.MUST)
    agree(diagrams, universe, told, permitted & ~taken)


@settings(deadline=None)
@given(st.lists(rows, max_size=8), st.lists(rows, max_size=3), st.data())
def test_what_an_edit_changes_is_the_same(diagrams, made, extra, data):
    diagrams.gc()
    pool = made + extra
    after = data.draw(st.permutations(pool)) if data.draw(st.booleans()) else extra[:1] + made[1:] + extra[1:]
    universe = universe_of(pool)
    defaults = data.draw(st.tuples(st.sampled_from(Action), st.sampled_from(Action)))
    lists = [rule_list(one, universe, default) for one, default in zip((made, after), defaults, strict=True)]
    for reading in Reading:
        changes = list(difference(*lists, reading=reading))
        was, now = (
            diagrams.permitted(as_sets(diagrams, one), default, reading)
            for one, default in zip((made, after), defaults, strict=True)
        )
        agree(diagrams, universe, [one.product for one in changes if one.now is Action.PERMIT], now & ~was)
        agree(diagrams, universe, [one.product for one in changes if one.now is Action.DENY], was & ~now)
