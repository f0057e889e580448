"""A change shaped as an alert of Suricata's EVE log, for tools that read those already.

Own values are lists of strings in `alert.metadata`, for the schema of EVE allows no other keys
(https://docs.suricata.io/en/latest/output/eve/eve-json-format.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoneguard.findings.finding import Severity
from zoneguard.report.when import moment
from zoneguard.sensor.messages import notices_of, told_of
from zoneguard.sensor.sinks.wording import counts_of, summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from zoneguard.findings.finding import Party
    from zoneguard.sensor.messages import Told
    from zoneguard.sensor.sinks.base import Outgoing
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
_OWN_ID = _FIRST_ID  # of what is about no rule

Json = dict[str, Any]


def alerts(message: Outgoing, zone: tzinfo, lang: Lang) -> Iterator[Json]:
    """Give one EVE record for each thing a message tells."""
    place = 0
    for one in told_of(message.body):
        yield _alert(message, one, place, zone, lang)
        place += 1
    texts = notices_of(message.body)
    if message.kind == "digest":
        texts.insert(0, summary(counts_of(message.body)))
    for text in texts:
        alert = _signature(_OWN_ID, text.in_(lang), "ZoneGuard", 3)
        alert["metadata"] = {"zoneguard_key": [f"{message.key}#{place}"]}
        yield {**_head(message, message.body["at"], zone), "alert": alert}
        place += 1


def eve_time(time: int, zone: tzinfo) -> str:
    """Write a time as EVE does: microseconds, and an offset without a colon."""
    return moment(time, zone).strftime("%Y-%m-%dT%H:%M:%S.%f%z")


def _alert(message: Outgoing, one: Told, place: int, zone: tzinfo, lang: Lang) -> Json:
    finding = one.finding
    alert = _signature(
        _signature_id(finding.rule),
        f"{finding.rule} {finding.title.in_(lang)}",
        finding.name,
        _SEVERITIES[finding.severity],
    )
    metadata = {
        "zoneguard_key": f"{message.key}#{place}",
        "change": one.change.value,
        "fingerprint": finding.fingerprint,
        "severity": finding.severity.value,
        "verdict": finding.verdict.value,
        "message": finding.message.in_(lang),
        "orig_zone": finding.orig and finding.orig.zone,
        "resp_zone": finding.resp and finding.resp.zone,
        "state": finding.state,
        "service": finding.service,
        "device": finding.device,
        "first_seen": eve_time(one.first_seen, zone),
    }
    alert["metadata"] = {name: [value] for name, value in metadata.items() if value}
    made = {
        **_head(message, one.last_seen, zone),
        **_ends("src", finding.orig),
        **_ends("dest", finding.resp),
    }
    if finding.protocol in _PROTOCOLS:
        made["proto"] = _PROTOCOLS[finding.protocol]
    vlans = [end.vlan for end in (finding.orig, finding.resp) if end is not None and end.vlan]
    if vlans:
        made["vlan"] = list(dict.fromkeys(vlans))
    return {**made, "alert": alert}


def _head(message: Outgoing, time: int, zone: tzinfo) -> Json:
    return {"timestamp": eve_time(time, zone), "event_type": "alert", "host": message.body["sensor"]}


def _signature(number: int, signature: str, category: str, severity: int) -> Json:
    return {
        "action": "allowed",  # a sensor on a mirror port blocks nothing
        "gid": 1,
        "signature_id": number,
        "rev": 1,
        "signature": signature,
        "category": category,
        "severity": severity,
    }


def _signature_id(rule: str) -> int:
    family, number = rule.removeprefix("ZG-")[:1], rule.removeprefix("ZG-")[1:]
    if not number.isdecimal() or not family.isalpha():
        return _OWN_ID
    return _FIRST_ID + (ord(family) - ord("A") + 1) * 100 + int(number)


def _ends(side: str, party: Party | None) -> Json:
    made: Json = {}
    if party is not None and party.address is not None:
        made[f"{side}_ip"] = party.address
    if party is not None and party.port is not None:
        made[f"{side}_port"] = party.port
    return made
