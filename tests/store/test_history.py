from __future__ import annotations

from dataclasses import fields
from datetime import UTC, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.disk import small_disk
from tests.store.made import DAY, NOW, SECOND
from zoneguard.errors import StoreFullError
from zoneguard.net.address import number_of, pair_of
from zoneguard.net.flow import COLUMNS, FlowTable
from zoneguard.store.asking import Damaged, flows_between, zone_pair_days
from zoneguard.store.history import History
from zoneguard.store.parquet import Flows, packed, unpacked

JST = timezone(timedelta(hours=9))
MIDNIGHT = 1_795_014_000 * SECOND  # 2026-11-19T00:00:00+09:00


def flows(n, seed=0, *, start=MIDNIGHT - 3600 * SECOND, step=SECOND):
    """Random flows, `step` apart."""
    chance = np.random.default_rng(seed)
    columns = {}
    for name, dtype in COLUMNS.items():
        limits = np.iinfo(dtype)
        shape = (n, 2) if name.endswith("_address") else n
        columns[name] = chance.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    columns["first_seen"] = start + np.arange(n, dtype=np.int64) * step
    columns["last_seen"] = columns["first_seen"] + 5 * SECOND
    for name in ("orig_packets", "resp_packets", "orig_bytes", "resp_bytes"):
        columns[name] = columns[name] % 1000
    zones = np.array(["lgwan", "internet", "利用事務系"])
    return Flows(
        table=FlowTable(**columns),
        orig_zone=zones[chance.integers(0, 3, n)],
        resp_zone=zones[chance.integers(0, 3, n)],
    )


def same(one, other):
    for field in fields(FlowTable):
        left, right = getattr(one.table, field.name), getattr(other.table, field.name)
        assert left.dtype == right.dtype, field.name
        np.testing.assert_array_equal(left, right, field.name)
    assert one.orig_zone.tolist() == other.orig_zone.tolist()
    assert one.resp_zone.tolist() == other.resp_zone.tolist()


