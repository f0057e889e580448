"""ZG-C03: a registered address spoke with a MAC that is not registered for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.address import mac_text
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.sight import flow_of, is_tunnelled, is_virtual
from zoneguard.rules.telling import end_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield allowed conversations whose flow names MACs and whose ends show others.

    Behind a router every MAC is the router's: at a sensor that is declared and not l2_adjacent, and where a
    virtual router's MAC is seen, the limit cannot be verified. Without a declared sensor a person decides.
    """
    policy = evidence.policy
    adjacent = {sensor.id: sensor.l2_adjacent for sensor in policy.sensors}
    for one in evidence.conversations:
        flow = flow_of(policy, one.allowed_by) if one.decision is Decision.ALLOWED else None
        if flow is None or is_tunnelled(one):
            continue
        for end, limit in ((one.orig, flow.source.macs), (one.resp, flow.destination.macs)):
            if not limit or not end.mac or end.mac in limit:
                continue
            words, seen = end_words(policy, end), mac_text(end.mac)
            expected = ", ".join(mac_text(mac) for mac in limit)
            if adjacent.get(one.sensor, True) and not is_virtual(end.mac):
                yield tell(
                    RULE,
                    one,
                    Text(
                        ja=f"{words.ja}が MACアドレス {seen} で通信しました。"
                        f"許可 {flow.id} に登録された MACアドレスは {expected} です。",
                        en=f"{words.en} spoke from MAC {seen}; flow {flow.id} is limited to {expected}.",
                    ),
                    verdict=Verdict.REVIEW,
                )
            else:
                yield tell(
                    RULE,
                    one,
                    Text(
                        ja=f"{words.ja}の MACアドレスは、観測点がルータの先にあるため検証できません"
                        f"（許可 {flow.id} の登録は {expected}、観測は {seen}）。",
                        en=f"The MAC of {words.en} cannot be verified from behind a router (flow {flow.id} is"
                        f" limited to {expected}, seen was {seen}).",
                    ),
                    verdict=Verdict.UNVERIFIABLE,
                    severity=Severity.INFO,
                )


RULE = Rule(
    id="ZG-C03",
    name="mac-mismatch",
    order=92,
    severity=Severity.HIGH,
    clauses=(
        "youkou-6-3-a",
        "gl-3-1",
        "kisoku-5",
    ),
    title=Text(ja="特定通信のMAC不一致", en="A registered flow came from another MAC"),
    why=Text(
        ja="特定通信は、IPアドレスとポート番号に加えてMACアドレスでも限定します。",
        en="A 特定通信 is limited by MAC address as well as by IP address and port.",
    ),
    remedy=Text(
        ja="機器の交換であれば変更の申請番号を確かめ、flows の macs を改めてください。心当たりがなければ、なりすましを疑ってください。",
        en="If the device was replaced, check the change request and update macs under flows; otherwise suspect an impostor.",
    ),
    example=Text(
        ja="eLTAX と通信する 10.10.10.51 が、登録と異なる 02:10:10:00:00:99 から通信した。",
        en="10.10.10.51, which talks with eLTAX, did so from the unregistered 02:10:10:00:00:99.",
    ),
    false_positives=Text(
        ja="VRRPやHSRPの仮想MAC、NICの冗長化、仮想マシンの移動、機器の交換。",
        en="Virtual MACs of VRRP and HSRP, NIC teaming, moved virtual machines, replaced devices.",
    ),
    check=check,
)
