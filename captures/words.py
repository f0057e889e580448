"""The opening words of protocols, as short as they can be: no file, message or picture is behind them."""

from __future__ import annotations

import struct

from scapy.layers.dns import DNS, DNSQR, DNSRR

Talk = list[tuple[str, bytes]]


def _smb(flags: int, body: bytes) -> bytes:
    """Wrap an SMB2 NEGOTIATE (MS-SMB2 2.2.1, 2.2.3, 2.2.4)."""
    message = b"\xfeSMB" + struct.pack("<HHIHHI", 64, 0, 0, 0, 1, flags) + bytes(44) + body
    return struct.pack(">I", len(message)) + message


RDP: Talk = [
    ("c", bytes.fromhex("030000130ee000000000000100080003000000")),
    ("s", bytes.fromhex("030000130ed000001234000209080002000000")),
]
CGP: Talk = [("c", b"\x1aCGP/01" + bytes(9)), ("s", b"\x1aCGP/01" + bytes(9))]
SSH: Talk = [("s", b"SSH-2.0-OpenSSH_9.2\r\n"), ("c", b"SSH-2.0-OpenSSH_9.2\r\n")]
_SMB_ASK = struct.pack("<HHHHI16sQ", 36, 1, 1, 0, 0, bytes(16), 0) + b"\x02\x02"
_SMB_TELL = struct.pack(
    "<HHHH16sIIIIQQHHI", 65, 1, 0x0202, 0, bytes(16), 0, 65536, 65536, 65536, 0, 0, 128, 0, 0
)
SMB: Talk = [
    ("c", _smb(0, _SMB_ASK)),
    ("s", _smb(1, _SMB_TELL)),
]
TDS: Talk = [
    ("c", bytes.fromhex("12010014000001000000060001ff000000000000")),
    ("s", bytes.fromhex("04010014000001000000060001ff100000000000")),
]
NTP = (b"\x23" + bytes(47), b"\x24\x02" + bytes(46))
SNMP = (bytes.fromhex("3003020103"), bytes.fromhex("3003020103"))  # version 3, and nothing more
_STUN = bytes.fromhex("00002112a442") + bytes(12)  # RFC 8489
MEDIA = (b"\x00\x01" + _STUN, b"\x01\x01" + _STUN)
_IKE = bytes.fromhex("000000000000001c")
IKE = (bytes(16) + b"\x21\x20\x22\x08" + _IKE, bytes(16) + b"\x21\x20\x22\x20" + _IKE)  # RFC 7296
NAT_KEEPALIVE = (b"\xff", b"\xff")  # RFC 3948
SCREEN_DATAGRAMS = (bytes(32), bytes(32))
WIREGUARD = (
    b"\x01\x00\x00\x00" + bytes(144),
    b"\x02\x00\x00\x00" + bytes(88),
)  # handshake: 148 and 92 octets
WIREGUARD_DATA = (b"\x04\x00\x00\x00" + bytes(76), b"\x04\x00\x00\x00" + bytes(76))
NETBIOS_NAME = (  # a name query for "*" (RFC 1002)
    bytes.fromhex("000101100001000000000000") + b"\x20" + b"CA" * 16 + b"\x00\x00\x20\x00\x01"
)


def tls(name: str, records: int = 1) -> Talk:
    """Open TLS towards a name and exchange some empty-looking records."""
    server_name = name.encode()
    entry = struct.pack("!BH", 0, len(server_name)) + server_name
    extension = struct.pack("!HHH", 0, len(entry) + 2, len(entry)) + entry
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += struct.pack("!H", len(extension)) + extension
    server = b"\x03\x03" + bytes(32) + b"\x00\x13\x01\x00\x00\x00"
    talk = [("c", _handshake(1, body)), ("s", _handshake(2, server))]
    for _ in range(records):
        talk += [("c", b"\x17\x03\x03\x00\x28" + bytes(40)), ("s", b"\x17\x03\x03\x00\x78" + bytes(120))]
    return talk


def http(path: str = "/") -> Talk:
    """Ask for a page and get none."""
    return [
        ("c", f"GET {path} HTTP/1.1\r\nHost: portal.example\r\n\r\n".encode()),
        ("s", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ]


def connect(name: str) -> Talk:
    """Ask a proxy for a tunnel to a name, and open TLS in it."""
    return [
        ("c", f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n".encode()),
        ("s", b"HTTP/1.1 200 Connection established\r\n\r\n"),
        *tls(name, 1),
    ]


def smtp(content_type: str = "text/plain; charset=utf-8", body: str = "sample") -> Talk:
    """Hand over one message of a given type."""
    message = f"MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n{body}\r\n.\r\n"
    return [
        ("s", b"220 mx.reiji.example ESMTP\r\n"),
        ("c", b"EHLO relay.reiji.example\r\n"),
        ("s", b"250 mx.reiji.example\r\n"),
        ("c", b"MAIL FROM:<sender@reiji.example>\r\n"),
        ("s", b"250 ok\r\n"),
        ("c", b"RCPT TO:<receiver@reiji.example>\r\n"),
        ("s", b"250 ok\r\n"),
        ("c", b"DATA\r\n"),
        ("s", b"354 go ahead\r\n"),
        ("c", message.encode()),
        ("s", b"250 ok\r\n"),
        ("c", b"QUIT\r\n"),
        ("s", b"221 bye\r\n"),
    ]


def dns(name: str, address: str, number: int = 1) -> tuple[bytes, bytes]:
    """Ask for a name and tell its address."""
    question = DNSQR(qname=name, qtype="A")
    answer = DNSRR(rrname=name, type="A", ttl=300, rdata=address)
    return (
        bytes(DNS(id=number, rd=1, qd=question)),
        bytes(DNS(id=number, qr=1, rd=1, ra=1, qd=question, an=answer)),
    )


def _handshake(kind: int, body: bytes) -> bytes:
    inner = struct.pack("!B", kind) + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack("!H", len(inner)) + inner
