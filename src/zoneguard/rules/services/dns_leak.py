"""ZG-G01: names were asked of a server in another zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity
from zoneguard.rules.base import Rule
from zoneguard.rules.services.answered import answered_on
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


# DNS, and DNS over TLS or QUIC.
_PORTS = {6: frozenset({53, 853}), 17: frozenset({53, 853})}


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield answered crossings of these services."""
    policy = evidence.policy
    for one in answered_on(evidence, _PORTS):
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}のDNSサーバ（{service.ja}）を使い、応答を得ました。",
                en=f"{orig.en} used the DNS server ({service.en}) of {resp.en} and was answered.",
            ),
            severity=graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
        )


RULE = Rule(
    id="ZG-G01",
    name="dns-leak",
    order=75,
    severity=Severity.MEDIUM,
    clauses=("youkou-2-11", "gl-6-1", "kisoku-5"),
    title=Text(ja="DNSの越境・漏れ", en="DNS across zones"),
    why=Text(
        ja="名前の問い合わせは、内部の名前を外へ知らせ、データを持ち出す経路にもなります。",
        en="Queries tell internal names to the outside and can carry data out.",
    ),
    remedy=Text(
        ja="領域ごとのDNSサーバを使わせてください。中継が必要であれば、登録したフォワーダに限って flows に加えてください。",
        en="Let each zone use its own DNS server; where forwarding is needed, declare it for the registered forwarder only.",
    ),
    example=Text(
        ja="管理系の端末が、別の領域のDNSサーバへ直接問い合わせた。",
        en="A management host asked a DNS server in another zone directly.",
    ),
    false_positives=Text(
        ja="登録前のフォワーダ、検索サフィックスの問い合わせ。",
        en="Forwarders not yet registered, queries from search suffixes.",
    ),
    check=check,
)
