"""Why a finding was judged so: what was seen, what it was held against, and how to look again, step by step."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoneguard.api.exports import discover_policy
from zoneguard.api.holding import held_against, zone_sentences
from zoneguard.errors import InputRefusedError, UsageError
from zoneguard.findings.finding import LineLocator, PacketLocator, Verdict
from zoneguard.policy.load import load_policy
from zoneguard.report.displayfilter import flow_filter
from zoneguard.report.when import day, short, time_zone
from zoneguard.report.words import BASELINE_STATES, SEVERITIES, STATES, VERDICTS
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding, Party
    from zoneguard.policy.model import Policy
    from zoneguard.report.model import Report

_LEAST_DIGITS: Final = 4
_NEAR: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an explanation."""

    heading: Text
    sentences: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAt:
    """The policy that an explanation can look into, and what is to be known about it."""

    policy: Policy | None
    told: tuple[Text, ...]


def choose(report: Report, named: str) -> Finding:
    """Find the finding with a fingerprint, or the only one that begins so. Raises UsageError naming near ones."""
    known = {one.fingerprint: one for one in (*report.absent, *report.findings)}
    wanted = named.strip().lower()
    found = [one for one in known if one.startswith(wanted)] if len(wanted) >= _LEAST_DIGITS else []
    if wanted in known or len(found) == 1:
        return known[wanted if wanted in known else found[0]]
    near = found or difflib.get_close_matches(wanted, known, _NEAR, 0.3) or list(known)
    shown = ", ".join(f"{one} ({known[one].rule} {known[one].name})" for one in islice(near, _NEAR))
    if found:
        raise UsageError(
            Text(
                ja=f"「{named}」で始まる指摘は {len(found)} 件あります。もっと長く指定してください: {shown}",
                en=f"{len(found)} findings begin with {named!r}; give more digits of it: {shown}.",
            )
        )
    if not known:
        raise UsageError(Text(ja="この報告に指摘はありません。", en="There are no findings in this report."))
    raise UsageError(
        Text(
            ja=f"指摘「{named}」はこの報告にありません。{_LEAST_DIGITS} 桁以上を指定してください。近いもの: {shown}",
            en=f"There is no finding {named!r} in this report; give at least {_LEAST_DIGITS} digits. Near ones: {shown}.",
        )
    )


def policy_of(report: Report, given: Path | None) -> PolicyAt:
    """Read the policy to look into: the one given, else that of the report, else the one of this folder.

    Raises InputRefusedError when the one that was given cannot be read.
    """
    recorded = report.policy
    path = given
    if path is None:
        path = Path(recorded.path)
        if not path.is_file():
            try:
                path = discover_policy()
            except InputRefusedError:
                return PolicyAt(
                    policy=None,
                    told=(
                        Text(
                            ja=f"判定に用いた方針 {recorded.path} がここにないため、ゾーンと許可の照合はやり直せません。"
                            "--policy で指定してください。",
                            en=f"The policy it was judged by, {recorded.path}, is not here, so zones and allowed flows"
                            " cannot be looked up again; name it by --policy.",
                        ),
                    ),
                )
    policy = load_policy(path)
    if policy.sha256 == recorded.sha256:
        same = Text(
            ja=f"方針: {path}（判定に用いたものと同じ内容。SHA-256 {policy.sha256}）",
            en=f"Policy: {path}, of the content it was judged by (SHA-256 {policy.sha256}).",
        )
        return PolicyAt(policy=policy, told=(same,))
    changed = Text(
        ja=f"方針 {path} の内容は、判定に用いた {recorded.path} と異なります（SHA-256 {policy.sha256}、"
        f"判定時 {recorded.sha256}）。以下の照合は、今の方針によるものです。",
        en=f"The policy {path} is of other content than {recorded.path}, by which it was judged (SHA-256"
        f" {policy.sha256}, then {recorded.sha256}): what is looked up below is by the policy of now.",
    )
    return PolicyAt(policy=policy, told=(changed,))


