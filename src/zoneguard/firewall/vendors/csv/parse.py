"""A list of permitted traffic to a ruleset: rows, directives, and what happens to the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.errors import InputRefusedError
from zoneguard.firewall.model import Action, Filter, Interface, LineState, Match, Ruleset
from zoneguard.firewall.secrets import REDACTED, tells_secret
from zoneguard.firewall.vendors.csv.rows import Row, Rows
from zoneguard.firewall.vendors.csv.table import directives_of, header_in, is_header, records_of
from zoneguard.firewall.vendors.csv.words import Column, action_of, column_of, narrow, switch_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Place
    from zoneguard.firewall.vendors.csv.table import Header, Record

REMARKS = ("#", "※", "＃", "注", "*", "＊", "//")
TITLE_MARKS = "■□●○◆◇▼▲★【〔［[<＜"
DECIDING = frozenset(
    (
        Column.ACTION, Column.DESTINATION, Column.DESTINATION_ZONE, Column.DPORT, Column.PROTOCOL, Column.SERVICE,
        Column.SOURCE, Column.SOURCE_ZONE, Column.SPORT,
    )
)  # fmt: skip


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read a list; raises InputRefusedError when it leaves open what it decides."""
    header = header_in(export.lines)
    if header is None:
        raise InputRefusedError(_no_header(export.file))
    given: dict[str, tuple[str, Record]] = {}
    body: list[Record] = []
    for record in records_of(export.file, export.lines, header.delimiter):
        _mark(export, record, LineState.IRRELEVANT)
        for name, value in directives_of(record):
            if name in given and narrow(given[name][0]).lower() != narrow(value).lower():
                raise InputRefusedError(_twice(export.file, record.first, name))
            given[name] = (value, record)
            _mark(export, record, LineState.PARSED)
        if record.first > header.record.first:
            _put_away(export, header, record)
        if record.first == header.record.first:
            _mark(export, record, LineState.PARSED)
        elif record.first > header.record.first and _is_row(record, header):
            body.append(record)
    _say_unknown_columns(export, header)
    rows = Rows(export, header, action=_action_given(export, header, given))
    filter_ = _filter(export, rows, body, given)
    interfaces = [Interface(name=zone, zone=zone) for zone in sorted(rows.zones)]
    if rows.zones and _speaks_of_any_zone(filter_):
        interfaces.append(Interface(name="*", stands_for_others=True))
    device = narrow(given["device"][0]) if "device" in given else export.file
    return (Ruleset(device=device, format="csv", steps=(filter_,), interfaces=tuple(interfaces)),)


def _speaks_of_any_zone(filter_: Filter) -> bool:
    """Tell whether the list decides on zones that it does not name."""
    return filter_.default is Action.PERMIT or any(
        line.action is Action.PERMIT and None in (line.match.ingress, line.match.egress)
        for line in filter_.lines
    )


def _put_away(export: Export, header: Header, record: Record) -> None:
    """Put away the cells of columns whose heading names a secret."""
    for at, (cell, head) in enumerate(zip(record.cells, header.record.cells, strict=False)):
        if not cell.strip() or not tells_secret(narrow(head)):
            continue
        for part in cell.splitlines():
            for number in range(record.first, record.last + 1):
                export.redact(number, part.replace('"', '""').strip())
        record.cells[at] = REDACTED


def _is_row(record: Record, header: Header) -> bool:
    """Tell rows of the table from remarks, section titles and a header that is repeated on each page.

    One cell alone is a title, unless it stands in a column that decides: merged cells leave such rows behind.
    """
    filled = [(at, cell.strip()) for at, cell in enumerate(record.cells) if cell.strip()]
    if not filled or filled[0][1].startswith(REMARKS) or is_header(tuple(map(column_of, record.cells))):
        return False
    if len(filled) > 1 or REDACTED in filled[0][1]:
        return True
    at, cell = filled[0]
    return at < len(header.columns) and header.columns[at] in DECIDING and cell[0] not in TITLE_MARKS


