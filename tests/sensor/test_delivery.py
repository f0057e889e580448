from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.disk import small_disk
from tests.store.made import DAY, NOW, SECOND, begin, finding, judged
from zoneguard.errors import StoreFullError
from zoneguard.findings.finding import Severity
from zoneguard.findings.lifecycle import advance
from zoneguard.sensor.delivery import Delivery, Pace, Send, SendAsOne, Wait, plan, wait_after
from zoneguard.sensor.messages import (
    MOST_IN_DIGEST,
    MOST_TOLD,
    digest,
    findings_messages,
    notice_messages,
    notices_of,
    told_of,
)
from zoneguard.sensor.sinks.base import SinkUnavailable
from zoneguard.store.opening import open_store
from zoneguard.store.records import Pending
from zoneguard.text import Text


class Receiver:
    """Takes messages while it is up; `fate` decides about each: taken, refused, or taken with the answer lost."""

    def __init__(self, fate=lambda: "taken"):
        self.got = []
        self.fate = fate

    def deliver(self, messages):
        for done, message in enumerate(messages):
            match self.fate():
                case "taken":
                    self.got.append(message)
                case "refused":
                    raise SinkUnavailable("down", delivered=done)
                case "lost":
                    self.got.append(message)
                    raise SinkUnavailable("no answer", delivered=done)
                case float() as wait:
                    raise SinkUnavailable("busy", delivered=done, retry_after=wait)

    def close(self):
        pass

    def told(self):
        """What arrived, each message once."""
        return [
            (one.change.value, one.finding.fingerprint)
            for message in {message.key: message for message in self.got}.values()
            for one in told_of(message.body)
        ]


@pytest.fixture
def store(tmp_path):
    store, _ = open_store(f"sqlite:///{tmp_path}/zg.db", now=NOW)
    yield store
    store.close()


def commit_each(store, count, first=0):
    """Commit so many messages, each of a finding of its own."""
    run = begin(store)
    for n in range(count):
        at = NOW + n
        held = [finding(f"f{first + n}", first_seen=at, last_seen=at)]
        store.commit(judged(store, run=run, serial=n + 1, findings=held, at=at, gone_after=10 * DAY))


def delivery_to(store, receiver, pace=None, chance=lambda: 0.5):
    return Delivery(store, receiver, sensor="s1", name="log", pace=pace or Pace(), chance=chance)


def drain(delivery, now, steps=1000):
    """Call as told, waiting in simulated time; gives the time at which nothing was left."""
    for _ in range(steps):
        wait = delivery.step(now)
        if wait.until is None:
            return now
        now = max(now, wait.until)
    raise AssertionError("it never came to rest")


def test_messages_arrive_in_order_and_once(store):
    commit_each(store, 250)
    receiver = Receiver()
    drain(delivery_to(store, receiver), NOW)
    assert receiver.told() == [("new", f"f{n}") for n in range(250)]
    assert [one.sequence for one in receiver.got] == list(range(1, 251))
    assert store.waiting("s1", "log") == 0


def test_a_sink_that_was_down_for_a_day_gets_everything_when_it_is_back(store):
    commit_each(store, 30)
    state = {"fate": "refused"}
    receiver = Receiver(lambda: state["fate"])
    delivery = delivery_to(store, receiver)
    now, attempts = NOW, 0
    while now < NOW + DAY:
        now = delivery.step(now).until
        attempts += 1
    assert attempts < 120  # it is not hammered: at most every 15 minutes after the first few
    assert receiver.got == []
    assert store.spool()[0].attempts == attempts
    assert store.spool()[0].error == "down"
    state["fate"] = "taken"
    assert drain(delivery, now) - now <= 900 * SECOND
    assert receiver.told() == [("new", f"f{n}") for n in range(30)]


