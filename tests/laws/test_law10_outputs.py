"""Law 10 for what comes from outside by the command line: names in exports and of files break no output."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
from pathlib import Path

import pytest

from tests.privacy import traffic
from tests.report.test_forms import READ_BY
from zoneguard.cli import main
from zoneguard.cli.diff import FORMATS as DIFFERENCES
from zoneguard.errors import ExitCode
from zoneguard.report.forms import FORMS

ROOT = Path(__file__).parents[2]
CODES = {*map(int, ExitCode)} - {ExitCode.USAGE, ExitCode.REFUSED, ExitCode.LACKING}
HOSTILE = {
    "controls": "a\x1b[2J\x1b]0;owned\x07\x9b31m\x08\x7fb",
    "bidi": "a\u202eb\u2066c\u200fd\ufeffe",
    "formula": "=cmd|'/c calc'!A1",
    "full-width formula": "＝1+1",
    "json": '"},{"rule":"ZG-X","x":["',
    "xml": "]]></descr><rule/>&lol;<!--",
    "markup": "[bold red]x[/]{{7*7}}%s%n$(id)`id`",
    "lines": "a\nINJECTED:1\r\n<13>1-INJECTED\x85INJECTED\u2028INJECTED",
    "unassigned": "a\U000e0041\u0378\ud7ffb",
    "long": "漢x" * 50_000,
}
HEAD = [
    "項番",
    "送信元ゾーン",
    "送信元アドレス",
    "宛先ゾーン",
    "宛先アドレス",
    "プロトコル",
    "ポート番号",
    "動作",
    "用途",
]


@pytest.fixture(params=HOSTILE)
def town(request, tmp_path, monkeypatch):
    """Lay out a folder of exports, captures and a policy with hostile names; become at home in it."""
    word = HOSTILE[request.param]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zones.yaml").write_bytes((ROOT / "zones.yaml").read_bytes())
    name = re.sub(r"[/\0]", "_", word)[:50]
    for folder, port in (("before", 80), ("after", 8080)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.csv").write_text(_permits(word, port), "utf-8")
    (tmp_path / "after" / f"s2-{name}.pcap").write_bytes(traffic.capture())
    (tmp_path / "packets.csv").write_text(
        "src,dst,proto,dport\n192.168.20.15,172.16.10.40,tcp,445\n", "utf-8"
    )
    return word


def _permits(word, port):
    """Write a list of permits with the word in every cell that takes a name."""
    file = io.StringIO(newline="")
    rows = csv.writer(file)
    rows.writerows([["# 既定: 拒否"], [f"# 機器: {word.splitlines()[0][:200]}"], HEAD])
    rows.writerow([word, "internet", "192.168.20.15", "lgwan", "172.16.10.40", "TCP", 445, "許可", word])
    rows.writerow([f"{word}2", "lgwan", "any", "internet", "any", "TCP", port, "許可", word])
    rows.writerow([f"{word}3", "lgwan", word, "internet", "any", word, 81, "許可", word])
    rows.writerow([f"{word}4", word, "any", word, "any", "TCP", word, word, word])
    return file.getvalue()


@pytest.mark.parametrize(
    "words",
    [
        ["check", "after", "--today", "2026-11-24", "--jobs", "1"],
        ["diff", "before", "after", "--all"],
        ["explain", "after", "--src", "192.168.20.15", "--dst", "172.16.10.40", "--dport", "445"],
        ["explain", "after", "--packets", "packets.csv"],
        ["flows", "after", "--jobs", "1"],
    ],
    ids=lambda words: words[0] + (" table" if "--packets" in words else ""),
)
def test_a_hostile_name_reaches_no_terminal_raw_and_breaks_no_form(town, words, capfd):
    for form, told, said in _outputs(words, capfd):
        for line in (told.removeprefix("\ufeff") + said).replace("\r\n", "\n").split("\n"):
            assert line.replace("\u3000", "").isprintable(), ascii(line[:300])
            assert not line.startswith(("INJECTED", "<13>")), line[:300]
        if form in READ_BY:
            READ_BY[form](told.encode())
        elif form == "json":
            json.loads(told)
        elif form == "jsonl":
            assert [json.loads(line) for line in told.splitlines()]
        elif form == "csv" or "--packets" in words:
            rows = list(csv.reader(io.StringIO(told.removeprefix("\ufeff"), newline="")))
            assert len(rows) > 1
            assert {len(row) for row in rows} == {len(rows[0])}
            assert not [cell for row in rows for cell in row if cell[:1] in tuple("=+-@＝＋－＠\t\r\n")]


def _outputs(words, capfd):
    """Yield each form of a command with what it said on standard error; one run writes all where it can."""
    asked = [*words, "--policy", "zones.yaml", "--lang", "ja"]
    whole = {"check": FORMS, "diff": DIFFERENCES}.get(words[0])
    if whole is not None:
        Path("written").mkdir()
        code = main.run(
            [*asked, *(word for form in whole for word in ("--format", f"{form}=written/{form}"))]
        )
        told, said = capfd.readouterr()
        assert code in CODES, said[:2000]
        yield "", told, said
        for form in whole:
            with contextlib.suppress(UnicodeDecodeError):  # a form that is no text reaches no terminal
                yield form, Path("written", form).read_bytes().decode(), ""
        return
    for form in ("text", "csv", "jsonl") if words[0] == "flows" else ("",):
        code = main.run([*asked, *(["--format", form] if form else [])])
        told, said = capfd.readouterr()
        assert code in CODES, said[:2000]
        yield form, told, said


@pytest.mark.parametrize("words", [["policy", "lint"], ["policy", "show"], ["policy", "graph"], ["check"]])
@pytest.mark.parametrize("name", ["\x1b[2Jz.yaml", "a\nINJECTED: 1", "\u202ez.yaml", "b\udcffz"])
def test_a_file_of_a_hostile_name_is_told_harmlessly(words, name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for content in ((ROOT / "zones.yaml").read_bytes(), b"version: 2\nzones: [\x07]\n", None):
        path = tmp_path / name
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        main.run([*words, os.fspath(path), "--lang", "en"])
        told, said = capfd.readouterr()
        for line in (told + said).split("\n"):
            assert line.replace("\t", "").isprintable(), ascii(line)
            assert not line.startswith("INJECTED"), line
