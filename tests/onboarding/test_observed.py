"""From endpoints to segments."""

from __future__ import annotations

import time

import numpy as np

from zoneguard.net.flow import Claim, ClaimKind, FlowTable, State
from zoneguard.onboarding import observed
from zoneguard.onboarding.conversations import Conversations
from zoneguard.onboarding.observed import Endpoints, fill
from zoneguard.onboarding.proposal import Draft
from zoneguard.onboarding.writing import write
from zoneguard.policy.decide import Decider
from zoneguard.policy.load import parse_policy
from zoneguard.policy.zoning import Zoning

MAPPED = 0xFFFF << 32


def number(text):
    a, b, c, d = map(int, text.split("."))
    return a << 24 | b << 16 | c << 8 | d


def table(rows):
    """Make flows of (orig, VLAN, MAC, resp, VLAN, MAC)."""
    n = len(rows)
    columns = list(zip(*rows, strict=True))
    addresses = []
    for at in (0, 3):
        address = np.zeros((n, 2), np.uint64)
        address[:, 1] = [MAPPED | number(text) for text in columns[at]]
        addresses.append(address)
    return FlowTable.empty(n).replace(
        orig_address=addresses[0],
        resp_address=addresses[1],
        orig_vlan=np.array(columns[1], np.uint16),
        resp_vlan=np.array(columns[4], np.uint16),
        orig_mac=np.array(columns[2], np.uint64),
        resp_mac=np.array(columns[5], np.uint64),
        orig_packets=np.ones(n, np.int64),
        resp_packets=np.ones(n, np.int64),
        protocol=np.full(n, 6, np.uint8),
        resp_port=np.full(n, 443, np.uint16),
        state=np.full(n, State.DATA, np.uint8),
    )


def claim(address, mac, vlan):
    return Claim(
        kind=ClaimKind.ARP,
        mac=mac,
        address=(0, MAPPED | number(address)),
        vlan=vlan,
        sensor=0,
        first_seen=0,
        last_seen=0,
        count=1,
        file=0,
        frame=1,
    )


def zones(rows, claims=()):
    endpoints, draft = Endpoints(), Draft()
    endpoints.add(table(rows))
    fill(draft, endpoints, endpoints.homes(claims))
    parse_policy(write(draft, "en").encode(), "zones.yaml")
    return {zone.id: [(str(one.network), one.vlan) for one in zone.segments] for zone in draft.zones.values()}


def test_addresses_of_one_vlan_close_together_are_one_segment():
    assert zones([("10.1.20.5", 20, 1, "10.1.23.9", 20, 2)]) == {"vlan-20": [("10.1.20.0/22", 20)]}


def test_addresses_far_apart_stay_apart():
    assert zones([("10.1.20.5", 20, 1, "10.9.23.9", 20, 2)]) == {
        "vlan-20": [("10.1.20.0/24", 20), ("10.9.23.0/24", 20)]
    }


def test_what_a_router_sends_for_is_not_at_home_in_its_vlan():
    router = 0xFE
    told = zones(
        [("10.1.20.5", 20, 1, "10.2.0.9", 20, router), ("10.1.20.5", 20, 1, "10.3.0.9", 20, router)],
    )
    assert told == {
        "vlan-20": [("10.1.20.0/24", 20)],
        "net-10-2-0-0": [("10.2.0.0/24", None)],
        "net-10-3-0-0": [("10.3.0.0/24", None)],
    }


def test_a_router_that_sends_for_one_host_only_is_told_by_its_arp():
    rows = [("10.1.20.5", 20, 1, "10.2.0.9", 20, 0xFE)]
    assert zones(rows, [claim("10.1.20.1", 0xFE, 20)]) == {
        "vlan-20": [("10.1.20.0/24", 20)],
        "net-10-2-0-0": [("10.2.0.0/24", None)],
    }


def test_a_host_with_two_addresses_of_its_own_is_no_router():
    rows = [("10.1.20.5", 20, 1, "10.1.20.9", 20, 2), ("10.1.20.6", 20, 1, "10.1.20.9", 20, 2)]
    told = zones(rows, [claim("10.1.20.5", 1, 20), claim("10.1.20.6", 1, 20)])
    assert told == {"vlan-20": [("10.1.20.0/24", 20)]}


def test_the_same_range_in_two_vlans_is_two_segments():
    rows = [("192.168.1.5", 165, 1, "192.168.1.9", 165, 2), ("192.168.1.5", 328, 3, "192.168.1.9", 328, 4)]
    assert zones(rows) == {
        "vlan-165": [("192.168.1.0/24", 165)],
        "vlan-328": [("192.168.1.0/24", 328)],
    }


def test_the_same_range_tagged_and_untagged_is_claimed_once():
    rows = [("192.168.1.5", 165, 1, "192.168.1.9", 165, 2), ("192.168.1.7", 0, 3, "192.168.1.8", 0, 4)]
    assert zones(rows) == {"vlan-165": [("192.168.1.0/24", 165)]}


def test_public_multicast_and_link_local_addresses_are_no_segments():
    assert zones(
        [("10.1.20.5", 20, 1, "203.0.113.9", 20, 2), ("169.254.1.1", 20, 3, "224.0.0.5", 20, 4)]
    ) == {"vlan-20": [("10.1.20.0/24", 20)]}


def test_a_million_endpoints_stay_within_time_and_bounds(monkeypatch):
    monkeypatch.setattr(observed, "MOST_GROUPS", 20_000)
    random, endpoints, draft = np.random.default_rng(7), Endpoints(), Draft()
    blocks = []
    for _ in range(10):
        n = 100_000
        orig, resp = np.zeros((n, 2), np.uint64), np.zeros((n, 2), np.uint64)
        orig[:, 1] = MAPPED | 10 << 24 | random.integers(0, 1 << 24, n).astype(np.uint64)
        resp[:, 1] = MAPPED | 0xAC100000 | random.integers(0, 1 << 20, n).astype(np.uint64)
        blocks.append(
            FlowTable.empty(n).replace(
                orig_address=orig,
                resp_address=resp,
                orig_packets=np.ones(n, np.int64),
                resp_packets=np.ones(n, np.int64),
                orig_vlan=random.integers(1, 4000, n).astype(np.uint16),
                resp_vlan=random.integers(1, 4000, n).astype(np.uint16),
                orig_mac=random.integers(1, 1 << 47, n).astype(np.uint64),
                resp_mac=random.integers(1, 1 << 47, n).astype(np.uint64),
                protocol=np.full(n, 6, np.uint8),
                resp_port=random.integers(1, 32_000, n).astype(np.uint16),
                state=np.full(n, State.DATA, np.uint8),
            )
        )
    started = time.process_time()
    for block in blocks:
        endpoints.add(block)
    fill(draft, endpoints, endpoints.homes(()))
    policy = parse_policy(write(draft, "en").encode(), "zones.yaml")
    zoning = Zoning(policy)
    conversations = Conversations(policy, zoning, Decider(policy, zoning))
    for block in blocks:
        conversations.add(block)
    conversations.propose(draft)
    text = write(draft, "en")
    assert time.process_time() - started < 60
    assert len(draft.zones) <= observed.MOST_ZONES
    assert len(text) < 2_000_000
    assert "were left out (the bound is 20,000)" in text
    parse_policy(text.encode(), "zones.yaml")
