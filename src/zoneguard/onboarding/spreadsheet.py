"""Rows of a spreadsheet: Office Open XML (xlsx) or separated values, bounded, nothing computed or resolved.

The workbook is read with zipfile and expat: a list in which merged cells count has to be read with its merges,
which openpyxl leaves out when it reads in bounded memory (ECMA-376 part 1, section 18.3.1.55).
"""

from __future__ import annotations

import csv
import re
import zipfile
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple
from xml.parsers import expat

from zoneguard.errors import InputRefusedError, why
from zoneguard.firewall.export import decode
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_OCTETS = 32 * 1024 * 1024  # of the file, and of each part of a workbook once unpacked
MOST_ROWS = 20_000
MOST_COLUMNS = 64
MOST_STRINGS = 300_000
MOST_MERGES = 20_000
MOST_CELL = 4_000  # characters
MOST_SHEETS = 50
DEEPEST = 32
_DAY_FORMATS = {*range(14, 18), 22, *range(27, 37), *range(50, 59)}
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


class Row(NamedTuple):
    """A row: its number in the sheet from 1, and its cells; a merged cell says the same in all its places."""

    number: int
    cells: list[str]


class Sheet(NamedTuple):
    """One sheet; `formulas` counts cells whose value is the one that was saved with a formula."""

    name: str
    rows: list[Row]
    formulas: int = 0


