from __future__ import annotations

import gzip
import os
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import rdpcap

from tests.naive import compare, generate
from tests.naive.generate import BEGIN, MILLISECOND, Frame
from tests.naive.twin import Twin, columns
from zoneguard.capture import framing, kernels, picker, reading, source, tables
from zoneguard.capture.cutting import Wanted, cut, cut_frames
from zoneguard.capture.metering import Input, meter
from zoneguard.net.flow import FlowTable

CAPTURES = Path(__file__).parents[2] / "captures"
TRANSPORTS = {6, 17, 136}


NUMBERS = (
    "orig_port",
    "resp_port",
    "protocol",
    "domain",
    "tunnel",
    "file",
    "frame",
    "first_seen",
    "last_seen",
)


def wanted(table, *, most_octets=1 << 30):
    return [
        Wanted(
            orig=tuple(table.orig_address[i].tolist()),
            resp=tuple(table.resp_address[i].tolist()),
            most_octets=most_octets,
            **{name: int(getattr(table, name)[i]) for name in NUMBERS},
        )
        for i in range(len(table))
    ]


class Run:
    """Captures as files, metered."""

    def __init__(self, paths, *, jobs=1, domains=(), interfaces=None, sensors=None):
        blocks = []
        self.inputs = [Input(path=path, sensor=(sensors or {}).get(i, 0)) for i, path in enumerate(paths)]
        self.options = {"domains": domains, "interfaces": interfaces}
        self.metered = meter(self.inputs, blocks.append, jobs=jobs, digests=False, **self.options)
        self.table = FlowTable.concatenate(blocks)

    def cut(self, **options):
        return cut(self.inputs, self.metered.inputs, wanted(self.table, **options), **self.options)

    def frames(self, *numbers):
        return cut_frames(self.inputs, self.metered.inputs, numbers)


def files(folder, *captures, packed=False):
    paths = []
    for i, capture in enumerate(captures):
        path = folder / f"{i}.pcap"
        path.write_bytes(gzip.compress(capture) if packed else capture)
        paths.append(path)
    return paths


def by_twin(*captures):
    """Give each flow with its packets, as the twin counts them, and those of which none can tell the beginning."""
    twin = Twin()
    for capture in captures:
        twin.read(capture)
    twin.flows()
    found, early = [], set()
    for flow in (*twin.done, *twin.live.values()):
        members = tuple(
            (file, frame, time, way == flow.opener, flags, payload, data)
            for file, frame, time, way, flags, payload, data in flow.members
        )
        if flow.begins_early and members:
            early.add(members)
        whole = len(members) == sum(flow.packets) or members in early
        found.append({**columns(flow), "members": members, "whole": whole})
    return found, early


def by_cutter(run, early):
    flows = compare.described(run.table, SimpleNamespace(tunnels=lambda: run.metered.tunnels))
    for flow, one in zip(flows, run.cut(), strict=True):
        transport = flow["protocol"] in TRANSPORTS
        flow["members"] = tuple(
            (p.file, p.frame, p.time, p.by_orig, p.flags, p.payload if transport else b"", p.data)
            for p in one.packets
        )
        flow["whole"] = one.whole or flow["members"] in early
    return flows


def assert_as_the_twin(folder, *captures, packed=False, jobs=1):
    run = Run(files(folder, *captures, packed=packed), jobs=jobs)
    flows, early = by_twin(*captures)
    assert compare.told(compare.as_set(by_cutter(run, early)), compare.as_set(flows), "flow") == ""
    return run


@pytest.fixture
def small_chunks(monkeypatch):
    """Have the meter note a stretch for every few frames."""
    for module in (reading, tables, picker, framing):
        monkeypatch.setattr(module, "CHUNK", 400)


@pytest.fixture(params=[True, False], ids=["compiled", "interpreted"])
def mode(request, monkeypatch):
    compare.warm()
    monkeypatch.setattr(kernels, "INTERPRETED_BELOW", 0 if request.param else 1 << 62)


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain"])
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.usefixtures("mode", "small_chunks")
def test_every_flow_has_the_packets_that_the_meter_counted(tmp_path, seed, packed):
    run = assert_as_the_twin(tmp_path, generate.capture(Random(seed), 30), packed=packed)
    assert len(run.metered.inputs[0].reading.index) > 5


@settings(max_examples=60, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 20))
def test_random_captures_are_cut_as_the_twin_reads_them(tmp_path_factory, seed, count):
    assert_as_the_twin(tmp_path_factory.mktemp("cut"), generate.capture(Random(seed), count))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("mode", "small_chunks")
