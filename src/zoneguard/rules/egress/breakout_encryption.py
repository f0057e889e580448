"""ZG-D02: a local breakout is not encrypted as it should be, or hides where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.dissect.record import Spoken
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.policy.model import FlowKind
from zoneguard.rules.base import Rule
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision
from zoneguard.rules.opened import opened_for, tell_looked
from zoneguard.rules.sight import flow_of
from zoneguard.rules.telling import end_words
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.dissect.record import Look
    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import AllowedFlow
    from zoneguard.rules.evidence import Conversation, Evidence, Looked

_TLS_1_2 = 0x0303
_VERSIONS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1"}
_CLEAR = frozenset(
    {Spoken.HTTP, Spoken.FTP, Spoken.SMTP, Spoken.POP3, Spoken.IMAP, Spoken.TELNET, Spoken.SMB, Spoken.LDAP}
)

_FAULTS = {
    "clear": Text(ja="暗号化されていません（{0}）", en="is not encrypted ({0})"),
    "old": Text(ja="古い版の暗号化 {0} を使っています", en="is encrypted with the old version {0}"),
    "no-sni": Text(ja="宛先の名前（SNI）を示していません", en="does not name its destination (no SNI)"),
    "ech": Text(ja="宛先の名前を暗号化して隠しています（ECH）", en="hides the name of its destination (ECH)"),
    "quic": Text(
        ja="QUIC を使っており、TCP のプロキシを通りません", en="uses QUIC, which passes no TCP proxy"
    ),
}


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield breakouts in clear text (a violation) and those weakly encrypted or without a visible name (for review)."""
    groups: dict[tuple[str, str, Conversation], list[Looked]] = {}
    for one in opened_for(evidence, Ask.BREAKOUT):
        flow = flow_of(evidence.policy, one.conversation.allowed_by)
        if flow is None or one.conversation.decision is not Decision.ALLOWED:
            continue
        for fault, detail in _faults(flow, one.look):
            groups.setdefault((fault, detail, one.conversation), []).append(one)
    for (fault, detail, conversation), looks in groups.items():
        orig, resp = (end_words(evidence.policy, end) for end in (conversation.orig, conversation.resp))
        words = _FAULTS[fault]
        yield tell_looked(
            RULE,
            looks,
            Text(
                ja=f"{orig.ja}から{resp.ja}への、許可 {conversation.allowed_by} による通信は、{words.ja.format(detail)}。",
                en=f"What goes from {orig.en} to {resp.en} under flow {conversation.allowed_by}"
                f" {words.en.format(detail)}.",
            ),
            verdict=Verdict.VIOLATED if fault == "clear" else Verdict.REVIEW,
            severity=Severity.HIGH if fault == "clear" else RULE.severity,
            name=f"{RULE.name}-{fault}",
        )


def _faults(flow: AllowedFlow, look: Look) -> Iterator[tuple[str, str]]:
    tls = look.tls
    if tls is None:
        told = look.spoken if look.proxy is None or look.proxy.how == "absolute" else look.inside
        if told in _CLEAR:
            yield "clear", told.value
        return
    if tls.chosen is not None and tls.chosen < _TLS_1_2:
        yield "old", _VERSIONS.get(tls.chosen, hex(tls.chosen))
    if tls.encrypted_hello:
        yield "ech", ""
    elif tls.offered and not tls.server_name:
        yield "no-sni", ""
    if look.spoken is Spoken.QUIC and flow.protocol not in {None, "quic"}:
        yield "quic", ""


RULE = Rule(
    id="ZG-D02",
    name="breakout-encryption",
    order=29,
    severity=Severity.MEDIUM,
    clauses=("youkou-6-9", "gl-3-2", "gl-8", "kisoku-5"),
    title=Text(
        ja="ローカルブレイクアウトの暗号化不備・判別不能",
        en="A local breakout weakly encrypted, or not to be told",
    ),
    why=Text(
        ja="ローカルブレイクアウトの経路は暗号化し、どこへ向かうかを確かめられるようにしておく必要があります。",
        en="A local breakout is to be encrypted, and where it goes is to be verifiable.",
    ),
    remedy=Text(
        ja="端末とプロキシの設定を改め、TLS 1.2 以上に限り、ECH と QUIC を使わない設定にするか、登録してください。",
        en="Set terminals and proxies to TLS 1.2 or later, without ECH and QUIC, or declare what is needed.",
    ),
    example=Text(
        ja="LGWAN接続系の端末が、ローカルブレイクアウトの経路で、暗号化されていない HTTP を使った。",
        en="A terminal of the LGWAN zone used plain HTTP on the path of the local breakout.",
    ),
    false_positives=Text(
        ja="証明書失効リストの取得、接続確認の HTTP、登録した音声・映像の UDP。",
        en="Fetching of revocation lists, connectivity checks over HTTP, declared media over UDP.",
    ),
    check=check,
    opens=True,
    kinds=(FlowKind.BREAKOUT,),
)
