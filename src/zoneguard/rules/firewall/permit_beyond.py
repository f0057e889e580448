"""ZG-H02: a device permits between zones what the policy does not allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import SEVERITY_ORDER, Severity, Verdict
from zoneguard.policy.model import Principle
from zoneguard.policy.verdict import owed
from zoneguard.rules.base import Rule
from zoneguard.rules.permitted import (
    is_any_service,
    is_wide,
    line_words,
    probe_words,
    services_words,
    spans_words,
    tell_lines,
)
from zoneguard.rules.telling import graver, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.firewall.model import Line
    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import Evidence
    from zoneguard.rules.permission import Crossing, Permission

_PAIRS = 3  # pairs of zones that one line's findings tell apart


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for each line, the pairs of zones that it joins beyond the policy; many pairs in one finding."""
    policy = evidence.policy
    for permission in evidence.permissions:
        pairs = {(one.orig_zone, one.resp_zone) for one in permission.crossings}
        grave = {pair: severity_between(policy, *pair) for pair in pairs}  # not anew for each of many lines
        by_line: dict[tuple[object, ...], list[Crossing]] = {}
        for crossing in permission.crossings:
            key = (*(id(line) for line in crossing.lines), crossing.sure)
            by_line.setdefault(key, []).append(crossing)
        for same in by_line.values():
            if len(same) <= _PAIRS:
                for crossing in same:
                    yield _tell(policy, permission, [crossing], grave)
            else:
                yield _tell(policy, permission, same, grave)


def _tell(
    policy: Policy,
    permission: Permission,
    crossings: Sequence[Crossing],
    grave: Mapping[tuple[str, str], Severity],
) -> Finding:
    first = min(
        crossings, key=lambda one: (SEVERITY_ORDER.index(grave[one.orig_zone, one.resp_zone]), -one.size)
    )
    orig, resp = zone_name(policy, first.orig_zone), zone_name(policy, first.resp_zone)
    shown = first.shown
    source, destination = spans_words(shown.source), spans_words(shown.destination)
    service = services_words(shown.services)
    where = ", ".join(dict.fromkeys(line_words(line) for line in first.lines))
    who = (
        Text(ja=f"{permission.device} の {where} は", en=f"{where} of {permission.device}")
        if first.lines
        else Text(ja=f"{permission.device} の既定動作は", en=f"The default action of {permission.device}")
    )
    can = (
        Text(ja="許可しています", en="permits")
        if first.sure
        else Text(
            ja=f"許可し得ます（読み取れない条件: {', '.join(first.unknown) or '変換先が1つに定まらない変換'}）",
            en=f"may permit (conditions not understood: {', '.join(first.unknown) or 'a translation to one of several'})",
        )
    )
    many = Text(
        ja=f"ゾーンの組は計 {len(crossings)} 組に及びます。",
        en=f"It does so for {len(crossings)} pairs of zones.",
    )
    rest = first.products - 1
    more = Text(
        ja=f"ほかに {rest:,} 個の部分集合があります。", en=f"There are {rest:,} further parts of the set."
    )
    ja = f"{who.ja}、{orig.ja}から{resp.ja}へ、zones.yaml が認めていない通信を{can.ja}。"
    ja += f"最も広い部分は {source.ja} → {destination.ja}、{service.ja}。例: {probe_words(first.example)}。"
    en = f"{who.en} {can.en} what zones.yaml does not allow, from {orig.en} to {resp.en}. "
    en += f"The widest part is {source.en} → {destination.en}, {service.en}; for example {probe_words(first.example)}."
    if first.translated:
        ja += f"アドレス変換 {'、'.join(first.translated)} を経ます。"
        en += f" It passes the address translation {', '.join(first.translated)}."
    if rest:
        ja, en = ja + more.ja, f"{en} {more.en}"
    if len(crossings) > 1:
        ja, en = ja + many.ja, f"{en} {many.en}"
    return tell_lines(
        RULE,
        permission,
        Text(ja=ja, en=en),
        lines=first.lines,
        defaults=first.defaults,
        verdict=Verdict.VIOLATED if first.sure else Verdict.UNVERIFIABLE,
        severity=grave[first.orig_zone, first.resp_zone],
        zones=(first.orig_zone, first.resp_zone),
        service=service.en if not service.en.startswith("any") and "," not in service.en else None,
        related=("ZG-H01",) if any(_is_wide(line) for line in first.lines) else (),
    )


def _is_wide(line: Line) -> bool:
    return (
        is_any_service(line.match.services) or is_wide(line.match.source) or is_wide(line.match.destination)
    )


def severity_between(policy: Policy, orig: str, resp: str) -> Severity:
    """Tell how grave it is that a device permits more than the policy from one zone to another."""
    principle = owed(policy, orig, resp)
    severity = Severity.HIGH if principle is not None else Severity.MEDIUM
    if principle is Principle.ISOLATION:
        return graver(policy, severity, orig, resp)
    return severity


RULE = Rule(
    id="ZG-H02",
    name="permit-beyond-policy",
    order=200,
    severity=Severity.HIGH,
    clauses=("youkou-2-11", "youkou-6-3-a", "youkou-6-3-b", "gl-3-1", "gl-3-2", "gl-6-2", "kisoku-5"),
    title=Text(ja="ゾーンモデルにない越境の許可", en="A device permits what the policy does not allow"),
    why=Text(
        ja="分離と分割は、承認した通信のほかは通さないことで成り立ちます。機器の許可が承認より広ければ、その差だけ経路が開いています。",
        en="Separation and division hold when nothing passes but what was approved; where a device permits more, that much of a path is open.",
    ),
    remedy=Text(
        ja="許可を承認の範囲まで狭めるか、不要なら削除してください。必要な通信であれば、承認を得て zones.yaml の flows に登録してください。",
        en="Narrow the line to what was approved, or remove it; if the traffic is needed, have it approved and declare it under flows in zones.yaml.",
    ),
    example=Text(
        ja="policy 14 が、LGWAN接続系の 172.16.20.0/22 からインターネット接続系の全アドレスへの tcp/1433 を許可している。",
        en="Policy 14 permits tcp/1433 from 172.16.20.0/22 (LGWAN) to every address of the Internet zone.",
    ),
    false_positives=Text(
        ja="別の機器がその先で遮断している経路、登録していない無害化装置の脚。",
        en="Paths that another device blocks further on, legs of unregistered gateways.",
    ),
    check=check,
    needs_traffic=False,
    needs_exports=True,
)
