from __future__ import annotations

import time

import numpy as np

from tests.policies import IN_PC, LG_PC, LG_SERVER, MN_PC, VDI, city, flow, halves, table
from zoneguard.net.flow import CaptureCoverage, Claim, ClaimKind, FlowTable, Opener, State, Tunnel, TunnelEnds
from zoneguard.policy.zoning import Zoning
from zoneguard.rules.conversing import Judge
from zoneguard.rules.evidence import Decision
from zoneguard.rules.telling import end_words

CITY = city()


def judge():
    return Judge(CITY, Zoning(CITY), files=["a.pcap", "b.pcap"], sensors=["", "s1", "s2"])


def evidence(*blocks, claims=(), tunnels=()):
    one = judge()
    for block in blocks:
        one.add(block, tunnels)
    return one.evidence(claims, CaptureCoverage(), today="2026-11-23")


def scan(hosts, *, opener=Opener.SYN):
    """Make one flow from one host to each of many, without a loop."""
    block = FlowTable.empty(hosts)
    block.orig_address[:] = halves(IN_PC)
    block.resp_address[:, 1] = np.uint64(halves("172.16.20.0")[1]) + np.arange(hosts, dtype=np.uint64)
    block.orig_port[:] = 1024 + np.arange(hosts) % 60000
    block.resp_port[:] = 445
    block.protocol[:] = 6
    block.opener[:] = opener
    block.orig_packets[:] = 1
    block.orig_bytes[:] = 60
    block.first_seen[:] = 10_000 + np.arange(hosts)
    block.last_seen[:] = block.first_seen
    block.frame[:] = 1 + np.arange(hosts)
    return block


def test_flows_of_one_service_become_one_conversation():
    found = evidence(
        table(flow(LG_PC, VDI, 3389, first_seen=50, frame=9), flow(LG_PC, VDI, 3389, first_seen=20, frame=4)),
        table(flow(LG_PC, VDI, 3389, first_seen=30, last_seen=90, frame=5, file=1)),
    )
    (one,) = found.conversations
    assert (one.orig.address, one.resp.address, one.service) == (LG_PC, VDI, "tcp/3389")
    assert (one.orig.zone, one.resp.zone) == ("lgwan", "internet")
    assert (one.decision, one.allowed_by) == (Decision.ALLOWED, "A-SCR")
    assert (one.flows, one.packets, one.bytes, one.resp_packets) == (3, 27, 2700, 12)
    assert (one.first_seen, one.last_seen, one.locator.frame, one.locator.file) == (20, 2000, 4, "a.pcap")
    assert found.allowed_seen == {"A-SCR": (20, 2000)}
    assert found.window == (20, 2000)
    assert found.zones_observed == {"lgwan", "internet"}


def test_ordinary_traffic_within_a_zone_is_not_kept_but_tunnels_and_names_are():
    found = evidence(
        table(
            flow(LG_PC, LG_SERVER, 80),
            flow(LG_PC, LG_SERVER, 53, protocol=17),
            flow(LG_PC, LG_SERVER, 0, protocol=47, orig_port=0),
        )
    )
    assert sorted(one.service for one in found.conversations) == ["gre", "udp/53"]


def test_different_macs_stay_apart():
    found = evidence(table(*(flow("10.10.10.51", "10.200.83.10", 443, orig_mac=mac) for mac in (1, 2))))
    assert [one.orig.mac for one in found.conversations] == [1, 2]


def test_a_scan_becomes_one_line_with_its_service():
    found = evidence(scan(700), scan(1000))
    (one,) = found.conversations
    assert (one.resp.address, one.peers, one.services) == ("1,000 addresses", 1000, 1)
    assert (one.service, one.port, one.orig.address) == ("tcp/445", 445, IN_PC)
    assert (one.flows, one.state, one.decision) == (1700, State.ATTEMPT, Decision.FORBIDDEN)
    assert one.locator.frame == 1


def test_a_port_scan_becomes_one_line_with_its_host():
    found = evidence(table(*(flow(IN_PC, LG_PC, port, state=State.ATTEMPT) for port in range(1, 101))))
    (one,) = found.conversations
    assert (one.resp.address, one.peers, one.services, one.port, one.service) == (LG_PC, 1, 100, 0, "tcp")


def test_many_openers_of_one_host_become_one_line():
    found = evidence(table(*(flow(f"192.168.20.{host}", LG_SERVER, 445) for host in range(1, 101))))
    (one,) = found.conversations
    assert (one.orig.address, one.resp.address, one.peers) == ("100 addresses", LG_SERVER, 100)


def test_many_scanners_become_one_line_of_their_zones():
    found = evidence(
        table(
            *(
                flow(f"192.168.20.{orig}", f"172.16.20.{resp}", port, state=State.ATTEMPT)
                for orig in range(1, 41)
                for resp in range(1, 41)
                for port in (orig * 100 + resp, 445)
            )
        )
    )
    assert len(found.conversations) < 50
    assert sum(one.flows for one in found.conversations) == 3200


