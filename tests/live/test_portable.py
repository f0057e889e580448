from __future__ import annotations

import shutil
import socket
import sys
from contextlib import closing

import pytest

from tests.live.wire import wire
from tests.naive import generate as g
from tests.oracle.world import may_build
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.flows import to_flows
from zoneguard.capture.link import Link
from zoneguard.capture.live import Ring
from zoneguard.capture.portable import Portable, listen
from zoneguard.capture.tables import Meter
from zoneguard.errors import ExitCode, MachineLacksError

needs_a_wire = pytest.mark.skipif(
    shutil.which("ip") is None or not may_build(), reason="needs root, network namespaces and iproute2"
)


@pytest.fixture(scope="module")
def line():
    with wire() as made:
        yield made


@needs_a_wire
@pytest.mark.parametrize("compiled", [True, False])
def test_scapy_hears_what_the_ring_hears(line, compiled):
    with line.here():
        ring, other = Ring("far"), Portable("far")
    packet = g.ipv4("10.0.0.1", "10.0.0.2", 17, g.udp(5, 514, b"text"))
    frames = [
        g.tagged(packet, 12, 34),
        g.tagged(packet, 7),
        g.ethernet(g.arp(1, 9, "10.0.0.1", "10.0.0.2"), 0x0806),
    ]
    frames += [g.ethernet(g.ipv4("10.0.0.3", "10.0.0.4", 17, g.udp(i, 53), ident=i)) for i in range(60)]
    said = []
    with closing(ring), closing(other):
        line.send(frames)
        for source in (ring, other):
            rows = []
            meter = Meter(
                compiled=compiled,
                emit=lambda block, rows=rows: rows.append(block.copy()),
                timeouts=Timeouts(),
            )
            packets = 0
            while source.wait(0.3):
                packets += source.drain(meter, 3, file=2)
            meter.finish()
            (block,) = rows
            flows = to_flows(block)
            order = sorted(range(len(flows)), key=lambda i, flows=flows: flows.frame[i])
            kept = [
                (int(flows.orig_port[i]), int(flows.orig_vlan[i]), int(flows.orig_bytes[i]), int(flows.copies[i]),
                 int(flows.frame[i]), int(flows.file[i]), int(flows.sensor[i])) for i in order
            ]  # fmt: skip
            coverage = meter.coverage()
            assert packets == source.statistics().received == len(frames)
            assert abs(int(flows.first_seen.min()) - int(flows.first_seen.max())) < 10**9
            said.append((kept, coverage, [claim.mac for claim in meter.all_claims()]))
    assert said[0] == said[1]


@needs_a_wire
def test_scapy_says_what_it_cannot_do_and_notices_a_deleted_interface(line):
    line.add("near5", "far5")
    with line.here():
        other = Portable("far5")
        with closing(other):
            assert other.link() is Link.UP
            (remark,) = other.remarks()
            assert "how many were lost is not known" in remark.en
            assert "取りこぼした数は分かりません" in remark.ja
            line.run("ip", "link", "delete", "near5")
            assert other.link() is Link.GONE
            with pytest.raises(MachineLacksError, match="cannot be opened"):
                other.reopen()
        assert other.fileno() == -1
        assert not other.wait(0)


def test_without_scapy_the_way_out_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "scapy.config", None)
    with pytest.raises(MachineLacksError, match="pip install scapy") as refused:
        Portable("lo")
    assert refused.value.exit_code is ExitCode.LACKING


def test_without_af_packet_scapy_is_taken(monkeypatch):
    monkeypatch.delattr(socket, "AF_PACKET")
    monkeypatch.setitem(sys.modules, "scapy.config", None)
    with pytest.raises(MachineLacksError, match="pip install scapy"):
        listen("lo")
    with pytest.raises(MachineLacksError, match="exists on Linux only"):
        Ring("lo")
