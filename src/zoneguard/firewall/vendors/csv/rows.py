"""Rows of a hand-kept list to lines in the order they are asked."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.eras import dates_in
from zoneguard.firewall.model import Action, Line, LineState, Match
from zoneguard.firewall.secrets import REDACTED
from zoneguard.firewall.vendors.csv.cells import addresses_of, services_of, values_of
from zoneguard.firewall.vendors.csv.words import (
    Column,
    action_of,
    is_any,
    is_nothing,
    narrow,
    says_default,
    switch_of,
)
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.csv.table import Header, Record

_EXCEL_EPOCH = date(1899, 12, 30)


class Row(NamedTuple):
    """One row: the lines it makes, and what it says for everything else when `is_default`."""

    record: Record
    lines: tuple[Line, ...]
    order: int | None
    is_default: bool = False
    action: Action = Action.DENY
    log: bool | None = None


class Rows:
    """Reads the rows of one table; `zones` gathers the zone names as they come."""

    def __init__(self, export: Export, header: Header, *, action: Action | None) -> None:
        self._export = export
        self._header = header
        self._action = action
        self._numbers: set[str] = set()
        self.zones: set[str] = set()

    def row(self, record: Record) -> Row:
        """Read one row; whatever is not clear in it leaves open what it matches, and is said."""
        export = self._export
        for number in range(record.first, record.last + 1):
            export.mark(number, LineState.PARSED)
        if len(record.cells) < len(self._header.columns) and REDACTED in " ".join(record.cells):
            return self._swallowed(record)
        cells = _Cells(self._header, record)
        order = _number(cells.one(Column.ORDER))
        log = switch_of(cells.one(Column.LOG)) if cells.has(Column.LOG) else None
        action = action_of(cells.one(Column.ACTION)) if cells.has(Column.ACTION) else self._action
        is_default = self._is_default(cells)
        if action and is_default and cells.has(Column.ACTION):
            # One that is not the last row is a line like any other, which leaves nothing for those below it.
            everything = Line(
                id=self._name(cells, record), action=action, match=Match(), places=(export.place(record.first),), log=log
            )  # fmt: skip
            return Row(record, (everything,), order, is_default=True, action=action, log=log)
        unclear = [*self._unclear(cells, record)]
        if is_default:
            unclear.append("everything else, without an action of its own")
        enabled = self._enabled(cells, unclear)
        match = self._match(cells, unclear)
        begins, expires = self._dates(cells, record)
        actions = (action,) if action else (Action.PERMIT, Action.DENY)
        if not action:
            unclear.append(f"action {cells.one(Column.ACTION).strip()!r}")
        if unclear:
            export.fault(record.first, LineState.UNKNOWN, _unclear_text(unclear))
            match = Match(
                source=match.source, destination=match.destination, services=match.services,
                ingress=match.ingress, egress=match.egress, unknown=tuple(unclear),
            )  # fmt: skip
        comments = [cell for cell in cells.all(Column.COMMENT) if not is_nothing(cell)]
        name = self._name(cells, record)
        lines = tuple(
            Line(
                id=name, action=one, match=match, places=(export.place(record.first),), enabled=enabled, log=log,
                name=cells.one(Column.NAME).strip(), comment=" / ".join(" ".join(cell.split()) for cell in comments),
                begins=begins, expires=expires,
            )
            for one in actions
        )  # fmt: skip
        return Row(record, lines, order, action=lines[0].action, log=log)

    def _swallowed(self, record: Record) -> Row:
        """Leave a row open of which cells went out of sight with a secret: no cell stands where it stood."""
        unknown = ("cells put away with a secret",)
        self._export.fault(record.first, LineState.UNKNOWN, _unclear_text([*unknown]))
        lines = tuple(
            Line(
                id=f"row {record.first}",
                action=action,
                match=Match(unknown=unknown),
                places=(self._export.place(record.first),),
            )
            for action in Action
        )
        return Row(record, lines, None)

    def ordered(self, rows: list[Row]) -> list[Row]:
        """Put rows in the order the list gives; where it gives none that is whole, in that of the file."""
        if Column.ORDER not in self._header.columns:
            return rows
        numbers = [row.order for row in rows if row.order is not None]
        if len(numbers) == len(rows) == len(set(numbers)):
            if numbers == sorted(numbers):
                return rows
            made = sorted(rows, key=lambda row: row.order or 0)
            self._export.fault(self._header.record.first, LineState.UNKNOWN, _REORDERED)
            return made
        if rows:
            self._export.fault(self._header.record.first, LineState.UNKNOWN, _NO_ORDER)
        return rows

    def _is_default(self, cells: _Cells) -> bool:
        """Tell a row for everything else: it says so, and restricts nothing."""
        wheres = (Column.SOURCE, Column.DESTINATION, Column.SERVICE, Column.PROTOCOL, Column.DPORT, Column.SPORT,
                  Column.SOURCE_ZONE, Column.DESTINATION_ZONE, Column.CONDITION, Column.EXPIRES, Column.BEGINS)  # fmt: skip
        free = all(
            is_any(cell) or says_default(cell) or is_nothing(cell)
            for one in wheres
            for cell in cells.all(one)
        )
        said = any(says_default(cell) for cell in cells.record.cells)
        return free and said and not any(cells.strange()) and self._enabled(cells, [])

    def _unclear(self, cells: _Cells, record: Record) -> Iterator[str]:
        for head, cell in cells.strange():
            yield f"{head} {cell!r}"
        for cell in cells.all(Column.CONDITION):
            if cell.strip() and not is_any(cell) and not is_nothing(cell):
                yield f"condition {' '.join(cell.split())!r}"
        for cell in cells.all(Column.NAT):
            if not is_nothing(cell) and switch_of(cell) is not False:
                self._export.fault(record.first, LineState.UNSUPPORTED, _nat_text(cell))
                yield f"nat {' '.join(cell.split())!r}"

    def _enabled(self, cells: _Cells, unclear: list[str]) -> bool:
        for column, meaning in ((Column.ENABLED, True), (Column.DISABLED, False)):
            if not cells.has(column):
                continue
            cell = cells.one(column)
            if narrow(cell) in ("無効", "disabled", "停止", "廃止"):
                return False
            state = switch_of(cell)
            if state is None and column is Column.DISABLED and not cell.strip():
                state = False
            if state is None:
                unclear.append(f"{column} {cell.strip()!r}")
            elif state is not meaning:
                return False
        return True

    def _match(self, cells: _Cells, unclear: list[str]) -> Match:
        spans = {}
        for column in (Column.SOURCE, Column.DESTINATION):
            spans[column] = ANYWHERE
            if not cells.one(column).strip():
                unclear.append(f"{column} is blank")
                continue
            spans[column], words = addresses_of(cells.one(column))
            unclear += [f"{column} {' '.join(word.split())!r}" for word in words]
        services: tuple[Service, ...] = (Service(),)
        services, words = services_of(
            cells.one(Column.PROTOCOL),
            cells.one(Column.DPORT),
            cells.one(Column.SPORT),
            cells.one(Column.SERVICE),
        )
        unclear += [
            f"service {' '.join(word.split())!r}" if word.strip() else "service is blank" for word in words
        ]
        return Match(
            source=spans[Column.SOURCE],
            destination=spans[Column.DESTINATION],
            services=services,
            ingress=self._zones(cells, Column.SOURCE_ZONE, unclear),
            egress=self._zones(cells, Column.DESTINATION_ZONE, unclear),
        )

    def _zones(self, cells: _Cells, column: Column, unclear: list[str]) -> frozenset[str] | None:
        if not cells.has(column):
            return None
        cell = cells.one(column)
        if not cell.strip():
            unclear.append(f"{column.replace('_', ' ')} is blank")
            return None
        if is_any(cell):
            return None
        named = frozenset(values_of(cell))
        self.zones |= named
        return named

    def _dates(self, cells: _Cells, record: Record) -> tuple[date | None, date | None]:
        begins, expires = None, None
        for cell in cells.all(Column.BEGINS):
            begins = _day(cell) or begins
            if not begins and not is_nothing(cell):
                self._export.fault(record.first, LineState.UNKNOWN, _no_date_text(cell))
        for cell in cells.all(Column.EXPIRES):
            days = dates_in(cell)
            if len(days) == 2 and not days[0].is_end:
                begins = days[0].day
            expires = _day(cell) or expires
            if not expires and not is_nothing(cell):
                self._export.fault(record.first, LineState.UNKNOWN, _no_date_text(cell))
        return begins, expires

    def _name(self, cells: _Cells, record: Record) -> str:
        given = narrow(cells.one(Column.NUMBER) or cells.one(Column.ORDER))
        if given and len(given) <= 40 and given not in self._numbers:
            self._numbers.add(given)
            return f"No. {given}"
        return f"row {record.first}"


class _Cells:
    """The cells of one row by what their columns are about."""

    def __init__(self, header: Header, record: Record) -> None:
        self._header = header
        self.record = record

    def has(self, column: Column) -> bool:
        return column in self._header.columns

    def all(self, column: Column) -> list[str]:
        pairs = zip(self._header.columns, self.record.cells, strict=False)
        return [cell for one, cell in pairs if one is column]

    def one(self, column: Column) -> str:
        """Give the cell of a column, several of one kind joined as several values."""
        return ";".join(cell for cell in self.all(column) if cell.strip())

    def strange(self) -> list[tuple[str, str]]:
        """List what stands in columns that are not known, or beyond the last column."""
        found = []
        for at, cell in enumerate(self.record.cells):
            known = at < len(self._header.columns) and self._header.columns[at]
            if not known and not is_nothing(cell):
                head = self._header.record.cells[at].strip() if at < len(self._header.columns) else ""
                found.append((" ".join(head.split()) or f"column {at + 1}", " ".join(cell.split())))
        return found


def _number(cell: str) -> int | None:
    digits = narrow(cell).replace(",", "")
    return int(digits) if re.fullmatch(r"[0-9]{1,9}", digits) else None


def _day(cell: str) -> date | None:
    """Read a cell that holds a date: the last one in it, or the number Excel shows in place of a date."""
    days = dates_in(cell)
    if days:
        return ([one for one in days if one.is_end] or list(days))[-1].day
    number = _number(cell)
    if number and 40_000 <= number < 60_000:
        return _EXCEL_EPOCH + timedelta(days=number)
    return None


def _unclear_text(unclear: list[str]) -> Text:
    what = ", ".join(unclear[:5]) + (" …" if len(unclear) > 5 else "")
    return Text(
        ja=f"この行の次の記載が一通りに読めません: {what}。一致する範囲が確定しないものとして扱います。空のセルは値（制限がなければ any）を、"
        "Excel が日付や指数に変えたポートは元の番号を、桁区切りにも見える「1,433」は「1433」か「1;433」を書いてください。",
        en=f"This row cannot be read in one way only: {what}. It counts as one that may match. Fill blank cells (`any` where "
        "nothing is restricted), restore ports that Excel made into dates or powers, and write 1433 or 1;433 for what could be either.",
    )


def _nat_text(cell: str) -> Text:
    what = " ".join(cell.split())
    return Text(
        ja=f"アドレス変換「{what}」は、一覧からはどの段階のアドレスか決まらないため、モデルに入れません。この行は確定しないものとして扱います。",
        en=f"The translation {what!r} is not modelled: a list does not say on which side of it its addresses are. The row counts "
        "as one that may match.",
    )


def _no_date_text(cell: str) -> Text:
    what = " ".join(cell.split())
    return Text(
        ja=f"「{what}」は年のある日付として読めません。期限のない行として扱います。2027-03-31 や R9.3.31 のように書いてください。",
        en=f"{what!r} is no date with a year; the row counts as one without an end. Write it like 2027-03-31 or R9.3.31.",
    )


_REORDERED = Text(
    ja="順番の列の小さい順に行を並べ替えて読みました。小さい番号が先でない一覧であれば、評価される順に行を並べてください。",
    en="The rows are read in the ascending order of their order column; if a smaller number does not come first in this "
    "list, put the rows in the order in which they are asked.",
)
_NO_ORDER = Text(
    ja="順番の列に空欄・重複・数字でないものがあるため、ファイルの行の順に読みました。",
    en="The order column has blanks, repetitions or words, so the rows are read in the order of the file.",
)
