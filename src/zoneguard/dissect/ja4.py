"""JA4: the fingerprint of a TLS client, as FoxIO publishes it (technical_details/JA4.md, BSD 3-Clause)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from zoneguard.dissect.hello import newest_first

if TYPE_CHECKING:
    from zoneguard.dissect.hello import ClientHello

_VERSIONS = {
    0x0304: "13",
    0x0303: "12",
    0x0302: "11",
    0x0301: "10",
    0x0300: "s3",
    0x0002: "s2",
    0xFEFF: "d1",
    0xFEFD: "d2",
    0xFEFC: "d3",
}
_SNI, _ALPN = 0, 16
_NOTHING = "0" * 12


def ja4(hello: ClientHello, transport: str) -> str:
    """Give the JA4 of a whole ClientHello; transport is "t" (TCP), "q" (QUIC) or "d" (DTLS)."""
    version = newest_first(hello.versions or (hello.version,))[0]
    ciphers = [f"{cipher:04x}" for cipher in sorted(hello.ciphers)]
    extensions = [f"{kind:04x}" for kind in sorted(hello.extensions) if kind not in {_SNI, _ALPN}]
    signatures = [f"{one:04x}" for one in hello.signatures]
    first = (
        f"{transport}{_VERSIONS.get(version, '00')}{'d' if _SNI in hello.extensions else 'i'}"
        f"{min(len(hello.ciphers), 99):02d}{min(len(hello.extensions), 99):02d}{_protocol(hello.alpn)}"
    )
    told = ",".join(extensions) + ("_" + ",".join(signatures) if signatures else "")
    return f"{first}_{_hashed(','.join(ciphers))}_{_hashed(told) if extensions else _NOTHING}"


def _protocol(alpn: tuple[bytes, ...]) -> str:
    if not alpn or not alpn[0]:
        return "00"
    first, last = alpn[0][:1], alpn[0][-1:]
    if first.isalnum() and last.isalnum():
        return (first + last).decode("ascii")
    return alpn[0].hex()[0] + alpn[0].hex()[-1]


def _hashed(told: str) -> str:
    return hashlib.sha256(told.encode("ascii")).hexdigest()[:12] if told else _NOTHING
