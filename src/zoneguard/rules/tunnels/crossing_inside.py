"""ZG-F02: a forbidden conversation between zones inside a tunnel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity
from zoneguard.rules.base import Rule
from zoneguard.rules.sight import is_breach, is_tunnelled
from zoneguard.rules.telling import end_words, graver, service_words, tell, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield every answered inner conversation that crosses zones; the tunnel around it hangs on it."""
    policy = evidence.policy
    for one in evidence.conversations:
        if one.tunnel is None or not is_tunnelled(one) or not is_breach(one):
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service, tunnel = service_words(one), one.tunnel
        outer = [zone_name(policy, zone) for zone in tunnel.outer_zones]
        kind = tunnel.kind.name.replace("_", "-")
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{outer[0].ja}の {tunnel.outer_orig} と{outer[1].ja}の {tunnel.outer_resp} の間の {kind} トンネルの中で、"
                f"{orig.ja}が{resp.ja}へ {service.ja} で通信し、成立しました。",
                en=f"Inside a {kind} tunnel between {tunnel.outer_orig} ({outer[0].en}) and {tunnel.outer_resp}"
                f" ({outer[1].en}), {orig.en} talked with {resp.en} over {service.en} and was answered.",
            ),
            severity=graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
            related=("ZG-F01",),
        )


RULE = Rule(
    id="ZG-F02",
    name="crossing-inside-tunnel",
    order=10,
    severity=Severity.HIGH,
    clauses=("youkou-2-11", "gl-3-1", "gl-3-2", "kisoku-5"),
    title=Text(ja="トンネル内の越境通信", en="A crossing inside a tunnel"),
    why=Text(
        ja="トンネルの中で領域をまたぐ通信は、外側の許可にかかわらず越境です。",
        en="A conversation that crosses zones inside a tunnel is a crossing, whatever is allowed outside.",
    ),
    remedy=Text(
        ja="トンネルを止め、両端の機器と、その設定をした者を確かめてください。",
        en="Stop the tunnel, and find out about the devices at its ends and who set them up.",
    ),
    example=Text(
        ja="マイナンバー利用事務系とインターネット接続系の間の VXLAN の中で SMB が使われた。",
        en="SMB ran inside VXLAN between the mynumber zone and the Internet zone.",
    ),
    false_positives=Text(
        ja="トンネルの中のアドレスが、ゾーンのアドレスとたまたま重なっている場合。",
        en="Inner addresses that merely coincide with those of a zone.",
    ),
    check=check,
)
