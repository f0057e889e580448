"""What is told of sanitising gateways: legs seen, data paired, and what went past them."""

from dataclasses import replace

import numpy as np

from tests.rules.building import IN, IN_LEG, LG, LG_LEG, LG_SERVER, VDI
from tests.rules.test_choosing import DECIDER, POLICY, ZONING, table
from zoneguard.net.flow import State
from zoneguard.policy.model import Sanitizes
from zoneguard.rules.passing import WINDOW, Passages

SECOND = 1_000_000_000


def told(*flows, sanitizes=Sanitizes.MAIL):
    """Tell of flows given as (orig, resp, first, last, octets of orig, octets of resp), in seconds."""
    made = table(*((orig, resp, 25, 50_000 + at, State.DATA) for at, (orig, resp, *_) in enumerate(flows)))
    made.first_seen[:] = [SECOND * flow[2] for flow in flows]
    made.last_seen[:] = [SECOND * flow[3] for flow in flows]
    made.orig_bytes[:] = [flow[4] for flow in flows]
    made.resp_bytes[:] = [flow[5] for flow in flows]
    (gateway,) = POLICY.gateways
    passages = Passages(replace(POLICY, gateways=(replace(gateway, sanitizes=sanitizes),)), ZONING)
    for rows in np.array_split(np.arange(len(flows)), 2):
        passages.add(DECIDER.decide(made.take(rows)))
    (passage,) = passages.told()
    return passage


def test_mail_in_at_one_leg_and_out_at_the_other_is_a_pair():
    passage = told((IN, IN_LEG, 0, 3, 900_000, 900), (LG_LEG, LG_SERVER, 20, 22, 40_000, 800))
    assert (passage.carried, passage.paired, passage.past) == (1, 1, 0)
    assert passage.is_seen_whole
    assert [(leg.zone, leg.flows, leg.bytes_in, leg.bytes_out) for leg in passage.legs] == [
        ("lgwan", 1, 800, 40_000),
        ("internet", 1, 900_000, 900),
    ]


def test_a_mail_smaller_than_the_replies_to_it_is_carried_all_the_same():
    passage = told((IN, IN_LEG, 0, 3, 500, 900), (LG_LEG, LG_SERVER, 20, 22, 400, 800))
    assert (passage.carried, passage.paired) == (1, 1)


def test_files_are_fetched_as_well_as_sent():
    up, down = (IN, IN_LEG, 0, 3, 5_000_000, 900), (LG, LG_LEG, 60, 64, 700, 4_900_000)
    assert told(up, down).carried == 0  # by a gateway for mail
    passage = told(up, down, sanitizes=Sanitizes.FILE)
    assert (passage.carried, passage.paired) == (1, 1)


def test_what_comes_out_late_or_much_larger_came_from_elsewhere():
    late = WINDOW // SECOND + 4
    assert told((IN, IN_LEG, 0, 3, 900_000, 900), (LG_LEG, LG_SERVER, late, late, 4_000, 80)).paired == 0
    assert told((IN, IN_LEG, 0, 3, 900, 90), (LG_LEG, LG_SERVER, 9, 9, 400_000, 80)).paired == 0
    assert told((LG_LEG, LG_SERVER, 1, 2, 4_000, 80), (IN, IN_LEG, 3, 4, 9_000, 90)).paired == 0


def test_each_flow_in_serves_one_flow_out():
    came = (IN, IN_LEG, 0, 3, 900_000, 900)
    passage = told(came, (LG_LEG, LG_SERVER, 4, 5, 4_000, 80), (LG_LEG, LG_SERVER, 6, 7, 4_000, 80))
    assert (passage.carried, passage.paired) == (2, 1)


def test_a_leg_that_was_not_seen_is_told():
    passage = told((LG_LEG, LG_SERVER, 4, 5, 4_000, 80))
    assert not passage.is_seen_whole
    assert passage.legs[1].first_seen is None


def test_what_goes_between_the_zones_of_the_legs_directly_goes_past_the_gateway():
    assert told((IN, LG, 0, 3, 900, 900), (LG, VDI, 4, 5, 4_000, 80)).past == 2
