"""ZG-A03: two zones talked directly, and nothing declares that they may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity
from zoneguard.policy.model import Role
from zoneguard.policy.verdict import owed
from zoneguard.rules.base import Rule
from zoneguard.rules.sight import is_breach, roles, touches_public
from zoneguard.rules.telling import end_words, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield every answered conversation between zones that no neighbouring rule is made for.

    Those are ZG-A01 (mynumber), ZG-A04 and ZG-D03 (public addresses), ZG-A08 (out of scope).
    """
    policy = evidence.policy
    for one in evidence.conversations:
        if (
            not is_breach(one)
            or touches_public(one)
            or roles(policy, one) & {Role.MYNUMBER, Role.OUT_OF_SCOPE}
        ):
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        if owed(policy, one.orig.zone, one.resp.zone) is None:
            end = Text(
                ja="この組を許す通信は zones.yaml にありません。",
                en="zones.yaml declares no flow for this pair.",
            )
        else:
            end = Text(
                ja="両者は通信経路を分割すべき領域で、無害化通信にも許可通信にも当たりません。",
                en="The two zones owe each other division, and this is neither a sanitised nor a permitted flow.",
            )
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}へ {service.ja} で直接通信し、成立しました。{end.ja}",
                en=f"{orig.en} talked directly with {resp.en} over {service.en} and was answered. {end.en}",
            ),
        )


RULE = Rule(
    id="ZG-A03",
    name="direct-flow",
    order=80,
    severity=Severity.HIGH,
    clauses=(
        "youkou-2-11",
        "youkou-6-3-b",
        "gl-3-2",
        "kisoku-5",
        "kisoku-6",
    ),
    title=Text(
        ja="LGWAN接続系・インターネット接続系間などの直接通信（成立）", en="Two divided zones talked directly"
    ),
    why=Text(
        ja="通信経路の分割とは、通信環境を分離した上で、安全が確保された通信だけを許可することです。登録のない直接通信はその外にあります。",
        en="Division means separating the zones and then allowing only what was made safe; an undeclared direct flow is outside of that.",
    ),
    remedy=Text(
        ja="経路を遮断するか、無害化装置を経由させてください。必要な通信であれば、承認を得て許可通信として登録してください。",
        en="Cut the path or lead it through a sanitising gateway; if it is needed, have it approved and declare it as a flow of kind permit.",
    ),
    example=Text(
        ja="端末 172.16.20.5 が、インターネット接続系の 192.168.20.9 と tcp/1433 で通信した。",
        en="Terminal 172.16.20.5 talked with 192.168.20.9 in the Internet zone over tcp/1433.",
    ),
    false_positives=Text(
        ja="登録されていない無害化装置の脚、プロキシ、メール中継サーバ。",
        en="Legs of unregistered gateways, proxies and mail relays.",
    ),
    check=check,
    roles=(Role.LGWAN, Role.INTERNET),
)
