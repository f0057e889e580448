from __future__ import annotations

import subprocess
import sys

import click
import pytest

from zoneguard.cli import main
from zoneguard.cli.bilingual import locale_language
from zoneguard.errors import ExitCode, InputRefusedError
from zoneguard.text import Text


def a_command_that(monkeypatch, act):
    monkeypatch.setattr(main._Root, "get_command", lambda *_: click.Command("check", callback=act))


def test_help_imports_nothing_heavy():
    heavy = ("numpy", "numba", "networkx", "pydantic", "rich", "yaml")
    code = (
        "import sys; from zoneguard.cli.main import run; run(['--help']);"
        f"sys.exit(','.join(m for m in {heavy!r} if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("line", [["--lang", "ja", "check", "--help"], ["check", "--help", "--lang=ja"]])
def test_the_language_may_stand_before_or_after_the_command(line, capsys):
    assert main.run(line) == 0
    assert capsys.readouterr().out.startswith("使い方: zoneguard check")


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LC_ALL": "C", "LANG": "ja_JP.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "ja_JP", "LANG": "C"}, "ja"),
        ({}, "en"),
    ],
)
def test_the_locale_tells_the_language(environment, lang):
    assert locale_language(environment) == lang


def test_every_command_tells_its_help_in_both_languages(capsys):
    for name in ("check", "explain", "flows", "warmup"):
        for lang in ("ja", "en"):
            assert main.run([name, "--help", "--lang", lang]) == 0
            lines = capsys.readouterr().out.splitlines()
            assert max(sum(1 + (ord(c) > 0x2E7F) for c in line) for line in lines) <= 80


@pytest.mark.parametrize(
    "line",
    [
        ["check", "--bogus"],
        ["nope"],
        ["check"],
        ["--lang", "fr", "check", "x"],
        ["check", "x", "--jobs", "0"],
    ],
)
def test_a_misused_command_gives_one_line_and_2(line, capsys):
    assert main.run(line) == ExitCode.USAGE
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "ja", "en"),
    [
        (
            "chek",
            "コマンド「chek」はありません。check のことですか。",
            "No such command 'chek'. Did you mean 'check'?",
        ),
        ("check a --polcy b", "--policy のことですか。", "Did you mean '--policy'?"),
        ("check --policy", "--policy には値を指定してください。", "requires an argument."),
        ("check --digest=3 a", "--digest に値は指定できません。", "does not take a value."),
        ("check", "EVIDENCE を指定してください。", "Missing argument 'EVIDENCE...'."),
        ("check a --jobs x", "1 以上の整数を指定してください。", "give an integer of 1 or more."),
        (
            "explain --vlan 5000",
            "0 から 4094 までの整数を指定してください。",
            "give an integer from 0 to 4094.",
        ),
        ("check a --fail-on x", "critical、high、medium、low、info のいずれかです。", "'x' is not one of"),
        (
            "check a --output .",
            "フォルダーではなくファイルを指定してください。",
            "it is a folder; name a file.",
        ),
        (
            "policy init --model gamma",
            "alpha、alpha-prime、beta、beta-prime、four-zone のいずれかです。",
            "'gamma' is not one of",
        ),
        ("policy init", "のどれかを指定してください。", "Give one of --model"),
        ("warmup x", "余分な引数があります: x。", "Got unexpected extra argument (x)."),
        ("check a --policy none.yaml", "ファイルまたはフォルダーがありません", "no such file or folder"),
    ],
)
def test_a_mistake_on_the_command_line_is_told_in_whole_sentences(line, ja, en, capsys):
    for lang, words in (("ja", ja), ("en", en)):
        main.run(
            [*line.split(), "--lang", lang] if line != "check --policy" else ["--lang", lang, *line.split()]
        )
        assert words in capsys.readouterr().err


def test_an_unknown_language_is_refused_with_the_known_ones(capsys):
    assert main.run(["check", "a", "--lang", "fr"]) == ExitCode.USAGE
    assert "ja or en" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["policy", "policy lint", "policy init", "check", "flows", "explain"])
def test_help_is_japanese_throughout(command, capsys):
    main.run([*command.split(), "--help", "--lang", "ja"])
    told = capsys.readouterr().out
    assert told.startswith("使い方: ")
    assert "[default" not in told
    assert "RANGE" not in told
    assert "Show this" not in told


def test_faults_are_told_one_a_line_in_the_language(monkeypatch, capsys):
    def refuse():
        raise InputRefusedError(Text(ja="誤り一", en="one"), Text(ja="誤り二\x1b[2J", en="two"))

    a_command_that(monkeypatch, refuse)
    assert main.run(["check", "--lang", "ja"]) == ExitCode.REFUSED
    assert capsys.readouterr().err == "誤り一\n誤り二<U+001B>[2J\n"


def test_a_defect_is_told_in_both_languages_without_a_traceback(monkeypatch, capsys):
    a_command_that(monkeypatch, lambda: 1 // 0)
    assert main.run(["check"]) == main.DEFECT
    told = capsys.readouterr().err
    assert "不具合" in told
    assert "defect" in told
    assert "Traceback" not in told


def test_a_defect_shows_its_traceback_when_asked(monkeypatch, capsys):
    monkeypatch.setenv("ZONEGUARD_DEBUG", "1")
    a_command_that(monkeypatch, lambda: 1 // 0)
    assert main.run(["check"]) == main.DEFECT
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt, main.INTERRUPTED),
        (BrokenPipeError, main.READER_GONE),
        (MemoryError, ExitCode.LACKING),
    ],
)
def test_what_happens_to_a_run_shows_in_its_exit_code(error, code, monkeypatch):
    def act():
        raise error

    a_command_that(monkeypatch, act)
    assert main.run(["check"]) == code
