"""ZG-A01: the mynumber zone talked with another zone, and no registered flow says that it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity
from zoneguard.policy.model import Role
from zoneguard.rules.base import Rule
from zoneguard.rules.sight import is_breach, touches_mynumber
from zoneguard.rules.telling import end_words, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield every answered conversation of the mynumber zone that is not registered."""
    policy = evidence.policy
    for one in evidence.conversations:
        if not is_breach(one) or not touches_mynumber(policy, one.orig.zone, one.resp.zone):
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}へ {service.ja} で通信し、成立しました。"
                "この組を許す特定通信は登録されていません。",
                en=f"{orig.en} talked with {resp.en} over {service.en} and was answered;"
                " no 特定通信 is registered for this pair.",
            ),
        )


RULE = Rule(
    id="ZG-A01",
    name="mynumber-crossing",
    order=50,
    severity=Severity.CRITICAL,
    clauses=("youkou-6-3-a", "youkou-2-8", "gl-3-1", "kisoku-5", "kisoku-6"),
    title=Text(
        ja="マイナンバー利用事務系の越境通信（成立）", en="The mynumber zone talked with another zone"
    ),
    why=Text(
        ja="マイナンバー利用事務系は原則として他の領域と通信できないようにする定めです。"
        "例外は、MACアドレス、IPアドレス、ポート番号を限定した特定通信だけです。",
        en="The mynumber zone must not communicate with other zones; the only exception is a 特定通信 limited by"
        " MAC address, IP address and port.",
    ),
    remedy=Text(
        ja="経路を遮断してください。業務に必要な通信であれば、承認を得て特定通信として zones.yaml の flows に登録してください。",
        en="Cut the path; if the work needs it, have it approved and register it as kind tokutei under flows in"
        " zones.yaml.",
    ),
    example=Text(
        ja="業務サーバ 10.10.10.21 が、登録のない相手 10.200.90.1 と tcp/443 で通信した。",
        en="Server 10.10.10.21 talked with the unregistered 10.200.90.1 over tcp/443.",
    ),
    false_positives=Text(
        ja="ガバメントクラウド側の領域が extends で登録されていない場合、"
        "または重なったアドレスが別の観測点で見えた場合に生じます。",
        en="A government cloud range that is not declared with extends, or an overlapping range seen at another"
        " sensor.",
    ),
    check=check,
    roles=(Role.MYNUMBER,),
)
