"""Display filters of findings, held against what tshark finds by them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from zoneguard import api
from zoneguard.findings.finding import PacketLocator, Severity
from zoneguard.report.displayfilter import flow_filter

CAPTURES = Path(__file__).parents[2] / "captures"
STORIES = (
    "story-02-screen-reversed", "a02-attempt-refused", "g01-dns-leak", "f01-gre", "f03-ipv6-leak",
    "story-10-dual-homed", "e04-rogue-router", "e04-rogue-dhcp", "e02-unmanaged-address", "d03-second-exit",
)  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_a_filter_finds_the_packets_that_a_finding_names(story):
    capture = CAPTURES / f"{story}.pcap"
    report = api.check(
        [str(capture)], CAPTURES.parent / "zones.yaml", lang="en", fail_on=Severity.MEDIUM,
        today="2026-11-23", generated=1_775_001_600_000_000_000,
    )  # fmt: skip
    tried = 0
    for finding in report.findings:
        frames = {one.frame for one in finding.locators if isinstance(one, PacketLocator)}
        told = flow_filter(finding)
        if not frames or not told:
            continue
        tried += 1
        ran = subprocess.run(
            ["tshark", "-r", capture, "-Y", told, "-T", "fields", "-e", "frame.number"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 0, (told, ran.stderr)
        assert frames <= set(map(int, ran.stdout.split())), (finding.rule, told)
    assert tried
