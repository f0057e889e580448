"""What fails a run: findings that nobody waived, at a severity or above."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import SEVERITY_ORDER, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.findings.finding import Finding


def fails(finding: Finding, fail_on: Severity, *, only_new: bool) -> bool:
    """Tell whether a finding gives exit code 1; with `only_new` not what the baseline holds already.

    What could not be verified never does: it leaves the run inconclusive (exit code 4).
    """
    return (
        finding.waiver is None
        and finding.verdict is not Verdict.UNVERIFIABLE
        and not exceeds(fail_on, finding.severity)
        and not (only_new and finding.baseline != "new")
    )


def has_failing(findings: Iterable[Finding], fail_on: Severity) -> bool:
    """Tell whether one of the findings gives exit code 1."""
    return any(fails(one, fail_on, only_new=False) for one in findings)


def is_unsure(findings: Iterable[Finding]) -> bool:
    """Tell whether something that matters could not be verified."""
    return any(one.verdict is Verdict.UNVERIFIABLE and one.severity is not Severity.INFO for one in findings)


def exceeds(one: Severity, other: Severity) -> bool:
    """Tell whether the first severity is graver than the second."""
    return SEVERITY_ORDER.index(one) < SEVERITY_ORDER.index(other)
