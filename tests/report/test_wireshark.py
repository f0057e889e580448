from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.sample import REVERSED
from zoneguard.findings.finding import LineLocator, PacketLocator, Party
from zoneguard.report.displayfilter import flow_filter, frame_filters

CAPTURES = Path(__file__).resolve().parents[2] / "captures"


def frames_shown(capture, display_filter):
    ran = subprocess.run(
        [
            "tshark",
            "-n",
            "-r",
            CAPTURES / capture,
            "-Y",
            display_filter,
            "-T",
            "fields",
            "-e",
            "frame.number",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in ran.stdout.split()]


def test_each_file_gets_one_filter_for_all_its_frames():
    locators = (
        PacketLocator(file="a.pcap", frame=9, time=0),
        PacketLocator(file="b.pcap", frame=4, time=0),
        LineLocator(file="fw.conf", line=3, text="permit"),
        PacketLocator(file="a.pcap", frame=2, time=0),
    )
    assert frame_filters(locators) == [
        ("a.pcap", "frame.number in {2, 9}"),
        ("b.pcap", "frame.number == 4"),
    ]


def test_a_conversation_is_filtered_by_both_addresses_and_the_responders_port():
    assert flow_filter(REVERSED) == "ip.addr == 192.168.10.5 && ip.addr == 172.16.20.5 && tcp.port == 3389"


def test_ipv6_and_protocols_without_ports_have_filters_of_their_own():
    finding = replace(
        REVERSED,
        protocol=58,
        orig=Party(zone="lgwan", address="fe80::1%eth0"),
        resp=Party(zone="public", address="2001:db8::5"),
    )
    assert flow_filter(finding) == "ipv6.addr == fe80::1 && ipv6.addr == 2001:db8::5 && icmpv6"


def test_claims_of_a_device_are_found_by_its_mac():
    both = Party(zone="lgwan", address="172.16.20.77", mac="02:16:20:00:00:77")
    finding = replace(REVERSED, protocol=None, orig=both, resp=replace(both, address="192.168.20.77"))
    assert flow_filter(finding) == "eth.addr == 02:16:20:00:00:77"


@pytest.mark.parametrize("word", ["1.2.3.4 || frame", "02:00:00:00:00:0g", "$(id)", "", "１.2.3.4"])
def test_nothing_but_addresses_gets_into_a_filter(word):
    party = Party(zone="lgwan", address=word or None, mac=word)
    assert flow_filter(replace(REVERSED, orig=party, resp=None)) is None
    assert flow_filter(replace(REVERSED, protocol=None, orig=party, resp=None)) is None


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_itself_finds_the_packets_by_these_filters():
    capture = "story-02-screen-reversed.pcap"
    found = replace(
        REVERSED,
        orig=Party(zone="internet", address="192.168.10.21"),
        resp=Party(zone="lgwan", address="172.16.20.31", port=3389),
        locators=(PacketLocator(file=capture, frame=1, time=0), PacketLocator(file=capture, frame=7, time=0)),
    )
    assert frames_shown(capture, frame_filters(found.locators)[0][1]) == [1, 7]
    assert len(frames_shown(capture, flow_filter(found) or "")) == 46
    inner = replace(
        found,
        orig=Party(zone="mynumber", address="10.10.20.44"),
        resp=Party(zone="internet", address="192.168.20.44", port=445),
    )
    assert len(frames_shown("story-08-vxlan-smb.pcap", flow_filter(inner) or "")) == 10
    claimed = replace(found, protocol=None, orig=Party(zone="lgwan", mac="02:16:20:00:00:77"), resp=None)
    assert {1, 3} <= set(frames_shown("story-10-dual-homed.pcap", flow_filter(claimed) or ""))
