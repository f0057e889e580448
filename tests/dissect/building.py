"""Flows, hellos and dialogues built octet by octet."""

from __future__ import annotations

import struct

from zoneguard.capture.cutting import CutFlow, CutPacket
from zoneguard.dissect.quic import initial_keys

SYN, ACK, FIN, RST, PSH = 2, 16, 1, 4, 8
ORIG, RESP = True, False


def packet(by_orig, payload=b"", *, seq=0, ack=0, flags=ACK, frame=1, length=None):
    return CutPacket(
        file=0,
        frame=frame,
        time=frame,
        by_orig=by_orig,
        flags=flags,
        seq=seq % (1 << 32),
        ack=ack % (1 << 32),
        payload=payload,
        length=len(payload) if length is None else length,
        link=1,
        data=b"",
        wire=0,
    )


def flow(packets, *, whole=True, lost=None):
    return CutFlow(packets=tuple(packets), whole=whole, lost=lost)


def tcp(*turns, isn=(1000, 2000), segment=1460, open_=True, close=True, whole=True):
    """Give a connection of turns (by_orig, octets), each cut into segments."""
    at = [isn[0], isn[1]]
    packets = []
    if open_:
        packets += [
            packet(ORIG, seq=at[0], flags=SYN),
            packet(RESP, seq=at[1], ack=at[0] + 1, flags=SYN | ACK),
            packet(ORIG, seq=at[0] + 1, ack=at[1] + 1),
        ]
    at = [at[0] + 1, at[1] + 1]
    for by_orig, octets in turns:
        me, other = (0, 1) if by_orig else (1, 0)
        for begin in range(0, len(octets), segment):
            part = octets[begin : begin + segment]
            packets.append(packet(by_orig, part, seq=at[me], ack=at[other], flags=ACK | PSH))
            at[me] += len(part)
    if close:
        packets += [
            packet(ORIG, seq=at[0], ack=at[1], flags=FIN | ACK),
            packet(RESP, seq=at[1], ack=at[0] + 1, flags=FIN | ACK),
            packet(ORIG, seq=at[0] + 1, ack=at[1] + 1),
        ]
    return flow(packets, whole=whole)


def udp(*turns, whole=True):
    return flow([packet(by_orig, octets, flags=0) for by_orig, octets in turns], whole=whole)


def vector(octets, size):
    return len(octets).to_bytes(size, "big") + octets


def words(*values):
    return b"".join(value.to_bytes(2, "big") for value in values)


def extension(kind, content):
    return words(kind) + vector(content, 2)


def sni(name):
    return extension(0, vector(b"\0" + vector(name, 2), 2))


def alpn(*names):
    return extension(16, vector(b"".join(vector(name, 1) for name in names), 2))


# The example of FoxIO's technical_details/JA4.md, with the GREASE that a browser adds; the order is that of the page.
CIPHERS = (
    0x1301,
    0x1302,
    0x1303,
    0xC02B,
    0xC02F,
    0xC02C,
    0xC030,
    0xCCA9,
    0xCCA8,
    0xC013,
    0xC014,
    0x9C,
    0x9D,
    0x2F,
    0x35,
)
SIGNATURES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)
EXTENSIONS = (
    0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012, 0x002B, 0xFF01, 0x000B,
    0x000A, 0x0015,
)  # fmt: skip
JA4 = "t13d1516h2_8daaf6152771_e5627efa2ab1"


def hello_body(
    name=b"www.reiji.example", *, names=(b"h2", b"http/1.1"), more=b"", versions=(0x0304, 0x0303), padding=32
):
    contents = {
        0x0000: vector(b"\0" + vector(name, 2), 2),
        0x0010: vector(b"".join(vector(one, 1) for one in names), 2),
        0x000D: vector(words(*SIGNATURES), 2),
        0x002B: vector(words(0x2A2A, *versions), 1),
        0x0015: b"\0" * padding,
    }
    listed = b"".join(extension(kind, contents.get(kind, b"")) for kind in EXTENSIONS)
    extensions = extension(0x0A0A, b"") + listed + more + extension(0xFAFA, b"\0")
    return (
        words(0x0303)
        + b"R" * 32
        + vector(b"S" * 32, 1)
        + vector(words(0x1A1A, *CIPHERS), 2)
        + b"\x01\0"
        + vector(extensions, 2)
    )


def handshake(kind, body):
    return bytes((kind,)) + vector(body, 3)


def record(content, kind=22, version=0x0301):
    return bytes((kind,)) + words(version) + vector(content, 2)


def client_hello(*args, **kwargs):
    return record(handshake(1, hello_body(*args, **kwargs)))


def server_hello(version=0x0304, *, retry=False):
    random = b"r" * 32
    if retry:  # RFC 8446 section 4.1.3
        random = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    chosen = extension(0x2B, words(version)) if version == 0x0304 else extension(0xFF01, b"\0")
    legacy = min(version, 0x0303)
    body = words(legacy) + random + b"\0" + words(0x1301) + b"\0" + vector(chosen, 2)
    return record(handshake(2, body), version=0x0303)


