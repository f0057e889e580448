"""The samples in exports/ say what their READMEs say they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.firewall.parse import parse
from zoneguard.net.flow import CaptureCoverage
from zoneguard.policy.load import load_policy
from zoneguard.rules.catalogue import judge
from zoneguard.rules.evidence import Evidence
from zoneguard.rules.permitting import permissions

ROOT = Path(__file__).parents[3]
SAMPLES = sorted(path for path in (ROOT / "exports").glob("*/*") if path.suffix != ".md")
# What the mistakes open, where the device does not stand between LGWAN and Internet.
WAYS = {
    "alliedware": {("ext_lgwan", "lgwan"), ("border", "lgwan"), ("lgwan", "ext_lgwan")},
    "aws": {("public", "mynumber_cloud"), ("lgwan", "mynumber_cloud"), ("mynumber_cloud", "public")},
    "azure": {("lgwan", "mynumber_cloud"), ("ext_dc", "mynumber_cloud"), ("mynumber_cloud", "public")},
    "pfsense": {("out_of_scope", "internet"), ("public", "internet"), ("internet", "public")},
}
# Lines of a README that findings tell by name: address translations, and interfaces without a filter.
BY_NAME = {"nec-ix": {112, 133}, "yamaha": {35, 67}}


def findings(path):
    policy = load_policy(ROOT / "zones.yaml")
    evidence = Evidence(
        policy=policy,
        conversations=(),
        claims=(),
        coverage=CaptureCoverage(),
        zones_observed=frozenset(),
        allowed_seen={},
        window=None,
        today="2026-11-26",
        traffic=False,
        permissions=permissions(policy, [parse(path.name, path.read_bytes())]),
    )
    return judge(evidence)


@pytest.mark.parametrize(
    "path", [one for one in SAMPLES if one.stem == "clean"], ids=lambda path: path.parent.name
)
def test_a_clean_sample_has_no_finding_above_low(path):
    assert [one for one in findings(path) if one.severity not in (Severity.LOW, Severity.INFO)] == []


@pytest.mark.parametrize(
    "path", [one for one in SAMPLES if one.stem == "mistakes"], ids=lambda path: path.parent.name
)
def test_a_sample_with_mistakes_is_told_to_permit_beyond_the_policy(path):
    found = findings(path)
    beyond = [one for one in found if one.rule == "ZG-H02" and one.verdict is Verdict.VIOLATED]
    ways = {(one.orig.zone, one.resp.zone) for one in beyond}
    assert WAYS.get(path.parent.name, {("internet", "lgwan")}) <= ways
    assert all(one.locators and one.device for one in beyond if one.line)
    assert any(one.name == "unreachable-line" for one in found)


@pytest.mark.parametrize("lang", ["", ".ja"])
@pytest.mark.parametrize(
    "path", [one for one in SAMPLES if one.stem == "mistakes"], ids=lambda path: path.parent.name
)
def test_the_lines_that_a_readme_lists_are_told(path, lang):
    readme = path.with_name(f"README{lang}.md").read_text(encoding="utf-8")
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)}
    told = {place.line for one in findings(path) for place in one.locators}
    faults = {fault.place.line for fault in parse(path.name, path.read_bytes()).faults}
    assert listed - told - faults == BY_NAME.get(path.parent.name, set())
