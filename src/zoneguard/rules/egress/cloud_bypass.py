"""ZG-D03: the Internet zone reached the Internet by a way that is not the registered one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity
from zoneguard.net.address import mac_text
from zoneguard.net.flow import State, Tunnel
from zoneguard.policy.model import Role
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.sight import is_breach, router_macs, touches_public
from zoneguard.rules.telling import end_words, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield answered conversations of the Internet zone with public addresses past the security cloud.

    The way out is told by the next hop's MAC: one of the registered `next_hops`, or a registered router of
    the zone on the way there. Where no next hop is registered, only undeclared conversations are told.
    """
    policy = evidence.policy
    named = any(zone.next_hops for zone in policy.zones)
    registered = router_macs(policy)
    for one in evidence.conversations:
        inner = one.orig if policy.role(one.orig.zone) is Role.INTERNET else one.resp
        if (
            one.state is State.ATTEMPT
            or not touches_public(one)
            or policy.role(inner.zone) is not Role.INTERNET
        ):
            continue
        stray = named and inner.next_hop != 0 and inner.next_hop not in registered
        dialled = one.tunnel is not None and one.tunnel.kind is Tunnel.PPPOE
        if not is_breach(one) and not (one.decision is Decision.ALLOWED and (stray or dialled)):
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        way = _way(inner.next_hop if stray else 0, dialled=dialled)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}へ {service.ja} で通信し、成立しました。{way.ja}",
                en=f"{orig.en} talked with {resp.en} over {service.en} and was answered. {way.en}",
            ),
        )


def _way(next_hop: int, *, dialled: bool) -> Text:
    if dialled:
        return Text(
            ja="PPPoE で張られた別の回線を通っています。",
            en="It left through a line of its own, dialled by PPPoE.",
        )
    if next_hop:
        return Text(
            ja=f"次の中継先 {mac_text(next_hop)} は、登録されたゲートウェイではありません。",
            en=f"Its next hop {mac_text(next_hop)} is no registered gateway.",
        )
    return Text(
        ja="自治体情報セキュリティクラウドを経由する通信として登録されていません。",
        en="It is not declared as traffic through the security cloud.",
    )


RULE = Rule(
    id="ZG-D03",
    name="security-cloud-bypass",
    order=65,
    severity=Severity.HIGH,
    clauses=(
        "youkou-6-3-c",
        "gl-3-3",
        "gl-6-1",
        "kisoku-5",
        "kisoku-6",
    ),
    title=Text(
        ja="自治体情報セキュリティクラウドを経由しないインターネット接続",
        en="A way to the Internet past the security cloud",
    ),
    why=Text(
        ja="インターネットとの通信は自治体情報セキュリティクラウドに集約します。別の出口は監視の外にあります。",
        en="All Internet traffic is to pass the security cloud; another exit is out of its sight.",
    ),
    remedy=Text(
        ja="別の回線や経路を撤去してください。承認済みの出口であれば、次の中継先を next_hops に、通信を flows に登録してください。",
        en="Remove the other line or route; if the exit is approved, register its next hop under next_hops and its traffic under flows.",
    ),
    example=Text(
        ja="端末 192.168.20.9 が、登録のない中継先を通って 203.0.113.9 と通信した。",
        en="Terminal 192.168.20.9 talked with 203.0.113.9 through an unregistered next hop.",
    ),
    false_positives=Text(
        ja="登録されたローカルブレイクアウト、来庁者Wi-Fiの回線、水道や防災の専用回線、切替試験。",
        en="Declared breakouts, guest Wi-Fi lines, separate lines of the waterworks, failover tests.",
    ),
    check=check,
)
