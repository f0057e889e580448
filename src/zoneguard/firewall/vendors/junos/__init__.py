"""Juniper SRX and other Junos devices: `show configuration` in braces, as `display set` and as `display xml`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset

_SURE = re.compile(
    r"(?m)^\s*(?:from-zone \S+ to-zone \S+ \{|security-zone \S+ \{"
    r"|set (?:logical-systems \S+ |tenants \S+ |groups \S+ )?security (?:policies|zones|nat|address-book)\b"
    r"|set (?:version \d|firewall family inet|interfaces (?:ge|xe|et|reth|irb|ae|lo|fxp|st)[-\d]\S* unit))"
    r"|<configuration[^>]*xmlns(?::junos)?=\"http://(?:xml|yang)\.juniper\.net"
    r"|<rpc-reply[^>]*junos|<security-zone>|<from-zone-name>"
)
_LIKELY = re.compile(
    r"(?m)^(?:version \d+\.\d\S*;|(?:system|security|interfaces|routing-options|policy-options|applications|firewall) \{)\s*$"
)


def _recognises(head: str) -> int:
    if _SURE.search(head):
        return 95
    return 80 if len(_LIKELY.findall(head)) >= 2 else 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.junos.parse import parse

    return parse(export)


FORMAT = Format(
    name="junos",
    title=Text(ja="Juniper SRX（Junos OS）", en="Juniper SRX (Junos OS)"),
    recognises=_recognises,
    parse=_parse,
)
