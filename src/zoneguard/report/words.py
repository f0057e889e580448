"""The words that a report is told in: verdicts, severities, headings, the meaning of exit codes."""

from __future__ import annotations

from zoneguard.errors import ExitCode
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.text import Text

VERDICTS: dict[Verdict, Text] = {
    Verdict.VIOLATED: Text(ja="不適合", en="violated"),
    Verdict.REVIEW: Text(ja="要確認", en="review"),
    Verdict.UNVERIFIABLE: Text(ja="検証不能", en="unverifiable"),
}
SATISFIED = Text(ja="適合（観測範囲内）", en="satisfied (within what was observed)")

SEVERITIES: dict[Severity, Text] = {
    Severity.CRITICAL: Text(ja="重大", en="Critical"),
    Severity.HIGH: Text(ja="高", en="High"),
    Severity.MEDIUM: Text(ja="中", en="Medium"),
    Severity.LOW: Text(ja="低", en="Low"),
    Severity.INFO: Text(ja="情報", en="Info"),
}

STATES: dict[str, Text] = {
    "attempt": Text(ja="試行", en="attempt"),
    "established": Text(ja="確立", en="established"),
    "data": Text(ja="データあり", en="data"),
}

WAIVER_STATES: dict[str, Text] = {
    "active": Text(ja="有効", en="active"),
    "expiring": Text(ja="30日以内に期限", en="ends within 30 days"),
    "expired": Text(ja="期限切れ", en="ended"),
}

BASELINE_STATES: dict[str, Text] = {
    "new": Text(ja="新規", en="new"),
    "unchanged": Text(ja="継続", en="unchanged"),
    "absent": Text(ja="消滅", en="absent"),
}

EXIT_CODES: dict[ExitCode, Text] = {
    ExitCode.CLEAN: Text(ja="しきい値以上の指摘はありません", en="no findings at the threshold"),
    ExitCode.FINDINGS: Text(
        ja="しきい値以上の指摘があります", en="there are findings at the threshold or above"
    ),
    ExitCode.USAGE: Text(ja="使い方の誤りです", en="the command was not understood"),
    ExitCode.REFUSED: Text(ja="読み取れない入力がありました", en="an input was refused"),
    ExitCode.INCONCLUSIVE: Text(
        ja="判断に必要なものの一部を解釈または観測できませんでした",
        en="inconclusive: something relevant was not understood or not seen",
    ),
    ExitCode.LACKING: Text(ja="この機器に不足しているものがあります", en="this machine lacks something"),
}

STATUSES: dict[str, Text] = {
    "read": Text(ja="全部読み取り済み", en="read in full"),
    "partial": Text(ja="一部のみ読み取り", en="read in part"),
    "refused": Text(ja="読み取り不可", en="refused"),
}
