from __future__ import annotations

import pytest

from tests.store.made import DAY, NOW, begin, judged
from tests.store.test_history import JST, MIDNIGHT, flows, same
from zoneguard.store.history import History
from zoneguard.store.opening import open_store
from zoneguard.store.parquet import Flows
from zoneguard.store.upkeep import take_up, tidy


@pytest.fixture
def store(tmp_path):
    store, _ = open_store(f"sqlite:///{tmp_path}/zg.db", now=NOW)
    yield store
    store.close()


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "flows", JST)


def written(store, history, *blocks):
    run = begin(store)
    for serial, block in enumerate(blocks, 1):
        store.commit(judged(store, run=run, serial=serial, findings=[], parts=history.write(block)))


def everything(store, history):
    return Flows.concatenate([history.read(part) for part in store.parts("s1")])


def test_days_that_are_over_become_one_part_without_losing_a_flow(store, history):
    blocks = [flows(10, seed) for seed in range(3)]
    today = flows(5, 9, start=MIDNIGHT)
    written(store, history, *blocks, today, today)
    assert tidy(store, history, "s1", now=MIDNIGHT + 1, days=30) == ()
    assert [(part.day, part.flows) for part in sorted(store.parts("s1"), key=lambda one: one.day)] == [
        ("2026-11-18", 30),
        ("2026-11-19", 5),
        ("2026-11-19", 5),
    ]
    assert len(list(history.folder.rglob("*.parquet"))) == 3
    same(everything(store, history), Flows.concatenate([today, today, *blocks]))
    before = store.parts("s1")
    tidy(store, history, "s1", now=MIDNIGHT + 1, days=30)
    assert store.parts("s1") == before


def test_parts_that_a_judgement_is_taken_up_from_are_neither_merged_nor_removed(store, history):
    written(store, history, *(flows(10, seed) for seed in range(5)))
    before = store.parts("s1")
    needed = {part.number for part in before[:3]}
    tidy(store, history, "s1", now=MIDNIGHT + 1, days=30, needed=needed)
    after = store.parts("s1")
    assert [part for part in after if part.number in needed] == before[:3]
    assert [part.flows for part in after] == [10, 10, 10, 20]
    tidy(store, history, "s1", now=MIDNIGHT + 60 * DAY, days=30, needed=needed)
    assert store.parts("s1") == before[:3]
    assert history.damaged(before[:3]) == []


def test_days_beyond_retention_go_from_the_store_and_from_the_disk(store, history):
    written(store, history, flows(7200))
    tidy(store, history, "s1", now=MIDNIGHT + DAY, days=1)
    assert [part.day for part in store.parts("s1")] == ["2026-11-19"]
    assert [path.name for path in history.folder.iterdir()] == ["day=2026-11-19"]


def test_a_damaged_part_is_said_once_and_the_others_are_merged(store, history):
    written(store, history, *(flows(10, seed) for seed in range(3)))
    history.path(store.parts("s1")[1]).write_bytes(b"damaged")
    notices = tidy(store, history, "s1", now=MIDNIGHT + 1, days=30)
    assert len(notices) == 1
    assert [part.flows for part in store.parts("s1")] == [20]
    assert tidy(store, history, "s1", now=MIDNIGHT + 1, days=30) == ()


def test_a_start_removes_what_a_killed_sensor_left(store, history):
    written(store, history, flows(10))
    history.write(flows(20))
    again = History(history.folder, JST)
    assert take_up(store, again, "s1") == ()
    assert len(list(history.folder.rglob("*.parquet"))) == 1
    same(everything(store, again), flows(10))


def test_a_part_that_is_not_there_is_said_once(store, history):
    written(store, history, flows(10), flows(20))
    history.path(store.parts("s1")[0]).unlink()
    assert len(take_up(store, History(history.folder, JST), "s1")) == 1
    assert take_up(store, History(history.folder, JST), "s1") == ()


def test_a_store_that_never_saw_this_sensor_takes_its_history_in(tmp_path, store, history):
    written(store, history, flows(10), flows(20))
    kept = everything(store, history)
    other, _ = open_store(f"sqlite:///{tmp_path}/other/zg.db", now=NOW)
    begin(other, "s2")  # a fleet's store, where others were before
    again = History(history.folder, JST)
    assert take_up(other, again, "s1") == ()
    same(everything(other, again), kept)
    written(other, again, flows(5))
    assert [part.number for part in other.parts("s1")] == [1, 2, 3]
    other.close()


@pytest.mark.parametrize("step", ["replace_parts", "remove"])
def test_a_kill_in_the_middle_of_merging_loses_and_doubles_no_flow(store, history, step, monkeypatch):
    class KilledError(Exception):
        pass

    def killed(*_, **__):
        raise KilledError

    blocks = [flows(10, seed) for seed in range(3)]
    written(store, history, *blocks)
    monkeypatch.setattr(store if step == "replace_parts" else history, step, killed)
    with pytest.raises(KilledError):
        tidy(store, history, "s1", now=MIDNIGHT + 1, days=30)
    monkeypatch.undo()
    again = History(history.folder, JST)
    assert take_up(store, again, "s1") == ()
    same(everything(store, again), Flows.concatenate(blocks))
    tidy(store, again, "s1", now=MIDNIGHT + 1, days=30)
    assert [part.flows for part in store.parts("s1")] == [30]
