"""Law 2 between zones: what is told of exports is what passes packet by packet and the policy does not allow."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firewall import rulesets
from tests.laws import between
from zoneguard.net.product import Probe, count, holds, intersect
from zoneguard.policy.regions import allowed_regions, zone_spans
from zoneguard.rules.permitting import Held, permissions


def told(held, groups, probe):
    """Give whether it is sure, for each group of packets that a probe is in."""
    return [
        sure for sure, products in groups if any(holds(product, probe, held.universe) for product in products)
    ]


def is_beyond(policy, ruleset, probe):
    orig, resp = between.zone_of(probe.source), between.zone_of(probe.destination)
    return (
        None not in (orig, resp)
        and orig != resp
        and not between.allows(policy, probe)
        and not (between.is_stateless(ruleset) and between.answers(policy, probe))
    )


def entering(example):
    """Yield packets that may leave as an example does, itself first."""
    yield example
    hosts = [rulesets.at(host) for host in range(rulesets.HOSTS)]
    for destination in dict.fromkeys((example.destination, *hosts)):
        for port in dict.fromkeys((example.service.dport, *rulesets.PORTS)):
            yield Probe(example.source, destination, example.service._replace(dport=port))


def made(kind, random):
    if kind == "model":
        return between.model(random, unknown=random.choice((0, 0.3)), translates=random.random() < 0.4), {
            **between.FACES
        }
    return getattr(between, kind)(random)


KINDS = ("model", "nftables", "ios", "asa", "csv")


def hold_permissions_against_packets(kind, seed, packets):
    random = Random(seed)
    result, names = made(kind, random)
    declared = names is not None and random.random() < 0.7
    policy = between.random_policy(random, devices=[between.device(names, result)] if declared else ())
    (found,) = permissions(policy, [result])
    ruleset = found.ruleset
    faces = between.known_faces(names if declared or between.is_placed(kind, ruleset) else None, ruleset)
    open_pairs = {(one.orig_zone, one.resp_zone) for one in found.open_ways}
    spans = zone_spans(policy)
    held = Held(policy, spans, allowed_regions(policy, spans), result, ruleset)
    groups = {
        pair: [
            (next(iter(group.values()))[0].sure, [product for product, _ in held.parts(group)])
            for group in held.beyond(pair).groups
        ]
        for pair in held.pairs()
    }

    for probe in between.probes(random, packets):
        orig = between.zone_of(probe.source)
        for resp in between.ZONES:
            for left, sure, _ in between.passes(ruleset, probe, between.ways(faces, orig, resp)):
                if between.zone_of(left.destination) != resp or not is_beyond(policy, ruleset, left):
                    continue
                inside = told(held, groups[orig, resp], left)
                assert inside or (orig, resp) in open_pairs, (left, sure)
                if sure and (orig, resp) not in open_pairs:
                    assert any(inside), left

    parts = [products for each in groups.values() for _, products in each]
    for one, products in zip(found.crossings, parts, strict=True):
        assert one.widest in products
        assert one.size == sum(count(product, held.universe) for product in products)
        assert not any(intersect(a, b) for a, b in combinations(products, 2)) or one.translated
        assert one.sure or one.unknown or one.translated, one
        assert between.zone_of(one.example.destination) == one.resp_zone
        assert between.zone_of(one.example.source) == one.orig_zone
        assert is_beyond(policy, ruleset, one.example), one
        way = between.as_named(one.ingress, ruleset), between.as_named(one.egress, ruleset)
        ends = [between.endings(ruleset, probe, *way) for probe in entering(one.example)]
        ends = [
            {left._replace(source=one.example.source) if left else None for left in each} for each in ends
        ]
        if one.sure:
            assert {one.example} in ends, one
        else:
            assert any(one.example in each for each in ends), one


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_passes_beyond_the_policy_is_told_and_what_is_told_passes(*, kind, seed):
    hold_permissions_against_packets(kind, seed, 60)
