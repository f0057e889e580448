from __future__ import annotations

import asyncio
import collections
import contextlib
import ipaddress
import warnings
from pathlib import Path

import pyshark
import pytest
from pyshark.capture.capture import TSharkCrashException

from zoneguard.capture.flows import to_flows
from zoneguard.capture.source import open_source
from zoneguard.capture.tables import Meter
from zoneguard.net.address import address_text
from zoneguard.net.flow import FlowTable

CAPTURES = Path(__file__).parents[2] / "captures"
TRIES = 5


def by_tshark(path):
    """Count TCP and UDP packets from end to end, as tshark dissects them; the innermost layer counts."""
    for attempt in range(1, TRIES + 1):
        try:
            return dissected(path)
        except TSharkCrashException as error:
            # On a busy machine pyshark polls tshark just as it ends, asyncio then finds no child left to wait for
            # and reports 255, which is none of tshark's own codes.
            if "retcode: 255" not in str(error) or attempt == TRIES:
                raise
    raise AssertionError


def dissected(path):
    seen = collections.Counter()
    loop = asyncio.new_event_loop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pyshark's use of asyncio
        asyncio.set_event_loop(loop)
        capture = pyshark.FileCapture(str(path), keep_packets=False, eventloop=loop)
        try:
            count(capture, seen)
        finally:
            # Closed here, or its destructor raises into whatever test runs next.
            with contextlib.suppress(TSharkCrashException):
                capture.close()
            capture._running_processes.clear()  # a close that ends in that error leaves them for the destructor
            loop.close()
    return seen


def count(capture, seen):
    for packet in capture:
        transport = packet.transport_layer
        if transport not in {"TCP", "UDP"}:
            continue
        ip = packet.ipv6 if "IPV6" in packet else packet.ip
        layer = packet[transport.lower()]
        ends = frozenset(
            ((str(ipaddress.ip_address(ip.src)), int(layer.srcport)),
             (str(ipaddress.ip_address(ip.dst)), int(layer.dstport)))
        )  # fmt: skip
        seen[transport, ends] += 1


def by_zoneguard(path):
    blocks = []
    meter = Meter(compiled=False, emit=lambda rows: blocks.append(to_flows(rows)))
    source = open_source(path)
    meter.read(source)
    source.raw.close()
    meter.finish()
    table = FlowTable.concatenate(blocks)
    seen = collections.Counter()
    for i in range(len(table)):
        transport = {6: "TCP", 17: "UDP"}.get(int(table.protocol[i]))
        if transport is None:
            continue
        ends = frozenset(
            ((address_text(tuple(map(int, table.orig_address[i]))), int(table.orig_port[i])),
             (address_text(tuple(map(int, table.resp_address[i]))), int(table.resp_port[i])))
        )  # fmt: skip
        copies = int(table.copies[i])
        seen[transport, ends] += int(table.orig_packets[i]) + int(table.resp_packets[i]) + copies
    return seen


@pytest.mark.parametrize(
    "name",
    ["story-01-screen-alpha.pcap", "story-06-attempts.pcap", "a08-out-of-scope.pcap", "g01-dns-leak.pcap"],
)
def test_tshark_counts_the_same_packets_between_the_same_ends(name):
    assert by_zoneguard(CAPTURES / name) == by_tshark(CAPTURES / name)
