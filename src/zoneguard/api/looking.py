"""The second pass: chosen flows are read again from their captures and opened, for the rules that ask for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from zoneguard.capture.cutting import CutFlow, Wanted
    from zoneguard.capture.metering import Input, InputRead
    from zoneguard.dissect.record import Look
    from zoneguard.dissect.tool import Lack
    from zoneguard.policy.model import Policy
    from zoneguard.rules.choosing import Chosen
    from zoneguard.rules.conversing import Judge
    from zoneguard.rules.evidence import Conversation, Evidence

# What names a flow: (high, low) of both addresses, ports, protocol, domain, tunnel, number and frame of its capture,
# and when its first packet came.
Key: TypeAlias = tuple[tuple[int, int], tuple[int, int], int, int, int, int, int, int, int, int]

_TCP = 6
_PACKET_OCTETS = 512  # of memory for a packet beside what it carries

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Captures from which flows are read again, as they were metered.

    `numbers[i]` is what flow tables call inputs[i], ascending; `read`, `domains` and `interfaces` are those of the meter.
    """

    inputs: Sequence[Input]
    read: Sequence[InputRead]
    numbers: Sequence[int]
    domains: Sequence[int] = ()
    interfaces: dict[str, int] = field(default_factory=dict)


class Opened(NamedTuple):
    """What a flow showed when it was opened."""

    packets: int  # that it had then
    look: Look
    lost: str | None  # why its packets could not be read again
    lack: Lack | None  # what kept tshark from it


class Looking:
    """Opens the chosen flows of one judgement after the other: each once, and anew when it has grown.

    Payload does not leave it. `search` is the PATH in which tshark is looked for, once a flow needs it; `room` the
    octets of memory that packets may take at once, unless one flow alone takes more.
    """

    def __init__(self, search: str, *, room: int = 256 << 20) -> None:
        self._search, self._room = search, room
        self._known: dict[Key, Opened] = {}  # of the flows that were chosen last

    def forget(self) -> None:
        """Forget every flow that was opened: another judgement begins."""
        self._known = {}

    def into(
        self,
        evidence: Evidence,
        chosen: Chosen,
        judged: Judge,
        sources: Sources,
        *,
        at_last: bool = True,
        alive: Callable[[], None] = lambda: None,
    ) -> Evidence:
        """Give the evidence with what the chosen flows show; `judged` is the judge whose evidence it is.

        `at_last`: whatever has grown is opened anew; otherwise what has twice as many packets as it then had.
        `alive` is called now and then.
        """
        from zoneguard.rules.choosing import Ask
        from zoneguard.rules.evidence import Looked

        flows = list(_flows(chosen, judged))
        due = [
            flow
            for flow in flows
            if (one := self._known.get(flow.key)) is None
            or flow.packets >= 2 * one.packets
            or (at_last and flow.packets != one.packets)
        ]
        known = self._known
        if due:
            fresh = self._open(due, sources, evidence.policy, alive)
            known = known | {key: _beside(known.get(key), one) for key, one in fresh.items()}
        self._known = {flow.key: known[flow.key] for flow in flows}
        opened = [self._known[flow.key] for flow in flows]
        whole = {_kind(one): one for one in reversed(evidence.conversations)}
        return replace(
            evidence,
            looks=tuple(
                Looked(
                    conversation=whole.get(_kind(flow.single), flow.single),
                    locator=flow.single.locator,
                    ask=Ask(int(ask)),
                    look=one.look,
                )
                for flow, ask, one in zip(flows, chosen.asked, opened, strict=True)
            ),
            left=chosen.left,
            look_faults=(*_said(opened), *_lacking(opened)),
            opened=True,
        )

    def _open(
        self, due: Sequence[_Flow], sources: Sources, policy: Policy, alive: Callable[[], None]
    ) -> dict[Key, Opened]:
        from zoneguard.dissect.look import look
        from zoneguard.dissect.second import SecondOpinion, needs_second

        hints = {flow.id: flow.protocol for flow in policy.flows}
        declared = {
            service.ports[0]: flow.protocol
            for flow in policy.flows
            for service in flow.services
            if flow.protocol and service.protocol == _TCP and service.ports[0] == service.ports[1]
        }
        second = SecondOpinion(self._search)
        found: dict[Key, Opened] = {}
        for some in _batches(due, self._room):
            alive()
            cut = _cut(sources, [flow.wanted for flow in some], alive)
            looks: list[tuple[Look, Lack | None]] = [
                (look(packets, single.protocol, single.port, hints.get(single.allowed_by or "")), None)
                for packets, single in zip(cut, (flow.single for flow in some), strict=True)
            ]
            unnamed = [at for at, (one, _) in enumerate(looks) if needs_second(one)]
            if unnamed:
                alive()
                asked = [(_ends(some[at].wanted), cut[at], looks[at][0]) for at in unnamed]
                for at, told in zip(unnamed, second.of(asked, declared=declared), strict=True):
                    looks[at] = told
            for flow, packets, (one, lack) in zip(some, cut, looks, strict=True):
                found[flow.key] = Opened(flow.packets, one, packets.lost, lack)
        return found


