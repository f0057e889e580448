"""The register of the policy as the report tells it: zones, allowed flows with their approvals, waivers."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

from zoneguard.policy.services import format_service
from zoneguard.report.model import Registered, WaiverRead, ZoneRead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Policy
    from zoneguard.report.model import WaiverState
    from zoneguard.rules.evidence import Evidence

_SOON = 30  # days before its end from which a waiver is about to end


def zones_read(policy: Policy) -> tuple[ZoneRead, ...]:
    """Give the zones in the order of the policy."""
    return tuple(
        ZoneRead(id=zone.id, role=policy.role(zone.id) or zone.role, name=zone.name) for zone in policy.zones
    )


def register(policy: Policy, evidence: Evidence) -> tuple[Registered, ...]:
    """Give every allowed flow with its approval and when its traffic was seen."""
    lines = []
    for flow in policy.flows:
        seen, approval = evidence.allowed_seen.get(flow.id), flow.approval
        ends = {flow.source.zone, flow.destination.zone}
        lines.append(
            Registered(
                id=flow.id,
                kind=flow.kind.value,
                orig=flow.source.zone,
                resp=flow.destination.zone,
                services=tuple(format_service(service) for service in flow.services),
                observable=bool(ends & evidence.zones_observed),
                number=approval.number if approval else None,
                by=approval.by if approval else None,
                on=_iso(approval.on) if approval else None,
                until=_iso(approval.until) if approval else None,
                reason=approval.reason if approval else None,
                first_seen=seen[0] if seen else None,
                last_seen=seen[1] if seen else None,
            )
        )
    return tuple(lines)


def waivers_read(policy: Policy, findings: Sequence[Finding], *, today: str) -> tuple[WaiverRead, ...]:
    """Give every waiver, those that ended included, with the number of findings it covers."""
    covered = Counter(finding.waiver.id for finding in findings if finding.waiver is not None)
    return tuple(
        WaiverRead(
            id=one.id,
            rule=one.rule,
            owner=one.owner,
            reason=one.reason,
            until=one.until.isoformat(),
            state=_state(one.until, today),
            covered=covered[one.id],
            exceeded=0,
        )
        for one in policy.waivers
    )


def _state(until: date, today: str) -> WaiverState:
    left = (until - date.fromisoformat(today)).days
    return "expired" if left < 0 else "expiring" if left <= _SOON else "active"


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
