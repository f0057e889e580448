"""ZG-A06: a declared pair of hosts used a service that is not declared for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity
from zoneguard.net.flow import State
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield every answered conversation of a declared pair over an undeclared service."""
    policy = evidence.policy
    for one in evidence.conversations:
        if one.decision is not Decision.OTHER_SERVICE or one.state is State.ATTEMPT:
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}へ {service.ja} で通信し、成立しました。"
                f"許可 {one.allowed_by} はこの組を認めていますが、このサービスは含みません。",
                en=f"{orig.en} talked with {resp.en} over {service.en} and was answered; flow"
                f" {one.allowed_by} allows the pair but not this service.",
            ),
            severity=graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
        )


RULE = Rule(
    id="ZG-A06",
    name="undeclared-service",
    order=40,
    severity=Severity.HIGH,
    clauses=(
        "youkou-2-11",
        "gl-3-1",
        "gl-3-2",
        "kisoku-5",
    ),
    title=Text(ja="許可外サービスの利用", en="A declared pair used an undeclared service"),
    why=Text(
        ja="許可は、相手だけでなくアプリケーションプロトコル（ポート番号）まで限定して与えられます。",
        en="A flow is allowed between hosts for named services only, not for whatever they may say.",
    ),
    remedy=Text(
        ja="許可していないポートを機器で閉じてください。必要なサービスであれば、承認を得て services に加えてください。",
        en="Close the port on the device; if the service is needed, have it approved and add it to the flow's services.",
    ),
    example=Text(
        ja="tcp/3389 だけを許された組が tcp/445 で通信した。",
        en="A pair allowed tcp/3389 only talked over tcp/445.",
    ),
    false_positives=Text(
        ja="FTP、SIP、RPC などが動的に使うデータ用ポート、監視のICMPエコー。",
        en="Dynamic data ports of FTP, SIP or RPC, and the ICMP echo of monitoring.",
    ),
    check=check,
)