@pytest.mark.parametrize("pace", [Pace(), Pace(most=3, window=60), Pace(most=1, window=10)])
@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_sink_does_nothing_is_lost_and_keys_tell_doubles(store, pace, seed):
    chance = random.Random(seed)
    receiver = Receiver(lambda: chance.choice(["taken", "refused", "lost", 7.0]))
    delivery = delivery_to(store, receiver, pace, chance.random)
    now = NOW
    for burst in range(4):
        commit_each(store, chance.randrange(1, 12), first=100 * burst)
        for _ in range(chance.randrange(5)):
            now = delivery.step(now).until or now
        if chance.random() < 0.5:  # a restart forgets nothing
            delivery = delivery_to(store, receiver, pace, chance.random)
    drain(delivery, now)
    told = receiver.told()
    assert len(told) == len(set(told))
    assert {name for _, name in told} == {one.finding.fingerprint for one in store.findings()}
    by_key = {}
    for message in receiver.got:
        assert by_key.setdefault(message.key, message) == message
    sequences = [one.sequence for one in by_key.values()]
    assert sequences == sorted(sequences)


def test_a_killed_delivery_sends_the_same_digest_again(store):
    commit_each(store, 5)
    pace = Pace(most=1, window=60)

    class KilledError(Exception):
        pass

    class Dies(Receiver):
        def deliver(self, messages):
            super().deliver(messages)
            raise KilledError

    first = Dies()
    with pytest.raises(KilledError):
        delivery_to(store, first, pace).step(NOW)
    commit_each(store, 5, first=50)
    second = Receiver()
    drain(delivery_to(store, second, pace), NOW)
    assert second.got[0] == first.got[0]
    assert second.got[0].body["messages"] == 5
    assert second.got[1].body["messages"] == 5


