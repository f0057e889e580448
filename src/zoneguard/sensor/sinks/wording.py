"""What a change is called, and how many of what a message tells, in both languages."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from zoneguard.findings.finding import SEVERITY_ORDER, Severity
from zoneguard.findings.lifecycle import Change
from zoneguard.report.words import SEVERITIES
from zoneguard.sensor.messages import told_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

CHANGES: dict[Change, Text] = {
    Change.NEW: Text(ja="新規", en="new"),
    Change.RETURNED: Text(ja="再発", en="returned"),
    Change.GRAVER: Text(ja="深刻化", en="graver"),
    Change.GONE: Text(ja="消滅", en="gone"),
}

Counts = dict[Change, dict[Severity, int]]


def counts_of(body: Mapping[str, Any]) -> Counts:
    """Count what a body tells, by change and severity; a digest carries the counts of all it stands for."""
    counted: Counter[tuple[Change, Severity]] = Counter()
    if "counts" in body:
        for one in body["counts"]:
            counted[Change(one["change"]), Severity(one["severity"])] += one["count"]
    else:
        counted.update((one.change, one.finding.severity) for one in told_of(body))
    return {
        change: {
            severity: counted[change, severity] for severity in SEVERITY_ORDER if counted[change, severity]
        }
        for change in Change
        if any(counted[change, severity] for severity in SEVERITY_ORDER)
    }


def summary(counts: Counts) -> Text:
    """Say how many of what: 新規 3（重大 1、高 2）、消滅 1（中 1）."""
    if not counts:
        return Text(ja="お知らせ", en="notice")
    ja, en = [], []
    for change, by_severity in counts.items():
        total = sum(by_severity.values())
        inside_ja = "、".join(f"{SEVERITIES[one].ja} {count:,}" for one, count in by_severity.items())
        inside_en = ", ".join(f"{count:,} {SEVERITIES[one].en.lower()}" for one, count in by_severity.items())
        ja.append(f"{CHANGES[change].ja} {total:,}（{inside_ja}）")
        en.append(f"{total:,} {CHANGES[change].en} ({inside_en})")
    return Text(ja="、".join(ja), en=", ".join(en))
