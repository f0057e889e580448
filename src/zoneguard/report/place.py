"""Where a finding stands, for tools that want a file and a line."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

from zoneguard.findings.finding import LineLocator

if TYPE_CHECKING:
    from zoneguard.findings.finding import Finding, PacketLocator


def primary_place(finding: Finding) -> PacketLocator | LineLocator | None:
    """Give the first line of an export, or else the first packet."""
    lines = [one for one in finding.locators if isinstance(one, LineLocator) and one.line > 0]
    return next(iter(lines or finding.locators), None)


def repository_path(path: str) -> str:
    """Write a path as forges have it: with slashes, and relative without ./ ."""
    return PurePath(path).as_posix()


def uri_reference(path: str) -> str:
    """Write a path as a URI reference in ASCII (RFC 3986): relative as it is, absolute with file:."""
    posix = repository_path(path)
    try:
        octets = posix.encode("utf-8", "surrogateescape")  # a name that is no UTF-8 keeps its octets
    except UnicodeEncodeError:
        octets = posix.encode("utf-8", "surrogatepass")
    quoted = quote(octets, safe="/-._~")
    if posix.startswith("/"):
        return f"file://{quoted}"
    return quoted or "."
