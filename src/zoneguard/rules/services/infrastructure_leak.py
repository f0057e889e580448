"""ZG-G02: time, addresses, proxies or logs were served across zones."""

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


# SOCKS, Squid and web proxies, syslog; DHCP, NTP, DHCPv6.
_PORTS = {
    6: frozenset({514, 1080, 3128, 6514, 8080}),
    17: frozenset({67, 68, 123, 514, 546, 547}),
}


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
                ja=f"{orig.ja}が{resp.ja}の基盤サービス（{service.ja}）を使い、応答を得ました。",
                en=f"{orig.en} used an infrastructure service ({service.en}) of {resp.en} and was answered.",
            ),
            severity=graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
        )


RULE = Rule(
    id="ZG-G02",
    name="infrastructure-leak",
    order=75,
    severity=Severity.MEDIUM,
    clauses=("youkou-2-11", "gl-6-1", "kisoku-5"),
    title=Text(ja="NTP・DHCP・プロキシ等の越境", en="NTP, DHCP, proxy or syslog across zones"),
    why=Text(
        ja="共通サービスのための穴は、数多くの端末に開き、忘れられがちです。",
        en="Holes for shared services open to many hosts and are easily forgotten.",
    ),
    remedy=Text(
        ja="領域ごとのサーバを使わせるか、片方向の登録済み経路に限ってください。",
        en="Serve each zone from within, or limit it to a declared one-way path.",
    ),
    example=Text(
        ja="水道系の端末が、別の領域のNTPサーバと時刻を合わせた。",
        en="A waterworks host took its time from an NTP server in another zone.",
    ),
    false_positives=Text(
        ja="DHCPリレー、LGWAN-SSのNTP、登録前の共用時刻サーバ。",
        en="DHCP relays, NTP of LGWAN-SS, shared time servers not yet declared.",
    ),
    check=check,
)
