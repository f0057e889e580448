"""What a run says beside its findings: grades of clauses, the register, waivers and what was not asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoneguard import api
from zoneguard.findings.finding import Severity
from zoneguard.report.html import render_html
from zoneguard.report.model import Grade

ROOT = Path(__file__).resolve().parents[2]
GENERATED = 1_795_651_200 * 10**9
WAIVERS = """
waivers:
  - {id: W-1, rule: ZG-A05, owner: 情報政策課, reason: 更改中, until: 2026-12-10, from: internet, to: lgwan}
  - {id: W-2, rule: ZG-A03, owner: 情報政策課, reason: 終了, until: 2026-11-01}
"""


def judged(*evidence, policy=ROOT / "zones.yaml", lang="ja"):
    return api.check(
        [str(ROOT / one) for one in evidence],
        policy,
        lang=lang,
        fail_on=Severity.MEDIUM,
        today="2026-11-23",
        generated=GENERATED,
    )


@pytest.fixture(scope="module")
def day():
    return judged("captures/normal-day-alpha.pcapng")


def grades(report):
    return {one.key: one.grade for one in report.clauses}


def test_an_ordinary_day_satisfies_what_could_be_asked_and_nothing_else(day):
    assert not [one for one in day.findings if one.verdict == "violated"]
    told = grades(day)
    assert told["youkou-2-8"] is Grade.SATISFIED  # ZG-A01 alone, and My Number was observed
    assert told["youkou-2-11"] is Grade.UNVERIFIABLE  # the rules of firewalls were not asked
    assert told["youkou-4-1"] is Grade.UNVERIFIABLE  # nobody listened to what is out of scope
    assert told["gl-8"] is Grade.UNVERIFIABLE  # no rule asks
    assert Grade.VIOLATED not in told.values()


def test_a_violation_grades_its_clauses():
    told = grades(judged("captures/story-02-screen-reversed.pcap"))
    assert told["youkou-6-3-b"] is told["gl-3-2"] is Grade.VIOLATED
    assert Grade.SATISFIED not in {
        told[key] for key in ("youkou-2-8", "youkou-2-11", "gl-3-1", "kisoku-5")
    }  # My Number was not observed


def test_rules_that_were_not_asked_say_why(day):
    by_id = {one.id: one for one in day.rules}
    assert not by_id["ZG-H02"].asked
    assert by_id["ZG-A01"].asked
    assert by_id["ZG-A01"].shortfall is None
    assert "適用対象外" in by_id["ZG-A08"].shortfall.ja
    exports = {one.id: one for one in judged("exports/fortios/mistakes.conf").rules}
    assert not exports["ZG-A01"].asked
    assert exports["ZG-H02"].asked


def test_the_register_tells_when_each_flow_was_last_seen(day):
    by_id = {one.id: one for one in day.register}
    first, last = day.inputs[0].first_seen, day.inputs[0].last_seen
    assert first <= by_id["A-SCR"].first_seen <= by_id["A-SCR"].last_seen <= last
    assert by_id["A-SCR"].number == "R8-情-012"
    assert by_id["SP-07"].last_seen is None
    assert by_id["SP-07"].observable


def test_waivers_are_listed_with_what_they_cover(tmp_path):
    policy = tmp_path / "zones.yaml"
    text = (ROOT / "zones.yaml").read_text("utf-8")
    assert text.rstrip().endswith("waivers: []")
    policy.write_text(text.rstrip().removesuffix("waivers: []") + WAIVERS, "utf-8")
    report = judged("captures/story-02-screen-reversed.pcap", policy=policy)
    assert [(one.id, one.state, one.covered) for one in report.waivers] == [
        ("W-1", "expiring", 1),
        ("W-2", "expired", 0),
    ]
    assert grades(report)["youkou-6-3-b"] is Grade.REVIEW
    page = render_html(report)
    assert "期限間近" in page
    assert "情報政策課" in page


def test_the_page_of_a_run_shows_what_wireshark_needs(day):
    page = render_html(judged("captures/story-02-screen-reversed.pcap", lang="en"))
    assert "ip.addr == 192.168.10.21 &amp;&amp; ip.addr == 172.16.20.31 &amp;&amp; tcp.port == 3389" in page
    assert day.policy.sha256 in page