def dtls_hello(*, fragment=4000):
    body = words(0xFEFD) + b"R" * 32 + b"\0" + b"\x04cook" + vector(words(0xC02B, 0xC02F), 2) + b"\x01\0"
    body += vector(extension(13, vector(words(0x0403), 2)), 2)
    datagrams = []
    for number, begin in enumerate(range(0, len(body), fragment)):
        part = body[begin : begin + fragment]
        message = (
            b"\x01" + len(body).to_bytes(3, "big") + b"\0\0" + begin.to_bytes(3, "big") + vector(part, 3)
        )
        datagrams.append(b"\x16\xfe\xfd\0\0" + number.to_bytes(6, "big") + vector(message, 2))
    return datagrams


def query(name, kind=1, number=7):
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + _labels(name) + words(kind, 1)


def answer(name, kind=1, number=7, *, data=b"\xc0\0\2\1", rcode=0, count=1):
    head = struct.pack(">HHHHHH", number, 0x8180 | rcode, 1, count, 0, 0) + _labels(name) + words(kind, 1)
    return head + (b"\xc0\x0c" + words(kind, 1) + b"\0\0\0\x3c" + vector(data, 2)) * count


def _labels(name):
    return b"".join(vector(label.encode(), 1) for label in name.split(".") if label) + b"\0"


def smtp(mail, *, code=b"250 queued\r\n"):
    """Give the turns of a dialogue that sends one message by DATA."""
    return (
        (False, b"220 mx.reiji.example ESMTP\r\n"),
        (True, b"EHLO gw.reiji.example\r\n"),
        (False, b"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
        (True, b"MAIL FROM:<a@reiji.example>\r\nRCPT TO:<b@reiji.example>\r\nDATA\r\n"),
        (False, b"250 ok\r\n250 ok\r\n354 go\r\n"),
        (True, mail.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n"),
        (False, code),
        (True, b"QUIT\r\n"),
        (False, b"221 bye\r\n"),
    )


def rdp_request(protocols=3, cookie=b"Cookie: mstshash=canary-user\r\n"):
    variable = cookie + b"\x01\0\x08\0" + protocols.to_bytes(4, "little")
    return b"\x03\0" + words(11 + len(variable)) + bytes((6 + len(variable),)) + b"\xe0\0\0\0\0\0" + variable


def rdp_confirm(selected=None, *, kind=2):
    variable = b"" if selected is None else bytes((kind,)) + b"\0\x08\0" + selected.to_bytes(4, "little")
    return (
        b"\x03\0" + words(11 + len(variable)) + bytes((6 + len(variable),)) + b"\xd0\0\0\x12\x34\0" + variable
    )


def rdp_channels(*names):
    """An MCS Connect Initial with the client's blocks, as [MS-RDPBCGR] section 4.1.3 shows one."""
    core = struct.pack("<HHI", 0xC001, 216, 0x00080004) + b"\0" * 208
    network = struct.pack("<HHI", 0xC003, 8 + 12 * len(names), len(names))
    network += b"".join(name.ljust(8, b"\0") + b"\0\0\0\xc0" for name in names)
    blocks = core + network
    conference = b"\0\x08\0\x10\0\x01\xc0\0Duca" + words(0x8000 | len(blocks)) + blocks
    user = b"\0\x05\0\x14\x7c\0\x01" + words(0x8000 | len(conference)) + conference
    domain = vector(b"\2\1\x22\2\1\2\2\1\0\2\1\1\2\1\0\2\1\1\2\3\0\xff\xff\2\1\2", 1)
    content = b"\x04\x01\x01\x04\x01\x01\x01\x01\xff" + (b"\x30" + domain) * 3 + b"\x04\x82" + vector(user, 2)
    initial = b"\x7f\x65\x82" + vector(content, 2)
    return b"\x03\0" + words(7 + len(initial)) + b"\x02\xf0\x80" + initial


def smb2(command, *, answer=False, more=()):
    headers = []
    commands = (command, *more)
    for i, one in enumerate(commands):
        following = 0 if i == len(commands) - 1 else 64
        headers.append(
            b"\xfeSMB" + struct.pack("<HHIHHIIQ", 64, 1, 0, one, 1, int(answer), following, i) + b"\0" * 32
        )
    return b"\0" + vector(b"".join(headers), 3)


def varint(value):
    return value.to_bytes(1, "big") if value < 64 else (0x4000 | value).to_bytes(2, "big")


def crypto(offset, octets):
    return b"\x06" + varint(offset) + varint(len(octets)) + octets


def initial(
    frames,
    *,
    version=1,
    ident=b"\x83\x94\xc8\xf0\x3e\x51\x57\x08",
    keyed_by=None,
    label=b"client in",
    number=2,
):
    """Protect an Initial packet as RFC 9001 section 5 says; padded to 1,200 octets."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, iv, mask_key = initial_keys(version, keyed_by or ident, label)
    frames = frames.ljust(1162 - len(ident), b"\0")
    first = 0xD3 if version == 0x6B3343CF else 0xC3
    head = bytes((first,)) + version.to_bytes(4, "big") + vector(ident, 1) + b"\0" + b"\0"
    head += varint(4 + len(frames) + 16) + number.to_bytes(4, "big")
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    packet = bytearray(head + AESGCM(key).encrypt(nonce, frames, head))
    at = len(head) - 4
    mode = modes.ECB()  # noqa: S305 - RFC 9001 section 5.4.3
    mask = Cipher(algorithms.AES(mask_key), mode).encryptor().update(bytes(packet[at + 4 : at + 20]))
    packet[0] ^= mask[0] & 0x0F
    for i in range(4):
        packet[at + i] ^= mask[1 + i]
    return bytes(packet)