def _filter(export: Export, rows: Rows, body: list[Record], given: dict[str, tuple[str, Record]]) -> Filter:
    made = [rows.row(record) for record in body]
    last = made[-1] if made else None
    default: Action | None = None
    places: tuple[Place, ...] = ()
    log: bool | None = None
    if last and last.is_default:
        default, places, log = last.action, (export.place(last.record.first),), last.log
        made.pop()
    if "default" in given:
        value, record = given["default"]
        stated = action_of(value)
        if stated is None:
            raise InputRefusedError(_not_an_action(export.file, record.first, value))
        if default not in (None, stated):
            raise InputRefusedError(_twice(export.file, record.first, "default"))
        default, places = stated, (export.place(record.first), *places)
    if default is None and last and _decides_the_rest(last):
        default, places = last.action, (export.place(last.record.first),)
    if default is None:
        raise InputRefusedError(_no_default(export.file, export.lines))
    return Filter(
        name="list",
        lines=tuple(line for row in rows.ordered(made) for line in row.lines),
        default=default,
        default_places=places,
        default_log=log,
        stateful=_stateful(export, given),
    )


def _decides_the_rest(row: Row) -> bool:
    """Tell a last line that matches every packet, so that no packet is left for a default."""
    if len(row.lines) != 1:
        return False
    line = row.lines[0]
    return line.enabled and line.expires is None and line.begins is None and line.match == Match()


def _action_given(export: Export, header: Header, given: dict[str, tuple[str, Record]]) -> Action | None:
    if "action" in given:
        value, record = given["action"]
        if (action := action_of(value)) is None:
            raise InputRefusedError(_not_an_action(export.file, record.first, value))
        return action
    if Column.ACTION not in header.columns:
        raise InputRefusedError(_no_action(export.file, header.record.first))
    return None


def _stateful(export: Export, given: dict[str, tuple[str, Record]]) -> bool:
    if "stateful" not in given:
        return True
    value, record = given["stateful"]
    if (stateful := switch_of(value)) is None:
        raise InputRefusedError(_not_a_switch(export.file, record.first, value))
    return stateful


def _say_unknown_columns(export: Export, header: Header) -> None:
    for cell, column in zip(header.record.cells, header.columns, strict=True):
        if column is None and cell.strip():
            head = " ".join(cell.split())
            export.fault(
                header.record.first,
                LineState.UNKNOWN,
                Text(
                    ja=f"列「{head}」が何を表すか分かりません。この列に値のある行は、一致する範囲が確定しないものとして扱います。",
                    en=f"What the column {head!r} stands for is not known; a row with a value in it counts as one that may "
                    "match less than the rest of it says.",
                ),
            )


def _mark(export: Export, record: Record, state: LineState) -> None:
    for number in range(record.first, record.last + 1):
        export.mark(number, state)


def _no_header(file: str) -> Text:
    return Text(
        ja=f"{file}: 先頭40行に、送信元・宛先とサービス（またはプロトコル、ポート）の見出しがある行が見つかりません。"
        "見出しの行を「送信元,宛先,サービス,動作」のようにしてください。",
        en=f"{file}: none of the first 40 records heads columns for source, destination and service (or protocol, port). "
        "Head the table like: source,destination,service,action.",
    )


def _no_default(file: str, lines: list[str]) -> Text:
    line = max(1, len(lines))
    return Text(
        ja=f"{file}:{line}: どの行にも一致しない通信をどう扱うかが書かれていません。先頭に「# default: deny」の行を加えるか、最後の行に"
        "「その他」と動作（拒否など）を書いてください。",
        en=f"{file}:{line}: what happens to traffic that no row matches is not given. Add a line `# default: deny` at the "
        "top, or end the table with a row that says `default` and its action.",
    )


def _no_action(file: str, line: int) -> Text:
    return Text(
        ja=f"{file}:{line}: 許可か拒否かを示す列がありません。「動作」の列を加えるか、許可の一覧であれば先頭に「# action: permit」の行を"
        "加えてください。",
        en=f"{file}:{line}: no column says permit or deny. Add a column `action`, or for a list of permitted traffic a line "
        "`# action: permit` at the top.",
    )


def _not_an_action(file: str, line: int, value: str) -> Text:
    return Text(
        ja=f"{file}:{line}: 「{value}」は許可とも拒否とも読めません。permit（許可）か deny（拒否）と書いてください。",
        en=f"{file}:{line}: {value!r} is neither permit nor deny; write one of the two.",
    )


def _not_a_switch(file: str, line: int, value: str) -> Text:
    return Text(
        ja=f"{file}:{line}: 「{value}」は yes とも no とも読めません。どちらかを書いてください。",
        en=f"{file}:{line}: {value!r} is neither yes nor no; write one of the two.",
    )


def _twice(file: str, line: int, name: str) -> Text:
    return Text(
        ja=f"{file}:{line}: {name} が二度、違う値で書かれています。どちらかを消してください。",
        en=f"{file}:{line}: `{name}` is given twice and not the same; remove one of them.",
    )
