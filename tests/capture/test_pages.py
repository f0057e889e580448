from __future__ import annotations

from zoneguard.capture.pages import Pages


def test_pages_that_are_given_back_are_empty_and_the_others_keep_what_they_hold():
    pages = Pages(4096)
    pages.words[:] = 7
    pages.give_back(1500)
    assert not pages.words[:1024].any()
    assert (pages.words[1500:] == 7).all()
