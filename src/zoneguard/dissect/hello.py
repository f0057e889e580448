"""The ClientHello and the ServerHello of TLS and DTLS (RFC 8446, RFC 9147): what they say in clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.dissect.hostname import hostname
from zoneguard.dissect.octets import Octets, ShortError

if TYPE_CHECKING:
    from collections.abc import Iterable

CLIENT_HELLO, SERVER_HELLO = 1, 2
_SNI, _ALPN, _SIGNATURES, _VERSIONS, _ESNI = 0, 16, 13, 43, 0xFFCE
_ECH = range(0xFE08, 0xFE0E)  # drafts of Encrypted Client Hello up to RFC 9849 (65037)
_MOST_ALPN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello:
    """What a client offers; GREASE (RFC 8701) left out of every list. `whole`: it was read to its end."""

    version: int
    ciphers: tuple[int, ...] = ()
    extensions: tuple[int, ...] = ()
    server_name: str | None = None
    alpn: tuple[bytes, ...] = ()
    versions: tuple[int, ...] = ()  # of supported_versions, as offered
    signatures: tuple[int, ...] = ()
    encrypted_hello: bool = False
    whole: bool = True

    def __repr__(self) -> str:
        return f"ClientHello({self.version:#06x})"


def read_client_hello(body: bytes, *, datagrams: bool = False) -> ClientHello | None:
    """Read the body of a ClientHello, behind its handshake header; None when not even a version is there."""
    reader = Octets(body)
    try:
        version = reader.number(2)
    except ShortError:
        return None
    ciphers: tuple[int, ...] = ()
    found = _Extensions()
    whole = True
    try:
        reader.take(32)
        reader.vector(1)
        if datagrams:
            reader.vector(1)  # the cookie, RFC 6347 section 4.2.1
        ciphers = _numbers(reader.vector(2))
        reader.vector(1)
        if reader.left:  # TLS before extensions ends here
            size = reader.number(2)
            whole = size <= reader.left
            found.read(Octets(body, reader.at, reader.at + size))
    except ShortError:
        whole = False
    return ClientHello(
        version=version,
        ciphers=ciphers,
        extensions=tuple(found.kinds),
        server_name=found.server_name,
        alpn=found.alpn,
        versions=found.versions,
        signatures=found.signatures,
        encrypted_hello=found.encrypted_hello,
        whole=whole,
    )


def read_server_hello(body: bytes) -> int | None:
    """Give the version that a server chose: that of supported_versions before the legacy field.

    A HelloRetryRequest is a ServerHello with a fixed random number, and read the same.
    """
    reader = Octets(body)
    try:
        version = reader.number(2)
        reader.take(32)
        reader.vector(1)
        reader.take(3)
        if not reader.left:
            return version
        extensions = reader.vector(2)
        while extensions.left:
            kind = extensions.number(2)
            content = extensions.vector(2)
            if kind == _VERSIONS:
                return content.number(2)
    except ShortError:
        return None
    return version


def is_grease(value: int) -> bool:
    """Tell the reserved values that clients send at random (RFC 8701)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def newest_first(versions: Iterable[int]) -> tuple[int, ...]:
    """Sort versions, the newest first; those of DTLS count down (RFC 9147 section 5.3)."""
    return tuple(sorted(set(versions), key=_age, reverse=True))


class _Extensions:
    def __init__(self) -> None:
        self.kinds: list[int] = []
        self.server_name: str | None = None
        self.alpn: tuple[bytes, ...] = ()
        self.versions: tuple[int, ...] = ()
        self.signatures: tuple[int, ...] = ()
        self.encrypted_hello = False

    def read(self, reader: Octets) -> None:
        """Read extension by extension, so that a hello that is cut off tells what stands before the cut."""
        while reader.left:
            kind = reader.number(2)
            content = reader.vector(2)
            if is_grease(kind):
                continue
            self.kinds.append(kind)
            try:
                self._take(kind, content)
            except ShortError:
                continue  # an extension that lies about its lengths counts, and says nothing

    def _take(self, kind: int, content: Octets) -> None:
        if kind == _SNI and content.left:
            names = content.vector(2)
            if names.left and names.number(1) == 0:
                self.server_name = hostname(names.vector(2).rest())
        elif kind == _ALPN and content.left:
            names = content.vector(2)
            found: list[bytes] = []
            while names.left and len(found) < _MOST_ALPN:
                found.append(names.vector(1).rest())
            self.alpn = tuple(found)
        elif kind == _SIGNATURES:
            self.signatures = _numbers(content.vector(2))
        elif kind == _VERSIONS:
            self.versions = _numbers(content.vector(1))
        elif kind == _ESNI or kind in _ECH:
            self.encrypted_hello = True


def _numbers(reader: Octets) -> tuple[int, ...]:
    found: list[int] = []
    while reader.left >= 2:
        value = reader.number(2)
        if not is_grease(value):
            found.append(value)
    return tuple(found)


def _age(version: int) -> int:
    return 0x01FF - (version & 0xFF) if version >> 8 == 0xFE else version