def test_what_was_sent_while_the_disk_was_full_is_not_sent_again_and_again():
    with small_disk(4) as folder:
        store, _ = open_store(f"sqlite:///{folder}/zg.db", now=NOW)
        commit_each(store, 3)
        receiver = Receiver()
        delivery = delivery_to(store, receiver)
        filling = folder / "filling"
        with suppress(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        for _ in range(3):
            with pytest.raises(StoreFullError):
                delivery.step(NOW)
        filling.unlink()
        assert drain(delivery, NOW) == NOW
        assert [one.sequence for one in receiver.got] == [1, 2, 3]
        store.close()


def test_a_flood_becomes_one_digest_that_says_how_many(store):
    commit_each(store, 200)
    receiver = Receiver()
    delivery = delivery_to(store, receiver, Pace(most=5, window=3600))
    while delivery.step(NOW).until == NOW:
        pass
    assert [one.kind for one in receiver.got] == ["findings"] * 4 + ["digest"]
    body = receiver.got[-1].body
    assert (body["messages"], body["items"]) == (196, 196)
    assert body["counts"] == [{"change": "new", "severity": "high", "count": 196}]
    assert len(body["told"]) == MOST_IN_DIGEST
    assert store.waiting("s1", "log") == 0
    commit_each(store, 1, first=900)
    assert delivery.step(NOW + SECOND) == Wait(until=NOW + 3600 * SECOND)
    assert delivery.step(NOW + 3600 * SECOND) == Wait(until=NOW + 3600 * SECOND)
    assert len(receiver.got) == 6


def test_a_wait_that_the_sink_asks_for_is_kept_within_the_longest(store):
    commit_each(store, 1)
    for asked, waited in ((60.0, 60), (1e9, 900)):
        receiver = Receiver(lambda asked=asked: asked)
        assert delivery_to(store, receiver).step(NOW) == Wait(until=NOW + waited * SECOND)
        store.failed("s1", "log", next_attempt=0, error="")


def test_a_clock_that_was_set_back_does_not_hold_the_spool(store):
    commit_each(store, 1)
    store.failed("s1", "log", next_attempt=NOW + 3600 * SECOND, error="down")
    receiver = Receiver()
    delivery_to(store, receiver).step(NOW)
    assert len(receiver.got) == 1


def test_waits_double_up_to_the_longest_and_differ_by_chance():
    pace = Pace(first_wait=5, longest_wait=900, jitter=0.25)
    assert [wait_after(n, pace, 0.5) for n in (1, 2, 3, 20, 10_000)] == [5, 10, 20, 900, 900]
    assert wait_after(1, pace, 0.0) == 3.75
    assert wait_after(1, pace, 0.999) < 6.25


pendings = st.lists(
    st.builds(
        Pending,
        sink=st.just("x"),
        sequence=st.just(0),
        key=st.just(""),
        kind=st.just("findings"),
        body=st.just({}),
        items=st.just(1),
        created=st.just(0),
        next_attempt=st.integers(NOW - 5, NOW + 5),
    ),
    max_size=8,
).map(lambda found: [replace(one, sequence=n, key=str(n)) for n, one in enumerate(found)])


@settings(deadline=None)
@given(pendings, st.lists(st.integers(NOW - 20 * SECOND, NOW), max_size=6), st.integers(1, 4) | st.none())
def test_a_plan_keeps_order_pace_and_patience(pending, sent, most):
    pace = Pace(most=most, window=10)
    planned = plan(pending, sorted(sent), pace, now=NOW)
    lately = [time for time in sent if time > NOW - 10 * SECOND]
    match planned:
        case Send(messages=messages):
            assert most is None
            assert list(messages) == pending[: len(messages)]
        case SendAsOne(messages=messages):
            assert most is not None
            assert len(lately) < most
            assert list(messages) == pending[: len(messages)]
            assert len(messages) == 1 or len(lately) == most - 1
        case Wait(until=None):
            assert not pending
        case Wait(until=until):
            assert until > NOW
            assert pending[0].next_attempt > NOW or len(lately) >= most


def test_a_scan_of_a_hundred_thousand_hosts_is_one_message():
    scan = finding("scan", flows=100_000, packets=200_000)
    step = advance({}, [scan], sensor="s1", now=NOW, gone_after=1)
    (message,) = findings_messages(step, sensor="s1", at=NOW, sinks={"log": Severity.INFO})
    assert message.items == 1


def test_a_sink_is_told_what_is_grave_enough_for_it():
    held = [finding("a", Severity.CRITICAL), finding("b", Severity.LOW)]
    step = advance({}, held, sensor="s1", now=NOW, gone_after=1)
    sinks = {"mail": Severity.HIGH, "log": Severity.INFO}
    made = {one.sink: [told.finding.fingerprint for told in told_of(one.body)] for one in
            findings_messages(step, sensor="s1", at=NOW, sinks=sinks)}  # fmt: skip
    assert made == {"mail": ["a"], "log": ["a", "b"]}


def test_who_was_told_of_a_finding_also_gets_its_all_clear():
    known = {}
    told = []
    for seconds, held in ((0, Severity.HIGH), (1, Severity.LOW), (100, None)):
        at = NOW + seconds * SECOND
        findings = [] if held is None else [finding("a", held, last_seen=at)]
        step = advance(known, findings, sensor="s1", now=at, gone_after=10)
        known |= {one.key: one for one in step.known}
        told += findings_messages(step, sensor="s1", at=at, sinks={"mail": Severity.HIGH})
    assert [told_of(one.body)[0].change for one in told] == ["new", "gone"]


def test_a_judgement_with_very_many_findings_goes_in_several_messages():
    step = advance({}, [finding(f"{n}") for n in range(1203)], sensor="s1", now=NOW, gone_after=1)
    made = list(findings_messages(step, sensor="s1", at=NOW, sinks={"log": Severity.INFO}))
    assert [one.items for one in made] == [MOST_TOLD, MOST_TOLD, 203]


def test_a_digest_keeps_the_gravest_and_every_notice():
    mild = [finding(f"{n}", Severity.LOW) for n in range(100)]
    step = advance({}, [*mild, finding("worst", Severity.CRITICAL)], sensor="s1", now=NOW, gone_after=1)
    bodies = [one.body for one in findings_messages(step, sensor="s1", at=NOW, sinks={"log": Severity.INFO})]
    notice = Text(ja="観測が途切れました。", en="Nothing was observed for a while.")
    bodies += [one.body for one in notice_messages(notice, sensor="s1", at=NOW, sinks=["log"])]
    made = digest(bodies)
    assert told_of(made)[0].finding.fingerprint == "worst"
    assert len(told_of(made)) == MOST_IN_DIGEST
    assert made["items"] == 101
    assert notices_of(made) == [notice]
