from __future__ import annotations

from pathlib import Path

import pytest

from zoneguard.cli import main
from zoneguard.errors import ExitCode

ROOT = Path(__file__).parents[2]
POLICY = str(ROOT / "zones.yaml")


def explain(src, dst, port, *more):
    return main.run([
        "explain", "--policy", POLICY, "--lang", "en", "--src", src, "--dst", dst, "--dport", str(port), *more
    ])  # fmt: skip


def test_an_allowed_packet_names_the_flow_that_allows_it(capsys):
    assert explain("172.16.20.5", "192.168.10.5", 3389) == ExitCode.CLEAN
    assert "Allowed by: A-SCR" in capsys.readouterr().out


def test_a_forbidden_packet_names_the_nearest_flow_and_what_does_not_fit(capsys):
    assert explain("172.16.20.5", "192.168.10.5", 445) == ExitCode.FINDINGS
    told = capsys.readouterr().out
    assert "Nearest flow: A-SCR" in told
    assert "Does not fit (services): A-SCR allows only tcp/3389" in told


def test_a_packet_opened_from_the_wrong_side_is_told_as_such(capsys):
    assert explain("192.168.10.5", "172.16.20.5", 3389) == ExitCode.FINDINGS
    assert "opened from the wrong side" in capsys.readouterr().out


@pytest.mark.parametrize(("src", "more"), [("not-an-address", ()), ("172.16.20.5", ("--proto", "ipx"))])
def test_what_is_no_packet_is_2(src, more):
    assert explain(src, "192.168.10.5", 1, *more) == ExitCode.USAGE


def test_a_packet_is_followed_through_the_devices_given():
    done = run_on_exports("--src", "192.168.20.15", "--dst", "172.16.10.40", "--dport", "445", "--lang", "en")
    assert "permits it, by No. 3" in done.stdout
    assert "mistakes.csv:7" in done.stdout
    assert done.returncode == 1  # the policy forbids it


def test_a_table_of_packets_is_an_acceptance_matrix(tmp_path):
    table = tmp_path / "packets.csv"
    table.write_text(
        "src,dst,proto,dport,expected\n172.16.20.5,192.168.10.3,tcp,3389,permit\n"
        "192.168.20.15,172.16.10.40,tcp,445,deny\n",
        encoding="utf-8",
    )
    done = run_on_exports("--packets", str(table))
    rows = [line.split(",") for line in done.stdout.splitlines()]
    assert rows[0][-3:] == ["verdict", "expected", "agrees"]
    assert [row[-1] for row in rows[1:]] == ["yes", "no"]
    assert done.returncode == 1


def test_a_table_that_cannot_be_read_names_its_rows(tmp_path):
    table = tmp_path / "packets.csv"
    table.write_text("src,dst,proto,dport\nhere,there,tcp,80\n10.0.0.1,10.0.0.2,tcp,x\n", encoding="utf-8")
    done = run_on_exports("--packets", str(table), "--lang", "en")
    assert done.returncode == 3
    assert "packets.csv:2" in done.stderr
    assert "packets.csv:3" in done.stderr


@pytest.fixture
def doubtful(tmp_path):
    """Give an export that permits the screen transfer and holds a line that no parser knows."""
    known = (ROOT / "exports/iptables/clean.txt").read_text(encoding="utf-8")
    path = tmp_path / "doubtful.txt"
    path.write_text(
        known.replace("-A FORWARD -j logdrop\n", "-A FORWARD -j logdrop\n!! who knows\n", 1),
        encoding="utf-8",
    )
    return path


SCREEN = ("--src", "172.16.20.5", "--dst", "192.168.10.3", "--dport", "3389")


def test_an_export_that_was_understood_leaves_an_allowed_packet_clean():
    assert run_on_exports(*SCREEN, export="exports/iptables/clean.txt").returncode == ExitCode.CLEAN


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "lines not understood: 1"), ("ja", "読み取れなかった行が 1 行")]
)
def test_lines_not_understood_are_told_and_leave_the_answer_inconclusive(doubtful, lang, words):
    done = run_on_exports(*SCREEN, "--lang", lang, export=doubtful)
    number = doubtful.read_text(encoding="utf-8").splitlines().index("!! who knows") + 1
    assert words in done.stdout
    assert f"({number})" in done.stdout.replace("（", "(").replace("）", ")")
    assert done.returncode == ExitCode.INCONCLUSIVE


def test_a_forbidden_packet_stays_forbidden_beside_lines_not_understood(doubtful):
    other = ("--src", "192.168.20.15", "--dst", "172.16.10.40", "--dport", "445", "--lang", "en")
    done = run_on_exports(*other, export=doubtful)
    assert "lines not understood" in done.stdout
    assert done.returncode == ExitCode.FINDINGS


def test_a_table_tells_lines_not_understood_beside_it_and_is_inconclusive(tmp_path, doubtful):
    table = tmp_path / "packets.csv"
    table.write_text(
        "src,dst,proto,dport,expected\n172.16.20.5,192.168.10.3,tcp,3389,permit\n", encoding="utf-8"
    )
    done = run_on_exports("--packets", str(table), "--lang", "en", export=doubtful)
    assert [line.split(",")[-1] for line in done.stdout.splitlines()] == ["agrees", "yes"]
    assert "lines not understood: 1" in done.stderr
    assert done.returncode == ExitCode.INCONCLUSIVE


def test_a_packet_that_a_device_only_may_let_pass_is_inconclusive(tmp_path):
    path = tmp_path / "may.txt"
    known = (ROOT / "exports/iptables/clean.txt").read_text(encoding="utf-8")
    path.write_text(
        known.replace("-p tcp -m tcp --dport 3389", "-p tcp -m tcp --dport 3389 -m mark --mark 0x1")
    )
    done = run_on_exports(*SCREEN, "--lang", "en", export=path)
    assert "may permit" in done.stdout
    assert done.returncode == ExitCode.INCONCLUSIVE


def run_on_exports(*arguments, export="exports/csv/mistakes.csv"):
    import subprocess
    import sys

    code = "import sys; from zoneguard.cli.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, "explain", str(export), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
