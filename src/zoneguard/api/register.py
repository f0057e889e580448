"""The policy as the report tells it: itself, its zones, and allowed flows with their approvals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.policy.services import format_service
from zoneguard.report.model import PolicyRead, Registered, ZoneRead

if TYPE_CHECKING:
    from datetime import date

    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import Evidence


def policy_read(policy: Policy) -> PolicyRead:
    """Name the policy that was judged by."""
    return PolicyRead(
        path=policy.path,
        sha256=policy.sha256,
        organization=policy.organization,
        model=policy.model,
        timezone=policy.timezone,
    )


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


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
