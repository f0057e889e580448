"""ZG-B04: mail that reached the LGWAN zone is not what its gateway's mode promises."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from zoneguard.dissect.record import Sight
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import State
from zoneguard.policy.model import FlowKind, Role, Sanitizes
from zoneguard.rules.base import Rule
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision
from zoneguard.rules.opened import by_flow, opened_for, tell_looked, troubles
from zoneguard.rules.sight import flow_of, is_leg
from zoneguard.rules.telling import plural, tell_all
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.dissect.record import MailSeen
    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Conversation, Evidence, Looked

TEXT_ONLY = "text-only"
WITH_ATTACHMENTS = "text-plus-sanitized-attachment"
# What a text-only gateway lets through: the text itself, and what a bounce (RFC 3464) adds to it.
_TEXT = frozenset({"text/plain", "message/delivery-status", "text/rfc822-headers"})


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for each declared flow of mail from a gateway into the LGWAN zone, what the mail was seen to be.

    Mail that breaks the mode is a violation; mail that could not be read to its end is unverifiable. Mail
    that was read and fits yields nothing.
    """
    modes = _modes(evidence)
    mail = [one for one in evidence.conversations if _is_judged(evidence, one, modes)]
    opened = by_flow(
        one for one in opened_for(evidence, Ask.MAIL) if _is_judged(evidence, one.conversation, modes)
    )
    for flow_id in dict.fromkeys(one.allowed_by or "" for one in mail):
        group = [one for one in mail if one.allowed_by == flow_id]
        looks = opened.get(flow_id, ())
        broken = [one for one in looks if _faults(one, modes[_leg(evidence, one.conversation)])]
        unread = [one for one in looks if one not in broken and not _is_read(one)]
        missing = sum(one.flows for one in group) - len(looks) + len(unread)
        if broken:
            yield _contradicted(flow_id, broken, modes[_leg(evidence, broken[0].conversation)], missing)
        elif missing > 0:
            yield _unverifiable(evidence, flow_id, group, unread, missing)


def _modes(evidence: Evidence) -> dict[str | None, str]:
    return {
        gateway.id: gateway.mode
        for gateway in evidence.policy.gateways
        if gateway.sanitizes is Sanitizes.MAIL and gateway.mode in {TEXT_ONLY, WITH_ATTACHMENTS}
    }


def _leg(evidence: Evidence, conversation: Conversation) -> str | None:
    return next((one.id for one in evidence.policy.gateways if is_leg(one, conversation.orig.address)), None)


def _is_judged(evidence: Evidence, one: Conversation, modes: dict[str | None, str]) -> bool:
    flow = flow_of(evidence.policy, one.allowed_by) if one.decision is Decision.ALLOWED else None
    return (
        flow is not None
        and flow.kind is FlowKind.MAIL
        and one.state is not State.ATTEMPT
        and evidence.policy.role(one.resp.zone) is Role.LGWAN
        and _leg(evidence, one) in modes
    )


def _is_read(one: Looked) -> bool:
    dialogue = one.look.dialogue
    return (
        one.look.sight is Sight.WHOLE
        and dialogue is not None
        and not dialogue.encrypted
        and all(mail.whole for mail in dialogue.messages)
    )


def _faults(one: Looked, mode: str) -> Counter[str]:
    """Count the messages of a dialogue that break the mode, by what breaks it."""
    told: Counter[str] = Counter()
    for mail in one.look.dialogue.messages if one.look.dialogue else ():
        told.update(_broken(mail, mode))
    return told


def _broken(mail: MailSeen, mode: str) -> set[str]:
    faults = {
        "active": mail.active,
        "tnef": mail.tnef,
        "html": mail.html,
        "nested": mail.nested,
    }
    if mode == TEXT_ONLY:
        faults |= {
            "attachment": mail.attachments,
            "opaque": mail.opaque,
            "other": sum(count for kind, count in mail.parts if kind not in _TEXT),
        }
    return {fault for fault, count in faults.items() if count}


_WORDS = {
    "active": Text(ja="実行可能な内容やマクロ", en="programs or macros"),
    "tnef": Text(ja="TNEF（winmail.dat）", en="TNEF (winmail.dat)"),
    "html": Text(ja="HTMLの本文", en="HTML bodies"),
    "nested": Text(ja="メールの中のメール", en="messages within messages"),
    "attachment": Text(ja="添付ファイル", en="attachments"),
    "opaque": Text(ja="符号化された塊を含む本文", en="bodies with encoded blobs"),
    "other": Text(ja="テキスト以外の部分", en="parts that are not text"),
}
_MODE_WORDS = {
    TEXT_ONLY: Text(ja="テキスト化（text-only）", en="text only"),
    WITH_ATTACHMENTS: Text(
        ja="テキスト化と無害化済みの添付ファイル（text-plus-sanitized-attachment）",
        en="text and sanitised attachments (text-plus-sanitized-attachment)",
    ),
}


