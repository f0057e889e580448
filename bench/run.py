"""ZoneGuard beside its peers in one run: CPU time, wall time, peak memory, and the promises held against them.

Run as `python bench/run.py` (writes docs/performance.md) or `--quick` (two minutes; writes nothing); `--only captures`
or `--only rulesets` measures one part and leaves the other section of the page as it is.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import firewalls
import peers
from bars import Results, Run, bars
from measure import Cost, measure
from pages import MARK, Machine, machine, page, where, with_section

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bars import Language

HERE = Path(__file__).parent
ROOT = HERE.parent
ZONEGUARD = Path(sys.executable).parent / "zoneguard"
POLICY = ROOT / "zones.yaml"
PAGE = ROOT / "docs" / "performance.md"
PARTS = ("captures", "rulesets")
# The peers neither take a digest of what they read nor open a flow to see whether it is what its port says:
# what that costs is measured in lines of its own, and by bench/looking.py.
PEERS_DUTIES = ("--no-digest", "--look", "0")
SLICES = {"full": {"tshark": 200_000, "script": 20_000}, "quick": {"tshark": 20_000, "script": 4_000}}


def main() -> int:
    """Generate what is missing, measure, print, and write the pages where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the packets, one repeat")
    parser.add_argument("--write", type=Path, help="the English page; the Japanese one goes to ja/ beside it")
    parser.add_argument("--only", choices=PARTS, help="measure one part, and write its section alone")
    arguments = parser.parse_args()
    scale = "quick" if arguments.quick else "full"
    target = arguments.write or (None if arguments.quick else PAGE)
    parts = (arguments.only,) if arguments.only else PARTS
    with tempfile.TemporaryDirectory(prefix="zoneguard-bench-") as scratch:
        if "captures" in parts and not _captures(scale, Path(scratch), target):
            return 3
        if "rulesets" in parts:
            _rulesets(scale, Path(scratch), target)
    return 0


def _captures(scale: str, scratch: Path, target: Path | None) -> bool:
    """Measure captures and write the page of them, keeping the sections of others; False: there are none."""
    # In a process of its own: what this one has resident would count as the peak memory of its children.
    generator = measure(
        [sys.executable, HERE / "generate.py", "--scale", scale, "--ten10m"],
        scratch=_folder(HERE / "data"),
        repeats=1,
        cap=3600,
    )
    print(generator.said, end="", file=sys.stderr)
    if generator.code:
        print(f"bench/generate.py ended with exit code {generator.code}.", file=sys.stderr)
        return False
    results = _Bench(scale, scratch).all()
    about = _about(scale)
    held = list(bars(results))
    print(page(results, held, about, "en"))
    for lang, path in _pages(target):
        made = page(results, held, about, lang)
        kept = path.read_text("utf-8").partition(MARK)[2] if path.exists() else ""
        path.write_text(with_section(made, kept) if kept else made, "utf-8")
    return True


def _rulesets(scale: str, scratch: Path, target: Path | None) -> None:
    """Measure rulesets and write their section, the last of the page."""
    found = firewalls.measured(scale, scratch)
    held = list(firewalls.bars(found))
    about = where(_about(scale))
    print(firewalls.section(found, held, about, "en"))
    for lang, path in _pages(target):
        before = path.read_text("utf-8") if path.exists() else ""
        section = firewalls.section(found, held, about, lang)
        path.write_text(with_section(before, section), "utf-8")


