"""What is still to decide."""

from __future__ import annotations

import pytest

from zoneguard.errors import InputRefusedError
from zoneguard.policy.load import parse_policy
from zoneguard.policy.undecided import open_points

HEAD = """\
version: 1
organization: {ja: 例示市, en: Reiji City}
model: alpha
zones:
  mynumber: {role: mynumber, name: {ja: MN, en: MN}, segments: [{cidr: 10.1.0.0/24}]}
  lgwan: {role: lgwan, name: {ja: LG, en: LG}, segments: [{cidr: 10.2.0.0/24}]}
  internet: {role: internet, name: {ja: IN, en: IN}, segments: [{cidr: 10.3.0.0/24}]}
  water: {role: other, name: {ja: 水道, en: Water}, segments: [{cidr: 10.4.0.0/24}]}
"""


def flow(zones, more, kind="permit"):
    one, other = zones
    return f"  - {{id: X, kind: {kind}, from: {{zone: {one}}}, to: {{zone: {other}}}, services: [tcp/443], {more}}}\n"


def points(text):
    return [point.text.en for point in open_points(parse_policy(text.encode(), "zones.yaml"))]


def test_a_proposed_flow_allows_nothing():
    proposed = parse_policy(
        (HEAD + "flows:\n" + flow(("lgwan", "water"), "to_decide: Is it needed?")).encode(), "zones.yaml"
    )
    assert proposed.flows == ()
    assert [one.id for one in proposed.proposed] == ["X"]


def test_a_question_without_words_is_refused_for_it_would_allow_the_flow():
    for nothing in ("", "''", "null", "~"):
        text = HEAD + "flows:\n" + flow(("lgwan", "water"), f"to_decide: {nothing}")
        with pytest.raises(InputRefusedError):
            parse_policy(text.encode(), "zones.yaml")


def test_a_proposal_between_zones_to_be_separated_is_told_to_be_removed():
    for pair, word in (
        (("mynumber", "water"), "isolated"),
        (("water", "mynumber"), "isolated"),
        (("internet", "lgwan"), "divided"),
    ):
        told = points(HEAD + "flows:\n" + flow(pair, "to_decide: Is it needed?"))
        assert len(told) == 1
        assert word in told[0]
        assert "remove it" in told[0]
    assert points(HEAD + "flows:\n" + flow(("lgwan", "water"), "to_decide: Is it needed?")) == [
        "proposed flow 'X' (lgwan → water, allows nothing yet): Is it needed?"
    ]


def test_a_flow_without_an_approval_is_still_to_decide():
    assert "names neither" in points(HEAD + "flows:\n" + flow(("lgwan", "water"), "one_way: false"))[0]
    assert points(HEAD + "flows:\n" + flow(("lgwan", "water"), "approval: {number: R8-1}")) == []


def test_open_points_come_in_the_order_of_the_file():
    text = (
        HEAD.replace("name: {ja: LG, en: LG}", "to_decide: Is this LGWAN?, name: {ja: LG, en: LG}")
        + "to_decide: Which model?\n"
        + "devices: {fw: {interfaces: {port1: lgwan}, to_decide: Which ports?}}\n"
    )
    assert points(text) == [
        "zone 'lgwan' (role: lgwan): Is this LGWAN?",
        "Which model?",
        "device 'fw': Which ports?",
    ]
