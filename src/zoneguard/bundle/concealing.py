"""A run under pseudonyms: report, policy and evidence, with nothing of the original but its times and numbers.

Whatever is not known to be harmless is replaced. Sentences that a rule or a parser wrote about this network are
not searched for names, they are told anew from the catalogue.
"""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from zoneguard.bundle.evidence import Evidence
from zoneguard.bundle.headers import conceal_frame
from zoneguard.bundle.manifest import POLICY, digest
from zoneguard.bundle.policytext import conceal_policy
from zoneguard.bundle.pseudonyms import Pseudonyms
from zoneguard.findings.finding import LineLocator, PacketLocator
from zoneguard.net.address import mac_number, mac_text
from zoneguard.policy.load import parse_policy
from zoneguard.report.model import InputRead, ZoneRead
from zoneguard.rules.catalogue import CATALOGUE
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.findings.finding import AppliedWaiver, Finding, Party
    from zoneguard.findings.passage import Passage
    from zoneguard.report.model import Baseline, Coverage, Registered, Report, Unverifiable, WaiverRead

_Waiver = TypeVar("_Waiver", "WaiverRead", "AppliedWaiver")

_SERVICE: Final = re.compile(r"[a-z0-9-]{1,12}(?:/[0-9]{1,5}(?:-[0-9]{1,5})?)?|[0-9,]+ services")
_COUNTED: Final = re.compile(r"[0-9,]+ [a-z]+")  # "40 addresses": who was told as a number
_ENDING: Final = re.compile(r"\.(?:pcap|pcapng|cap|conf|cfg|txt|xml|json|csv)(?:\.gz)?\Z")
_QUOTED: Final = Text(ja="（仮名化のため省略）", en="(left out of a pseudonymised report)")
_NOTED: Final = Text(
    ja="読み取れない部分がありました（内容は仮名化のため省略）。",
    en="Some of it was not understood; what it was is left out of a pseudonymised report.",
)

_SHORT: Final = Text(
    ja="すべてを検証できたわけではありません（理由は仮名化のため省略）。",
    en="Not all of it could be verified; why is left out of a pseudonymised report.",
)


def conceal(report: Report, policy: bytes, evidence: Evidence, key: bytes) -> tuple[Report, bytes, Evidence]:
    """Give report, policy and evidence under the pseudonyms of a key; all three use the same."""
    names = Pseudonyms(key, roles={zone.id: zone.role for zone in report.policy.zones})
    told = conceal_policy(policy, names)
    parse_policy(told, POLICY)  # it says what the original said, or nobody gets it
    concealed = _Concealed(names).report(report, sha256=digest(told))
    return concealed, told, _evidence(evidence, names)


def _evidence(evidence: Evidence, names: Pseudonyms) -> Evidence:
    return Evidence(
        frames=tuple(
            (_packet(where, names), conceal_frame(frame, names)) for where, frame in evidence.frames
        ),
        missing=tuple((_packet(where, names), reason) for where, reason in evidence.missing),
    )


def _packet(locator: PacketLocator, names: Pseudonyms) -> PacketLocator:
    return replace(locator, file=_file(locator.file, names))


def _file(path: str, names: Pseudonyms) -> str:
    if path == "-":
        return path
    ending = _ENDING.search(Path(path).name.lower())
    return names.name("file", path) + (ending[0] if ending else "")


