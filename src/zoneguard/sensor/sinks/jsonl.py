"""A file of JSON lines, our own or shaped as Suricata's EVE, rotated by size and day."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING

from zoneguard.errors import why
from zoneguard.report.when import moment
from zoneguard.sensor.sinks.base import SinkUnavailable
from zoneguard.sensor.sinks.document import line_documents, one_line
from zoneguard.sensor.sinks.eve import alerts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, tzinfo
    from pathlib import Path

    from zoneguard.sensor.sinks.base import Outgoing
    from zoneguard.text import Lang

_TAIL = 1 << 20


class Form(StrEnum):
    """How a line looks."""

    NATIVE = "native"  # zoneguard.notice/1
    EVE = "eve"


class JsonLines:
    """Appends lines and syncs them to disk; what was written in part is taken back, so that no line is torn.

    The file becomes PATH.1, PATH.1 becomes PATH.2 and so on to `keep`, when it would grow beyond `most_bytes` or, with
    `daily`, when a message of a later day comes. A file that somebody else moved away is begun anew.
    """

    def __init__(
        self,
        path: Path,
        *,
        zone: tzinfo,
        form: Form = Form.NATIVE,
        lang: Lang = "ja",
        most_bytes: int = 100 << 20,
        daily: bool = True,
        keep: int = 14,
    ) -> None:
        self._path = path
        self._zone = zone
        self._form = form
        self._lang = lang
        self._most_bytes = most_bytes
        self._daily = daily
        self._keep = keep
        self._file: int | None = None
        self._day: date | None = None

    def deliver(self, messages: Sequence[Outgoing]) -> None:
        """Append all lines of all messages and sync once for each message."""
        for done, message in enumerate(messages):
            try:
                self._append(message)
            except OSError as error:
                self.close()
                raise SinkUnavailable(f"{self._path}: {why(error).en}", delivered=done) from error

    def reopen(self) -> None:
        """Open the file by its name again at the next message, as after a rotation by somebody else."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def _append(self, message: Outgoing) -> None:
        octets = "".join(f"{line}\n" for line in self._lines(message)).encode("utf-8", "backslashreplace")
        day = self._day_of(message.body["at"])
        file = self._opened()
        size = os.fstat(file).st_size
        is_later = self._daily and self._day is not None and day > self._day
        if size and (is_later or size + len(octets) > self._most_bytes):
            self._rotate()
            file, size = self._opened(), 0
        try:
            _write(file, octets)
            os.fsync(file)
        except OSError:
            os.ftruncate(file, size)
            raise
        self._day = max(day, self._day or day)

    def _lines(self, message: Outgoing) -> list[str]:
        if self._form is Form.EVE:
            return [one_line(one) for one in alerts(message, self._zone, self._lang)]
        return [one_line(one) for one in line_documents(message, self._zone)]

    def _opened(self) -> int:
        if self._file is not None and not self._is_in_place(self._file):
            self.close()
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o640)
            _drop_torn_line(self._file)
            found = os.fstat(self._file)
            self._day = self._day_of(found.st_mtime_ns) if found.st_size else None
        return self._file

    def _is_in_place(self, file: int) -> bool:
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        held = os.fstat(file)
        return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

    def _rotate(self) -> None:
        self.close()
        names = [
            self._path,
            *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, self._keep + 1)),
        ]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)
        if not self._keep:
            self._path.unlink()
        self._day = None

    def _day_of(self, time: int) -> date:
        return moment(time, self._zone).date()


def _write(file: int, octets: bytes) -> None:
    left = memoryview(octets)
    while left:
        left = left[os.write(file, left) :]


def _drop_torn_line(file: int) -> None:
    """Cut what a killed process wrote of a line: its message is still in the outbox and comes whole."""
    size = os.fstat(file).st_size
    tail = os.pread(file, min(size, _TAIL), max(size - _TAIL, 0))
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(file, size - len(tail) + tail.rfind(b"\n") + 1)
