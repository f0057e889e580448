"""ZG-D01: a local breakout went to a destination that is not on its list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.policy.model import FlowKind
from zoneguard.rules.base import Rule
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision
from zoneguard.rules.hostnames import is_listed, is_literal
from zoneguard.rules.opened import opened_for, tell_looked
from zoneguard.rules.sight import flow_of
from zoneguard.rules.telling import end_words, plural, tell_all
from zoneguard.rules.tools import asked_names
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import AllowedFlow, Policy
    from zoneguard.rules.evidence import Conversation, Evidence, Looked


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield breakouts whose destination, by the name asked for, is not approved, and those that could not be told.

    The name is that of CONNECT, else that of TLS (SNI), else that of the clear request, else one for which the
    address was given to the same client by DNS; the address itself was already held against the flow. What goes
    to a proxy is held against the names of the flows that go on from it.
    """
    policy, answered = evidence.policy, _answered(evidence)
    strange: dict[tuple[str, Conversation, tuple[str, str]], list[Looked]] = {}
    nameless: dict[str, list[Looked]] = {}
    for one in opened_for(evidence, Ask.BREAKOUT):
        flow = flow_of(policy, one.conversation.allowed_by)
        listed = approved_names(policy, flow) if flow else ()
        if flow is None or one.conversation.decision is not Decision.ALLOWED or not listed:
            continue
        destinations = _destinations(one, listed, answered)
        if not destinations:
            nameless.setdefault(flow.id, []).append(one)
        for destination in destinations:
            if not is_listed(destination[0], listed):
                strange.setdefault((flow.id, one.conversation, destination), []).append(one)
    for (flow_id, conversation, destination), looks in strange.items():
        yield _strange(policy, flow_id, conversation, destination, looks)
    for flow_id, looks in nameless.items():
        yield _nameless(flow_id, looks)
    if not evidence.opened:
        yield from _not_opened(evidence)


def _destinations(
    one: Looked, listed: Sequence[str], answered: dict[tuple[str, str], frozenset[str]]
) -> tuple[tuple[str, str], ...]:
    """Give the names of a flow's destinations and where they stood; of several that DNS gave, an approved one."""
    asked = asked_names(one.look)
    if asked:  # what the most telling place says; one connection to a proxy may ask for several
        return tuple(dict.fromkeys(pair for pair in asked if pair[1] == asked[0][1]))
    names = answered.get((one.conversation.orig.address, one.conversation.resp.address), frozenset())
    approved = {name for name in names if is_listed(name, listed)}
    return ((min(approved or names), "DNS"),) if names else ()


def _answered(evidence: Evidence) -> dict[tuple[str, str], frozenset[str]]:
    """Give the names for which DNS gave each client (first) each address (second)."""
    table: dict[tuple[str, str], set[str]] = {}
    for one in opened_for(evidence, Ask.NAMES):
        for name, address in one.look.names.addresses if one.look.names else ():
            table.setdefault((one.conversation.orig.address, address), set()).add(name)
    return {ends: frozenset(names) for ends, names in table.items()}


def approved_names(policy: Policy, flow: AllowedFlow) -> tuple[str, ...]:
    """Give the names that a breakout may ask for: its own, or those of the flows that go on from its proxy."""
    if flow.destination.names:
        return flow.destination.names
    if flow.kind is not FlowKind.BREAKOUT:
        return ()
    return tuple(
        name
        for onward in policy.flows
        if onward.source.zone == flow.destination.zone
        and (onward.kind is FlowKind.BREAKOUT or onward.destination.names)
        and _may_go_on(flow, onward)
        for name in onward.destination.names
    )


def _may_go_on(flow: AllowedFlow, onward: AllowedFlow) -> bool:
    """Tell whether what arrives by one flow may leave by the other, by the addresses of the proxy."""
    arriving, leaving = flow.destination.networks, onward.source.networks
    return (
        not arriving
        or not leaving
        or any(one.version == other.version and one.overlaps(other) for one in arriving for other in leaving)
    )


