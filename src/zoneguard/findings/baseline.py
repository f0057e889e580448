"""Findings held against those of an earlier report: new, unchanged, absent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.findings.finding import SEVERITY_ORDER, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.findings.finding import Finding

_SURENESS = (Verdict.VIOLATED, Verdict.REVIEW, Verdict.UNVERIFIABLE)


class Held(NamedTuple):
    """The findings with their state, and the earlier ones that were not made again."""

    findings: tuple[Finding, ...]
    absent: tuple[Finding, ...]


def hold_against(findings: Iterable[Finding], earlier: Iterable[Finding]) -> Held:
    """Mark findings by their fingerprint; order is kept on both sides. Linear.

    A finding that has become worse is new: graver, surer, or no longer waived. A baseline is an account
    of what somebody has seen, and nobody has seen this.
    """
    known = {one.fingerprint: one for one in earlier}
    held = []
    for finding in findings:
        before = known.pop(finding.fingerprint, None)
        unchanged = before is not None and not _is_worse(finding, before)
        held.append(replace(finding, baseline="unchanged" if unchanged else "new"))
    return Held(tuple(held), tuple(replace(one, baseline="absent") for one in known.values()))


def _is_worse(now: Finding, before: Finding) -> bool:
    return (
        SEVERITY_ORDER.index(now.severity) < SEVERITY_ORDER.index(before.severity)
        or _SURENESS.index(now.verdict) < _SURENESS.index(before.verdict)
        or (before.waiver is not None and now.waiver is None)
    )
