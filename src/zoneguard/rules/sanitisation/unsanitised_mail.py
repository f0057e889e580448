"""ZG-B04: mail that a text-only gateway passed on cannot be vouched for from headers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import State
from zoneguard.policy.model import FlowKind, Role, Sanitizes
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.sight import flow_of, is_leg
from zoneguard.rules.telling import plural, tell_all
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Conversation, Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield one finding for each flow of mail into the LGWAN zone from a text-only gateway.

    Whether the mail was turned to text stands in its body, which this observation does not keep.
    """
    policy = evidence.policy
    gateways = [one for one in policy.gateways if one.sanitizes is Sanitizes.MAIL and one.mode == "text-only"]
    passed: dict[str, list[Conversation]] = {}
    for one in evidence.conversations:
        flow = flow_of(policy, one.allowed_by) if one.decision is Decision.ALLOWED else None
        if flow is None or flow.kind is not FlowKind.MAIL or one.state is State.ATTEMPT:
            continue
        if policy.role(one.resp.zone) is Role.LGWAN and any(is_leg(g, one.orig.address) for g in gateways):
            passed.setdefault(flow.id, []).append(one)
    for flow_id, group in passed.items():
        flows = sum(one.flows for one in group)
        yield tell_all(
            RULE,
            group,
            Text(
                ja=f"許可 {flow_id} で無害化装置からLGWAN接続系へメールが {flows:,} フロー届きました。"
                "本文がテキスト化されているかは、ヘッダだけの観測では検証できません。",
                en=f"{flows:,} flow{plural(flows)} of mail reached the LGWAN zone from the gateway under flow"
                f" {flow_id}; whether it was turned to text cannot be verified from headers alone.",
            ),
            verdict=Verdict.UNVERIFIABLE,
            severity=Severity.INFO,
        )


RULE = Rule(
    id="ZG-B04",
    name="unsanitised-mail",
    order=26,
    severity=Severity.HIGH,
    clauses=(
        "youkou-2-12",
        "gl-3-2",
        "kisoku-5",
    ),
    title=Text(ja="無害化されていないメールの流入", en="Mail into the LGWAN zone was perhaps not sanitised"),
    why=Text(
        ja="メールテキスト化方式では、本文のみをLGWAN接続系に転送し、添付ファイルとHTMLを取り除きます。",
        en="The text-only method passes on the text of a mail and removes attachments and HTML.",
    ),
    remedy=Text(
        ja="無害化装置の記録を確かめるか、LGWAN側の脚で tcp/25 を記録して MIME の種別を調べてください。",
        en="Look at the gateway's own log, or capture tcp/25 at its LGWAN leg and examine the MIME types.",
    ),
    example=Text(
        ja="テキスト化方式の装置から届いたメールに text/html が含まれていた。",
        en="A mail passed on by a text-only gateway still held text/html.",
    ),
    false_positives=Text(
        ja="庁内のメール、LGWANメール、配送不能通知、添付を無害化して渡す方式。",
        en="Internal mail, LGWAN mail, bounces, and gateways that pass on sanitised attachments.",
    ),
    check=check,
)
