from __future__ import annotations

from zoneguard.firewall.export import Export


def test_a_secret_goes_and_the_word_before_it_stays():
    (line,) = Export.of("x", b"pre-shared-key key invented").lines
    assert line == "pre-shared-key <redacted> invented"


def test_the_tags_of_xml_are_no_part_of_a_secret():
    lines = Export.of("x", b"<a>ask for the password here</a>\n<entry name='secret b'/>\n").lines
    assert lines == ["<a>ask for the password <redacted></a>", "<entry name='secret <redacted>'/>"]
