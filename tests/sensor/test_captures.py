from __future__ import annotations

import pytest

from zoneguard.sensor.captures import MOST_FAULTS, Faults, Names
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
