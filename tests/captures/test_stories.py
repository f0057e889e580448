"""The two stories that an export tells together with a capture, or alone."""

from __future__ import annotations

from pathlib import Path

from zoneguard.api import check
from zoneguard.findings.finding import Severity, Verdict

ROOT = Path(__file__).parents[2]


def findings(*evidence):
    report = check(
        [str(ROOT / one) for one in evidence],
        ROOT / "zones.yaml",
        lang="ja",
        fail_on=Severity.MEDIUM,
        today="2026-11-16",
        generated=0,
    )
    return report.findings


def test_story_11_traffic_that_the_firewall_denies_contradicts_its_export():
    found = findings("captures/story-11-denied-by-config.pcap", "exports/fortios/clean.conf")
    (finding,) = [
        one for one in found if one.severity is Severity.HIGH and one.verdict is not Verdict.UNVERIFIABLE
    ]
    assert (finding.rule, finding.name) == ("ZG-H05", "observed-though-denied")
    assert finding.related == ("ZG-A03",)


def test_story_12_a_temporary_policy_beyond_its_end_is_still_enabled():
    found = findings("exports/fortios/mistakes.conf")
    (finding,) = [one for one in found if one.rule == "ZG-C04"]
    assert (finding.verdict, finding.severity, finding.line) == (Verdict.VIOLATED, Severity.HIGH, "policy 31")
