"""ZG-C02: a declared or permitted way to the My Number systems is not limited to ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.policy.model import FlowKind
from zoneguard.policy.services import format_service
from zoneguard.rules.base import Rule
from zoneguard.rules.permitted import is_any_service, line_words, services_words, tell_lines
from zoneguard.rules.sight import touches_mynumber
from zoneguard.rules.telling import tell_flow
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Service
    from zoneguard.rules.evidence import Evidence

_MOST = 64  # ports of one service


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield each 特定通信 and each permitting line to the My Number zone whose ports are not limited."""
    for flow in evidence.policy.flows:
        wide = [service for service in flow.services if _is_wide(service)]
        if flow.kind is FlowKind.TOKUTEI and wide:
            listed = ", ".join(format_service(service) for service in wide)
            yield tell_flow(
                RULE,
                flow,
                Text(
                    ja=f"特定通信 {flow.id} のサービス（{listed}）は、ポートが限定されていません。",
                    en=f"The services of flow {flow.id} ({listed}) are not limited to ports.",
                ),
            )
    for permission in evidence.permissions:
        told = {id(line) for crossing in permission.crossings for line in crossing.lines}
        for one in permission.lines:
            pair = next((pair for pair in one.pairs if touches_mynumber(evidence.policy, *pair)), None)
            if pair is not None and is_any_service(one.line.match.services) and id(one.line) not in told:
                service = services_words(one.line.match.services)
                yield tell_lines(
                    RULE,
                    permission,
                    Text(
                        ja=f"{permission.device} の {line_words(one.line)} は、マイナンバー利用事務系との通信に {service.ja} を許可しています。",
                        en=f"{line_words(one.line)} of {permission.device} permits {service.en} with the My Number zone.",
                    ),
                    lines=(one.line,),
                    verdict=Verdict.REVIEW,
                    zones=pair,
                )


def _is_wide(service: Service) -> bool:
    if service.protocol in (6, 17, None):
        return service.ports[1] - service.ports[0] >= _MOST
    return False


RULE = Rule(
    id="ZG-C02",
    name="wide-service",
    order=111,
    severity=Severity.MEDIUM,
    clauses=("youkou-6-3-a", "gl-3-1", "kisoku-5"),
    title=Text(
        ja="特定通信のプロトコル限定不備", en="A way to the My Number systems is not limited to ports"
    ),
    why=Text(
        ja="特定通信は、通信経路の限定に加えて、アプリケーションプロトコル（ポート番号）のレベルでの限定が求められます。",
        en="Such traffic must be limited by application protocol (port number) besides the route.",
    ),
    remedy=Text(
        ja="使っているポートだけに限ってください。観測したポートは flows で確かめられます。",
        en="Limit it to the ports in use; `flows` shows those that were observed.",
    ),
    example=Text(
        ja="特定通信の許可のサービスが ALL になっている。", en="The permit of such a flow names service ALL."
    ),
    false_positives=Text(
        ja="範囲が文書化されたRPC型のアプリケーション。",
        en="Applications of the RPC kind with a documented range.",
    ),
    check=check,
    needs_traffic=False,
)
