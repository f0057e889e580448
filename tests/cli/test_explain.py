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
