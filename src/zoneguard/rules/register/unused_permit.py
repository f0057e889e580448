"""ZG-C06: a line permits traffic between zones of which none was observed."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.address import number_of
from zoneguard.net.spans import spans_within
from zoneguard.rules.base import Rule
from zoneguard.rules.permitted import tell_lines
from zoneguard.rules.telling import plural
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.firewall.model import Line
    from zoneguard.rules.evidence import Conversation, Evidence

_NAMED = 5
_DAY = 86_400 * 1_000_000_000


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield one finding a device: its permitting lines of which the captures show no traffic.

    Only pairs of zones that were observed count; conversations gathered into many hosts match by their zones.
    """
    if evidence.window is None or not evidence.permissions:
        return
    span = evidence.window[1] - evidence.window[0]
    length = f"{span / _DAY:.1f}"
    for permission in evidence.permissions:
        unused = [
            one.line
            for one in permission.lines
            if any(set(pair) <= evidence.zones_observed for pair in one.pairs)
            and not any(_uses(one.line, one.pairs, conversation) for conversation in evidence.conversations)
        ]
        if not unused:
            continue
        named = ", ".join(line.id for line in unused[:_NAMED])
        more = len(unused) - _NAMED
        yield tell_lines(
            RULE,
            permission,
            Text(
                ja=f"{permission.device} の許可 {len(unused)} 行（{named}{f' ほか {more} 行' if more > 0 else ''}）に当たる"
                f"通信は、観測した {length} 日間にありませんでした。",
                en=f"In the {length} days observed there was no traffic for {len(unused)} permitting "
                f"line{plural(len(unused))} of {permission.device} ({named}{f' and {more} more' if more > 0 else ''}).",
            ),
            lines=unused,
            verdict=Verdict.REVIEW,
        )


def _uses(line: Line, pairs: tuple[tuple[str, str], ...], one: Conversation) -> bool:
    if (one.orig.zone, one.resp.zone) not in pairs:
        return False
    if one.peers > 1 or one.services > 1:
        return True
    return (
        _holds(one.orig.address, line.match.source)
        and _holds(one.resp.address, line.match.destination)
        and any(
            box.protocol[0] <= one.protocol <= box.protocol[1] and box.dport[0] <= one.port <= box.dport[1]
            for box in line.match.services
        )
    )


def _holds(address: str, spans: tuple[tuple[int, int], ...]) -> bool:
    number = number_of(ip_address(address))
    return spans_within(((number, number),), spans)


RULE = Rule(
    id="ZG-C06",
    name="unused-permit",
    order=240,
    severity=Severity.LOW,
    clauses=("youkou-6-7", "gl-6-5", "gl-7-2", "kisoku-5", "kisoku-6"),
    title=Text(ja="未使用の許可", en="A permit was not used"),
    why=Text(
        ja="使われていない許可は、誰にも気づかれない経路として残ります。",
        en="A permit that nobody uses stays as a path that nobody watches.",
    ),
    remedy=Text(
        ja="年に一度の業務で使うものかを確かめ、不要なら削除してください。",
        en="Find out whether it is for yearly work, and remove it if not.",
    ),
    example=Text(
        ja="更改前のサーバへの許可が残り、30日間に一度も使われていない。",
        en="A permit to a server that was replaced is still there and was not used in 30 days.",
    ),
    false_positives=Text(
        ja="当初賦課・選挙・年次更新などの年次の業務、災害時の経路、観測点から見えない通信。",
        en="Yearly work, disaster recovery, traffic that the observation point does not see.",
    ),
    check=check,
    needs_exports=True,
)
