"""What may happen to a store: kill -9, a full disk, a damaged file, a server that goes away, a second daemon."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC
from pathlib import Path

import pytest

from tests.store.disk import small_disk
from tests.store.made import DAY, NOW, SECOND, begin, finding, judged, told
from zoneguard.errors import (
    ExitCode,
    InputRefusedError,
    MachineLacksError,
    StoreCorruptError,
    StoreFullError,
    StoreUnavailableError,
)
from zoneguard.findings.finding import Severity
from zoneguard.findings.lifecycle import Status
from zoneguard.sensor.messages import digest
from zoneguard.store.history import History
from zoneguard.store.lock import FolderLock
from zoneguard.store.opening import open_store, visit_store
from zoneguard.store.records import Began, FileDone, Retention

ROOT = Path(__file__).resolve().parents[2]
KILLS = 50


def test_whatever_moment_a_sensor_is_killed_nothing_is_lost_and_nothing_told_twice(url, tmp_path):
    """A child judges, commits and delivers; killed at random moments and started again until it is through."""
    chance = random.Random(50)  # the machine adds chance enough of its own
    delivered = tmp_path / "delivered.jsonl"
    command = [sys.executable, str(ROOT / "tests/store/committing.py"), url, str(delivered)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None

        def start(findings):
            parent.stdin.write(f"{findings}\n")
            parent.stdin.flush()
            return int(parent.stdout.readline())

        longest, reached = 0.05, 0
        for _ in range(KILLS):
            child = start(1_000_000)
            time.sleep(chance.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
            assert parent.stdout.readline() == f"ended {-signal.SIGKILL}\n"
            size = delivered.stat().st_size if delivered.exists() else 0
            if size == reached:  # on a busy machine a child needs longer to come to its work
                longest *= 1.2
            reached = size
        with visit_store(url) as store:
            total = len(store.known("s1")) + 10
        start(total)
        assert parent.stdout.readline() == "ended 0\n"
        parent.stdin.close()
    with visit_store(url) as store:
        held = {one.finding.fingerprint for one in store.findings()}
        totals = {one.finding.fingerprint: one.flows for one in store.findings()}
        assert store.waiting("s1", "log") == 0
        parts = store.parts("s1")
    on_disk = {path.relative_to(tmp_path / "flows").as_posix() for path in tmp_path.rglob("*.parquet*")}
    assert on_disk == {part.name for part in parts}
    assert History(tmp_path / "flows", UTC).damaged(parts) == []
    assert sum(part.flows for part in parts) == total
    lines = [json.loads(line) for line in delivered.read_text("utf-8").splitlines()]
    by_key = {line["key"]: line for line in lines}
    told_ = [
        (one["change"], name) for line in by_key.values() for one in line["told"] for name in [one["name"]]
    ]
    assert len(told_) == len(set(told_))
    assert {name for change, name in told_ if change == "new"} == held == {f"f{n}" for n in range(total)}
    assert all(line == by_key[line["key"]] for line in lines)
    assert set(totals.values()) == {3}
    assert total > KILLS // 5  # so there was work to be killed in, on a busy machine too


def many(first, count):
    return [finding(f"{first + n}-{'x' * 200}", locators=()) for n in range(count)]


def commit_until_full(store, at_once):
    """Give the refusal, the commit that was refused, and the findings that were committed."""
    run, held = begin(store), []
    for serial in range(1, 1000):
        more = [*held, *many(len(held), at_once)]
        pending = judged(store, run=run, serial=serial, findings=more)
        try:
            store.commit(pending)
        except StoreFullError as refusal:
            return refusal, pending, held
        held = more
    raise AssertionError("it was never full")


def test_a_full_disk_is_told_and_what_was_committed_stays():
    with small_disk(6) as folder:
        store, _ = open_store(f"sqlite:///{folder}/zg.db", now=NOW)
        refusal, pending, held = commit_until_full(store, 200)
        assert refusal.exit_code is ExitCode.LACKING
        assert len(held) > 200
        assert {one.finding.fingerprint for one in store.findings()} == {one.fingerprint for one in held}
        # Room is made, and the very same commit goes through.
        subprocess.run(["mount", "-o", "remount,size=32m", str(folder)], check=True)
        store.commit(pending)
        assert len(store.findings()) == len(pending.findings)
        assert len(told(store)) == len(pending.findings)
        store.close()


def test_at_the_cap_what_is_over_makes_room_for_what_is_new(tmp_path):
    path = tmp_path / "zg.db"
    cap = 2 << 20
    store, _ = open_store(f"sqlite:///{path}", now=NOW, most_bytes=cap)
    run = begin(store)
    at, pruned = NOW, 0
    for serial in range(1, 60):
        at += DAY
        fresh = finding(f"{serial}", first_seen=at, last_seen=at)
        files = [
            FileDone(path=f"{serial}/{n}/{'x' * 200}", size=1, mtime=n, sha256=f"{n}") for n in range(200)
        ]
        pruned += store.commit(
            judged(store, run=run, serial=serial, findings=[fresh], at=at, files=files)
        ).pruned
        store.delivered("s1", "log", last=10_000, at=at)
    assert pruned > 1000
    assert path.stat().st_size <= cap
    assert [one.finding.fingerprint for one in store.findings()] == ["59"]
    assert store.is_done("s1", path=files[0].path, size=1, mtime=0)
    store.close()


def test_at_the_cap_open_findings_and_unsent_messages_are_never_given_up(tmp_path):
    store, _ = open_store(f"sqlite:///{tmp_path}/zg.db", now=NOW, most_bytes=1 << 20)
    _, _, held = commit_until_full(store, 50)
    assert len(store.findings()) == len(told(store)) == len(held) > 0
    store.close()


def test_an_output_that_is_away_for_good_does_not_stop_the_sensor(tmp_path):
    path = tmp_path / "zg.db"
    store, _ = open_store(f"sqlite:///{path}", now=NOW, most_bytes=2 << 20, digest=digest)
    run = begin(store)
    for serial in range(1, 1001):  # comes and goes: a thousand things to tell of one finding
        at = NOW + serial * DAY
        held = [finding("a", last_seen=at, first_seen=at)] if serial % 2 else []
        store.commit(judged(store, run=run, serial=serial, findings=held, at=at))
    waiting = store.pending("s1", "log")
    assert path.stat().st_size <= 2 << 20
    assert waiting[0].kind == "digest"
    body = digest([one.body for one in waiting])
    assert (body["messages"], body["items"]) == (1000, 1000)
    counted = {(one["change"], one["count"]) for one in body["counts"]}
    assert counted == {("new", 1), ("returned", 499), ("gone", 500)}
    assert store.abandon("s1", "log") == len(waiting)
    assert store.pending("s1", "log") == []
    store.close()


def fill(url, count=300):
    store, _ = open_store(url, now=NOW)
    store.commit(judged(store, run=begin(store), serial=1, findings=many(0, count)))
    store.close()


def spoil(path, offset, octets):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(octets)


@pytest.mark.parametrize("damage", ["page", "head", "noise", "cut"])
def test_a_damaged_file_is_set_aside_said_and_carried_on_from(tmp_path, damage):
    path = tmp_path / "zg.db"
    url = f"sqlite:///{path}"
    fill(url)
    size = path.stat().st_size
    match damage:
        case "page":
            for offset in range(4096 * 4, size - 4096, 4096):
                spoil(path, offset, b"\xff" * 64)
        case "head":
            spoil(path, 0, b"no database at all")
        case "noise":
            path.write_bytes(random.Random(1).randbytes(size))
        case "cut":
            os.truncate(path, size // 2 + 100)
    damaged = path.read_bytes()
    path.with_name("zg.db-wal").write_bytes(b"left over")
    store, notes = open_store(url, now=NOW)
    assert notes.began is Began.ANEW
    aside = tmp_path / "zg.db.corrupt-20261118T110640Z"
    assert aside.read_bytes() == damaged
    assert "zg.db.corrupt-20261118T110640Z" in notes.notices[0].ja
    assert "zg.db.corrupt-20261118T110640Z" in notes.notices[0].en
    assert store.findings() == []
    store.commit(judged(store, run=begin(store), serial=1, findings=[finding("a")]))
    store.close()
    spoil(path, 0, b"again")
    _, notes = open_store(url, now=NOW)
    assert aside.with_name(f"{aside.name}-2").is_file()


def test_keys_of_a_store_begun_anew_are_not_those_of_the_old_one(tmp_path):
    path = tmp_path / "zg.db"
    keys = []
    for now in (NOW, NOW + SECOND):
        store, _ = open_store(f"sqlite:///{path}", now=now)
        store.commit(judged(store, run=begin(store), serial=1, findings=[finding("a")]))
        keys.append(store.pending("s1", "log")[0].key)
        store.close()
        spoil(path, 0, b"damaged")
    assert len(set(keys)) == 2


def test_damage_that_shows_while_the_store_is_open_is_told_as_such(tmp_path):
    path = tmp_path / "zg.db"
    fill(f"sqlite:///{path}", 2000)
    store, _ = open_store(f"sqlite:///{path}", now=NOW)
    for offset in range(4096, path.stat().st_size, 4096):
        spoil(path, offset, b"\xff" * 4096)
    with pytest.raises(StoreCorruptError) as refusal:
        store.findings()
    assert isinstance(refusal.value, StoreUnavailableError)
    store.close()
    store, notes = open_store(f"sqlite:///{path}", now=NOW)
    assert notes.began is Began.ANEW
    store.close()


def test_a_database_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE findings (x)")
    other.commit()
    other.close()
    with pytest.raises(MachineLacksError):
        open_store(f"sqlite:///{path}", now=NOW)
    assert [one.name for one in tmp_path.glob("*corrupt*")] == []


def test_two_daemons_cannot_share_a_folder(tmp_path):
    url = f"sqlite:///{tmp_path}/zg.db"
    store, _ = open_store(url, now=NOW)
    with pytest.raises(MachineLacksError, match="in use by another sensor"):
        open_store(f"sqlite:///{tmp_path}/other.db", now=NOW)
    store.close()
    with FolderLock(tmp_path), pytest.raises(MachineLacksError):
        open_store(url, now=NOW)
    open_store(url, now=NOW)[0].close()
    with FolderLock(tmp_path), pytest.raises(MachineLacksError):
        open_store(f"sqlite:///{tmp_path}/elsewhere/zg.db", now=NOW, state=tmp_path)
    open_store(url, now=NOW, state=tmp_path)[0].close()


def test_a_visitor_needs_a_store_to_visit(tmp_path):
    with pytest.raises(InputRefusedError, match="does not exist"):
        visit_store(f"sqlite:///{tmp_path}/zg.db")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineLacksError):
        open_store(f"sqlite:///{tmp_path}/file/zg.db", now=NOW)


def test_a_server_that_is_restarted_costs_a_retry_and_no_finding(server):
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE restarted")
    store, _ = open_store(server.url.replace("/postgres", "/restarted"), now=NOW)
    run = begin(store)
    store.commit(judged(store, run=run, serial=1, findings=[finding("a")]))
    second = judged(store, run=run, serial=2, findings=[finding("a"), finding("b")])
    server.stop()
    try:
        for _ in range(2):
            with pytest.raises(StoreUnavailableError):
                store.commit(second)
    finally:
        server.start()
    store.commit(second)
    assert {one.finding.fingerprint for one in store.findings()} == {"a", "b"}
    assert told(store) == [("new", "a"), ("new", "b")]
    store.close()


def test_a_server_that_cannot_be_reached_is_told_without_the_password():
    with pytest.raises(StoreUnavailableError) as refusal:
        open_store("postgresql://zoneguard:verysecret@127.0.0.1:9/none", now=NOW)
    said = str(refusal.value) + "".join(fault.ja for fault in refusal.value.faults)
    assert "verysecret" not in said
    assert "127.0.0.1" in said


def test_old_severities_make_no_trouble_for_the_gravest(store):
    run = begin(store)
    store.commit(judged(store, run=run, serial=1, findings=[finding("a", Severity.LOW)]))
    assert store.gravest_open() is Severity.LOW
    store.commit(judged(store, run=run, serial=2, findings=[], at=NOW + DAY))
    assert store.gravest_open() is None
    assert [one.status for one in store.findings(statuses=[Status.GONE])] == [Status.GONE]


def test_a_short_retention_is_no_trouble_at_the_first_prune(tmp_path):
    store, _ = open_store(
        f"sqlite:///{tmp_path}/zg.db", now=NOW, retention=Retention(gone_findings=0, runs=0, files=0)
    )
    assert store.prune(NOW) == 0
    store.close()
    shutil.rmtree(tmp_path)
