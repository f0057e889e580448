from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.made import NOW, SECOND, WAIVER, finding
from zoneguard.findings.finding import SEVERITY_ORDER, Severity
from zoneguard.findings.lifecycle import (
    Acknowledgement,
    Change,
    Key,
    Status,
    acknowledge,
    advance,
    graver,
    is_acknowledged,
    remembered,
)

GONE_AFTER = 100


def at(seconds):
    return NOW + seconds * SECOND


def seen(fingerprint, seconds, severity=Severity.HIGH, **changes):
    return finding(fingerprint, severity, first_seen=at(0), last_seen=at(seconds), **changes)


class Memory:
    """What a store keeps between judgements."""

    def __init__(self):
        self.known = {}

    def judge(self, findings, seconds, **options):
        step = advance(
            self.known, findings, sensor="s1", now=at(seconds), **{"gone_after": GONE_AFTER} | options
        )
        self.known |= {one.key: one for one in step.known}
        return [(one.change, one.known.key.fingerprint) for one in step.tellings]

    def of(self, fingerprint):
        return self.known[Key("s1", fingerprint)]


def test_a_finding_is_told_new_once_and_gone_once():
    memory = Memory()
    assert memory.judge([seen("a", 0)], 0) == [(Change.NEW, "a")]
    assert memory.judge([seen("a", 50)], 50) == []
    assert memory.of("a").status is Status.ONGOING
    assert memory.judge([], 150) == []
    assert memory.judge([], 151) == [(Change.GONE, "a")]
    assert memory.judge([], 300) == []


def test_a_cumulative_judgement_does_not_keep_alive_what_stopped():
    memory = Memory()
    memory.judge([seen("a", 0)], 0)
    assert memory.judge([seen("a", 0)], 101) == [(Change.GONE, "a")]
    assert memory.judge([seen("a", 0)], 102) == []
    assert memory.judge([seen("a", 103)], 104) == [(Change.RETURNED, "a")]
    assert memory.of("a").spell == 2
    assert memory.of("a").first_seen == at(0)


def test_a_finding_without_packets_holds_for_as_long_as_it_is_judged():
    memory = Memory()
    config = finding("c", first_seen=None, last_seen=None)
    assert memory.judge([config], 0) == [(Change.NEW, "c")]
    assert memory.judge([config], 1000) == []
    assert memory.judge([], 1050) == []
    assert memory.judge([], 1101) == [(Change.GONE, "c")]


def test_a_blind_sensor_never_gives_an_all_clear():
    memory = Memory()
    memory.judge([seen("a", 0)], 0)
    blind = [(at(10), at(900)), (at(500), at(950))]
    assert memory.judge([], 1000, blind=blind) == []
    assert memory.judge([], 1045, blind=blind) == [(Change.GONE, "a")]


def test_what_gets_graver_is_told_again_and_what_gets_milder_is_not():
    memory = Memory()
    memory.judge([seen("a", 0, Severity.MEDIUM)], 0)
    assert memory.judge([seen("a", 1, Severity.CRITICAL)], 1) == [(Change.GRAVER, "a")]
    assert memory.judge([seen("a", 2, Severity.LOW)], 2) == []
    assert memory.judge([seen("a", 3, Severity.CRITICAL)], 3) == []
    assert memory.of("a").told is Severity.CRITICAL


def test_an_acknowledgement_holds_while_the_finding_does():
    memory = Memory()
    memory.judge([seen("a", 0, Severity.MEDIUM)], 0)
    given_ = Acknowledgement(by="田中", at=at(1), note="業者に連絡済み")
    memory.known[Key("s1", "a")] = acknowledge(memory.of("a"), given_)
    memory.judge([seen("a", 50, Severity.MEDIUM)], 50)
    assert memory.of("a").acknowledged == given_
    memory.judge([seen("a", 60, Severity.HIGH)], 60)
    assert memory.of("a").acknowledged is None


def test_an_acknowledgement_ends_with_the_finding_and_does_not_come_back_with_it():
    memory = Memory()
    memory.judge([seen("a", 0)], 0)
    memory.known[Key("s1", "a")] = acknowledge(memory.of("a"), Acknowledgement(by="田中", at=at(1)))
    assert memory.judge([], 200) == [(Change.GONE, "a")]
    with pytest.raises(ValueError, match="gone"):
        acknowledge(memory.of("a"), Acknowledgement(by="田中", at=at(201)))
    assert memory.judge([seen("a", 300)], 300) == [(Change.RETURNED, "a")]
    assert memory.of("a").acknowledged is None


def test_an_acknowledgement_with_a_term_ends_with_it_though_nothing_was_seen():
    memory = Memory()
    memory.judge([seen("a", 0)], 0)
    memory.known[Key("s1", "a")] = acknowledge(
        memory.of("a"), Acknowledgement(by="田中", at=at(1), until=at(20))
    )
    assert is_acknowledged(memory.of("a"), at(19))
    assert not is_acknowledged(memory.of("a"), at(20))
    assert memory.judge([], 20) == []
    assert memory.of("a").acknowledged is None


def test_what_is_waived_is_not_told_until_the_waiver_ends():
    memory = Memory()
    assert memory.judge([seen("a", 0, waiver=WAIVER)], 0) == []
    assert memory.judge([seen("a", 10)], 10) == [(Change.NEW, "a")]
    assert memory.judge([seen("a", 20, waiver=WAIVER)], 20) == []
    assert memory.judge([], 200) == [(Change.GONE, "a")]
    assert memory.judge([seen("b", 200, waiver=WAIVER)], 200) == []
    assert memory.judge([], 400) == []


