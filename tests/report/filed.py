"""The sample as it is filed: with zones, register, rules, grades of clauses, waivers and a baseline."""

from __future__ import annotations

from dataclasses import replace

from tests.report.sample import REVERSED, START, WAIVED, sample
from zoneguard.findings.finding import Clause, Severity
from zoneguard.report.model import (
    Baseline,
    ClauseGraded,
    Grade,
    Registered,
    Report,
    RuleRead,
    WaiverRead,
    ZoneRead,
)
from zoneguard.text import Lang, Text

ZONES = tuple(
    ZoneRead(id=zone, role=zone, name=Text(ja=ja, en=en))
    for zone, ja, en in (
        ("mynumber", "マイナンバー利用事務系", "My Number"),
        ("lgwan", "LGWAN接続系", "LGWAN"),
        ("internet", "インターネット接続系", "Internet"),
    )
)

SCREEN = Registered(
    id="A-SCR",
    kind="screen",
    orig="lgwan",
    resp="internet",
    services=("tcp/3389", "udp/3389"),
    observable=True,
    number="R8-情-012",
    by="統括情報セキュリティ責任者",
    on="2026-04-01",
    until="2026-04-20",
    reason="画面転送",
    first_seen=START,
    last_seen=START + 90_000_000_000,
)

RULE = RuleRead(
    id="ZG-A05",
    name="reverse-initiation",
    severity=Severity.CRITICAL,
    title=Text(ja="逆方向からの開始", en="Opened from the wrong side"),
    why=Text(ja="方向は決定の一部です。", en="The direction is a part of the decision."),
    remedy=Text(ja="拒否してください。", en="Deny it."),
    asked=True,
)

CLAUSE = Clause(
    document="情報セキュリティ要綱", edition="令和8年", section="第6条(3)イ", text="通信経路を分割"
)


def filed(lang: Lang) -> Report:
    report = sample(lang)
    return replace(
        report,
        policy=replace(report.policy, zones=ZONES),
        today="2026-04-01",
        register=(
            SCREEN,
            replace(SCREEN, id="A-OLD", until="2026-03-31", first_seen=None, last_seen=None),
            replace(SCREEN, id="A-FAR", observable=False, first_seen=None, last_seen=None, number=None),
        ),
        rules=(
            RULE,
            replace(
                RULE,
                id="ZG-H02",
                asked=False,
                shortfall=Text(ja="機器の設定がありません。", en="No export was given."),
            ),
        ),
        waivers=(
            WaiverRead(
                id="W-1",
                rule="ZG-G02",
                owner="情報政策課",
                reason="更改までの間",
                until="2026-09-30",
                state="active",
                covered=1,
                exceeded=0,
            ),
        ),
        clauses=(
            ClauseGraded(
                key="a",
                clause=CLAUSE,
                grade=Grade.VIOLATED,
                rules=("ZG-A05", "ZG-H02"),
                short=("ZG-H02",),
                violated=1,
            ),
            ClauseGraded(
                key="b", clause=replace(CLAUSE, section="第7条", verified=False), grade=Grade.UNVERIFIABLE
            ),
            ClauseGraded(
                key="c", clause=replace(CLAUSE, section="7.4"), grade=Grade.SATISFIED, rules=("ZG-C04",)
            ),
            ClauseGraded(
                key="d",
                clause=replace(CLAUSE, section="7.1"),
                grade=Grade.REVIEW,
                rules=("ZG-G02",),
                waived=1,
            ),
        ),
        findings=tuple(
            replace(one, baseline="new" if one is REVERSED else "unchanged") for one in report.findings
        ),
        baseline=Baseline(
            path="前月.json",
            sha256="ef" * 32,
            generated=START - 10**15,
            new=1,
            unchanged=2,
            absent=1,
            notes=(Text(ja="方針が違います。", en="The policy differs."),),
        ),
        absent=(replace(WAIVED, waiver=None, baseline="absent", fingerprint="gone"),),
    )