def test_a_flow_is_put_together_from_rotated_files(tmp_path, seed):
    frames = [frame for frame in generate.conversations(Random(seed), 40) if frame.link == 1]
    size = len(frames) // 4 + 1
    pieces = [generate.pcap(frames[i : i + size], nano=True) for i in range(0, len(frames), size)]
    run = assert_as_the_twin(tmp_path, *pieces)
    assert any(len({packet.file for packet in one.packets}) > 1 for one in run.cut())


@pytest.mark.parametrize("seed", range(6))
def test_metering_with_two_jobs_changes_no_cut(tmp_path, seed):
    talk = generate.Talk(Random(seed))
    for _ in range(40):
        talk.random.choice((talk.tcp, talk.udp, talk.echo, talk.tunnel))()
    # Copies and fragments are told apart within each job's files only (docs/decisions/0003).
    frames = [frame for frame in talk.frames if frame.link == 1]
    half = len(frames) // 2
    captures = [generate.pcap(part, nano=True) for part in (frames[:half], frames[half:])]
    paths = files(tmp_path, *captures)
    one, two = Run(paths), Run(paths, jobs=2)
    assert sorted(map(str, one.cut())) == sorted(map(str, two.cut()))


CONVERSATION = [
    generate.tcp(4000, 3389, generate.SYN, seq=7),
    generate.tcp(4000, 3389, generate.ACK, seq=8, payload=b"\x03\0\0\x13\x0e\xe0" + bytes(13)),
    generate.tcp(4000, 3389, generate.ACK, seq=27, payload=bytes(100)),
]


def conversation(wrap=generate.ethernet, begin=BEGIN):
    return [
        Frame(begin + i * MILLISECOND, wrap(generate.ipv4("10.0.0.1", "10.0.0.2", 6, segment, ident=i + 1)))
        for i, segment in enumerate(CONVERSATION)
    ]


def test_the_frame_and_its_payload_stand_as_they_were_captured(tmp_path):
    frames = conversation(lambda packet: generate.tagged(packet, 10))
    (one,) = Run(files(tmp_path, generate.pcap(frames, nano=True))).cut()
    assert [packet.data for packet in one.packets] == [frame.data for frame in frames]
    assert [packet.payload for packet in one.packets] == [segment[20:] for segment in CONVERSATION]
    assert [packet.length for packet in one.packets] == [0, 19, 100]
    assert [packet.seq for packet in one.packets] == [7, 8, 27]
    assert (one.whole, one.lost) == (True, None)


def test_of_a_flow_no_more_is_read_than_was_asked_for(tmp_path):
    run = Run(files(tmp_path, generate.pcap(conversation())))
    (one,) = run.cut(most_octets=118)
    assert [len(packet.payload) for packet in one.packets] == [0, 19]
    assert not one.whole
    assert run.cut(most_octets=119)[0].whole


def test_empty_packets_are_bounded_too(tmp_path):
    packet = generate.ethernet(generate.ipv4("10.0.0.1", "10.0.0.2", 17, generate.udp(1, 2)))
    frames = [Frame(BEGIN + i * 2 * MILLISECOND, packet) for i in range(1500)]
    (one,) = Run(files(tmp_path, generate.pcap(frames))).cut(most_octets=640)
    assert (len(one.packets), one.whole) == (1024 + 10, False)


def test_a_connection_on_reused_ports_is_not_taken_for_the_one_before(tmp_path):
    again = [generate.tcp(4000, 3389, generate.SYN, seq=900), generate.tcp(4000, 3389, generate.ACK, seq=901)]
    frames = conversation() + [
        Frame(BEGIN + 2 * MILLISECOND, generate.ethernet(generate.ipv4("10.0.0.1", "10.0.0.2", 6, segment)))
        for segment in again
    ]
    run = Run(files(tmp_path, generate.pcap(frames, nano=True)))
    assert sorted([packet.frame for packet in one.packets] for one in run.cut()) == [[1, 2, 3], [4, 5]]
    for flow, frames in ((0, [1, 2, 3]), (1, [4, 5])):  # also when only one of the two is asked for
        table = run.table.take([flow])
        (one,) = cut(run.inputs, run.metered.inputs, wanted(table))
        assert [packet.frame for packet in one.packets] == frames


