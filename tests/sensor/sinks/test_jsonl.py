from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from tests.sensor.sinks.sending import HOSTILE, HOSTILE_FINDING, JST, digested, notice, outgoing
from tests.store.disk import small_disk
from tests.store.made import DAY, NOW, finding
from zoneguard.findings.finding import Severity
from zoneguard.sensor.sinks.base import SinkUnavailable
from zoneguard.sensor.sinks.jsonl import Form, JsonLines


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log" / "zoneguard.jsonl"


def at(message, days):
    message.body["at"] = NOW + days * DAY
    return message


def test_each_thing_told_is_a_line_with_a_key_of_its_own(path):
    sink = JsonLines(path, zone=JST)
    sink.deliver([outgoing(finding("a"), finding("b")), notice(sequence=2)])
    sink.close()
    made = lines(path)
    assert [one["key"] for one in made] == ["s1/18f/x/1#0", "s1/18f/x/1#1", "s1/18f/x/2#0"]
    assert made[0]["schema"] == "zoneguard.notice/1"
    assert made[0]["time"] == "2026-11-18T20:06:40.000000000+09:00"
    assert made[0]["change"] == "new"
    assert made[0]["finding"]["zones"] == {"orig": "internet", "resp": "lgwan"}
    assert made[2]["notice"]["ja"] == "観測が 30 秒途切れました。"


def test_hostile_strings_stay_one_line_and_mean_what_they_meant(path):
    for form in Form:
        sink = JsonLines(path, zone=JST, form=form)
        sink.deliver([outgoing(HOSTILE_FINDING)])
        sink.close()
    octets = path.read_bytes()
    assert octets.count(b"\n") == 2
    assert not re.search(rb"[\x00-\x09\x0b-\x1f]", octets)
    native, eve = lines(path)
    assert native["finding"]["message"]["en"] == HOSTILE
    assert eve["alert"]["metadata"]["orig_zone"] == [HOSTILE]


def test_an_alert_has_the_shape_of_eve(path):
    sink = JsonLines(path, zone=JST, form=Form.EVE)
    sink.deliver(
        [outgoing(finding("a")), outgoing(finding("b", Severity.LOW, orig=None), gone=True), notice(3)]
    )
    sink.close()
    first, gone, said = lines(path)
    assert first["timestamp"] == "2026-11-18T20:06:40.000000+0900"
    assert first["event_type"] == "alert"
    assert (first["src_ip"], first["src_port"], first["dest_ip"], first["dest_port"], first["proto"]) == (
        "172.16.40.9", 50123, "172.16.20.5", 445, "TCP",
    )  # fmt: skip
    assert first["vlan"] == [440]
    assert first["alert"]["signature_id"] == 1_990_105
    assert first["alert"]["signature"] == "ZG-A05 逆方向からの開始"
    assert "src_ip" not in gone
    assert gone["alert"]["metadata"]["change"] == ["gone"]
    assert said["alert"]["signature"] == "観測が 30 秒途切れました。"
    # Other keys are not allowed at the top (etc/schema.json of Suricata), and metadata are lists of strings.
    allowed = {
        "timestamp",
        "event_type",
        "host",
        "src_ip",
        "src_port",
        "dest_ip",
        "dest_port",
        "proto",
        "vlan",
        "alert",
    }
    for one in (first, gone, said):
        assert set(one) <= allowed
        for values in one["alert"]["metadata"].values():
            assert all(isinstance(value, str) for value in values)


def test_a_digest_says_how_many_on_a_line_of_its_own(path):
    both = digested(outgoing(finding("a")), outgoing(finding("b", Severity.LOW), sequence=2), notice(3))
    sink = JsonLines(path, zone=JST)
    sink.deliver([both])
    sink.close()
    made = lines(path)
    assert made[0]["digest"]["messages"] == 3
    assert made[0]["digest"]["counts"][0] == {"change": "new", "severity": "high", "count": 1}
    assert len(made) == 4


def test_rotation_by_size_keeps_so_many_files_and_every_line_whole(path):
    sink = JsonLines(path, zone=JST, most_bytes=4000, keep=3)
    for n in range(1, 9):
        sink.deliver([outgoing(finding(f"{n}"), sequence=n)])
    sink.close()
    files = [path, *(path.with_name(f"{path.name}.{n}") for n in (1, 2, 3))]
    assert sorted(path.parent.iterdir()) == files
    kept = [one["sequence"] for file in reversed(files) for one in lines(file)]
    assert kept == list(range(9 - len(kept), 9))
    assert all(file.stat().st_size <= 4000 for file in files)


def test_a_new_day_begins_a_new_file_even_after_a_restart(path):
    sink = JsonLines(path, zone=JST)
    sink.deliver([at(outgoing(finding("a")), 0), at(outgoing(finding("b"), sequence=2), 0)])
    sink.deliver([at(outgoing(finding("c"), sequence=3), 1)])
    sink.close()
    assert [one["sequence"] for one in lines(path.with_name("zoneguard.jsonl.1"))] == [1, 2]
    os.utime(path, ns=(NOW + DAY, NOW + DAY))
    sink = JsonLines(path, zone=JST)
    sink.deliver([at(outgoing(finding("d"), sequence=4), 2)])
    sink.close()
    assert [one["sequence"] for one in lines(path)] == [4]
    assert [one["sequence"] for one in lines(path.with_name("zoneguard.jsonl.2"))] == [1, 2]


def test_without_kept_files_the_old_one_goes(path):
    sink = JsonLines(path, zone=JST, most_bytes=100, keep=0)
    for n in (1, 2):
        sink.deliver([outgoing(finding("a"), sequence=n)])
    sink.close()
    assert list(path.parent.iterdir()) == [path]
    assert [one["sequence"] for one in lines(path)] == [2]


def test_a_file_that_somebody_moved_away_is_begun_anew(path):
    sink = JsonLines(path, zone=JST)
    sink.deliver([outgoing(finding("a"))])
    path.rename(path.with_suffix(".moved"))
    sink.deliver([outgoing(finding("b"), sequence=2)])
    sink.reopen()
    sink.deliver([outgoing(finding("c"), sequence=3)])
    sink.close()
    assert [one["sequence"] for one in lines(path)] == [2, 3]


def test_a_line_torn_by_a_kill_is_cut(path):
    sink = JsonLines(path, zone=JST)
    sink.deliver([outgoing(finding("a"))])
    sink.close()
    with path.open("ab") as file:
        file.write(b'{"schema": "zoneg')
    sink = JsonLines(path, zone=JST)
    sink.deliver([outgoing(finding("b"), sequence=2)])
    sink.close()
    assert [one["sequence"] for one in lines(path)] == [1, 2]


def test_a_full_disk_leaves_no_torn_line_and_says_how_many_were_taken():
    with small_disk(1) as folder:
        path = folder / "zoneguard.jsonl"
        sink = JsonLines(path, zone=JST)
        messages = [outgoing(*(finding(f"{n}-{i}") for i in range(20)), sequence=n) for n in range(1, 200)]
        with pytest.raises(SinkUnavailable, match="no space") as refusal:
            sink.deliver(messages)
        taken = refusal.value.delivered
        assert 0 < taken < len(messages)
        assert {one["sequence"] for one in lines(path)} == set(range(1, taken + 1))
        subprocess.run(["mount", "-o", "remount,size=16m", str(folder)], check=True)
        sink.deliver(messages[taken:])
        sink.close()
        assert [one["sequence"] for one in lines(path)] == [n for n in range(1, 200) for _ in range(20)]
