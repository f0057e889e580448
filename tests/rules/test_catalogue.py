from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import date
from ipaddress import ip_network

import pytest

from tests.rules.building import IN, LG, LG_SERVER, MN, attempt, city, claim, evidence, judged, only, talk
from zoneguard.errors import InputRefusedError
from zoneguard.findings.finding import SEVERITY_ORDER, Severity
from zoneguard.net.flow import State
from zoneguard.policy.model import Service, Waiver
from zoneguard.rules.catalogue import CATALOGUE, judge
from zoneguard.rules.clauses import load_clauses, parse_clauses, shipped_clauses

WAIVER = Waiver(id="W-1", rule="ZG-A03", owner="情報政策課", reason="更改まで", until=date(2026, 11, 16))


def test_the_catalogue_is_sorted_and_every_id_and_name_is_unique():
    ids = [rule.id for rule in CATALOGUE]
    assert ids == sorted(set(ids))
    assert len({rule.name for rule in CATALOGUE}) == len(CATALOGUE)
    assert all(re.fullmatch(r"ZG-[A-I]\d\d", rule_id) for rule_id in ids)
    assert all(re.fullmatch(r"[a-z0-9-]+", rule.name) for rule in CATALOGUE)


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.id)
def test_every_rule_has_all_its_words_in_both_languages(rule):
    for text in (rule.title, rule.why, rule.remedy, rule.example, rule.false_positives):
        assert text.ja.strip()
        assert text.en.strip()
        assert text.ja != text.en
    for text in (rule.why, rule.remedy, rule.example, rule.false_positives):
        assert text.ja.endswith("。")
        assert text.en.endswith(".")


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.id)
def test_every_rule_refers_to_clauses_that_exist(rule):
    assert rule.clauses
    assert set(rule.clauses) <= shipped_clauses().keys()


def test_every_clause_has_a_source_and_japanese_text():
    for clause in shipped_clauses().values():
        assert clause.document
        assert clause.edition
        assert clause.section
        assert re.search(r"[ぁ-んァ-ヶ一-龠]", clause.text)


def test_unverified_numbers_are_marked():
    unverified = {key for key, clause in shipped_clauses().items() if not clause.verified}
    assert {"gl-3-1", "gl-3-2", "gl-3-3", "gl-9-1"} <= unverified
    assert not {"gl-6-1", "gl-7-4", "kisoku-6"} & unverified


def test_a_citys_own_clauses_take_the_place_of_the_shipped_ones(tmp_path):
    own = tmp_path / "clauses.toml"
    own.write_text('[gl-6-1]\ndocument="規程"\nedition="R8"\nsection="第9条"\ntext="接続の制御"\n', "utf-8")
    table = load_clauses(own)
    assert table["gl-6-1"].section == "第9条"
    assert table.keys() == shipped_clauses().keys()
    (finding,) = judge(evidence(talk(LG, LG_SERVER, 1, state=State.DATA)), CATALOGUE, clauses=table)
    assert finding.clauses


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x", "TOML"),
        ("a = 1", "not a table"),
        ('[a]\ndocument=""\n', "a.document"),
        ("[a]\nodd=1\n", "a.odd"),
    ],
)
def test_a_wrong_clause_table_is_refused_with_its_place(text, word):
    with pytest.raises(InputRefusedError, match=re.escape(word)):
        parse_clauses(text, name="own.toml")


def test_a_missing_clause_table_is_refused(tmp_path):
    with pytest.raises(InputRefusedError, match=re.escape("own.toml")):
        load_clauses(tmp_path / "own.toml")


CROWD = [
    talk(LG, IN, 1433),
    talk(MN, IN, 9443),
    attempt(talk(IN, LG, 445)),
    talk(LG, IN, 1433, state=State.ESTABLISHED, bytes=40),
]


def test_findings_stand_in_the_same_order_whatever_the_order_of_the_evidence():
    first, *others = (judged(*order) for order in itertools.permutations(CROWD))
    assert all(other == first for other in others)
    places = [SEVERITY_ORDER.index(finding.severity) for finding in first]
    assert places == sorted(places)


def test_conversations_of_the_same_ends_and_service_are_one_finding_that_counts_all():
    (finding,) = [one for one in judged(*CROWD) if one.rule == "ZG-A03"]
    assert finding.flows == 2
    assert finding.state == "data"
    assert "2 flows" in finding.message.en
    assert "2 フロー" in finding.message.ja


def test_fingerprints_tell_findings_apart_and_outlive_counts_and_times():
    findings = judged(*CROWD, claims=[claim(7, LG, 220), claim(7, IN, 320)])
    assert len({finding.fingerprint for finding in findings}) == len(findings)
    assert all(re.fullmatch(r"[0-9a-f]{16}", finding.fingerprint) for finding in findings)
    later = replace(CROWD[0], flows=9, first_seen=1, last_seen=2, packets=99)
    assert only(later).fingerprint == only(CROWD[0]).fingerprint


def test_a_finding_never_hangs_on_itself():
    assert all(one.rule not in one.related for one in judged(*CROWD))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"rule": "direct-flow"},
        {"orig_zone": "lgwan", "resp_zone": "internet"},
        {"networks": (ip_network("192.168.20.0/24"),)},
        {"services": (Service(protocol=6, ports=(1433, 1433)),)},
    ],
)
def test_a_waiver_covers_what_it_names_until_its_last_day(change):
    finding = only(CROWD[0], policy=city(waivers=[replace(WAIVER, **change)]))
    assert finding.waiver is not None
    assert (finding.waiver.owner, finding.waiver.until) == ("情報政策課", "2026-11-16")
    assert finding.severity is Severity.HIGH


@pytest.mark.parametrize(
    "change",
    [
        {"until": date(2026, 11, 15)},
        {"rule": "ZG-A01"},
        {"orig_zone": "internet"},
        {"networks": (ip_network("10.0.0.0/8"),)},
        {"services": (Service(protocol=6, ports=(1434, 1434)),)},
        {"services": (Service(protocol=17),)},
    ],
)
def test_a_waiver_covers_nothing_else(change):
    assert only(CROWD[0], policy=city(waivers=[replace(WAIVER, **change)])).waiver is None
