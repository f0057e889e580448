"""Listings of nft: `nft list ruleset`, as text with the ip output that may stand in the same file, or as JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset

_JSON = re.compile(r'\s*\{\s*"nftables"\s*:\s*\[')
_TABLE = re.compile(r"(?m)^\s*table (?:ip6?|inet|netdev|bridge|arp) \S+ \{")
_HOOK = re.compile(r"(?m)^\s*type (?:filter|nat|route) hook \w+ (?:devices? .* )?priority ")


def recognises(head: str) -> int:
    """Tell a listing by the frame of its JSON, or by a table with a hook."""
    if _JSON.match(head):
        return 95
    if _TABLE.search(head):
        return 95 if _HOOK.search(head) else 80
    return 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.nftables.read import read

    return read(export)


FORMAT = Format(
    name="nftables",
    title=Text(ja="nft list ruleset（Linux、テキストと JSON）", en="nft list ruleset (Linux, text and JSON)"),
    recognises=recognises,
    parse=_parse,
)
