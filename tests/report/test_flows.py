from __future__ import annotations

import csv
import io
import json
import sys

import numpy as np
import pytest
from pyarrow import parquet

from zoneguard.errors import MachineLacksError
from zoneguard.net.flow import FlowTable
from zoneguard.report.flows import COLUMNS, write_csv, write_jsonl, write_parquet, write_text
from zoneguard.report.when import time_zone

TOKYO = time_zone("Asia/Tokyo")
V4 = 0xFFFF << 32


def table():
    return FlowTable.empty(2).replace(
        orig_address=np.array([[0, V4 | 0xAC101405], [0x20010DB8 << 32, 1]], np.uint64),
        resp_address=np.array([[0, V4 | 0xC0A80A05], [0x20010DB8 << 32, 5]], np.uint64),
        orig_port=np.array([50_000, 40_000], np.uint16),
        resp_port=np.array([3389, 123], np.uint16),
        protocol=np.array([6, 17], np.uint8),
        state=np.array([2, 0], np.uint8),
        first_seen=np.array([1_775_001_600_123_456_789] * 2),
        last_seen=np.array([1_775_001_601_000_000_001] * 2),
        orig_packets=np.array([5, 1]),
        frame=np.array([1, 9]),
    )


def zones(*names):
    return np.array(names), np.array(["internet", "public"])


def test_text_tells_one_flow_a_line():
    out = io.StringIO()
    write_text([(table(), zones("lgwan", "internet"))], out, TOKYO)
    assert out.getvalue().splitlines() == [
        (
            "2026-04-01T09:00:00.123456789+09:00 tcp 172.16.20.5:50000 (lgwan) -> 192.168.10.5:3389 (internet)"
            " data packets 5/0 bytes 0/0"
        ),
        (
            "2026-04-01T09:00:00.123456789+09:00 udp [2001:db8::1]:40000 (internet) -> [2001:db8::5]:123 (public)"
            " attempt packets 1/0 bytes 0/0"
        ),
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_of_csv_is_a_formula(start):
    out = io.StringIO()
    write_csv([(table(), zones(f"{start}cmd", "b"))], out, TOKYO)
    assert out.getvalue().startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(out.getvalue().removeprefix("\ufeff"))))
    assert rows[0]["orig_zone"].startswith("'")
    assert list(rows[0]) == list(COLUMNS)


def test_json_lines_leave_out_what_is_not_known():
    out = io.StringIO()
    write_jsonl([(table(), None)], out, TOKYO)
    first = json.loads(out.getvalue().splitlines()[0])
    assert first["resp_address"] == "192.168.10.5"
    assert "orig_zone" not in first
    assert "orig_mac" not in first


def test_parquet_keeps_nanoseconds(tmp_path):
    write_parquet([(table(), None), (table(), zones("a", "b"))], tmp_path / "f.parquet", TOKYO)
    read = parquet.read_table(tmp_path / "f.parquet")
    assert read.num_rows == 4
    assert read["first_seen"].cast("int64")[0].as_py() == 1_775_001_600_123_456_789
    assert read["orig_zone"].to_pylist() == [None, None, "a", "b"]


def test_parquet_without_its_library_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MachineLacksError, match="pip install"):
        write_parquet([], tmp_path / "f.parquet", TOKYO)


def test_blocks_are_written_as_they_come():
    out = io.StringIO()

    def blocks():
        yield table(), None
        assert out.getvalue().count("\n") == 2
        yield table(), None

    write_text(blocks(), out, TOKYO)
    assert out.getvalue().count("\n") == 4
