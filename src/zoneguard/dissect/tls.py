"""TLS and DTLS handshakes, from their records to what they say in clear (RFC 8446, RFC 9147)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.dissect.hello import (
    CLIENT_HELLO,
    SERVER_HELLO,
    ClientHello,
    newest_first,
    read_client_hello,
    read_server_hello,
)
from zoneguard.dissect.ja4 import ja4
from zoneguard.dissect.octets import Octets
from zoneguard.dissect.record import TlsSeen

if TYPE_CHECKING:
    from collections.abc import Iterable

_HANDSHAKE, _APPLICATION = 22, 23
_KINDS = frozenset({20, 21, _HANDSHAKE, _APPLICATION, 24})
_LATER_MESSAGES = frozenset(bytes((kind,)) for kind in (4, 11, 12, 13, 14, 16, 20, 22))
_MOST_RECORD = (1 << 14) + 2048
_MOST_HELLO = 1 << 17  # octets of handshake that are put together
_MOST_RECORDS = 4096
_MOST_FRAGMENTS = 256  # of one handshake message of DTLS


def read_tls(orig: bytes, resp: bytes) -> TlsSeen | None:
    """Read both hellos of a TLS connection; None where neither is there.

    The hellos may lie in several records, and a record may hold more than one message.
    """
    asked, answered = _message(orig), _message(resp)
    hello = read_client_hello(asked[1]) if asked is not None and asked[0] == CLIENT_HELLO else None
    if hello is None:
        hello = _old_hello(orig)
    chosen = read_server_hello(answered[1]) if answered is not None and answered[0] == SERVER_HELLO else None
    if hello is None and answered is None:
        return None
    if hello is None and (answered is None or answered[0] != SERVER_HELLO):
        return None
    return told(hello, chosen, "t", whole=asked is None or asked[2])


def told(hello: ClientHello | None, chosen: int | None, transport: str, *, whole: bool) -> TlsSeen:
    """Put into a record what the hellos say."""
    if hello is None:
        return TlsSeen(server_name=None, chosen=chosen)
    return TlsSeen(
        server_name=hello.server_name,
        alpn=tuple(filter(None, map(_printable, hello.alpn))),
        offered=newest_first(hello.versions or (hello.version,)),
        chosen=chosen,
        encrypted_hello=hello.encrypted_hello,
        ja4=ja4(hello, transport) if whole and hello.whole else None,
    )


def is_tls(octets: bytes, kind: int) -> bool:
    """Tell whether octets open with a TLS record that holds a handshake message of this kind."""
    return octets[:2] == b"\x16\x03" and octets[2:3] <= b"\x04" and octets[5:6] == bytes((kind,))


def is_old_hello(octets: bytes) -> bool:
    """Tell a ClientHello in the form of SSL 2.0, which offers TLS or SSL 3.0 (RFC 5246 appendix E.2)."""
    if len(octets) < 11 or not octets[0] & 0x80 or octets[2] != CLIENT_HELLO:
        return False
    size, ciphers = int.from_bytes(octets[:2], "big") & 0x7FFF, int.from_bytes(octets[5:7], "big")
    session, challenge = int.from_bytes(octets[7:9], "big"), int.from_bytes(octets[9:11], "big")
    version = octets[3:5] in {b"\x00\x02", b"\x03\x00", b"\x03\x01", b"\x03\x02", b"\x03\x03"}
    fits = ciphers % 3 == 0 and ciphers > 0 and 16 <= challenge <= 32
    return version and fits and size == 9 + ciphers + session + challenge


def is_middle(octets: bytes) -> bool:
    """Tell the middle of a TLS connection: records follow each other from the first octet on without a flaw.

    One record proves it when it ends exactly where the octets do, or begins a later message of the handshake.
    """
    at = count = 0
    while at + 5 <= len(octets) and count < _MOST_RECORDS:
        size = int.from_bytes(octets[at + 3 : at + 5], "big")
        if (
            octets[at] not in _KINDS
            or octets[at + 1] != 3
            or octets[at + 2] > 4
            or not 0 < size <= _MOST_RECORD
        ):
            return False
        count += 1
        at += 5 + size
    is_handshake = octets[:1] == b"\x16" and octets[5:6] in _LATER_MESSAGES
    return count > 1 or (count == 1 and (at == len(octets) or is_handshake))


def read_dtls(sent: Iterable[tuple[bool, bytes]]) -> TlsSeen | None:
    """Read both hellos of a DTLS connection from its datagrams, (was it sent by orig?, payload) each.

    The first ClientHello counts; one that repeats it with a cookie offers the same.
    """
    hello: ClientHello | None = None
    chosen = None
    pieces: dict[tuple[bool, int, int], tuple[int, dict[int, bytes]]] = {}
    kept = 0
    for by_orig, payload in sent:
        for message in _fragments(payload):
            kind, total, sequence, offset, octets = message
            kept += len(octets)
            if kind not in {CLIENT_HELLO, SERVER_HELLO} or kept > _MOST_HELLO or total > _MOST_HELLO:
                continue
            _, parts = pieces.setdefault((by_orig, kind, sequence), (total, {}))
            if len(parts) == _MOST_FRAGMENTS:
                continue
            parts.setdefault(offset, octets)
            body = _joined(parts)
            if len(body) < total:
                continue
            if kind == CLIENT_HELLO:
                hello = hello or read_client_hello(body, datagrams=True)
            else:
                chosen = read_server_hello(body)
    if hello is None and not any(kind == SERVER_HELLO for _, kind, _ in pieces):
        return None
    return told(hello, chosen, "d", whole=True)


def is_dtls(datagram: bytes) -> bool:
    """Tell whether a datagram opens with a DTLS record whose length fits."""
    if (
        len(datagram) < 13
        or datagram[0] not in _KINDS
        or datagram[1:3] not in {b"\xfe\xff", b"\xfe\xfd", b"\x01\x00"}
    ):
        return False
    return 13 + int.from_bytes(datagram[11:13], "big") <= len(datagram)


def _message(octets: bytes) -> tuple[int, bytes, bool] | None:
    """Put together the first handshake message: its type, its body as far as it is there, and is it whole."""
    reader = Octets(octets)
    handshake = bytearray()
    total = None
    while reader.left >= 5 and len(handshake) < _MOST_HELLO:
        kind, version, size = reader.number(1), reader.number(2), reader.number(2)
        if kind != _HANDSHAKE or version >> 8 != 3 or not 0 < size <= _MOST_RECORD:
            break
        handshake += reader.take(min(size, reader.left))
        if len(handshake) >= 4:
            total = 4 + int.from_bytes(handshake[1:4], "big")
            if len(handshake) >= total:
                return handshake[0], bytes(handshake[4:total]), True
    return (handshake[0], bytes(handshake[4:]), False) if len(handshake) > 4 else None


def _old_hello(octets: bytes) -> ClientHello | None:
    if not is_old_hello(octets):
        return None
    size = int.from_bytes(octets[5:7], "big")
    kinds = [octets[at : at + 3] for at in range(11, min(11 + size, len(octets) - 2), 3)]
    ciphers = tuple(int.from_bytes(kind[1:], "big") for kind in kinds if kind[0] == 0)
    return ClientHello(version=int.from_bytes(octets[3:5], "big"), ciphers=ciphers, whole=False)


def _fragments(datagram: bytes) -> Iterable[tuple[int, int, int, int, bytes]]:
    """Give the fragments of handshake messages in a datagram: kind, length, sequence, offset, octets."""
    reader = Octets(datagram)
    while reader.left >= 13:
        kind, _, epoch = reader.number(1), reader.number(2), reader.number(2)
        reader.take(6)
        size = reader.number(2)
        if kind not in _KINDS or size > reader.left:
            return
        record = Octets(reader.take(size))
        if kind != _HANDSHAKE or epoch:
            continue
        while record.left >= 12:
            message, total, sequence = record.number(1), record.number(3), record.number(2)
            offset, length = record.number(3), record.number(3)
            if length > record.left:
                return
            yield message, total, sequence, offset, record.take(length)


def _joined(parts: dict[int, bytes]) -> bytes:
    joined = bytearray()
    for offset in sorted(parts):
        if offset > len(joined):
            break
        joined += parts[offset][len(joined) - offset :]
    return bytes(joined)


def _printable(octets: bytes) -> str | None:
    name = octets.decode("ascii", "replace")
    return name if name.isprintable() and name.isascii() and len(name) <= 32 else None
