"""What a store must do, whichever database it is in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import inspect

from tests.store.made import DAY, NOW, SECOND, WAIVER, begin, finding, judged, told
from zoneguard.errors import InputRefusedError, MachineLacksError
from zoneguard.findings.finding import Severity
from zoneguard.findings.lifecycle import Acknowledgement, Key, Status, advance
from zoneguard.store import opening
from zoneguard.store.opening import open_store, visit_store
from zoneguard.store.records import (
    Began,
    Blindness,
    CoverageWindow,
    FileDone,
    FlowDay,
    Message,
    Part,
    Retention,
)


def test_what_is_committed_comes_back_as_it_was(store):
    run = begin(store)
    findings = [finding("a"), finding("b", Severity.LOW, waiver=WAIVER)]
    assert store.commit(judged(store, run=run, serial=1, findings=findings)).number == 1
    assert [one.finding for one in store.findings()] == findings
    assert store.known("s1")[Key("s1", "a")].finding == findings[0]
    assert [(one.severity, one.findings, one.waived) for one in store.tallies()] == [
        (Severity.HIGH, 1, 0),
        (Severity.LOW, 1, 1),
    ]
    assert store.gravest_open() is Severity.HIGH
    assert store.gravest_open("nobody") is None


def test_what_the_store_knows_is_what_the_judgement_left(store):
    run = begin(store)
    one = judged(store, run=run, serial=1, findings=[finding("a"), finding("b")])
    store.commit(one)
    assert store.known("s1") == {known.key: known for known in one.known}


def test_a_cumulative_judgement_counts_nothing_twice(store):
    run = begin(store)
    store.commit(judged(store, run=run, serial=1, findings=[finding("a", flows=3, packets=30)]))
    store.commit(judged(store, run=run, serial=2, findings=[finding("a", flows=5, packets=50)]))
    next_run = begin(store)
    later = finding("a", flows=1, packets=7, last_seen=NOW + SECOND)
    store.commit(judged(store, run=next_run, serial=1, findings=[later]))
    (held,) = store.findings()
    assert (held.flows, held.packets) == (6, 57)


def test_a_commit_that_was_not_answered_is_handed_in_again_without_harm(store):
    run = begin(store)
    one = judged(store, run=run, serial=1, findings=[finding("a")])
    assert store.commit(one) == store.commit(one)
    assert told(store) == [("new", "a")]
    assert len(store.last_commits()) == 1


@pytest.mark.parametrize(("run", "serial"), [(1, 2), (99, 1)])
def test_a_commit_that_follows_nothing_is_a_mistake_and_writes_nothing(store, run, serial):
    begin(store)
    with pytest.raises(ValueError, match="follows nothing"):
        store.commit(judged(store, run=run, serial=serial, findings=[finding("a")]))
    assert store.findings() == []


def test_a_commit_that_fails_half_way_leaves_nothing(store):
    run = begin(store)
    one = judged(
        store,
        run=run,
        serial=1,
        findings=[finding("a")],
        files=[FileDone(path="p", size=1, mtime=2, sha256="x")],
    )
    unsendable = Message(sink="log", kind="notice", body={"text": object()})
    with pytest.raises(TypeError):
        store.commit(replace(one, messages=[*one.messages, unsendable]))
    assert store.findings() == []
    assert store.pending("s1", "log") == []
    assert not store.is_done("s1", path="p", size=1, mtime=2)
    assert store.commit(one).number == 1


def test_an_acknowledgement_from_beside_is_kept_by_the_next_commit(store):
    run = begin(store)
    store.commit(judged(store, run=run, serial=1, findings=[finding("a", Severity.MEDIUM)]))
    known = store.known("s1")
    given = Acknowledgement(by="田中", at=NOW, note="業者に\0連絡済み", until=NOW + DAY)
    store.acknowledge(Key("s1", "a"), given)
    # The sensor read what it knows before somebody acknowledged.
    step = advance(
        known,
        [finding("a", Severity.MEDIUM, last_seen=NOW + SECOND)],
        sensor="s1",
        now=NOW + SECOND,
        gone_after=60,
    )
    one = judged(store, run=run, serial=2, findings=[])
    store.commit(replace(one, known=step.known, messages=()))
    assert set(store.acknowledgements("s1")) == {Key("s1", "a")}
    assert store.acknowledgements("s2") == {}
    assert store.findings()[0].acknowledged == replace(given, note="業者に\\x00連絡済み")
    assert store.tallies()[0].acknowledged == 1
    graver = finding("a", Severity.CRITICAL, last_seen=NOW + 2 * SECOND)
    store.commit(judged(store, run=run, serial=3, findings=[graver]))
    assert store.findings()[0].acknowledged is None


def test_an_acknowledgement_can_be_taken_back_and_needs_something_open(store):
    run = begin(store)
    store.commit(judged(store, run=run, serial=1, findings=[finding("a")]))
    store.acknowledge(Key("s1", "a"), Acknowledgement(by="田中", at=NOW))
    store.acknowledge(Key("s1", "a"), None)
    assert store.findings()[0].acknowledged is None
    with pytest.raises(ValueError, match="no open finding"):
        store.acknowledge(Key("s1", "b"), Acknowledgement(by="田中", at=NOW))


def test_an_acknowledgement_ends_with_its_term(store):
    run = begin(store)
    store.commit(judged(store, run=run, serial=1, findings=[finding("a")]))
    store.acknowledge(Key("s1", "a"), Acknowledgement(by="田中", at=NOW, until=NOW + SECOND))
    store.commit(judged(store, run=run, serial=2, findings=[finding("a")], at=NOW + 2 * SECOND))
    assert store.findings()[0].acknowledged is None
    assert store.known("s1")[Key("s1", "a")].acknowledged is None


def test_a_file_is_known_by_its_name_and_by_its_content(store):
    run = begin(store)
    odd = FileDone(path="ring/\udc80\0.pcap", size=24, mtime=NOW, sha256="cd" * 32)
    store.commit(judged(store, run=run, serial=1, findings=[], files=[odd]))
    assert store.is_done("s1", path=odd.path, size=24, mtime=NOW)
    assert not store.is_done("s1", path=odd.path, size=25, mtime=NOW)
    assert not store.is_done("s2", path=odd.path, size=24, mtime=NOW)
    moved = store.done_as("s1", odd.sha256)
    assert moved is not None
    assert (moved.size, moved.mtime) == (24, NOW)
    assert store.done_as("s1", "00" * 32) is None


def test_coverage_tells_what_was_not_seen(store):
    run = begin(store)
    down = Blindness(start=NOW + 10, end=NOW + 20, reason="down", interface="eth0")
    windows = [
        CoverageWindow(
            start=NOW, end=NOW + 100, packets=5, bytes=500, dropped=1, not_decoded={"x": 1}, blind=(down,)
        ),
        CoverageWindow(
            start=NOW + 150, end=NOW + 200, packets=7, bytes=700, truncated=2, not_decoded={"x": 2, "y": 1}
        ),
    ]
    store.commit(judged(store, run=run, serial=1, findings=[], coverage=windows))
    # A window grows while it is open: committed again, it replaces itself.
    grown = replace(windows[1], end=NOW + 220, packets=9)
    store.commit(judged(store, run=run, serial=2, findings=[], coverage=[grown]))
    (total,) = store.coverage(NOW - 50, NOW + 300)
    assert (total.windows, total.packets, total.dropped, total.truncated) == (2, 14, 1, 2)
    assert total.not_decoded == {"x": 3, "y": 1}
    assert total.blind == (down,)
    assert total.gaps == ((NOW - 50, NOW), (NOW + 100, NOW + 150), (NOW + 220, NOW + 300))
    (nothing,) = store.coverage(0, 10)
    assert nothing.gaps == ((0, 10),)


def test_daily_flows_are_sums_over_runs(store):
    day = FlowDay(
        day="2026-11-18",
        orig_zone="lgwan",
        resp_zone="internet",
        service="tcp/443",
        flows=1,
        packets=2,
        bytes=3,
    )
    first = begin(store)
    store.commit(judged(store, run=first, serial=1, findings=[], flow_days=[day]))
    store.commit(
        judged(store, run=first, serial=2, findings=[], flow_days=[replace(day, flows=4, violations=1)])
    )
    store.commit(judged(store, run=begin(store), serial=1, findings=[], flow_days=[replace(day, flows=10)]))
    ((sensor, total),) = store.flow_days("2026-11-01", "2026-11-30")
    assert sensor == "s1"
    assert (total.flows, total.packets, total.violations) == (14, 4, 1)
    assert store.flow_days("2026-11-19", "2026-11-30") == []


def test_sensors_of_a_fleet_share_a_store_and_nothing_else(store):
    for sensor in ("s1", "s2"):
        run = begin(store, sensor)
        assert run == 1
        store.commit(judged(store, run=run, serial=1, findings=[finding("a")], sensor=sensor))
    assert store.sensors() == ["s1", "s2"]
    assert [one.sensor for one in store.findings()] == ["s1", "s2"]
    assert [one.sensor for one in store.findings("s2")] == ["s2"]
    keys = {store.pending(sensor, "log")[0].key for sensor in ("s1", "s2")}
    assert len(keys) == 2


def test_parts_are_vouched_for_and_replaced_in_one_step(store):
    run = begin(store)
    parts = [Part(day="2026-11-18", number=n, flows=n, bytes=n, sha256=f"{n}") for n in (1, 2)]
    store.commit(judged(store, run=run, serial=1, findings=[], parts=parts))
    assert store.parts("s1") == parts
    merged = Part(day="2026-11-18", number=3, flows=3, bytes=3, sha256="3")
    store.replace_parts("s1", old=parts, new=[merged])
    assert store.parts("s1", first_day="2026-11-18", last_day="2026-11-18") == [merged]
    assert store.parts("s1", first_day="2026-11-19") == []
    assert store.parts("s2") == []


def test_the_outbox_keeps_order_and_counts_on(store):
    run = begin(store)
    for serial in range(1, 4):
        store.commit(judged(store, run=run, serial=serial, findings=[finding(f"f{serial}")]))
    assert [one.sequence for one in store.pending("s1", "log")] == [1, 2, 3]
    store.failed("s1", "log", next_attempt=NOW + SECOND, error="no\0answer")
    (depth,) = store.spool("s1")
    assert (depth.waiting, depth.attempts, depth.next_attempt, depth.error) == (
        3,
        1,
        NOW + SECOND,
        "no\\x00answer",
    )
    store.delivered("s1", "log", last=2, at=NOW)
    assert [one.sequence for one in store.pending("s1", "log")] == [3]
    assert store.waiting("s1", "log") == 1
    store.delivered("s1", "log", last=3, at=NOW)
    assert store.sent("s1", "log", since=NOW - 1) == [NOW, NOW, NOW]
    store.prune(NOW + 1000 * DAY)
    store.commit(judged(store, run=run, serial=4, findings=[finding("f4")]))
    assert [one.sequence for one in store.pending("s1", "log")] == [4]


def test_what_the_sensor_says_of_itself_waits_in_the_same_order(store):
    run = begin(store)
    store.commit(judged(store, run=run, serial=1, findings=[finding("a")]))
    store.post("s1", [Message(sink="log", kind="notice", body={"text": "x"})], at=NOW)
    assert [(one.sequence, one.kind) for one in store.pending("s1", "log")] == [
        (1, "findings"),
        (2, "notice"),
    ]


def test_threads_that_commit_post_and_deliver_do_not_disturb_each_other(store):
    run, rounds = begin(store), 15

    def working(work):
        for n in range(1, rounds + 1):
            work(n)

    def commit(n):
        store.commit(judged(store, run=run, serial=n, findings=[finding(f"{n}")], sinks=("log", "mail")))

    def post(_):
        store.post(
            "s1", [Message(sink=sink, kind="notice", body={"told": []}) for sink in ("log", "mail")], at=NOW
        )

    got = []

    def deliver(_):
        if waiting := store.pending("s1", "mail"):
            got.extend(one.sequence for one in waiting)
            store.delivered("s1", "mail", last=waiting[-1].sequence, at=NOW)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(working, work) for work in (commit, post, post, deliver)]:
            done.result()
    deliver(None)
    everything = list(range(1, 3 * rounds + 1))
    assert [one.sequence for one in store.pending("s1", "log")] == everything
    assert got == everything


def test_sensors_that_start_together_make_one_schema(server):
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE together")
    url = server.url.replace("/postgres", "/together")
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: open_store(url, now=NOW), range(4)))
    assert sorted(notes.began for _, notes in opened) == [Began.FOUND] * 3 + [Began.NEW]
    for store, _ in opened:
        store.close()


def test_a_bound_batch_stays_together(store):
    run = begin(store)
    for serial in range(1, 4):
        store.commit(judged(store, run=run, serial=serial, findings=[finding(f"f{serial}")]))
        if serial == 2:
            store.bind("s1", "log", last=2)
    assert [one.sequence for one in store.pending("s1", "log", most=1)] == [1, 2]
    store.delivered("s1", "log", last=2, at=NOW)
    assert store.sent("s1", "log", since=NOW - 1) == [NOW]


def test_pruning_forgets_what_is_over_and_nothing_that_is_open_or_unsent(store):
    run = begin(store)
    store.commit(judged(store, run=run, serial=1, findings=[finding("old"), finding("open")]))
    store.delivered("s1", "log", last=1, at=NOW)
    late = NOW + 2 * 3600 * SECOND
    still = finding("open", last_seen=late)
    store.commit(judged(store, run=run, serial=2, findings=[still], at=late))
    next_run = begin(store, started=late)
    store.commit(judged(store, run=next_run, serial=1, findings=[still], at=late))
    assert store.prune(NOW + 500 * DAY) > 0
    assert set(store.known("s1")) == {Key("s1", "open")}
    assert told(store) == [("gone", "old")]
    assert store.prune(NOW + 500 * DAY) == 0


def test_a_finding_that_a_present_run_still_holds_is_not_forgotten_and_told_as_new(store):
    run = begin(store)
    stale = finding("a")
    store.commit(judged(store, run=run, serial=1, findings=[stale]))
    store.commit(judged(store, run=run, serial=2, findings=[stale], at=NOW + DAY))
    assert store.findings(statuses=[Status.GONE])
    store.prune(NOW + DAY, scale=0)
    store.commit(judged(store, run=run, serial=3, findings=[stale], at=NOW + DAY))
    assert told(store) == [("new", "a"), ("gone", "a")]


def test_folding_runs_that_are_over_changes_no_total(store):
    day = FlowDay(
        day="2027-01-01", orig_zone="a", resp_zone="b", service="tcp/1", flows=1, packets=2, bytes=3
    )
    for number in range(1, 6):
        run = begin(store, started=NOW + number)
        held = finding("a", flows=number, packets=number, bytes=number, last_seen=NOW + number)
        store.commit(judged(store, run=run, serial=1, findings=[held], flow_days=[day], at=NOW + number))
    before = store.findings(), store.flow_days("2026-01-01", "2028-01-01")
    store.prune(NOW + 31 * DAY)
    assert (store.findings(), store.flow_days("2026-01-01", "2028-01-01")) == before
    assert [one.run for one in store.last_runs()] == [5]
    assert before[0][0].flows == 15
    assert begin(store) == 6


def test_opening_again_finds_everything(url):
    store, notes = open_store(url, now=NOW)
    assert notes.began is Began.NEW
    run = begin(store)
    store.commit(judged(store, run=run, serial=1, findings=[finding("a")]))
    keys = [one.key for one in store.pending("s1", "log")]
    store.close()
    store, notes = open_store(url, now=NOW + SECOND)
    assert notes.began is Began.FOUND
    assert not notes.notices
    assert [one.finding for one in store.findings()] == [finding("a")]
    assert [one.key for one in store.pending("s1", "log")] == keys
    store.close()


def test_the_steps_make_exactly_the_tables_that_are_used(store):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from zoneguard.store.schema import metadata

    with store._reading.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        names = set(inspect(connection).get_table_names())
    assert all("sensor" in table.columns for table in metadata.tables.values() if table.name != "identity")
    assert names == {*metadata.tables, "alembic_version"}


def test_a_store_of_a_newer_schema_is_refused(url):
    store, _ = open_store(url, now=NOW)
    with store._writing.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    for opened in (lambda: open_store(url, now=NOW), lambda: visit_store(url)):
        with pytest.raises(MachineLacksError, match="9999"):
            opened()


def test_a_visitor_reads_and_acknowledges_beside_the_sensor(url, store):
    run = begin(store)
    store.commit(judged(store, run=run, serial=1, findings=[finding("a")]))
    with visit_store(url) as beside:
        assert [one.finding.fingerprint for one in beside.findings()] == ["a"]
        beside.acknowledge(Key("s1", "a"), Acknowledgement(by="佐藤", at=NOW))
    assert store.findings()[0].acknowledged is not None


@pytest.mark.parametrize(
    "text", ["", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "sqlite:///a?mode=ro", "zg:secret@"]
)
def test_a_url_that_is_none_is_refused_without_being_repeated(text):
    with pytest.raises(InputRefusedError) as refusal:
        open_store(text, now=NOW)
    assert "secret" not in str(refusal.value)


def test_retention_is_in_days(tmp_path):
    store, _ = open_store(f"sqlite:///{tmp_path}/a.db", now=NOW, retention=Retention(files=2))
    run = begin(store)
    file = FileDone(path="p", size=1, mtime=2, sha256="x")
    store.commit(judged(store, run=run, serial=1, findings=[], files=[file]))
    store.prune(NOW + 2 * DAY)
    assert store.is_done("s1", path="p", size=1, mtime=2)
    store.prune(NOW + 3 * DAY)
    assert not store.is_done("s1", path="p", size=1, mtime=2)
    store.close()


def test_opening_is_only_known_by_the_steps_in_the_package():
    assert opening._head() in opening._revisions()
