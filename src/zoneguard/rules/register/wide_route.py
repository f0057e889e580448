"""ZG-C01: a declared or permitted way to the My Number systems is not limited to hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.address import spans_of
from zoneguard.net.spans import spans_from, spans_size
from zoneguard.policy.model import FlowKind
from zoneguard.rules.base import Rule
from zoneguard.rules.permitted import line_words, spans_words, tell_lines
from zoneguard.rules.sight import touches_mynumber
from zoneguard.rules.telling import tell_flow
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import FlowEnd
    from zoneguard.rules.evidence import Evidence

_MOST = 16  # addresses of one end that still name hosts


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield each end of a 特定通信 that is a whole zone or many addresses, and each permitting line as wide."""
    for flow in evidence.policy.flows:
        if flow.kind is not FlowKind.TOKUTEI:
            continue
        for end, side in (
            (flow.source, Text(ja="開始側", en="source")),
            (flow.destination, Text(ja="応答側", en="destination")),
        ):
            size = _size(end)
            if size is not None and size <= _MOST:
                continue
            extent = (
                Text(ja=f"ゾーン {end.zone} の全体", en=f"all of the zone {end.zone}")
                if size is None
                else Text(ja=f"{size:,} アドレス", en=f"{size:,} addresses")
            )
            yield tell_flow(
                RULE,
                flow,
                Text(
                    ja=f"特定通信 {flow.id} の{side.ja}が {extent.ja} で、経路が限定されていません。",
                    en=f"The {side.en} of flow {flow.id} is {extent.en}; the route is not limited.",
                ),
            )
    for permission in evidence.permissions:
        told = {id(line) for crossing in permission.crossings for line in crossing.lines}
        for one in permission.lines:
            pair = next((pair for pair in one.pairs if touches_mynumber(evidence.policy, *pair)), None)
            wide = [
                spans
                for spans in (one.line.match.source, one.line.match.destination)
                if spans_size(spans) > 256
            ]
            if pair is not None and wide and id(one.line) not in told:
                extent = spans_words(wide[0])
                yield tell_lines(
                    RULE,
                    permission,
                    Text(
                        ja=f"{permission.device} の {line_words(one.line)} は、マイナンバー利用事務系との通信を {extent.ja} に許可しています。",
                        en=f"{line_words(one.line)} of {permission.device} permits traffic with the My Number zone for {extent.en}.",
                    ),
                    lines=(one.line,),
                    verdict=Verdict.REVIEW,
                    zones=pair,
                )


def _size(end: FlowEnd) -> int | None:
    if not end.networks:
        return None
    return spans_size(spans_from(span for network in end.networks for span in spans_of(network)))


RULE = Rule(
    id="ZG-C01",
    name="wide-route",
    order=110,
    severity=Severity.MEDIUM,
    clauses=("youkou-6-3-a", "gl-3-1", "kisoku-5"),
    title=Text(ja="特定通信の経路限定不備", en="A way to the My Number systems is not limited to hosts"),
    why=Text(
        ja="特定通信は、通信経路（MACアドレス、IPアドレス）の限定に加えて、ポート番号のレベルでの限定が求められます。",
        en="Such traffic must be limited by route (MAC and IP addresses) and by port number as well.",
    ),
    remedy=Text(
        ja="通信するサーバのアドレスだけに限り、登録と機器の行を同じにしてください。",
        en="Name the addresses of the servers that talk, in the register and on the device alike.",
    ),
    example=Text(
        ja="特定通信の宛先がLGWAN側の /16 になっている。",
        en="The destination of such a flow is a /16 of the LGWAN side.",
    ),
    false_positives=Text(
        ja="仮想IPと構成機を持つクラスタ、ガバメントクラウド上の拡張領域。",
        en="Clusters with a virtual address and members, extensions in the government cloud.",
    ),
    check=check,
    needs_traffic=False,
)
