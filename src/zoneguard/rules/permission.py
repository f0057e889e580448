"""What one device permits between the zones, as rules are given it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Action, Filter, Line
from zoneguard.firewall.trace import trace
from zoneguard.net.address import number_of
from zoneguard.net.product import Probe, Product, example_of
from zoneguard.net.service import UNUSED_PORT, Point, Service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zoneguard.firewall.model import Ruleset
    from zoneguard.firewall.unreachable import Covered
    from zoneguard.net.spans import Spans
    from zoneguard.net.universe import ServiceUniverse
    from zoneguard.rules.evidence import Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """What one device lets pass from one zone to another by the same lines, and the policy does not allow."""

    orig_zone: str
    resp_zone: str
    lines: tuple[Line, ...]  # that permitted, filter by filter; empty where only defaults did
    defaults: tuple[Filter, ...]  # of which no line decided
    translated: tuple[str, ...]  # ids of the translations on the way
    sure: bool  # False: only if something that was not understood turns out so
    unknown: tuple[str, ...]  # what that is
    widest: Product
    products: int
    size: int  # packets: addresses x addresses x (protocol, ports, flags)
    complete: bool  # False: products and size are lower bounds
    ingress: str | None
    egress: str | None
    universe: ServiceUniverse  # of the services of `widest`

    # Made when they are told: of 10,000 lines that each cross many pairs, most are told as a number.
    @property
    def shown(self) -> Shown:
        """Give the widest part as people read it."""
        return shown(self.widest, self.universe)

    @property
    def example(self) -> Probe:
        """Give a packet of the widest part."""
        return example_of(self.widest, self.universe)


class Shown(NamedTuple):
    """A product for people: spans of the sender, of the receiver (as it leaves), and boxes of services."""

    source: Spans
    destination: Spans
    services: tuple[Service, ...]


class OpenWay(NamedTuple):
    """Two zones that a device joins with no written line in between; `by` is what its maker has it do."""

    orig_zone: str
    resp_zone: str
    ingress: str | None
    egress: str | None
    by: str = ""


class PairLine(NamedTuple):
    """A permitting line and the pairs of zones it can let pass."""

    line: Line
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What one (virtual) device does between the zones, as its export says."""

    device: str
    declared: str | None  # id under devices: in the policy
    file: str
    format: str
    ruleset: Ruleset
    faces: Mapping[str, tuple[str, ...]]  # interface → zones
    unplaced: tuple[str, ...]  # interfaces of which no zone is known
    crossings: tuple[Crossing, ...]
    open_ways: tuple[OpenWay, ...]
    lines: tuple[PairLine, ...]
    covered: tuple[Covered, ...]
    denied_flows: tuple[str, ...]  # declared flows between zones it joins of which it permits nothing
    joins: bool  # False: no two interfaces lead to different zones, so that nothing could be judged


def shown(product: Product, universe: ServiceUniverse) -> Shown:
    """Put a product as people read it."""
    return Shown(product.source, product.destination, universe.boxes(product.services))


def denied_by(permissions: Sequence[Permission], conversation: Conversation) -> tuple[tuple[str, str], ...]:
    """Name the devices that join a conversation's zones and surely deny it, each with the line that does.

    Empty when one of them permits it or may do so, when none joins the zones, and for what is no new connection.
    """
    orig, resp = conversation.orig, conversation.resp
    joining = [
        (one, ways)
        for one in permissions
        if (
            ways := [
                (i, e)
                for i, a in one.faces.items()
                if orig.zone in a
                for e, b in one.faces.items()
                if resp.zone in b and i != e
            ]
        )
    ]
    if not joining or orig.zone == resp.zone:
        return ()
    probe = Probe(
        number_of(ip_address(orig.address)),
        number_of(ip_address(resp.address)),
        Point(
            conversation.protocol,
            UNUSED_PORT,
            conversation.port,
            flags=2 if conversation.protocol == 6 else 0,
        ),
    )
    denied = []
    for one, ways in joining:
        ends = [trace(one.ruleset, probe, *way) for way in ways]
        if any(end.verdict is not Action.DENY for end in ends):
            return ()
        denied.append((one.device, ends[0].decided_by))
    return tuple(denied)
