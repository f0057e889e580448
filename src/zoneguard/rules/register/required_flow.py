"""ZG-C07: a flow that duty requires was not seen for longer than it may be absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Finding, Party, Severity, Verdict
from zoneguard.rules.base import Rule
from zoneguard.rules.requirements import SECOND, required
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.policy.model import AllowedFlow
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield required flows that were absent too long, and one finding of those it cannot tell of."""
    told = required(evidence)
    if told.untold:
        yield _untold(told.untold)
    for flow, silence in told.absent:
        seen, seconds = evidence.allowed_seen.get(flow.id), silence // SECOND
        yield Finding(
            rule=RULE.id,
            name=RULE.name,
            verdict=Verdict.REVIEW,
            severity=RULE.severity,
            title=RULE.title,
            message=Text(
                ja=f"必要な通信 {flow.id} が {seconds:,} 秒間観測されませんでした"
                f"（{flow.required_every:,} 秒ごとに必要）。",
                en=f"Required flow {flow.id} was not observed for {seconds:,} seconds; it is required every"
                f" {flow.required_every:,} seconds.",
            ),
            remedy=RULE.remedy,
            orig=Party(zone=flow.source.zone),
            resp=Party(zone=flow.destination.zone),
            first_seen=seen[0] if seen else None,
            last_seen=seen[1] if seen else None,
            allowed_by=flow.id,
        )


def _untold(flows: Sequence[AllowedFlow]) -> Finding:
    listed = ", ".join(flow.id for flow in flows)
    return Finding(
        rule=RULE.id,
        name=f"{RULE.name}-untold",
        verdict=Verdict.UNVERIFIABLE,
        severity=Severity.INFO,
        title=RULE.title,
        message=Text(
            ja=f"必要な通信 {listed} の有無は、この観測の長さと場所では検証できません。",
            en=f"Whether the required flows {listed} are alive cannot be told from an observation of this length"
            " and place.",
        ),
        remedy=Text(
            ja="必要な間隔より長く、その通信が通る場所で記録してください。",
            en="Capture where these flows pass, for longer than the interval they are required in.",
        ),
    )


RULE = Rule(
    id="ZG-C07",
    name="required-flow-missing",
    order=101,
    severity=Severity.MEDIUM,
    clauses=("youkou-6-3-c", "youkou-6-7", "gl-7-1", "kisoku-6"),
    title=Text(ja="必要通信の未観測", en="A required flow was not seen"),
    why=Text(
        ja="分離の作業や設定変更によって、届くべき通信が止まることがあります。",
        en="Separating networks, or changing a firewall, can cut off what must get through.",
    ),
    remedy=Text(
        ja="通信が止まっていないかを両端で確かめてください。観測点がその経路を見ていなければ、観測点を加えてください。",
        en="See at both ends whether it still works; if no sensor sees its path, add one.",
    ),
    example=Text(
        ja="毎日必要なウイルス定義体の更新 A-WU が、3 日間観測されなかった。",
        en="The daily virus definition update A-WU was not seen for three days.",
    ),
    false_positives=Text(
        ja="業務時間外の記録、その経路を見ていない観測点。",
        en="Captures outside working hours, sensors that do not see the path.",
    ),
    check=check,
)
