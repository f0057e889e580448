"""Following a folder."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from zoneguard.sensor.folder import File, Look, look

SECOND = 1_000_000_000


def file(name: str, size: int = 100, mtime: int = 0, first: int | None = None, inode: int = 0) -> File:
    return File(
        path=f"/p/{name}",
        inode=inode or sum(name.encode()),
        size=size,
        mtime=mtime * SECOND,
        first_packet=None if first is None else first * SECOND,
    )


def looks(*listings, known=(), settle=10, every=5):
    """Look at one listing after the other, `every` seconds apart; give all looks."""
    last, made = Look(), []
    for number, listed in enumerate(listings):
        last = look(listed, known, last, mono=number * every * SECOND, settle=settle)
        made.append(last)
    return made


def names(files):
    return [one.path[3:] for one in files]


def test_a_file_is_complete_when_it_has_not_changed_for_the_settle_time():
    a = file("a")
    assert [names(one.ready) for one in looks([a], [a], [a])] == [[], [], ["a"]]


def test_a_growing_file_is_waited_for():
    growing = [[file("a", size=size, mtime=size)] for size in (1, 2, 3, 4)]
    made = looks(*growing)
    assert all(names(one.ready) == [] and names(one.waiting) == ["a"] for one in made)
    assert all(not one.told for one in made)


def test_a_newer_file_shows_that_the_one_before_is_complete():
    a, b = file("a", mtime=1), file("b", mtime=2)
    made = looks([a], [a, b])
    assert names(made[1].ready) == ["a"]
    assert names(made[1].waiting) == ["b"]


def test_a_file_that_changed_at_this_very_look_is_not_complete_though_a_newer_one_is_there():
    a, b = file("a", mtime=1), file("b", mtime=3)
    made = looks([a], [replace(a, size=200, mtime=2 * SECOND), b])
    assert names(made[1].ready) == []


def test_files_come_in_the_order_of_their_first_packets_whatever_their_names():
    listed = [file("a", mtime=9, first=30), file("b", mtime=8, first=10), file("c", mtime=7, first=20)]
    assert names(looks(listed, listed, listed)[-1].ready) == ["b", "c", "a"]


def test_a_file_that_was_read_is_not_read_again():
    a = file("a")
    made = looks([a], [a], [a], known=[a])
    assert made[-1].ready == made[-1].waiting == ()
    assert made[-1].told == ()


def test_an_empty_file_is_waited_for():
    empty = file("a", size=0)
    assert names(looks([empty], [empty], [empty], [empty])[-1].ready) == []


def test_a_file_that_vanished_unread_is_told_once():
    a = file("a")
    made = looks([a], [], [])
    assert ["vanished before it was read" in text.en for text in made[1].told] == [True]
    assert made[2].told == ()


def test_a_file_that_vanished_after_it_was_read_is_nobodys_concern():
    a = file("a")
    assert looks([a], [], known=[a])[1].told == ()


def test_a_file_replaced_by_another_is_told_and_read():
    a, other = file("a", inode=1), file("a", inode=2)
    made = looks([a], [other], [other], [other], known=[a])
    assert "was replaced by another file" in made[1].told[0].en
    assert names(made[3].ready) == ["a"]


def test_a_file_that_was_cut_is_told():
    made = looks([file("a", size=100)], [file("a", size=40, mtime=1)])
    assert "cut from 100 to 40 bytes" in made[1].told[0].en


def test_a_file_that_grew_after_it_was_read_is_told_and_read_again():
    a, more = file("a", size=100), file("a", size=150, mtime=1)
    made = looks([a], [more], [more], [more], known=[a])
    assert "grew after it had been read" in made[1].told[0].en
    assert names(made[3].ready) == ["a"]


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.builds(
                file,
                st.sampled_from("abc"),
                st.integers(0, 3),
                st.integers(0, 9),
                st.none(),
                st.integers(1, 2),
            ),
            unique_by=lambda one: one.path,
        ),
        max_size=12,
    )
)
def test_every_file_listed_is_ready_or_waiting_or_known_and_what_is_ready_has_been_seen_unchanged(listings):
    known: set[File] = set()
    last = Look()
    for number, listed in enumerate(listings):
        before = last
        last = look(listed, known, before, mono=number * 5 * SECOND, settle=10)
        assert {*last.ready, *last.waiting} == set(listed) - known
        assert not {*last.ready} & {*last.waiting}
        for one in last.ready:
            assert before.seen[one.path].file == one
        known |= set(last.ready)
