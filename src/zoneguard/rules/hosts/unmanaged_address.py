"""ZG-E02: an address in no declared zone, or a MAC in no inventory."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from zoneguard.findings.finding import Party, Severity, Verdict
from zoneguard.net.address import mac_text
from zoneguard.net.flow import State
from zoneguard.policy.model import UNKNOWN
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.homing import OWN_ADDRESS
from zoneguard.rules.ipv6 import speaks_undeclared_ipv6
from zoneguard.rules.sight import claims_by_mac, declared_zone, is_virtual, router_macs, zones
from zoneguard.rules.telling import collapsed, end_words, plural, tell_all, tell_claims, zone_name
from zoneguard.rules.together import Alone, how_many, named, together
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import Conversation, Evidence


_APART = frozenset({Decision.LINK_SCOPE, Decision.ALLOWED})


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield one finding for each zone and way in which unknown addresses appeared, and for each inventory.

    Unanswered tries towards unknown addresses are told of their source: the address may not exist.
    """
    talks: dict[tuple[str, str, str], list[Conversation]] = {}
    for one in evidence.conversations:
        if UNKNOWN not in zones(one) or one.decision in _APART or _is_told_elsewhere(evidence, one):
            continue
        tried = one.orig.zone != UNKNOWN and one.state is State.ATTEMPT
        about = one.orig if tried or one.orig.zone == UNKNOWN else one.resp
        how = "tried" if tried else "opened" if about is one.orig else "answered"
        talks.setdefault((how, about.zone, about.address), []).append(one)
    alike: dict[tuple[str, str, str], list[Alone]] = {}
    for (how, _, address), group in talks.items():
        finding = _tried(evidence, group) if how == "tried" else _talked(evidence, group)
        if finding.orig is None or finding.resp is None:
            continue
        alone = Alone(finding=finding, name=address, count=collapsed(address))
        alike.setdefault((how, finding.orig.zone, finding.resp.zone), []).append(alone)
    for (how, orig, resp), members in alike.items():
        yield from together(
            evidence,
            sorted(members, key=_by_address),
            partial(_all_tried if how == "tried" else _all_talked, evidence.policy, orig, resp),
            name=f"{RULE.name}-tried" if how == "tried" else RULE.name,
            orig=Party(zone=orig),
            resp=Party(zone=resp),
        )
    yield from _uninventoried(evidence)


def _by_address(member: Alone) -> tuple[int, int]:
    if member.count > 1:
        return 7, 0
    address = ip_address(member.name)
    return address.version, int(address)


def _is_told_elsewhere(evidence: Evidence, one: Conversation) -> bool:
    """Leave known noise to ZG-A02 and IPv6 in an IPv4-only zone to ZG-F03."""
    known = one.decision is Decision.NOISE and one.state is State.ATTEMPT
    return known or speaks_undeclared_ipv6(evidence.policy, one)


def _tried(evidence: Evidence, group: Sequence[Conversation]) -> Finding:
    orig, flows = end_words(evidence.policy, group[0].orig), sum(one.flows for one in group)
    return tell_all(
        RULE,
        group,
        Text(
            ja=f"{orig.ja}が、どのゾーンにも属さないアドレスへ {flows:,} 回接続を試み、応答がありませんでした。",
            en=f"{orig.en} tried {flows:,} time{plural(flows)} to reach addresses in no declared zone; none"
            " answered.",
        ),
        verdict=Verdict.REVIEW,
        severity=Severity.LOW,
    )


def _talked(evidence: Evidence, group: Sequence[Conversation]) -> Finding:
    first = group[0]
    about, other = (first.orig, first.resp) if first.orig.zone == UNKNOWN else (first.resp, first.orig)
    who, zone, flows = end_words(evidence.policy, about), _met(evidence.policy, other.zone), len(group)
    return tell_all(
        RULE,
        group,
        Text(
            ja=f"{who.ja}が、{zone.ja}などとの {flows:,} 組の通信に現れました。",
            en=f"{who.en} took part in {flows:,} conversation{plural(flows)}, with {zone.en} among others.",
        ),
        verdict=Verdict.REVIEW,
    )


def _met(policy: Policy, zone_id: str) -> Text:
    if zone_id == UNKNOWN:
        return Text(ja="どのゾーンにも属さないアドレス", en="addresses in no declared zone")
    return zone_name(policy, zone_id)


