"""The policy as values: zones, separations, gateways, allowed flows, sensors, devices, noise, waivers.

`load.py` reads zones.yaml into `document.py` (the file's shape, pydantic) and resolves it into these;
everything else sees only these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from ipaddress import IPv4Network, IPv6Network

    from zoneguard.text import Text

    Network = IPv4Network | IPv6Network

PUBLIC = "public"  # implicit zone: globally routable, in no declared zone (documentation ranges count)
UNKNOWN = "unknown"  # implicit zone: private, shared or otherwise local, in no declared zone


class Role(StrEnum):
    """What a zone is for, in the terms of the ordinance."""

    MYNUMBER = "mynumber"
    LGWAN = "lgwan"
    INTERNET = "internet"
    BORDER = "border"
    EXTERNAL = "external"
    MANAGEMENT = "management"
    OUT_OF_SCOPE = "out-of-scope"
    OTHER = "other"


class Model(StrEnum):
    """The four models of the guideline, or the city's own."""

    ALPHA = "alpha"
    ALPHA_PRIME = "alpha-prime"
    BETA = "beta"
    BETA_PRIME = "beta-prime"
    CUSTOM = "custom"


class Principle(StrEnum):
    """What a pair of zones owes."""

    ISOLATION = "isolation"  # 分離
    DIVISION = "division"  # 分割


class FlowKind(StrEnum):
    """Why a flow may cross."""

    SCREEN = "screen"  # 画面転送
    MAIL = "mail"  # メール無害化
    FILE = "file"  # ファイル無害化
    TOKUTEI = "tokutei"  # 特定通信
    PERMIT = "permit"  # 許可通信
    BREAKOUT = "breakout"  # ローカルブレイクアウト (α′)


class Sanitizes(StrEnum):
    """What a gateway makes harmless."""

    MAIL = "mail"
    FILE = "file"
    SCREEN = "screen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in zones.yaml something stands (lines and columns from 1)."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A range of addresses, with the VLAN or VRF that tells it from the same range elsewhere."""

    network: Network
    vlan: int | None = None
    vrf: str | None = None
    sensor: str | None = None  # this range means this zone only as seen by this sensor
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone; `extends` names the zone it is a part of (a cloud extension, say)."""

    id: str
    role: Role
    name: Text
    segments: tuple[Segment, ...]
    extends: str | None = None
    ipv6: bool = False  # False: declared IPv4-only, IPv6 in it is a leak (ZG-F03)
    next_hops: tuple[int, ...] = ()  # MACs of the registered gateways towards this (external) zone (ZG-D03)
    routers: tuple[int, ...] = ()  # MACs allowed to advertise, redirect, serve DHCP, route (ZG-E04)
    macs: tuple[int, ...] | None = None  # inventory; None: not given (ZG-E02)
    to_decide: str | None = None  # what people still have to confirm of it; its role holds meanwhile
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """What two zones owe each other; "*" stands for every other zone."""

    between: tuple[str, str]
    principle: Principle


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A sanitising gateway (無害化装置): dual-homed by registration."""

    id: str
    sanitizes: Sanitizes
    mode: str | None
    legs: tuple[tuple[str, tuple[Network, ...]], ...]  # (zone id whose hosts meet this leg, its addresses)
    macs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A protocol and a range of responder ports; ICMP carries type and code there.

    `protocol` None is any protocol. `ports` is inclusive; (0, 65535) is any port.
    """

    protocol: int | None
    ports: tuple[int, int] = (0, 65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEnd:
    """One side of an allowed flow; empty `networks` means the whole zone."""

    zone: str
    networks: tuple[Network, ...] = ()
    macs: tuple[int, ...] = ()
    gateway: str | None = None  # networks were taken from this gateway's leg
    names: tuple[str, ...] = ()  # approved names of a breakout destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who decided, when, until when and why."""

    number: str | None = None
    by: str | None = None
    on: date | None = None
    until: date | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedFlow:
    """A flow the municipality has decided and approved; `source` opens the connection."""

    id: str
    kind: FlowKind
    source: FlowEnd
    destination: FlowEnd
    services: tuple[Service, ...]
    protocol: str | None = None  # what must really be spoken there: rdp, https, smtp …
    approval: Approval | None = None
    required_every: int | None = None  # seconds; absence for longer is a finding (ZG-C07)
    one_way: bool = False  # by design (syslog, traps): ZG-A07 stays silent
    tunnel: bool = False  # a registered tunnel (ZG-F01 stays silent)
    most_upload: int | None = None  # octets that one screen session may send from its opener (ZG-B03)
    to_decide: str | None = None  # such a flow stands in `Policy.proposed` and allows nothing
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """An observation point: an interface name or file globs, and what it sees there."""

    id: str
    interface: str | None = None
    files: tuple[str, ...] = ()
    vlans: tuple[int, ...] = ()  # empty: all
    zones: tuple[str, ...] = ()  # zones this sensor is meant to see; empty: not said
    l2_adjacent: bool = False  # MACs seen here are the hosts' own
    transit: bool = False  # a routed mirror point: VLAN and subnet need not match (ZG-E03)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A firewall or router whose export may be given: which interface faces which zone."""

    id: str
    format: str | None
    interfaces: tuple[tuple[str, str], ...]  # (interface, zone id)
    file: str | None = None
    to_decide: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Known and denied: reported as such, not as a violation. Absent fields match anything."""

    id: str
    source: str | None  # zone id
    destination: str | None  # zone id
    networks: tuple[Network, ...] = ()  # of the destination
    services: tuple[Service, ...] = ()
    label: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A finding accepted for a time; None matches anything."""

    id: str
    rule: str
    owner: str
    reason: str
    until: date
    orig_zone: str | None = None
    resp_zone: str | None = None
    networks: tuple[Network, ...] = ()  # one end must lie here
    services: tuple[Service, ...] = ()
    severity: str | None = None  # the gravest it covers; None: the rule's usual severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The whole policy, resolved and free of contradiction."""

    path: str
    sha256: str
    organization: Text
    model: Model
    timezone: str
    zones: tuple[Zone, ...]
    separations: tuple[Separation, ...]
    gateways: tuple[Gateway, ...]
    flows: tuple[AllowedFlow, ...]
    sensors: tuple[Sensor, ...]
    devices: tuple[Device, ...]
    noise: tuple[Noise, ...]
    waivers: tuple[Waiver, ...]
    proposed: tuple[AllowedFlow, ...] = ()  # flows that somebody has still to decide: they allow nothing
    to_decide: str | None = None  # of the file as a whole
    to_decide_place: Place | None = None

    def zone(self, zone_id: str) -> Zone | None:
        """Find a declared zone; None for the implicit ones."""
        return next((zone for zone in self.zones if zone.id == zone_id), None)

    def role(self, zone_id: str) -> Role | None:
        """Tell a zone's role; an extension has the role of the zone it extends."""
        zone = self.zone(zone_id)
        if zone is None:
            return None
        return self.role(zone.extends) if zone.extends else zone.role
