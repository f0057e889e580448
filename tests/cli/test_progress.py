from __future__ import annotations

import io

import pytest

from zoneguard.capture import kernels
from zoneguard.cli import progress
from zoneguard.cli.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def advance(bar):
    with bar:
        for step in range(1, 4):
            bar._last -= 1
            bar.update(step * 100, step * 10)


def test_short_work_shows_no_bar():
    screen = Terminal()
    advance(ProgressBar(300, lang="en", stream=screen))
    assert screen.getvalue() == ""


def test_long_work_shows_packets_a_second(monkeypatch):
    monkeypatch.setattr(progress, "SHOWN_AFTER", -1)
    screen = Terminal()
    advance(ProgressBar(300, lang="en", stream=screen))
    assert "packets/s" in screen.getvalue()


def test_work_of_unknown_length_shows_a_bar_too(monkeypatch):
    monkeypatch.setattr(progress, "SHOWN_AFTER", -1)
    screen = Terminal()
    advance(ProgressBar(None, lang="ja", stream=screen))
    assert "読み取り中" in screen.getvalue()


def test_a_file_gets_no_bar(monkeypatch):
    monkeypatch.setattr(progress, "SHOWN_AFTER", -1)
    file = io.StringIO()
    advance(ProgressBar(300, lang="en", stream=file))
    assert file.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize(
    ("lang", "kept", "words"),
    [
        ("ja", True, ("一度だけ", "30秒", "zoneguard warmup")),
        ("en", True, ("once", "half a minute", "zoneguard warmup")),
        ("ja", False, ("実行のたび", "30秒", "ZONEGUARD_CACHE")),
        ("en", False, ("every run", "half a minute", "ZONEGUARD_CACHE")),
    ],
)
def test_before_a_compilation_one_line_says_how_long_and_what_helps(stream, lang, kept, words):
    told = stream()
    with ProgressBar(300, lang=lang, stream=told):
        kernels._announce(kept)
    assert kernels._announce is None
    assert told.getvalue().count("\n") == 1
    assert all(word in told.getvalue() for word in words)
