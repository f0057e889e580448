from __future__ import annotations

from ipaddress import ip_address

import numpy as np
import pytest

from tests.policies import city, policy, segment, zone
from zoneguard.policy.model import Sensor
from zoneguard.policy.zoning import Zoning

ZONING = Zoning(city())


@pytest.mark.parametrize(
    ("address", "vlan", "expected"),
    [
        ("10.10.10.5", 110, "mynumber"),
        ("10.10.10.5", 999, "mynumber"),  # one claimant: the VLAN it was seen in does not matter
        ("10.110.0.1", 0, "mynumber_cloud"),
        ("192.168.1.7", 165, "mynumber"),
        ("192.168.1.7", 328, "internet"),
        ("192.168.1.7", 110, "mynumber"),  # seen in another VLAN of the same VRF
        ("192.168.1.7", 320, "internet"),
        ("192.168.1.7", 0, "unknown"),  # two claimants and nothing that tells: not guessed
        ("203.0.113.9", 220, "public"),
        ("10.99.0.1", 0, "unknown"),
        ("224.0.0.251", 220, "link-scope"),
    ],
)
def test_a_zone_is_told_by_prefix_vlan_and_vrf(address, vlan, expected):
    assert ZONING.zone_of(ip_address(address), vlan) == expected


def test_the_longest_prefix_wins():
    zoning = Zoning(policy([zone("wide", segment("10.0.0.0/8")), zone("narrow", segment("10.1.0.0/16"))]))
    assert zoning.zone_of(ip_address("10.1.2.3")) == "narrow"
    assert zoning.zone_of(ip_address("10.2.2.3")) == "wide"


def test_a_range_bound_to_a_sensor_counts_only_there():
    zoning = Zoning(
        policy(
            [zone("here", segment("10.0.0.0/8", sensor="s1")), zone("there", segment("10.0.0.0/8"))],
            sensors=[Sensor(id="s1"), Sensor(id="s2")],
        )
    )
    assert zoning.zone_of(ip_address("10.0.0.1"), 0, "s1") == "here"
    assert zoning.zone_of(ip_address("10.0.0.1"), 0, "s2") == "there"


def test_a_layer_2_domain_is_told_by_its_vlan_or_by_its_sensor():
    domains = ZONING.domains_of(
        np.array([220, 320, 0, 0, 999], np.uint16), np.array([0, 1, 1, 2, 1], np.uint16)
    )
    assert [ZONING.names[at] for at in domains] == ["lgwan", "internet", "lgwan", "unknown", "unknown"]


def test_the_segments_that_decide_are_of_the_zone_that_was_told():
    for address, vlan in (("10.10.10.5", 999), ("192.168.1.7", 328), ("192.168.1.7", 110), ("10.110.0.1", 0)):
        told = ZONING.segments_of(ip_address(address), vlan)
        assert {name for name, _ in told} == {ZONING.zone_of(ip_address(address), vlan)}
        assert all(ip_address(address) in one.network for _, one in told)
    assert {name for name, _ in ZONING.segments_of(ip_address("192.168.1.7"))} == {"mynumber", "internet"}
    assert ZONING.segments_of(ip_address("203.0.113.9")) == ()
    assert ZONING.segments_of(ip_address("224.0.0.251")) == ()
