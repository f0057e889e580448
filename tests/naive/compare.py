"""The engine and its twin put side by side: the engine's flow table in the twin's words."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.naive.twin import Ends, Twin
from zoneguard.capture import kernels
from zoneguard.capture.flows import Spill, joined, to_flows
from zoneguard.capture.tables import Meter
from zoneguard.net.flow import FlowTable

if TYPE_CHECKING:
    from types import ModuleType

LEFT_OUT = {"file", "sensor"}


def metered(
    *captures: bytes, compiled: bool, kernel: ModuleType | None = None, **options: Any
) -> tuple[FlowTable, Meter]:
    """Meter captures one after another; the keys of the hash are fixed, so that a failure comes again."""
    blocks: list[Any] = []
    spill = options.pop("spill", None)

    def emit(rows: Any) -> None:
        # What is finished after a spill may be the last piece of a flow whose earlier pieces are on disk.
        (spill.add if spill is not None and meter.spills else blocks.append)(rows.copy())

    meter = Meter(compiled=compiled, emit=emit, spill=spill.add if spill else None, **options)
    if kernel is not None:
        meter.kernel = kernel
    for i in range(16):
        meter.t.keys[i] = 0x2545F4914F6CDD1D * (2 * i + 1) % (1 << 62) | 1
    for capture in captures:
        meter.read_bytes(capture)
    meter.finish()
    if spill is not None:
        blocks += list(joined([spill], compiled=compiled))
        spill.close()
    table = FlowTable.concatenate([to_flows(block) for block in blocks])
    return table, meter


def bounded(*captures: bytes, compiled: bool, most_rows: int) -> tuple[FlowTable, Meter]:
    """Likewise with a bound on the live flows, and the pieces joined at the end."""
    return metered(*captures, compiled=compiled, most_rows=most_rows, spill=Spill())


def described(table: FlowTable, meter: Meter) -> list[dict[str, Any]]:
    """Describe flows as the twin does: addresses as octets, a tunnel as the chain of its ends."""
    known = {ends.identity: ends for ends in meter.tunnels()}

    def chain(identity: int) -> tuple[Ends, ...]:
        if not identity:
            return ()
        ends = known[identity]
        sides = frozenset(octets(side) for side in (ends.outer_orig, ends.outer_resp))
        return (*chain(ends.parent), Ends(int(ends.kind), sides, ends.number))

    names = [f.name for f in fields(table) if f.name not in LEFT_OUT]
    values = {name: getattr(table, name).tolist() for name in names}
    flows = []
    for i in range(len(table)):
        flow = {name: values[name][i] for name in names}
        for name in ("orig_address", "resp_address"):
            flow[name] = octets(flow[name])
        flow["tunnel"] = chain(flow["tunnel"])
        flows.append(flow)
    return flows


def octets(pair: Any) -> bytes:
    return int(pair[0]).to_bytes(8, "big") + int(pair[1]).to_bytes(8, "big")


def as_set(flows: list[dict[str, Any]]) -> Counter[Any]:
    """Make flows comparable without regard to their order."""
    return Counter(tuple(sorted(flow.items())) for flow in flows)


def claims_of(meter: Meter) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for claim in meter.all_claims():
        found[int(claim.kind), claim.mac, octets(claim.address), claim.vlan] += claim.count
    return found


def difference(*captures: bytes, compiled: bool, kernel: ModuleType | None = None) -> str:
    """Say where the engine and its twin differ over some captures; an empty text when they agree."""
    table, meter = metered(*captures, compiled=compiled, kernel=kernel)
    twin = Twin()
    for capture in captures:
        twin.read(capture)
    return told(as_set(described(table, meter)), as_set(twin.flows()), "flow") or (
        told(claims_of(meter), twin.claims, "claim")
        or counted("packets", meter.coverage().packets, meter, twin)
        or counted("decoded", meter.coverage().decoded, meter, twin)
    )


def counted(name: str, here: int, meter: Meter, twin: Twin) -> str:
    there = getattr(twin, name)
    return "" if here == there else f"{name}: engine {here}, twin {there}"


def told(engine: Counter[Any], twin: Counter[Any], what: str) -> str:
    if engine == twin:
        return ""
    lines = [f"only the engine has the {what} {item}" for item in (engine - twin).elements()]
    lines += [f"only the twin has the {what} {item}" for item in (twin - engine).elements()]
    return "\n".join(lines[:6])


def equal_tables(one: FlowTable, other: FlowTable) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def warm() -> None:
    """Load both kernels."""
    kernels.load(compiled=True)
    kernels.load(compiled=False)
