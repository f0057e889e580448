"""`zoneguard policy`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from zoneguard.cli.policy import MODELS, policy
from zoneguard.errors import InputRefusedError, UsageError
from zoneguard.policy.presets import PRESETS

ROOT = Path(__file__).parents[2]


def run(*words, lang="en"):
    return CliRunner().invoke(
        policy, [str(word) for word in words], obj=SimpleNamespace(lang=lang), catch_exceptions=True
    )


def test_lint_says_what_it_read():
    assert "12 zones, 29 allowed flows, 2 gateways" in run("lint", ROOT / "zones.yaml").output
    assert "誤りはありません" in run("lint", ROOT / "zones.yaml", lang="ja").output


def test_lint_refuses_a_policy_with_mistakes(tmp_path):
    (tmp_path / "zones.yaml").write_text("version: 1\n", encoding="utf-8")
    refused = run("lint", tmp_path / "zones.yaml").exception
    assert isinstance(refused, InputRefusedError)
    assert len(refused.faults) == 3


def test_lint_says_when_there_is_no_policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(run("lint").exception, InputRefusedError)


def test_show_gives_plain_lines_when_nobody_watches():
    lines = run("show", ROOT / "zones.yaml").output.splitlines()
    assert "lgwan\tinternet\tA-SCR" in lines


def test_graph_draws_gateways_between_zones():
    drawn = run("graph", ROOT / "zones.yaml").output
    assert '"internet" -> "gateway mail-sanitizer" [label="A-MAIL-IN-1"];' in drawn
    assert run("graph", "--format", "mermaid", ROOT / "zones.yaml").output.startswith("flowchart LR\n")


@pytest.mark.parametrize("model", MODELS)
def test_init_writes_a_policy_that_lints(model, tmp_path):
    file = tmp_path / "zones.yaml"
    assert run("init", "--model", model, "--output", file).exit_code == 0
    assert run("lint", file).exit_code == 0


def test_init_never_overwrites(tmp_path):
    file = tmp_path / "zones.yaml"
    file.write_text("mine", encoding="utf-8")
    assert isinstance(run("init", "--model", "alpha", "--output", file).exception, UsageError)
    assert file.read_text(encoding="utf-8") == "mine"


def test_init_offers_every_preset():
    assert MODELS == PRESETS


def test_schema_is_json():
    assert json.loads(run("schema").output)["title"] == "ZoneGuard zones.yaml"


def test_help_needs_no_heavy_library():
    code = (
        "import sys, zoneguard.cli.policy; "
        "print({'pydantic', 'yaml', 'numpy', 'numba', 'networkx', 'rich'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
