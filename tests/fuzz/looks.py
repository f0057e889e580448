"""Hostile flows: conversations that the deep look knows, with lies in their octets, order and sequence numbers."""

from __future__ import annotations

import dataclasses
import time
from random import Random
from typing import TYPE_CHECKING, Any

from tests.dissect import building
from zoneguard.dissect import look as looking
from zoneguard.dissect.trouble import TROUBLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.capture.cutting import CutFlow
    from zoneguard.dissect.record import Look

CANARY = "kanaria"
SLOW = 2.0  # seconds of one look at a conversation of some kilobytes
INTERESTING = (0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 192, 253, 254, 255)

Turns = tuple[tuple[bool, bytes], ...]


def seeds() -> list[tuple[int, int, Turns]]:
    """Give well-formed conversations: protocol, port of the responder, turns."""
    b = building
    word = CANARY.encode()
    mail = b"Subject: %s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n%s\r\n--b\r\n" % (
        word,
        word,
    )
    mail += (
        b"Content-Type: message/rfc822\r\n\r\nX: y\r\n\r\nhi\r\n--b\r\nContent-Transfer-Encoding: base64\r\n"
    )
    mail += b"Content-Disposition: attachment; filename*0=%s; filename*1=.exe\r\n\r\nTVqQ\r\n--b--\r\n" % word
    envelope = b"EHLO a\r\nMAIL FROM:<%s>\r\nRCPT TO:<b>\r\n" % word
    rfb = b"RFB 003.008\n"
    dtls = b.dtls_hello(fragment=30)
    message = b.handshake(1, b.hello_body())
    connect = b"CONNECT teams.example:443 HTTP/1.1\r\nX: %s\r\n\r\n" % word
    return [
        (6, 443, ((True, b.client_hello()), (False, b.server_hello()))),
        (6, 25, b.smtp(mail)),
        (6, 25, ((False, b"220 a\r\n"), (True, envelope + b"BDAT 5\r\nA: b\nBDAT 3 LAST\r\n\nhi"), (False, b"250\r\n" * 5))),
        (6, 25, ((False, b"220 a\r\n"), (True, b"EHLO a\r\nSTARTTLS\r\n"), (False, b"250\r\n220\r\n"), (True, b.client_hello()))),
        (6, 8080, ((True, connect), (False, b"HTTP/1.1 200 OK\r\n\r\n"), (True, b.client_hello()))),
        (6, 80, ((True, b"POST http://a.example/%s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" % word), (False, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"))),
        (6, 1080, ((True, b"\5\1\0"), (False, b"\5\0"), (True, b"\5\1\0\3\7a.examp\1\xbb"), (False, b"\5\0\0\1" + b"\0" * 6), (True, b.client_hello()))),
        (6, 1080, ((True, b"\4\1\1\xbb\0\0\0\1%s\0a.example\0" % word), (False, b"\0\x5a" + b"\0" * 6))),
        (6, 3389, ((True, b.rdp_request()), (False, b.rdp_confirm(1)), (True, b.client_hello()))),
        (6, 3389, ((True, b.rdp_request(0)), (False, b.rdp_confirm(0)), (True, b.rdp_channels(b"rdpdr", b"cliprdr")))),
        (6, 5900, ((False, rfb), (True, rfb), (False, b"\1\1"), (True, b"\1"), (False, b"\0" * 4), (True, b"\1\6\0\0\0\0\0\0\2hi"), (False, b"\0\1\0\1\x20" + b"\0" * 15 + b"\0\0\0\1x\3\0\0\0\0\0\0\1a\0\0\0\1" + b"\0" * 12))),
        (6, 445, ((True, b.smb2(8, more=(9, 9)) + b.smb2(5)), (False, b.smb2(8, answer=True)))),
        (6, 21, ((False, b"220 a\r\n"), (True, b"USER %s\r\nRETR %s\r\nAUTH TLS\r\n" % (word, word)), (False, b"331\r\n150\r\n226\r\n234\r\n"), (True, b.client_hello()))),
        (6, 143, ((False, b"* OK a\r\n"), (True, b"a STARTTLS\r\n"), (False, b"a OK b\r\n"), (True, b.client_hello()))),
        (6, 389, ((True, b"\x30\x1d\2\1\1\x77\x18\x80\x161.3.6.1.4.1.1466.20037"), (False, b"\x30\x0c\2\1\1\x78\7\x0a\1\0\4\0\4\0"), (True, b.client_hello()))),
        (6, 53, ((True, b.vector(b.query("a.example"), 2)), (False, b.vector(b.answer("a.example", kind=16), 2)))),
        (17, 53, ((True, b.query(f"{CANARY}.a.example")), (False, b.answer(f"{CANARY}.a.example")))),
        (17, 443, ((True, b.initial(b.crypto(0, message[:200]))), (True, b.initial(b.crypto(200, message[200:]), number=3)))),
        (17, 3391, tuple((True, one) for one in dtls)),
        (17, 69, ((True, b"\0\1%s\0octet\0" % word), (False, b"\0\3\0\1x"))),
    ]  # fmt: skip


def flows(seed: int) -> Iterator[tuple[CutFlow, int, int]]:
    """Give hostile flows without end: packets, protocol, port."""
    random = Random(seed)
    known = seeds()
    while True:
        protocol, port, turns = random.choice(known)
        turns = tuple((by_orig, _mutated(random, octets)) for by_orig, octets in turns)
        if random.random() < 0.2:
            turns = (*turns, *random.choice(known)[2])
        if protocol == 6:
            cut = building.tcp(*turns, isn=(random.getrandbits(32), 7), segment=random.choice((7, 100, 1460)))
        else:
            cut = building.udp(*turns)
        yield dataclasses.replace(cut, packets=tuple(_shuffled(random, list(cut.packets)))), protocol, port


def judge(cut: CutFlow, protocol: int, port: int) -> str:
    """Look into a hostile flow with nothing to catch its faults; say what is wrong with the outcome."""
    begin = time.process_time()
    inner: Any = looking._into_stream if protocol == 6 else looking._into_datagrams  # `look` hides faults
    try:
        seen: Look = inner(cut, port, None) if protocol == 6 else inner(cut, port)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a find
        return f"{type(error).__name__}: {error}"
    if time.process_time() - begin > SLOW:
        return "slow"
    if not set(seen.troubles) <= TROUBLES.keys():
        return f"troubles without a sentence: {seen.troubles}"
    return ""


def hunt(runs: int, seed: int) -> tuple[int, str, CutFlow | None]:
    """Run until something is wrong; give the number of the run, what is wrong and the flow."""
    for number, (cut, protocol, port) in enumerate(flows(seed)):
        if number >= runs:
            break
        fault = judge(cut, protocol, port)
        if fault:
            return number, fault, cut
    return runs, "", None


def _mutated(random: Random, octets: bytes) -> bytes:
    data = bytearray(octets)
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        if not data:
            break
        at = random.randrange(len(data))
        way = random.randrange(7)
        if way == 0:
            data[at] = random.choice(INTERESTING)
        elif way == 1:
            data[at] ^= 1 << random.randrange(8)
        elif way == 2:
            value = random.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, random.getrandbits(16)))
            data[at : at + 2] = value.to_bytes(2, "big")
        elif way == 3:
            data[at : at + 4] = random.choice((0, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000)).to_bytes(4, "big")
        elif way == 4:
            del data[at : at + random.choice((1, 2, 8, 100))]
        elif way == 5:
            data[at:at] = data[max(0, at - 40) : at] * random.choice((1, 2, 20))
        else:
            data[at:at] = random.randbytes(random.choice((1, 3, 30)))
    return bytes(data)


def _shuffled(random: Random, packets: list[Any]) -> list[Any]:
    way = random.randrange(8)
    if way == 0:
        random.shuffle(packets)
    elif way == 1 and packets:
        del packets[random.randrange(len(packets))]
    elif way == 2:
        packets += packets[: random.randrange(len(packets) + 1)]
    elif way == 3 and packets:
        at = random.randrange(len(packets))
        one = packets[at]
        packets[at] = dataclasses.replace(
            one,
            seq=(one.seq + random.choice((-1, 1, -100, 1 << 31, random.getrandbits(32)))) % (1 << 32),
            ack=random.getrandbits(32),
            flags=random.getrandbits(6),
            length=len(one.payload) + random.choice((0, 0, 1, 100)),
        )
    return packets
