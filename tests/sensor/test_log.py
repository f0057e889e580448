"""The sensor's own log."""

from __future__ import annotations

import io
import json

from tests.sensor.building import JST, NOON
from zoneguard.sensor.commands import Level
from zoneguard.sensor.log import Log
from zoneguard.text import Text

TEXT = Text(ja="リンクが切れています\x1b", en="the link is down\x1b")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_programs_get_one_line_of_json_an_entry_in_both_languages():
    stream = io.StringIO()
    log = Log(stream, zone=JST, lang="ja", sensor="core")
    log.write(Level.WARNING, TEXT, now=NOON, event="link:eth1")
    (line,) = stream.getvalue().splitlines()
    assert "\x1b" not in line
    assert json.loads(line) == {
        "time": "2026-11-24T12:00:00.000000000+09:00",
        "level": "warning",
        "sensor": "core",
        "message": {"ja": TEXT.ja, "en": TEXT.en},
        "event": "link:eth1",
    }


def test_a_terminal_gets_plain_lines_in_one_language():
    stream = Terminal()
    Log(stream, zone=JST, lang="en", sensor="core").write(Level.ERROR, TEXT, now=NOON)
    assert stream.getvalue() == "2026-11-24 12:00:00.000+09:00 ERROR the link is down<U+001B>\n"


def test_a_log_that_nobody_reads_does_not_stop_the_sensor():
    stream = Closed()
    Log(stream, zone=JST, lang="en", sensor="core").write(Level.ERROR, TEXT, now=NOON)
    assert stream.getvalue() == ""