def explain_finding(report: Report, finding: Finding, at: PolicyAt) -> list[Step]:
    """Give the steps that have something to say, in the order in which a finding comes about."""
    policy = at.policy
    steps = (
        (Text(ja="指摘", en="The finding"), (*_said(finding), *at.told)),
        (Text(ja="観測されたもの", en="What was observed"), _observed(report, finding)),
        (Text(ja="両端のゾーン", en="The zones of both ends"), zone_sentences(finding, policy)),
        (Text(ja="開始側の判断", en="Who opened it"), _opener(finding)),
        (Text(ja="成立したか", en="How far it came"), _state(finding)),
        (
            Text(ja="許可との照合", en="Held against what is allowed"),
            held_against(
                finding,
                policy,
                today=report.today or day(report.generated, time_zone(report.policy.timezone)),
            ),
        ),
        (Text(ja="機器の設定", en="Lines of devices"), _lines(finding)),
        (Text(ja="同時に当てはまる規則", en="Other rules that hold as well"), _related(report, finding)),
        (Text(ja="根拠となる条文", en="The clauses it touches"), _clauses(finding)),
        (Text(ja="例外措置と前回との比較", en="Waiver and baseline"), _lifecycle(finding)),
        (Text(ja="証跡の再確認", en="To see the packets again"), _again(report, finding)),
        (Text(ja="次にすること", en="What to do next"), _next(finding)),
    )
    told = ((heading, tuple(sentences)) for heading, sentences in steps)
    return [Step(heading=heading, sentences=sentences) for heading, sentences in told if sentences]


def _said(finding: Finding) -> Iterator[Text]:
    verdict, severity = VERDICTS[finding.verdict], SEVERITIES[finding.severity]
    yield Text(
        ja=f"{finding.rule} {finding.name}（{finding.title.ja}）: {verdict.ja}、重大度 {severity.ja}。"
        f"識別子 {finding.fingerprint}",
        en=f"{finding.rule} {finding.name} ({finding.title.en}): {verdict.en}, severity {severity.en.lower()};"
        f" fingerprint {finding.fingerprint}.",
    )
    yield finding.message
    if finding.verdict is Verdict.REVIEW:
        yield Text(
            ja="要確認: 違反と断定するだけの材料がそろっていないため、人の判断が要ります。",
            en="Review: there is not enough to call it a violation, so that people must decide.",
        )
    if finding.verdict is Verdict.UNVERIFIABLE:
        yield Text(
            ja="検証不能: 与えられた証拠からは、守られているとも破られているとも言えません。",
            en="Unverifiable: the evidence given says neither that it is kept nor that it is broken.",
        )


def _observed(report: Report, finding: Finding) -> Iterator[Text]:
    ends = " → ".join(end for end in map(_end, (finding.orig, finding.resp)) if end)
    if ends:
        service = f" {finding.service}" if finding.service else ""
        yield Text(ja=f"{ends}{service}", en=f"{ends}{service}")
    if finding.flows is not None:
        counted = (finding.flows, finding.packets or 0, finding.bytes or 0)
        yield Text(
            ja="フロー {:,}、パケット {:,}、{:,} オクテット。".format(*counted),
            en="Flows: {:,}; packets: {:,}; octets: {:,}.".format(*counted),
        )
    if finding.first_seen is not None and finding.last_seen is not None:
        zone = time_zone(report.policy.timezone)
        first, last = short(finding.first_seen, zone), short(finding.last_seen, zone)
        yield Text(ja=f"{first} から {last} まで。", en=f"From {first} to {last}.")


def _end(party: Party | None) -> str:
    if party is None:
        return ""
    words = [party.address or "", f"port {party.port}" if party.port is not None else "", party.mac or ""]
    words.append(f"VLAN {party.vlan}" if party.vlan else "")
    told = ", ".join(word for word in words if word)
    return f"{party.zone} ({told})" if told else party.zone


def _opener(finding: Finding) -> Iterator[Text]:
    if finding.initiator == "unknown":
        yield Text(
            ja="開始側は推定です（接続の最初のパケットがなく、ポート番号などから判断しました）。"
            "逆向きなら違反でない通信は、要確認までにとどめています。",
            en="Who opened it is inferred: its first packets were not seen, and ports had to decide. A flow that would"
            " be no violation the other way round is at most for review.",
        )
    elif finding.initiator is not None:
        yield Text(
            ja="開始側は確実です（SYN などの開始のしるし、または方針で定めたサービスのポートによります）。",
            en="Who opened it is certain: by the marks of an opening such as SYN, or by the service ports that the policy"
            " declares.",
        )


