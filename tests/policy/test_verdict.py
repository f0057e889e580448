from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from tests.policies import (
    IN_LEG,
    IN_PC,
    LG_LEG,
    LG_PC,
    LG_SERVER,
    MN_PC,
    VDI,
    allowed,
    city,
    end,
    flow,
    table,
    tcp,
)
from zoneguard.net.flow import Opener, State
from zoneguard.policy.decide import Decider
from zoneguard.policy.verdict import DECISIONS, Decision, Packet, verdict
from zoneguard.policy.zoning import Zoning

CITY = city()
CASES = [
    (LG_PC, VDI, 6, 3389, Decision.ALLOWED, "A-SCR"),
    (VDI, LG_PC, 6, 3389, Decision.REVERSED, "A-SCR"),
    (LG_PC, VDI, 6, 22, Decision.OTHER_SERVICE, "A-SCR"),
    (IN_PC, LG_SERVER, 6, 445, Decision.FORBIDDEN, None),
    (IN_PC, LG_LEG, 6, 443, Decision.GATEWAY_LEG, None),
    (LG_PC, IN_LEG, 6, 443, Decision.GATEWAY_LEG, None),
    (LG_PC, LG_LEG, 6, 443, Decision.FORBIDDEN, None),
    (LG_LEG, IN_LEG, 6, 443, Decision.WITHIN, None),
    (LG_LEG, LG_SERVER, 6, 25, Decision.ALLOWED, "A-MAIL"),
    (LG_PC, LG_SERVER, 6, 80, Decision.WITHIN, None),
    (LG_PC, LG_SERVER, 6, 8530, Decision.WITHIN, "INSIDE"),
    (MN_PC, "10.110.0.9", 6, 443, Decision.WITHIN, None),
    (MN_PC, "203.0.113.9", 6, 80, Decision.NOISE, None),
    (MN_PC, "203.0.113.9", 6, 443, Decision.FORBIDDEN, None),
    (LG_PC, "203.0.113.9", 6, 443, Decision.ALLOWED, "BREAKOUT"),
    (LG_PC, "10.99.0.1", 6, 443, Decision.UNKNOWN, None),
    (LG_PC, "224.0.0.252", 17, 5355, Decision.LINK_SCOPE, None),
    (LG_PC, "172.16.23.255", 17, 137, Decision.LINK_SCOPE, None),
    (LG_PC, "192.168.10.63", 17, 137, Decision.OTHER_SERVICE, "A-SCR"),
    (LG_PC, VDI, 1, 2048, Decision.OTHER_SERVICE, "A-SCR"),
]


def decided(*flows, made=CITY):
    zoning = Zoning(made)
    return Decider(made, zoning).decide(table(*flows)), zoning


def told(result, at=0):
    return DECISIONS[result.decision[at]]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_packet_is_judged_by_the_policy(case):
    orig, resp, protocol, port, decision, nearest = case
    zoning = Zoning(CITY)
    packet = Packet(
        orig=ip_address(orig),
        resp=ip_address(resp),
        orig_zone=zoning.zone_of(ip_address(orig)),
        resp_zone=zoning.zone_of(ip_address(resp)),
        protocol=protocol,
        port=port,
    )
    ruling = verdict(CITY, packet)
    assert (ruling.decision, ruling.flow) == (decision, nearest)


def test_a_table_is_judged_as_its_packets_are():
    result, _ = decided(*(flow(o, r, port, protocol=p, state=State.ATTEMPT) for o, r, p, port, _, _ in CASES))
    assert [DECISIONS[code] for code in result.decision] == [case[4] for case in CASES]
    nearest = [CITY.flows[at].id if at >= 0 else None for at in result.flow]
    assert nearest == [case[5] for case in CASES]
    assert result.certain.all()


def test_answered_noise_is_no_noise():
    result, _ = decided(
        flow(MN_PC, "203.0.113.9", 80, state=State.ATTEMPT), flow(MN_PC, "203.0.113.9", 80, state=State.DATA)
    )
    assert (told(result), told(result, 1)) == (Decision.NOISE, Decision.FORBIDDEN)


def test_a_flow_joined_midway_is_turned_by_the_declared_service():
    result, _ = decided(flow(VDI, LG_PC, 50000, orig_port=3389, opener=Opener.FIRST_PACKET, orig_bytes=7))
    assert told(result) is Decision.ALLOWED
    assert result.table.opener[0] == Opener.DECLARED
    assert (result.table.resp_port[0], result.table.resp_bytes[0]) == (3389, 7)
    assert result.certain[0]


def test_a_reversed_flow_joined_midway_stays_reversed():
    result, _ = decided(flow(LG_PC, VDI, 50000, orig_port=3389, opener=Opener.FIRST_PACKET))
    assert told(result) is Decision.REVERSED
    assert result.certain[0]


def test_a_port_with_many_peers_answers():
    clients = [f"192.168.20.{host}" for host in (7, 8, 9)]
    result, _ = decided(
        *(flow(LG_SERVER, one, 20000, orig_port=30000, opener=Opener.FIRST_PACKET) for one in clients)
    )
    assert set(result.table.opener) == {Opener.DEGREE}
    assert set(result.table.resp_port) == {30000}
    assert result.certain.all()  # forbidden in both directions


def test_a_scan_from_one_port_is_not_taken_for_a_server():
    result, _ = decided(
        *(
            flow(
                IN_PC,
                f"172.16.10.{host}",
                40161,
                orig_port=20000,
                protocol=17,
                state=State.ATTEMPT,
                resp_packets=0,
                opener=Opener.FIRST_PACKET,
            )
            for host in range(10, 20)
        )
    )
    assert Opener.DEGREE not in set(result.table.opener)


def test_a_violation_in_only_one_direction_is_unsure():
    made = replace(CITY, flows=(allowed("ANY", end("lgwan"), end("internet"), tcp(1, 65535)),))
    result, _ = decided(flow(VDI, LG_PC, 7000, orig_port=6000, opener=Opener.FIRST_PACKET), made=made)
    assert told(result) is Decision.REVERSED
    assert result.table.opener[0] == Opener.FIRST_PACKET
    assert not result.certain[0]


def test_a_lower_port_answers_where_nothing_else_tells():
    result, _ = decided(flow(IN_PC, LG_PC, 50000, orig_port=443, opener=Opener.FIRST_PACKET))
    assert result.table.opener[0] == Opener.LOWER_PORT
    assert result.table.resp_port[0] == 443


def test_a_broadcast_lies_in_the_zone_of_its_vlan():
    result, zoning = decided(flow(LG_PC, "224.0.0.252", 5355, protocol=17, orig_vlan=320, resp_packets=0))
    assert zoning.names[result.orig_zone[0]] == "lgwan"
    assert zoning.names[result.resp_zone[0]] == "internet"


def test_who_never_answered_lies_where_it_was_last_spoken_to():
    result, zoning = decided(
        flow("10.10.10.5", "192.168.1.7", 80, orig_vlan=110, resp_packets=0),
        flow("10.10.10.5", "192.168.1.7", 80, orig_vlan=110, resp_packets=0, copies=1, copy_vlan=328),
    )
    assert [zoning.names[at] for at in result.resp_zone] == ["mynumber", "internet"]
