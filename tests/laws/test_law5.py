"""Zoning equals a linear scan, one by one and in bulk."""

from __future__ import annotations

from ipaddress import ip_network

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.policies import policy, zone
from zoneguard.net.address import address_at, is_link_scope, is_public, number_of, pair_of
from zoneguard.policy.model import Segment, Sensor
from zoneguard.policy.zoning import Zoning

BASES = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "10.1.0.0/16", "10.1.0.0/30", "8.0.0.0/7", "169.254.0.0/17"]
BASES += ["::/0", "fd00::/8", "fd00:0:0:1::/64", "fd00::/127", "2001:db8::/32", "fe80::/9"]
VLANS, SENSORS = [0, 1, 2], ["", "a", "b"]

segments = st.builds(
    lambda cidr, vlan, vrf, sensor: Segment(network=ip_network(cidr), vlan=vlan, vrf=vrf, sensor=sensor),
    st.sampled_from(BASES),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, "red", "blue"]),
    st.sampled_from([None, "a", "b"]),
)
edges = [
    int(edge) + shift
    for network in map(ip_network, [*BASES, "192.168.0.0/16"])
    for edge in (number_of(network.network_address), number_of(network.broadcast_address))
    for shift in (-1, 0, 1)
]
numbers = st.one_of(
    st.sampled_from([e for e in edges if 0 <= e < 1 << 128]), st.ip_addresses().map(number_of)
)


@st.composite
def policies(draw):
    zones = draw(st.lists(st.lists(segments, max_size=4), min_size=1, max_size=4))
    return policy(
        [zone(f"z{at}", *held) for at, held in enumerate(zones)], sensors=[Sensor(id="a"), Sensor(id="b")]
    )


def scanned(city, number, vlan, sensor):
    """Read every segment of every zone."""
    if is_link_scope(number):
        return "link-scope"
    address = address_at(number)
    claims = [
        (one.id, held)
        for one in city.zones
        for held in one.segments
        if address in held.network and held.sensor in (None, sensor)
    ]
    if not claims:
        return "public" if is_public(number) else "unknown"
    longest = max(held.network.prefixlen for _, held in claims)
    claims = [(name, held) for name, held in claims if held.network.prefixlen == longest]
    vrfs = {h.vrf for z in city.zones for h in z.segments if h.vlan == vlan and h.vrf is not None}
    for keep in (
        lambda held: held.vlan == vlan,
        lambda held: held.vlan is None and held.sensor is not None,
        lambda held: held.vrf in vrfs,
        lambda held: True,
    ):
        names = {name for name, held in claims if keep(held)}
        if names:
            return names.pop() if len(names) == 1 else "unknown"
    raise AssertionError


@given(policies(), st.lists(numbers, min_size=1, max_size=12))
def test_zoning_equals_a_linear_scan(city, addresses):
    zoning = Zoning(city)
    keys = [(number, vlan, sensor) for number in addresses for vlan in VLANS for sensor in range(3)]
    expected = [scanned(city, number, vlan, SENSORS[sensor]) for number, vlan, sensor in keys]
    assert [zoning.zone_of(address_at(n), v, SENSORS[s]) for n, v, s in keys] == expected
    halves = np.array([pair_of(number) for number, _, _ in keys], np.uint64)
    vlan = np.array([vlan for _, vlan, _ in keys], np.uint16)
    sensor = np.array([sensor for _, _, sensor in keys], np.uint16)
    zones = zoning.zones_of(halves[:, 0], halves[:, 1], vlan, sensor)
    assert [zoning.names[at] for at in zones.tolist()] == expected
