"""Flows made to cost much: a look at some megabytes of them ends in a few seconds."""

from __future__ import annotations

import struct
import time

import pytest

from tests.dissect.building import RESP, SYN, flow, packet, smb2, tcp, udp, vector
from zoneguard.dissect.look import look

SIZE = 2 << 20
RFB = (
    (False, b"RFB 003.008\n"),
    (True, b"RFB 003.008\n"),
    (False, b"\1\1"),
    (True, b"\1"),
    (False, b"\0" * 4),
    (True, b"\1"),
)
SCREEN = b"\0\1\0\1\x20" + b"\0" * 15 + b"\0\0\0\0"


def filled(unit):
    return unit * (SIZE // len(unit))


STREAMS = {
    "chunks": ((True, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + filled(b"1\r\na\r\n")),),
    "requests": ((True, filled(b"GET http://a.example/ HTTP/1.1\r\n\r\n")), (False, filled(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))),
    "continues": ((True, b"GET / HTTP/1.1\r\n\r\n"), (False, filled(b"HTTP/1.1 100 Continue\r\n\r\n"))),
    "fields": ((True, b"GET / HTTP/1.1\r\n" + filled(b"a:b\r\n")),),
    "SMB marks": ((True, smb2(8) + filled(b"\0\0\0\0\xfeSMB")),),
    "SMB requests": ((True, filled(smb2(8))),),
    "RFB bells": (*RFB, (False, SCREEN + filled(b"\2"))),
    "RFB rectangles": (*RFB, (False, SCREEN + filled(b"\0\0\xff\xff" + struct.pack(">HHHHiI", 0, 0, 0, 0, 1, 0) * 65535))),
    "commands": ((False, b"220 a\r\n"), (True, filled(b"NOOP\r\n")), (False, filled(b"250 ok\r\n"))),
    "commands without an answer": ((False, b"220 a\r\n" + b"x" * 100_000), (True, b"EHLO a\r\n" + filled(b"NOOP\r\n"))),
    "messages": ((False, b"220 a\r\n"), (True, b"EHLO a\r\n" + filled(b"DATA\r\na\r\n.\r\n")), (False, b"250\r\n" + filled(b"354\r\n250\r\n"))),
    "chunks of mail": ((False, b"220 a\r\n"), (True, b"EHLO a\r\n" + filled(b"BDAT 1\r\na"))),
    "FTP": ((False, filled(b"220-\r\n")), (True, filled(b"USER a\r\n"))),
    "digits": ((True, filled(b"123456789018 ")),),
    "one long run of digits": ((True, filled(b"1")),),
    "TLS records": ((True, filled(b"\x16\3\1\0\1\1")),),
    "names over TCP": ((True, filled(vector(b"\0\7\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", 2))),),
    "banner lines": ((False, filled(b"a\r\n")), (True, b"SSH-2.0-x\r\n")),
    "IMAP": ((False, b"* OK\r\n"), (True, filled(b"a "))),
}  # fmt: skip


def seconds(cut, protocol, port):
    begin = time.process_time()
    found = look(cut, protocol, port)
    assert found.troubles != ("not-understood",) or found.spoken is None
    return time.process_time() - begin


@pytest.mark.parametrize("kind", STREAMS)
def test_no_stream_costs_more_than_a_few_seconds(kind):
    assert seconds(tcp(*STREAMS[kind], segment=60_000), 6, 25) < 5


def test_segments_in_reverse_order_cost_no_more():
    packets = [packet(True, b"x" * 10, seq=20 * at) for at in range(30_000, 0, -1)]  # noqa: FBT003 - who sent it
    assert seconds(flow([packet(RESP, seq=1, flags=SYN), *packets]), 6, 80) < 5


def test_names_full_of_pointers_cost_no_more():
    name = b"".join(b"\x01a\xc0" + bytes((12 + 4 * at,)) for at in range(50))
    message = (
        b"\0\7\x81\x80\0\1\xff\xff\0\0\0\0" + b"\0\0\1\0\1" + b"\xc0\x0d\0\1\0\1\0\0\0\0\0\0" * 3000 + name
    )
    assert seconds(udp(*((True, message) for _ in range(2000))), 17, 53) < 5


def test_fragments_of_one_octet_cost_no_more():
    fragments = b"".join(
        b"\x01\0\xff\xff\0\0" + at.to_bytes(3, "big") + b"\0\0\1x" for at in range(100, 5000)
    )
    record = b"\x16\xfe\xfd\0\0" + b"\0" * 6 + vector(fragments[: 13 * 100], 2)
    assert seconds(udp(*((True, record) for _ in range(20_000))), 17, 443) < 5


def test_quic_packets_that_cannot_be_opened_cost_no_more():
    junk = b"\xc3\0\0\0\1\x08%8d\0\0\x44\x00" + b"x" * 1024
    assert seconds(udp(*((True, junk % at) for at in range(20_000))), 17, 443) < 5
