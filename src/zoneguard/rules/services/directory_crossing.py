"""ZG-G03: sign-on or administration went across zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity
from zoneguard.net.flow import Payload
from zoneguard.rules.base import Rule
from zoneguard.rules.services.answered import answered_on
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


# SSH, Telnet, Kerberos, RPC, NetBIOS, LDAP, SMB, global catalogue, WinRM; SNMP, IPMI.
_PORTS = {
    6: frozenset({22, 23, 88, 135, 139, 389, 445, 464, 636, 3268, 3269, 5985, 5986}),
    17: frozenset({88, 137, 138, 161, 162, 389, 464, 623}),
}
# By their first octets, on whatever port.
_SPOKEN = frozenset(
    {
        Payload.SSH,
        Payload.TELNET,
        Payload.KERBEROS,
        Payload.MSRPC,
        Payload.SMB,
        Payload.LDAP,
        Payload.SNMP,
    }
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield answered crossings of these services."""
    policy = evidence.policy
    for one in answered_on(evidence, _PORTS, _SPOKEN):
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}の認証または管理のサービス（{service.ja}）を使い、応答を得ました。",
                en=f"{orig.en} used a sign-on or administration service ({service.en}) of {resp.en} and was answered.",
            ),
            severity=graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
        )


RULE = Rule(
    id="ZG-G03",
    name="directory-crossing",
    order=75,
    severity=Severity.HIGH,
    clauses=("youkou-2-11", "gl-6-1", "gl-6-2", "gl-6-5", "kisoku-5"),
    title=Text(ja="認証基盤・管理通信の越境", en="Directory or management traffic across zones"),
    why=Text(
        ja="認証や管理の通信が通れば、一つの領域の乗っ取りが隣の領域の乗っ取りになります。",
        en="Where sign-on or administration passes, taking over one zone means taking over the next.",
    ),
    remedy=Text(
        ja="管理は管理系からの登録済みの経路に限り、領域をまたぐ認証の信頼関係を解消してください。",
        en="Administer over declared paths from the management zone only, and end trust between zones' directories.",
    ),
    example=Text(
        ja="内部情報系のサーバが、別の領域のドメインコントローラの tcp/389 へ接続した。",
        en="A server opened tcp/389 to a domain controller in another zone.",
    ),
    false_positives=Text(ja="登録前の監視装置、踏み台。", en="Pollers and jump hosts not yet declared."),
    check=check,
)
