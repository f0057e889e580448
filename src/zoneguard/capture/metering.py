"""Captures to finished flows: one stream in time order, or several at once on as many cores."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from zoneguard.capture import kernels
from zoneguard.capture.index import share
from zoneguard.capture.reading import Reading
from zoneguard.capture.source import Source, open_source
from zoneguard.capture.tables import BLOCK, Meter
from zoneguard.net.flow import CaptureCoverage
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from zoneguard.capture.flows import Spill
    from zoneguard.net.flow import Claim, FlowTable, TunnelEnds

ROWS_PER_MIB = 4_000  # a row, its slots and its share of the table's slack


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One capture and where it was taken: index of its sensor, and sensors by interface name."""

    path: Path | None
    sensor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRead:
    """What was read of one input."""

    name: str
    size: int
    sha256: str
    reading: Reading
    modified: int = 0  # ns since 1970, as the file system says, when it was opened


@dataclass(slots=True)
class Metered:
    """Everything the captures said but the flows, which went to `emit` block by block."""

    inputs: list[InputRead] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    tunnels: list[TunnelEnds] = field(default_factory=list)
    coverage: CaptureCoverage = field(default_factory=CaptureCoverage)


def meter(
    inputs: Sequence[Input],
    emit: Callable[[FlowTable], object],
    *,
    jobs: int = 1,
    most_memory_mib: int = 256,
    domains: Sequence[int] = (),
    digests: bool = True,
    interfaces: dict[str, int] | None = None,
    progress: Callable[[int, int], None] = lambda octets, packets: None,
) -> Metered:
    """Meter all inputs; flows go to `emit` in blocks, memory stays within the bound for live flows.

    `digests`: whether each input's SHA-256 is taken while it is read.

    With one job the inputs are one stream: a flow, a fragmented datagram or a mirror copy may span files.
    With more, each job takes a run of consecutive files; flows are joined over the borders, while mirror
    copies and fragments are told apart within each run only.
    """
    compiled = _weight(inputs) >= kernels.INTERPRETED_BELOW
    runs = _runs(inputs, jobs)
    most_rows = max(1 << 12, most_memory_mib * ROWS_PER_MIB // len(runs))
    lanes = [
        _Lane(
            run=run,
            compiled=compiled,
            most_rows=most_rows,
            domains=domains,
            together=len(runs) > 1,
            digests=digests,
            stretches=share(len(inputs)),
        )
        for run in runs
    ]
    names = interfaces or {}
    if len(lanes) == 1:
        lanes[0].work(emit, names, progress)
    else:
        kernels.load(compiled=compiled)
        with ThreadPoolExecutor(len(lanes)) as pool:
            work = pool.map(lambda lane: lane.work(emit, names, _total(lanes, lane, progress)), lanes)
            _prepare_join(compiled=compiled)
            list(work)
    _join(lanes, emit, compiled=compiled)
    return _report(lanes)


class _Lane:
    """A run of consecutive inputs with a meter of its own."""

    def __init__(
        self,
        *,
        run: Sequence[tuple[int, Input]],
        compiled: bool,
        most_rows: int,
        domains: Sequence[int],
        together: bool,
        digests: bool,
        stretches: int,
    ) -> None:
        self.run = run
        self.compiled = compiled
        self.most_rows = most_rows
        self.domains = domains
        self.together = together
        self.digests = digests
        self.stretches = stretches
        self.done = (0, 0)
        self.inputs: list[InputRead] = []
        self.meter: Meter | None = None
        self.spilled: Spill | None = None

    def work(
        self,
        emit: Callable[[FlowTable], object],
        interfaces: dict[str, int],
        progress: Callable[[int, int], None],
    ) -> None:
        from zoneguard.capture import flows

        def spill(rows: object) -> None:
            if self.spilled is None:
                self.spilled = flows.Spill()
            self.spilled.add(rows)  # type: ignore[arg-type]

        def direct(rows: object) -> None:
            if self.spilled is None:
                emit(flows.to_flows(rows))  # type: ignore[arg-type]
            else:  # it may be the last piece of a flow whose earlier pieces are on disk
                self.spilled.add(rows)  # type: ignore[arg-type]

        meter = Meter(
            compiled=self.compiled,
            # Flows of several lanes may be pieces of one: all are joined, whether finished or live.
            emit=spill if self.together else direct,
            spill=spill,
            most_rows=self.most_rows,
            domains=self.domains,
        )
        before = 0
        for file, one in self.run:
            source = _open(one.path, digests=self.digests)
            if isinstance(source, Text):
                self.inputs.append(_unread(one, source))
                continue
            base = before
            reading = meter.read(
                source,
                file=file,
                sensor=one.sensor,
                sensor_of=interfaces.get,
                stretches=self.stretches,
                progress=lambda octets, packets, base=base: progress(base + octets, packets),  # type: ignore[misc]
            )
            before += source.size or source.position
            self.inputs.append(what_was_read(source, reading))
            if one.path is not None:
                source.raw.close()
        meter.finish()
        self.meter = meter


def _open(path: Path | None, *, digests: bool) -> Source | Text:
    try:
        return open_source(path, digest=hashlib.sha256() if digests else None)
    except OSError as error:
        return Text(
            ja=f"{path}: 開けません（{error.strerror}）。読み取りの権限を確かめてください。",
            en=f"{path}: cannot be opened ({error.strerror}); check the permission to read it.",
        )


def _unread(one: Input, fault: Text) -> InputRead:
    return InputRead(name=str(one.path), size=0, sha256="", reading=Reading(faults=[fault], refused=True))


def what_was_read(source: Source, reading: Reading) -> InputRead:
    """Say what was read of a source that is still open, with the digest of all of it where one is taken."""
    size = source.size if source.size is not None else source.position
    name, modified = source.name, source.modified
    if source.digest is None:
        return InputRead(name=name, size=size, sha256="", reading=reading, modified=modified)
    # What the reading left behind (a refused file, a cut record) still belongs to the file's digest.
    rest = memoryview(bytearray(1 << 20))
    if source.size is not None:
        while count := source.raw.readinto(rest):  # type: ignore[attr-defined]
            source.digest.update(rest[:count])
    digest = source.digest.hexdigest()
    return InputRead(name=name, size=size, sha256=digest, reading=reading, modified=modified)


def _weight(inputs: Sequence[Input]) -> int:
    total = 0
    for one in inputs:
        if one.path is None:
            return kernels.INTERPRETED_BELOW
        try:
            size = one.path.stat().st_size
            with one.path.open("rb") as file:
                head = file.read(4)
        except OSError:
            continue
        # Captures shrink to about a sixth.
        total += size * 6 if head[:2] == b"\x1f\x8b" or head == b"\x28\xb5\x2f\xfd" else size
    return total


def _runs(inputs: Sequence[Input], jobs: int) -> list[list[tuple[int, Input]]]:
    """Cut the inputs into at most `jobs` runs of about the same number of octets."""
    numbered = list(enumerate(inputs))
    sizes = [one.path.stat().st_size if one.path is not None and one.path.exists() else 0 for one in inputs]
    share = max(1, sum(sizes)) / max(1, jobs)
    runs: list[list[tuple[int, Input]]] = [[]]
    filled = 0
    for entry, size in zip(numbered, sizes, strict=True):
        if runs[-1] and filled + size / 2 > share * len(runs) and len(runs) < jobs:
            runs.append([])
        runs[-1].append(entry)
        filled += size
    return runs


def _total(
    lanes: Sequence[_Lane], lane: _Lane, progress: Callable[[int, int], None]
) -> Callable[[int, int], None]:
    def report(octets: int, packets: int) -> None:
        lane.done = (octets, packets)
        progress(sum(one.done[0] for one in lanes), sum(one.done[1] for one in lanes))

    return report


def _prepare_join(*, compiled: bool) -> None:
    from zoneguard.capture import flows

    flows.prepare(compiled=compiled)


def _join(lanes: Sequence[_Lane], emit: Callable[[FlowTable], object], *, compiled: bool) -> None:
    from zoneguard.capture import flows

    spills = [lane.spilled for lane in lanes if lane.spilled is not None]
    try:
        for rows in flows.in_blocks(flows.joined(spills, compiled=compiled), BLOCK):
            emit(flows.to_flows(rows))
    finally:
        for spill in spills:
            spill.close()


def _report(lanes: Sequence[_Lane]) -> Metered:
    meters = [lane.meter for lane in lanes if lane.meter is not None]
    tunnels = {ends.identity: ends for meter in meters for ends in meter.tunnels()}
    claims: dict[tuple[object, ...], Claim] = {}
    for meter in meters:
        for claim in meter.all_claims():
            key = (claim.kind, claim.mac, claim.address, claim.vlan, claim.sensor)
            claims[key] = _merged(claims[key], claim) if key in claims else claim
    return Metered(
        inputs=[one for lane in lanes for one in lane.inputs],
        claims=list(claims.values()),
        tunnels=list(tunnels.values()),
        coverage=_sum([meter.coverage() for meter in meters]),
    )


def _merged(a: Claim, b: Claim) -> Claim:
    from dataclasses import replace

    first = a if a.first_seen <= b.first_seen else b
    return replace(first, last_seen=max(a.last_seen, b.last_seen), count=a.count + b.count)


def _sum(parts: Sequence[CaptureCoverage]) -> CaptureCoverage:
    totals: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for part in parts:
        for column in fields(part):
            value = getattr(part, column.name)
            if isinstance(value, dict):
                for reason, count in value.items():
                    reasons[reason] = reasons.get(reason, 0) + count
            else:
                totals[column.name] = totals.get(column.name, 0) + value
    return CaptureCoverage(not_decoded=reasons, **totals)