def test_the_findings_of_another_sensor_are_left_alone():
    step = advance({}, [seen("a", 0)], sensor="other", now=at(0), gone_after=1)
    known = {one.key: one for one in step.known}
    assert advance(known, [], sensor="s1", now=at(10_000), gone_after=1).known == ()


def test_of_two_findings_with_one_fingerprint_the_gravest_that_is_not_waived_counts():
    memory = Memory()
    memory.judge(
        [
            seen("a", 1, Severity.LOW),
            seen("a", 1, Severity.HIGH),
            seen("a", 1, Severity.CRITICAL, waiver=WAIVER),
        ],
        1,
    )
    assert memory.of("a").told is Severity.HIGH


judgements = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=150),  # seconds since the judgement before
        st.dictionaries(
            st.sampled_from("abc"),
            st.tuples(
                st.sampled_from(SEVERITY_ORDER),
                st.booleans(),  # newer packets than before?
                st.booleans(),  # waived?
            ),
        ),
    ),
    max_size=25,
)


def replay(steps, keep=lambda known: known):
    """Run judgements; yields the time, the findings judged, and the step. `keep`: what is remembered of what is known."""
    known, last, now = {}, {}, 0
    for pause, held in steps:
        now += pause
        findings = []
        for fingerprint, (severity, fresh, waived) in held.items():
            last[fingerprint] = now if fresh else last.get(fingerprint, now)
            findings.append(seen(fingerprint, last[fingerprint], severity, waiver=WAIVER if waived else None))
        step = advance(known, findings, sensor="s1", now=at(now), gone_after=GONE_AFTER)
        known |= {one.key: keep(one) for one in step.known}
        yield now, findings, step, dict(known)


@settings(deadline=None)
@given(judgements)
def test_nothing_is_ever_told_twice(steps):
    open_, ever = {}, set()
    for _, _, step, _ in replay(steps):
        assert len({one.known.key for one in step.tellings}) == len(step.tellings)
        for one in step.tellings:
            name, severity = one.known.key.fingerprint, one.known.severity
            match one.change:
                case Change.NEW:
                    assert name not in ever
                    open_[name] = severity
                case Change.RETURNED:
                    assert name not in open_
                    open_[name] = severity
                case Change.GRAVER:
                    assert graver(severity, open_[name])
                    assert one.before == open_[name]
                    open_[name] = severity
                case Change.GONE:
                    assert one.before == open_.pop(name)
            ever.add(name)


@settings(deadline=None)
@given(judgements)
def test_what_holds_and_is_not_waived_was_told_at_its_gravest(steps):
    for now, findings, _, known in replay(steps):
        for one in findings:
            after = known[Key("s1", one.fingerprint)]
            if one.waiver is None and at(now) == one.last_seen:
                assert after.told is not None
                assert not graver(one.severity, after.told)
            if after.status is Status.GONE:
                assert after.told is None
                assert after.acknowledged is None


@settings(deadline=None)
@given(judgements)
def test_the_same_judgement_at_the_same_time_tells_nothing_more(steps):
    for now, findings, _, known in replay(steps):
        fresh = [one for one in findings if at(now) - one.last_seen <= GONE_AFTER * SECOND]
        again = advance(known, findings, sensor="s1", now=at(now), gone_after=GONE_AFTER)
        told = {one.known.key.fingerprint for one in again.tellings}
        assert told & {one.fingerprint for one in fresh} == set()


@settings(deadline=None)
@given(judgements)
def test_findings_without_newer_packets_change_nothing_that_is_told(steps):
    alike = [
        (pause, {name: (Severity.HIGH, fresh, False) for name, (_, fresh, _) in held.items()})
        for pause, held in steps
    ]
    cumulative, bare, latest = {}, {}, {}
    for now, findings, _, _ in replay(alike):
        fresh = [one for one in findings if one.last_seen > latest.get(one.fingerprint, -1)]
        latest |= {one.fingerprint: one.last_seen for one in fresh}
        told = []
        for known, held in ((cumulative, findings), (bare, fresh)):
            step = advance(known, held, sensor="s1", now=at(now), gone_after=GONE_AFTER)
            known |= {one.key: one for one in step.known}
            told.append([(one.change, one.known.key) for one in step.tellings])
        assert told[0] == told[1]


@settings(deadline=None)
@given(judgements)
def test_first_seen_never_grows_and_last_seen_never_shrinks(steps):
    before = {}
    for *_, known in replay(steps):
        for key, one in known.items():
            assert one.first_seen <= one.last_seen
            if key in before:
                assert one.first_seen <= before[key].first_seen
                assert one.last_seen >= before[key].last_seen
        before = known


def test_only_what_changed_is_given_to_be_written():
    first = advance({}, [seen("a", 0), seen("b", 0)], sensor="s1", now=at(0), gone_after=GONE_AFTER)
    known = {one.key: replace(one, status=Status.ONGOING) for one in first.known}
    again = advance(known, [seen("a", 0), seen("b", 5)], sensor="s1", now=at(5), gone_after=GONE_AFTER)
    assert [one.key.fingerprint for one in again.known] == ["b"]


@settings(deadline=None)
@given(judgements)
def test_what_is_gone_needs_no_words_to_be_known_again(steps):
    for (_, _, whole, _), (_, _, slim, known) in zip(replay(steps), replay(steps, remembered), strict=True):
        assert slim == whole
        assert all(one.finding.locators == () for one in known.values() if one.status is Status.GONE)
