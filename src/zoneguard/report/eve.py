"""A finding shaped as an alert of Suricata's EVE log, for tools that read those already.

Own values are lists of strings in `alert.metadata`, for the schema of EVE allows no other keys
(https://docs.suricata.io/en/latest/output/eve/eve-json-format.html).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from zoneguard.findings.finding import LineLocator, PacketLocator, Severity
from zoneguard.report.harmless import harmless_json
from zoneguard.report.when import moment, time_zone

if TYPE_CHECKING:
    from datetime import tzinfo

    from zoneguard.findings.finding import Finding, Party
    from zoneguard.report.model import Report
    from zoneguard.text import Lang

_SEVERITIES = {
    Severity.CRITICAL: 1,
    Severity.HIGH: 1,
    Severity.MEDIUM: 2,
    Severity.LOW: 3,
    Severity.INFO: 4,
}
_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 51: "AH", 58: "IPv6-ICMP", 132: "SCTP"}
# Local rules number from 1,000,000 (https://doc.emergingthreats.net/bin/view/Main/SidAllocation); A05 is 1,990,105.
_FIRST_ID = 1_990_000
OWN_ID = _FIRST_ID  # of what is about no rule

Json = dict[str, Any]


def render_eve(report: Report) -> str:
    """Write one line of JSON a finding, timed by its last packet, or by the report where it rests on none."""
    zone = time_zone(report.policy.timezone)
    return "".join(
        harmless_json(json.dumps(_record(finding, report, zone), ensure_ascii=False)) + "\n"
        for finding in report.findings
    )


def alert(finding: Finding, *, time: int, zone: tzinfo, lang: Lang, metadata: Json) -> Json:
    """Give the record of a finding; `metadata` are further own values, of which empty ones are left out."""
    said = signature(
        _signature_id(finding.rule),
        f"{finding.rule} {finding.title.in_(lang)}",
        finding.name,
        _SEVERITIES[finding.severity],
    )
    own = {
        **metadata,
        "fingerprint": finding.fingerprint,
        "severity": finding.severity.value,
        "verdict": finding.verdict.value,
        "message": finding.message.in_(lang),
        "orig_zone": finding.orig and finding.orig.zone,
        "resp_zone": finding.resp and finding.resp.zone,
        "state": finding.state,
        "service": finding.service,
        "device": finding.device,
    }
    said["metadata"] = {name: [value] for name, value in own.items() if value}
    made = {
        "timestamp": eve_time(time, zone),
        "event_type": "alert",
        **_ends("src", finding.orig),
        **_ends("dest", finding.resp),
    }
    if finding.protocol in _PROTOCOLS:
        made["proto"] = _PROTOCOLS[finding.protocol]
    vlans = [end.vlan for end in (finding.orig, finding.resp) if end is not None and end.vlan]
    if vlans:
        made["vlan"] = list(dict.fromkeys(vlans))
    return {**made, "alert": said}


def signature(number: int, words: str, category: str, severity: int) -> Json:
    """Give the part of a record that says what is alerted of."""
    return {
        "action": "allowed",  # whoever reads a mirror port or a file blocks nothing
        "gid": 1,
        "signature_id": number,
        "rev": 1,
        "signature": words,
        "category": category,
        "severity": severity,
    }


def eve_time(time: int, zone: tzinfo) -> str:
    """Write a time as EVE does: microseconds, and an offset without a colon."""
    return moment(time, zone).strftime("%Y-%m-%dT%H:%M:%S.%f%z")


def _record(finding: Finding, report: Report, zone: tzinfo) -> Json:
    first = finding.first_seen
    return alert(
        finding,
        time=report.generated if finding.last_seen is None else finding.last_seen,
        zone=zone,
        lang=report.lang,
        metadata={
            "first_seen": None if first is None else eve_time(first, zone),
            "evidence": _place(finding),
            "waiver": finding.waiver and finding.waiver.id,
            "baseline": finding.baseline,
        },
    )


def _place(finding: Finding) -> str | None:
    match finding.locators[:1]:
        case (PacketLocator() as packet,):
            return f"{packet.file} frame {packet.frame}"
        case (LineLocator() as line,):
            return f"{line.file}:{line.line}"
        case _:
            return None


def _signature_id(rule: str) -> int:
    family, number = rule.removeprefix("ZG-")[:1], rule.removeprefix("ZG-")[1:]
    if not number.isdecimal() or not family.isalpha():
        return OWN_ID
    return _FIRST_ID + (ord(family) - ord("A") + 1) * 100 + int(number)


def _ends(side: str, party: Party | None) -> Json:
    made: Json = {}
    if party is not None and party.address is not None:
        made[f"{side}_ip"] = party.address
    if party is not None and party.port is not None:
        made[f"{side}_port"] = party.port
    return made
