"""Every rule, sorted by id, and the judgement by all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import SEVERITY_ORDER
from zoneguard.rules.clauses import shipped_clauses
from zoneguard.rules.coverage import observation
from zoneguard.rules.crossing import (
    crossing_attempt,
    direct_flow,
    mynumber_crossing,
    one_way,
    other_service,
    out_of_scope,
    public_address,
    reverse_initiation,
)
from zoneguard.rules.egress import cloud_bypass
from zoneguard.rules.firewall import (
    contradiction,
    missing_filter,
    permit_beyond,
    unlogged_permit,
    wide_permit,
)
from zoneguard.rules.hosts import (
    dual_homed_host,
    layer2_leak,
    rogue_router,
    unmanaged_address,
    vlan_mismatch,
)
from zoneguard.rules.primary import primaries
from zoneguard.rules.register import (
    expired_approval,
    mac_mismatch,
    required_flow,
    unused_permit,
    wide_route,
    wide_service,
)
from zoneguard.rules.sanitisation import sanitiser_bypass, screen_protocol, unsanitised_mail
from zoneguard.rules.services import directory_crossing, dns_leak, infrastructure_leak
from zoneguard.rules.tunnels import crossing_inside, ipv6_leak, unapproved_tunnel
from zoneguard.rules.waiving import waive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zoneguard.findings.finding import Clause, Finding
    from zoneguard.rules.base import Rule
    from zoneguard.rules.evidence import Evidence

CATALOGUE: tuple[Rule, ...] = (
    mynumber_crossing.RULE,  # ZG-A01
    crossing_attempt.RULE,  # ZG-A02
    direct_flow.RULE,  # ZG-A03
    public_address.RULE,  # ZG-A04
    reverse_initiation.RULE,  # ZG-A05
    other_service.RULE,  # ZG-A06
    one_way.RULE,  # ZG-A07
    out_of_scope.RULE,  # ZG-A08
    sanitiser_bypass.RULE,  # ZG-B01
    screen_protocol.RULE,  # ZG-B02
    unsanitised_mail.RULE,  # ZG-B04
    wide_route.RULE,  # ZG-C01
    wide_service.RULE,  # ZG-C02
    mac_mismatch.RULE,  # ZG-C03
    expired_approval.RULE,  # ZG-C04
    unused_permit.RULE,  # ZG-C06
    required_flow.RULE,  # ZG-C07
    cloud_bypass.RULE,  # ZG-D03
    dual_homed_host.RULE,  # ZG-E01
    unmanaged_address.RULE,  # ZG-E02
    vlan_mismatch.RULE,  # ZG-E03
    rogue_router.RULE,  # ZG-E04
    layer2_leak.RULE,  # ZG-E05
    unapproved_tunnel.RULE,  # ZG-F01
    crossing_inside.RULE,  # ZG-F02
    ipv6_leak.RULE,  # ZG-F03
    dns_leak.RULE,  # ZG-G01
    infrastructure_leak.RULE,  # ZG-G02
    directory_crossing.RULE,  # ZG-G03
    wide_permit.RULE,  # ZG-H01
    permit_beyond.RULE,  # ZG-H02
    unlogged_permit.RULE,  # ZG-H03
    missing_filter.RULE,  # ZG-H04
    contradiction.RULE,  # ZG-H05
    observation.RULE,  # ZG-I01
)

USUAL = {rule.id: rule.severity for rule in CATALOGUE}


def judge(
    evidence: Evidence,
    catalogue: Sequence[Rule] = CATALOGUE,
    *,
    clauses: Mapping[str, Clause] | None = None,
) -> tuple[Finding, ...]:
    """Judge evidence by every rule: one primary finding a subject, clauses and waivers put in, gravest first."""
    table = shipped_clauses() if clauses is None else clauses
    cited = {rule.id: tuple(table[key] for key in rule.clauses) for rule in catalogue}
    usual = {rule.id: rule.severity for rule in catalogue}
    asked = (rule for rule in catalogue if evidence.traffic or not rule.needs_traffic)
    found = ((rule, finding) for rule in asked for finding in rule.check(evidence))
    findings = (
        waive(finding, evidence.policy.waivers, today=evidence.today, usual=usual)
        for finding in primaries(evidence, found, cited)
    )
    return tuple(sorted(findings, key=_place))


def _place(finding: Finding) -> tuple[int | str, ...]:
    ends = [(end.zone, end.address or "") if end else ("", "") for end in (finding.orig, finding.resp)]
    return (
        SEVERITY_ORDER.index(finding.severity),
        finding.rule,
        ends[0][0],
        ends[1][0],
        ends[0][1],
        ends[1][1],
        finding.service or "",
        finding.name,
        finding.fingerprint,
    )
