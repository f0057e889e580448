"""pfSense and OPNsense: the backup of the configuration, config.xml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset

_ROOT = re.compile(r"<(?:pfsense|opnsense)>")


def _recognises(head: str) -> int:
    return 100 if _ROOT.search(head) else 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.pfsense.parse import parse

    return parse(export)


FORMAT = Format(
    name="pfsense",
    title=Text(ja="pfSense・OPNsense（config.xml）", en="pfSense and OPNsense (config.xml)"),
    recognises=_recognises,
    parse=_parse,
)
