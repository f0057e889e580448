"""Two engines agree: a packet is judged allowed exactly when it is in the allowed set."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policies import allowed, city, policy, zone
from zoneguard.net.address import LAST, address_at, number_of, spans_of
from zoneguard.net.packetset import Header
from zoneguard.policy.model import FlowEnd, Gateway, Sanitizes, Segment, Service
from zoneguard.policy.verdict import Decision, Packet, allowed_set, verdict
from zoneguard.policy.zoning import Zoning

NETWORKS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.168.0.0/16", "0.0.0.0/0", "203.0.113.0/24"]
NETWORKS += ["::/0", "fd00::/8", "fd00:1::/32", "224.0.0.0/4", "10.1.2.3/32"]
networks = st.sampled_from(NETWORKS).map(ip_network)
some_networks = st.lists(networks, max_size=2).map(tuple)
segments = st.builds(
    lambda network, vlan: Segment(network=network, vlan=vlan), networks, st.sampled_from([None, 1])
)
services = st.builds(
    lambda protocol, ports: Service(protocol=protocol, ports=(min(ports), max(ports))),
    st.sampled_from([None, 6, 17]),
    st.tuples(st.sampled_from([0, 25, 443, 65535]), st.sampled_from([0, 25, 443, 65535])),
)
edges = sorted(
    {
        edge + shift
        for name in NETWORKS
        for span in spans_of(ip_network(name))
        for edge in span
        for shift in (-1, 0, 1)
        if 0 <= edge + shift <= LAST
    }
)
numbers = st.sampled_from(edges)
headers = st.builds(Header, numbers, numbers, st.sampled_from([1, 6, 17]), st.sampled_from([0, 25, 26, 443]))


@st.composite
def policies(draw):
    count = draw(st.integers(1, 4))
    zones = [
        zone(
            f"z{at}",
            *draw(st.lists(segments, max_size=3)),
            extends=f"z{at - 1}" if at and draw(st.booleans()) else None,
        )
        for at in range(count)
    ]
    names = st.sampled_from([*(one.id for one in zones), "public"])
    leg = draw(st.lists(networks, min_size=1, max_size=2).map(tuple))
    ends = st.one_of(
        st.builds(lambda name, held: FlowEnd(zone=name, networks=held), names, some_networks),
        st.just(FlowEnd(zone=zones[0].id, networks=leg, gateway="g")),
    )
    flows = [
        allowed(f"f{at}", draw(ends), draw(ends), *draw(st.lists(services, min_size=1, max_size=2)))
        for at in range(draw(st.integers(1, 4)))
    ]
    gateway = Gateway(id="g", sanitizes=Sanitizes.FILE, mode=None, legs=((zones[0].id, leg),))
    return policy(zones, flows, [gateway])


def judged(made, zoning, header):
    orig, resp = address_at(header.orig), address_at(header.resp)
    packet = Packet(
        orig=orig,
        resp=resp,
        orig_zone=zoning.zone_of(orig),
        resp_zone=zoning.zone_of(resp),
        protocol=header.protocol,
        port=header.port,
    )
    return verdict(made, packet).decision


@settings(deadline=None)
@given(policies(), st.lists(headers, min_size=20, max_size=40))
def test_a_packet_is_allowed_exactly_when_it_is_in_the_allowed_set(made, packets):
    zoning, allowed_packets = Zoning(made), allowed_set(made)
    sample = allowed_packets.sample()
    for header in [*packets, *([sample] if sample else [])]:
        assert (judged(made, zoning, header) is Decision.ALLOWED) == (header in allowed_packets)


def test_every_corner_of_the_citys_allowed_set_is_judged_allowed():
    made = city()
    zoning, allowed_packets = Zoning(made), allowed_set(made)
    assert not allowed_packets.is_empty()
    for box in allowed_packets.products():
        for at in (0, 1):
            corner = Header(box.orig[at], box.resp[at], box.protocol[at], box.port[at])
            assert judged(made, zoning, corner) is Decision.ALLOWED
    assert (
        Header(
            number_of(ip_network("172.16.20.5").network_address),
            number_of(ip_network("192.168.10.3").network_address),
            6,
            3389,
        )
        in allowed_packets
    )
