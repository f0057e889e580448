"""ZG-I01: what was not seen, not read or not understood, so that nothing is passed over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard.findings.finding import Finding, Severity, Verdict
from zoneguard.policy.model import Role
from zoneguard.rules.base import Rule
from zoneguard.rules.telling import LOCATORS, plural, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zoneguard.rules.evidence import Evidence


_THREE_TIERS = frozenset({Role.MYNUMBER, Role.LGWAN, Role.INTERNET})
_MUCH = 0.01  # of all packets: more than this not understood, or cut, may hide what matters
_ONE_SIDED = 0.2  # of answered TCP flows; rx-only or oversubscribed mirrors lie far above
_MANY_NUMBERS = 5  # in one flow; a tenth of all runs of 12 digits have a right check digit by chance
_NO_TRAFFIC = frozenset(
    {
        "LLC frame without IP",
        "PPP control frame",
        "empty frame",
        "wireless management or control frame",
    }
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield each way in which the observation falls short; nothing when nothing was to be observed."""
    seen = evidence.coverage
    for number, fault in enumerate(evidence.faults, 1):
        yield _short(
            f"fault-{number}",
            Text(
                ja=f"読めなかった証拠があります。{fault.ja}",
                en=f"Some evidence could not be read. {fault.en}",
            ),
            grave=True,
        )
    for permission in evidence.permissions:
        if not permission.joins:
            yield _short(
                "placement",
                Text(
                    ja=f"{permission.device}（{permission.file}）では、異なる領域につながる2つのインターフェイスが分からず、"
                    "何も判定できません。zones.yaml の devices に、インターフェイスと領域の対応を書いてください。",
                    en=f"Nothing can be judged of {permission.device} ({permission.file}), since no two of its interfaces"
                    " are known to lead to different zones; say under devices in zones.yaml which interface faces"
                    " which zone.",
                ),
                grave=True,
            )
    if not seen.packets:
        return
    yield from _not_understood(evidence)
    yield from _not_opened(evidence)
    yield from _numbers(evidence)
    yield from _lost(evidence)
    unseen = [zone.id for zone in evidence.policy.zones if zone.id not in evidence.zones_observed]
    if unseen:
        names = [zone_name(evidence.policy, zone) for zone in unseen]
        yield _short(
            "zones",
            Text(
                ja=f"次の領域の通信は観測されていません: {'、'.join(name.ja for name in names)}。",
                en=f"No traffic of these zones was observed: {', '.join(name.en for name in names)}.",
            ),
            # Without these three nothing can be said of the separation as a whole.
            grave=any(
                evidence.policy.role(zone) in _THREE_TIERS for zone in unseen if _is_whole(evidence, zone)
            ),
        )


def _not_opened(evidence: Evidence) -> Iterator[Finding]:
    """Yield what the deep look was to open and did not."""
    left = sum(evidence.left.values())
    if left:
        yield _short(
            "not-opened",
            Text(
                ja=f"中を確かめる対象のうち {left:,} フローは、件数の上限により開いていません。"
                "--look（センサーでは judge.look）に大きな数を与えると、より多く確かめます。",
                en=f"{left:,} flow{plural(left)} that were to be opened were not, for the bound on their number;"
                " give --look (of a sensor: judge.look) a greater one to open more.",
            ),
            grave=False,
        )
    for number, fault in enumerate(evidence.look_faults, 1):
        yield _short(f"look-{number}", fault, grave=False)


def _numbers(evidence: Evidence) -> Iterator[Finding]:
    """Yield a warning when the capture itself seems to hold individual numbers (個人番号) in clear."""
    suspects = [one for one in evidence.looks if one.look.numbers >= _MANY_NUMBERS]
    if suspects:
        most = max(one.look.numbers for one in suspects)
        finding = _short(
            "individual-numbers",
            Text(
                ja=f"キャプチャの {len(suspects):,} フローに、検査用数字の合う12桁の数字列が暗号化されずに含まれています"
                f"（1フローに最大 {most:,} 個）。個人番号のおそれがあるため、このキャプチャは特定個人情報として扱ってください。",
                en=f"{len(suspects):,} flow{plural(len(suspects))} of the capture hold runs of 12 digits with a right check"
                f" digit in clear (up to {most:,} in one flow). They may be individual numbers: handle the capture as"
                " specific personal information.",
            ),
            grave=True,
        )
        yield replace(
            finding, verdict=Verdict.REVIEW, locators=tuple(one.locator for one in suspects[:LOCATORS])
        )


def _is_whole(evidence: Evidence, zone: str) -> bool:
    """Tell a zone from the extension of one."""
    found = evidence.policy.zone(zone)
    return found is not None and found.extends is None


