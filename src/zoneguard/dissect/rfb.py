"""RFB, the protocol of VNC: versions, security, and how often the clipboard was passed (RFC 6143)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zoneguard.dissect.octets import Octets, ShortError
from zoneguard.dissect.record import ScreenSeen, Spoken

_VERSION = re.compile(rb"RFB ([0-9]{3})\.([0-9]{3})\n")
_SECURITY = {
    0: "refused",
    1: "none",
    2: "vnc",
    5: "ra2",
    6: "ra2ne",
    16: "tight",
    17: "ultra",
    18: "tls",
    19: "vencrypt",
    20: "sasl",
    30: "ard",
}
_CUT_TEXT_BY_CLIENT, _CUT_TEXT_BY_SERVER = 6, 3
_FROM_CLIENT = {0: 19, 3: 9, 4: 7, 5: 5, 150: 9}  # octets behind the type
_MOST_MESSAGES = 200_000  # of one side that are followed
_RAW, _COPY, _RRE, _ZLIB, _ZRLE = 0, 1, 2, 6, 16
_SIZE, _LAST = -223, -224  # pseudo-encodings


def is_rfb(orig: bytes, resp: bytes) -> bool:
    """Tell whether either side opens with a version of RFB."""
    return any(_VERSION.match(octets) is not None for octets in (orig, resp))


def read_rfb(orig: bytes, resp: bytes) -> tuple[ScreenSeen, str | None]:
    """Read the handshake and, where the session is in clear, count messages with the clipboard's text."""
    client, server = Octets(orig, 12), Octets(resp, 12)
    security = None
    clipboard = 0
    trouble = None
    try:
        minor, security = _agree(orig, client, server)
        if security in {1, 2} and _authenticate(minor, security, client, server):
            pixel = _begin(client, server)
            told, by_client = _by_client(client)
            heard, by_server = _by_server(server, pixel)
            clipboard = told + heard
            trouble = None if by_client and by_server else "screen-cut"
    except ShortError:
        trouble = "screen-cut"
    name = None if security is None else _SECURITY.get(security, f"type {security}")
    return ScreenSeen(protocol=Spoken.RFB, security=name, clipboard=clipboard), trouble


def _agree(orig: bytes, client: Octets, server: Octets) -> tuple[int, int | None]:
    """Give the minor version of RFB 3 and the kind of security that was chosen."""
    version = _VERSION.match(orig)
    if version is None:
        return 0, None
    minor = int(version.group(2)) if int(version.group(1)) == 3 else 8
    if minor < 7:
        return minor, server.number(4)
    server.vector(1)
    return minor, client.number(1)


def _authenticate(minor: int, security: int, client: Octets, server: Octets) -> bool:
    """Pass over challenge and response; was the client let in?"""
    if security == 2:
        server.take(16)
        client.take(16)
    return (security == 1 and minor < 8) or server.number(4) == 0


@dataclass(slots=True)
class _Screen:
    octets: int  # of a pixel


def _begin(client: Octets, server: Octets) -> _Screen:
    client.take(1)
    server.take(4)
    bits = server.number(1)
    server.take(15)
    server.take(server.number(4))
    return _Screen(bits // 8 or 1)


def _by_client(reader: Octets) -> tuple[int, bool]:
    """Count the clipboard messages of the client; was it understood to its end?"""
    count = 0
    try:
        for _ in range(_MOST_MESSAGES):
            if not reader.left:
                return count, True
            kind = reader.number(1)
            if kind in _FROM_CLIENT:
                reader.take(_FROM_CLIENT[kind])
            elif kind == 2:
                reader.take(1)
                reader.take(4 * reader.number(2))
            elif kind == _CUT_TEXT_BY_CLIENT:
                count += 1
                _pass_text(reader)
            else:
                return count, False
    except ShortError:
        return count, False
    return count, False


def _by_server(reader: Octets, screen: _Screen) -> tuple[int, bool]:
    """Count the clipboard messages of the server, as long as the pictures between them can be passed over."""
    count = 0
    try:
        for _ in range(_MOST_MESSAGES):
            if not reader.left:
                return count, True
            kind = reader.number(1)
            if kind == 0:
                reader.take(1)
                if not _pass_picture(reader, screen):
                    return count, False
            elif kind == 1:
                reader.take(3)
                reader.take(6 * reader.number(2))
            elif kind == _CUT_TEXT_BY_SERVER:
                count += 1
                _pass_text(reader)
            elif kind != 2:
                return count, False
    except ShortError:
        return count, False
    return count, False


def _pass_picture(reader: Octets, screen: _Screen) -> bool:
    for _ in range(reader.number(2)):
        reader.take(4)
        area = reader.number(2) * reader.number(2)
        encoding = int.from_bytes(reader.take(4), "big", signed=True)
        if encoding == _RAW:
            reader.take(area * screen.octets)
        elif encoding == _COPY:
            reader.take(4)
        elif encoding == _RRE:
            reader.take(reader.number(4) * (screen.octets + 8) + screen.octets)
        elif encoding in {_ZLIB, _ZRLE}:
            reader.take(reader.number(4))
        elif encoding == _LAST:
            return True
        elif encoding != _SIZE:
            return False
    return True


def _pass_text(reader: Octets) -> None:
    """Pass over a text; a negative length is that of the extended clipboard."""
    reader.take(3)
    reader.take(abs(int.from_bytes(reader.take(4), "big", signed=True)))
