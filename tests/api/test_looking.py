from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from zoneguard.api.looking import Looking, Sources
from zoneguard.capture.metering import Input, meter
from zoneguard.dissect.record import Sight, Spoken
from zoneguard.net.flow import FlowTable
from zoneguard.policy.load import load_policy
from zoneguard.policy.zoning import Zoning
from zoneguard.rules.choosing import Chooser, carrying
from zoneguard.rules.conversing import Judge

CAPTURE = "captures/real/b02-ssh.pcap"


class Watched:
    """A capture in a folder, metered, of which flows are opened."""

    def __init__(self, path):
        self.path, self.policy = path, load_policy(Path("zones.yaml"))
        self.looking = Looking(os.environ["PATH"])
        blocks = []
        inputs = [Input(path=path)]
        metered = meter(inputs, blocks.append, digests=False)
        self.table = FlowTable.concatenate(blocks)
        self.sources = Sources(inputs=inputs, read=metered.inputs, numbers=[0])
        self.coverage = metered.coverage

    def open(self, *, times=1, at_last=False):
        """Give the evidence of the flows, each with so many times its packets."""
        zoning = Zoning(self.policy)
        judge = Judge(self.policy, zoning, files=[str(self.path)], sensors=[""])
        chooser = Chooser(self.policy, zoning, most=200)
        packets = {name: getattr(self.table, name) * times for name in ("orig_packets", "resp_packets")}
        chooser.add(carrying(judge.add(replace(self.table, **packets))))
        evidence = judge.evidence([], self.coverage, today="2026-11-27")
        return self.looking.into(evidence, chooser.chosen(), judge, self.sources, at_last=at_last)


@pytest.fixture
def watched(tmp_path):
    path = tmp_path / "ssh.pcap"
    shutil.copyfile(CAPTURE, path)
    return Watched(path)


def test_a_flow_is_opened_once_until_it_has_grown(watched):
    first = watched.open()
    assert {one.look.spoken for one in first.looks} == {Spoken.SSH}
    watched.path.unlink()
    again = watched.open(at_last=True)
    assert (again.looks, again.look_faults) == (first.looks, ())


def test_what_a_flow_showed_is_kept_when_its_packets_are_gone(watched):
    first = watched.open()
    watched.path.unlink()
    grown = watched.open(times=2)
    assert {one.look.spoken for one in grown.looks} == {Spoken.SSH}
    assert {one.look.sight for one in grown.looks} == {Sight.OPENING}
    assert f"The packets of {len(first.looks):,} flows could not be read again" in grown.look_faults[0].en


def test_a_flow_of_a_capture_that_is_no_longer_known_is_lost(watched):
    watched.sources = replace(watched.sources, inputs=[], read=[], numbers=[])
    told = watched.open()
    assert {one.look.sight for one in told.looks} == {Sight.NOTHING}
    assert len(told.look_faults) == 1
