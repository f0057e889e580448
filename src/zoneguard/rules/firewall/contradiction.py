"""ZG-H05: what the configuration says and what the wire or the policy says do not agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import State
from zoneguard.rules.base import Rule
from zoneguard.rules.permission import denied_by
from zoneguard.rules.permitted import line_words, tell_lines
from zoneguard.rules.telling import end_words, service_words, tell, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield traffic that came about though the exports deny it, flows no line permits, lines never reached."""
    yield from _observed_though_denied(evidence)
    yield from _declared_and_denied(evidence)
    yield from _never_reached(evidence)


def _observed_though_denied(evidence: Evidence) -> Iterator[Finding]:
    policy = evidence.policy
    for one in evidence.conversations if evidence.permissions else ():
        if one.state is State.ATTEMPT or one.peers > 1 or one.services > 1 or one.tunnel is not None:
            continue
        devices = denied_by(evidence.permissions, one)
        if not devices:
            continue
        orig, resp, service = end_words(policy, one.orig), end_words(policy, one.resp), service_words(one)
        names = ", ".join(f"{device} ({line})" for device, line in devices)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}から{resp.ja}への {service.ja} は、与えられた設定では拒否されます（{names}）が、"
                "成立した通信が観測されました。別の経路があるか、設定の控えが実機と違います。",
                en=f"{service.en} from {orig.en} to {resp.en} is denied by the configuration given ({names}), but was "
                "observed and answered. There is another path, or the export is not what the device runs.",
            ),
            name="observed-though-denied",
            severity=Severity.HIGH,
        )


def _declared_and_denied(evidence: Evidence) -> Iterator[Finding]:
    policy = evidence.policy
    for permission in evidence.permissions:
        for flow_id in permission.denied_flows:
            flow = next(one for one in policy.flows if one.id == flow_id)
            orig, resp = zone_name(policy, flow.source.zone), zone_name(policy, flow.destination.zone)
            yield tell_lines(
                RULE,
                permission,
                Text(
                    ja=f"zones.yaml の許可 {flow_id}（{orig.ja} → {resp.ja}）を、{permission.device} はどの行でも許可していません。",
                    en=f"No line of {permission.device} permits flow {flow_id} of zones.yaml ({orig.en} → {resp.en}).",
                ),
                verdict=Verdict.REVIEW,
                severity=Severity.LOW,
                name="declared-but-denied",
                zones=(flow.source.zone, flow.destination.zone),
                allowed_by=flow_id,
            )


def _never_reached(evidence: Evidence) -> Iterator[Finding]:
    for permission in evidence.permissions:
        for one in permission.covered:
            by = ", ".join(line_words(line) for line in one.by)
            opposite = any(line.action is not one.line.action for line in one.by)
            yield tell_lines(
                RULE,
                permission,
                Text(
                    ja=f"{permission.device} の {line_words(one.line)} には、どのパケットも届きません。先にある {by} が"
                    f"すべて一致します。{'動作が逆なので、意図した許可・拒否が効いていません。' if opposite else ''}",
                    en=f"No packet reaches {line_words(one.line)} of {permission.device}: {by} before it "
                    f"match{'' if len(one.by) > 1 else 'es'} all of its packets."
                    + (
                        " Their action is the opposite, so what it was meant to do does not happen."
                        if opposite
                        else ""
                    ),
                )
                if one.by
                else Text(
                    ja=f"{permission.device} の {line_words(one.line)} は、どのパケットとも一致しません。",
                    en=f"{line_words(one.line)} of {permission.device} matches no packet at all.",
                ),
                lines=(one.line, *one.by),
                verdict=Verdict.REVIEW,
                severity=Severity.MEDIUM if opposite else Severity.LOW,
                name="unreachable-line",
            )


RULE = Rule(
    id="ZG-H05",
    name="configuration-contradiction",
    order=35,
    severity=Severity.HIGH,
    clauses=("youkou-6-7", "gl-6-2", "gl-7-2", "kisoku-5", "kisoku-6"),
    title=Text(ja="設定と実通信の矛盾", en="Configuration and observation contradict each other"),
    why=Text(
        ja="設定の控えで安全を確かめても、実際の経路がそれと違えば、確かめたことになりません。効かない行は、効いていると信じられている分だけ危険です。",
        en="A configuration proves nothing about a path that does not follow it; a line without effect is as dangerous as people believe in it.",
    ),
    remedy=Text(
        ja="実機の設定を取り直し、通信が通った機器をMACアドレスからたどってください。届かない行は順序を直すか削除してください。",
        en="Export the configuration again, and follow the traffic by its MAC addresses to the device that let it pass; reorder or remove lines that are never reached.",
    ),
    example=Text(
        ja="設定では拒否される LGWAN接続系からインターネット接続系への tcp/1433 が、観測では成立している。",
        en="tcp/1433 from LGWAN to the Internet zone is denied by the export and yet was answered on the wire.",
    ),
    false_positives=Text(
        ja="キャプチャより新しい、または古い設定、複数の機器を通る経路、変更前から続くセッション。",
        en="An export newer or older than the capture, paths over several devices, sessions older than the change.",
    ),
    check=check,
    needs_traffic=False,
    needs_exports=True,
)
