"""The allowed flow that comes nearest to a packet, and each attribute of it that the packet does not meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.policy.services import format_service
from zoneguard.policy.verdict import end_fits, is_served
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.policy.model import AllowedFlow, Policy
    from zoneguard.policy.verdict import Packet


def nearest(policy: Policy, packet: Packet) -> str | None:
    """Find the flow in which the fewest attributes fail; it must at least join the two zones."""
    zones = (packet.orig_zone, packet.resp_zone)
    joining = [flow for flow in policy.flows if (flow.source.zone, flow.destination.zone) == zones]
    best = min(joining, key=lambda flow: len(list(misfits(flow, packet))), default=None)
    return best.id if best else None


def declared_at(flow: AllowedFlow) -> str:
    """Give the place of a flow in the policy, in brackets and after a space; "" when it is not known."""
    return f" ({flow.place.file}:{flow.place.line}:{flow.place.column})" if flow.place else ""


def misfits(flow: AllowedFlow, packet: Packet) -> Iterator[Text]:
    """Yield a sentence for each attribute of the flow that this packet does not meet."""
    if not end_fits(flow.source, packet.orig_zone, packet.orig):
        yield Text(
            ja=f"不一致（from）: {packet.orig} は {flow.id} の開始側ではありません。",
            en=f"Does not fit (from): {packet.orig} may not open {flow.id}.",
        )
    if not end_fits(flow.destination, packet.resp_zone, packet.resp):
        yield Text(
            ja=f"不一致（to）: {packet.resp} は {flow.id} の応答側ではありません。",
            en=f"Does not fit (to): {packet.resp} does not answer {flow.id}.",
        )
    if not is_served(flow.services, packet):
        declared = ", ".join(format_service(service) for service in flow.services)
        yield Text(
            ja=f"不一致（services）: {flow.id} が許可するのは {declared} だけです。",
            en=f"Does not fit (services): {flow.id} allows only {declared}.",
        )
