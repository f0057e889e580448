"""ZG-B02: an allowed screen port carried something that is no screen protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.dissect.record import Sight, Spoken
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import Opener, Payload, State
from zoneguard.policy.model import FlowKind
from zoneguard.rules.base import Rule
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision
from zoneguard.rules.opened import by_conversation, by_flow, opened_for, tell_looked
from zoneguard.rules.sight import flow_of
from zoneguard.rules.telling import end_words, graver, plural, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import AllowedFlow
    from zoneguard.rules.evidence import Conversation, Evidence, Looked


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


# What an opened flow may speak, by the protocol that was declared; TLS alone is consistent with several.
_SPEAKING = {
    "blast": frozenset({Spoken.TLS, Spoken.DTLS, Spoken.QUIC, Spoken.HTTP}),
    "https": frozenset({Spoken.TLS, Spoken.QUIC, Spoken.HTTP}),
    "ica": frozenset({Spoken.ICA, Spoken.TLS, Spoken.DTLS}),
    "pcoip": frozenset({Spoken.TLS, Spoken.DTLS}),
    "rdp": frozenset({Spoken.RDP, Spoken.TLS, Spoken.DTLS}),
    "rfb": frozenset({Spoken.RFB}),
    "vnc": frozenset({Spoken.RFB}),
}
_PROOF = frozenset({Spoken.RDP, Spoken.RFB, Spoken.ICA})  # nothing else begins like these
_CHANNELS = {
    "rdpdr": Text(ja="ドライブとプリンターの共有（rdpdr）", en="drives and printers (rdpdr)"),
    "cliprdr": Text(ja="クリップボードの共有（cliprdr）", en="the clipboard (cliprdr)"),
}


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield allowed screen flows that carry another protocol, open ways for files, or cannot be told.

    The first payload of every flow is known by its class; of flows that were opened, more is. A protocol name
    not known here, or no payload: nothing is said. Payload of no known class is for review, over TCP and from
    its beginning only: the middle of a session and UDP side channels look like that.
    """
    looks = by_conversation(opened_for(evidence, Ask.SCREEN))
    # Where many peers were gathered into one line, the flows that were opened are lines of their own.
    for one in dict.fromkeys((*looks, *evidence.conversations)):
        if one.decision is not Decision.ALLOWED or one.state is not State.DATA:
            continue
        flow = flow_of(evidence.policy, one.allowed_by)
        fitting = _FITTING.get(flow.protocol or "") if flow and flow.kind is FlowKind.SCREEN else None
        if flow is None or fitting is None:
            continue
        opened = looks.get(one, ())
        foreign = [look for look in opened if _is_foreign(flow, look)]
        if foreign:
            yield _foreign_opened(evidence, flow, foreign)
        else:
            yield from _by_first_payload(evidence, flow, one, fitting, is_told=_is_told(flow, opened))
    for flow_id, opened_flows in by_flow(opened_for(evidence, Ask.SCREEN)).items():
        flow = flow_of(evidence.policy, flow_id)
        if flow is not None and flow.protocol in _SPEAKING:
            yield from _ways_for_files(flow, opened_flows)
            yield from _merely_consistent(flow, opened_flows)


def _is_foreign(flow: AllowedFlow, one: Looked) -> bool:
    return one.look.spoken is not None and one.look.spoken not in _SPEAKING[flow.protocol or ""]


def _is_told(flow: AllowedFlow, opened: Sequence[Looked]) -> bool:
    """Tell whether all of a conversation's flows were opened and speak what they should."""
    return bool(opened) and all(one.look.spoken is not None and not _is_foreign(flow, one) for one in opened)


def _foreign_opened(evidence: Evidence, flow: AllowedFlow, looks: Sequence[Looked]) -> Finding:
    one = looks[0].conversation
    spoken = sorted({look.look.spoken.value for look in looks if look.look.spoken})
    orig, resp, service = (
        end_words(evidence.policy, one.orig),
        end_words(evidence.policy, one.resp),
        service_words(one),
    )
    return tell_looked(
        RULE,
        looks,
        Text(
            ja=f"{orig.ja}から{resp.ja}への {service.ja} は画面転送（{flow.protocol}）として許可 {flow.id} に"
            f"登録されていますが、実際に話されていたのは {', '.join(spoken)} でした。",
            en=f"{service.en} from {orig.en} to {resp.en} is allowed by {flow.id} as a screen session"
            f" ({flow.protocol}), but what is spoken there is {', '.join(spoken)}.",
        ),
        verdict=Verdict.VIOLATED,
        severity=graver(evidence.policy, RULE.severity, one.orig.zone, one.resp.zone),
    )


def _by_first_payload(
    evidence: Evidence,
    flow: AllowedFlow,
    one: Conversation,
    fitting: frozenset[Payload],
    *,
    is_told: bool,
) -> Iterator[Finding]:
    foreign = [seen for seen in (one.resp_payload, one.orig_payload) if seen not in fitting | _UNTOLD]
    from_start = one.protocol == 6 and one.opener in {Opener.SYN, Opener.SYN_ACK, Opener.ISN}
    unclear = Payload.OTHER in {one.orig_payload, one.resp_payload} and from_start and not is_told
    if not foreign and not unclear:
        return
    policy = evidence.policy
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


def _ways_for_files(flow: AllowedFlow, looks: Sequence[Looked]) -> Iterator[Finding]:
    """Yield screen sessions in which a channel for files or the clipboard was seen open, for review."""
    for channel, words in _CHANNELS.items():
        open_here = [one for one in looks if one.look.screen and channel in one.look.screen.channels]
        if open_here:
            yield _way(flow, open_here, words, channel)
    copied = [one for one in looks if one.look.screen and one.look.screen.clipboard]
    if copied:
        words = Text(ja="クリップボードの共有", en="the clipboard")
        yield _way(flow, copied, words, "clipboard")


def _way(flow: AllowedFlow, looks: Sequence[Looked], words: Text, channel: str) -> Finding:
    return tell_looked(
        RULE,
        looks,
        Text(
            ja=f"画面転送の許可 {flow.id} の {len(looks):,} フローで、{words.ja}が使える状態でした。"
            "画面以外のデータが無害化されずに渡るおそれがあります。",
            en=f"In {len(looks):,} flow{plural(len(looks))} of the screen flow {flow.id}, {words.en} could be shared:"
            " data other than pictures may pass unsanitised.",
        ),
        verdict=Verdict.REVIEW,
        severity=Severity.MEDIUM,
        name=f"{RULE.name}-{channel}",
    )


def _merely_consistent(flow: AllowedFlow, looks: Sequence[Looked]) -> Iterator[Finding]:
    """Yield what is encrypted from its first octet, or showed nothing: consistent with the protocol, not proved."""
    unproved = [
        one
        for one in looks
        if not _is_foreign(flow, one)
        and one.look.spoken not in _PROOF
        and (one.look.sight is not Sight.NOTHING or one.conversation.protocol == 6)
    ]
    if unproved:
        yield tell_looked(
            RULE,
            unproved,
            Text(
                ja=f"画面転送の許可 {flow.id} の {len(unproved):,} フローは暗号化されているなどのため、"
                f"{flow.protocol} であることと矛盾しませんが、そうであるとは確かめられません。",
                en=f"{len(unproved):,} flow{plural(len(unproved))} of the screen flow {flow.id} are encrypted or show too"
                f" little: they are consistent with {flow.protocol}, which could not be proved.",
            ),
            verdict=Verdict.UNVERIFIABLE,
            severity=Severity.INFO,
            name=f"{RULE.name}-unproved",
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
    opens=True,
    kinds=(FlowKind.SCREEN,),
)
