"""A capture whose payloads, names and options hold words that no output may show."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.naive import generate as g
from tests.privacy.canaries import canary

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = 1_795_489_200  # 2026-11-24 12:00 JST
CUT = 120  # octets kept of every third frame
PC, SERVER, VDI, OUTSIDE = "172.16.20.5", "172.16.10.25", "192.168.20.7", "203.0.113.80"
SYN, ACK, PSH = 0x02, 0x10, 0x08


def capture() -> bytes:
    """Give a capture file; every third frame that is long enough is cut within what it says."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)]
    for number, frame in enumerate(_frames()):
        kept = frame[:CUT] if number % 3 == 2 else frame
        parts.append(struct.pack("<IIII", BEGIN, number * 1000, len(kept), len(frame)) + kept)
    late = g.tagged(
        g.ipv4(PC, OUTSIDE, 17, g.udp(50_009, 123)), 220
    )  # by then the flows before it have ended
    parts.append(struct.pack("<IIII", BEGIN + 3 * 3600, 0, len(late), len(late)) + late)
    return b"".join(parts)


def _frames() -> Iterator[bytes]:
    number = 500

    def word() -> bytes:
        nonlocal number
        number += 1
        return canary(number).encode()

    http = (
        b"GET /%s?name=%s HTTP/1.1\r\nHost: %s.example.jp\r\nCookie: id=%s\r\nAuthorization: Basic %s\r\n\r\n"
    )
    smtp = b"MAIL FROM:<%s@example.jp>\r\nRCPT TO:<%s@example.jp>\r\nDATA\r\nSubject: %s\r\n\r\n%s\r\n%s\r\n"
    for client, server, vlan in ((PC, OUTSIDE, 220), (VDI, SERVER, 320), (PC, VDI, 220)):
        for port, said, answer in (
            (80, http, b"HTTP/1.1 200 OK\r\nServer: %s\r\n\r\n<title>%s</title>"),
            (25, smtp, b"220 %s ESMTP\r\n250 %s\r\n"),
            (443, None, None),
            (445, b"\0\0\0\x90\xfeSMB" + b"%s" * 5, b"\0\0\0\x90\xfeSMB" + b"%s" * 2),
            (21, b"USER %s\r\nPASS %s\r\nRETR %s\r\nX%s\r\nY%s\r\n", b"220 %s\r\n331 %s\r\n"),
            (8888, b"%s" * 5, b"%s" * 2),
        ):
            first = _hello(word()) if said is None else said % tuple(word() for _ in range(5))
            second = word() if answer is None else answer % (word(), word())
            for sender, receiver, sport, dport, flags, payload in (
                (client, server, 50_000, port, SYN, b""),
                (server, client, port, 50_000, SYN | ACK, b""),
                (client, server, 50_000, port, ACK | PSH, first),
                (server, client, port, 50_000, ACK | PSH, second),
            ):
                packet = g.ipv4(sender, receiver, 6, g.tcp(sport, dport, flags, payload=payload))
                yield g.tagged(packet, vlan)
                if payload:  # and quoted by whoever refused it, with and without a tunnel around
                    refused = g.ipv4(receiver, sender, 1, g.icmp(3, 13, payload=packet))
                    yield g.tagged(refused, vlan)
                    inner = g.ipv4(sender, receiver, 17, g.udp(1, 4789, g.vxlan(g.ethernet(packet), 7)))
                    yield g.tagged(inner, vlan)
        question = b"\0\7\1\0\0\1\0\0\0\0\0\0" + b"".join(
            bytes([len(one)]) + one for one in (word(), word(), b"jp")
        )
        yield g.tagged(g.ipv4(client, server, 17, g.udp(50_001, 53, question + b"\0\0\1\0\1")), vlan)
        yield g.tagged(g.ipv4(client, server, 17, g.udp(50_002, 5353, question + b"\0\0\1\0\1")), vlan)
        yield g.tagged(g.ipv4(client, server, 17, g.udp(137, 137, word() * 3)), vlan)
        yield g.tagged(g.ipv4(client, server, 17, g.udp(50_003, 161, b"0\x26\2\1\1\4\x0c" + word())), vlan)
        options = b"".join(
            bytes([code, 12 + 3]) + word() + b"..." for code in (12, 15, 60, 61, 66, 67, 81, 82, 77)
        )
        for kind, sport, dport in ((1, 68, 67), (2, 67, 68), (3, 68, 67), (5, 67, 68)):
            message = g.dhcp(kind, 0x0216_1020_0005, own=client, options=options)
            yield g.tagged(g.ipv4(client, server, 17, g.udp(sport, dport, message)), vlan)
        fragment = g.udp(50_004, 514, word() * 100)
        yield g.tagged(g.ipv4(client, server, 17, fragment[:800], ident=9, more=True), vlan)
        yield g.tagged(g.ipv4(client, server, 17, fragment[800:], ident=9, offset=100), vlan)
        yield g.tagged(g.ipv4(client, server, 253, word() * 3), vlan)
        yield g.tagged(word() * 10, vlan, kind=0x88B5)
        yield word() * 2
        yield g.tagged(g.ipv4(client, server, 6, word()), vlan)


def _hello(name: bytes) -> bytes:
    """Give a TLS ClientHello that asks for a server by name (RFC 6066, 3)."""
    listed = b"\0" + struct.pack(">H", len(name)) + name
    asked = struct.pack(">HHH", 0, len(listed) + 2, len(listed)) + listed
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack(">H", len(asked)) + asked
    return b"\x16\3\1" + struct.pack(">H", len(body) + 4) + b"\1\0" + struct.pack(">H", len(body)) + body
