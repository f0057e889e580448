"""A list of required communication, as spreadsheet programs and people write it."""

from __future__ import annotations

import time
import zipfile
from datetime import date
from pathlib import Path

import pytest

from zoneguard.api.initiating import propose
from zoneguard.errors import InputRefusedError
from zoneguard.onboarding import spreadsheet
from zoneguard.onboarding.spreadsheet import sheets_of
from zoneguard.policy.load import parse_policy
from zoneguard.policy.model import FlowKind

ROOT = Path(__file__).parents[2]
FORTIGATE = ROOT / "exports" / "fortios" / "clean.conf"
HEAD = "項番,種別,送信元IPアドレス,宛先IPアドレス,プロトコル,ポート番号,用途,承認番号,承認者,承認日,期限\n"
NAMES = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    "xl/workbook.xml": (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<sheets><sheet name="要件" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
    "xl/styles.xml": (
        '<styleSheet><numFmts><numFmt numFmtId="176" formatCode="[$-411]ggge&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/>'
        '</numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="176"/></cellXfs></styleSheet>'
    ),
}


def workbook(path, sheet, **parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in (NAMES | {"xl/worksheets/sheet1.xml": sheet} | parts).items():
            book.writestr(name, text)
    return path


def sheet_of(rows, more=""):
    """Write rows of cells; a cell is text, or XML that begins with <c."""
    written = []
    for number, cells in enumerate(rows, 1):
        told = [
            cell if cell.startswith("<c") else f'<c t="inlineStr"><is><t>{cell}</t></is></c>'
            for cell in cells
        ]
        written.append(f'<row r="{number}">{"".join(told)}</row>')
    return f"<worksheet><sheetData>{''.join(written)}</sheetData>{more}</worksheet>"


def flows(path):
    text = propose(model="alpha", exports=[str(FORTIGATE)], captures=[], sheet=str(path), lang="en")
    policy = parse_policy(text.encode(), "zones.yaml")
    return text, {flow.id: flow for flow in (*policy.flows, *policy.proposed)}


def listed(tmp_path, *rows, encoding="utf-8"):
    file = tmp_path / "list.csv"
    file.write_bytes((HEAD + "".join(row + "\n" for row in rows)).encode(encoding))
    return flows(file)


SCREEN = (
    "1,画面転送,172.16.20.0/22,192.168.10.0/26,TCP,３３８９,閲覧,R8-情-012,統括責任者,R8.4.1,令和9年3月31日"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_an_approved_row_is_a_flow_in_force(tmp_path, encoding):
    _, read = listed(tmp_path, SCREEN, encoding=encoding)
    flow = read["REQ-1"]
    assert flow.to_decide is None
    assert (flow.kind, flow.source.zone, flow.destination.zone) == (FlowKind.SCREEN, "lgwan", "internet")
    assert [service.ports for service in flow.services] == [(3389, 3389)]
    approval = flow.approval
    assert (approval.number, approval.by, approval.reason) == ("R8-情-012", "統括責任者", "閲覧")
    assert (approval.on, approval.until) == (date(2026, 4, 1), date(2027, 3, 31))


def test_a_row_without_an_approval_allows_nothing(tmp_path):
    _, read = listed(tmp_path, "2,,172.16.251.2,172.16.10.25,TCP,25,配送,,,,")
    assert "neither the number" in read["REQ-2"].to_decide


def test_a_row_between_zones_to_be_divided_is_asked_about_though_it_is_approved(tmp_path):
    _, read = listed(tmp_path, "7,,172.16.10.9,192.168.20.5,TCP,1433,DB,R8-情-099,,,R9.3.31")
    assert "are divided" in read["REQ-7"].to_decide


def test_registered_communication_outside_my_number_is_a_permit(tmp_path):
    _, read = listed(tmp_path, "8,特定通信,172.16.10.61,172.16.251.3,TCP,443,更新,R8-1,,,")
    assert read["REQ-8"].kind is FlowKind.PERMIT


def test_a_row_that_is_not_understood_is_told_with_its_place(tmp_path):
    text, read = listed(
        tmp_path,
        "1,,サーバ室一式,172.16.10.5,TCP,443,,R8-1,,,",
        "2,,すべて,172.16.10.5,TCP,443,,R8-1,,,",
        "3,,10.99.0.1,172.16.10.5,TCP,443,,R8-1,,,",
    )
    assert read == {}
    assert "list.csv:2: not understood (not an address: サーバ室一式)" in text
    assert "list.csv:3: not understood (an address is blank, or any)" in text
    assert "list.csv:4: 10.99.0.1 lies in no zone" in text


def test_a_day_that_does_not_exist_is_asked_about(tmp_path):
    _, read = listed(tmp_path, "1,,172.16.10.25,172.16.251.2,TCP,25,,R8-1,,,令和9年2月30日")
    assert "not a date" in read["REQ-1"].to_decide


def test_any_port_is_asked_about(tmp_path):
    _, read = listed(tmp_path, "1,,172.16.10.25,172.16.251.2,TCP,すべて,,R8-1,,,R9.3.31")
    assert "narrow it" in read["REQ-1"].to_decide


def test_headers_in_two_rows_and_merged_cells_are_understood(tmp_path):
    rows = [
        ["通信要件一覧"],
        ["項番", "送信元", "", "宛先", "", "プロトコル", "ポート", "承認番号", "期限"],
        ["", "名称", "IPアドレス", "名称", "IPアドレス", "", "", "", ""],
        [
            "1",
            "MTA",
            "172.16.10.25",
            "無害化",
            "172.16.251.2",
            "TCP",
            "25",
            "R8-情-014",
            '<c s="1"><v>46477</v></c>',
        ],
        ["2", "MTA", "172.16.10.26", "無害化", "172.16.251.2", "TCP", "25", "", ""],
    ]
    rows = [[cell or "<c/>" for cell in row] for row in rows]
    merges = "".join(
        f'<mergeCell ref="{ref}"/>'
        for ref in ("B2:C2", "D2:E2", "A2:A3", "F2:F3", "G2:G3", "H2:H3", "I2:I3", "H4:H5")
    )
    _, read = flows(workbook(tmp_path / "list.xlsx", sheet_of(rows, f"<mergeCells>{merges}</mergeCells>")))
    assert read["REQ-1"].approval.until == date(2027, 3, 31)
    assert read["REQ-2"].approval.number == "R8-情-014"


def test_what_openpyxl_writes_is_read(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (HEAD + SCREEN).splitlines():
        book.active.append(row.split(","))
    book.active["K2"] = date(2027, 3, 31)
    book.active["G2"] = "=1+1"
    book.save(tmp_path / "list.xlsx")
    text, read = flows(tmp_path / "list.xlsx")
    assert read["REQ-1"].approval.until == date(2027, 3, 31)
    assert "1 cells hold formulas" in text


def test_a_list_without_a_header_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "list.csv").write_text("a,b,c\n1,2,3\n", "utf-8")
    with pytest.raises(InputRefusedError, match="no row heads the columns"):
        flows(tmp_path / "list.csv")


@pytest.mark.parametrize(
    ("part", "text", "word"),
    [
        ("xl/worksheets/sheet1.xml", '<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>', "document type"),
        ("xl/worksheets/sheet1.xml", "<worksheet><row>", "broken"),
        ("xl/worksheets/sheet1.xml", "<a>" * 40 + "</a>" * 40, "neither xlsx nor CSV"),
        (
            "xl/worksheets/sheet1.xml",
            "<worksheet>" + " " * 40_000_000 + "</worksheet>",
            "larger than the bound",
        ),
        ("xl/sharedStrings.xml", "<sst>" + "<si/>" * 300_001 + "</sst>", "larger than the bound"),
    ],
    ids=["entities", "broken", "deep", "bomb", "strings"],
)
def test_a_hostile_workbook_is_refused_quickly(tmp_path, part, text, word):
    path = workbook(tmp_path / "list.xlsx", sheet_of([["a"]]), **{part: text})
    started = time.process_time()
    with pytest.raises(InputRefusedError, match=word):
        sheets_of(path)
    assert time.process_time() - started < 10


def test_a_million_rows_are_refused(tmp_path):
    (tmp_path / "list.csv").write_text(HEAD + SCREEN.join("\n" * 100_000), "utf-8")
    with pytest.raises(InputRefusedError, match="more than 20,000 rows"):
        sheets_of(tmp_path / "list.csv")
    rows = "".join(f'<row r="{n}"><c><v>1</v></c></row>' for n in range(1, 30_000))
    path = workbook(tmp_path / "list.xlsx", f"<worksheet><sheetData>{rows}</sheetData></worksheet>")
    with pytest.raises(InputRefusedError, match="more than 20,000 rows"):
        sheets_of(path)


def test_a_cell_far_out_costs_nothing(tmp_path):
    sheet = '<worksheet><sheetData><row r="1048576"><c r="XFD1048576"><v>1</v></c><c r="A1048576"><v>2</v></c></row></sheetData></worksheet>'
    (read,) = sheets_of(workbook(tmp_path / "list.xlsx", sheet))
    assert read.rows == [spreadsheet.Row(1_048_576, ["2"])]


@pytest.mark.parametrize(
    "octets", [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, b"PK\x03\x04rest", b"\0" * 100]
)
def test_what_is_no_list_is_refused(tmp_path, octets):
    (tmp_path / "list.xlsx").write_bytes(octets)
    with pytest.raises(InputRefusedError, match=r"list\.xlsx"):
        sheets_of(tmp_path / "list.xlsx")
