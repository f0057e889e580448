"""Cisco ASA: `show running-config` of release 8.3 and later."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset

_SIGNS = (
    (re.compile(r"(?m)^(?:ASA|PIX) Version \d"), 90),
    (re.compile(r"(?m)^: (?:Saved|Written by)"), 20),
    (re.compile(r"(?m)^\s+nameif \S+\s*$"), 30),
    (re.compile(r"(?m)^\s+security-level \d+\s*$"), 40),
    (re.compile(r"(?m)^access-list \S+ (?:line \d+ )?(?:extended|standard) (?:permit|deny) "), 40),
    (re.compile(r"(?m)^access-group \S+ (?:(?:in|out) interface \S+|global)"), 50),
    (re.compile(r"(?m)^object network \S+$|^nat \([^,)]+,[^,)]+\) "), 20),
)


def _recognises(head: str) -> int:
    score = sum(weight for sign, weight in _SIGNS if sign.search(head))
    return min(score, 97) if score >= 50 else 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.asa.parse import parse

    return parse(export)


FORMAT = Format(
    name="asa",
    title=Text(ja="Cisco ASA（show running-config）", en="Cisco ASA (show running-config)"),
    recognises=_recognises,
    parse=_parse,
)
