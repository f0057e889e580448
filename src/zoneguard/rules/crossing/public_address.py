"""ZG-A04: a closed zone talked with an address of the Internet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.policy.model import Role
from zoneguard.rules.base import Rule
from zoneguard.rules.sight import is_breach, roles, touches_public
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield every answered conversation of a closed zone with a public address.

    The Internet zone is ZG-D03's, networks out of scope are ZG-A08's. An external network that talks with
    a public address may be on its own ground: that is for a person to tell.
    """
    policy = evidence.policy
    for one in evidence.conversations:
        ends = roles(policy, one)
        if not is_breach(one) or not touches_public(one) or ends & {Role.INTERNET, Role.OUT_OF_SCOPE}:
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}へ {service.ja} で通信し、成立しました。"
                "閉域であるはずの領域がインターネット上のアドレスと直接通信しています。",
                en=f"{orig.en} talked with {resp.en} over {service.en} and was answered;"
                " a closed zone has a direct path to an Internet address.",
            ),
            verdict=Verdict.REVIEW if Role.EXTERNAL in ends else Verdict.VIOLATED,
            severity=graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
        )


RULE = Rule(
    id="ZG-A04",
    name="closed-zone-to-public",
    order=70,
    severity=Severity.HIGH,
    clauses=(
        "youkou-6-3-a",
        "youkou-6-3-b",
        "gl-3-1",
        "gl-3-2",
        "kisoku-5",
    ),
    title=Text(
        ja="閉域系からグローバルアドレスへの通信（成立）", en="A closed zone talked with a public address"
    ),
    why=Text(
        ja="マイナンバー利用事務系とLGWAN接続系は、インターネットと直接通信できてはなりません。",
        en="The mynumber and LGWAN zones must have no direct path to the Internet.",
    ),
    remedy=Text(
        ja="出口を遮断してください。α′モデルのローカルブレイクアウトなど承認済みの宛先であれば、flows に宛先を限定して登録してください。",
        en="Cut the exit; if the destination is approved (a local breakout of model α′, say), declare it under flows, limited to its addresses.",
    ),
    example=Text(
        ja="端末 172.16.20.5 が 203.0.113.9 と tcp/443 で通信した。",
        en="Terminal 172.16.20.5 talked with 203.0.113.9 over tcp/443.",
    ),
    false_positives=Text(
        ja="LGWAN内や国のサービスで使われるグローバルアドレス、庁内で使い続けている古いグローバルアドレス。",
        en="Public addresses used inside LGWAN or by national services, and old public ranges used within the city.",
    ),
    check=check,
)
