"""ZG-A07: a declared flow was seen in one direction only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import Payload, State
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.sight import flow_of
from zoneguard.rules.telling import plural, tell_all
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Conversation, Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield one finding for each allowed flow whose payload went one way without an answer."""
    silent: dict[str, list[Conversation]] = {}
    for one in evidence.conversations:
        if one.decision is Decision.ALLOWED and one.state > State.ATTEMPT and one.resp_packets == 0:
            flow = flow_of(evidence.policy, one.allowed_by)
            sent = one.state is State.DATA or one.orig_payload is not Payload.NONE
            if flow is not None and not flow.one_way and sent:
                silent.setdefault(flow.id, []).append(one)
    for flow_id, group in silent.items():
        flows = sum(one.flows for one in group)
        yield tell_all(
            RULE,
            group,
            Text(
                ja=f"許可 {flow_id} の通信 {flows:,} フローは、データが開始側からの片方向にしか観測されていません。",
                en=f"{flows:,} flow{plural(flows)} allowed by {flow_id} carried data from the opening side only; no answer was seen.",
            ),
            verdict=Verdict.REVIEW,
        )


RULE = Rule(
    id="ZG-A07",
    name="one-way-flow",
    order=94,
    severity=Severity.LOW,
    clauses=(
        "youkou-6-7",
        "gl-7-1",
        "kisoku-6",
    ),
    title=Text(ja="片方向・非対称通信", en="A declared flow was seen one way only"),
    why=Text(
        ja="応答が見えない通信は、別の経路があるか、観測点が片側しか見ていないことを示します。",
        en="A flow without its answers has another path, or the sensor sees only one side.",
    ),
    remedy=Text(
        ja="ミラーポートが送受両方を写しているか、経路が非対称でないかを確かめてください。設計どおりの片方向であれば one_way: true を付けてください。",
        en="See whether the mirror copies both directions and whether routing is symmetric; if it is one-way by design, set one_way: true.",
    ),
    example=Text(
        ja="許可 A-ASP の tcp/443 で、端末からのデータだけが見え、応答が見えない。",
        en="Of flow A-ASP over tcp/443 only the terminal's data was seen, never an answer.",
    ),
    false_positives=Text(
        ja="受信側だけのミラー、syslog や SNMP トラップ、記録の端、冗長構成の非対称経路。",
        en="Receive-only mirrors, syslog and traps, the edge of a capture, asymmetric clusters.",
    ),
    check=check,
)
