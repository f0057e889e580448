"""What one layer of a flow told, and where the next one begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zoneguard.dissect.record import Spoken

if TYPE_CHECKING:
    from zoneguard.dissect.record import (
        DialogueSeen,
        FilesSeen,
        NamesSeen,
        ProxySeen,
        ScreenSeen,
        TlsSeen,
        WebSeen,
    )

_SEALED = frozenset(
    {Spoken.TLS, Spoken.DTLS, Spoken.QUIC, Spoken.SSH, Spoken.WIREGUARD, Spoken.OPENVPN, Spoken.IKE}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The records of a layer; `behind` are the offsets, of orig and resp, at which another layer begins."""

    spoken: Spoken | None
    inside: Spoken | None = None
    tls: TlsSeen | None = None
    proxy: ProxySeen | None = None
    web: WebSeen | None = None
    screen: ScreenSeen | None = None
    dialogue: DialogueSeen | None = None
    names: NamesSeen | None = None
    files: FilesSeen | None = None
    banner: str | None = None
    numbers: int = 0
    troubles: tuple[str, ...] = ()
    behind: tuple[int, int] | None = None
    clear: tuple[int, int] | None = None  # offsets up to which the flow is in clear; None: all of it

    def is_sealed(self) -> bool:
        """Tell whether the outermost layer encrypts what it carries."""
        return self.spoken in _SEALED

    def swapped(self) -> Found:
        """Turn offsets of (resp, orig) into those of (orig, resp)."""
        return replace(self, clear=self.clear and (self.clear[1], self.clear[0]))

    def around(self, inner: Found) -> Found:
        """Add what the layer within told; where both told, the outer stands."""
        return replace(
            self,
            inside=inner.spoken,
            tls=self.tls or inner.tls,
            proxy=self.proxy or inner.proxy,
            web=self.web or inner.web,
            screen=self.screen or inner.screen,
            dialogue=self.dialogue or inner.dialogue,
            names=self.names or inner.names,
            files=self.files or inner.files,
            banner=self.banner or inner.banner,
            numbers=self.numbers + inner.numbers,
            troubles=(*self.troubles, *inner.troubles),
            clear=self.behind if inner.is_sealed() else self.clear,
        )
