"""ZG-F01: a tunnel or VPN that no declared flow registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import State
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.sight import carriers, ends, flow_of, is_tunnel_service
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield tunnels between any two ends that no declared flow calls a tunnel.

    Across zones they are violations; within one, or under a flow that merely allows them, for review.
    A tunnel is told by its protocol or port once it is answered, or once a packet was found inside it: each
    direction of some tunnels is a flow of its own. An ERSPAN mirror is never answered, so it stays silent.
    """
    policy, opened = evidence.policy, carriers(evidence.conversations)
    for one in evidence.conversations:
        carried = ends(one) in opened
        if not is_tunnel_service(one.protocol, one.port) or (one.state is State.ATTEMPT and not carried):
            continue
        flow = flow_of(policy, one.allowed_by)
        here = one.decision in {Decision.WITHIN, Decision.ALLOWED}
        if one.decision in {Decision.LINK_SCOPE, Decision.UNKNOWN} or (here and flow and flow.tunnel):
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}と{resp.ja}の間に、登録されていないトンネル {service.ja} があります。",
                en=f"An unregistered tunnel, {service.en}, runs between {orig.en} and {resp.en}.",
            ),
            verdict=Verdict.REVIEW if here else Verdict.VIOLATED,
            severity=Severity.MEDIUM if here else graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
        )


RULE = Rule(
    id="ZG-F01",
    name="unapproved-tunnel",
    order=15,
    severity=Severity.HIGH,
    clauses=("youkou-2-11", "youkou-6-3-c", "gl-6-1", "gl-6-2", "kisoku-5"),
    title=Text(ja="未承認トンネル・VPN", en="An unapproved tunnel or VPN"),
    why=Text(
        ja="トンネルの中身はファイアウォールから見えず、分割した領域をつなぎ直すことができます。",
        en="Firewalls do not see into a tunnel; it can join again what was divided.",
    ),
    remedy=Text(
        ja="トンネルを停止してください。承認済みであれば flows に両端を限定して登録し、tunnel: true を付けてください。",
        en="Stop the tunnel; if it is approved, declare it under flows, limited to its ends, with tunnel: true.",
    ),
    example=Text(
        ja="端末 192.168.20.9 が 203.0.113.7 との間に udp/1194 の VPN を張った。",
        en="Terminal 192.168.20.9 ran a VPN over udp/1194 with 203.0.113.7.",
    ),
    false_positives=Text(
        ja="自庁のスイッチのERSPAN、登録前の拠点間VPN、LGWANのトンネル通信、無線LANのCAPWAP。",
        en="ERSPAN of the city's own switches, branch VPNs not yet registered, LGWAN tunnelling, CAPWAP.",
    ),
    check=check,
)
