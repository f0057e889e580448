"""Names of hosts as a client writes them, brought to one form."""

from __future__ import annotations

import re

_FORM = re.compile(r"[0-9a-z_.:-]{1,255}")
_HOST_PORT = re.compile(rb"(?:\[([0-9A-Fa-f:.%]{2,64})\]|([^\s:\[\]/@]{1,255}))(?::([0-9]{1,5}))?")


def hostname(octets: bytes) -> str | None:
    """Give a name in lower case without its trailing dot; None for what cannot be a host's name."""
    name = octets.decode("latin-1").lower().rstrip(".")
    return name if _FORM.fullmatch(name) else None


def host_and_port(octets: bytes, port: int) -> tuple[str, int] | None:
    """Read `host`, `host:port` or `[address]:port` (RFC 3986 section 3.2); `port` stands in for a missing one."""
    match = _HOST_PORT.fullmatch(octets.strip())
    if match is None:
        return None
    name = hostname(match.group(1) or match.group(2))
    told = int(match.group(3)) if match.group(3) else port
    return (name, told) if name and told <= 0xFFFF else None
