"""Palo Alto Networks PAN-OS and Panorama: configurations as XML or as `set` commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset

_XML = re.compile(r'<config[^>]*(?:urldb="|detail-version="|version="\d+\.\d+\.\d+")|<config>')
_XML_PART = re.compile(r"<(?:mgt-config|deviceconfig|rulebase|pre-rulebase|device-group|vsys)>")
_SET = re.compile(
    r"(?m)^set (?:shared |vsys \S+ |device-group (?:\S+|\"[^\"]+\") )?"
    r"(?:(?:(?:pre-|post-)?rulebase (?:security|nat|default-security-rules) rules )"
    r"|deviceconfig system |address (?:\S+|\"[^\"]+\") ip-(?:netmask|range|wildcard) |zone \S+ network layer3 "
    r"|network interface ethernet )"
)


def _recognises(head: str) -> int:
    if _XML.search(head) and (_XML_PART.search(head) or "paloaltonetworks" in head):
        return 95
    return 90 if _SET.search(head) else 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.panos.parse import parse

    return parse(export)


FORMAT = Format(
    name="panos",
    title=Text(ja="Palo Alto Networks（PAN-OS）", en="Palo Alto Networks (PAN-OS)"),
    recognises=_recognises,
    parse=_parse,
)
