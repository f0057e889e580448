"""Cisco IOS and IOS XE: `show running-config` of routers and layer-3 switches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset

_OTHER_CISCO = re.compile(r"(?m)^(?:ASA Version|PIX Version|!! IOS XR|feature |nameif |vdc |\s+nameif )")
_SIGNS = (
    (re.compile(r"(?m)^Current configuration : \d+ bytes"), 50),
    (re.compile(r"(?m)^version 1[0-9]\.\d"), 30),
    (re.compile(r"(?m)^(?:no )?service (?:timestamps|password-encryption|pad)"), 20),
    (re.compile(r"(?m)^ip access-list (?:extended|standard) |^access-list \d+ (?:permit|deny|remark) "), 30),
    (re.compile(r"(?m)^ (?:ip access-group \S+ (?:in|out)|zone-member security |ip nat (?:in|out)side)"), 30),
    (
        re.compile(
            r"(?m)^interface (?:Fast|Gigabit|TenGigabit|TwentyFiveGigE|FortyGigabit|HundredGigE|Vlan|Port-channel)"
        ),
        20,
    ),
)


def _recognises(head: str) -> int:
    if _OTHER_CISCO.search(head):
        return 0
    score = sum(weight for sign, weight in _SIGNS if sign.search(head))
    return min(score, 95) if score >= 30 else 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.ios.parse import parse

    return parse(export)


FORMAT = Format(
    name="ios",
    title=Text(
        ja="Cisco IOS・IOS XE（show running-config）", en="Cisco IOS and IOS XE (show running-config)"
    ),
    recognises=_recognises,
    parse=_parse,
)
