"""Generated lists as exports, judged by whole processes, and the engine beside BDDs on lists that those finish."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rulesets
from bars import Bar, Language, bar_table, memory, say, table_head
from measure import measure
from rulelists import STYLES

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from measure import Cost

HERE = Path(__file__).parent
ROOT = HERE.parent
ZONEGUARD = Path(sys.executable).parent / "zoneguard"
POLICY = ROOT / "zones.yaml"
LINES = {"full": 10_000, "quick": 1_000}
MANY = {"full": 100_000, "quick": 0}  # lines verified once; 0: not at all
COMPARED = 1_000  # lines put to both engines: those of 10,000 were not done after 150 s
JUDGED = {0, 1, 4}  # exit codes of a run that came to an end: clean, findings, inconclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One command on generated lists, run as a whole."""

    style: str
    lines: int
    command: str
    cost: Cost

    @property
    def failed(self) -> bool:
        """Tell whether it did not come to an end of its own."""
        return self.cost.timed_out or self.cost.code not in JUDGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question put to both engines; `seconds` and `megabytes` by engine, of whole processes."""

    style: str
    question: str
    seconds: Mapping[str, float]
    megabytes: Mapping[str, float]
    equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything of one run."""

    lines: int
    many: int
    processes: Sequence[Process]
    asked: Sequence[Asked]


def measured(scale: str, scratch: Path) -> Measured:
    """Measure everything, telling each figure as it comes."""
    processes = [
        told
        for style in STYLES
        for told in _judged(style, LINES[scale], scratch, repeats=1 if scale == "quick" else 3)
    ]
    if MANY[scale]:
        processes += [told for style in STYLES for told in _judged(style, MANY[scale], scratch, repeats=1)]
    asked = [
        _beside(style, question)
        for style in (STYLES if scale == "full" else STYLES[:1])
        for question in rulesets.QUESTIONS
    ]
    return Measured(lines=LINES[scale], many=MANY[scale], processes=processes, asked=asked)


def _judged(style: str, lines: int, scratch: Path, *, repeats: int) -> Iterator[Process]:
    before, after = scratch / f"{style}-{lines}.nft", scratch / f"{style}-{lines}.after.nft"
    # In a process of its own: what this one has resident would count as the peak memory of its children.
    made = measure(
        [sys.executable, HERE / "written.py", style, str(lines), before], scratch=scratch, repeats=1
    )
    if made.code:
        raise SystemExit(f"bench/written.py ended with exit code {made.code}: {made.said}")
    commands = {"check": [before]}
    if lines in LINES.values():
        commands["diff"] = [before, after]
    for command, files in commands.items():
        cost = measure(
            [ZONEGUARD, command, *files, "--policy", POLICY], scratch=scratch, repeats=repeats, before=files
        )
        process = Process(style=style, lines=lines, command=command, cost=cost)
        fault = f" (failed, exit code {cost.code})" if process.failed else ""
        print(
            f"{lines} lines {style} {command}: {cost.cpu:.2f} s CPU, {cost.wall:.2f} s, {cost.peak_mb:.0f} MB{fault}",
            file=sys.stderr,
        )
        yield process
    before.unlink()
    after.unlink()


def _beside(style: str, question: str) -> Asked:
    answers = {
        engine: rulesets.answered(style, COMPARED, question, engine=engine) for engine in rulesets.ENGINES
    }
    asked = Asked(
        style=style,
        question=question,
        seconds={engine: one["whole"] for engine, one in answers.items()},
        megabytes={engine: one["megabytes"] for engine, one in answers.items()},
        equal=len({str(one["answer"]) for one in answers.values()}) == 1,
    )
    print(f"{COMPARED} lines {style} {question}: {asked.seconds}, equal: {asked.equal}", file=sys.stderr)
    return asked


def bars(found: Measured) -> Iterator[Bar]:
    """Hold one run against every promise."""
    for one in found.processes:
        work = Text(
            ja=f"{_WORDS[one.command].ja}、{one.style}、{one.lines:,} 行",
            en=f"{_WORDS[one.command].en}, {one.style}, {one.lines:,} lines",
        )
        many = one.lines > max(LINES.values())
        yield _seconds(work, 30 if many else 3, None if one.failed else one.cost.cpu)
        if one.command == "check":
            yield memory(work, 2560 if many else 400, None if one.failed else one.cost.peak_mb)
    yield Bar(
        work=Text(
            ja=f"BDD（oxidd）と同じ {COMPARED:,} 行", en=f"the same {COMPARED:,} lines as BDDs (oxidd)"
        ),
        bar=Text(ja="答えがすべて等しい", en="every answer is equal"),
        measured=f"{sum(one.equal for one in found.asked)} / {len(found.asked)}",
        met=all(one.equal for one in found.asked),
    )


