"""Questions to the flow history, answered by DuckDB in memory over the parts that commits vouch for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from zoneguard.errors import MachineLacksError, StoreUnavailableError
from zoneguard.net.address import address_text
from zoneguard.store.parquet import Flows, flows_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zoneguard.net.address import Pair
    from zoneguard.store.history import History
    from zoneguard.store.records import Part

MOST_MEMORY = "512MB"  # with the sensor's own on a small machine

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonePairDay:
    """What went from one zone (who opened) to another on one day."""

    day: str
    orig_zone: str
    resp_zone: str
    flows: int
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """Parts that could not be read while a question was answered; they lie aside and the answer is without them."""

    parts: tuple[Part, ...] = ()
    notices: tuple[Text, ...] = ()


def flows_between(
    history: History,
    parts: Sequence[Part],
    *,
    first: int,
    last: int,
    zones: tuple[str, str] | None = None,
    address: Pair | None = None,
    most: int = 10_000,
) -> tuple[Flows, Damaged]:
    """Give flows that had a packet between two times (ns since 1970), by their first packet, the earliest `most`.

    `zones` asks for one pair (who opened, who answered), `address` for one party of either end.
    """
    where, values = ["last_seen >= ?", "first_seen <= ?"], [first, last]
    asked: list[Any] = list(values)
    if zones is not None:
        where += ["orig_zone = ?", "resp_zone = ?"]
        asked += zones
    if address is not None:
        where.append("? IN (orig_address, resp_address)")
        asked.append(address_text(address))
    query = (
        f"SELECT * FROM parts WHERE {' AND '.join(where)}"  # noqa: S608 - values are bound
        " ORDER BY first_seen, file, frame LIMIT ?"
    )
    return _asked(
        history,
        parts,
        lambda connection: flows_of(connection.sql(query, params=[*asked, most]).to_arrow_table()),
        nothing=Flows.concatenate([]),
    )


def zone_pair_days(history: History, parts: Sequence[Part]) -> tuple[list[ZonePairDay], Damaged]:
    """Sum flows, packets and octets by day and pair of zones."""
    query = (
        "SELECT strftime(CAST(day AS DATE), '%Y-%m-%d') AS day, orig_zone, resp_zone, count(*),"
        " sum(orig_packets + resp_packets), sum(orig_bytes + resp_bytes)"
        " FROM parts GROUP BY ALL ORDER BY ALL"
    )
    return _asked(
        history,
        parts,
        lambda connection: [
            ZonePairDay(
                day=day, orig_zone=orig, resp_zone=resp, flows=flows, packets=int(packets), bytes=int(octets)
            )
            for day, orig, resp, flows, packets, octets in connection.execute(query).fetchall()
        ],
        nothing=[],
    )


def _asked(
    history: History, parts: Sequence[Part], answer: Callable[[Any], T], *, nothing: T
) -> tuple[T, Damaged]:
    """Answer from the parts; when one cannot be read, find which, set it aside and answer from the others."""
    duckdb = _duckdb()
    kept = list(parts)
    damaged: list[Part] = []
    notices: list[Text] = []
    while kept:
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": MOST_MEMORY,
                "threads": 1,
                "temp_directory": "",
                # What it lacks it must not fetch: the sensor has no business on a network.
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        try:
            relation = connection.read_parquet(
                [str(history.path(part)) for part in kept], hive_partitioning=True
            )
            relation.create_view("parts")
            return answer(connection), Damaged(parts=tuple(damaged), notices=tuple(notices))
        except duckdb.Error as error:
            bad = history.damaged(kept)
            if not bad:
                raise _not_answered(error) from error
            notices += history.set_aside(bad)
            damaged += bad
            kept = [part for part in kept if part not in bad]
        finally:
            connection.close()
    return nothing, Damaged(parts=tuple(damaged), notices=tuple(notices))


def _duckdb() -> Any:  # noqa: ANN401 - the module
    try:
        import duckdb
    except ImportError as error:
        raise MachineLacksError(
            Text(
                ja="通信履歴の検索には duckdb が必要です。`pip install 'zoneguard[sensor]'` で導入してください。",
                en="Questions to the flow history need duckdb;"
                " install it with `pip install 'zoneguard[sensor]'`.",
            )
        ) from error
    return duckdb


def _not_answered(error: Exception) -> StoreUnavailableError:
    said = " ".join(str(error).split())[:300]
    return StoreUnavailableError(
        Text(
            ja=f"通信履歴を検索できませんでした（{said}）。期間を短くしてください。",
            en=f"The flow history could not be searched ({said}); ask for a shorter period.",
        )
    )