def sheets_of(path: Path) -> list[Sheet]:
    """Read every sheet of a file. Raises InputRefusedError when it is none, or is beyond the bounds."""
    try:
        if path.stat().st_size > MOST_OCTETS:
            raise _refused(path, _TOO_LARGE)
        octets = path.read_bytes()
    except OSError as error:
        reason = why(error)
        raise InputRefusedError(
            Text(
                ja=f"{path}: 開けません（{reason.ja}）。パスと権限を確認してください。",
                en=f"{path}: cannot be opened ({reason.en}); check the path and its permissions.",
            )
        ) from None
    if octets[:4] == b"PK\x03\x04":
        return _workbook(path)
    if octets[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise _refused(path, _OLD_OR_LOCKED)
    if b"\0" in octets[:4096] and octets[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise _refused(path, _NO_SHEET)
    return [Sheet(path.name, _separated(path, decode(octets)))]


def _separated(path: Path, text: str) -> list[Row]:
    head = text[:20_000]
    delimiter = "\t" if head.count("\t") > head.count(",") else ","
    rows: list[Row] = []
    try:
        reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
        first = 1
        for cells in reader:
            rows.append(Row(first, [cell[:MOST_CELL] for cell in cells[:MOST_COLUMNS]]))
            first = reader.line_num + 1
            if len(rows) > MOST_ROWS:
                raise _refused(path, _TOO_MANY_ROWS)
    except csv.Error as error:
        line = rows[-1].number + 1 if rows else 1
        raise InputRefusedError(
            Text(
                ja=f"{path}:{line}: 表として読めません（{error}）。Excel などで CSV UTF-8 として保存し直してください。",
                en=f"{path}:{line}: this is no table ({error}); save it again as CSV UTF-8 in a spreadsheet program.",
            )
        ) from None
    return rows


def _workbook(path: Path) -> list[Sheet]:
    try:
        with zipfile.ZipFile(path) as book:
            return _Workbook(path, book).sheets()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, KeyError):
        raise _refused(path, _NO_SHEET) from None
    except expat.ExpatError as error:
        raise InputRefusedError(
            Text(
                ja=f"{path}: ブックの中の XML が壊れています（{error}）。Excel で開き、保存し直してください。",
                en=f"{path}: the XML in this workbook is broken ({error}); open it in Excel and save it again.",
            )
        ) from None


class _Workbook:
    def __init__(self, path: Path, book: zipfile.ZipFile) -> None:
        self.path = path
        self.book = book

    def sheets(self) -> list[Sheet]:
        names: list[tuple[str, str]] = []
        targets: dict[str, str] = {}
        is_1904 = False

        def of_book(tag: str, attributes: dict[str, str]) -> None:
            nonlocal is_1904
            if tag == "sheet" and attributes.get("state", "visible") == "visible":
                names.append((attributes.get("name", ""), attributes.get("id", "")))
            elif tag == "workbookPr":
                is_1904 = attributes.get("date1904") in ("1", "true")

        self._parse("xl/workbook.xml", of_book)
        self._parse(
            "xl/_rels/workbook.xml.rels",
            lambda tag, attributes: (
                targets.update({attributes.get("Id", ""): attributes.get("Target", "")})
                if tag == "Relationship"
                else None
            ),
        )
        strings, days = self._strings(), self._day_styles()
        begin = date(1904, 1, 1) if is_1904 else date(1899, 12, 30)
        read = []
        for name, relation in names[:MOST_SHEETS]:
            target = targets.get(relation, "")
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            if target and part in self.book.namelist():
                read.append(self._sheet(name, part, strings, days, begin))
        return read

    def _strings(self) -> list[str]:
        found: list[str] = []
        if "xl/sharedStrings.xml" not in self.book.namelist():
            return found
        pieces: list[str] = []
        hidden = 0  # depth of phonetic text (rPh), which repeats the string in kana

        def begin(tag: str, _: dict[str, str]) -> None:
            nonlocal hidden
            hidden += tag == "rPh"

        def end(tag: str, text: str) -> None:
            nonlocal hidden
            hidden -= tag == "rPh"
            if tag == "t" and not hidden:
                pieces.append(text)
            elif tag == "si":
                found.append("".join(pieces)[:MOST_CELL])
                pieces.clear()
                if len(found) > MOST_STRINGS:
                    raise _refused(self.path, _TOO_LARGE)

        self._parse("xl/sharedStrings.xml", begin, end)
        return found

    def _day_styles(self) -> set[int]:
        """Give the cell styles that show a number as a day, eras included."""
        formats: dict[int, str] = {}
        styles: list[int] = []
        inside = False

        def begin(tag: str, attributes: dict[str, str]) -> None:
            nonlocal inside
            if tag == "numFmt":
                formats[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")[:500]
            elif tag == "cellXfs":
                inside = True
            elif tag == "xf" and inside and len(styles) < MOST_STRINGS:
                styles.append(_number(attributes.get("numFmtId")))

        def end(tag: str, _: str) -> None:
            nonlocal inside
            inside = inside and tag != "cellXfs"

        if "xl/styles.xml" in self.book.namelist():
            self._parse("xl/styles.xml", begin, end)
        return {
            at for at, one in enumerate(styles) if one in _DAY_FORMATS or _shows_a_day(formats.get(one, ""))
        }

    def _sheet(self, name: str, part: str, strings: list[str], days: set[int], begin_day: date) -> Sheet:
        rows: dict[int, dict[int, str]] = {}
        merges: list[str] = []
        cell: dict[str, str] = {}
        formulas = 0
        row = column = 0

        def begin(tag: str, attributes: dict[str, str]) -> None:
            nonlocal row, column, cell
            if tag == "row":
                row, column = _number(attributes.get("r")) or row + 1, 0
            elif tag == "c":
                found = _REFERENCE.fullmatch(attributes.get("r", ""))
                column = _column(found[1]) if found else column + 1
                cell = attributes
            elif tag == "mergeCell" and len(merges) < MOST_MERGES:
                merges.append(attributes.get("ref", ""))

        def end(tag: str, text: str) -> None:
            nonlocal formulas
            if tag == "f":
                formulas += 1
            elif tag in ("v", "t") and text and column <= MOST_COLUMNS:
                if row not in rows and len(rows) >= MOST_ROWS:
                    raise _refused(self.path, _TOO_MANY_ROWS)
                cells = rows.setdefault(row, {})
                told = _value(text, cell, strings, days, begin_day)
                cells[column] = (cells.get(column, "") + told if tag == "t" else told)[:MOST_CELL]

        self._parse(part, begin, end)
        _spread(rows, merges)
        listed = [
            Row(number, [cells.get(at, "") for at in range(1, max(cells) + 1)])
            for number, cells in sorted(rows.items())
        ]
        return Sheet(name, listed, formulas)

    def _parse(
        self,
        part: str,
        begin: Callable[[str, dict[str, str]], object],
        end: Callable[[str, str], object] = lambda tag, text: None,
    ) -> None:
        """Read one part element by element, without names of namespaces; a document type is refused."""
        info = self.book.getinfo(part)
        if info.file_size > MOST_OCTETS:
            raise _refused(self.path, _TOO_LARGE)
        parser = expat.ParserCreate()
        pieces: list[str] = []
        depth = 0

        def started(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > DEEPEST:
                raise _refused(self.path, _NO_SHEET)
            pieces.clear()
            begin(_local(tag), {_local(key): value for key, value in attributes.items()})

        def ended(tag: str) -> None:
            nonlocal depth
            depth -= 1
            end(_local(tag), "".join(pieces))
            pieces.clear()

        def refused(*_: object) -> None:
            raise _refused(self.path, _ENTITIES)

        parser.StartElementHandler = started
        parser.EndElementHandler = ended
        parser.CharacterDataHandler = pieces.append
        parser.StartDoctypeDeclHandler = refused
        parser.EntityDeclHandler = refused
        left = MOST_OCTETS
        with self.book.open(info) as file:
            while chunk := file.read(65_536):
                left -= len(chunk)
                if left < 0:
                    raise _refused(self.path, _TOO_LARGE)
                parser.Parse(chunk, False)  # noqa: FBT003 - expat takes positions only
            parser.Parse(b"", True)  # noqa: FBT003 - likewise


def _value(text: str, cell: dict[str, str], strings: list[str], days: set[int], begin: date) -> str:
    kind = cell.get("t", "n")
    if kind == "s":
        at = _number(text)
        return strings[at] if at < len(strings) else ""
    if kind == "n" and _number(cell.get("s")) in days:
        try:
            return (begin + timedelta(days=int(float(text)))).isoformat()
        except (ValueError, OverflowError):
            return text
    if kind == "n" and re.fullmatch(r"[0-9]{1,15}\.0+", text):
        return text.partition(".")[0]
    return text


def _spread(rows: dict[int, dict[int, str]], merges: list[str]) -> None:
    """Write the value of a merged cell into every place of it that is within the table."""
    for reference in merges:
        corners = [_REFERENCE.fullmatch(corner) for corner in reference.split(":")]
        if len(corners) != 2 or not all(corners):
            continue
        (left, top), (right, bottom) = ((_column(one[1]), int(one[2])) for one in corners if one)
        value = rows.get(top, {}).get(left, "")
        if not value or right - left > MOST_COLUMNS or bottom - top > MOST_ROWS:
            continue
        for number in range(top, bottom + 1):
            for at in range(left, min(right, MOST_COLUMNS) + 1):
                if number in rows:
                    rows[number].setdefault(at, value)


def _shows_a_day(code: str) -> bool:
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", code.lower())
    return bool(re.search(r"[ydge]", bare)) and "general" not in bare


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _refused(path: Path, text: Text) -> InputRefusedError:
    return InputRefusedError(Text(ja=f"{path}: {text.ja}", en=f"{path}: {text.en}"))


_TOO_LARGE = Text(
    ja=f"展開すると上限（{MOST_OCTETS // 1024 // 1024} MiB）を超えます。一覧のシートだけを CSV に保存して指定してください。",
    en=f"larger than the bound ({MOST_OCTETS // 1024 // 1024} MiB once unpacked); save the sheet with the list alone "
    "as CSV and give that.",
)
_TOO_MANY_ROWS = Text(
    ja=f"{MOST_ROWS:,} 行を超えています。通信要件一覧の行だけを残して指定してください。",
    en=f"more than {MOST_ROWS:,} rows; keep only the rows of the list of communication.",
)
_OLD_OR_LOCKED = Text(
    ja="古い形式（xls）か、パスワードで保護されたファイルです。Excel で開き、パスワードなしの xlsx か CSV で保存し直してください。",
    en="this is the old format (xls), or protected by a password; save it as xlsx without a password, or as CSV.",
)
_NO_SHEET = Text(
    ja="xlsx でも CSV でもありません。通信要件一覧を xlsx か CSV で保存して指定してください。",
    en="this is neither xlsx nor CSV; save the list of communication as one of the two.",
)
_ENTITIES = Text(
    ja="XML の実体参照（DOCTYPE）を含むため読みません。Excel で開き、保存し直してください。",
    en="it holds an XML document type, which no spreadsheet program writes, and is not read; open it in Excel and save it again.",
)
