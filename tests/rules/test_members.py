from __future__ import annotations

import numpy as np
import pytest

from zoneguard.rules import members as module
from zoneguard.rules.members import ORIG_WILD, RESP_WILD, Count, Members


def hashes(*numbers):
    return np.array(numbers, np.uint64)


def put(members, line, numbers, wild=RESP_WILD):
    members.add(wild, np.full(len(numbers), line, np.uint64), np.array(numbers, np.uint64))


def counted(members, wild=RESP_WILD):
    return {line: count.number for line, count in members.counts(wild).items()}


def test_each_member_of_a_line_is_counted_once_in_any_order_and_number_of_blocks():
    chance = np.random.default_rng(4)
    members, told = Members(), {}
    for _ in range(60):
        lines = chance.integers(1, 6, 500).astype(np.uint64)
        some = chance.integers(0, 3_000, 500).astype(np.uint64)
        members.add(RESP_WILD, lines, some)
        for line, one in zip(lines.tolist(), some.tolist(), strict=True):
            told.setdefault(line, set()).add(one)
    assert counted(members) == {line: len(some) for line, some in told.items()}
    assert not any(count.more for count in members.counts(RESP_WILD).values())
    assert counted(members, ORIG_WILD) == {}


def test_lines_that_are_gathered_into_one_count_what_they_share_once():
    members = Members()
    put(members, 1, range(100))
    put(members, 2, range(50, 150))
    put(members, 3, [7])
    members.move(hashes(1, 2, 3), hashes(9, 9, 3))
    assert counted(members) == {9: 150, 3: 1}


def test_a_copy_goes_on_without_the_first_one_learning_of_it():
    members = Members()
    put(members, 1, range(100))
    copy = members.copy()
    put(copy, 1, range(200))
    copy.move(hashes(1), hashes(2))
    assert (counted(members), counted(copy)) == ({1: 100}, {2: 200})


def test_of_more_than_can_be_remembered_a_lower_bound_is_told_as_one(monkeypatch):
    monkeypatch.setattr(module, "MOST_MEMBERS", 1_000)
    monkeypatch.setattr(module, "MOST_OF_ONE", 700)
    members = Members()
    put(members, 1, range(900))
    put(members, 2, range(900))
    put(members, 3, range(900))
    put(members, 4, range(10))
    told = members.counts(RESP_WILD)
    assert told == {
        1: Count(700, more=True),
        2: Count(300, more=True),
        3: Count(64, more=True),
        4: Count(10, more=False),
    }
    assert [str(one) for one in told.values()] == ["700+", "300+", "64+", "10"]
    members.move(hashes(1), hashes(2))
    assert members.counts(RESP_WILD)[2].more


def test_the_bound_holds_over_all_that_is_added_and_moved(monkeypatch):
    monkeypatch.setattr(module, "MOST_MEMBERS", 2_000)
    members = Members()
    for line in range(1, 11):
        put(members, line, range(line * 10_000, line * 10_000 + 1_000))
    assert sum(counted(members).values()) <= 2_000 + 10 * module.LEAST_OF_ONE
    members.move(np.arange(1, 11, dtype=np.uint64), np.full(10, 99, np.uint64))
    assert counted(members)[99] == pytest.approx(2_000, abs=10 * module.LEAST_OF_ONE)
