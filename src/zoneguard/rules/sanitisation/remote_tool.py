"""ZG-B05: software for remote control, file transfer or tunnelling that nobody approved went across zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.dissect.record import Spoken
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import Payload
from zoneguard.policy.model import FlowKind
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.hostnames import is_listed
from zoneguard.rules.opened import by_conversation, tell_looked
from zoneguard.rules.sight import flow_of, is_breach
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.rules.tools import WORDS, Does, Told, asked_names, told_by_look, told_by_port
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import AllowedFlow
    from zoneguard.rules.evidence import Conversation, Evidence, Looked

_OWN_PORTS = {Spoken.RDP: range(3389, 3390), Spoken.RFB: range(5900, 6000)}
_SPOKEN = {Payload.RDP: Spoken.RDP, Payload.RFB: Spoken.RFB}


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield conversations between zones in which such software showed itself: by name, by protocol, or by port.

    A declared flow approves what it names: a screen flow its screen protocol, any flow the names of its
    destination and the protocol whose own port it opens. A port alone tells a tool only where nothing is declared.
    """
    named: set[Conversation] = set()
    # Where many peers were gathered into one line, the flows that were opened are lines of their own.
    for one, opened in by_conversation(evidence.looks).items():
        if one.decision is not Decision.ALLOWED and not is_breach(one):
            continue
        looks = [(look, told) for look in opened if (told := _told(evidence, look))]
        for name in dict.fromkeys(told.tool.name for _, told in looks):
            named.add(one)
            yield _finding(
                evidence,
                [look for look, told in looks if told.tool.name == name],
                next(told for _, told in looks if told.tool.name == name),
            )
    for one in evidence.conversations:
        if one not in named and is_breach(one) and (told := _by_header(one)):
            yield tell(
                RULE,
                one,
                _message(evidence, one, told),
                severity=graver(evidence.policy, RULE.severity, one.orig.zone, one.resp.zone),
            )


def _told(evidence: Evidence, one: Looked) -> Told | None:
    told = told_by_look(one.look)
    if told is None or told.tool.does is Does.RESOLVER:
        return None
    flow = flow_of(evidence.policy, one.conversation.allowed_by)
    if one.conversation.decision is Decision.ALLOWED and flow and _approves(flow, one, told):
        return None
    return told


def _approves(flow: AllowedFlow, one: Looked, told: Told) -> bool:
    if told.tool.spoken is not None:
        own = _OWN_PORTS.get(told.tool.spoken, range(0))
        return flow.kind is FlowKind.SCREEN or one.conversation.port in own
    return any(is_listed(name, flow.destination.names) for name, _ in asked_names(one.look))


def _by_header(one: Conversation) -> Told | None:
    """Tell a tool that was not opened by its port; a screen protocol is left to the rules of crossings."""
    return told_by_port(one.protocol, one.port) if one.services == 1 else None


def _finding(evidence: Evidence, looks: list[Looked], told: Told) -> Finding:
    one = looks[0].conversation
    return tell_looked(
        RULE,
        looks,
        _message(evidence, one, told),
        verdict=Verdict.VIOLATED,
        severity=graver(evidence.policy, RULE.severity, one.orig.zone, one.resp.zone),
    )


def _message(evidence: Evidence, one: Conversation, told: Told) -> Text:
    orig, resp = end_words(evidence.policy, one.orig), end_words(evidence.policy, one.resp)
    service, does = service_words(one), WORDS[told.tool.does]
    path = one.allowed_by if one.decision is Decision.ALLOWED else None
    under_ja = f"（許可 {path} の経路上）" if path else ""
    under_en = f", on the path of flow {path}" if path else ""
    return Text(
        ja=f"{orig.ja}から{resp.ja}への {service.ja} で、承認の登録がない{does.ja}のソフトウェア {told.tool.name} が"
        f"使われました{under_ja}。判別の根拠は{told.by.ja}です。",
        en=f"{told.tool.name}, software for {does.en} that no flow approves, was used from {orig.en} to {resp.en}"
        f" over {service.en}{under_en}; it was told by {told.by.en}.",
    )


RULE = Rule(
    id="ZG-B05",
    name="unapproved-tool",
    order=72,
    severity=Severity.HIGH,
    clauses=("youkou-6-8", "gl-6-2", "kisoku-5"),
    title=Text(ja="未承認の遠隔操作・ファイル転送ツール", en="An unapproved remote-control or transfer tool"),
    why=Text(
        ja="遠隔操作やファイル転送のソフトウェアは、外側の中継サーバを経て、分割された領域の内側へ人とファイルを通します。",
        en="Such software lets people and files into a divided zone, by way of a relay outside.",
    ),
    remedy=Text(
        ja="そのソフトウェアを止め、誰が何のために使ったかを確かめてください。契約した保守などで必要であれば、"
        "宛先の名前と期限を付けて flows に登録してください。",
        en="Stop the software and find out who used it and why; where contracted maintenance needs it, declare it under"
        " flows with its names and an expiry.",
    ),
    example=Text(
        ja="内部情報系の端末が、プロキシを通じて *.teamviewer.com へ接続した。",
        en="A terminal connected to *.teamviewer.com through the proxy.",
    ),
    false_positives=Text(
        ja="登録前の保守回線、製品のウェブサイトを見ただけの通信。",
        en="Maintenance not yet declared, and mere visits to a product's web site.",
    ),
    check=check,
    opens=True,
)
