"""Reports for the tests of machine forms: one with everything a run can hold, and one full of hostile words."""

from __future__ import annotations

from dataclasses import replace

from tests.report.sample import REVERSED, START, UNSEEN, WAIVED, sample
from zoneguard.errors import ExitCode
from zoneguard.findings.finding import (
    AppliedWaiver,
    Clause,
    LineLocator,
    PacketLocator,
    Party,
    Severity,
    Verdict,
)
from zoneguard.report.model import Baseline, RuleRead, Unverifiable, WaiverRead, ZoneRead
from zoneguard.text import Text

PERMIT = replace(
    REVERSED,
    rule="ZG-H02",
    name="permit-beyond",
    severity=Severity.MEDIUM,
    locators=(
        LineLocator(file="exports/fw.conf", line=41, text="set action accept"),
        LineLocator(file="exports/fw.conf", line=55, text="set service ALL"),
    ),
    device="fw-1",
    line="policy 12",
    state=None,
    flows=None,
    packets=None,
    bytes=None,
    first_seen=None,
    last_seen=None,
    fingerprint="9c01",
)


def rule(number, *, asked=True, severity=Severity.HIGH, words=None):
    said = words or Text(ja=f"規則 {number}", en=f"rule {number}")
    return RuleRead(
        id=number, name="a-name", severity=severity, title=said, why=said, remedy=said, asked=asked
    )  # fmt: skip


RULES = (
    rule("ZG-A01"),
    rule("ZG-A05"),
    rule("ZG-G02"),
    rule("ZG-H02"),
    rule("ZG-H05", asked=False),
    rule("ZG-I01"),
)


def whole(lang="en"):
    """Give a report with every part that a run can have."""
    findings = (
        replace(REVERSED, baseline="new"),
        replace(PERMIT, baseline="unchanged"),
        replace(WAIVED, baseline="unchanged"),
        replace(UNSEEN, baseline="unchanged"),
    )
    report = sample(lang, findings=findings)
    return replace(
        report,
        policy=replace(
            report.policy,
            zones=tuple(
                ZoneRead(id=name, role=name, name=Text(ja=f"{name} 系", en=name))
                for name in ("mynumber", "lgwan", "internet")
            ),
        ),
        rules=RULES,
        waivers=(
            WaiverRead(
                id="W-1", rule="ZG-G02", owner="情報政策課", reason="更改までの間", until="2026-09-30",
                state="active", covered=1, exceeded=0,
            ),
        ),
        baseline=Baseline(
            path="previous.json", sha256="ef" * 32, generated=START, new=1, unchanged=3, absent=1,
            notes=(Text(ja="方針が異なります。", en="The policy differs."),),
        ),
        absent=(replace(PERMIT, fingerprint="77", baseline="absent"),),
    )  # fmt: skip


def hostile(word, lang="ja"):
    """Give a report with a word in every field that takes one."""
    said = Text(ja=f"{word}■", en=f"{word}x")
    finding = replace(
        REVERSED,
        name=word,
        title=said,
        message=said,
        remedy=said,
        clauses=(Clause(document=word, edition=word, section=word, text=word),),
        orig=Party(zone=word, address=word, mac=word),
        resp=Party(zone=word),
        service=word,
        locators=(LineLocator(file=word, line=1, text=word), PacketLocator(file=word, frame=1, time=0)),
        device=word,
        line=word,
        allowed_by=word,
        related=(word,),
        fingerprint=word,
    )
    packet = replace(finding, locators=finding.locators[1:], fingerprint=f"{word}1")
    nowhere = replace(finding, locators=(), orig=None, resp=None, fingerprint=f"{word}2")
    unsure = replace(nowhere, verdict=Verdict.UNVERIFIABLE, fingerprint=f"{word}3")
    waived = replace(
        finding,
        waiver=AppliedWaiver(id=word, owner=word, reason=word, until="2026-09-30"),
        fingerprint=f"{word}4",
    )
    found = (finding, packet, nowhere, unsure, waived)
    report = sample(lang, findings=tuple(replace(one, baseline="new") for one in found))
    return replace(
        report,
        policy=replace(
            report.policy, path=word, organization=said, zones=(ZoneRead(id=word, role=word, name=said),)
        ),
        inputs=(
            replace(report.inputs[0], path=word, format=word, notes=(said,)),
            replace(report.inputs[1], path=word, format=word),
        ),
        coverage=replace(
            report.coverage,
            not_decoded={word: 1},
            zones_observed=(word,),
            zones_not_observed=(word,),
            unverifiable=(Unverifiable(rule=word, reason=said),),
        ),
        summary=replace(report.summary, exit_code=ExitCode.REFUSED),
        matrix=(replace(report.matrix[0], orig=word, resp=word),),
        rules=(rule("ZG-A01", words=said), rule("ZG-A05", words=said), rule("ZG-H05", asked=False, words=said)),
        waivers=(
            WaiverRead(
                id=word, rule=word, owner=word, reason=word, until="2026-09-30",
                state="expiring", covered=1, exceeded=2,
            ),
        ),
        baseline=Baseline(
            path=word, sha256="ef" * 32, generated=START, new=5, unchanged=0, absent=1, notes=(said,)
        ),
        absent=(replace(finding, baseline="absent", fingerprint=f"{word}5"),),
    )  # fmt: skip
