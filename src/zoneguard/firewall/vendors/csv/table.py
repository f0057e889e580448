"""The table in a file of comma-separated values: where it begins, what heads its columns, and its records."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.errors import InputRefusedError
from zoneguard.firewall.vendors.csv.words import Column, column_of, narrow
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_TITLE_RECORDS = 40  # before the header


class Record(NamedTuple):
    """One record: the lines of the file it takes, counted from 1, and its cells."""

    first: int
    last: int
    cells: list[str]


class Header(NamedTuple):
    """The record that heads the columns; `columns` has None where a header is not known."""

    record: Record
    columns: tuple[Column | None, ...]
    delimiter: str


def header_in(lines: list[str]) -> Header | None:
    """Find the header in the first records, with whichever delimiter makes sense of it."""
    for delimiter in (",", "\t", ";"):
        try:
            for at, record in enumerate(_records(lines, delimiter, strict=False)):
                if at >= MOST_TITLE_RECORDS:
                    break
                columns = tuple(column_of(cell) for cell in record.cells)
                if is_header(columns):
                    return Header(record, columns, delimiter)
        except csv.Error:
            continue
    return None


def is_header(columns: tuple[Column | None, ...]) -> bool:
    """Tell a record that heads a list of filter lines."""
    services = {Column.SERVICE, Column.DPORT, Column.PROTOCOL}
    return {Column.SOURCE, Column.DESTINATION} <= {*columns} and bool(services & {*columns})


def records_of(file: str, lines: list[str], delimiter: str) -> Iterator[Record]:
    """Yield the records; raises InputRefusedError where a quote is not closed or a cell is beyond all size."""
    reached = 0
    try:
        for record in _records(lines, delimiter, strict=True):
            reached = record.last
            yield record
    except csv.Error as error:
        raise InputRefusedError(_broken(file, reached + 1, str(error))) from error


def directives_of(record: Record) -> list[tuple[str, str]]:
    """Read "# default: deny" and its like from a record; none when it is no remark with a colon."""
    text = narrow(record.cells[0]) if record.cells else ""
    found = re.fullmatch(r"#+\s*([^:=]{1,40}?)\s*[:=]\s*(.+)", text)
    return [(_DIRECTIVES[found[1].lower()], found[2])] if found and found[1].lower() in _DIRECTIVES else []


_DIRECTIVES = {
    "action": "action",
    "default": "default",
    "default action": "default",
    "device": "device",
    "stateful": "stateful",
    "ステートフル": "stateful",
    "デフォルト": "default",
    "動作": "action",
    "既定": "default",
    "既定の動作": "default",
    "暗黙": "default",
    "機器": "device",
    "装置": "device",
}


def _records(lines: Iterable[str], delimiter: str, *, strict: bool) -> Iterator[Record]:
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=strict)
    first = 1
    for cells in reader:
        yield Record(first, reader.line_num, cells)
        first = reader.line_num + 1


def _broken(file: str, line: int, reason: str) -> Text:
    return Text(
        ja=f"{file}:{line}: この行からの引用符が正しく閉じていないか、セルが大きすぎるため、表として読めません（{reason}）。"
        "Excel などで開き、CSV UTF-8 として保存し直してください。",
        en=f"{file}:{line}: from here on this is no table: a quote is not closed properly, or a cell is too large "
        f"({reason}). Open it in a spreadsheet program and save it again as CSV UTF-8.",
    )
