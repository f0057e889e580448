"""`zoneguard explain FINGERPRINT --report`, on runs over real evidence."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from zoneguard.cli import main
from zoneguard.errors import ExitCode

ROOT = Path(__file__).parents[2]
STORIES = (
    "story-02-screen-reversed",
    "a02-attempt-refused",
    "a06-other-service",
    "story-05b-tokutei-other-mac",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Give a folder with a policy of its own and the run of several stories judged by it."""
    place = tmp_path_factory.mktemp("run")
    shutil.copy(ROOT / "zones.yaml", place)
    code = main.run([
        "check", *(str(ROOT / f"captures/{story}.pcap") for story in STORIES), str(ROOT / "exports/fortios/mistakes.conf"),
        "--policy", str(place / "zones.yaml"), "--today", "2026-11-23", "--lang", "en",
        "--format", "json", "--output", str(place / "run.json"),
    ])  # fmt: skip
    assert code == ExitCode.FINDINGS
    return place


@pytest.fixture
def explained(place, capfd):
    def explain(rule, *more, lang="en"):
        findings = json.loads((place / "run.json").read_text("utf-8"))["findings"]
        fingerprint = next(one["fingerprint"] for one in findings if one["rule"] == rule)
        capfd.readouterr()
        assert (
            main.run(["explain", fingerprint, "--report", str(place / "run.json"), "--lang", lang, *more])
            == 0
        )
        return capfd.readouterr().out

    return explain


def test_a_reversed_flow_is_explained_by_segment_direction_and_state(explained):
    told = explained("ZG-A05")
    assert (
        "192.168.10.21 (VLAN 310) → internet: it lies in the segment 192.168.10.0/26, VLAN 310, VRF IN."
        in told
    )
    assert "Who opened it is certain" in told
    assert "State: data. The connection came about" in told
    assert re.search(r"Nearest flow: A-SCR \(\S+/zones\.yaml:\d+:\d+\): lgwan → internet, tcp/3389", told)
    assert "Does not fit (direction): A-SCR is opened from lgwan, and here internet opened it." in told
    assert "ZG-A03 Two divided zones talked directly" in told
    assert "of these rules ZG-A05 says most precisely" in told
    assert (
        "All of this traffic: ip.addr == 192.168.10.21 && ip.addr == 172.16.20.31 && tcp.port == 3389" in told
    )
    assert "frame 1; display filter of Wireshark: frame.number in {1}" in told
    assert "of the content it was judged by" in told


def test_it_is_told_in_japanese_as_well(explained):
    told = explained("ZG-A05", lang="ja")
    assert "1. 指摘\n" in told
    assert "不一致（向き）: A-SCR を開始できるのは lgwan 側で、ここでは internet 側が開始しました。" in told
    assert "次にすること" in told


def test_another_mac_and_another_service_are_named(explained):
    assert "Does not fit (macs): 02:10:10:00:09:99 is no MAC address that SP-05 registers." in explained(
        "ZG-C03"
    )
    told = explained("ZG-H05")
    assert "Does not fit (services): A-SCR allows only tcp/3389, udp/3389." in told


def test_an_attempt_is_told_from_a_breach_and_an_undeclared_pair_is_said(explained):
    told = explained("ZG-A02")
    assert "State: attempt." in told
    assert "Nothing is declared from internet to lgwan" in told


def test_the_lines_of_a_device_are_shown(explained):
    told = explained("ZG-H02")
    assert "Device fw-border: policy " in told
    assert "exports/fortios/mistakes.conf:" in told
    assert "To see the packets again" not in told


def test_an_approval_that_ended_is_named(explained, place, tmp_path):
    text = (place / "zones.yaml").read_text("utf-8")
    (tmp_path / "zones.yaml").write_text(text.replace("until: 2027-03-31", "until: 2026-06-30"), "utf-8")
    told = explained("ZG-A05", "--policy", str(tmp_path / "zones.yaml"))
    assert "Does not fit (approval): that of A-SCR ended on 2026-06-30" in told
    assert "is of other content than" in told


def test_without_the_policy_the_rest_is_still_told(explained, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hidden = (place / "zones.yaml").rename(place / "away.yaml")
    try:
        told = explained("ZG-A05")
    finally:
        hidden.rename(place / "zones.yaml")
    assert "is not here, so zones and allowed flows cannot be looked up again" in told
    assert "Nearest flow: A-SCR" in told
    assert "The zones of both ends" not in told


def test_every_finding_of_a_run_can_be_explained_in_both_languages(place, capfd):
    findings = json.loads((place / "run.json").read_text("utf-8"))["findings"]
    for one in findings:
        for lang in ("ja", "en"):
            line = ["explain", one["fingerprint"], "--report", str(place / "run.json"), "--lang", lang]
            assert main.run(line) == ExitCode.CLEAN
            assert one["message"][lang] in capfd.readouterr().out
    assert len(findings) > 10


def test_a_fingerprint_may_be_short_and_an_unknown_one_names_near_ones(place, capfd):
    fingerprint = json.loads((place / "run.json").read_text("utf-8"))["findings"][0]["fingerprint"]
    line = ["--report", str(place / "run.json"), "--lang", "en"]
    assert main.run(["explain", fingerprint[:6].upper(), *line]) == ExitCode.CLEAN
    assert main.run(["explain", fingerprint[:15] + "zz", *line]) == ExitCode.USAGE
    told = capfd.readouterr()
    assert f"Near ones: {fingerprint} (ZG-" in told.err
    assert main.run(["explain", fingerprint[:3], *line]) == ExitCode.USAGE
    assert main.run(["explain", *line]) == ExitCode.USAGE
    assert main.run(["explain", "a", "b", *line]) == ExitCode.USAGE
    assert (
        main.run(["explain", fingerprint, "--report", str(place / "zones.yaml"), "--lang", "en"])
        == ExitCode.REFUSED
    )


def test_a_start_that_several_findings_share_is_refused(place, tmp_path, capfd):
    document = json.loads((place / "run.json").read_text("utf-8"))
    for number, one in enumerate(document["findings"]):
        one["fingerprint"] = f"abcdef{number:010x}"
    (tmp_path / "run.json").write_text(json.dumps(document), "utf-8")
    line = ["explain", "abcdef", "--report", str(tmp_path / "run.json"), "--lang", "en"]
    assert main.run(line) == ExitCode.USAGE
    assert "findings begin with 'abcdef'; give more digits" in capfd.readouterr().err
