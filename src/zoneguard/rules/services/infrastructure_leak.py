"""ZG-G02: time, addresses, proxies or logs were served across zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.dissect.record import Spoken
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import Payload
from zoneguard.policy.model import FlowKind
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.hostnames import is_literal
from zoneguard.rules.opened import by_conversation, tell_looked
from zoneguard.rules.services.answered import answered_on
from zoneguard.rules.sight import flow_of
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Conversation, Evidence, Looked


# SOCKS, Squid and web proxies, syslog; DHCP, NTP, DHCPv6.
_PORTS = {
    6: frozenset({514, 1080, 3128, 6514, 8080}),
    17: frozenset({67, 68, 123, 514, 546, 547}),
}
_SPOKEN = frozenset({Payload.SOCKS, Payload.NTP})
_HTTPS = 443
_SHOWN = 5  # targets named in one finding


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield answered crossings of these services, and proxies that were asked for what they should not pass on."""
    yield from _answered(evidence)
    for one, looks in by_conversation(evidence.looks).items():
        flow = flow_of(evidence.policy, one.allowed_by)
        if one.decision is Decision.ALLOWED and flow is not None and flow.kind is not FlowKind.BREAKOUT:
            yield from _proxied(evidence, one, looks)


def _proxied(evidence: Evidence, one: Conversation, looks: Sequence[Looked]) -> Iterator[Finding]:
    """Yield CONNECT and SOCKS to a bare address, to a port that is no HTTPS, or for what is no TLS, unless refused."""
    asked = [
        (look, look.look.proxy)
        for look in looks
        if look.look.proxy is not None
        and look.look.proxy.how != "absolute"
        and look.look.proxy.accepted is not False
    ]
    odd = [
        (look, proxy)
        for look, proxy in asked
        if proxy.port != _HTTPS or is_literal(proxy.host) or look.look.inside not in {None, Spoken.TLS}
    ]
    if not odd:
        return
    orig, resp = end_words(evidence.policy, one.orig), end_words(evidence.policy, one.resp)
    targets = sorted({f"{proxy.host}:{proxy.port}" for _, proxy in odd})
    shown, more = ", ".join(targets[:_SHOWN]), len(targets) - _SHOWN
    yield tell_looked(
        RULE,
        [look for look, _ in odd],
        Text(
            ja=f"{orig.ja}が、プロキシである{resp.ja}に、HTTPS 以外の通信またはアドレスそのものへの中継を求めました: {shown}"
            + (f" ほか {more:,} 件。" if more > 0 else "。"),
            en=f"{orig.en} asked the proxy {resp.en} to pass on something other than HTTPS, or to a bare"
            f" address: {shown}" + (f" and {more:,} more." if more > 0 else "."),
        ),
        verdict=Verdict.REVIEW,
        name=f"{RULE.name}-proxy",
    )


def _answered(evidence: Evidence) -> Iterator[Finding]:
    policy = evidence.policy
    for one in answered_on(evidence, _PORTS, _SPOKEN):
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
