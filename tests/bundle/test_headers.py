"""Packet headers under pseudonyms, on every sample capture and on any octets at all."""

from __future__ import annotations

import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneguard.bundle.evidence import Captures, frames_of
from zoneguard.bundle.headers import conceal_frame
from zoneguard.bundle.pseudonyms import Pseudonyms
from zoneguard.capture.cutting import CutFrame
from zoneguard.capture.metering import Input, meter
from zoneguard.capture.writing import header_only, write_capture

CAPTURES = sorted((Path(__file__).parents[2] / "captures").glob("*.pcap"))
NAMES = Pseudonyms(bytes(range(7, 39)), roles={})
FIELDS = ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "arp.src.proto_ipv4", "arp.dst.proto_ipv4",
          "eth.src", "eth.dst", "arp.src.hw_mac", "arp.dst.hw_mac")  # fmt: skip

KEPT = ("tcp.srcport", "tcp.dstport", "tcp.flags", "udp.srcport", "udp.dstport", "vlan.id", "tcp.seq_raw")


def frames(path):
    inputs = [Input(path=path)]
    read = meter(inputs, lambda table: None, digests=False).inputs
    held = Captures(inputs=inputs, read=read)
    return [header_only(one) for one in frames_of(held, [(0, n + 1) for n in range(read[0].reading.packets)])]


def fields(path):
    ran = subprocess.run(
        ["tshark", "-n", "-r", path, "-T", "fields", *(word for name in (*FIELDS, *KEPT) for word in ("-e", name))],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return [line.split("\t") for line in ran.stdout.split("\n")[:-1]]


def octets(text):
    if text.count(":") == 5 and len(text) == 17:
        return bytes.fromhex(text.replace(":", ""))
    return ip_address(text).packed


def pseudonym(text):
    if text.count(":") == 5 and len(text) == 17:
        return NAMES.mac(int(text.replace(":", ""), 16)).to_bytes(6, "big")
    return NAMES.address(ip_address(text)).packed


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_no_frame_keeps_an_original_address_and_outer_headers_stay_readable(path, tmp_path):
    before = frames(path)
    after = [conceal_frame(frame, NAMES) for frame in before]
    write_capture(tmp_path / "after.pcapng", after)
    originals, concealed = fields(path), fields(tmp_path / "after.pcapng")
    for frame, was, now in zip(after, originals, concealed, strict=True):
        for before_, after_ in zip(was[: len(FIELDS)], now[: len(FIELDS)], strict=True):
            told = [one for one in before_.split(",") if one]
            if told:
                assert octets(after_.split(",")[0]) == pseudonym(told[0])
            for one in told:
                if pseudonym(one) != octets(one):
                    assert octets(one) not in frame.data
        for before_, after_ in zip(was[len(FIELDS) :], now[len(FIELDS) :], strict=True):
            assert after_.split(",")[0] == before_.split(",")[0]


@given(st.binary(max_size=160), st.sampled_from([0, 1, 12, 101, 113, 147, 228, 229, 276]))
def test_any_octets_give_a_frame_that_is_no_longer(data, link):
    frame = CutFrame(file=0, frame=1, time=0, link=link, data=data, wire=len(data))
    made = conceal_frame(frame, NAMES)
    assert len(made.data) <= len(data)
    assert made.wire == frame.wire


@given(st.binary(min_size=20, max_size=60))
def test_what_stands_behind_an_ip_header_of_an_unknown_protocol_is_cut(data):
    body = bytes([0x45]) + data[1:9] + bytes([253]) + data[10:]
    frame = CutFrame(file=0, frame=1, time=0, link=101, data=body, wire=len(body))
    assert len(conceal_frame(frame, NAMES).data) == 20
