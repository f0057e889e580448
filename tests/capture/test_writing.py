from __future__ import annotations

import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from scapy.utils import RawPcapNgReader, RawPcapReader

from tests.naive import generate as g
from zoneguard.capture.cutting import CutFrame
from zoneguard.capture.writing import header_only, write_capture

A, B = "10.0.0.1", "10.0.0.2"
SECRET = b"account number 0123456789"


def frame(data, *, link=1, time=g.BEGIN + 123_456_789, wire=0):
    return CutFrame(file=0, frame=1, time=time, link=link, data=data, wire=wire or len(data))


def headers_of(data, link=1):
    return header_only(frame(data, link=link)).data


def test_frames_of_several_link_types_are_written_with_nanoseconds(tmp_path):
    packet = g.ipv4(A, B, 17, g.udp(1, 2, b"x"))
    frames = [
        frame(g.ethernet(packet)),
        frame(g.sll(packet), link=113, time=g.BEGIN + 1),
        frame(packet[:25], link=101, wire=29),
        frame(g.ethernet(packet), time=(1 << 62)),
    ]
    path = tmp_path / "out.pcapng"
    assert write_capture(path, frames) == 4
    found = [(data, meta.linktype, meta.wirelen, meta.tshigh << 32 | meta.tslow, meta.tsresol)
             for data, meta in _raw(path)]  # fmt: skip
    assert found == [(f.data, f.link, f.wire, f.time, 1_000_000_000) for f in frames]


def _raw(path):
    with RawPcapNgReader(str(path)) as reader:
        yield from reader


def test_tshark_reads_the_times_and_lengths_that_were_written(tmp_path):
    path = tmp_path / "out.pcapng"
    packet = g.ipv4(A, B, 17, g.udp(1, 2, SECRET))
    whole = frame(g.ethernet(packet))
    write_capture(path, [whole, frame(g.sll(packet), link=113), header_only(whole)])
    told = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len",
         "-e", "frame.cap_len", "-e", "udp.srcport"],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    size = len(whole.data)
    time = "1700000000.123456789"
    assert [line.split() for line in told.stdout.splitlines()] == [
        [time, str(size), str(size), "1"],
        [time, str(size + 2), str(size + 2), "1"],
        [time, str(size), str(size - len(SECRET)), "1"],
    ]


def test_what_is_written_is_readable_by_its_owner_only_and_overwrites_nothing(tmp_path):
    path = tmp_path / "out.pcapng"
    write_capture(path, [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_capture(path, [])


OPTIONS = bytes([2, 4, 5, 180, 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        (g.tcp(1, 2, g.ACK), SECRET),
        (g.tcp(1, 2, g.ACK, options=OPTIONS), SECRET),
        (g.udp(1, 2), SECRET),
        (g.sctp(1, 2, 3), SECRET),
        (g.icmp(8), SECRET),
    ],
    ids=["tcp", "tcp-options", "udp", "sctp", "echo"],
)
@pytest.mark.parametrize("six", [True, False], ids=["ipv6", "ipv4"])
def test_headers_stay_as_they_were_and_payload_goes(headers, payload, six):
    number = {20: 6, 28: 6, 12: 132}.get(len(headers), 17 if headers[0] == 0 else 1)
    src, dst = ("2001:db8::1", "2001:db8::2") if six else (A, B)
    packet = g.ip(src, dst, number, headers + payload)
    data = g.tagged(packet, 10, kind=g.kind_of(packet))
    assert headers_of(data) == data[: -len(payload)]


def test_of_a_tunnel_the_headers_of_the_innermost_packet_are_the_last_that_stay():
    inner = g.ethernet(g.ipv4(A, B, 6, g.tcp(1, 2, g.ACK, payload=SECRET)))
    data = g.ethernet(g.ipv4("192.0.2.1", "192.0.2.2", 17, g.udp(9, 4789, g.vxlan(inner, 7))))
    assert headers_of(data) == data[: -len(SECRET)]


def test_of_an_icmp_error_the_quoted_headers_stay_and_not_what_they_carried():
    quoted = g.ipv4(A, B, 17, g.udp(1, 2, SECRET))
    data = g.ethernet(g.ipv4(B, A, 1, g.icmp(3, 1, payload=quoted)))
    assert headers_of(data) == data[: -len(SECRET)]


def test_of_a_later_fragment_nothing_behind_the_ip_header_stays():
    data = g.ethernet(g.ipv4(A, B, 17, SECRET * 2, ident=3, offset=5))
    assert headers_of(data) == data[:34]


def test_padding_and_trailers_go_too():
    data = g.ethernet(g.ipv4(A, B, 17, g.udp(1, 2)))
    assert headers_of(data + SECRET) == data


def test_a_tcp_header_that_says_nothing_of_its_length_hides_no_payload():
    segment = bytearray(g.tcp(1, 2, g.ACK, payload=SECRET))
    segment[12] = 0
    data = g.ethernet(g.ipv4(A, B, 6, bytes(segment)))
    assert headers_of(data) == data[: -len(SECRET)]


def test_arp_stays_whole_and_of_other_frames_the_link_layer_at_most():
    arp = g.ethernet(g.arp(1, g.A_MAC, A, B), 0x0806)
    assert headers_of(arp + bytes(18)) == arp
    assert headers_of(g.tagged(g.arp(1, g.A_MAC, A, B), 10, kind=0x0806)) == g.tagged(
        g.arp(1, g.A_MAC, A, B), 10, kind=0x0806
    )
    assert headers_of(g.ethernet(SECRET, 0x88CC)) == g.ethernet(b"", 0x88CC)
    assert headers_of(SECRET, link=9999) == b""


def test_a_frame_cut_by_the_snap_length_stays_as_it_is():
    data = g.ethernet(g.ipv4(A, B, 6, g.tcp(1, 2, g.ACK, payload=SECRET)))[:40]
    assert headers_of(data) == data[:40]
    assert replace(frame(data), wire=79) == header_only(frame(data, wire=79))


def test_no_capture_of_the_samples_keeps_a_word_of_payload():
    path = Path(__file__).parents[2] / "captures" / "story-07-mail-html.pcap"
    with RawPcapReader(str(path)) as reader:
        kept = b"".join(headers_of(data) for data, _ in reader)
    assert kept
    for word in (b"HTML", b"html", b"RCPT", b"From:", b"220 "):
        assert word not in kept