def _strange(
    policy: Policy,
    flow_id: str,
    conversation: Conversation,
    destination: tuple[str, str],
    looks: Sequence[Looked],
) -> Finding:
    (name, how), flow = destination, flow_of(policy, flow_id)
    orig = end_words(policy, conversation.orig)
    listed = flow.approval if flow else None
    age_ja = (
        f"一覧の承認日は {listed.on:%Y-%m-%d} です。"
        if listed and listed.on
        else "一覧の承認日は登録されていません。"
    )
    age_en = (
        f" The list was approved on {listed.on:%Y-%m-%d}."
        if listed and listed.on
        else " No date of approval is recorded for the list."
    )
    purpose_ja = f"（目的: {listed.reason}）" if listed and listed.reason else ""
    purpose_en = f" (purpose: {listed.reason})" if listed and listed.reason else ""
    literal = is_literal(name)
    return tell_looked(
        RULE,
        looks,
        Text(
            ja=f"{orig.ja}が、許可 {flow_id}{purpose_ja}の経路で、承認された宛先の一覧にない"
            f"{'アドレス' if literal else '名前'} {name} へ接続しました（{how} による）。{age_ja}",
            en=f"{orig.en} went to {name}, {'an address' if literal else 'a name'} that is not on the list of approved"
            f" destinations, on the path of flow {flow_id}{purpose_en}; it stood in {how}.{age_en}",
        ),
        verdict=Verdict.VIOLATED,
    )


def _nameless(flow_id: str, looks: Sequence[Looked]) -> Finding:
    return tell_looked(
        RULE,
        looks,
        Text(
            ja=f"許可 {flow_id} の {len(looks):,} フローでは、宛先の名前（CONNECT、SNI、Host、DNS）が見えません。"
            "アドレスは登録の範囲内ですが、承認された名前かどうかは検証できません。",
            en=f"{len(looks):,} flow{plural(len(looks))} under {flow_id} showed no name of a destination (CONNECT, SNI,"
            " Host or DNS); the addresses are as declared, but whether the names are approved cannot be verified.",
        ),
        verdict=Verdict.UNVERIFIABLE,
        severity=Severity.INFO,
    )


def _not_opened(evidence: Evidence) -> Iterator[Finding]:
    policy = evidence.policy
    groups: dict[str, list[Conversation]] = {}
    for one in evidence.conversations:
        flow = flow_of(policy, one.allowed_by) if one.decision is Decision.ALLOWED else None
        if flow is not None and approved_names(policy, flow):
            groups.setdefault(flow.id, []).append(one)
    for flow_id, group in groups.items():
        yield tell_all(
            RULE,
            group,
            Text(
                ja=f"許可 {flow_id} の宛先の名前は、ヘッダだけの観測では検証できません。",
                en=f"The names of the destinations under flow {flow_id} cannot be verified from headers alone.",
            ),
            verdict=Verdict.UNVERIFIABLE,
            severity=Severity.INFO,
        )


RULE = Rule(
    id="ZG-D01",
    name="breakout-destination",
    order=28,
    severity=Severity.HIGH,
    clauses=("youkou-6-3-b", "youkou-6-9", "gl-3-2", "gl-8", "kisoku-5", "kisoku-7"),
    title=Text(ja="未承認先へのローカルブレイクアウト", en="A local breakout to an unapproved destination"),
    why=Text(
        ja="ローカルブレイクアウトは、決めた宛先に限って認められます。名前の一覧にない先へ出れば、限定は成り立ちません。",
        en="A local breakout is allowed to chosen destinations only; one that goes elsewhere is no longer limited.",
    ),
    remedy=Text(
        ja="その宛先が必要かどうかを確かめ、不要であればプロキシやファイアウォールで止めてください。"
        "事業者の公開する一覧が変わった場合は、承認のうえ flows の names を更新してください。",
        en="Find out whether the destination is needed and block it at the proxy or firewall if not; where the provider's"
        " list has changed, have it approved and update names under flows.",
    ),
    example=Text(
        ja="LGWAN接続系の端末が、承認された *.teams.example の経路で files.example へ接続した。",
        en="A terminal of the LGWAN zone went to files.example on the path approved for *.teams.example.",
    ),
    false_positives=Text(
        ja="CDNの名前、証明書失効確認（OCSP・CRL）、古くなった宛先の一覧。",
        en="Names of content networks, OCSP and CRL, and lists that have grown old.",
    ),
    check=check,
    opens=True,
    kinds=(FlowKind.BREAKOUT,),
)