def test_two_sensors_that_saw_the_same_packets_have_a_flow_each(tmp_path):
    packets = [frame.data for frame in conversation()]
    capture = generate.section() + generate.described(name="up") + generate.described(name="down")
    for i, packet in enumerate(packets):
        for interface in range(2):
            capture += generate.enhanced(packet, 1_700_000_000_000_000 + i, interface=interface)
    run = Run(files(tmp_path, capture), interfaces={"up": 3, "down": 4})
    assert sorted(run.table.sensor.tolist()) == [3, 4]
    cuts = dict(zip(run.table.sensor.tolist(), run.cut(), strict=True))
    assert [packet.frame for packet in cuts[3].packets] == [1, 3, 5]
    assert [packet.frame for packet in cuts[4].packets] == [2, 4, 6]


def test_overlapping_addresses_are_kept_apart_by_their_domains(tmp_path):
    frames = conversation(lambda packet: generate.tagged(packet, 10))
    frames += conversation(lambda packet: generate.tagged(packet, 20), BEGIN + 10 * MILLISECOND)
    domains = [0] * 20 + [1]
    run = Run(files(tmp_path, generate.pcap(frames)), domains=domains)
    cuts = dict(zip(run.table.domain.tolist(), run.cut(), strict=True))
    assert [packet.frame for packet in cuts[0].packets] == [1, 2, 3]
    assert [packet.frame for packet in cuts[1].packets] == [4, 5, 6]


def test_the_outer_and_the_inner_flow_of_a_tunnel_have_the_same_frames(tmp_path):
    def carried(packet):
        inner = generate.udp(9999, 4789, generate.vxlan(generate.ethernet(packet), 7))
        return generate.ethernet(generate.ipv4("192.0.2.1", "192.0.2.2", 17, inner))

    outer, inner = Run(files(tmp_path, generate.pcap(conversation(carried)))).cut()
    assert (
        [packet.frame for packet in outer.packets] == [packet.frame for packet in inner.packets] == [1, 2, 3]
    )
    assert inner.packets[1].payload == CONVERSATION[1][20:]
    assert outer.packets[1].payload.endswith(CONVERSATION[1])


def test_fragments_follow_their_first_one_and_tell_only_their_length(tmp_path):
    datagram = generate.udp(4000, 5000, bytes(range(56)))
    first = generate.ipv4("10.0.0.1", "10.0.0.2", 17, datagram[:24], ident=9, more=True)
    later = generate.ipv4("10.0.0.1", "10.0.0.2", 17, datagram[24:], ident=9, offset=3)
    frames = [Frame(BEGIN + i, generate.ethernet(packet)) for i, packet in enumerate((first, later))]
    (one,) = Run(files(tmp_path, generate.pcap(frames, nano=True))).cut()
    assert [packet.frame for packet in one.packets] == [1, 2]
    assert [packet.payload for packet in one.packets] == [bytes(range(16)), b""]
    (one,) = Run(files(tmp_path, generate.pcap([frames[1], frames[0]], nano=True))).cut()
    assert [packet.frame for packet in one.packets] == [2]
    assert not one.whole


def test_what_is_inside_an_echo_and_behind_an_ip_header_is_payload(tmp_path):
    echo = generate.ipv4("10.0.0.1", "10.0.0.2", 1, generate.icmp(8, payload=b"covert words"))
    sealed = generate.ipv4("10.0.0.1", "10.0.0.2", 50, b"\0\0\0\1\0\0\0\2sealed")
    frames = [Frame(BEGIN + i, generate.ethernet(packet)) for i, packet in enumerate((echo, sealed))]
    run = Run(files(tmp_path, generate.pcap(frames, nano=True)))
    payloads = {packet.payload: packet.length for one in run.cut() for packet in one.packets}
    assert payloads == {b"covert words": 12, b"\0\0\0\1\0\0\0\2sealed": 14}


def test_of_a_cut_packet_what_was_captured_and_how_long_it_was_are_told(tmp_path):
    (one,) = Run(files(tmp_path, generate.pcap(conversation(), snaplen=60))).cut()
    last = one.packets[-1]
    assert (len(last.payload), last.length, len(last.data), last.wire) == (6, 100, 60, 154)
    assert one.whole


def test_a_capture_that_is_still_written_is_read_up_to_its_last_whole_packet(tmp_path):
    capture = generate.pcap(conversation())
    (one,) = Run(files(tmp_path, capture[:-5])).cut()
    assert [packet.frame for packet in one.packets] == [1, 2]
    assert one.whole