def _all_tried(policy: Policy, orig: str, _: str, members: Sequence[Alone]) -> Text:
    zone, who, count = zone_name(policy, orig), named(members), how_many(members)
    return Text(
        ja=f"{zone.ja}の {count:,} 個のアドレス（{who.ja}）が、どのゾーンにも属さないアドレスへ接続を試み、"
        "応答がありませんでした。",
        en=f"{count:,} addresses in {zone.en} ({who.en}) tried to reach addresses in no declared zone; none"
        " answered.",
    )


def _all_talked(policy: Policy, orig: str, resp: str, members: Sequence[Alone]) -> Text:
    other = _met(policy, resp if orig == UNKNOWN else orig)
    who, count = named(members), how_many(members)
    return Text(
        ja=f"どのゾーンにも属さない {count:,} 個のアドレス（{who.ja}）が、{other.ja}などとの通信に現れました。",
        en=f"{count:,} addresses in no declared zone ({who.en}) took part in conversations, with {other.en}"
        " among others.",
    )


def _uninventoried(evidence: Evidence) -> Iterator[Finding]:
    policy, excused = evidence.policy, router_macs(evidence.policy)
    strangers: dict[str, list[Alone]] = {}
    for mac, claims in claims_by_mac(evidence).items():
        if mac in excused or is_virtual(mac):
            continue
        for zone_id in sorted({declared_zone(policy, claim.zone) or "" for claim in claims} - {""}):
            inventory = [
                zone.macs
                for zone in policy.zones
                if zone_id in {zone.id, zone.extends} and zone.macs is not None
            ]
            own = [c for c in claims if declared_zone(policy, c.zone) == zone_id and c.kind in OWN_ADDRESS]
            if not inventory or not own or any(mac in macs for macs in inventory):
                continue
            zone = zone_name(policy, zone_id)
            finding = tell_claims(
                RULE,
                own,
                Text(
                    ja=f"台帳にない機器 {mac_text(mac)} が、{zone.ja}で {own[0].address} を名乗りました。",
                    en=f"Device {mac_text(mac)}, in no inventory, claimed {own[0].address} in {zone.en}.",
                ),
                zone=zone_id,
            )
            strangers.setdefault(zone_id, []).append(Alone(finding=finding, name=mac_text(mac)))
    for zone_id, members in strangers.items():
        yield from together(
            evidence,
            sorted(members, key=lambda member: member.name),
            partial(_all_claimed, policy, zone_id),
            name=RULE.name,
            orig=Party(zone=zone_id),
        )


def _all_claimed(policy: Policy, zone_id: str, members: Sequence[Alone]) -> Text:
    zone, who, count = zone_name(policy, zone_id), named(members), how_many(members)
    return Text(
        ja=f"台帳にない {count:,} 台の機器（{who.ja}）が、{zone.ja}でアドレスを名乗りました。",
        en=f"{count:,} devices in no inventory ({who.en}) claimed addresses in {zone.en}.",
    )


RULE = Rule(
    id="ZG-E02",
    name="unmanaged-address",
    order=96,
    severity=Severity.MEDIUM,
    clauses=(
        "gl-6-1",
        "gl-4-3",
        "kisoku-5",
        "kisoku-6",
    ),
    title=Text(ja="台帳外の機器・アドレス", en="An address or device that nobody registered"),
    why=Text(
        ja="どのゾーンにも属さないアドレスは、適否を判定できません。台帳にない機器は、持ち込みかもしれません。",
        en="An address in no zone cannot be judged, and a device in no inventory may have been brought in.",
    ),
    remedy=Text(
        ja="機器を特定し、zones.yaml の segments または macs に登録するか、取り外してください。",
        en="Find the device; register it under segments or macs in zones.yaml, or remove it.",
    ),
    example=Text(
        ja="10.99.0.5 という、どのセグメントにもないアドレスが 172.16.10.9 と通信した。",
        en="10.99.0.5, in no segment, talked with 172.16.10.9.",
    ),
    false_positives=Text(
        ja="台帳が別の複合機やIP電話、4月の人事異動、無線端末のランダムMAC。",
        en="Printers and phones kept in another ledger, the April moves, randomised wireless MACs.",
    ),
    check=check,
)
