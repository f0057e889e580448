"""From the shape of zones.yaml to the policy's values: every name looked up, every leg put in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.policy import model
from zoneguard.policy.presets import default_separations
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.policy import document as shape
    from zoneguard.policy.yamltext import Source


def resolve(document: shape.Document, source: Source, sha256: str) -> model.Policy:
    """Build the policy from a document that has been checked."""
    flows = [_flow(document, index, source) for index in range(len(document.flows))]
    return model.Policy(
        path=source.file,
        sha256=sha256,
        organization=_text(document.organization),
        model=document.model,
        timezone=document.timezone,
        zones=tuple(_zone(document, name, source) for name in document.zones),
        separations=_separations(document),
        gateways=tuple(_gateway(name, gateway) for name, gateway in document.gateways.items()),
        flows=tuple(flow for flow in flows if flow.to_decide is None),
        sensors=tuple(_sensor(name, sensor) for name, sensor in document.sensors.items()),
        devices=tuple(_device(name, device, source) for name, device in document.devices.items()),
        noise=tuple(_noise(noise) for noise in document.noise),
        waivers=tuple(_waiver(waiver) for waiver in document.waivers),
        proposed=tuple(flow for flow in flows if flow.to_decide is not None),
        to_decide=document.to_decide,
        to_decide_place=source.place_of_key(("to_decide",)),
    )


def _text(text: shape.TextShape) -> Text:
    return Text(ja=text.ja, en=text.en)


def _zone(document: shape.Document, name: str, source: Source) -> model.Zone:
    zone = document.zones[name]
    return model.Zone(
        id=name,
        role=_role(document, name),
        name=_text(zone.name),
        segments=tuple(
            model.Segment(
                network=segment.cidr,
                vlan=segment.vlan,
                vrf=segment.vrf,
                sensor=segment.sensor,
                purpose=segment.purpose,
            )
            for segment in zone.segments
        ),
        extends=zone.extends,
        ipv6=zone.ipv6,
        next_hops=zone.next_hops,
        routers=zone.routers,
        macs=zone.macs,
        to_decide=zone.to_decide,
        place=source.place_of_key(("zones", name)),
    )


def _role(document: shape.Document, name: str) -> model.Role:
    zone = document.zones[name]
    if zone.extends is not None:
        return _role(document, zone.extends)
    return zone.role or model.Role.OTHER  # `check` has seen to it that one of the two is there


def _separations(document: shape.Document) -> tuple[model.Separation, ...]:
    if document.separations is None:
        zones = {name: _role(document, name) for name, zone in document.zones.items() if zone.extends is None}
        return default_separations(document.model, zones)
    return tuple(
        model.Separation(between=row.between, principle=row.principle) for row in document.separations
    )


def _gateway(name: str, gateway: shape.GatewayShape) -> model.Gateway:
    return model.Gateway(
        id=name,
        sanitizes=gateway.sanitizes,
        mode=gateway.mode,
        legs=tuple(gateway.legs.items()),
        macs=gateway.macs,
    )


def _flow(document: shape.Document, index: int, source: Source) -> model.AllowedFlow:
    flow = document.flows[index]
    return model.AllowedFlow(
        id=flow.id,
        kind=flow.kind,
        source=_end(document, flow.source),
        destination=_end(document, flow.to),
        services=flow.services,
        protocol=flow.protocol,
        approval=_approval(flow.approval),
        required_every=flow.required.every if flow.required else None,
        one_way=flow.one_way,
        most_upload=flow.most_upload_mib * 1024 * 1024 if flow.most_upload_mib is not None else None,
        tunnel=flow.tunnel,
        to_decide=flow.to_decide,
        place=source.place(("flows", index)),
    )


def _end(document: shape.Document, end: shape.EndShape) -> model.FlowEnd:
    networks = end.addresses
    if end.gateway is not None:
        legs = document.gateways[end.gateway].legs
        networks = tuple(n for leg, addresses in legs.items() if end.leg in {None, leg} for n in addresses)
    return model.FlowEnd(
        zone=end.zone, networks=networks, macs=end.macs, gateway=end.gateway, names=end.names
    )


def _approval(approval: shape.ApprovalShape | None) -> model.Approval | None:
    if approval is None:
        return None
    return model.Approval(
        number=approval.number,
        by=approval.by,
        on=approval.on,
        until=approval.until,
        reason=approval.reason,
    )


def _sensor(name: str, sensor: shape.SensorShape) -> model.Sensor:
    return model.Sensor(
        id=name,
        interface=sensor.interface,
        files=sensor.files,
        vlans=sensor.vlans,
        zones=sensor.zones,
        l2_adjacent=sensor.l2_adjacent,
        transit=sensor.transit,
    )


def _device(name: str, device: shape.DeviceShape, source: Source) -> model.Device:
    return model.Device(
        id=name,
        format=device.format,
        interfaces=tuple(device.interfaces.items()),
        file=device.file,
        to_decide=device.to_decide,
        place=source.place_of_key(("devices", name)),
    )


def _noise(noise: shape.NoiseShape) -> model.Noise:
    return model.Noise(
        id=noise.id,
        source=noise.source,
        destination=noise.to,
        networks=noise.addresses,
        services=noise.services,
        label=_text(noise.label) if noise.label else None,
    )


def _waiver(waiver: shape.WaiverShape) -> model.Waiver:
    return model.Waiver(
        id=waiver.id,
        rule=waiver.rule,
        owner=waiver.owner,
        reason=waiver.reason,
        until=waiver.until,
        orig_zone=waiver.source,
        resp_zone=waiver.to,
        networks=waiver.addresses,
        services=waiver.services,
        severity=waiver.severity,
    )
