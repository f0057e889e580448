"""ZG-A02: somebody tried to cross and did not come through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import State
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.ipv6 import speaks_undeclared_ipv6
from zoneguard.rules.sight import (
    carriers,
    ends,
    is_crossing,
    is_tunnel_service,
    is_tunnelled,
    touches_mynumber,
)
from zoneguard.rules.telling import end_words, plural, tell_all, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Conversation, Evidence

_WOULD_BE = {
    Decision.REVERSED: "ZG-A05",
    Decision.OTHER_SERVICE: "ZG-A06",
    Decision.GATEWAY_LEG: "ZG-B01",
}


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield one finding for each source and zone it tried to reach; known noise apart."""
    opened = carriers(evidence.conversations)
    tries: dict[tuple[str, str, str, bool], list[Conversation]] = {}
    for one in evidence.conversations:
        if one.state is not State.ATTEMPT or not is_crossing(one):
            continue
        if is_tunnel_service(one.protocol, one.port) and ends(one) in opened and not is_tunnelled(one):
            continue  # a tunnel sends each direction apart: ZG-F01 and ZG-F02 speak of it
        known = one.decision is Decision.NOISE
        tries.setdefault((one.orig.zone, one.orig.address, one.resp.zone, known), []).append(one)
    for group in tries.values():
        yield _tell(evidence, group)


def _tell(evidence: Evidence, group: Sequence[Conversation]) -> Finding:
    policy, first = evidence.policy, group[0]
    flows = sum(one.flows for one in group)
    targets = sum(one.peers for one in {one.resp.address: one for one in group}.values())
    services = sorted({one.service for one in group})
    listed = ", ".join(services[:5]) + (" …" if len(services) > 5 else "")
    orig, zone = end_words(policy, first.orig), zone_name(policy, first.resp.zone)
    where = first.resp.address if len({one.resp.address for one in group}) == 1 and first.peers == 1 else ""
    ja = f"{orig.ja}が{zone.ja}{f'の {where}' if where else ''}（宛先 {targets:,}、{listed}）へ {flows:,} 回接続を試み、いずれも成立しませんでした。"
    en = (
        f"{orig.en} tried {flows:,} time{plural(flows)} to reach {where + ' in ' if where else ''}{zone.en}"
        f" ({targets:,} target{plural(targets)}; {listed}); none was answered."
    )
    if first.decision is Decision.NOISE:
        severity = Severity.INFO
        ja, en = (
            ja + "方針に「OS既定通信」等の既知の通信として登録されています。",
            en + " The policy lists it as known noise.",
        )
    else:
        mynumber = touches_mynumber(policy, first.orig.zone, first.resp.zone)
        severity = Severity.MEDIUM if mynumber else Severity.LOW
    return tell_all(
        RULE,
        group,
        Text(ja=ja, en=en),
        verdict=Verdict.REVIEW,
        severity=severity,
        name=f"{RULE.name}-known" if first.decision is Decision.NOISE else None,
        related=_related(evidence, group),
    )


def _related(evidence: Evidence, group: Sequence[Conversation]) -> tuple[str, ...]:
    would_be = {_WOULD_BE[one.decision] for one in group if one.decision in _WOULD_BE}
    if any(speaks_undeclared_ipv6(evidence.policy, one) for one in group):
        would_be.add("ZG-F03")
    return tuple(sorted(would_be))


RULE = Rule(
    id="ZG-A02",
    name="crossing-attempt",
    order=90,
    severity=Severity.MEDIUM,
    clauses=("youkou-6-3-c", "youkou-6-7", "gl-3-3", "gl-7-1", "kisoku-6"),
    title=Text(ja="越境通信の試行（不成立）", en="An attempt to cross was not answered"),
    why=Text(
        ja="遮断された試行は違反ではありませんが、設定の誤り、未知の端末、感染の兆候であることがあります。",
        en="A blocked attempt is no breach, but it may be a sign of a wrong setting, an unknown device or malware.",
    ),
    remedy=Text(
        ja="送信元の端末を確かめてください。OS既定の通信などで遮断してよいものは zones.yaml の noise に登録してください。",
        en="Look at the source; if it is an operating system's habit and rightly denied, list it under noise in"
        " zones.yaml.",
    ),
    example=Text(
        ja="端末 10.10.20.5 が 203.0.113.9 の tcp/443 へ 400 回 SYN を送り、応答がなかった。",
        en="Terminal 10.10.20.5 sent 400 SYNs to tcp/443 of 203.0.113.9 without an answer.",
    ),
    false_positives=Text(
        ja="閉域の端末の接続確認（NCSI）、証明書の失効確認、市自身の脆弱性診断。",
        en="Connectivity probes (NCSI) and revocation checks of closed terminals, the city's own scans.",
    ),
    check=check,
)
