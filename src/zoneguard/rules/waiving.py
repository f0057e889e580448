"""Waivers: findings accepted for a time stay in the report, with owner, reason and last day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal, NamedTuple

from zoneguard.findings.finding import AppliedWaiver, Severity
from zoneguard.findings.threshold import exceeds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Waiver

EXPIRING = timedelta(days=30)  # a renewal passes the owner's desk and the approver's


class Entry(NamedTuple):
    """One line of the register of waivers."""

    waiver: Waiver
    state: Literal["active", "expiring", "expired"]
    covered: int  # findings it covers
    exceeded: int  # findings that it names, and that are too grave for it


def waive(
    finding: Finding, waivers: Sequence[Waiver], *, today: str, usual: Mapping[str, Severity]
) -> Finding:
    """Mark a finding with the first waiver that covers it and has not ended; the last day still counts.

    A waiver covers findings up to its severity; without one, up to the `usual` severity of the rule (by its
    id). Somebody accepted that much: the same finding grown graver is not what was accepted.
    """
    named = naming(finding, waivers, today=today)
    found = next((one for one in named if not _is_too_grave(one, finding, usual)), None)
    if found is None:
        return finding
    applied = AppliedWaiver(
        id=found.id, owner=found.owner, reason=found.reason, until=found.until.isoformat()
    )
    return replace(finding, waiver=applied)


def naming(finding: Finding, waivers: Sequence[Waiver], *, today: str) -> Iterator[Waiver]:
    """Yield the waivers that name a finding, however grave it is, and have not ended."""
    day = date.fromisoformat(today)
    return (one for one in waivers if one.until >= day and covers(one, finding))


def register(
    findings: Iterable[Finding], waivers: Sequence[Waiver], *, today: str, usual: Mapping[str, Severity]
) -> Iterator[Entry]:
    """Give every waiver of the policy with what it covers, in the order of the policy."""
    day = date.fromisoformat(today)
    found = list(findings)
    for one in waivers:
        if one.until < day:
            yield Entry(one, "expired", 0, 0)
            continue
        covered = sum(finding.waiver is not None and finding.waiver.id == one.id for finding in found)
        exceeded = sum(
            finding.waiver is None and covers(one, finding) and _is_too_grave(one, finding, usual)
            for finding in found
        )
        state: Literal["active", "expiring"] = "expiring" if one.until - day <= EXPIRING else "active"
        yield Entry(one, state, covered, exceeded)


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


def _is_too_grave(waiver: Waiver, finding: Finding, usual: Mapping[str, Severity]) -> bool:
    most = Severity(waiver.severity) if waiver.severity else usual[finding.rule]
    return exceeds(finding.severity, most)


def _is_served(waiver: Waiver, finding: Finding) -> bool:
    port = finding.resp.port if finding.resp else None
    return finding.protocol is not None and any(
        service.protocol in {None, finding.protocol}
        and (
            service.ports == (0, 65535) or (port is not None and service.ports[0] <= port <= service.ports[1])
        )
        for service in waiver.services
    )
