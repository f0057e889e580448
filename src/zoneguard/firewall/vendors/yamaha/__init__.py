"""YAMAHA RTX, NVR and FWX routers: `show config`, as text from a console, a file or a mail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset


def _recognises(head: str) -> int:
    if re.search(r"^# (?:RTX|NVR|FWX|RT|SRT)\w* ", head, re.MULTILINE):
        return 95
    shapes = (
        r"^\s*ip(?:v6)? \S+ secure filter (?:in|out) ",
        r"^\s*ip(?:v6)? filter (?:dynamic )?\d+ (?:(?:pass|reject|restrict)\b|\S+ \S+ \w)",
        r"^\s*(?:pp|tunnel) select \w+",
        r"^\s*nat descriptor \w+ ",
        r"^\s*ip (?:lan|vlan|pp)\S* address ",
    )
    return min(90, 30 * sum(1 for shape in shapes if re.search(shape, head, re.MULTILINE)))


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.yamaha.parse import parse

    return parse(export)


FORMAT = Format(
    name="yamaha",
    title=Text(ja="ヤマハ RTX・NVR・FWX シリーズ", en="YAMAHA RTX, NVR and FWX"),
    recognises=_recognises,
    parse=_parse,
)