def _beside(known: Opened | None, fresh: Opened) -> Opened:
    """Give what a flow showed that was opened anew: where its packets are gone, what it had shown before."""
    from zoneguard.dissect.record import Sight

    if known is None or fresh.lost is None or known.look.sight is Sight.NOTHING:
        return fresh
    seen = Sight.OPENING if known.look.sight is Sight.WHOLE else known.look.sight
    return fresh._replace(look=replace(known.look, sight=seen))


class _Flow(NamedTuple):
    """A chosen flow: what names it, what is read of it, what it is told as, and how much it carried."""

    key: Key
    wanted: Wanted
    single: Conversation
    packets: int
    octets: int  # of memory that its packets take, at most


def _flows(chosen: Chosen, judged: Judge) -> Iterator[_Flow]:
    from zoneguard.capture.cutting import Wanted, most_packets
    from zoneguard.rules.choosing import MOST_OCTETS, Ask

    table = chosen.flows.table
    names = ("orig_port", "resp_port", "protocol", "domain", "tunnel", "file", "frame", "first_seen")
    keys = zip(
        map(tuple, table.orig_address.tolist()),
        map(tuple, table.resp_address.tolist()),
        *(getattr(table, name).tolist() for name in names),
        strict=True,
    )
    for key, last_seen, ask, single, packets, octets in zip(
        keys,
        table.last_seen.tolist(),
        chosen.asked.tolist(),
        judged.conversations_of(chosen.flows),
        (table.orig_packets + table.resp_packets).tolist(),
        (table.orig_bytes + table.resp_bytes).tolist(),
        strict=True,
    ):
        named = dict(zip(("orig", "resp", *names), key, strict=True))
        most = MOST_OCTETS[Ask(ask)]
        wanted = Wanted(**named, last_seen=last_seen, most_octets=most)
        # A flow has no more than it carried, thrice: in its frames, as payload, and joined.
        held = 3 * min(most, octets) + _PACKET_OCTETS * min(packets, most_packets(most))
        yield _Flow(key, wanted, single, packets, held)


def _cut(sources: Sources, wanted: Sequence[Wanted], alive: Callable[[], None]) -> list[CutFlow]:
    """Read flows again from the captures that are there; flows of others are lost."""
    from zoneguard.capture.cutting import UNREADABLE, CutFlow, cut

    places = {number: at for at, number in enumerate(sources.numbers)}
    at_hand = [replace(flow, file=places[flow.file]) for flow in wanted if flow.file in places]
    missing = CutFlow(packets=(), whole=False, lost=UNREADABLE)
    if not at_hand:
        return [missing] * len(wanted)
    found = iter(
        cut(
            sources.inputs,
            sources.read,
            at_hand,
            domains=sources.domains,
            interfaces=sources.interfaces,
            alive=alive,
        )
    )
    return [next(found) if flow.file in places else missing for flow in wanted]


def _batches(due: Sequence[_Flow], room: int) -> Iterator[list[_Flow]]:
    """Give runs of flows whose packets may be held at once."""
    some: list[_Flow] = []
    octets = 0
    for flow in due:
        if some and octets + flow.octets > room:
            yield some
            some, octets = [], 0
        some.append(flow)
        octets += flow.octets
    yield some


def _kind(one: Conversation) -> tuple[object, ...]:
    """Give what the flows of one conversation have in common."""
    return (
        *(one.orig, one.resp.zone, one.resp.address, one.service, one.tunnel, one.sensor),
        *(one.decision, one.allowed_by, one.certain, one.state, one.blocked),
        *(one.orig_payload, one.resp_payload, one.resp_packets == 0),
    )


def _said(opened: Iterable[Opened]) -> Iterator[Text]:
    lost = Counter(one.lost for one in opened)
    for reason, words in _LOST.items():
        if count := lost[reason]:
            yield Text(ja=words.ja.format(count), en=words.en.format(count))


def _lacking(opened: Iterable[Opened]) -> Iterator[Text]:
    from zoneguard.dissect.tool import LACKS

    for lack, count in Counter(one.lack for one in opened if one.lack is not None).items():
        words = LACKS[lack]
        yield Text(
            ja=f"{words.ja}（自前の読み取りで分からなかった {count:,} フロー）",
            en=f"{words.en} ({count:,} flow{'' if count == 1 else 's'} that our own readers could not name)",
        )


def _ends(flow: Wanted) -> tuple[object, ...]:
    pairs = sorted(((flow.orig, flow.orig_port), (flow.resp, flow.resp_port)))
    return (*pairs, flow.protocol)
