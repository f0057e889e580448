"""The flow table itself, for people and for other tools: text, CSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from zoneguard.errors import MachineLacksError
from zoneguard.net.address import address_text, mac_text
from zoneguard.net.flow import Blocked, FlowTable, Opener, Payload, State
from zoneguard.report.harmless import harmless, harmless_cell, harmless_json
from zoneguard.report.when import iso
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo
    from pathlib import Path
    from typing import TextIO

    import numpy as np
    from numpy.typing import NDArray

# The zone names of both ends of each flow, and flows with them when a policy was given.
Zones: TypeAlias = "tuple[NDArray[np.str_], NDArray[np.str_]]"
Block: TypeAlias = "tuple[FlowTable, Zones | None]"

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ah", 58: "icmp6", 132: "sctp"}
_ROWS_AT_ONCE = 65_536

COLUMNS = (
    "first_seen",
    "last_seen",
    "orig_zone",
    "orig_address",
    "orig_port",
    "resp_zone",
    "resp_address",
    "resp_port",
    "protocol",
    "state",
    "blocked",
    "opener",
    "orig_packets",
    "resp_packets",
    "orig_bytes",
    "resp_bytes",
    "orig_flags",
    "resp_flags",
    "orig_payload",
    "resp_payload",
    "orig_vlan",
    "resp_vlan",
    "orig_mac",
    "resp_mac",
    "copies",
    "sensor",
    "tunnel",
    "file",
    "frame",
)

Row: TypeAlias = "dict[str, str | int | None]"


def write_csv(blocks: Iterable[Block], output: TextIO, zone: tzinfo) -> None:
    """Write CSV that Excel opens rightly (UTF-8 with BOM, CRLF) and in which no cell is a formula."""
    output.write("\ufeff")
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in _rows(blocks, zone):
        writer.writerow([_cell(row[name]) for name in COLUMNS])


def write_jsonl(blocks: Iterable[Block], output: TextIO, zone: tzinfo) -> None:
    """Write one JSON object a flow; what does not apply is absent."""
    for row in _rows(blocks, zone):
        present = {name: value for name, value in row.items() if value is not None}
        output.write(harmless_json(json.dumps(present, ensure_ascii=False)) + "\n")


def write_text(blocks: Iterable[Block], output: TextIO, zone: tzinfo) -> None:
    """Write one line a flow: when, who to whom, service, state, packets and bytes each way."""
    for row in _rows(blocks, zone):
        orig = _end(row["orig_address"], row["orig_port"], row["orig_zone"])
        resp = _end(row["resp_address"], row["resp_port"], row["resp_zone"])
        output.write(
            harmless(
                f"{row['first_seen']} {row['protocol']} {orig} -> {resp} {row['state']}"
                f" packets {row['orig_packets']}/{row['resp_packets']}"
                f" bytes {row['orig_bytes']}/{row['resp_bytes']}"
            )
            + "\n"
        )


def write_parquet(blocks: Iterable[Block], path: Path, zone: tzinfo) -> None:
    """Write Parquet: times in ns as timestamps in the zone, addresses as text, numbers as numbers."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MachineLacksError(
            Text(
                ja="Parquet で書き出すには pyarrow が必要です。"
                "`pip install 'zoneguard[parquet]'` で導入するか、--format csv を使ってください。",
                en="Parquet output needs pyarrow; install it with `pip install 'zoneguard[parquet]'`"
                " or use --format csv.",
            )
        ) from error
    moment = pa.timestamp("ns", tz=str(zone) if str(zone) != "JST" else "Asia/Tokyo")
    schema = pa.schema([(name, _arrow_type(pa, name, moment)) for name in COLUMNS])
    with parquet.ParquetWriter(path, schema) as writer:
        for table, zones in blocks:
            for start in range(0, len(table), _ROWS_AT_ONCE):
                part, named = _slice(table, zones, start)
                rows = list(_block_rows(part, named, zone))
                columns: dict[str, Any] = {name: [row[name] for row in rows] for name in COLUMNS}
                columns["first_seen"] = pa.array(part.first_seen).cast(moment)
                columns["last_seen"] = pa.array(part.last_seen).cast(moment)
                writer.write_table(pa.table(columns, schema=schema))


_WORDS = frozenset(
    {
        "orig_zone",
        "resp_zone",
        "orig_address",
        "resp_address",
        "protocol",
        "state",
        "blocked",
        "opener",
        "orig_payload",
        "resp_payload",
        "orig_mac",
        "resp_mac",
        "tunnel",
    }
)


def _arrow_type(pa: Any, name: str, moment: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    if name in ("first_seen", "last_seen"):
        return moment
    return pa.string() if name in _WORDS else pa.int64()


def _slice(table: FlowTable, zones: Zones | None, start: int) -> tuple[FlowTable, Zones | None]:
    part = slice(start, start + _ROWS_AT_ONCE)
    columns = {name: getattr(table, name)[part] for name in FlowTable.__dataclass_fields__}
    return FlowTable(**columns), None if zones is None else (zones[0][part], zones[1][part])


def _rows(blocks: Iterable[Block], zone: tzinfo) -> Iterator[Row]:
    for table, zones in blocks:
        for start in range(0, len(table), _ROWS_AT_ONCE):
            yield from _block_rows(*_slice(table, zones, start), zone)


def _block_rows(table: FlowTable, zones: Zones | None, zone: tzinfo) -> Iterator[Row]:
    columns = {name: getattr(table, name).tolist() for name in FlowTable.__dataclass_fields__}
    for i in range(len(table)):
        of = {name: column[i] for name, column in columns.items()}
        values = {
            **of,
            "first_seen": iso(of["first_seen"], zone),
            "last_seen": iso(of["last_seen"], zone),
            "orig_zone": str(zones[0][i]) if zones else None,
            "resp_zone": str(zones[1][i]) if zones else None,
            "orig_address": _address(*of["orig_address"]),
            "resp_address": _address(*of["resp_address"]),
            "protocol": _PROTOCOLS.get(of["protocol"], str(of["protocol"])),
            "state": State(of["state"]).name.lower(),
            "blocked": Blocked(of["blocked"]).name.lower(),
            "opener": Opener(of["opener"]).name.lower(),
            "orig_payload": Payload(of["orig_payload"]).name.lower(),
            "resp_payload": Payload(of["resp_payload"]).name.lower(),
            "orig_mac": mac_text(of["orig_mac"]) if of["orig_mac"] else None,
            "resp_mac": mac_text(of["resp_mac"]) if of["resp_mac"] else None,
            "tunnel": f"{of['tunnel']:016x}" if of["tunnel"] else None,
        }
        yield {name: values[name] for name in COLUMNS}


@lru_cache(maxsize=65_536)
def _address(high: int, low: int) -> str:
    return address_text((high, low))


def _end(address: object, port: object, zone: object) -> str:
    place = f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"
    return f"{place} ({zone})" if zone else place


def _cell(value: str | int | None) -> str | int:
    if value is None:
        return ""
    if isinstance(value, int):
        return value
    return harmless_cell(value)
