from __future__ import annotations

import re
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from zoneguard.report.html.graph import draw
from zoneguard.report.html.zones import MOST_ZONES, Pair

ROLES = ("mynumber", "lgwan", "internet", "border", "external", "management", "out-of-scope", "other")


def pair(orig, resp, *, allowed=0, flows=0, violations=0, violated=0, review=0):
    return Pair(orig, resp, allowed, flows, flows, violations, violated, review)


@st.composite
def cities(draw_from):
    roles = draw_from(st.lists(st.sampled_from(ROLES), min_size=1, max_size=MOST_ZONES))
    zones = [f"z{at}" for at in range(len(roles))]
    names = {zone: draw_from(st.text(max_size=60)) for zone in zones}
    pairs = [
        pair(
            *draw_from(st.tuples(st.sampled_from(zones), st.sampled_from(zones))), flows=1, violations=at % 2
        )
        for at in range(draw_from(st.integers(0, 30)))
    ]
    return zones, dict(zip(zones, roles, strict=True)), pairs, names


@settings(max_examples=60, deadline=None)
@given(cities())
def test_boxes_never_overlap_and_stay_in_the_drawing(city):
    drawing = draw(*city)
    assert {node.zone for node in drawing.nodes} == set(city[0])
    for node in drawing.nodes:
        assert node.x >= 0
        assert node.x + node.width <= drawing.width
        assert node.y >= 0
        assert node.y + node.height <= drawing.height
        assert len(node.lines) <= 2
    for one, other in combinations(drawing.nodes, 2):
        assert (
            one.x + one.width <= other.x
            or other.x + other.width <= one.x
            or (abs(one.y - other.y) >= one.height)
        )


@settings(max_examples=40, deadline=None)
@given(cities())
def test_lines_end_at_the_dots_of_their_zones_and_no_box_lies_on_them(city):
    drawing = draw(*city)
    dots = {node.zone: node.dot for node in drawing.nodes}
    for edge in drawing.edges:
        numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", edge.path)]
        assert abs(numbers[0] - dots[edge.orig][0]) < 0.1
        assert edge.orig != edge.resp
        for node in drawing.nodes:
            for share in range(1, 20):
                x, y = at(numbers, share / 20)
                inside = node.x < x < node.x + node.width and node.y < y < node.y + node.height
                assert not inside


def at(numbers, share):
    rest = 1 - share
    return tuple(
        rest * rest * numbers[axis] + 2 * rest * share * numbers[2 + axis] + share * share * numbers[4 + axis]
        for axis in (0, 1)
    )


def test_labels_of_crossings_between_the_three_tiers_do_not_overlap():
    zones = ["mynumber", "lgwan", "internet", "public"]
    pairs = [pair(one, other, violations=1_234) for one in zones for other in zones if one != other]
    labels = [edge for edge in draw(zones, {zone: zone for zone in zones}, pairs, {}).edges if edge.label]
    assert len(labels) == 12
    for one, other in combinations(labels, 2):
        apart = abs(one.at[0] - other.at[0]) >= (one.label_width + other.label_width) / 2
        assert apart or abs(one.at[1] - other.at[1]) >= 18


def test_what_violates_the_policy_lies_on_top():
    drawing = draw(
        ["lgwan", "internet", "public"],
        {"lgwan": "lgwan", "internet": "internet"},
        [
            pair("internet", "lgwan", violations=2),
            pair("lgwan", "internet", allowed=1),
            pair("internet", "public", allowed=1, flows=4),
            pair("lgwan", "public", flows=4),
        ],
        {},
    )
    assert [edge.kind for edge in drawing.edges] == ["allowed", "observed", "review", "violated"]


def test_what_only_a_device_permits_is_drawn_as_well():
    drawing = draw(["lgwan", "internet"], {}, [pair("lgwan", "internet", violated=3)], {})
    assert [(edge.kind, edge.label) for edge in drawing.edges] == [("violated", "×3")]


def test_a_name_is_broken_between_words_and_cut_at_two_lines():
    name = "Government Cloud extension of the My Number zone over a leased line to Tokyo"
    (node,) = draw(["z"], {}, [], {"z": name}).nodes
    assert node.lines[0] == "Government Cloud extension"
    assert node.lines[1].endswith("…")