def _contradicted(flow_id: str, looks: Sequence[Looked], mode: str, missing: int) -> Finding:
    faults: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    messages = 0
    for one in looks:
        faults.update(_faults(one, mode))
        for mail in one.look.dialogue.messages if one.look.dialogue else ():
            if _broken(mail, mode):
                messages += 1
                kinds.update(dict(mail.parts))
    found = [(words, faults[fault]) for fault, words in _WORDS.items() if faults[fault]]
    ja = "、".join(f"{words.ja} {count:,} 通" for words, count in found)
    en = ", ".join(f"{words.en} in {count:,}" for words, count in found)
    parts = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items())[:8]) or "-"
    more_ja = f"ほかに {missing:,} フローは中を確かめられませんでした。" if missing > 0 else ""
    more_en = f" {missing:,} more flow{plural(missing)} could not be looked into." if missing > 0 else ""
    return tell_looked(
        RULE,
        looks,
        Text(
            ja=f"許可 {flow_id} で無害化装置からLGWAN接続系へ届いたメールのうち {messages:,} 通が、"
            f"登録された方式「{_MODE_WORDS[mode].ja}」に反しています（{ja}）。部分の種類: {parts}。{more_ja}",
            en=f"{messages:,} message{plural(messages)} that reached the LGWAN zone from the gateway under flow {flow_id}"
            f" break the declared mode, {_MODE_WORDS[mode].en} ({en}). Types of parts: {parts}.{more_en}",
        ),
        verdict=Verdict.VIOLATED,
    )


def _unverifiable(
    evidence: Evidence, flow_id: str, group: Sequence[Conversation], unread: Sequence[Looked], missing: int
) -> Finding:
    if not evidence.opened:
        reason = Text(
            ja="ヘッダだけの観測では検証できません。", en="It cannot be verified from headers alone."
        )
    elif any(one.look.dialogue and one.look.dialogue.encrypted for one in unread):
        reason = Text(
            ja="暗号化された（STARTTLS など）ため検証できません。",
            en="It was encrypted (STARTTLS or the like) and cannot be verified.",
        )
    else:
        reason = troubles(unread) or Text(
            ja="記録に全文がないか、開くフローの数の上限を超えています。",
            en="The capture does not hold all of it, or there were more flows than are opened.",
        )
    return tell_all(
        RULE,
        group,
        Text(
            ja=f"許可 {flow_id} で無害化装置からLGWAN接続系へ届いたメール {missing:,} フローについて、"
            f"登録された方式に従っているかを確かめられません。{reason.ja}",
            en=f"Whether {missing:,} flow{plural(missing)} of mail from the gateway into the LGWAN zone under flow"
            f" {flow_id} keep to the declared mode is not known. {reason.en}",
        ),
        verdict=Verdict.UNVERIFIABLE,
        severity=Severity.INFO,
    )


RULE = Rule(
    id="ZG-B04",
    name="unsanitised-mail",
    order=26,
    severity=Severity.HIGH,
    clauses=(
        "youkou-2-12",
        "gl-3-2",
        "kisoku-5",
    ),
    title=Text(ja="無害化されていないメールの流入", en="Mail into the LGWAN zone that is not sanitised"),
    why=Text(
        ja="メールテキスト化方式では、本文のみをLGWAN接続系に転送し、添付ファイルとHTMLを取り除きます。",
        en="The text-only method passes on the text of a mail and removes attachments and HTML.",
    ),
    remedy=Text(
        ja="無害化装置の設定と記録を確かめてください。検証できなかった場合は、LGWAN側の脚で tcp/25 を全長で記録してください。",
        en="Check the gateway's settings and log; where nothing could be verified, capture tcp/25 at its LGWAN leg in full.",
    ),
    example=Text(
        ja="テキスト化方式の装置から届いたメールに text/html が含まれていた。",
        en="A mail passed on by a text-only gateway still held text/html.",
    ),
    false_positives=Text(
        ja="庁内のメール、LGWANメール、配送不能通知、添付を無害化して渡す方式。",
        en="Internal mail, LGWAN mail, bounces, and gateways that pass on sanitised attachments.",
    ),
    check=check,
    opens=True,
    kinds=(FlowKind.MAIL,),
)
