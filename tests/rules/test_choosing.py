"""Which flows are chosen to be opened, and that the choice depends on the traffic alone."""

import random
from dataclasses import replace
from ipaddress import ip_address

import numpy as np
import pytest

from tests.rules.building import IN, IN_LEG, LG, LG_LEG, LG_SERVER, VDI, WEB, allowed, city, end
from zoneguard.net.address import number_of, pair_of
from zoneguard.net.flow import FlowTable, State
from zoneguard.policy.decide import Decider
from zoneguard.policy.model import PUBLIC, FlowKind
from zoneguard.policy.zoning import Zoning
from zoneguard.rules.choosing import Ask, Chooser

LIST = replace(end(PUBLIC, "203.0.113.0/24"), names=("*.teams.example",))
POLICY = city(
    allowed("A-SCR", end("lgwan"), end("internet"), 3389, kind=FlowKind.SCREEN),
    allowed("A-MAIL", end("border", LG_LEG + "/32"), end("lgwan"), 25, kind=FlowKind.MAIL),
    allowed("A-OUT", end("lgwan"), end("border", IN_LEG + "/32"), 25, kind=FlowKind.MAIL),
    allowed("P-LBO", end("lgwan"), LIST, 443, kind=FlowKind.BREAKOUT),
    allowed("A-WSUS", end("lgwan"), end("border"), 8530),
)
ZONING = Zoning(POLICY)
DECIDER = Decider(POLICY, ZONING)


def table(*flows):
    """Make a flow table of (orig, resp, port, orig_port, state) with TCP, or of more with a protocol."""
    rows = len(flows)
    made = FlowTable.empty()
    columns = {
        name: np.zeros((rows, *getattr(made, name).shape[1:]), getattr(made, name).dtype)
        for name in FlowTable.__dataclass_fields__
    }
    for at, (orig, resp, port, orig_port, state, *protocol) in enumerate(flows):
        columns["orig_address"][at], columns["resp_address"][at] = address(orig), address(resp)
        columns["resp_port"][at], columns["orig_port"][at] = port, orig_port
        columns["state"][at], columns["protocol"][at] = state, protocol[0] if protocol else 6
        columns["orig_packets"][at] = columns["resp_packets"][at] = 3
        columns["first_seen"][at], columns["frame"][at] = at, at + 1
    return FlowTable(**columns)


def address(text):
    return pair_of(number_of(ip_address(text)))


def chosen(*tables, most=200):
    chooser = Chooser(POLICY, ZONING, most=most)
    for one in tables:
        chooser.add(DECIDER.decide(one))
    return chooser.chosen()


@pytest.mark.parametrize(
    ("flow", "ask"),
    [
        ((LG, VDI, 3389, 50_000, State.DATA), Ask.SCREEN),
        ((LG_LEG, LG_SERVER, 25, 50_000, State.DATA), Ask.MAIL),
        ((LG, IN_LEG, 25, 50_000, State.DATA), Ask.TOOL),
        ((LG, WEB, 443, 50_000, State.DATA), Ask.BREAKOUT),
        ((LG, LG_LEG, 8530, 50_000, State.DATA), Ask.TOOL),
        ((IN, "192.168.20.53", 53, 50_000, State.DATA, 17), Ask.NAMES),
        ((IN, WEB, 443, 50_000, State.DATA), Ask.TOOL),
    ],
)
def test_what_is_asked_of_a_flow(flow, ask):
    got = chosen(table(flow))
    assert got is not None
    assert got.asked.tolist() == [ask]
    assert not got.left


@pytest.mark.parametrize(
    "flow",
    [
        (LG, VDI, 3389, 50_000, State.ATTEMPT),
        (LG, VDI, 3389, 50_000, State.ESTABLISHED),
        (LG, LG_SERVER, 445, 50_000, State.DATA),
    ],
)
def test_flows_without_data_and_those_within_a_zone_stay_closed(flow):
    assert chosen(table(flow)) is None


def test_of_many_flows_different_pairs_come_first_and_the_rest_is_counted():
    flows = [(LG, WEB, 443, 40_000 + n, State.DATA) for n in range(50)]
    flows += [(LG, f"203.0.113.{n}", 443, 40_000, State.DATA) for n in range(20, 29)]
    got = chosen(table(*flows), most=12)
    assert got is not None
    peers = {tuple(pair) for pair in got.flows.table.resp_address.tolist()}
    assert len(got.asked) == 12
    assert len(peers) == 10
    assert got.left == {Ask.BREAKOUT: len(flows) - 12}


@pytest.mark.parametrize("seed", range(5))
def test_the_choice_does_not_depend_on_how_the_flows_came_in_blocks(seed):
    rng = random.Random(seed)
    flows = [
        (f"172.16.20.{rng.randrange(1, 250)}", f"203.0.113.{rng.randrange(1, 250)}", 443, port, State.DATA)
        for port in range(30_000, 33_000)
    ]
    whole = table(*flows)
    orders = []
    for _ in range(2):
        rows = np.array(rng.sample(range(len(flows)), len(flows)))
        cuts = sorted(rng.sample(range(1, len(flows)), 6))
        got = chosen(*(whole.take(part) for part in np.split(rows, cuts)), most=10)
        assert got is not None
        orders.append(got.flows.table.frame.tolist())
    assert orders[0] == orders[1]


def test_nothing_is_opened_when_nothing_is_asked_for():
    assert chosen(table((LG, VDI, 3389, 50_000, State.DATA)), most=0) is None
