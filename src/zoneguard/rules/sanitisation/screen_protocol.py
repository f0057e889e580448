"""ZG-B02: an allowed screen port carried something that is no screen protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import Opener, Payload, State
from zoneguard.policy.model import FlowKind
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.sight import flow_of
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


_TLS = frozenset({Payload.TLS_CLIENT, Payload.TLS_SERVER, Payload.TLS_RECORD, Payload.DTLS})
_WEB = _TLS | {Payload.HTTP_REQUEST, Payload.HTTP_RESPONSE, Payload.QUIC}
_FITTING = {
    "blast": _WEB,
    "https": _WEB,
    "ica": _TLS | {Payload.ICA},
    "pcoip": _TLS,
    "rdp": _TLS | {Payload.RDP},
    "rfb": frozenset({Payload.RFB}),
    "vnc": frozenset({Payload.RFB}),
}
_UNTOLD = frozenset({Payload.NONE, Payload.OTHER})


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield allowed screen flows whose first payload is of another protocol.

    No payload, or a protocol name not known here: nothing is said. Payload of no known class is for review,
    over TCP and from its beginning only: the middle of a session and UDP side channels look like that.
    """
    policy = evidence.policy
    for one in evidence.conversations:
        if one.decision is not Decision.ALLOWED or one.state is not State.DATA:
            continue
        flow = flow_of(policy, one.allowed_by)
        fitting = _FITTING.get(flow.protocol or "") if flow and flow.kind is FlowKind.SCREEN else None
        if flow is None or fitting is None:
            continue
        foreign = [seen for seen in (one.resp_payload, one.orig_payload) if seen not in fitting | _UNTOLD]
        from_start = one.protocol == 6 and one.opener in {Opener.SYN, Opener.SYN_ACK, Opener.ISN}
        unclear = Payload.OTHER in {one.orig_payload, one.resp_payload} and from_start
        if not foreign and not unclear:
            continue
        orig, resp, service = end_words(policy, one.orig), end_words(policy, one.resp), service_words(one)
        seen = foreign[0].name.lower().replace("_", " ") if foreign else None
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}から{resp.ja}への {service.ja} は画面転送（{flow.protocol}）として許可 {flow.id} に"
                + (
                    f"登録されていますが、最初のデータは {seen} のものでした。"
                    if seen
                    else "登録されていますが、最初のデータはそのプロトコルに当てはまりませんでした。"
                ),
                en=f"{service.en} from {orig.en} to {resp.en} is allowed by {flow.id} as a screen session"
                f" ({flow.protocol}), but its first payload "
                + (f"is of {seen}." if seen else "does not fit that protocol."),
            ),
            verdict=Verdict.VIOLATED if foreign else Verdict.REVIEW,
            severity=graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
        )


RULE = Rule(
    id="ZG-B02",
    name="screen-port-misuse",
    order=25,
    severity=Severity.HIGH,
    clauses=(
        "youkou-2-12",
        "youkou-6-3-b",
        "gl-3-2",
        "kisoku-5",
    ),
    title=Text(ja="画面転送ポートの目的外利用", en="A screen port carried another protocol"),
    why=Text(
        ja="画面転送は画面だけを送る方式です。同じポートで別のプロトコルを使えば、ファイルも命令も通ります。",
        en="Screen transfer sends pictures only; another protocol on its port carries files and commands.",
    ),
    remedy=Text(
        ja="両端で動いているソフトウェアを確かめ、画面転送以外を止めてください。プロトコル名が違うだけであれば flows の protocol を直してください。",
        en="See what runs at both ends and stop what is no screen transfer; if only the name differs, correct protocol under flows.",
    ),
    example=Text(
        ja="VDI の tcp/3389 で SSH のバナーが観測された。",
        en="An SSH banner was seen on tcp/3389 of a VDI host.",
    ),
    false_positives=Text(
        ja="TLSで始まるRDP、UDPの補助チャネル、途中から記録された通信。",
        en="RDP that begins with TLS, UDP side channels, captures that begin in mid-session.",
    ),
    check=check,
)
