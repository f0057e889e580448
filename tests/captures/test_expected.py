from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from zoneguard.api import check
from zoneguard.findings.finding import Severity, Verdict

ROOT = Path(__file__).parents[2]
DAY = "2026-11-16"
EXPECTED = yaml.safe_load((ROOT / "captures" / "expected.yaml").read_text("utf-8"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_capture_gives_exactly_its_findings(name):
    expected = EXPECTED[name]
    report = check(
        [str(ROOT / "captures" / name)],
        ROOT / expected["policy"],
        lang="en",
        fail_on=Severity.MEDIUM,
        today=DAY,
        generated=0,
    )
    told = [finding for finding in report.findings if finding.rule != "ZG-I01"]
    unverifiable = [finding for finding in told if finding.verdict is Verdict.UNVERIFIABLE]
    assert sorted(one.rule for one in told if one not in unverifiable) == expected["primary"]
    assert sorted(one.rule for one in unverifiable) == expected["unverifiable"]
    assert report.summary.exit_code == expected["exit"]
