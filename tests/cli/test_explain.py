from __future__ import annotations

from pathlib import Path

import pytest

from zoneguard.cli import main
from zoneguard.errors import ExitCode

POLICY = str(Path(__file__).parents[2] / "zones.yaml")


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


def run_on_exports(*arguments):
    import subprocess
    import sys
    from pathlib import Path

    root = Path(__file__).parents[2]
    code = "import sys; from zoneguard.cli.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, "explain", "exports/csv/mistakes.csv", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
