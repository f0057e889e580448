"""A flow table as the octets of a Parquet file and back, exactly; addresses also as text for whoever reads it."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from zoneguard.net.address import address_text
from zoneguard.net.flow import COLUMNS, FlowTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

SCHEMA = "zoneguard.flows/1"
GROUP = 1 << 15  # flows that are written or read at once: about 25 MB with all that is made of them
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
    """Write flows as the octets of a Parquet file."""
    out = BytesIO()
    pack([flows], out)
    return out.getvalue()


def pack(blocks: Iterable[Flows], out: BinaryIO) -> None:
    """Write flows as Parquet: each column in its own type, an address as two halves and as text.

    Blocks are gathered into row groups of about GROUP flows, so that memory does not grow with the file. Raises OSError.
    """
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    for flows in _groups(blocks):
        table = _arrow(pa, flows)
        if writer is None:
            writer = parquet.ParquetWriter(out, table.schema, compression="zstd", use_dictionary=_REPEATING)
        writer.write_table(table)
        del table
        pa.default_memory_pool().release_unused()  # else it keeps for later what is needed once a minute
    if writer is not None:
        writer.close()


def unpacked(octets: bytes) -> Flows:
    """Read what `packed` wrote; raises ValueError for anything else."""
    return Flows.concatenate(list(unpacked_blocks(BytesIO(octets))))


def unpacked_blocks(source: Path | BinaryIO) -> Iterator[Flows]:
    """Read a Parquet file that `pack` wrote, about GROUP flows at a time; raises ValueError for anything else."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=GROUP, use_threads=False):
                yield flows_of(pa.Table.from_batches([batch]))
    except (pa.ArrowException, KeyError, OSError) as error:
        raise ValueError(f"This is no part of a flow history: {error}") from error


def _groups(blocks: Iterable[Flows]) -> Iterator[Flows]:
    """Join small blocks and cut large ones; at least one, and none is empty but one that stands alone."""
    some: list[Flows] = []
    for whole in blocks:
        for first in range(0, len(whole), GROUP) or [0]:
            block = (
                whole if len(whole) <= GROUP else whole.take(np.arange(first, min(first + GROUP, len(whole))))
            )
            if some and sum(map(len, some)) + len(block) > GROUP:
                yield Flows.concatenate(some)
                some = []
            some.append(block)
    yield Flows.concatenate(some)


def _arrow(pa: Any, flows: Flows) -> Any:  # noqa: ANN401 - pyarrow has no types
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
    return pa.table(columns).replace_schema_metadata({"zoneguard": SCHEMA})


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
