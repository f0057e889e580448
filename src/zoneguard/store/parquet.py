"""A flow table as the octets of a Parquet file and back, exactly; addresses also as text for whoever reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from zoneguard.net.address import address_text
from zoneguard.net.flow import COLUMNS, FlowTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SCHEMA = "zoneguard.flows/1"
ADDRESSES = ("orig_address", "resp_address")
ZONES = ("orig_zone", "resp_zone")
# Few values repeat in these; dictionaries of the others would only be overhead.
_REPEATING = [
    *ZONES,
    *ADDRESSES,
    *(f"{name}_{half}" for name in ADDRESSES for half in ("high", "low")),
    *(name for name in COLUMNS if name.endswith(("_mac", "_next_hop", "_vlan"))),
    *("protocol", "domain", "sensor", "tunnel", "opener", "state", "blocked", "file", "resp_port"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Flows with the zones of both ends."""

    table: FlowTable
    orig_zone: NDArray[np.str_]
    resp_zone: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.table)

    def take(self, index: NDArray[Any]) -> Self:
        """Select flows by an index array or a mask."""
        return type(self)(
            table=self.table.take(index), orig_zone=self.orig_zone[index], resp_zone=self.resp_zone[index]
        )

    @classmethod
    def concatenate(cls, blocks: Sequence[Self]) -> Self:
        """Join blocks, in order."""
        if not blocks:
            return cls(table=FlowTable.empty(), orig_zone=np.array([], "U1"), resp_zone=np.array([], "U1"))
        return cls(
            table=FlowTable.concatenate([one.table for one in blocks]),
            orig_zone=np.concatenate([one.orig_zone for one in blocks]),
            resp_zone=np.concatenate([one.resp_zone for one in blocks]),
        )


def packed(flows: Flows) -> bytes:
    """Write flows as Parquet: each column in its own type, an address as two halves and as text."""
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, Any] = {
        name: pa.array(getattr(flows, name), pa.string()).dictionary_encode() for name in ZONES
    }
    for name in COLUMNS:
        values = getattr(flows.table, name)
        if name in ADDRESSES:
            columns[name] = _texts(pa, values)
            columns[f"{name}_high"] = pa.array(np.ascontiguousarray(values[:, 0]))
            columns[f"{name}_low"] = pa.array(np.ascontiguousarray(values[:, 1]))
        else:
            columns[name] = pa.array(np.ascontiguousarray(values))
    table = pa.table(columns).replace_schema_metadata({"zoneguard": SCHEMA})
    output = pa.BufferOutputStream()
    parquet.write_table(table, output, compression="zstd", use_dictionary=_REPEATING)
    return bytes(output.getvalue())


def unpacked(octets: bytes) -> Flows:
    """Read what `packed` wrote; raises ValueError for anything else."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return flows_of(parquet.read_table(pa.BufferReader(octets), use_threads=False))
    except (pa.ArrowException, KeyError, OSError) as error:
        raise ValueError(f"This is no part of a flow history: {error}") from error


def flows_of(table: Any) -> Flows:  # noqa: ANN401 - pyarrow has no types
    """Read flows from an Arrow table with the columns of a part."""
    columns: dict[str, NDArray[Any]] = {}
    for name, dtype in COLUMNS.items():
        if name in ADDRESSES:
            halves = [_numbers(table, f"{name}_{half}", dtype) for half in ("high", "low")]
            columns[name] = np.stack(halves, axis=1)
        else:
            columns[name] = _numbers(table, name, dtype)
    return Flows(
        table=FlowTable(**columns),
        orig_zone=_zones(table, "orig_zone"),
        resp_zone=_zones(table, "resp_zone"),
    )


def _numbers(table: Any, name: str, dtype: Any) -> NDArray[Any]:  # noqa: ANN401
    values: NDArray[Any] = table.column(name).to_numpy()
    return values.astype(dtype, casting="safe", copy=True)


def _texts(pa: Any, pairs: NDArray[np.uint64]) -> Any:  # noqa: ANN401
    """Write each address once, however many flows have it; hashed, for sorting pairs took half the time."""
    high, low = (pa.array(np.ascontiguousarray(pairs[:, half])).dictionary_encode() for half in (0, 1))
    width = max(len(low.dictionary), 1)
    codes = high.indices.to_numpy().astype(np.int64) * width + low.indices.to_numpy()
    both = pa.array(codes).dictionary_encode()
    highs, lows = high.dictionary.to_pylist(), low.dictionary.to_pylist()
    texts = [address_text((highs[code // width], lows[code % width])) for code in both.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(both.indices, pa.array(texts, pa.string()))


def _zones(table: Any, name: str) -> NDArray[np.str_]:  # noqa: ANN401
    encoded = table.column(name).combine_chunks().dictionary_encode()
    names = np.array(
        [*encoded.dictionary.to_pylist(), ""], dtype=np.str_
    )  # never empty, that it can be indexed
    found: NDArray[np.str_] = names[encoded.indices.to_numpy()]
    return found