def _not_understood(evidence: Evidence) -> Iterator[Finding]:
    seen = evidence.coverage
    missed = sum(seen.not_decoded.values())
    if missed:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(seen.not_decoded.items()))
        yield _short(
            "not-decoded",
            Text(
                ja=f"{seen.packets:,} パケットのうち {missed:,} パケットを解釈できませんでした（{reasons}）。",
                en=f"{missed:,} of {seen.packets:,} packets were not understood ({reasons}).",
            ),
            grave=_hides_traffic(seen.not_decoded) > _MUCH * seen.packets,
        )
    if seen.tunnels_not_opened:
        yield _short(
            "tunnels",
            Text(
                ja=f"{seen.tunnels_not_opened:,} パケットのトンネルの中を確かめられませんでした。",
                en=f"{seen.tunnels_not_opened:,} tunnelled packet{plural(seen.tunnels_not_opened)} could not be"
                " opened.",
            ),
            grave=False,
        )


def _hides_traffic(reasons: Mapping[str, int]) -> int:
    """Count what may have been IP traffic; other EtherTypes and LLC frames were understood to be none."""
    return sum(
        count
        for reason, count in reasons.items()
        if not reason.startswith("ethertype ") and reason not in _NO_TRAFFIC
    )


def _lost(evidence: Evidence) -> Iterator[Finding]:
    seen, share = evidence.coverage, evidence.one_sided_share
    if seen.truncated:
        yield _short(
            "truncated",
            Text(
                ja=f"{seen.truncated:,} パケットが、ヘッダの途中で切れて記録されています。",
                en=f"{seen.truncated:,} packet{plural(seen.truncated)} were cut off within their headers.",
            ),
            grave=seen.truncated > _MUCH * seen.packets,
        )
    if seen.dropped:
        yield _short(
            "dropped",
            Text(
                ja=f"記録した機器が {seen.dropped:,} パケットを取りこぼしています。",
                en=f"The capturing device dropped {seen.dropped:,} packet{plural(seen.dropped)}.",
            ),
            grave=True,
        )
    if share > _ONE_SIDED:
        yield _short(
            "one-sided",
            Text(
                ja=f"応答のあった TCP フローの {share:.0%} が片方向にしか見えません。ミラーが片側だけか、溢れています。",
                en=f"{share:.0%} of the answered TCP flows were seen one way only; the mirror copies one side or"
                " overflows.",
            ),
            grave=True,
        )
    if seen.clock_steps_back:
        yield _short(
            "clock",
            Text(
                ja=f"記録の時刻が {seen.clock_steps_back:,} 回、後戻りしています。",
                en=f"The capture's clock stepped back {seen.clock_steps_back:,} time{plural(seen.clock_steps_back)}.",
            ),
            grave=False,
        )
    if seen.fragments_without_first:
        yield _short(
            "fragments",
            Text(
                ja=f"{seen.fragments_without_first:,} 個の断片は、最初の断片が見えずポートを判定できません。",
                en=f"The ports of {seen.fragments_without_first:,} fragment{plural(seen.fragments_without_first)}"
                " are unknown, since the first one was not seen.",
            ),
            grave=False,
        )


def _short(topic: str, message: Text, *, grave: bool) -> Finding:
    return Finding(
        rule=RULE.id,
        name=f"{RULE.name}-{topic}",
        verdict=Verdict.UNVERIFIABLE,
        severity=Severity.MEDIUM if grave else Severity.INFO,
        title=RULE.title,
        message=message,
        remedy=RULE.remedy,
    )


RULE = Rule(
    id="ZG-I01",
    name="coverage",
    order=120,
    severity=Severity.MEDIUM,
    clauses=("youkou-6-7", "youkou-6-11", "gl-7-1", "gl-9-1", "kisoku-6", "kisoku-8"),
    title=Text(ja="観測範囲・証跡の不足", en="The observation falls short"),
    why=Text(
        ja="見えなかったことは、なかったことではありません。観測の欠けは判定とともに示す必要があります。",
        en="What was not seen is not what was not there; gaps must be told beside the judgement.",
    ),
    remedy=Text(
        ja="観測点、ミラーの設定、記録の長さと切り詰め長を見直し、欠けた部分を記録し直してください。",
        en="Review sensors, mirror settings, snap length and duration, and capture again what is missing.",
    ),
    example=Text(
        ja="記録に 12,000 パケットの取りこぼしがあり、TCP の 45% が片方向だった。",
        en="A capture had 12,000 drops, and 45% of its TCP flows were one-sided.",
    ),
    false_positives=Text(
        ja="ある領域だけを意図して記録した場合。", en="A capture that was meant to hold one zone only."
    ),
    check=check,
    needs_traffic=False,
)
