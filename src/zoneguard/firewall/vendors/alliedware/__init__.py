"""Allied Telesis AlliedWare Plus (AR and ARX series): `show running-config`, with its entity-based firewall and NAT."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset

_RULE = re.compile(r"(?m)^ +rule (?:\d+ )?(?:permit|deny|reject|log|masq|portfwd|netmap) \S+ from \S+")
_ZONE = re.compile(r"(?m)^zone \S+\s*\n +network \S+")


def _recognises(head: str) -> int:
    if _RULE.search(head):
        return 96
    return 92 if _ZONE.search(head) else 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.alliedware.parse import parse

    return parse(export)


FORMAT = Format(
    name="alliedware",
    title=Text(
        ja="アライドテレシス AlliedWare Plus（ARシリーズ）", en="Allied Telesis AlliedWare Plus (AR series)"
    ),
    recognises=_recognises,
    parse=_parse,
)