def test_a_damaged_record_ends_the_second_reading_where_it_ended_the_first(tmp_path):
    capture = generate.pcap(conversation()) + b"\xff" * 64
    run = Run(files(tmp_path, capture))
    assert run.metered.inputs[0].reading.faults
    assert [packet.frame for packet in run.cut()[0].packets] == [1, 2, 3]


def test_a_capture_that_has_changed_since_is_not_read(tmp_path):
    (path,) = files(tmp_path, generate.pcap(conversation()))
    run = Run([path])
    os.utime(path, ns=(0, 0))
    (one,) = run.cut()
    assert (one.packets, one.whole, one.lost) == ((), False, "changed")
    assert run.frames((0, 1)) == [None]


def test_a_capture_that_is_gone_is_unreadable(tmp_path):
    (path,) = files(tmp_path, generate.pcap(conversation()))
    run = Run([path])
    path.unlink()
    assert run.cut()[0].lost == "unreadable"


def test_a_flow_whose_later_file_is_gone_is_not_whole(tmp_path):
    frames = conversation()
    paths = files(tmp_path, generate.pcap(frames[:2]), generate.pcap(frames[2:]))
    run = Run(paths)
    paths[1].unlink()
    (one,) = run.cut()
    assert ([packet.frame for packet in one.packets], one.whole, one.lost) == ([1, 2], False, None)


def test_standard_input_cannot_be_read_again(tmp_path, monkeypatch):
    (path,) = files(tmp_path, generate.pcap(conversation()))
    with path.open("rb") as stream:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
        run = Run([None])
    assert len(run.table) == 1
    assert run.cut()[0].lost == "standard input"


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain"])
@pytest.mark.usefixtures("mode", "small_chunks")
def test_frames_are_given_by_their_numbers(tmp_path, packed):
    frames = [frame for frame in generate.conversations(Random(3), 60) if frame.link == 1]
    half = len(frames) // 2
    captures = [generate.pcap(part, nano=True) for part in (frames[:half], frames[half:])]
    run = Run(files(tmp_path, *captures, packed=packed))
    asked = [(1, 5), (0, half), (0, 1), (0, half // 2), (1, len(frames) - half), (0, half + 1), (0, 1)]
    found = run.frames(*asked)
    assert found[5] is None
    for (file, number), one in zip(asked, found, strict=True):
        if one is not None:
            frame = frames[file * half + number - 1]
            assert (one.data, one.time, one.link) == (frame.data, frame.time, 1)


def test_only_the_stretches_that_hold_the_flow_are_read(tmp_path, monkeypatch):
    packet = generate.ethernet(generate.ipv4("10.0.0.3", "10.0.0.4", 17, generate.udp(1, 2, bytes(1000))))
    noise = [Frame(BEGIN + i * 10 * MILLISECOND, packet) for i in range(6000)]
    frames = sorted([*noise, *conversation(begin=BEGIN + 30_000 * MILLISECOND)])
    run = Run(files(tmp_path, generate.pcap(frames)))
    octets = []
    read_into = source.Source.read_into

    def counted(self, view):
        octets.append(read_into(self, view))
        return octets[-1]

    monkeypatch.setattr(source.Source, "read_into", counted)
    flow = int(run.table.protocol.tolist().index(6))
    (one,) = cut(run.inputs, run.metered.inputs, wanted(run.table.take([flow])))
    assert len(one.packets) == 3
    assert sum(octets) < 2.2 * reading.CHUNK < run.metered.inputs[0].size / 5


@pytest.mark.parametrize(
    "name", ["story-01-screen-alpha.pcap", "story-07-mail-html.pcap", "normal-day-alpha.pcapng"]
)
def test_scapy_finds_the_same_payload_in_the_sample_captures(name):
    seen = {}
    for number, packet in enumerate(rdpcap(str(CAPTURES / name)), 1):
        transport = packet.getlayer(TCP) or packet.getlayer(UDP)
        ip = packet.getlayer(IP) or packet.getlayer(IPv6)
        if transport is None or ip is None:
            continue
        size = ip.len - 4 * ip.ihl if ip.version == 4 else ip.plen
        head = transport.dataofs * 4 if isinstance(transport, TCP) else 8
        seen[number] = bytes(transport)[head:size]
    run = Run([CAPTURES / name])
    transports = {i for i, protocol in enumerate(run.table.protocol.tolist()) if protocol in TRANSPORTS}
    cuts = run.cut()
    assert {packet.frame: packet.payload for i in transports for packet in cuts[i].packets} == seen
