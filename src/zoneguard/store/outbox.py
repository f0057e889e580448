"""What is still to be sent: one queue a sensor and sink, in order, each message until it was taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from zoneguard.store.records import Pending, SpoolDepth
from zoneguard.store.schema import outbox
from zoneguard.store.writing import storable

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row, Select

Digest = Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]]

_MOST_ERROR = 500
_MOST_OCTETS = 8 << 20  # of bodies at once, however many are asked for


def pending(connection: Connection, sensor: str, sink: str, most: int) -> list[Pending]:
    """Give the oldest undelivered messages; a batch that was bound is given whole."""
    head = connection.execute(
        select(outbox.c.batch).where(_waiting(sensor, sink)).order_by(outbox.c.sequence).limit(1)
    ).first()
    if head is None:
        return []
    query = select(outbox).where(_waiting(sensor, sink)).order_by(outbox.c.sequence)
    query = query.limit(most) if head.batch is None else query.where(outbox.c.sequence <= head.batch)
    rows = connection.execute(query).all() if head.batch is not None else _some(connection, query)
    return [_pending(row) for row in rows]


def waiting(connection: Connection, sensor: str, sink: str) -> int:
    """Count undelivered messages."""
    found = connection.execute(select(func.count()).select_from(outbox).where(_waiting(sensor, sink)))
    return int(found.scalar_one())


def sent(connection: Connection, sensor: str, sink: str, since: int) -> list[int]:
    """Give the times of deliveries since a time, in order."""
    query = (
        select(func.min(outbox.c.delivered).label("at"))
        .where(outbox.c.sensor == sensor, outbox.c.sink == sink, outbox.c.delivered > since)
        .group_by(func.coalesce(outbox.c.batch, outbox.c.sequence))
    )
    return sorted(connection.execute(query).scalars())


def bind(connection: Connection, sensor: str, sink: str, last: int) -> None:
    """Make one batch of all that waits up to a sequence."""
    connection.execute(
        update(outbox).where(_waiting(sensor, sink), outbox.c.sequence <= last).values(batch=last)
    )


def condense(connection: Connection, sensor: str, digest: Digest) -> int:
    """Draw messages that were never tried together, some at a time; give the number of rows that are gone.

    Each digest stands in the place and under the key of the last message that it is of.
    """
    gone = 0
    untried = (
        (outbox.c.sensor == sensor)
        & outbox.c.delivered.is_(None)
        & outbox.c.batch.is_(None)
        & (outbox.c.attempts == 0)
    )
    sinks = connection.execute(select(outbox.c.sink).where(untried).distinct().order_by(outbox.c.sink))
    for sink in sinks.scalars().all():
        waits = untried & (outbox.c.sink == sink)
        reached = 0
        while rows := _some(connection, select(outbox).where(waits, outbox.c.sequence > reached)):
            reached = rows[-1].sequence
            if len(rows) < 2:
                continue
            these = waits & (outbox.c.sequence >= rows[0].sequence) & (outbox.c.sequence < reached)
            gone += connection.execute(delete(outbox).where(these)).rowcount
            connection.execute(
                update(outbox)
                .where(waits, outbox.c.sequence == reached)
                .values(
                    kind="digest",
                    body=json.dumps(digest([json.loads(row.body) for row in rows])),
                    items=sum(row.items for row in rows),
                )
            )
    return gone


def abandon(connection: Connection, sensor: str, sink: str) -> int:
    """Delete what waits for a sink that there is no more."""
    return connection.execute(delete(outbox).where(_waiting(sensor, sink))).rowcount


def delivered(connection: Connection, sensor: str, sink: str, last: int, at: int) -> None:
    """Note everything up to a sequence as taken."""
    connection.execute(
        update(outbox)
        .where(_waiting(sensor, sink), outbox.c.sequence <= last)
        .values(delivered=at, error=None, attempts=outbox.c.attempts + 1)
    )


def failed(connection: Connection, sensor: str, sink: str, next_attempt: int, error: str) -> None:
    """Note a failed attempt at the message at the head."""
    head = select(func.min(outbox.c.sequence)).where(_waiting(sensor, sink)).scalar_subquery()
    connection.execute(
        update(outbox)
        .where(outbox.c.sensor == sensor, outbox.c.sink == sink, outbox.c.sequence == head)
        .values(
            attempts=outbox.c.attempts + 1, next_attempt=next_attempt, error=storable(error)[:_MOST_ERROR]
        )
    )


def depths(connection: Connection, sensor: str | None) -> list[SpoolDepth]:
    """Give what waits for each sink, with the state of the message at its head."""
    open_ = outbox.c.delivered.is_(None)
    query = (
        select(
            outbox.c.sensor,
            outbox.c.sink,
            func.count().filter(open_).label("waiting"),
            func.min(outbox.c.created).filter(open_).label("oldest"),
            func.min(outbox.c.sequence).filter(open_).label("head"),
            func.count().filter(~open_).label("delivered"),
        )
        .group_by(outbox.c.sensor, outbox.c.sink)
        .order_by(outbox.c.sensor, outbox.c.sink)
    )
    if sensor is not None:
        query = query.where(outbox.c.sensor == sensor)
    made = []
    for row in connection.execute(query).all():
        head = connection.execute(
            select(outbox.c.attempts, outbox.c.next_attempt, outbox.c.error).where(
                outbox.c.sensor == row.sensor, outbox.c.sink == row.sink, outbox.c.sequence == row.head
            )
        ).first()
        made.append(
            SpoolDepth(
                sensor=row.sensor,
                sink=row.sink,
                waiting=row.waiting,
                oldest=row.oldest,
                attempts=head.attempts if head else 0,
                next_attempt=head.next_attempt if head else None,
                delivered=row.delivered,
                error=head.error if head else None,
            )
        )
    return made


def _waiting(sensor: str, sink: str) -> ColumnElement[bool]:
    return (outbox.c.sensor == sensor) & (outbox.c.sink == sink) & outbox.c.delivered.is_(None)


def _some(connection: Connection, query: Select[Any]) -> list[Row[Any]]:
    """Give the first rows, not more of them than memory should hold at once."""
    found: list[Row[Any]] = []
    octets = 0
    ordered = query.order_by(None).order_by(outbox.c.sequence)
    with connection.execute(ordered, execution_options={"yield_per": 100}) as rows:
        for row in rows:
            octets += len(row.body)
            if found and octets > _MOST_OCTETS:
                break
            found.append(row)
    return found


def _pending(row: Row[Any]) -> Pending:
    return Pending(
        sink=row.sink,
        sequence=row.sequence,
        key=row.message_key,
        kind=row.kind,
        body=json.loads(row.body),
        items=row.items,
        created=row.created,
        attempts=row.attempts,
        next_attempt=row.next_attempt,
        batch=row.batch,
    )