def _state(finding: Finding) -> Iterator[Text]:
    state = STATES.get(finding.state or "")
    if state is None:
        return
    if finding.state == "attempt":
        yield Text(
            ja=f"状態: {state.ja}。応答がないか、拒否されました。遮断が働いた可能性があり、成立した違反とは区別します。",
            en=f"State: {state.en}. It was not answered, or refused: something may have blocked it, and it is told apart"
            " from a breach.",
        )
    elif finding.state == "established":
        yield Text(
            ja=f"状態: {state.ja}。相手が応答し、接続は成立しました。試行ではありません。",
            en=f"State: {state.en}. The other side answered and the connection came about; it is no mere attempt.",
        )
    else:
        yield Text(
            ja=f"状態: {state.ja}。接続が成立し、データが流れました。試行ではありません。",
            en=f"State: {state.en}. The connection came about and data passed; it is no mere attempt.",
        )


def _lines(finding: Finding) -> Iterator[Text]:
    if finding.device is not None:
        which = f" {finding.line}" if finding.line else ""
        yield Text(ja=f"機器 {finding.device}:{which}", en=f"Device {finding.device}:{which}")
    for one in finding.locators:
        if isinstance(one, LineLocator):
            place = f"{one.file}:{one.line} {one.text}"
            yield Text(ja=place, en=place)


def _related(report: Report, finding: Finding) -> Iterator[Text]:
    titles = {rule.id: rule.title for rule in report.rules}
    for rule in finding.related:
        title = titles.get(rule)
        yield Text(ja=f"{rule} {title.ja}", en=f"{rule} {title.en}") if title else Text(ja=rule, en=rule)
    if finding.related:
        yield Text(
            ja=f"1つの通信には指摘を1つだけ示します。この中で最も具体的に述べているのが {finding.rule} です。",
            en=f"One conversation makes one finding: of these rules {finding.rule} says most precisely what is wrong.",
        )


def _clauses(finding: Finding) -> Iterator[Text]:
    for one in finding.clauses:
        ja = "" if one.verified else "（条番号は未確認）"
        en = "" if one.verified else " (number not verified)"
        place = f"{one.document}（{one.edition}）{one.section}"
        yield Text(ja=f"{place}{ja}「{one.text}」", en=f"{place}{en}: {one.text}")


def _lifecycle(finding: Finding) -> Iterator[Text]:
    if finding.waiver is not None:
        one = finding.waiver
        yield Text(
            ja=f"例外措置 {one.id}（{one.owner}、{one.until} まで）が及びます。理由: {one.reason}",
            en=f"Waiver {one.id} covers it ({one.owner}, until {one.until}): {one.reason}",
        )
    if finding.baseline is not None:
        state = BASELINE_STATES[finding.baseline]
        yield Text(ja=f"前回の報告との比較: {state.ja}", en=f"Against the baseline: {state.en}")


def _again(report: Report, finding: Finding) -> Iterator[Text]:
    hashes = {one.path: one.sha256 for one in report.inputs}
    frames: dict[str, list[int]] = {}
    for one in finding.locators:
        if isinstance(one, PacketLocator):
            frames.setdefault(one.file, []).append(one.frame)
    for file, numbers in frames.items():
        known = f" (SHA-256 {hashes[file]})" if hashes.get(file) else ""
        listed = ", ".join(map(str, numbers))
        plural = "" if len(numbers) == 1 else "s"
        yield Text(
            ja=f"{file}{known}: フレーム {listed}。Wireshark の表示フィルター: frame.number in {{{listed}}}",
            en=f"{file}{known}: frame{plural} {listed}; display filter of Wireshark: frame.number in {{{listed}}}",
        )
    told = flow_filter(finding)
    if told and frames:
        yield Text(ja=f"この通信の全体: {told}", en=f"All of this traffic: {told}")


def _next(finding: Finding) -> Iterator[Text]:
    yield finding.remedy
    yield Text(
        ja=f"規則の説明と、よくある誤検知: zoneguard rules explain {finding.rule}",
        en=f"What the rule is about, and when it is wrong: zoneguard rules explain {finding.rule}",
    )
    if finding.verdict is not Verdict.UNVERIFIABLE and finding.waiver is None:
        yield Text(
            ja="直ちに直せず、組織として受け入れる場合は、責任者・理由・期限を添えて zones.yaml の waivers に記してください。"
            "直した後は check --baseline で消滅を確かめられます。",
            en="If it cannot be mended now and your organisation accepts it, enter it under `waivers` in zones.yaml with"
            " owner, reason and last day. Once mended, check --baseline shows that it is absent.",
        )
