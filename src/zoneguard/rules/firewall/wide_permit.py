"""ZG-H01: a line permits far more than any flow needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.address import LAST
from zoneguard.net.spans import spans_size
from zoneguard.policy.model import PUBLIC
from zoneguard.rules.base import Rule
from zoneguard.rules.permitted import (
    is_any_service,
    is_wide,
    line_words,
    services_words,
    spans_words,
    tell_lines,
)
from zoneguard.rules.telling import zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield every wide permitting line between zones whose excess is not told already (ZG-H02)."""
    policy = evidence.policy
    for permission in evidence.permissions:
        told = {id(line) for crossing in permission.crossings for line in crossing.lines}
        told |= {id(one.line) for one in permission.covered}
        for one in permission.lines:
            line = one.line
            if id(line) in told:
                continue
            # Towards the public Internet alone any public address is what a declared flow means.
            inside = [{pair[side] for pair in one.pairs} != {PUBLIC} for side in (0, 1)]
            wide = [
                *((Text(ja="送信元", en="source"),) if inside[0] and is_wide(line.match.source) else ()),
                *(
                    (Text(ja="宛先", en="destination"),)
                    if inside[1] and is_wide(line.match.destination)
                    else ()
                ),
                *((Text(ja="サービス", en="service"),) if is_any_service(line.match.services) else ()),
            ]
            if not wide:
                continue
            orig, resp = one.pairs[0]
            match = line.match
            source, destination = spans_words(match.source), spans_words(match.destination)
            service = services_words(match.services)
            size = spans_size(match.source), spans_size(match.destination)
            unknown = ", ".join(match.unknown)
            open_end = Text(
                ja=f"読み取れない条件（{unknown}）がこれを狭めているかは確かめられません。",
                en=f" Whether a condition that was not understood ({unknown}) narrows that is not known.",
            )
            addresses = ["" if one >= LAST >> 1 else f" ({one:,})" for one in size]
            yield tell_lines(
                RULE,
                permission,
                Text(
                    ja=f"{permission.device} の {line_words(line)} は、{'・'.join(word.ja for word in wide)}が広すぎます。"
                    f"{source.ja}{addresses[0]} → {destination.ja}{addresses[1]}、{service.ja} を許可しており、"
                    f"{zone_name(policy, orig).ja}から{zone_name(policy, resp).ja}への通信に及びます。"
                    + (open_end.ja if unknown else ""),
                    en=f"{line_words(line)} of {permission.device} is too wide in its "
                    f"{' and '.join(word.en for word in wide)}: it permits {source.en}{addresses[0]} → "
                    f"{destination.en}{addresses[1]}, {service.en}, which reaches from "
                    f"{zone_name(policy, orig).en} to {zone_name(policy, resp).en}."
                    + (open_end.en if unknown else ""),
                ),
                lines=(line,),
                verdict=Verdict.UNVERIFIABLE if unknown else Verdict.VIOLATED,
                zones=(orig, resp),
            )


RULE = Rule(
    id="ZG-H01",
    name="over-permissive-line",
    order=210,
    severity=Severity.HIGH,
    clauses=("youkou-2-11", "gl-6-2", "gl-6-5", "kisoku-5"),
    title=Text(ja="過大な許可", en="A line permits far more than is needed"),
    why=Text(
        ja="送信元・宛先・サービスを限らない許可は、登録した通信のほかにも経路を開き、後から加わる機器にも及びます。",
        en="A permit without limits on source, destination or service opens paths besides the approved ones, also for devices that come later.",
    ),
    remedy=Text(
        ja="必要なアドレスとサービスだけに狭めてください。explain で、この行が実際に通している通信を確かめられます。",
        en="Narrow it to the addresses and services that are needed; `explain` shows what the line lets through.",
    ),
    example=Text(
        ja="送信元も宛先も all、サービスも ALL の許可がゾーンの間に置かれている。",
        en="A permit of all sources, all destinations and service ALL stands between two zones.",
    ),
    false_positives=Text(
        ja="インターネット接続系からセキュリティクラウドへの出口など、承認された広い許可。",
        en="Wide permits that were approved, such as the way out to the security cloud.",
    ),
    check=check,
    needs_traffic=False,
    needs_exports=True,
)
