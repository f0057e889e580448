"""What a report holds beside its findings: the waivers and the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.findings.baseline import hold_against
from zoneguard.report.model import Baseline, WaiverRead
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from zoneguard.findings.finding import Finding
    from zoneguard.policy.model import Policy
    from zoneguard.report.model import Report


class Compared(NamedTuple):
    """Findings with their state against a baseline, and the ones it held alone."""

    findings: tuple[Finding, ...]
    absent: tuple[Finding, ...]
    baseline: Baseline


class Earlier(NamedTuple):
    """An earlier report, and the file it was read from."""

    path: Path
    sha256: str
    report: Report


def read_earlier(path: Path) -> Earlier:
    """Read the report that findings are held against. Raises InputRefusedError."""
    from zoneguard.report.stored import read_report

    report, sha256 = read_report(path)
    return Earlier(path, sha256, report)


def compare(findings: Sequence[Finding], earlier: Earlier, *, policy: Policy, kinds: set[str]) -> Compared:
    """Hold findings against an earlier report; `kinds` of evidence (capture, export) were given to this run."""
    findings, absent = hold_against(findings, earlier.report.findings)
    new = sum(one.baseline == "new" for one in findings)
    return Compared(
        findings,
        absent,
        Baseline(
            path=str(earlier.path),
            sha256=earlier.sha256,
            generated=earlier.report.generated,
            new=new,
            unchanged=len(findings) - new,
            absent=len(absent),
            notes=tuple(_doubts(earlier.report, policy, kinds)),
        ),
    )


def waivers_read(policy: Policy, findings: Sequence[Finding], *, today: str) -> tuple[WaiverRead, ...]:
    """Give every waiver of the policy with its state and what it covers."""
    from zoneguard.rules.catalogue import USUAL
    from zoneguard.rules.waiving import register

    return tuple(
        WaiverRead(
            id=one.waiver.id,
            rule=one.waiver.rule,
            owner=one.waiver.owner,
            reason=one.waiver.reason,
            until=one.waiver.until.isoformat(),
            state=one.state,
            covered=one.covered,
            exceeded=one.exceeded,
        )
        for one in register(findings, policy.waivers, today=today, usual=USUAL)
    )


def _doubts(earlier: Report, policy: Policy, kinds: set[str]) -> Iterator[Text]:
    """Say what keeps an absent finding from meaning that it was mended."""
    if earlier.policy.sha256 != policy.sha256:
        yield Text(
            ja="比較元の報告は、内容の異なる方針で判定されています。",
            en="The baseline was judged by a policy of other content.",
        )
    missing = {one.kind for one in earlier.inputs} - kinds
    if "capture" in missing:
        yield Text(
            ja="比較元にはキャプチャがありましたが、今回はありません。通信についての指摘がないことは、解消を意味しません。",
            en="The baseline had captures and this run has none: that findings of traffic are absent does not mean they"
            " were mended.",
        )
    if "export" in missing:
        yield Text(
            ja="比較元には機器の設定がありましたが、今回はありません。設定についての指摘がないことは、解消を意味しません。",
            en="The baseline had exports of devices and this run has none: that findings of configurations are absent does"
            " not mean they were mended.",
        )
