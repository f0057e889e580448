"""What api/watching.py gives a sensor from window to window."""

from __future__ import annotations

from tests.policies import LG_PC, VDI, city, flow, table
from zoneguard.api.watching import Watch


def test_only_daily_sums_that_have_changed_are_given_again():
    watch = Watch(city(), files=["a.pcap"])
    watch.add(table(flow(LG_PC, VDI, 3389), flow(LG_PC, VDI, 443)))
    assert [(one.service, one.flows) for one in watch.flow_days()] == [("tcp/3389", 1), ("tcp/443", 1)]
    assert watch.flow_days() == ()
    watch.add(table(flow(LG_PC, VDI, 443)))
    assert [(one.service, one.flows) for one in watch.flow_days()] == [("tcp/443", 2)]
