"""The sensor's own log: plain lines for eyes, JSON lines for everything else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from zoneguard.report.harmless import harmless, harmless_json
from zoneguard.report.when import iso, short
from zoneguard.sensor.commands import Level

if TYPE_CHECKING:
    from datetime import tzinfo
    from typing import TextIO

    from zoneguard.text import Lang, Text

_MARKS = {Level.ERROR: "ERROR", Level.WARNING: "WARN ", Level.INFO: "info "}


class Log:
    """Writes one line an entry, at once. On a terminal it speaks one language, in JSON both."""

    def __init__(self, stream: TextIO, *, zone: tzinfo, lang: Lang, sensor: str) -> None:
        self._stream = stream
        self._zone = zone
        self._lang = lang
        self._sensor = sensor
        self._plain = stream.isatty()

    def write(self, level: Level, text: Text, *, now: int, event: str = "") -> None:
        """Write an entry; `now` is ns since 1970, `event` a word that programs may look for."""
        if self._plain:
            line = harmless(f"{short(now, self._zone)} {_MARKS[level]} {text.in_(self._lang)}")
        else:
            entry = {
                "time": iso(now, self._zone),
                "level": level.value,
                "sensor": self._sensor,
                "message": {"ja": text.ja, "en": text.en},
            }
            if event:
                entry["event"] = event
            line = harmless_json(json.dumps(entry, ensure_ascii=False))
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody reads any more, which must not end the watch
