"""The kernel's verdict on packets beside that of the model, read from the kernel's own listing."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from tests.firewall.walk import verdict
from tests.oracle.packets import ESTABLISHED, Packet, reply_to, seen, state_of, wire
from tests.oracle.world import NETWORKS
from zoneguard.firewall.model import Action, Mapping, Rewrite, Ruleset
from zoneguard.firewall.permit import known_as
from zoneguard.net.address import number_of, spans_of

if TYPE_CHECKING:
    from tests.oracle.packets import Seen
    from tests.oracle.world import World
    from zoneguard.firewall.model import Match


@dataclass
class Judgement:
    """What came of one ruleset: how many packets the model speaks of, and where it is wrong."""

    compared: int = 0
    permitted: int = 0
    left_open: int = 0
    disagreements: list[str] = field(default_factory=list)


class Expected(NamedTuple):
    """What the model says of one packet; `action` None: it leaves it open."""

    action: Action | None
    line: str
    egress: str
    translated: bool
    source: tuple[int, int]
    destination: tuple[int, int]
    sport: tuple[int, int]
    dport: tuple[int, int]


def judge(world: World, ruleset: Ruleset, packets: list[Packet]) -> Judgement:
    """Send packets and the replies to what passed; a lost packet is asked again before it counts."""
    judgement = Judgement()
    world.forget_connections()
    expected = [expect(ruleset, packet, state_of(packet)) for packet in packets]
    arrived = _arrived(world, packets)
    for _ in range(
        3
    ):  # a busy machine may lose a few; a packet that rules deny stays away however often it is sent
        doubtful = [
            at for at, one in enumerate(expected) if one.action is Action.PERMIT and at not in arrived
        ]
        again = _arrived(world, [packets[at] for at in doubtful]) if doubtful else {}
        arrived.update({doubtful[at]: one for at, one in again.items()})
    _compare(judgement, packets, expected, arrived)
    if not any(isinstance(step, Rewrite) for step in ruleset.steps):
        _judge_replies(world, ruleset, judgement, [(packets[at], arrived[at][0]) for at in arrived])
    return judgement


def _judge_replies(
    world: World, ruleset: Ruleset, judgement: Judgement, passed: list[tuple[Packet, str]]
) -> None:
    replies = [
        reply for packet, egress in passed if (reply := reply_to(packet, egress)) and state_of(packet) == 1
    ]
    expected = [expect(ruleset, reply, ESTABLISHED) for reply in replies]
    _compare(judgement, replies, expected, _arrived(world, replies))


def _arrived(world: World, packets: list[Packet]) -> dict[int, tuple[str, Seen]]:
    came_out = world.pass_through([(packet.ingress, wire(packet, at)) for at, packet in enumerate(packets)])
    return {
        found.tag: (name, found)
        for name, octets in came_out.items()
        for one in octets
        if (found := seen(one)) is not None
    }


def _compare(
    judgement: Judgement,
    packets: list[Packet],
    expected: list[Expected],
    arrived: dict[int, tuple[str, Seen]],
) -> None:
    for at, (packet, model) in enumerate(zip(packets, expected, strict=True)):
        if model.action is None:
            judgement.left_open += 1
            continue
        judgement.compared += 1
        kernel = arrived.get(at)
        if (kernel is not None) is not (model.action is Action.PERMIT):
            judgement.disagreements.append(f"{packet}: kernel {kernel}, model {model}")
        elif kernel is not None:
            judgement.permitted += 1
            if not _fits(packet, model, *kernel):
                judgement.disagreements.append(f"{packet}: came out as {kernel}, model {model}")


def _fits(packet: Packet, model: Expected, egress: str, found: Seen) -> bool:
    ports = packet.protocol in {6, 17}
    return (
        egress == model.egress
        and _within(_number(found.source), model.source)
        and _within(_number(found.destination), model.destination)
        and (not ports or _within(found.sport, model.sport))
        and (not ports or _within(found.dport, model.dport))
    )


def _within(number: int, span: tuple[int, int]) -> bool:
    return span[0] <= number <= span[1]


def expect(ruleset: Ruleset, packet: Packet, state: int) -> Expected:
    """Ask the model: where the packet goes after translation, its verdict, and how it comes out."""
    source, destination = _number(packet.source), _number(packet.destination)
    spans = [(source, source), (destination, destination), (packet.sport,) * 2, (packet.dport,) * 2]
    ingress, egress = known_as(packet.ingress, ruleset.interfaces), _egress(spans[1])
    translated = False
    for step in ruleset.steps:
        for one in step.translations if isinstance(step, Rewrite) else ():
            if _meets(one.match, packet, (ingress, known_as(egress, ruleset.interfaces)), spans, state):
                _apply(one.source, one.match.source, spans, 0)
                _apply(one.destination, one.match.destination, spans, 1)
                translated = translated or bool(one.source or one.destination)
                break
        egress = _egress(spans[1])
    action, line = verdict(
        ruleset,
        ingress=ingress,
        egress=known_as(egress, ruleset.interfaces),
        source=packet.source,
        destination=packet.destination,
        protocol=packet.protocol,
        dport=packet.dport,
        sport=packet.sport,
        flags=packet.flags,
        state=state,
    )
    return Expected(action, line, egress, translated, *spans)  # type: ignore[arg-type]


def _meets(
    match: Match, packet: Packet, names: tuple[str, str], spans: list[tuple[int, int]], state: int
) -> bool:
    return (
        (match.ingress is None or names[0] in match.ingress)
        and (match.egress is None or names[1] in match.egress)
        and any(_within(spans[0][0], one) for one in match.source)
        and any(_within(spans[1][0], one) for one in match.destination)
        and any(
            _within(packet.protocol, one.protocol)
            and _within(spans[2][0], one.sport)
            and _within(spans[3][0], one.dport)
            and one.flags >> packet.flags & 1
            and one.states & state
            for one in match.services
        )
    )


def _apply(mapping: Mapping | None, matched: tuple, spans: list[tuple[int, int]], side: int) -> None:
    if mapping is None:
        return
    if mapping.address:
        first, last = mapping.address
        size = sum(end - begin + 1 for begin, end in matched)
        if size == last - first + 1 > 1:
            at = first + spans[side][0] - matched[0][0]
            spans[side] = (at, at)
        else:
            spans[side] = mapping.address
    if mapping.port:
        spans[side + 2] = mapping.port


def _egress(destination: tuple[int, int]) -> str:
    return next(name for name, span in _SPANS if _within(destination[0], span))


_SPANS = [
    (name, span)
    for name, networks in NETWORKS.items()
    for network in networks
    for span in spans_of(ip_network(network))
]


@cache
def _number(address: str) -> int:
    return number_of(ip_address(address))
