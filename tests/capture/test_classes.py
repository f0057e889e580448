"""The class of a first payload, told by its opening octets."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naive import compare, generate
from tests.naive.classes import class_of
from zoneguard.capture import joining, kernels
from zoneguard.net.flow import Opener, Payload

TCP, UDP = 6, 17
SESSION = bytes.fromhex("0123456789abcdef")
CLOCK = struct.pack(">I", 1_700_000_000)
NEGOTIATION = bytes.fromhex("0100080003000000")
CLIENT_HELLO = bytes.fromhex("160301006f0100006b0303") + bytes(100)
QUERY = struct.pack(">6H", 0x1234, 0x0100, 1, 0, 0, 0) + b"\x02lg\x02jp\0\0\1\0\1"


def tpkt(kind: int, rest: bytes = b"") -> bytes:
    size = 11 + len(rest)
    return struct.pack(">BBHBB5x", 3, 0, size, size - 5, kind) + rest


def ike(version: int, exchange: int, size: int = 60) -> bytes:
    return (
        SESSION
        + bytes(8)
        + bytes([1, version, exchange, 8])
        + bytes(4)
        + struct.pack(">I", size)
        + bytes(size - 28)
    )


def kerberos(tag: int, first: int) -> bytes:
    body = b"\x30\x81\x80" + bytes([first]) + b"\x03\x02\x01\x05" + bytes(123)
    return bytes([tag]) + b"\x81" + bytes([len(body)]) + body


def long(words: bytes) -> bytes:
    return struct.pack(">I", len(words)) + words


def framed(words: bytes) -> bytes:
    return struct.pack(">H", len(words)) + words


STREAMS = [
    ("TLS_CLIENT", 443, CLIENT_HELLO),
    ("TLS_CLIENT", 443, bytes.fromhex("802e0103010015000000100100800700c0") + bytes(31)),  # in SSL 2.0's form
    ("TLS_SERVER", 443, bytes.fromhex("160303004a020000460303") + bytes(70)),
    ("TLS_RECORD", 443, bytes.fromhex("15030300020246")),
    ("TLS_RECORD", 443, bytes.fromhex("170303002000") + bytes(31)),
    (
        "TLS_RECORD",
        443,
        bytes.fromhex("1603030028011122334455667788") + bytes(30),
    ),  # encrypted, by chance of type 1
    ("OTHER", 443, bytes.fromhex("170303ffff00") + bytes(31)),
    ("HTTP_REQUEST", 80, b"GET / HTTP/1.1\r\n\r\n"),
    ("HTTP_REQUEST", 8080, b"CONNECT www.example.jp:443 HTTP/1.1\r\n"),
    ("HTTP_REQUEST", 80, b"OPTIONS * HTTP/1.1\r\n"),
    ("HTTP_REQUEST", 80, b"PROPFIND /dav HTTP/1.1\r\n"),
    ("OTHER", 4222, b'CONNECT {"verbose":false}\r\n'),  # NATS
    ("OTHER", 61613, b"CONNECTED\nversion:1.1\n"),  # STOMP
    ("OTHER", 554, b"OPTIONS rtsp://192.0.2.1/ RTSP/1.0\r\n"),
    ("HTTP_RESPONSE", 80, b"HTTP/1.1 200 OK\r\n"),
    ("SSH", 22, b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("RDP", 3389, tpkt(0xE0, b"Cookie: mstshash=a\r\n")),
    ("RDP", 3389, tpkt(0xE0, NEGOTIATION)),
    ("RDP", 3389, tpkt(0xD0, b"\x02" + NEGOTIATION[1:])),
    ("RDP", 3389, tpkt(0xE0)),
    ("OTHER", 102, tpkt(0xE0)),
    ("OTHER", 102, tpkt(0xE0, bytes.fromhex("c0010ac1020100c2020102"))),  # S7
    ("RFB", 5900, b"RFB 003.008\n"),
    ("SMB", 445, b"\0\0\0\x54\xfeSMB" + bytes(80)),
    ("SMTP_SERVER", 25, b"220 mail.example.jp ESMTP Postfix\r\n"),
    ("SMTP_SERVER", 25, b"220 ftp.example.jp ESMTP Postfix\r\n"),
    ("SMTP_SERVER", 25, b"554 mail.example.jp SMTP service refused\r\n"),
    ("FTP_SERVER", 21, b"220 (vsFTPd 3.0.3)\r\n"),
    ("FTP_SERVER", 21, b"220 smtp.example.jp FTP server\r\n"),
    ("SMTP_OR_FTP_SERVER", 21, b"220 welcome\r\n220 esmtp\r\n"),
    ("OTHER", 21, b"421 too many users\r\n"),
    ("SMTP_CLIENT", 25, b"EHLO client.example.jp\r\n"),
    ("SMTP_CLIENT", 25, b"Helo x\r\n"),
    ("FTP_CLIENT", 21, b"USER anonymous\r\n"),
    ("FTP_CLIENT", 21, b"AUTH TLS\r\n"),
    ("FTP_CLIENT", 21, b"FEAT\r\n"),
    ("POP3_CLIENT", 110, b"USER someone\r\n"),
    ("OTHER", 6667, b"USER a +iw a :A B\r\n"),  # IRC
    ("POP3_SERVER", 110, b"+OK ready\r\n"),
    ("POP3_CLIENT", 110, b"CAPA\r\n"),
    ("IMAP_SERVER", 143, b"* OK ready\r\n"),
    ("TELNET", 23, b"\xff\xfd\x18"),
    ("TELNET", 23, b"\xff\xfb\x01\xff\xfb\x03"),
    ("SOCKS", 1080, b"\5\1\0"),
    ("SOCKS", 1080, b"\5\2\0\2"),
    ("SOCKS", 1080, b"\4\1\0\x50\xc0\0\2\1user\0"),
    ("OTHER", 1433, b"\4\1\0\x0d" + bytes(9)),  # an answer of TDS
    ("ICA", 1494, b"\x7f\x7fICA\0"),
    ("ICA", 2598, b"\x1aCGP/01"),
    ("LDAP", 389, bytes.fromhex("300c020101600702010304008000")),
    ("LDAP", 389, bytes.fromhex("308400000010020101618400000007") + bytes(7)),
    ("KERBEROS", 88, long(kerberos(0x6A, 0xA1))),
    ("KERBEROS", 88, long(kerberos(0x7E, 0xA0))),
    ("DNS_QUERY", 53, framed(QUERY)),
    ("DNS_RESPONSE", 53, framed(QUERY[:2] + b"\x81" + QUERY[3:])),
    ("OTHER", 8053, framed(QUERY)),
    ("OPENVPN", 1194, framed(b"\x38" + SESSION + bytes(5))),
    ("OPENVPN", 443, framed(b"\x38" + SESSION + bytes(20) + b"\0\0\0\1" + CLOCK + bytes(5))),
    ("MSRPC", 135, bytes.fromhex("05000b0310000000480000000100000000")),
    ("OTHER", 9999, b"nothing known"),
    ("OTHER", 9999, b"xy"),
]
DATAGRAMS = [
    ("DNS_QUERY", 53, QUERY),
    ("DNS_RESPONSE", 53, QUERY[:2] + b"\x81" + QUERY[3:]),
    ("OTHER", 5353, bytes.fromhex("71cbfabb114fb9f7d8a0b1c2d3e4f506")),  # DNSCrypt
    ("NTP", 123, b"\x23" + bytes(47)),
    ("NTP", 123, b"\x16\x02" + bytes(10)),
    ("OTHER", 124, b"\x23" + bytes(47)),
    ("WIREGUARD", 51820, b"\1\0\0\0" + SESSION + bytes(136)),
    ("WIREGUARD", 51820, b"\2\0\0\0" + SESSION + bytes(80)),
    ("WIREGUARD", 51820, b"\3\0\0\0" + SESSION + bytes(52)),
    ("WIREGUARD", 443, b"\4\0\0\0" + SESSION[:4] + bytes(24)),
    ("OTHER", 51820, b"\1\0\0\0" + SESSION + bytes(135)),
    ("OTHER", 443, b"\4\0\0\0" + SESSION * 2 + bytes(12)),
    ("QUIC", 443, b"\xc3\0\0\0\1\x08" + SESSION + bytes(1186)),
    ("QUIC", 443, b"\xc3\xff\0\0\x1d\x08" + SESSION + bytes(100)),
    ("QUIC", 443, b"\x0d" + SESSION + b"Q043" + bytes(100)),
    ("OTHER", 443, b"\xc3\0\0\0\1\x40" + SESSION + bytes(1186)),
    ("DTLS", 4433, bytes.fromhex("16fefd0000000000000000001001") + bytes(15)),
    ("DTLS", 443, bytes.fromhex("1601000000000000000000001001") + bytes(15)),
    ("SNMP", 161, bytes.fromhex("302602010104067075626c6963a019") + bytes(25)),
    ("SNMP", 161, bytes.fromhex("303e020103301102040102030402030100000401") + bytes(44)),
    ("LDAP", 389, bytes.fromhex("30840000002d02010163840000002404000a0100")),
    ("KERBEROS", 88, kerberos(0x6C, 0xA1)),
    ("IKE", 500, ike(0x20, 34)),
    ("IKE", 500, ike(0x10, 2)),
    ("IKE", 4500, bytes(4) + ike(0x20, 35)),
    ("OTHER", 4500, b"\0\0\0\5" + ike(0x20, 35)[8:]),  # ESP
    ("OTHER", 500, ike(0x20, 34) + b"x"),
    ("OPENVPN", 1194, b"\x38" + SESSION + bytes(5)),
    ("OPENVPN", 1194, b"\x40" + SESSION + b"\1" + bytes(4) + SESSION + bytes(4)),
    ("OPENVPN", 1194, b"\x38" + SESSION + b"\0\0\0\1" + CLOCK + bytes(37)),
    ("OPENVPN", 1194, b"\x50" + SESSION + b"\x0f\0\0\1" + CLOCK + bytes(300)),
    ("OTHER", 443, struct.pack(">6H", 0x5010, 0x8180, 1, 1, 0, 0) + b"\x01a\x08example2" + bytes(60)),  # DNS
    ("RDP", 3389, b"\xff\xff\xff\xff\0\x40\x18\1" + bytes(1224)),
    ("RDP", 3389, SESSION[:4] + b"\4\0\0\x0c\0\0\0\0" + SESSION + b"\x16\xfe\xff" + bytes(40)),
    ("OTHER", 3390, b"\xff\xff\xff\xff\0\x40\x18\1" + bytes(1224)),
    ("OTHER", 9999, b"nothing known"),
]
CASES = [(TCP, *case) for case in STREAMS] + [(UDP, *case) for case in DATAGRAMS]


@pytest.fixture(scope="module", autouse=True)
def _kernels() -> None:
    compare.warm()


def classified(
    data: bytes, protocol: int, port: int, *, octets: int | None = None, compiled: bool = False
) -> str:
    """Give the class that the meter notes for the first payload of a client."""
    head = generate.tcp(50000, port, generate.ACK) if protocol == TCP else generate.udp(50000, port)
    whole = len(data) if octets is None else octets
    packet = generate.ipv4("10.0.0.1", "10.0.0.2", protocol, head + data, total=20 + len(head) + whole)
    frame = generate.Frame(generate.BEGIN, generate.ethernet(packet), 14 + 20 + len(head) + whole)
    table, _ = compare.metered(generate.pcap([frame]), compiled=compiled)
    side = "orig" if int(table.orig_port[0]) == 50000 else "resp"
    return Payload(int(getattr(table, f"{side}_payload")[0])).name


@pytest.mark.parametrize(("protocol", "name", "port", "data"), CASES)
def test_the_opening_octets_tell_the_class(protocol: int, name: str, port: int, data: bytes) -> None:
    for compiled in (True, False):
        assert classified(data, protocol, port, compiled=compiled) == name
    assert class_of(data, len(data), protocol, {50000, port}) == name


@settings(max_examples=400, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_damaged_and_shortened_words_are_classed_alike_by_kernel_and_twin(seed: int) -> None:
    random = Random(seed)
    protocol, _, port, words = random.choice(CASES)
    data = bytearray(words[:1300])
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        data[random.randrange(min(len(data), 40))] = random.choice(
            (0, 1, 2, 4, 0x20, 0x30, 0x80, random.randrange(256))
        )
    cut = bytes(data[: random.choice((len(data), random.randrange(1, len(data) + 1)))])
    octets = random.choice((len(cut), len(data), len(cut) + random.randrange(3)))
    octets = max(octets, len(cut))
    port = random.choice((port, port, 53, 110, 123, 500, 3389, 4500))
    want = class_of(cut, octets, protocol, {50000, port}) if octets > 2 else "OTHER"
    for compiled in (True, False):
        assert classified(cut, protocol, port, octets=octets, compiled=compiled) == want


def test_every_class_of_the_kernel_has_the_number_of_its_name() -> None:
    module = kernels.load(compiled=False)
    from zoneguard.capture import classes

    names = {payload.name: int(payload) for payload in Payload}
    names["SERVER_220"] = names.pop("SMTP_OR_FTP_SERVER")
    del names["NONE"]
    assert {name: getattr(classes, name) for name in names} == names
    assert int(Payload.SMTP_OR_FTP_SERVER) == module.SERVER_220


def test_who_greets_is_told_alike_while_metering_and_when_pieces_are_joined() -> None:
    for protocol, name, port, data in CASES:
        head = generate.tcp(port, 50000, generate.ACK) if protocol == TCP else generate.udp(port, 50000)
        packet = generate.ipv4("10.0.0.1", "10.0.0.2", protocol, head + data)
        frame = generate.Frame(generate.BEGIN, generate.ethernet(packet))
        table, _ = compare.metered(generate.pcap([frame]), compiled=False)
        greeted = int(table.opener[0]) == Opener.GREETING
        assert greeted == bool(joining._GREETINGS >> int(Payload[name]) & 1), (name, port)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_keep_alive_is_not_taken_for_the_first_payload(compiled: bool) -> None:  # noqa: FBT001
    segments = [
        generate.tcp(50000, 443, generate.ACK, seq=99, payload=b"\0"),
        generate.tcp(50000, 443, generate.ACK, seq=100, payload=CLIENT_HELLO),
    ]
    frames = [
        generate.Frame(
            generate.BEGIN + i,
            generate.ethernet(generate.ipv4("10.0.0.1", "10.0.0.2", 6, segment, ident=i + 1)),
        )
        for i, segment in enumerate(segments)
    ]
    table, _ = compare.metered(generate.pcap(frames, nano=True), compiled=compiled)
    assert [int(table.orig_payload[0]), int(table.opener[0])] == [Payload.TLS_CLIENT, Opener.GREETING]
