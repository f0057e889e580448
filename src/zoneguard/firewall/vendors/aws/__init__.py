"""Amazon VPC: what `aws ec2 describe-security-groups` and `describe-network-acls` print as JSON.

Each security group and each network ACL is a device of its own with two sides: what it protects (`inside`) and all
else (`outside`). Which addresses are inside they do not say: that tell `describe-vpcs` and `describe-subnets`, where
their output stands beside.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset

_KNOWN = re.compile(r'"(?:SecurityGroups|NetworkAcls)"\s*:')


def _recognises(head: str) -> int:
    return 97 if _KNOWN.search(head) else 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.aws.parse import parse

    return parse(export)


FORMAT = Format(
    name="aws",
    title=Text(
        ja="AWS セキュリティグループ・ネットワークACL（JSON）",
        en="AWS security groups and network ACLs (JSON)",
    ),
    recognises=_recognises,
    parse=_parse,
)
