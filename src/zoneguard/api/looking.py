"""The second pass: chosen flows are read again from their captures and opened, for the rules that ask for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zoneguard.capture.cutting import Wanted
    from zoneguard.capture.metering import Input, InputRead
    from zoneguard.dissect.tool import Lack
    from zoneguard.net.flow import FlowTable
    from zoneguard.rules.choosing import Chosen
    from zoneguard.rules.conversing import Judge
    from zoneguard.rules.evidence import Conversation, Evidence

_TCP = 6
_BATCH_OCTETS = 64 << 20  # of payload that may be held at once

_LOST = {
    "standard input": Text(
        ja="標準入力から読んだキャプチャは読み直せないため、{0:,} フローの中を確かめられませんでした。"
        "ファイルとして与えてください。",
        en="{0:,} flows could not be opened, since standard input cannot be read again; give the capture as a file.",
    ),
    "changed": Text(
        ja="読んでいる間にファイルが変わったため、{0:,} フローの中を確かめられませんでした。もう一度実行してください。",
        en="{0:,} flows could not be opened, since the file changed while it was read; run again.",
    ),
    "unreadable": Text(
        ja="{0:,} フローのパケットを読み直せませんでした。キャプチャのファイルを確かめてください。",
        en="The packets of {0:,} flows could not be read again; check the capture files.",
    ),
}


def with_looks(
    evidence: Evidence,
    chosen: Chosen,
    judged: Judge,
    inputs: Sequence[Input],
    read: Sequence[InputRead],
    *,
    domains: Sequence[int],
    interfaces: dict[str, int],
    search: str,
) -> Evidence:
    """Open the chosen flows and give the evidence with what they showed; payload does not leave this function.

    `search` is the PATH in which tshark is looked for, once a flow needs it.
    """
    from zoneguard.capture.cutting import Wanted, cut
    from zoneguard.dissect.look import look
    from zoneguard.dissect.second import SecondOpinion, needs_second
    from zoneguard.rules.choosing import MOST_OCTETS, Ask
    from zoneguard.rules.evidence import Looked

    table = chosen.flows.table
    wanted = [
        Wanted(**flow, most_octets=MOST_OCTETS[Ask(ask)])
        for flow, ask in zip(_flows(table), chosen.asked.tolist(), strict=True)
    ]
    singles = judged.conversations_of(chosen.flows)
    whole = {_kind(one): one for one in reversed(evidence.conversations)}
    hints = {flow.id: flow.protocol for flow in evidence.policy.flows}
    declared = {
        service.ports[0]: flow.protocol
        for flow in evidence.policy.flows
        for service in flow.services
        if flow.protocol and service.protocol == _TCP and service.ports[0] == service.ports[1]
    }
    second = SecondOpinion(search)
    looks, lost = [], dict.fromkeys(_LOST, 0)
    for first, last in _batches(table, wanted):
        flows = cut(inputs, read, wanted[first:last], domains=domains, interfaces=interfaces)
        opened = [
            look(flow, single.protocol, single.port, hints.get(single.allowed_by or ""))
            for flow, single in zip(flows, singles[first:last], strict=True)
        ]
        unnamed = [at for at, one in enumerate(opened) if needs_second(one)]
        if unnamed:
            asked = [(_ends(wanted[first + at]), flows[at], opened[at]) for at in unnamed]
            for at, one in zip(unnamed, second.of(asked, declared=declared), strict=True):
                opened[at] = one
        for at, (flow, one) in enumerate(zip(flows, opened, strict=True), first):
            if flow.lost is not None:
                lost[flow.lost] += 1
            looks.append(
                Looked(
                    conversation=whole.get(_kind(singles[at]), singles[at]),
                    locator=singles[at].locator,
                    ask=Ask(int(chosen.asked[at])),
                    look=one,
                )
            )
    return replace(
        evidence,
        looks=tuple(looks),
        left=chosen.left,
        look_faults=(*_said(lost), *_lacking(second.lacks)),
        opened=True,
    )


def _flows(table: FlowTable) -> Iterable[dict[str, Any]]:
    """Give what names each flow of a table."""
    columns = {
        "orig": map(tuple, table.orig_address.tolist()),
        "resp": map(tuple, table.resp_address.tolist()),
        **{
            name: getattr(table, name).tolist()
            for name in (
                *("orig_port", "resp_port", "protocol", "domain", "tunnel"),
                *("file", "frame", "first_seen", "last_seen"),
            )
        },
    }
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _batches(table: FlowTable, wanted: Sequence[Wanted]) -> Iterator[tuple[int, int]]:
    """Give runs of flows (first, last) whose payload may be held at once; a flow has no more than it carried."""
    sizes = (table.orig_bytes + table.resp_bytes).tolist()
    first = octets = 0
    for at, (flow, size) in enumerate(zip(wanted, sizes, strict=True)):
        share = min(flow.most_octets, size)
        if octets and octets + share > _BATCH_OCTETS:
            yield first, at
            first, octets = at, 0
        octets += share
    yield first, len(wanted)


def _kind(one: Conversation) -> tuple[object, ...]:
    """Give what the flows of one conversation have in common."""
    return (
        *(one.orig, one.resp.zone, one.resp.address, one.service, one.tunnel, one.sensor),
        *(one.decision, one.allowed_by, one.certain, one.state, one.blocked),
        *(one.orig_payload, one.resp_payload, one.resp_packets == 0),
    )


def _said(lost: dict[str, int]) -> Iterator[Text]:
    for reason, count in lost.items():
        if count:
            words = _LOST[reason]
            yield Text(ja=words.ja.format(count), en=words.en.format(count))


def _lacking(lacks: Mapping[Lack, int]) -> Iterator[Text]:
    from zoneguard.dissect.tool import LACKS

    for lack, count in lacks.items():
        words = LACKS[lack]
        yield Text(
            ja=f"{words.ja}（自前の読み取りで分からなかった {count:,} フロー）",
            en=f"{words.en} ({count:,} flow{'' if count == 1 else 's'} that our own readers could not name)",
        )


def _ends(flow: Wanted) -> tuple[object, ...]:
    pairs = sorted(((flow.orig, flow.orig_port), (flow.resp, flow.resp_port)))
    return (*pairs, flow.protocol)
