"""The page of results, in English and in Japanese, from the same numbers."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bars import Language, bar_table, say, table_head

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bars import Bar, Results, Run

MARK = "<!-- rulesets -->\n"


class Machine(NamedTuple):
    """Where and when the numbers come from."""

    scale: str
    date: str
    processor: str
    cores: int
    memory_gb: float
    system: str
    versions: Sequence[str]  # Python first
    floor_mb: float  # of the peaks: what the bench itself had resident


def machine(scale: str, peers: Sequence[str], floor_mb: float) -> Machine:
    """Describe this machine and what runs on it."""
    cpu = re.search(r"model name\s*:\s*(.*)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    own = [f"{name} {version(name)}" for name in ("zoneguard", "numpy", "numba", "scapy")]
    return Machine(
        scale=scale,
        date=time.strftime("%Y-%m-%d"),
        processor=cpu.group(1) if cpu else platform.processor(),
        cores=os.cpu_count() or 1,
        memory_gb=int(memory.group(1)) / 1e6 if memory else 0,
        system=f"{platform.system()} {platform.release()}",
        # Builds of one version differ by a sixth: Debian's is optimised by profile, one by pyenv is not.
        versions=[f"Python {platform.python_version()} ({sys.base_prefix})", *own, *peers],
        floor_mb=floor_mb,
    )


def page(results: Results, bars: Sequence[Bar], about: Machine, lang: Language) -> str:
    """Lay the whole page out as Markdown."""
    lines = [
        f"# {say(_TITLE, lang)}",
        "",
        say(_OTHER_LANGUAGE, lang),
        "",
        say(where(about), lang),
        "",
        ", ".join(about.versions[1:]),
        "",
        f"## {say(_PROMISES, lang)}",
        "",
        *bar_table(bars, lang),
        "",
        f"## {say(_MEASURED, lang)}",
        "",
        say(_METHOD, lang),
        say(
            Text(
                ja=f"測定プログラム自身の {about.floor_mb:.0f} MB より小さいメモリは測れません。",
                en=f"Peaks below the {about.floor_mb:.0f} MB of the measuring program itself cannot be told.",
            ),
            lang,
        ),
        "",
        table_head(_RUN_HEAD, lang),
        *(_row(run, lang) for run in results.runs.values()),
        "",
    ]
    return "\n".join(lines)


def with_section(page: str, section: str) -> str:
    """Give a page with the section of rulesets made anew: the last one, opened by a mark that is not shown."""
    return f"{page.partition(MARK)[0].rstrip()}\n\n{MARK}{section}"


def _row(run: Run, lang: Language) -> str:
    cost = run.cost
    if cost.timed_out:
        note = say(Text(ja="10 分で打ち切り", en="stopped after 10 minutes"), lang)
    elif run.failed:
        last = (
            f"{run.seen:,} packets"
            if run.seen is not None
            else "".join(cost.said.strip().splitlines()[-1:]).replace("|", "\\|")[:120]
        )
        note = say(
            Text(ja=f"失敗（終了コード {cost.code}）: {last}", en=f"failed (exit code {cost.code}): {last}"),
            lang,
        )
    elif run.slice_of:
        cut = f"{run.slice_of:,}"
        note = say(Text(ja=f"{cut} パケットからの換算", en=f"scaled from {cut} packets"), lang)
    else:
        note = ""
    rate = f"{run.packets / cost.cpu / 1e6:.3g}" if run.packets and cost.cpu and not run.failed else "–"
    cells = (
        say(run.work, lang),
        f"`{run.tool}`",
        _seconds(cost.cpu),
        _seconds(cost.wall),
        f"{cost.peak_mb:.0f}",
        rate,
        note,
    )
    return f"| {' | '.join(cells)} |"


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError:
        return ""


def where(about: Machine) -> Text:
    """Say where and when it was measured."""
    small = about.scale == "quick"
    return Text(
        ja=f"{about.date} に測定。{about.processor}、{about.cores} コア、メモリ {about.memory_gb:.0f} GB、{about.system}、"
        f"{about.versions[0]}。"
        + ("`make bench-quick`: パケット数は 1/10 で、起動時間の比重が大きくなります。" if small else ""),
        en=f"Measured on {about.date}: {about.processor}, {about.cores} cores, {about.memory_gb:.0f} GB of memory, {about.system}, "
        f"{about.versions[0]}."
        + (" `make bench-quick`: a tenth of the packets, so start-up weighs more." if small else ""),
    )


_TITLE = Text(ja="性能", en="Performance")
_OTHER_LANGUAGE = Text(ja="[English](../performance.md)", en="[日本語](ja/performance.md)")
_PROMISES = Text(ja="目標と結果", en="Promises and results")
_MEASURED = Text(ja="測定値", en="Measurements")
_METHOD = Text(
    ja="`make bench` の 1 回の実行で、起動を含むプロセス全体を、ファイルがページキャッシュにある状態で測りました。"
    "値は 3 回のうち最良のもの（20 秒を超えるものは 1 回）、メモリは最大値です。遅いプログラムは先頭部分で測り、"
    "起動時間を除いて比例換算しました。tcpdump は解析せずに写すだけです。"
    "比べる相手はダイジェストを取らず、フローの中身も確かめないので、目標は `--no-digest` と `--look 0` で比べます。",
    en="One run of `make bench`: whole processes with their start-up, files in the page cache, the best of three "
    "(once where it takes more than 20 seconds), memory the highest. Slow programs were measured on the first "
    "packets and scaled in proportion, start-up apart. tcpdump copies and decodes nothing. "
    "The peers take no digest and open no flow, so the bars are held with `--no-digest` and `--look 0`.",
)
_RUN_HEAD = (
    Text(ja="対象", en="Work"),
    Text(ja="プログラム", en="Program"),
    Text(ja="CPU 秒", en="CPU s"),
    Text(ja="実時間 秒", en="Wall s"),
    Text(ja="最大メモリ MB", en="Peak MB"),
    Text(ja="Mpps（CPU）", en="Mpps (CPU)"),
    Text(ja="備考", en="Note"),
)
