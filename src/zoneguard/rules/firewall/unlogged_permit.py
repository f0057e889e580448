"""ZG-H03: permits between zones leave no log, or name no approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.rules.base import Rule
from zoneguard.rules.permitted import tell_lines
from zoneguard.rules.telling import plural
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.firewall.model import Line
    from zoneguard.rules.evidence import Evidence
    from zoneguard.rules.permission import Permission

_NAMED = 5


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield one finding a device for lines without log, and one for lines without a word of justification."""
    for permission in evidence.permissions:
        lines = [one.line for one in permission.lines if not one.line.implicit]
        unlogged = [line for line in lines if line.log is False]
        bare = [line for line in lines if not line.comment and not line.name]
        if unlogged:
            yield _tell(
                permission,
                unlogged,
                "unlogged-permit",
                Text(
                    ja="通信のログを残しません",
                    en="leaves no log of the traffic it permits"
                    if len(unlogged) == 1
                    else "leave no log of the traffic they permit",
                ),
            )
        if bare:
            yield _tell(
                permission,
                bare,
                "unreferenced-permit",
                Text(
                    ja="申請番号や理由の記載がありません",
                    en=f"name{'s' if len(bare) == 1 else ''} neither an approval nor a reason",
                ),
            )


def _tell(permission: Permission, lines: list[Line], name: str, fact: Text) -> Finding:
    named = ", ".join(line.id for line in lines[:_NAMED])
    more = len(lines) - _NAMED
    return tell_lines(
        RULE,
        permission,
        Text(
            ja=f"{permission.device} では、ゾーン間の許可 {len(lines)} 行（{named}{f' ほか {more} 行' if more > 0 else ''}）に"
            f"ついて、{fact.ja}。",
            en=f"On {permission.device}, {len(lines)} permitting line{plural(len(lines))} between zones "
            f"({named}{f' and {more} more' if more > 0 else ''}) {fact.en}.",
        ),
        lines=lines,
        verdict=Verdict.REVIEW,
        name=name,
    )


RULE = Rule(
    id="ZG-H03",
    name="unlogged-permit",
    order=230,
    severity=Severity.LOW,
    clauses=("youkou-6-7", "youkou-6-11", "gl-6-1", "gl-7-1", "kisoku-6"),
    title=Text(ja="ログ無効・根拠未記載の許可", en="A permit leaves no log, or names no approval"),
    why=Text(
        ja="監視と監査は、通した通信の記録と、その許可の根拠をたどれることで成り立ちます。",
        en="Monitoring and audit need a record of what passed and a way back to who approved it.",
    ),
    remedy=Text(
        ja="ログを有効にし、行のコメントに申請番号を書いてください。",
        en="Turn the log on, and write the number of the approval into the line's comment.",
    ),
    example=Text(
        ja="LGWAN接続系とインターネット接続系の間の許可に logtraffic disable が設定されている。",
        en="A permit between LGWAN and Internet zone has logtraffic disable.",
    ),
    false_positives=Text(
        ja="別の機器で記録している通信、見出し行に根拠を書いている運用。",
        en="Traffic logged by another device, justification kept in section headings.",
    ),
    check=check,
    needs_traffic=False,
    needs_exports=True,
)
