"""What the product promises about its speed and memory, and whether one run of the bench kept it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from measure import Cost

Language = Literal["ja", "en"]

PROTOTYPE_MPPS = {
    "small": 7.1,
    "mixed": 6.4,
    "hostile": 3.7,
}  # bounds-checked kernel, one core, inside the process
HANDFUL = 12  # findings that still tell one scan as one thing


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One promise: measured is its ratio or number, met is None when it could not be measured."""

    work: Text
    bar: Text
    measured: str
    met: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measured command; `report` is what its JSON said, if it printed any."""

    work: Text
    tool: str
    cost: Cost
    packets: int
    report: Mapping[str, Any] | None = None
    judges: bool = False  # a command of ours that must say how many packets it saw
    slice_of: int = 0  # packets measured, when `cost` is scaled up from a slice

    @property
    def failed(self) -> bool:
        """Tell whether the figures are those of a command that did not do its work.

        An exit code of 1 may be findings or a traceback, and a quick answer may be one about nothing: our
        own commands did their work only when they say that they saw every packet.
        """
        if self.cost.timed_out:
            return True
        if self.judges:
            # 1: findings, 4: inconclusive; the captures are made to have findings.
            return self.cost.code not in {0, 1, 4} or self.seen != self.packets
        return self.cost.code != 0

    @property
    def seen(self) -> int | None:
        """Packets that the command says it saw."""
        if self.report is None:
            return None
        seen = self.report.get("coverage", self.report).get("packets")
        return seen if isinstance(seen, int) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything one run of the bench measured, by name."""

    runs: Mapping[str, Run]
    expected: Mapping[str, Mapping[str, int]]
    numba_imported: bool | None

    def cpu(self, name: str) -> float | None:
        """CPU seconds of a command that did its work."""
        run = self.runs.get(name)
        return None if run is None or run.failed else max(run.cost.cpu, 1e-3)

    def inside(self, name: str) -> float | None:
        """CPU seconds of metering, without the start of its process."""
        run = self.runs.get(name)
        return None if run is None or run.failed or not run.report else float(run.report["cpu_inside"])

    def wall(self, name: str) -> float | None:
        """Wall seconds of a command that did its work."""
        run = self.runs.get(name)
        return None if run is None or run.failed else max(run.cost.wall, 1e-3)

    def peak(self, name: str) -> float | None:
        """Peak memory in MB of a command that did its work."""
        run = self.runs.get(name)
        return None if run is None or run.failed else run.cost.peak_mb


def bars(results: Results) -> Iterator[Bar]:
    """Hold one run against every promise."""
    cpu, wall, peak = results.cpu, results.wall, results.peak
    amount = {name: f"{expected['packets']:,}" for name, expected in results.expected.items()}
    mixed = _same(
        f"{amount['mixed']} mixed packets, 8 rotated files", f"混合 {amount['mixed']} パケット、8 ファイル"
    )
    small = _same(f"{amount['small']} small packets", f"小パケット {amount['small']}")
    scan = _same(f"scan of {amount['hostile']} flows", f"{amount['hostile']} フローの走査")
    many = f"{results.expected['ten10m']['flows']:,}"
    yield _at_most(mixed, "tcpdump -r -w /dev/null", 1.5, _over(cpu("mixed"), cpu("tcpdump mixed")))
    yield _faster(mixed, "nfpcapd + nfdump", 10, _over(cpu("nfdump mixed"), cpu("mixed")))
    yield _faster(mixed, "tshark -z conv,tcp", 100, _over(cpu("tshark mixed"), cpu("mixed")))
    yield _at_most(small, "tcpdump -r -w /dev/null", 4, _over(cpu("small"), cpu("tcpdump small")))
    yield _faster(small, "nfpcapd + nfdump", 8, _over(cpu("nfdump small"), cpu("small")))
    for name, prototype in PROTOTYPE_MPPS.items():
        inside = results.inside(f"kernel {name}")
        mpps = None if inside is None else results.runs[f"kernel {name}"].packets / inside / 1e6
        yield Bar(
            work=_same(f"kernel with all its duties, {name}", f"カーネル（全機能、{name}）"),
            bar=Text(
                ja=f"試作 {prototype} Mpps の 50 % 以上（境界検査あり）",
                en=f"≥ 50 % of the prototype's {prototype} Mpps, bounds checks on",
            ),
            measured="–" if mpps is None else f"{mpps:.1f} Mpps, {mpps / prototype:.0%}",
            met=None if mpps is None else mpps >= prototype / 2,
        )
    yield memory(_peak(mixed), 300, peak("mixed"))
    yield memory(_peak(small), 300, peak("small"))
    grown = _over(peak("small"), peak("small-tenth"))
    yield Bar(
        work=_same("ten times as many packets of the same flows", "同じフローでパケットが 10 倍"),
        bar=Text(ja="メモリは増えない（測定誤差 5 %）", en="no more memory (5 % for noise)"),
        measured="–" if grown is None else f"× {grown:.2f}",
        met=None if grown is None else grown <= 1.05,
    )
    yield memory(_peak(scan), 600, peak("hostile"))
    capped = _same(f"{many} flows under the cap", f"上限付きの {many} フロー")
    yield memory(_peak(capped), 512, peak("ten10m"))
    for name, work in (
        ("mixed", mixed),
        ("small", small),
        ("hostile", scan),
        ("ten10m", capped),
    ):
        yield _exact(results, name, work)
    yield Bar(
        work=_same("two files, two cores (`--jobs 2`)", "2 ファイル・2 コア（`--jobs 2`）"),
        bar=_same("≥ 1.4 × (wall)", "1.4 倍以上（実時間）"),
        measured=_ratio(gain := _over(wall("jobs 1"), wall("jobs 2"))),
        met=None if gain is None else gain >= 1.4,
    )
    yield _seconds(_same("1,000 packets", "1,000 パケット"), 0.6, wall("tiny"))
    yield Bar(
        work=_same("1,000 packets", "1,000 パケット"),
        bar=Text(ja="numba を読み込まない", en="numba is not imported"),
        measured={None: "–", True: "imported", False: "not imported"}[results.numba_imported],
        met=None if results.numba_imported is None else not results.numba_imported,
    )
    yield _seconds(_same("`zoneguard --help`", "`zoneguard --help`"), 0.25, wall("help"))
    yield from _scan(results, scan)
    crafted = _same("40 k packets crafted against a hash", "ハッシュを狙った 4 万パケット")
    whole, ordinary = _over(cpu("crafted"), cpu("ordinary")), "通常の 4 万パケット"
    yield _at_most(crafted, "40 k ordinary packets", 2, whole, ja=ordinary)
    # Start-up is thirty times the kernel's share of so few packets, and would hide a flooded table.
    inside = _over(results.inside("kernel crafted"), results.inside("kernel ordinary"))
    alone = Text(ja=f"{crafted.ja}、計測のみ", en=f"{crafted.en}, metering alone")
    yield _at_most(alone, "40 k ordinary packets", 2, inside, ja=ordinary)


