from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from zoneguard.report.width import cells, left, right, wrap

WRITTEN = st.text("ab z、。（）「」漢字カナかなー0.:/", max_size=60)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)) | WRITTEN)
def test_cells_are_counted_as_rich_counts_them(text):
    assert cells(text) == cell_len(text)


def test_padding_counts_wide_characters_twice():
    assert left("漢字", 6) == "漢字  "
    assert right("漢字", 6) == "  漢字"


@given(WRITTEN, st.integers(4, 40))
def test_wrapping_loses_nothing_but_spaces(text, width):
    assert "".join("".join(wrap(text, width)).split()) == "".join(text.split())


def test_no_line_begins_with_a_closing_mark():
    assert wrap("これは文です。", 12) == ("これは文で", "す。")


def test_a_word_wider_than_the_line_stays_whole():
    assert wrap("see captures/a-long-name.pcap now", 10) == ("see", "captures/a-long-name.pcap", "now")