def test_thirty_two_hosts_are_told_one_by_one():
    assert len(evidence(scan(32)).conversations) == 32


def test_blocks_do_not_change_what_is_found():
    whole = scan(5000)
    parts = [whole.take(np.arange(5000) % 7 == part) for part in range(7)]
    assert evidence(whole).conversations == evidence(*parts).conversations


def test_a_crossing_inside_a_tunnel_knows_its_tunnel():
    tunnel = TunnelEnds(
        identity=77,
        kind=Tunnel.VXLAN,
        outer_orig=halves(MN_PC),
        outer_resp=halves(VDI),
        number=5,
        parent=0,
    )
    found = evidence(table(flow(IN_PC, LG_SERVER, 445, tunnel=77)), tunnels=[tunnel])
    (one,) = found.conversations
    assert one.tunnel is not None
    assert (one.tunnel.kind, one.tunnel.outer_zones) == (Tunnel.VXLAN, ("mynumber", "internet"))


def test_a_second_sighting_with_a_routers_mac_is_path_evidence():
    routed = flow(IN_PC, LG_SERVER, 445, orig_mac=1, resp_mac=2, copies=1, copy_mac=9)
    mirrored = flow(IN_PC, LG_SERVER, 139, orig_mac=1, resp_mac=2, copies=1, copy_mac=2)
    found = evidence(table(routed, mirrored))
    assert {one.port: one.routed_by for one in found.conversations} == {445: 9, 139: 0}


def test_one_way_tcp_gives_its_share_of_answered_flows():
    found = evidence(table(flow(LG_PC, VDI, 3389), flow(LG_PC, VDI, 3389, resp_packets=0)))
    assert found.one_sided_share == 0.5


def test_claims_carry_the_zones_of_address_and_vlan():
    claim = Claim(
        kind=ClaimKind.ARP,
        mac=5,
        address=halves(IN_PC),
        vlan=220,
        sensor=1,
        first_seen=1,
        last_seen=2,
        count=3,
        file=0,
        frame=8,
    )
    (one,) = evidence(claims=[claim]).claims
    assert (one.address, one.zone, one.vlan_zones, one.sensor) == (IN_PC, "internet", {"lgwan"}, "s1")


def test_the_matrix_counts_every_flow_and_unknown_addresses_are_named():
    one = judge()
    one.add(table(flow(LG_PC, LG_SERVER, 80), flow(IN_PC, LG_PC, 445), flow(LG_PC, "10.99.0.1", 80)))
    cells = {(cell.orig_zone, cell.resp_zone): (cell.flows, cell.violations) for cell in one.matrix()}
    assert cells == {
        ("lgwan", "lgwan"): (1, 0),
        ("internet", "lgwan"): (1, 1),
        ("lgwan", "unknown"): (1, 0),
    }
    assert one.unknown_endpoints() == (1, ("10.99.0.1",))


def test_a_scan_of_a_million_flows_is_a_handful_of_lines_in_seconds():
    block = scan(1_000_000)
    started = time.process_time()
    found = evidence(block)
    assert len(found.conversations) <= 12  # zones, unknown addresses and directed broadcasts
    assert sum(one.flows for one in found.conversations) == 1_000_000
    assert time.process_time() - started < 20  # a bound against quadratic work, not a measurement


def test_a_conversation_names_the_sensor_that_saw_it():
    found = evidence(table(flow(LG_PC, VDI, 3389, sensor=2), flow(LG_PC, VDI, 3389, sensor=0)))
    assert sorted(one.sensor for one in found.conversations) == ["", "s2"]


def test_a_scan_of_more_hosts_than_can_be_remembered_says_so(monkeypatch):
    monkeypatch.setattr("zoneguard.rules.members.MOST_OF_ONE", 200)
    (one,) = evidence(scan(1000)).conversations
    assert (one.resp.address, one.peers, one.flows) == ("200+ addresses", 200, 1000)
    assert end_words(CITY, one.resp).ja.endswith("の 200 個以上のアドレス")


def test_conversations_of_many_zones_at_once_are_gathered_until_they_are_few_enough(monkeypatch):
    """Each of 30 hosts asks 30 others by a service of its own: no host or service fans out."""
    block = table(
        *(
            flow(f"192.168.20.{orig}", f"172.16.20.{resp}", 1000 + (orig + resp) % 31, state=State.ATTEMPT)
            for orig in range(1, 31)
            for resp in range(1, 31)
        )
    )
    assert len(evidence(block).conversations) == 900
    monkeypatch.setattr("zoneguard.rules.grouping.MOST_IN_ALL", 100)
    few = evidence(block).conversations
    assert len(few) <= 100
    assert sum(one.flows for one in few) == 900
    assert max(one.peers for one in few) == 30