@given(st.integers(0, 300), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_every_column_comes_back_exactly(n, seed):
    block = flows(n, seed)
    same(unpacked(packed(block)), block)


def test_extreme_values_come_back_exactly():
    for pick in ("min", "max"):
        table = FlowTable(
            **{
                name: np.full(
                    (1, 2) if name.endswith("_address") else 1, getattr(np.iinfo(dtype), pick), dtype
                )
                for name, dtype in COLUMNS.items()
            }
        )
        block = Flows(table=table, orig_zone=np.array(["?"]), resp_zone=np.array([""]))
        same(unpacked(packed(block)), block)


@pytest.mark.parametrize("octets", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", packed(flows(50))[:-20]])
def test_what_is_no_part_is_refused(octets):
    with pytest.raises(ValueError, match="no part"):
        unpacked(octets)


def test_flows_go_to_the_day_of_their_first_packet(tmp_path):
    history = History(tmp_path, JST)
    block = flows(7200)
    parts = history.write(block)
    assert [(part.day, part.number, part.flows) for part in parts] == [
        ("2026-11-18", 1, 3600),
        ("2026-11-19", 2, 3600),
    ]
    assert (tmp_path / "day=2026-11-19/part-00000002.parquet").is_file()
    same(Flows.concatenate([history.read(part) for part in parts]), block)
    assert [part.day for part in History(tmp_path / "utc", UTC).write(block)] == ["2026-11-18"]
    assert history.write(flows(0)) == []


def test_what_no_commit_vouches_for_is_removed_at_the_start(tmp_path):
    history = History(tmp_path, JST)
    (kept,) = history.write(flows(10))
    (lost,) = history.write(flows(20))
    history.path(kept).with_name("part-00000009.parquet.tmp").write_bytes(b"torn")
    again = History(tmp_path, JST)
    settled = again.settle([kept])
    assert settled.removed == 2
    assert not again.path(lost).exists()
    (fresh,) = again.write(flows(5))
    assert fresh.number == 2
    history.path(kept).unlink()
    settled = again.settle([kept, fresh])
    assert settled.missing == (kept,)
    assert "part-00000001" in settled.notices[0].ja


def test_a_store_begun_anew_takes_the_history_in(tmp_path):
    history = History(tmp_path, JST)
    parts = [*history.write(flows(10)), *history.write(flows(20))]
    history.path(parts[0]).with_name("part-00000077.parquet").write_bytes(b"PAR1 torn")
    anew = History(tmp_path, JST)
    assert anew.adopt() == parts
    assert anew.settle(parts).removed == 0
    assert anew.path(parts[0]).with_name("part-00000077.parquet.corrupt").exists()
    assert anew.write(flows(1))[0].number == 3


def test_compaction_merges_the_parts_of_a_day_and_loses_no_flow(tmp_path):
    history = History(tmp_path, JST)
    blocks = [flows(10, seed) for seed in range(5)]
    parts = [part for block in blocks for part in history.write(block)]
    old, new = history.compact(parts)
    assert old == parts
    assert [part.number for part in new] == [6]
    same(history.read(new[0]), Flows.concatenate(blocks))
    history.remove(old)
    assert History(tmp_path, JST).settle(new).removed == 0
    assert history.compact(new) == ([], [])
    history.remove(new)
    assert list(tmp_path.iterdir()) == []


def test_compaction_leaves_large_and_damaged_parts_alone(tmp_path):
    history = History(tmp_path, JST)
    parts = [part for seed, n in enumerate((10, 500, 20, 30)) for part in history.write(flows(n, seed))]
    history.path(parts[2]).write_bytes(b"damaged")
    old, new = history.compact(parts, most=100)
    assert old == [parts[0], parts[3]]
    assert new[0].flows == 40


def test_retention_is_by_whole_days(tmp_path):
    history = History(tmp_path, JST)
    parts = history.write(flows(7200))
    assert history.expired(parts, now=MIDNIGHT + DAY, days=2) == []
    assert [part.day for part in history.expired(parts, now=MIDNIGHT + DAY, days=1)] == ["2026-11-18"]


def test_flows_are_found_by_time_zones_and_address(tmp_path):
    history = History(tmp_path, JST)
    block = flows(7200)
    parts = history.write(block)
    first, last = MIDNIGHT - 10 * SECOND, MIDNIGHT + 10 * SECOND
    found, damaged = flows_between(history, parts, first=first, last=last)
    assert damaged == Damaged()
    times = block.table.first_seen
    same(found, block.take(np.flatnonzero((times <= last) & (times + 5 * SECOND >= first))))
    some, _ = flows_between(history, parts, first=first, last=last, most=3)
    same(some, found.take(np.arange(3)))
    pair, _ = flows_between(history, parts, first=0, last=2 * NOW, zones=("lgwan", "利用事務系"))
    same(pair, block.take(np.flatnonzero((block.orig_zone == "lgwan") & (block.resp_zone == "利用事務系"))))
    high, low = (int(half) for half in block.table.resp_address[77])
    one, _ = flows_between(history, parts, first=0, last=2 * NOW, address=(high, low))
    same(one, block.take(np.array([77])))
    assert len(flows_between(history, [], first=0, last=NOW)[0]) == 0


def test_an_address_is_readable_for_whoever_opens_the_file(tmp_path):
    from ipaddress import ip_address

    import duckdb

    history = History(tmp_path, JST)
    block = flows(1)
    block.table.orig_address[0] = pair_of(number_of(ip_address("10.2.0.9")))
    (part,) = history.write(block)
    with duckdb.connect(":memory:") as connection:
        row = connection.execute(
            "SELECT orig_address, day FROM read_parquet(?)", [str(history.path(part))]
        ).fetchone()
    assert row is not None
    assert (row[0], str(row[1])) == ("10.2.0.9", "2026-11-18")


def test_totals_are_by_day_and_pair_of_zones(tmp_path):
    history = History(tmp_path, JST)
    block = flows(7200)
    totals, _ = zone_pair_days(history, history.write(block))
    days = np.where(block.table.first_seen < MIDNIGHT, "2026-11-18", "2026-11-19")
    expected = []
    for day in ("2026-11-18", "2026-11-19"):
        for orig in np.unique(block.orig_zone):
            for resp in np.unique(block.resp_zone):
                these = (days == day) & (block.orig_zone == orig) & (block.resp_zone == resp)
                table = block.table.take(these)
                packets = int(table.orig_packets.sum() + table.resp_packets.sum())
                octets = int(table.orig_bytes.sum() + table.resp_bytes.sum())
                expected.append((day, str(orig), str(resp), len(table), packets, octets))
    assert [
        (one.day, one.orig_zone, one.resp_zone, one.flows, one.packets, one.bytes) for one in totals
    ] == expected


@pytest.mark.parametrize("damage", ["noise", "cut", "gone"])
def test_a_damaged_part_is_set_aside_and_the_rest_answers(tmp_path, damage):
    history = History(tmp_path, JST)
    parts = [part for seed in range(3) for part in history.write(flows(10, seed))]
    path = history.path(parts[1])
    match damage:
        case "noise":
            path.write_bytes(b"PAR1" + np.random.default_rng(1).bytes(500))
        case "cut":
            path.write_bytes(path.read_bytes()[:-30])
        case "gone":
            path.unlink()
    found, damaged = flows_between(history, parts, first=0, last=2 * NOW)
    assert damaged.parts == (parts[1],)
    assert len(found) == 20
    assert len(damaged.notices) == 1
    assert ("is not there" if damage == "gone" else "set aside") in damaged.notices[0].en
    if damage != "gone":
        assert path.with_name(path.name + ".corrupt").exists()


def test_a_part_with_one_flipped_bit_is_not_read_as_if_it_were_whole(tmp_path):
    history = History(tmp_path, JST)
    parts = history.write(flows(1000))
    octets = bytearray(history.path(parts[0]).read_bytes())
    octets[len(octets) // 2] ^= 1
    history.path(parts[0]).write_bytes(octets)
    with pytest.raises(ValueError, match="not what was written"):
        history.read(parts[0])
    assert history.damaged(parts) == parts


def test_a_full_disk_leaves_no_half_part():
    with small_disk(1) as folder:
        history = History(folder / "flows", JST)
        written = []
        with pytest.raises(StoreFullError):
            written.extend(part for seed in range(500) for part in history.write(flows(200, seed)))
        assert list(folder.rglob("*.tmp")) == []
        assert len(history.adopt()) > 3
