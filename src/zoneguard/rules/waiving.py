"""Waivers: findings accepted for a time stay in the report, with owner, reason and last day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from ipaddress import ip_address
from typing import TYPE_CHECKING

from zoneguard.findings.finding import AppliedWaiver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Waiver


def waive(finding: Finding, waivers: Sequence[Waiver], *, today: str) -> Finding:
    """Mark a finding with the first waiver that covers it and has not ended; the last day still counts."""
    day = date.fromisoformat(today)
    found = next((one for one in waivers if one.until >= day and covers(one, finding)), None)
    if found is None:
        return finding
    applied = AppliedWaiver(
        id=found.id, owner=found.owner, reason=found.reason, until=found.until.isoformat()
    )
    return replace(finding, waiver=applied)


def covers(waiver: Waiver, finding: Finding) -> bool:
    """Tell whether a waiver names this finding; what the waiver leaves open fits anything."""
    ends = [end for end in (finding.orig, finding.resp) if end is not None]
    addresses = [ip_address(end.address) for end in ends if end.address]
    zones = (
        finding.orig.zone if finding.orig else None,
        finding.resp.zone if finding.resp else None,
    )
    return (
        waiver.rule in {finding.rule, finding.name}
        and waiver.orig_zone in {None, zones[0]}
        and waiver.resp_zone in {None, zones[1]}
        and (not waiver.networks or any(one in network for one in addresses for network in waiver.networks))
        and (not waiver.services or _is_served(waiver, finding))
    )


def _is_served(waiver: Waiver, finding: Finding) -> bool:
    port = finding.resp.port if finding.resp else None
    return finding.protocol is not None and any(
        service.protocol in {None, finding.protocol}
        and (
            service.ports == (0, 65535) or (port is not None and service.ports[0] <= port <= service.ports[1])
        )
        for service in waiver.services
    )
