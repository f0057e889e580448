"""A zones.yaml being proposed: what was found, whence, and what people have to decide about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.policy.model import FlowKind, Role

if TYPE_CHECKING:
    from datetime import date

    from zoneguard.net.address import Network
    from zoneguard.policy.model import Service
    from zoneguard.text import Text

KNOWN_SIDES = frozenset({Role.MYNUMBER, Role.LGWAN, Role.INTERNET})


@dataclass(slots=True, kw_only=True)
class SegmentDraft:
    """A range of addresses; `remarks` become comments above it."""

    network: Network
    vlan: int | None = None
    vrf: str | None = None
    purpose: str = ""
    is_routed: bool = False  # known by a route only, and not by an interface in it
    remarks: list[Text] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class ZoneDraft:
    """A zone; `question` is what is to be decided about it. Every proposed zone has one."""

    id: str
    role: Role
    name: Text
    question: Text
    segments: list[SegmentDraft] = field(default_factory=list)
    remarks: list[Text] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class DeviceDraft:
    """A device whose export was read."""

    id: str
    format: str
    interfaces: dict[str, str] = field(default_factory=dict)
    question: Text
    remarks: list[Text] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDraft:
    """What a list says of an approval."""

    number: str | None = None
    by: str | None = None
    on: date | None = None
    until: date | None = None
    reason: str | None = None

    @property
    def is_decided(self) -> bool:
        """Tell whether somebody decided: a number, or a name with a day."""
        return bool(self.number or (self.by and self.on))


@dataclass(slots=True, kw_only=True)
class FlowDraft:
    """A flow; with a `question` it allows nothing until somebody has decided."""

    id: str
    kind: FlowKind = FlowKind.PERMIT
    orig_zone: str
    resp_zone: str
    orig: tuple[Network, ...] = ()
    resp: tuple[Network, ...] = ()
    services: tuple[Service, ...]
    approval: ApprovalDraft | None = None
    question: Text | None = None
    is_held: bool = (
        False  # written as a comment: until the roles of its zones are decided nobody can approve it
    )
    remarks: list[Text] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Draft:
    """The whole proposal.

    `remarks` are told at the head of the file; `refused` are flows that were observed or listed and are not
    proposed, each with its reason: they become comments only.
    """

    model: str | None = None
    zones: dict[str, ZoneDraft] = field(default_factory=dict)
    devices: dict[str, DeviceDraft] = field(default_factory=dict)
    flows: list[FlowDraft] = field(default_factory=list)
    refused: list[Text] = field(default_factory=list)
    remarks: list[Text] = field(default_factory=list)

    def free_id(self, wanted: str) -> str:
        """Give a zone id that is not taken."""
        taken, number = {*self.zones, "public", "unknown", "link-scope", "*"}, 2
        chosen = wanted
        while chosen in taken:
            chosen, number = f"{wanted}-{number}", number + 1
        return chosen

    def role(self, zone: str) -> Role | None:
        """Give the role of a proposed zone; None for public."""
        return self.zones[zone].role if zone in self.zones else None