def _scan(results: Results, work: Text) -> Iterator[Bar]:
    run = results.runs.get("hostile")
    findings = run.report["findings"] if run is not None and run.report and not run.failed else None
    yield Bar(
        work=work,
        bar=Text(
            ja=f"集約された少数の指摘（{HANDFUL} 件以下）",
            en=f"a handful of aggregated findings (≤ {HANDFUL})",
        ),
        measured="–" if findings is None else str(findings),
        met=None if findings is None else 0 < findings <= HANDFUL,
    )
    judged = _over(results.cpu("hostile"), results.cpu("meter hostile"))
    yield _at_most(work, "the CPU of metering it", 3, judged, ja="計測のみの CPU 時間")


def _exact(results: Results, name: str, work: Text) -> Bar:
    expected = results.expected[name]
    run = results.runs.get(name)
    seen = run.report["coverage"] if run is not None and run.report and not run.failed else None
    return Bar(
        work=work,
        bar=Text(
            ja=f"{expected['packets']:,} パケット、{expected['flows']:,} フローと一致",
            en=f"exactly {expected['packets']:,} packets, {expected['flows']:,} flows",
        ),
        measured="–" if seen is None else f"{seen['packets']:,} / {seen['flows']:,}",
        met=None if seen is None else all(seen[key] == expected[key] for key in ("packets", "flows")),
    )


def _peak(work: Text) -> Text:
    return Text(ja=f"最大メモリ: {work.ja}", en=f"peak memory: {work.en}")


def _same(en: str, ja: str) -> Text:
    return Text(ja=ja, en=en)


def _over(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a / b


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"× {value:.2f}" if value < 10 else f"× {value:,.0f}"


def _at_most(work: Text, peer: str, most: float, ratio: float | None, *, ja: str = "") -> Bar:
    return Bar(
        work=work,
        bar=Text(ja=f"{ja or peer} の {most:g} 倍以下", en=f"≤ {most:g} × {peer}"),
        measured=_ratio(ratio),
        met=None if ratio is None else ratio <= most,
    )


def _faster(work: Text, peer: str, least: float, ratio: float | None) -> Bar:
    return Bar(
        work=work,
        bar=Text(ja=f"{peer} より {least:g} 倍以上速い", en=f"≥ {least:g} × faster than {peer}"),
        measured=_ratio(ratio),
        met=None if ratio is None else ratio >= least,
    )


def memory(work: Text, most: float, peak: float | None) -> Bar:
    """Hold a peak in MB against the most that is promised."""
    return Bar(
        work=work,
        bar=_same(f"≤ {most:g} MB", f"{most:g} MB 以下"),
        measured="–" if peak is None else f"{peak:.0f} MB",
        met=None if peak is None else peak <= most,
    )


def _seconds(work: Text, most: float, wall: float | None) -> Bar:
    return Bar(
        work=work,
        bar=_same(f"≤ {most:g} s (wall)", f"{most:g} 秒以下（実時間）"),
        measured="–" if wall is None else f"{wall:.2f} s",
        met=None if wall is None else wall <= most,
    )


def met(bar: Bar) -> Text:
    """Put into words whether a promise was kept."""
    match bar.met:
        case True:
            return Text(ja="達成", en="met")
        case False:
            return Text(ja="**未達**", en="**not met**")
        case None:
            return Text(ja="測定できず", en="not measured")


def say(text: Text, lang: Language) -> str:
    """Give the wording in one language."""
    return text.ja if lang == "ja" else text.en


def bar_table(bars: Sequence[Bar], lang: Language) -> list[str]:
    """Give the lines that tell how many bars are met, and each of them."""
    kept = sum(bar.met is True for bar in bars)
    return [
        say(Text(ja=f"{len(bars)} 件中 {kept} 件を達成しました。", en=f"{kept} of {len(bars)} met."), lang),
        "",
        table_head(_BAR_HEAD, lang),
        *(
            f"| {say(bar.work, lang)} | {say(bar.bar, lang)} | {bar.measured} | {say(met(bar), lang)} |"
            for bar in bars
        ),
    ]


def table_head(cells: Sequence[Text], lang: Language) -> str:
    """Give the two lines that open a table."""
    return f"| {' | '.join(say(cell, lang) for cell in cells)} |\n|{'---|' * len(cells)}"


_BAR_HEAD = (
    Text(ja="対象", en="Work"),
    Text(ja="目標", en="Bar"),
    Text(ja="実測", en="Measured"),
    Text(ja="結果", en="Result"),
)
