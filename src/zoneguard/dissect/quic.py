"""QUIC Initial packets, opened with the keys that anybody can derive (RFC 9001 section 5.2, RFC 9369)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.dissect.hello import CLIENT_HELLO, SERVER_HELLO, read_client_hello, read_server_hello
from zoneguard.dissect.octets import Octets, ShortError
from zoneguard.dissect.tls import told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.dissect.record import TlsSeen

_V1, _V2 = 1, 0x6B3343CF
_SALT_V1 = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_SALT_V2 = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
_SALT_29 = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")  # draft-ietf-quic-tls-29 to -32
_SALT_23 = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")  # draft-ietf-quic-tls-23 to -28
_EXPERIMENTS = frozenset({0xFACEB001, 0xFACEB002, 0xFACEB00E})  # mvfst; their first packets stay closed
_DRAFTS = 0xFF000000
_MOST_PACKETS = 64  # Initial packets that are opened
_MOST_HELLO = 1 << 16
_MOST_IDS = 8  # connection ids that are tried as the source of keys
_TAG = 16


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Header:
    """A long header and where its packet ends in the datagram."""

    version: int
    initial: bool
    destination: bytes
    number_at: int  # offset of the packet number, within the packet
    packet: bytes


def read_quic(sent: Iterable[tuple[bool, bytes]]) -> tuple[TlsSeen | None, str | None]:
    """Read the hellos of a QUIC connection from its datagrams; give what they say, and a trouble.

    A ClientHello may lie in several CRYPTO frames over several packets, in any order.
    """
    asked, answered = _Crypto(), _Crypto()
    ids: list[bytes] = []
    opened = 0
    for by_orig, datagram in sent:
        for header in _headers(datagram):
            if not header.initial or opened == _MOST_PACKETS:
                continue
            if by_orig and header.destination not in ids and len(ids) < _MOST_IDS:
                ids.append(header.destination)
            plain = _open(header, ids, by_orig=by_orig)
            opened += 1
            if plain is not None:
                (asked if by_orig else answered).add(plain)
        if asked.is_whole() and answered.is_whole():
            break
    return _told(asked, answered)


def is_quic(datagram: bytes) -> bool:
    """Tell a QUIC packet with a long header of a known version, or Google's QUIC that names its version."""
    if len(datagram) < 14:
        return False
    version = int.from_bytes(datagram[1:5], "big")
    if datagram[0] & 0x80:
        lengths_fit = datagram[5] <= 20 and 7 + datagram[5] <= len(datagram)
        google = datagram[1:2] in {b"Q", b"T"} and datagram[2:5].isdigit()
        known = (
            _salt(version) is not None
            or google
            or version & 0x0F0F0F0F == 0x0A0A0A0A
            or version in _EXPERIMENTS
        )
        return known and lengths_fit
    return datagram[0] & 0x09 == 0x09 and datagram[9:10] == b"Q" and datagram[10:13].isdigit()


def initial_keys(version: int, identity: bytes, label: bytes) -> tuple[bytes, bytes, bytes]:
    """Derive key, iv and header protection key of Initial packets from the client's first connection id.

    `label` is "client in" or "server in" (RFC 9001 section 5.2, RFC 9369 section 3.3).
    """
    secret = _expand(hmac.digest(_salt(version) or b"", identity, "sha256"), label, 32)
    prefix = b"quicv2 " if version == _V2 else b"quic "
    return (
        _expand(secret, prefix + b"key", 16),
        _expand(secret, prefix + b"iv", 12),
        _expand(secret, prefix + b"hp", 16),
    )


def _told(asked: _Crypto, answered: _Crypto) -> tuple[TlsSeen | None, str | None]:
    request, reply = asked.message(), answered.message()
    hello = read_client_hello(request[1]) if request is not None and request[0] == CLIENT_HELLO else None
    chosen = read_server_hello(reply[1]) if reply is not None and reply[0] == SERVER_HELLO else None
    if hello is None and chosen is None:
        return None, "quic-sealed"
    whole = asked.is_whole()
    return told(hello, chosen, "q", whole=whole), None if whole or hello is None else "hello-cut"


