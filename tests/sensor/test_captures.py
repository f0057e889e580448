from __future__ import annotations

import json
from pathlib import Path

import pytest

from zoneguard.capture.index import Index
from zoneguard.capture.metering import Input, InputRead
from zoneguard.capture.reading import Reading
from zoneguard.sensor.captures import MOST_CAPTURES, MOST_FAULTS, STRETCHES, Captures, Faults, Names
from zoneguard.text import Text


def test_a_name_keeps_its_number_and_one_that_nothing_tells_of_is_forgotten():
    names = Names()
    assert [names.add(f"{number}.pcap") for number in range(3)] == [0, 1, 2]
    names.keep({0, 2, 77})
    assert list(names) == ["0.pcap", "", "2.pcap"]
    assert names.add("3.pcap") == 3
    with pytest.raises(IndexError):
        names[4]


def test_names_do_not_grow_with_the_files_that_were_read():
    names = Names()
    for number in range(100_000):
        names.add(f"{number}.pcap")
        if names.are_many:
            names.keep(range(number - 50, number + 1))
    assert len(names.known()) < 2_000
    assert names[99_999] == "99999.pcap"


def test_another_process_goes_on_with_the_numbers():
    names = Names()
    for number in range(9):
        names.add(f"{number}.pcap")
    names.keep({4})
    other = Names()
    other.restore(names.known(), len(names))
    assert (other[4], other[5], other.add("9.pcap")) == ("4.pcap", "", 9)


def test_of_many_faults_the_first_are_told_and_the_rest_are_counted():
    faults = Faults()
    for number in range(MOST_FAULTS + 1_500):
        faults.add([Text(ja=f"{number}", en=f"{number}")])
    *first, last = faults.told()
    assert [one.en for one in first] == [f"{number}" for number in range(MOST_FAULTS)]
    assert last.en == "There were 1,500 more faults of files; the log tells each of them."
    assert len(faults) == MOST_FAULTS + 1_500
    assert Faults(faults.first, faults.more).told() == faults.told()


def held(count, *, first=0):
    captures = Captures()
    for number in range(first, first + count):
        index = Index(most=STRETCHES)
        index.note(begin=24, end=40 + number, before=0, frames=1, least=number, latest=number, setting=b"")
        reading = Reading(
            first_seen=number,
            last_seen=number + 1,
            faults=[Text(ja="切れています。", en="It is cut.")],
            index=index,
        )
        path = f"/in/{number}.pcap"
        read = InputRead(name=path, size=number, sha256="", reading=reading, modified=number)
        captures.add(number, Input(path=Path(path), sensor=1), read)
    return captures


def test_the_captures_that_came_first_are_forgotten_beyond_the_bound():
    assert held(MOST_CAPTURES + 3).sources([]).numbers == list(range(3, MOST_CAPTURES + 3))


def test_captures_in_which_nothing_begins_any_more_are_forgotten():
    captures = held(5, first=10)
    captures.keep_from(13)
    assert captures.sources([0, 7]).numbers == [13, 14]
    assert captures.sources([0, 7]).domains == [0, 7]


def test_the_next_process_finds_flows_as_this_one_did():
    captures, restored = held(3), Captures()
    restored.restore(json.loads(json.dumps(captures.told())))
    assert restored.told() == captures.told()
    before, after = captures.sources([]), restored.sources([])
    assert (after.inputs, after.numbers) == (before.inputs, before.numbers)
    assert [(one.size, one.modified) for one in after.read] == [
        (one.size, one.modified) for one in before.read
    ]
    assert [list(one.reading.index) for one in after.read] == [list(one.reading.index) for one in before.read]
