"""ZG-A08: a zone in scope talked with a network out of scope or of a third party."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.policy.model import PUBLIC, Role
from zoneguard.rules.base import Rule
from zoneguard.rules.sight import is_breach
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield every answered conversation with a network out of scope.

    Between two networks that are both none of the policy's, it is only told for review.
    """
    policy = evidence.policy
    for one in evidence.conversations:
        outside = [policy.role(end.zone) is Role.OUT_OF_SCOPE for end in (one.orig, one.resp)]
        if not is_breach(one) or not any(outside):
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        foreign = all(outside) or PUBLIC in {one.orig.zone, one.resp.zone}
        severity = graver(policy, RULE.severity, one.orig.zone, one.resp.zone)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}へ {service.ja} で通信し、成立しました。"
                "適用対象外または第三者のネットワークとの通信で、登録がありません。",
                en=f"{orig.en} talked with {resp.en} over {service.en} and was answered; it is"
                " undeclared traffic with a network out of scope or of a third party.",
            ),
            verdict=Verdict.REVIEW if foreign else Verdict.VIOLATED,
            severity=Severity.LOW if foreign else severity,
        )


RULE = Rule(
    id="ZG-A08",
    name="out-of-scope-network",
    order=60,
    severity=Severity.HIGH,
    clauses=(
        "youkou-4-1",
        "youkou-6-3-c",
        "youkou-6-8",
        "gl-6-1",
        "kisoku-5",
        "kisoku-7",
    ),
    title=Text(ja="適用対象外・第三者ネットワークとの通信", en="A zone talked with a network out of scope"),
    why=Text(
        ja="教育委員会の学校ネットワークや来庁者用Wi-Fiなどは要綱の適用対象外で、対象の領域とつながる理由がありません。",
        en="School networks, guest Wi-Fi and the like are outside the ordinance and have no reason to meet a zone in scope.",
    ),
    remedy=Text(
        ja="接続を遮断してください。保守などで必要であれば、期限を付けて flows に登録してください。",
        en="Cut the connection; if maintenance needs it, declare it under flows with an end date.",
    ),
    example=Text(
        ja="教育系の 10.30.0.5 が LGWAN接続系の 172.16.10.9 と tcp/443 で通信した。",
        en="School host 10.30.0.5 talked with 172.16.10.9 in the LGWAN zone over tcp/443.",
    ),
    false_positives=Text(
        ja="登録されていない保守作業の時間帯、共用のNTPやDNS。",
        en="Undeclared maintenance windows, shared NTP or DNS.",
    ),
    check=check,
    roles=(Role.OUT_OF_SCOPE,),
)