def _about(scale: str) -> Machine:
    return machine(scale, peers.versions(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _pages(target: Path | None) -> Iterator[tuple[Language, Path]]:
    if target is not None:
        yield "en", target
        yield "ja", _folder(target.parent / "ja") / target.name
        print(f"Wrote {target} and its Japanese page.", file=sys.stderr)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


class _Bench:
    """The measurements, in the order they are taken."""

    def __init__(self, scale: str, scratch: Path) -> None:
        self.data = HERE / "data" / scale
        self.scale = scale
        self.scratch = scratch
        self.repeats = 1 if scale == "quick" else 3
        self.manifest: dict[str, dict[str, int]] = json.loads((self.data / "manifest.json").read_text())
        self.runs: dict[str, Run] = {}

    def all(self) -> Results:
        """Measure everything."""
        warm = self._zoneguard(["warmup"])
        self._tell("warmup", warm)
        measure([sys.executable, HERE / "meter.py", self.data / "tiny.pcap"], scratch=self.scratch, repeats=1)
        mixed = [self.data / f"mixed-{i}.pcap" for i in range(8)]
        self._mixed(mixed)
        self._others()
        self._two(mixed[:2])
        return Results(
            runs=self.runs,
            expected={
                "mixed": self.manifest["mixed"],
                **{name: self.manifest[f"{name}.pcap"] for name in ("small", "hostile", "ten10m")},
            },
            numba_imported=self._numba_imported(),
        )

    def _mixed(self, files: list[Path]) -> None:
        packets = self.manifest["mixed"]["packets"]
        work = _mixed_work(packets)
        self._check("mixed", work, files, packets, *PEERS_DUTIES)
        self._check("mixed whole", work, files, packets)
        self._peer(
            "tcpdump mixed", work, "tcpdump -r -w /dev/null", peers.tcpdump(files, self.scratch), packets
        )
        self._slice(
            "nfdump mixed",
            work,
            "nfpcapd + nfdump",
            peers.nfdump(files[0], self.scratch),
            factor=len(files),
            packets=packets,
        )
        for tool, count in (("tshark", SLICES[self.scale]["tshark"]), ("scapy", 0), ("dpkt", 0)):
            number = count or SLICES[self.scale]["script"]
            part = peers.first_packets(files[0], number, self.scratch / "slice.pcap")
            one = peers.first_packets(files[0], 1, self.scratch / "one.pcap")
            call = {"tshark": peers.tshark, "scapy": peers.scapy, "dpkt": peers.dpkt}[tool]
            call(one, self.scratch)  # so that its program is cached before its start is measured
            start, whole = call(one, self.scratch), call(part, self.scratch)
            if start is None or whole is None:
                continue
            name = "tshark -q -z conv,tcp" if tool == "tshark" else tool
            self._slice(
                f"{tool} mixed", work, name, whole, factor=packets / number, packets=packets, start=start
            )

    def _others(self) -> None:
        small = self.data / "small.pcap"
        packets = self.manifest["small.pcap"]["packets"]
        work = Text(ja=f"小パケット {packets:,}", en=f"{packets:,} small packets")
        self._check("small", work, [small], packets, *PEERS_DUTIES)
        self._check("small whole", work, [small], packets)
        self._peer(
            "tcpdump small", work, "tcpdump -r -w /dev/null", peers.tcpdump([small], self.scratch), packets
        )
        self._peer("nfdump small", work, "nfpcapd + nfdump", peers.nfdump(small, self.scratch), packets)
        for name, file, ja, en in (
            (
                "small-tenth",
                "small-tenth.pcap",
                "同じフロー、1/10 のパケット",
                "the same flows, a tenth of the packets",
            ),
            ("pcapng", "mixed.pcapng", "混合 1 ファイル（pcapng）", "one mixed file as pcapng"),
            ("pcap", "mixed-0.pcap", "混合 1 ファイル（pcap）", "one mixed file as pcap"),
            ("hostile", "hostile.pcap", "1 台からの走査", "scan from one host"),
            ("ten10m", "ten10m.pcap", "1 パケットのフローが多数", "a great many flows of one packet"),
            (
                "crafted",
                "crafted.pcap",
                "ハッシュを狙った 4 万パケット",
                "40,000 packets crafted against a hash",
            ),
            ("ordinary", "ordinary40k.pcap", "通常の 4 万パケット", "40,000 ordinary packets"),
            ("tiny", "tiny.pcap", "1,000 パケット", "1,000 packets"),
        ):
            work = Text(ja=ja, en=en)
            self._check(name, work, [self.data / file], self.manifest[file]["packets"], "--look", "0")
        tiny = Text(ja="1,000 パケット", en="1,000 packets")
        self._check("tiny whole", tiny, [self.data / "tiny.pcap"], self.manifest["tiny.pcap"]["packets"])
        scan = Text(ja="1 台からの走査、計測のみ", en="scan from one host, metering alone")
        self._meter("meter hostile", scan, "hostile.pcap")
        for name, file in (
            ("small", "small.pcap"),
            ("mixed", "mixed-0.pcap"),
            ("hostile", "hostile.pcap"),
            ("crafted", "crafted.pcap"),
            ("ordinary", "ordinary40k.pcap"),
        ):
            kernel = Text(ja=f"カーネルのみ、{file}", en=f"the kernel alone, {file}")
            self._meter(f"kernel {name}", kernel, file, "--kernel")
        help_work = Text(ja="使い方の表示", en="the help text")
        cost = measure([ZONEGUARD, "--help"], scratch=self.scratch, repeats=3)
        self._add("help", Run(work=help_work, tool="zoneguard --help", cost=cost, packets=0))

    def _two(self, files: list[Path]) -> None:
        packets = sum(self.manifest[file.name]["packets"] for file in files)
        for jobs in (1, 2):
            work = Text(ja="混合 2 ファイル", en="two mixed files")
            self._check(f"jobs {jobs}", work, files, packets, "--look", "0", "--jobs", str(jobs))

    def _check(self, name: str, work: Text, files: Sequence[Path], packets: int, *options: str) -> None:
        cost = self._zoneguard(
            ["check", *files, "--policy", POLICY, "--format", "json", *options], before=files
        )
        tool = " ".join(("zoneguard check", *options))
        self._add(
            name,
            Run(work=work, tool=tool, cost=cost, packets=packets, report=_json(cost), judges=True),
        )

    def _meter(self, name: str, work: Text, file: str, *options: str) -> None:
        path = self.data / file
        cost = measure(
            [sys.executable, HERE / "meter.py", *options, path],
            scratch=self.scratch,
            repeats=self.repeats,
            before=[path],
            keep_output=True,
        )
        packets = self.manifest[file]["packets"]
        self._add(
            name,
            Run(
                work=work,
                tool="bench/meter.py",
                cost=cost,
                packets=packets,
                report=_json(cost),
                judges=True,
            ),
        )

    def _zoneguard(self, arguments: Sequence[str | Path], before: Sequence[Path] = ()) -> Cost:
        return measure(
            [ZONEGUARD, *arguments],
            scratch=self.scratch,
            repeats=self.repeats,
            keep_output=True,
            before=before,
        )

    def _peer(self, name: str, work: Text, tool: str, cost: Cost | None, packets: int) -> None:
        if cost is not None:
            self._add(name, Run(work=work, tool=tool, cost=cost, packets=packets))

    def _slice(
        self,
        name: str,
        work: Text,
        tool: str,
        cost: Cost | None,
        *,
        factor: float,
        packets: int,
        start: Cost | None = None,
    ) -> None:
        """Scale a slice up; what starting the program costs counts once."""
        if cost is None:
            return
        cpu, wall = (start.cpu, start.wall) if start is not None else (0.0, 0.0)
        scaled = Cost(
            cpu=cpu + max(cost.cpu - cpu, 0) * factor,
            wall=wall + max(cost.wall - wall, 0) * factor,
            peak_mb=cost.peak_mb,
            code=cost.code,
            output=cost.output,
            said=cost.said,
            timed_out=cost.timed_out,
            runs=cost.runs,
        )
        self._add(
            name, Run(work=work, tool=tool, cost=scaled, packets=packets, slice_of=round(packets / factor))
        )

    def _numba_imported(self) -> bool | None:
        """Ask Python which modules a check of the tiny capture imports."""
        run = self.runs.get("tiny")
        if run is None or run.failed:
            return None
        measure(
            [ZONEGUARD, "check", self.data / "tiny.pcap", "--policy", POLICY, "--format", "json"],
            scratch=self.scratch,
            repeats=1,
            environment={"PYTHONPROFILEIMPORTTIME": "1"},
        )
        told = [line for line in (self.scratch / "err").read_text().splitlines() if "import time:" in line]
        return any(line.rpartition("|")[2].strip() == "numba" for line in told) if told else None

    def _add(self, name: str, run: Run) -> None:
        self.runs[name] = replace(run, cost=replace(run.cost, output=""))
        self._tell(name, run.cost, failed=run.failed)

    def _tell(self, name: str, cost: Cost, *, failed: bool | None = None) -> None:
        fault = ""
        if cost.timed_out:
            fault = " (timed out)"
        elif failed if failed is not None else cost.code:
            last = cost.said.strip().splitlines()[-1:]
            fault = f" (failed, exit code {cost.code}: {''.join(last)})"
        print(
            f"{name}: {cost.cpu:.2f} s CPU, {cost.wall:.2f} s, {cost.peak_mb:.0f} MB{fault}", file=sys.stderr
        )


def _mixed_work(packets: int) -> Text:
    return Text(ja=f"混合 {packets:,} パケット、8 ファイル", en=f"{packets:,} mixed packets, 8 files")


def _json(cost: Cost) -> Mapping[str, Any] | None:
    """Give what the bars need of a report; the rest would stay resident and spoil the peaks that follow."""
    try:
        read = json.loads(cost.output)
    except ValueError:
        return None
    if not isinstance(read, dict):
        return None
    if "coverage" in read:
        return {"coverage": read["coverage"], "findings": len(read.get("findings", []))}
    return read


if __name__ == "__main__":
    sys.exit(main())
