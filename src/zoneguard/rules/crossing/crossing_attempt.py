"""ZG-A02: somebody tried to cross and did not come through."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from zoneguard.findings.finding import SEVERITY_ORDER, Severity, Verdict
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
from zoneguard.rules.together import Alone, together
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import Conversation, Evidence

_SWEEP = 4  # zones: who tries so many looks for what is there, and which ones says little
_WOULD_BE = {
    Decision.REVERSED: "ZG-A05",
    Decision.OTHER_SERVICE: "ZG-A06",
    Decision.GATEWAY_LEG: "ZG-B01",
}


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield one finding for each source and zone it tried to reach; a sweep of many zones is one; noise apart."""
    opened = carriers(evidence.conversations)
    tries: dict[tuple[str, str, bool], dict[str, list[Conversation]]] = {}
    for one in evidence.conversations:
        if one.state is not State.ATTEMPT or not is_crossing(one):
            continue
        if is_tunnel_service(one.protocol, one.port) and ends(one) in opened and not is_tunnelled(one):
            continue  # a tunnel sends each direction apart: ZG-F01 and ZG-F02 speak of it
        source = one.orig.zone, one.orig.address, one.decision is Decision.NOISE
        tries.setdefault(source, {}).setdefault(one.resp.zone, []).append(one)
    for (_, _, known), tried in tries.items():
        told = [Alone(finding=_tell(evidence, group), name=to) for to, group in tried.items()]
        yield from together(
            evidence,
            sorted(told, key=_gravity),
            partial(_sweep, evidence.policy, tried),
            name=f"{RULE.name}-known" if known else f"{RULE.name}-sweep",
            least=_SWEEP,
        )


def _gravity(member: Alone) -> tuple[int, int, str]:
    return SEVERITY_ORDER.index(member.finding.severity), -(member.finding.flows or 0), member.name


def _sweep(policy: Policy, tried: Mapping[str, Sequence[Conversation]], members: Sequence[Alone]) -> Text:
    """Say how often each zone was tried, the gravest first."""
    first = tried[members[0].name][0]
    orig, flows = end_words(policy, first.orig), sum(member.finding.flows or 0 for member in members)
    ja, en = [], []
    for member in members:
        zone, times, hosts = (
            zone_name(policy, member.name),
            member.finding.flows,
            _targets(tried[member.name]),
        )
        ja.append(f"{zone.ja} {times:,} 回（宛先 {hosts:,}）")
        en.append(f"{zone.en} {times:,} ({hosts:,} target{plural(hosts)})")
    told = Text(
        ja=f"{orig.ja}が {len(members)} の領域へ計 {flows:,} 回接続を試み、いずれも成立しませんでした。"
        f"内訳は、{'、'.join(ja)}です。",
        en=f"{orig.en} tried {flows:,} times to reach {len(members)} zones; none was answered."
        f" By zone: {', '.join(en)}.",
    )
    return _as_known(told) if first.decision is Decision.NOISE else told


def _targets(group: Sequence[Conversation]) -> int:
    return sum(one.peers for one in {one.resp.address: one for one in group}.values())


def _as_known(told: Text) -> Text:
    return Text(
        ja=told.ja + "方針に「OS既定通信」等の既知の通信として登録されています。",
        en=told.en + " The policy lists it as known noise.",
    )


def _tell(evidence: Evidence, group: Sequence[Conversation]) -> Finding:
    policy, first = evidence.policy, group[0]
    flows, targets = sum(one.flows for one in group), _targets(group)
    services = sorted({one.service for one in group})
    listed = ", ".join(services[:5]) + (" …" if len(services) > 5 else "")
    orig, zone = end_words(policy, first.orig), zone_name(policy, first.resp.zone)
    where = first.resp.address if len({one.resp.address for one in group}) == 1 and first.peers == 1 else ""
    told = Text(
        ja=f"{orig.ja}が{zone.ja}{f'の {where}' if where else ''}（宛先 {targets:,}、{listed}）へ {flows:,} 回接続を試み、いずれも成立しませんでした。",
        en=f"{orig.en} tried {flows:,} time{plural(flows)} to reach {where + ' in ' if where else ''}{zone.en}"
        f" ({targets:,} target{plural(targets)}; {listed}); none was answered.",
    )
    if first.decision is Decision.NOISE:
        severity, told = Severity.INFO, _as_known(told)
    else:
        mynumber = touches_mynumber(policy, first.orig.zone, first.resp.zone)
        severity = Severity.MEDIUM if mynumber else Severity.LOW
    return tell_all(
        RULE,
        group,
        told,
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