def _seconds(work: Text, most: float, cpu: float | None) -> Bar:
    return Bar(
        work=work,
        bar=Text(ja=f"{most:g} 秒以下（CPU）", en=f"≤ {most:g} s (CPU)"),
        measured="–" if cpu is None else f"{cpu:.2f} s",
        met=None if cpu is None else cpu <= most,
    )


def section(found: Measured, held: Sequence[Bar], about: Text, lang: Language) -> str:
    """Lay the section out as Markdown."""
    lines = [
        f"## {say(_TITLE, lang)}",
        "",
        say(about, lang),
        "",
        say(_METHOD, lang),
        "",
        *bar_table(held, lang),
        "",
        table_head(_RUN_HEAD, lang),
        *(
            f"| {one.style} | {one.lines:,} | `zoneguard {one.command}` | {one.cost.cpu:.2f} | {one.cost.wall:.2f} |"
            f" {one.cost.peak_mb:.0f} |"
            for one in found.processes
        ),
        "",
        say(_BESIDE, lang),
        "",
        table_head(_ENGINE_HEAD, lang),
        *(
            f"| {one.style} | {say(_QUESTIONS[one.question], lang)} |"
            f" {one.seconds['products']:.2f} | {one.megabytes['products']:.0f} |"
            f" {one.seconds['bdd']:.2f} | {one.megabytes['bdd']:.0f} |"
            f" {say(_EQUAL if one.equal else _DIFFERENT, lang)} |"
            for one in found.asked
        ),
        "",
    ]
    return "\n".join(lines)


_TITLE = Text(ja="ファイアウォールの設定", en="Firewall exports")
_METHOD = Text(
    ja="ClassBench 風の acl・fw・ipc の行（オブジェクトグループと IPv6 を含む）を nftables の設定として書き、例示市の zones.yaml に"
    "照らしました。`check` は 1 回の実行で、許可から方針を引いた差と、届かない行およびそれを覆う行の両方に答えます。`diff` は行の 0.5 % を"
    "変えた版との比較です。起動と構文解析を含むプロセス全体を測り、値は 3 回のうち最良のもの（20 秒を超えるものは 1 回）、メモリは最大値です。"
    "1 スレッドで動くため、空いた機械では CPU 時間と実時間が等しくなります。目標は CPU 時間で判定します。",
    en="Lines in the manner of ClassBench (acl, fw, ipc), with object groups and IPv6, written as nftables rulesets and "
    "held against the zones.yaml of the example city. One run of `check` answers both what is permitted beyond the policy "
    "and which lines are never reached and by what they are covered; `diff` compares with an edit of 0.5 % of the lines. "
    "Whole processes with start-up and parsing, the best of three (once where it takes more than 20 seconds), memory the "
    "highest. One thread does it all, so that on an idle machine CPU and wall time are the same; the bars are held "
    "against CPU time.",
)
_BESIDE = Text(
    ja=f"同じ実行で、同じ {COMPARED:,} 行を本製品のエンジンと二分決定図（BDD、oxidd）の両方に尋ねました。1 万行の図は 150 秒では終わらなかったため、"
    "終わる行数で比べています。図が答えるのは集合だけで、どの行が決めたかは答えません。",
    en=f"In the same run the same {COMPARED:,} lines were put to this engine and to binary decision diagrams (BDDs, "
    "oxidd): as many as the diagrams finish, for those of 10,000 lines were not done after 150 seconds. Diagrams give the sets alone, "
    "not the lines that decide.",
)
_WORDS = {
    "check": Text(ja="許可と方針の差、届かない行", en="permitted beyond policy, unreachable lines"),
    "diff": Text(ja="2 版の差", en="two versions"),
}
_QUESTIONS = {
    "violations": Text(ja="許可と方針の差", en="permitted beyond policy"),
    "unreachable": Text(ja="届かない行", en="unreachable lines"),
    "diff": Text(ja="2 版の差", en="two versions"),
}
_EQUAL = Text(ja="等しい", en="equal")
_DIFFERENT = Text(ja="**異なる**", en="**different**")
_RUN_HEAD = (
    Text(ja="型", en="Style"),
    Text(ja="行", en="Lines"),
    Text(ja="プログラム", en="Program"),
    Text(ja="CPU 秒", en="CPU s"),
    Text(ja="実時間 秒", en="Wall s"),
    Text(ja="最大メモリ MB", en="Peak MB"),
)
_ENGINE_HEAD = (
    Text(ja="型", en="Style"),
    Text(ja="問い", en="Question"),
    Text(ja="本製品 CPU 秒", en="This engine, CPU s"),
    Text(ja="MB", en="MB"),
    Text(ja="oxidd CPU 秒", en="oxidd, CPU s"),
    Text(ja="MB", en="MB"),
    Text(ja="答え", en="Answers"),
)
