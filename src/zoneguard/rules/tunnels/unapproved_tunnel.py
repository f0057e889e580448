"""ZG-F01: a tunnel or VPN that no declared flow registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.dissect.record import Spoken
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import Payload, State
from zoneguard.rules.base import Rule
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision
from zoneguard.rules.opened import by_conversation, opened_for, tell_looked
from zoneguard.rules.sight import TUNNEL_OPENINGS, carriers, ends, flow_of, is_tunnel_service
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.dissect.record import NamesSeen
    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Conversation, Evidence, Looked

# Shape of a DNS tunnel: many names, hardly one twice, long or asked for types that carry data.
_FEWEST_QUERIES = 20
_LONG_NAME = 100  # octets; ordinary names rarely pass 60
_CARRYING = frozenset({"NULL", "TXT", "MX", "CNAME", "PRIVATE", "KEY", "SRV"})
_MOSTLY = 0.8
# Shape of SSH that forwards: long, and much in both directions.
_LONG = 1_800_000_000_000  # ns
_MUCH = 4 << 20  # octets each way


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield tunnels that no declared flow registers: by protocol and port, and by the shape of DNS and SSH."""
    yield from _by_service(evidence)
    for one, looks in by_conversation(opened_for(evidence, Ask.NAMES)).items():
        shaped = [look for look in looks if look.look.names and is_tunnel_shaped(look.look.names)]
        if shaped:
            yield _within_names(evidence, one, shaped)
    for one, looks in by_conversation(evidence.looks).items():
        if all(look.look.spoken is Spoken.SSH for look in looks) and _forwards(one):
            yield _within_ssh(evidence, one, looks)


def is_tunnel_shaped(names: NamesSeen) -> bool:
    """Tell whether queries look like data in names: many, nearly all different, long or of carrying types."""
    if names.queries < _FEWEST_QUERIES or names.distinct < _MOSTLY * names.queries:
        return False
    carrying = sum(count for kind, count in names.types if kind in _CARRYING)
    return names.longest >= _LONG_NAME or carrying >= _MOSTLY * names.queries


def _forwards(one: Conversation) -> bool:
    flow_lasts = (one.last_seen - one.first_seen) // one.flows
    back = one.bytes - one.orig_bytes
    return flow_lasts >= _LONG and min(one.orig_bytes, back) >= _MUCH * one.flows


def _within_names(evidence: Evidence, one: Conversation, looks: Sequence[Looked]) -> Finding:
    orig, resp = end_words(evidence.policy, one.orig), end_words(evidence.policy, one.resp)
    queries = sum(look.look.names.queries for look in looks if look.look.names)
    longest = max(look.look.names.longest for look in looks if look.look.names)
    return tell_looked(
        RULE,
        looks,
        Text(
            ja=f"{orig.ja}から{resp.ja}への DNS の問い合わせ {queries:,} 件は、ほとんどが異なる名前で、最長 {longest:,} "
            "オクテットあり、名前に載せてデータを運ぶトンネルの形をしています。",
            en=f"{queries:,} DNS queries from {orig.en} to {resp.en} are nearly all of different names, up to {longest:,}"
            " octets long: the shape of a tunnel that carries data in names.",
        ),
        verdict=Verdict.REVIEW,
        severity=graver(evidence.policy, RULE.severity, one.orig.zone, one.resp.zone),
        name=f"{RULE.name}-dns",
    )


def _within_ssh(evidence: Evidence, one: Conversation, looks: Sequence[Looked]) -> Finding:
    orig, resp = end_words(evidence.policy, one.orig), end_words(evidence.policy, one.resp)
    return tell_looked(
        RULE,
        looks,
        Text(
            ja=f"{orig.ja}から{resp.ja}への SSH（{service_words(one).ja}）は長く続き、双方向に多量で、"
            "ポート転送でほかの通信を運んでいるおそれがあります。",
            en=f"SSH from {orig.en} to {resp.en} ({service_words(one).en}) lasts long and carries much both ways; it may"
            " forward other traffic.",
        ),
        verdict=Verdict.REVIEW,
        severity=Severity.MEDIUM,
        name=f"{RULE.name}-ssh",
    )


def _speaks(one: Conversation) -> str | None:
    """Tell a tunnel by the first octets of both its sides, or of one of which the other sent nothing known."""
    sides = {one.orig_payload, one.resp_payload} - {Payload.NONE, Payload.OTHER}
    return TUNNEL_OPENINGS.get(sides.pop()) if len(sides) == 1 and one.services == 1 else None


def _by_service(evidence: Evidence) -> Iterator[Finding]:
    """Yield tunnels between any two ends that no declared flow calls a tunnel.

    Across zones they are violations; within one, or under a flow that merely allows them, for review.
    A tunnel is told by its protocol or port once it is answered, or once a packet was found inside it: each
    direction of some tunnels is a flow of its own. An ERSPAN mirror is never answered, so it stays silent.
    """
    policy, opened = evidence.policy, carriers(evidence.conversations)
    for one in evidence.conversations:
        carried, told = ends(one) in opened, _speaks(one)
        if not told and not is_tunnel_service(one.protocol, one.port):
            continue
        if one.state is State.ATTEMPT and not carried:
            continue
        flow = flow_of(policy, one.allowed_by)
        here = one.decision in {Decision.WITHIN, Decision.ALLOWED}
        if one.decision in {Decision.LINK_SCOPE, Decision.UNKNOWN} or (here and flow and flow.tunnel):
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}と{resp.ja}の間に、登録されていないトンネル {service.ja}"
                + (f"（{told}）" if told else "")
                + " があります。",
                en=f"An unregistered tunnel, {service.en}"
                + (f" ({told})" if told else "")
                + f", runs between {orig.en} and {resp.en}.",
            ),
            verdict=Verdict.REVIEW if here else Verdict.VIOLATED,
            severity=Severity.MEDIUM if here else graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
        )


RULE = Rule(
    id="ZG-F01",
    name="unapproved-tunnel",
    order=15,
    severity=Severity.HIGH,
    clauses=("youkou-2-11", "youkou-6-3-c", "gl-6-1", "gl-6-2", "kisoku-5"),
    title=Text(ja="未承認トンネル・VPN", en="An unapproved tunnel or VPN"),
    why=Text(
        ja="トンネルの中身はファイアウォールから見えず、分割した領域をつなぎ直すことができます。",
        en="Firewalls do not see into a tunnel; it can join again what was divided.",
    ),
    remedy=Text(
        ja="トンネルを停止してください。承認済みであれば flows に両端を限定して登録し、tunnel: true を付けてください。",
        en="Stop the tunnel; if it is approved, declare it under flows, limited to its ends, with tunnel: true.",
    ),
    example=Text(
        ja="端末 192.168.20.9 が 203.0.113.7 との間に udp/1194 の VPN を張った。",
        en="Terminal 192.168.20.9 ran a VPN over udp/1194 with 203.0.113.7.",
    ),
    false_positives=Text(
        ja="自庁のスイッチのERSPAN、登録前の拠点間VPN、LGWANのトンネル通信、無線LANのCAPWAP。",
        en="ERSPAN of the city's own switches, branch VPNs not yet registered, LGWAN tunnelling, CAPWAP.",
    ),
    check=check,
)
