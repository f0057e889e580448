"""Azure network security groups: `az network nsg list` or `show`, and resources exported as JSON.

Each group is a device of its own with two sides: the subnet or network interface it is bound to (`inside`) and all
else (`outside`). Which addresses are inside the export does not say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset

_KNOWN = re.compile(
    r'(?i)"(?:defaultSecurityRules|securityRules)"\s*:|"Microsoft\.Network/networkSecurityGroups'
)


def _recognises(head: str) -> int:
    return 96 if _KNOWN.search(head) else 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.azure.parse import parse

    return parse(export)


FORMAT = Format(
    name="azure",
    title=Text(
        ja="Azure ネットワークセキュリティグループ（JSON）", en="Azure network security groups (JSON)"
    ),
    recognises=_recognises,
    parse=_parse,
)