class _Crypto:
    """CRYPTO frames of one direction, put in order."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._waiting: dict[int, bytes] = {}

    def add(self, frames: bytes) -> None:
        """Take what one packet held."""
        for offset, octets in _crypto_frames(frames):
            if offset + len(octets) <= _MOST_HELLO and len(self._waiting) < _MOST_PACKETS * 4:
                self._waiting.setdefault(offset, octets)
        for offset in sorted(self._waiting):
            if offset > len(self._octets):
                break
            self._octets += self._waiting.pop(offset)[len(self._octets) - offset :]

    def is_whole(self) -> bool:
        """Tell whether the first handshake message is there to its end."""
        return len(self._octets) >= 4 and len(self._octets) >= 4 + int.from_bytes(self._octets[1:4], "big")

    def message(self) -> tuple[int, bytes] | None:
        """Give the type and the body of the first handshake message, as far as it is there."""
        if len(self._octets) <= 4:
            return None
        return self._octets[0], bytes(self._octets[4 : 4 + int.from_bytes(self._octets[1:4], "big")])


def _headers(datagram: bytes) -> Iterable[_Header]:
    """Give the packets with a long header that share a datagram (RFC 9000 section 12.2)."""
    at = 0
    while len(datagram) - at >= 7 and datagram[at] & 0xC0 == 0xC0:
        reader = Octets(datagram, at)
        try:
            first, version = reader.number(1), reader.number(4)
            if _salt(version) is None:
                return
            destination = reader.vector(1).rest()
            reader.vector(1)
            kind = first >> 4 & 3
            initial = kind == (1 if version == _V2 else 0)
            if kind == (0 if version == _V2 else 3):  # a Retry has no length
                return
            if initial:
                reader.take(_varint(reader))
            size = _varint(reader)
            number_at = reader.at - at
            end = reader.at + min(size, reader.left)
        except ShortError:
            return
        yield _Header(
            version=version,
            initial=initial,
            destination=destination,
            number_at=number_at,
            packet=datagram[at:end],
        )
        at = end


def _open(header: _Header, ids: list[bytes], *, by_orig: bool) -> bytes | None:
    """Remove both protections of an Initial packet; None where no known connection id gives its keys."""
    tried = sorted(ids, key=lambda one: one != header.destination) if by_orig else ids
    for identity in tried:
        plain = _opened_with(header, identity, b"client in" if by_orig else b"server in")
        if plain is not None:
            return plain
    return None


def _opened_with(header: _Header, identity: bytes, label: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, iv, mask_key = initial_keys(header.version, identity, label)
    packet, at = bytearray(header.packet), header.number_at
    sample = bytes(packet[at + 4 : at + 20])
    if len(sample) < 16:
        return None
    mask = Cipher(algorithms.AES(mask_key), modes.ECB()).encryptor().update(sample)  # noqa: S305 - RFC 9001 section 5.4.3
    packet[0] ^= mask[0] & 0x0F
    size = (packet[0] & 3) + 1
    for i in range(size):
        packet[at + i] ^= mask[1 + i]
    if len(packet) < at + size + _TAG:
        return None
    number = int.from_bytes(packet[at : at + size], "big")
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    try:
        plain: bytes = AESGCM(key).decrypt(nonce, bytes(packet[at + size :]), bytes(packet[: at + size]))
    except InvalidTag:
        return None
    return plain


def _crypto_frames(frames: bytes) -> Iterable[tuple[int, bytes]]:
    """Give offset and octets of the CRYPTO frames; only those frames an Initial packet may hold are passed over."""
    reader = Octets(frames)
    try:
        while reader.left:
            kind = reader.number(1)
            if kind in {0, 1}:
                continue
            if kind in {2, 3}:
                _pass_ack(reader, counts=kind == 3)
            elif kind == 6:
                offset, size = _varint(reader), _varint(reader)
                yield offset, reader.take(size)
            else:
                return
    except ShortError:
        return


def _pass_ack(reader: Octets, *, counts: bool) -> None:
    _varint(reader)
    _varint(reader)
    ranges = _varint(reader)
    for _ in range(1 + 2 * min(ranges, reader.left)):
        _varint(reader)
    for _ in range(3 if counts else 0):
        _varint(reader)


def _varint(reader: Octets) -> int:
    """Read an integer of variable length (RFC 9000 section 16)."""
    first = reader.number(1)
    more = (1 << (first >> 6)) - 1
    return (first & 0x3F) << 8 * more | reader.number(more)


def _salt(version: int) -> bytes | None:
    if version == _V1:
        return _SALT_V1
    if version == _V2:
        return _SALT_V2
    draft = version - _DRAFTS
    if 23 <= draft <= 28:
        return _SALT_23
    if 29 <= draft <= 32:
        return _SALT_29
    return _SALT_V1 if draft in {33, 34} else None


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label of TLS 1.3 with an empty context (RFC 8446 section 7.1); at most one block."""
    label = b"tls13 " + label
    told = size.to_bytes(2, "big") + bytes((len(label),)) + label + b"\0"
    return hmac.new(secret, told + b"\x01", hashlib.sha256).digest()[:size]
