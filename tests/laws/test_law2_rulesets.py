"""Law 2: what a ruleset permits as a set is what first match permits packet by packet, translations included."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firewall import rulesets
from tests.rules.building import SCREEN, city
from zoneguard.firewall.model import Action, Filter, Line, Match, ParseResult, Ruleset
from zoneguard.firewall.permit import Permitter, services_of
from zoneguard.firewall.trace import trace
from zoneguard.firewall.unreachable import plainly_unreachable, unreachable_lines
from zoneguard.net.product import Probe, Product, holds
from zoneguard.net.universe import ServiceUniverse
from zoneguard.rules.permitting import Held

WAYS = (("a", "b"), ("b", "c"), (None, None))
EVERYWHERE = ((rulesets.at(0), rulesets.at(rulesets.HOSTS)),)


def passed(ruleset, way):
    universe = ServiceUniverse(services_of([ruleset]))
    permitter = Permitter(ruleset, universe)
    product = Product(EVERYWHERE, EVERYWHERE, universe.everything)
    return universe, list(permitter.passages(product, *way))


def probes(random):
    points = list(rulesets.points())
    for _ in range(60):
        yield Probe(
            rulesets.at(random.randrange(rulesets.HOSTS)),
            rulesets.at(random.randrange(rulesets.HOSTS)),
            random.choice(points),
        )


@settings(max_examples=250, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), translates=st.booleans(), way=st.sampled_from(WAYS[:2]))
def test_what_passes_as_a_set_passes_packet_by_packet(*, seed, translates, way):
    random = Random(seed)
    ruleset = rulesets.random_ruleset(random, translates=translates)
    universe, passages = passed(ruleset, way)
    for probe in probes(random):
        found = trace(ruleset, probe, *way)
        inside = [one for one in passages if holds(one.entered, probe, universe)]
        assert (found.verdict is Action.PERMIT) == bool(inside)
        if found.verdict is Action.PERMIT:
            assert any(holds(one.left, found.left, universe) for one in inside)
            decided = [step.line for step in found.steps]
            assert any([decision.line for decision in one.decisions] == decided for one in inside)


@settings(max_examples=250, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), translates=st.booleans(), way=st.sampled_from(WAYS))
def test_one_packet_is_followed_by_the_index_as_line_by_line(*, seed, translates, way):
    random = Random(seed)
    ruleset = rulesets.random_ruleset(random, translates=translates, unknown=0.3)
    universe = ServiceUniverse(services_of([ruleset]))
    left_out = plainly_unreachable(ruleset, universe)
    for index in (Permitter(ruleset, universe), Permitter(ruleset, universe, unreachable=left_out)):
        for probe in probes(random):
            assert trace(ruleset, probe, *way, index=index) == trace(ruleset, probe, *way)


@settings(max_examples=250, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), way=st.sampled_from(WAYS[:2]))
def test_what_is_sure_and_what_is_possible_agree_with_the_trace(*, seed, way):
    random = Random(seed)
    ruleset = rulesets.random_ruleset(random, unknown=0.3)
    universe, passages = passed(ruleset, way)
    for probe in probes(random):
        found = trace(ruleset, probe, *way)
        inside = {one.sure for one in passages if holds(one.entered, probe, universe)}
        if True in inside:
            assert found.verdict is Action.PERMIT
        elif False in inside:
            assert found.verdict is None
        else:
            assert found.verdict is not Action.PERMIT


@settings(max_examples=150, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), way=st.sampled_from(WAYS))
def test_lines_that_no_packet_reaches_may_be_left_out(*, seed, way):
    random = Random(seed)
    ruleset = rulesets.random_ruleset(random, unknown=0.1)
    result = ParseResult(file="x", format="model", rulesets=(ruleset,), states=())
    covered = Held(city(SCREEN), {}, (), result, ruleset).covered
    universe, passages = passed(ruleset, way)
    product = Product(EVERYWHERE, EVERYWHERE, universe.everything)
    others = list(Permitter(ruleset, universe, unreachable=covered).passages(product, *way))
    for probe in probes(random):
        inside, beside = (
            {
                (one.sure, tuple(decision.line for decision in one.decisions))
                for one in made
                if holds(one.entered, probe, universe)
            }
            for made in (passages, others)
        )
        assert inside == beside


@settings(max_examples=250, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_is_plainly_unreachable_is_unreachable(*, seed):
    random = Random(seed)
    made = rulesets.random_ruleset(random, unknown=0.1)
    ruleset = replace(made, steps=tuple(with_copies(step, random) for step in made.steps))
    universe = ServiceUniverse(services_of([ruleset]))
    assert plainly_unreachable(ruleset, universe) <= unreachable_lines(ruleset).keys()
    asked_last = replace(ruleset, steps=tuple(after_everything(step) for step in ruleset.steps))
    found = plainly_unreachable(asked_last, universe)
    assert found == unreachable_lines(asked_last).keys()
    assert bool(found) == any(line.enabled for step in made.steps for line in step.lines)


def after_everything(step):
    """Let a line come first that takes every packet."""
    return replace(
        step, lines=(Line(id="first", action=Action.PERMIT, match=Match(), places=()), *step.lines)
    )


def with_copies(step, random):
    """Write some lines twice."""
    lines = list(step.lines)
    for line in step.lines:
        if random.random() < 0.5:
            lines.insert(random.randint(0, len(lines)), line)
    return replace(step, lines=tuple(lines))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_line_not_understood_never_makes_anything_surely_permitted(*, seed):
    random = Random(seed)
    ruleset = rulesets.random_ruleset(random)
    step = ruleset.steps[0]
    assert isinstance(step, Filter)
    doubtful = rulesets.random_filter(random, unknown=1.0).lines
    more = Filter(name="filter", lines=(*doubtful, *step.lines), default=step.default, ingress=step.ingress)
    later = Ruleset(device="random", format="model", steps=(more, *ruleset.steps[1:]))
    for probe in probes(random):
        if trace(later, probe, "a", "b").verdict is Action.PERMIT:
            assert trace(ruleset, probe, "a", "b").verdict is Action.PERMIT
