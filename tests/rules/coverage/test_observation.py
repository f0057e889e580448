from __future__ import annotations

import pytest

from tests.rules.building import LG, LG_SERVER, city, judged, only, opened, talk
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import CaptureCoverage
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision
from zoneguard.text import Text

PACKETS = {"packets": 1_000, "decoded": 1_000}


def coverage(**more):
    return {"coverage": CaptureCoverage(**(PACKETS | more))}


def test_a_whole_observation_is_not_reported():
    assert judged() == ()
    assert judged(coverage=CaptureCoverage(), zones_observed=frozenset()) == ()


@pytest.mark.parametrize(
    ("more", "topic", "severity"),
    [
        ({"not_decoded": {"unsupported link type": 11}}, "not-decoded", Severity.MEDIUM),
        ({"not_decoded": {"unsupported link type": 1}}, "not-decoded", Severity.INFO),
        ({"not_decoded": {"ethertype 0x88cc": 500}}, "not-decoded", Severity.INFO),
        ({"truncated": 100}, "truncated", Severity.MEDIUM),
        ({"truncated": 1}, "truncated", Severity.INFO),
        ({"dropped": 1}, "dropped", Severity.MEDIUM),
        ({"clock_steps_back": 1}, "clock", Severity.INFO),
        ({"fragments_without_first": 1}, "fragments", Severity.INFO),
        ({"tunnels_not_opened": 1}, "tunnels", Severity.INFO),
    ],
)
def test_each_gap_is_told_as_unverifiable(more, topic, severity):
    finding = only(**coverage(**more))
    assert (finding.rule, finding.verdict) == ("ZG-I01", Verdict.UNVERIFIABLE)
    assert finding.name == f"coverage-{topic}"
    assert finding.severity is severity


def test_a_mirror_of_one_side_is_told():
    assert only(one_sided_share=0.45).name == "coverage-one-sided"
    assert judged(one_sided_share=0.2) == ()


def test_unread_evidence_is_told_even_when_nothing_else_was_read():
    faults = (Text(ja="a.pcap は途中で切れています。", en="a.pcap ends in mid-packet."),)
    finding = only(faults=faults, coverage=CaptureCoverage())
    assert faults[0].ja in finding.message.ja
    assert faults[0].en in finding.message.en


def test_zones_that_were_not_observed_are_named():
    seen = frozenset(zone.id for zone in city().zones) - {"mgmt"}
    finding = only(zones_observed=seen)
    assert finding.name == "coverage-zones"
    assert "mgmt" in finding.message.en


def test_flows_that_were_to_be_opened_and_were_not_are_counted():
    (finding,) = judged(
        talk(LG, LG_SERVER, 445, decision=Decision.WITHIN), left={Ask.TOOL: 12, Ask.MAIL: 3}, opened=True
    )
    assert (finding.name, finding.severity) == ("coverage-not-opened", Severity.INFO)
    assert "15 flows" in finding.message.en


def test_runs_of_digits_like_individual_numbers_are_a_warning_about_the_capture():
    clear = talk(LG, LG_SERVER, 445, decision=Decision.WITHIN)
    (finding,) = judged(clear, looks=(opened(clear, numbers=7),), opened=True)
    assert (finding.name, finding.verdict) == ("coverage-individual-numbers", Verdict.REVIEW)
    assert "up to 7" in finding.message.en
    assert judged(clear, looks=(opened(clear, numbers=2),), opened=True) == ()
