"""ZG-B03: a screen session sent more towards the screen's source than key strokes and a mouse do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import State
from zoneguard.policy.model import FlowKind
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.sight import flow_of
from zoneguard.rules.telling import end_words, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence

MOST_UPLOAD = (
    32 << 20
)  # octets a session may send against the picture, unless the flow declares another bound
_SECONDS = 1_000_000_000


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield allowed screen conversations whose opener sent much, and more than it was sent.

    Key strokes and the mouse are small beside the picture. The shape proves nothing by itself: it is for review.
    """
    for one in evidence.conversations:
        flow = flow_of(evidence.policy, one.allowed_by) if one.decision is Decision.ALLOWED else None
        if flow is None or flow.kind is not FlowKind.SCREEN or one.state is not State.DATA:
            continue
        sent, bound = one.orig_bytes, flow.most_upload or MOST_UPLOAD
        if sent <= bound * one.flows or (flow.most_upload is None and 2 * sent <= one.bytes):
            continue
        orig, resp, service = (
            end_words(evidence.policy, one.orig),
            end_words(evidence.policy, one.resp),
            service_words(one),
        )
        back, took = one.bytes - sent, max(1, (one.last_seen - one.first_seen) // _SECONDS)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"画面転送の許可 {flow.id} で、{orig.ja}から{resp.ja}（{service.ja}）へ {sent:,} オクテットが送られ、"
                f"戻りは {back:,} オクテットでした（{took:,} 秒間）。キー入力とマウスの量を超えています。",
                en=f"Under the screen flow {flow.id}, {orig.en} sent {sent:,} octets to {resp.en} ({service.en}) and"
                f" received {back:,} within {took:,} s: more than key strokes and a mouse send.",
            ),
            verdict=Verdict.REVIEW,
        )


RULE = Rule(
    id="ZG-B03",
    name="screen-volume",
    order=27,
    severity=Severity.MEDIUM,
    clauses=("youkou-2-12", "youkou-6-3-b", "youkou-6-7", "gl-3-2", "gl-3-3", "kisoku-6"),
    title=Text(ja="画面転送の異常な通信量", en="A screen session of unusual volume"),
    why=Text(
        ja="画面を受け取る側が多量に送るときは、ドライブの共有などでファイルが渡っている疑いがあります。",
        en="When the side that receives the picture sends much, files may be passing, by a shared drive perhaps.",
    ),
    remedy=Text(
        ja="両端の設定（ドライブ、クリップボード、プリンターの共有）を確かめてください。"
        "正当な量であれば、flows の most_upload_mib に上限を登録してください。",
        en="Check the settings at both ends (shared drives, clipboard, printers); where the volume is as it should be,"
        " declare its bound as most_upload_mib under flows.",
    ),
    example=Text(
        ja="端末が tcp/3389 で 480 MB を VDI へ送り、受け取った画面は 60 MB だった。",
        en="A terminal sent 480 MB to a VDI host over tcp/3389 and received 60 MB of picture.",
    ),
    false_positives=Text(
        ja="許可された音声・カメラ・印刷の転送、長時間の会議。",
        en="Sound, cameras and printing where they are allowed, long meetings.",
    ),
    check=check,
    kinds=(FlowKind.SCREEN,),
)
