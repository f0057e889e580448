"""The shape of zones.yaml: what may be written where, before names are resolved."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from zoneguard.policy import model, values

Vlan = Annotated[int, Field(ge=1, le=4094)]
RoleWord = Annotated[model.Role, values.OneOf(model.Role)]
ModelWord = Annotated[model.Model, values.OneOf(model.Model)]
PrincipleWord = Annotated[model.Principle, values.OneOf(model.Principle)]
KindWord = Annotated[model.FlowKind, values.OneOf(model.FlowKind)]
SanitizesWord = Annotated[model.Sanitizes, values.OneOf(model.Sanitizes)]


class Shape(BaseModel):
    """What all parts share: no unknown keys, no silent conversions, no change afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)

    file_name: ClassVar[str] = "zones.yaml"  # of a whole file: what faults call it


ToDecide = Annotated[
    values.Sentence,
    Field(description="what people still have to decide about this; delete the line when it is decided"),
]


class TextShape(Shape):
    """A name in Japanese and English."""

    ja: values.Identifier
    en: values.Identifier


class SegmentShape(Shape):
    """A range of addresses; vlan, vrf or sensor tell it from the same range in another zone."""

    cidr: values.NetworkText
    vlan: Vlan | None = None
    vrf: values.Identifier | None = None
    sensor: values.Identifier | None = None
    purpose: str = ""


class ZoneShape(Shape):
    """A zone; an extension (`extends`) takes the role of the zone it belongs to."""

    role: RoleWord | None = None
    name: TextShape
    extends: values.Identifier | None = None
    segments: tuple[SegmentShape, ...] = ()
    ipv6: bool = Field(default=False, description="false: IPv6 seen here is a leak")
    next_hops: tuple[values.MacText, ...] = Field(
        default=(), description="MACs of the registered gateways towards it"
    )
    routers: tuple[values.MacText, ...] = Field(
        default=(), description="MACs that may route, advertise, serve DHCP"
    )
    macs: tuple[values.MacText, ...] | None = Field(
        default=None, description="inventory; leave out when there is none"
    )
    to_decide: ToDecide = None


class SeparationShape(Shape):
    """What two zones owe each other; "*" stands for every other zone."""

    between: tuple[values.Identifier, values.Identifier]
    principle: PrincipleWord


class GatewayShape(Shape):
    """A sanitising gateway; each leg is keyed by the zone whose hosts meet it."""

    sanitizes: SanitizesWord
    mode: values.Identifier | None = None
    legs: dict[values.Identifier, tuple[values.NetworkText, ...]] = Field(min_length=1)
    macs: tuple[values.MacText, ...] = ()


class EndShape(Shape):
    """One side of a flow: a zone, narrowed by addresses, or by a gateway and one of its legs."""

    zone: values.Identifier
    addresses: tuple[values.NetworkText, ...] = ()
    macs: tuple[values.MacText, ...] = ()
    gateway: values.Identifier | None = None
    leg: values.Identifier | None = None
    names: tuple[values.Identifier, ...] = ()


class ApprovalShape(Shape):
    """Who decided, when, until when and why."""

    number: values.Identifier | None = None
    by: values.Identifier | None = None
    on: values.DateText | None = None
    until: values.DateText | None = None
    reason: values.Identifier | None = None


class RequiredShape(Shape):
    """How often the flow must be seen."""

    every: values.SpanText


class FlowShape(Shape):
    """A flow that the municipality has decided and approved; `from` opens it. With to_decide it allows nothing."""

    id: values.Identifier
    kind: KindWord
    source: EndShape = Field(alias="from")
    to: EndShape
    services: tuple[values.ServiceText, ...] = Field(min_length=1)
    protocol: values.Identifier | None = None
    approval: ApprovalShape | None = None
    required: RequiredShape | None = None
    one_way: bool = False
    tunnel: bool = False
    most_upload_mib: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="of a screen flow: MiB that one session may send from its opener"
    )
    to_decide: ToDecide = None


class SensorShape(Shape):
    """An observation point: a live interface or file globs."""

    interface: values.Identifier | None = None
    files: tuple[values.Identifier, ...] = ()
    vlans: tuple[Vlan, ...] = ()
    zones: tuple[values.Identifier, ...] = ()
    l2_adjacent: bool = False
    transit: bool = False


class DeviceShape(Shape):
    """A firewall or router: which of its interfaces faces which zone."""

    format: values.Identifier | None = None
    interfaces: dict[values.Identifier, values.Identifier]
    file: values.Identifier | None = None
    to_decide: ToDecide = None


class NoiseShape(Shape):
    """Known and denied traffic; what is left out matches anything."""

    id: values.Identifier
    source: values.Identifier | None = Field(default=None, alias="from")
    to: values.Identifier | None = None
    addresses: tuple[values.NetworkText, ...] = Field(default=(), description="of the destination")
    services: tuple[values.ServiceText, ...] = ()
    label: TextShape | None = None


class WaiverShape(Shape):
    """A finding accepted for a time, by an owner, for a reason."""

    id: values.Identifier
    rule: Annotated[str, Field(pattern=r"^ZG-[A-I][0-9]{2}$")]
    owner: values.Identifier
    reason: values.Identifier
    until: values.DateText
    source: values.Identifier | None = Field(default=None, alias="from")
    to: values.Identifier | None = None
    addresses: tuple[values.NetworkText, ...] = Field(default=(), description="one end must lie here")
    services: tuple[values.ServiceText, ...] = ()
    severity: Literal["critical", "high", "medium", "low", "info"] | None = Field(
        default=None, description="the gravest it covers; the usual severity of the rule when left out"
    )


class Document(Shape):
    """A whole zones.yaml."""

    version: Literal[1]
    organization: TextShape
    model: ModelWord
    timezone: values.TimezoneText = "Asia/Tokyo"
    to_decide: ToDecide = None
    zones: dict[values.Identifier, ZoneShape] = Field(min_length=1)
    separations: tuple[SeparationShape, ...] | None = None
    gateways: dict[values.Identifier, GatewayShape] = Field(default_factory=dict)
    flows: tuple[FlowShape, ...] = ()
    sensors: dict[values.Identifier, SensorShape] = Field(default_factory=dict)
    devices: dict[values.Identifier, DeviceShape] = Field(default_factory=dict)
    noise: tuple[NoiseShape, ...] = ()
    waivers: tuple[WaiverShape, ...] = ()


def policy_schema() -> dict[str, Any]:
    """Give the JSON Schema of zones.yaml, for editors."""
    schema = Document.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://zoneguard.example/schema/zones.json",
        **schema,
        "title": "ZoneGuard zones.yaml",
    }
