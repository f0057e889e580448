"""A small city as policy values, and flow tables for it, without files."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import numpy as np

from zoneguard.net.address import number_of, pair_of
from zoneguard.net.flow import COLUMNS, FlowTable, Opener, State
from zoneguard.policy.model import (
    AllowedFlow,
    FlowEnd,
    FlowKind,
    Gateway,
    Model,
    Noise,
    Policy,
    Role,
    Sanitizes,
    Segment,
    Sensor,
    Service,
    Zone,
)
from zoneguard.text import Text

LG_PC, LG_SERVER, VDI, IN_PC, MN_PC = (
    "172.16.20.5",
    "172.16.10.25",
    "192.168.10.3",
    "192.168.20.7",
    "10.10.20.9",
)
LG_LEG, IN_LEG = "172.16.251.2", "192.168.251.2"


def segment(cidr, vlan=None, vrf=None, sensor=None):
    return Segment(network=ip_network(cidr), vlan=vlan, vrf=vrf, sensor=sensor)


def zone(name, *segments, role=Role.OTHER, extends=None, ipv6=False):
    return Zone(
        id=name, role=role, name=Text(ja=name, en=name), segments=segments, extends=extends, ipv6=ipv6
    )


def end(name, *networks, gateway=None):
    return FlowEnd(zone=name, networks=tuple(ip_network(one) for one in networks), gateway=gateway)


def allowed(name, source, destination, *services, kind=FlowKind.PERMIT):
    return AllowedFlow(id=name, kind=kind, source=source, destination=destination, services=services)


def tcp(first, last=None):
    return Service(protocol=6, ports=(first, last or first))


def udp(first, last=None):
    return Service(protocol=17, ports=(first, last or first))


def policy(zones, flows=(), gateways=(), *, noise=(), sensors=()):
    return Policy(
        path="zones.yaml",
        sha256="",
        organization=Text(ja="例示市", en="Reiji City"),
        model=Model.ALPHA,
        timezone="Asia/Tokyo",
        zones=tuple(zones),
        separations=(),
        gateways=tuple(gateways),
        flows=tuple(flows),
        sensors=tuple(sensors),
        devices=(),
        noise=tuple(noise),
        waivers=(),
    )


def city():
    """Build the heart of 例示市, model α."""
    return policy(
        [
            zone(
                "mynumber",
                segment("10.10.10.0/24", 110, "MN"),
                segment("10.10.20.0/23", 120, "MN"),
                segment("192.168.1.0/24", 165, "MN"),
                role=Role.MYNUMBER,
            ),
            zone("mynumber_cloud", segment("10.110.0.0/20"), role=Role.MYNUMBER, extends="mynumber"),
            zone("lgwan", segment("172.16.10.0/24", 210), segment("172.16.20.0/22", 220), role=Role.LGWAN),
            zone(
                "internet",
                segment("192.168.10.0/26", 310, "IN"),
                segment("192.168.20.0/22", 320, "IN"),
                segment("192.168.1.0/24", 328, "IN"),
                role=Role.INTERNET,
            ),
            zone(
                "border", segment("172.16.251.0/29", 251), segment("192.168.251.0/29", 351), role=Role.BORDER
            ),
            zone("ext_lgwan", segment("10.200.0.0/16", 290), role=Role.EXTERNAL),
        ],
        flows=[
            allowed(
                "A-SCR",
                end("lgwan", "172.16.20.0/22"),
                end("internet", "192.168.10.0/26"),
                tcp(3389),
                udp(3389),
                kind=FlowKind.SCREEN,
            ),
            allowed(
                "A-MAIL",
                end("border", LG_LEG, gateway="mail"),
                end("lgwan", LG_SERVER),
                tcp(25),
                kind=FlowKind.MAIL,
            ),
            allowed("A-ASP", end("lgwan"), end("ext_lgwan", "10.200.64.0/18"), tcp(443), tcp(80)),
            allowed(
                "SP-05",
                end("mynumber", "10.10.10.51"),
                end("ext_lgwan", "10.200.83.10"),
                tcp(443),
                kind=FlowKind.TOKUTEI,
            ),
            allowed("BREAKOUT", end("lgwan"), end("public", "203.0.113.0/25"), tcp(443)),
            allowed("INSIDE", end("lgwan"), end("lgwan", LG_SERVER), tcp(8530)),
        ],
        gateways=[
            Gateway(
                id="mail",
                sanitizes=Sanitizes.MAIL,
                mode="text-only",
                legs=(("lgwan", (ip_network(LG_LEG),)), ("internet", (ip_network(IN_LEG),))),
            )
        ],
        noise=[Noise(id="ncsi", source="mynumber", destination="public", services=(tcp(80),))],
        sensors=[Sensor(id="s1", zones=("lgwan",)), Sensor(id="s2")],
    )


def halves(address):
    return pair_of(number_of(ip_address(address)))


def flow(orig, resp, port, **columns):
    """Describe one flow: a TCP connection with data unless told otherwise."""
    known = {
        "orig_port": 50000,
        "protocol": 6,
        "opener": Opener.SYN,
        "state": State.DATA,
        "orig_packets": 5,
        "resp_packets": 4,
        "orig_bytes": 500,
        "resp_bytes": 400,
        "first_seen": 1_000,
        "last_seen": 2_000,
        "frame": 1,
    }
    return known | {"orig_address": halves(orig), "resp_address": halves(resp), "resp_port": port} | columns


def table(*flows):
    """Lay flows out in columns."""
    empty = FlowTable.empty(len(flows))
    return empty.replace(
        **{
            name: np.array(
                [one.get(name, (0, 0) if name.endswith("address") else 0) for one in flows], dtype
            ).reshape(getattr(empty, name).shape)
            for name, dtype in COLUMNS.items()
        }
    )
