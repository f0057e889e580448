"""The identification lines with which SSH begins (RFC 4253 section 4.2)."""

from __future__ import annotations

import re

_LINE = re.compile(rb"(?:^|\n)SSH-([0-9.]{3,5})-([\x21-\x7e]{1,255})")
_MOST_BEFORE = 8192  # octets of other lines that a server may send first


def read_banner(orig: bytes, resp: bytes) -> str | None:
    """Give the software version that the server, else the client, names; at most 64 characters."""
    for octets in (resp, orig):
        match = _LINE.search(octets[:_MOST_BEFORE])
        if match is not None:
            return match.group(2)[:64].decode("ascii")
    return None


def is_ssh(orig: bytes, resp: bytes) -> bool:
    """Tell whether either side opens with an identification line."""
    return orig.startswith(b"SSH-") or resp.startswith(b"SSH-")
