"""NEC UNIVERGE IX routers: `show running-config`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset


def _recognises(head: str) -> int:
    if re.search(r"NEC Portable Internetwork Core|^! ?IX Series IX\d", head, re.MULTILINE):
        return 98
    shapes = (
        (45, r"^ip(?:v6)? access-list \S+ (?:\d+ )?(?:permit|deny) \S+ src \S+ "),
        (45, r"^\s+ip(?:v6)? filter \S+ \d+ (?:in|out)\b"),
        (30, r"^ip(?:v6)? ufs-cache enable"),
        (30, r"^interface (?:(?:Giga|Fast)Ethernet\d+(?:/\d+)?[.:]\d+|BVI\d+|Tunnel\d+\.\d+)\s*$"),
    )
    return min(95, sum(score for score, shape in shapes if re.search(shape, head, re.MULTILINE)))


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.nec_ix.parse import parse

    return parse(export)


FORMAT = Format(
    name="nec-ix",
    title=Text(ja="NEC UNIVERGE IX シリーズ", en="NEC UNIVERGE IX"),
    recognises=_recognises,
    parse=_parse,
)