class _Concealed:
    """One report on its way."""

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._rules = {rule.id: rule for rule in CATALOGUE}

    def report(self, report: Report, *, sha256: str) -> Report:
        coverage = report.coverage
        return replace(
            report,
            policy=replace(
                report.policy,
                path=POLICY,
                sha256=sha256,
                organization=_both(self._names.name("organization", report.policy.organization.ja)),
                zones=tuple(
                    ZoneRead(id=self._names.zone(one.id), role=one.role, name=_both(self._names.zone(one.id)))
                    for one in report.policy.zones
                ),
            ),
            inputs=tuple(self._input(one) for one in report.inputs),
            coverage=self._coverage(coverage),
            matrix=tuple(
                replace(cell, orig=self._names.zone(cell.orig), resp=self._names.zone(cell.resp))
                for cell in report.matrix
            ),
            findings=tuple(self._finding(one) for one in report.findings),
            gateways=tuple(self._passage(one) for one in report.gateways),
            rules=tuple(
                replace(one, shortfall=_SHORT if one.shortfall is not None else None) for one in report.rules
            ),
            waivers=tuple(self._waiver(one) for one in report.waivers),
            register=tuple(self._registered(one) for one in report.register),
            baseline=self._baseline(report.baseline) if report.baseline is not None else None,
            absent=tuple(self._finding(one) for one in report.absent),
        )

    def _input(self, one: InputRead) -> InputRead:
        # The SHA-256 of a short export could be found by trying; the whole bundle keeps it.
        return replace(
            one, path=_file(one.path, self._names), sha256=None, notes=(_NOTED,) if one.notes else ()
        )

    def _coverage(self, coverage: Coverage) -> Coverage:
        return replace(
            coverage,
            zones_observed=tuple(map(self._names.zone, coverage.zones_observed)),
            zones_not_observed=tuple(map(self._names.zone, coverage.zones_not_observed)),
            unverifiable=tuple(self._unverifiable(one) for one in coverage.unverifiable),
        )

    def _unverifiable(self, one: Unverifiable) -> Unverifiable:
        rule = self._rules.get(one.rule)
        return replace(one, reason=rule.title if rule is not None else _QUOTED)

    def _finding(self, finding: Finding) -> Finding:
        rule = self._rules.get(finding.rule)
        orig, resp = self._party(finding.orig), self._party(finding.resp)
        title = rule.title if rule is not None else _QUOTED
        service = finding.service if finding.service and _SERVICE.fullmatch(finding.service) else None
        ends = " → ".join(f"{one.zone} {one.address or ''}".rstrip() for one in (orig, resp) if one)
        return replace(
            finding,
            title=title,
            message=Text(
                ja=" ".join(word for word in (f"{title.ja}。", ends, service) if word),
                en=" ".join(word for word in (f"{title.en}.", ends, service) if word),
            ),
            remedy=rule.remedy if rule is not None else _QUOTED,
            orig=orig,
            resp=resp,
            service=service,
            locators=tuple(self._locator(one) for one in finding.locators),
            device=self._maybe("device", finding.device),
            line=self._maybe("line", finding.line),
            allowed_by=self._maybe("flow", finding.allowed_by),
            waiver=self._waiver(finding.waiver) if finding.waiver is not None else None,
            fingerprint=self._names.fingerprint(finding.fingerprint),
        )

    def _maybe(self, kind: str, name: str | None) -> str | None:
        return None if name is None else self._names.name(kind, name)

    def _locator(self, locator: PacketLocator | LineLocator) -> PacketLocator | LineLocator:
        if isinstance(locator, PacketLocator):
            return _packet(locator, self._names)
        return replace(locator, file=_file(locator.file, self._names), text=_QUOTED.en)

    def _party(self, party: Party | None) -> Party | None:
        if party is None:
            return None
        return replace(
            party,
            zone=self._names.zone(party.zone),
            address=None if party.address is None else self._address(party.address),
            mac=None if party.mac is None else self._mac(party.mac),
        )

    def _address(self, text: str) -> str:
        if _COUNTED.fullmatch(text):
            return text
        try:
            if "/" in text:
                return str(self._names.network(ip_network(text, strict=False)))
            return str(self._names.address(ip_address(text)))
        except ValueError:
            return self._names.name("hosts", text)

    def _mac(self, text: str) -> str:
        try:
            return mac_text(self._names.mac(mac_number(text)))
        except ValueError:
            return self._names.name("mac", text)

    def _passage(self, passage: Passage) -> Passage:
        return replace(
            passage,
            gateway=self._names.name("gateway", passage.gateway),
            legs=tuple(replace(leg, zone=self._names.zone(leg.zone)) for leg in passage.legs),
        )

    def _registered(self, one: Registered) -> Registered:
        return replace(
            one,
            id=self._names.name("flow", one.id),
            orig=self._names.zone(one.orig),
            resp=self._names.zone(one.resp),
            number=self._maybe("text", one.number),
            by=self._maybe("text", one.by),
            reason=self._maybe("text", one.reason),
        )

    def _waiver(self, waiver: _Waiver) -> _Waiver:
        names = self._names
        return replace(
            waiver,
            id=names.name("waiver", waiver.id),
            owner=names.name("text", waiver.owner),
            reason=names.name("text", waiver.reason),
        )

    def _baseline(self, baseline: Baseline) -> Baseline:
        return replace(baseline, path=_file(baseline.path, self._names), sha256="0" * 64)


def _both(name: str) -> Text:
    return Text(ja=name, en=name)
