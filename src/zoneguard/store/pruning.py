"""What is over gives way: by age, or sooner where there is no room. What is open or unsent never does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, exists, func, insert, or_, select

from zoneguard.findings.lifecycle import Status
from zoneguard.store import schema

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from zoneguard.store.records import Retention

DAY = 86_400 * 1_000_000_000
FOLDED = 0  # the run that stands for all runs that are over


def prune(connection: Connection, at: int, retention: Retention, scale: float) -> int:
    """Delete and fold; give the number of rows that are gone."""

    def before(days: float) -> int:
        return at - int(days * scale * DAY)

    deleted = 0
    outbox, commits, files, coverage = schema.outbox, schema.commits, schema.files, schema.coverage
    for statement in (
        delete(outbox).where(outbox.c.delivered < before(retention.delivered)),
        delete(commits).where(commits.c.at < before(retention.commits)),
        delete(files).where(files.c.done < before(retention.files)),
        delete(coverage).where(coverage.c.ended < before(retention.coverage)),
        delete(schema.flow_days).where(schema.flow_days.c.day < _day(before(retention.flow_days))),
    ):
        deleted += connection.execute(statement).rowcount
    deleted += _prune_findings(connection, before(retention.gone_findings))
    return deleted + _fold(connection, before(retention.runs))


def _prune_findings(connection: Connection, before: int) -> int:
    """Forget findings that are gone; not those a present run still holds, for it would tell them as new."""
    findings, counts, runs = schema.findings, schema.finding_counts, schema.runs
    latest = select(func.max(runs.c.run)).where(runs.c.sensor == findings.c.sensor).scalar_subquery()
    held = exists().where(
        counts.c.sensor == findings.c.sensor,
        counts.c.fingerprint == findings.c.fingerprint,
        counts.c.run == latest,
    )
    forgotten = delete(findings).where(
        findings.c.status == Status.GONE.value, findings.c.last_seen < before, ~held
    )
    return connection.execute(forgotten).rowcount


def _fold(connection: Connection, before: int) -> int:
    """Sum the counts of runs that are over into one row a finding and one a day; the latest run stays apart."""
    runs = schema.runs
    latest = select(runs.c.sensor, func.max(runs.c.run).label("run")).group_by(runs.c.sensor).subquery()
    over = connection.execute(
        select(runs.c.sensor, func.max(runs.c.run))
        .join(latest, latest.c.sensor == runs.c.sensor)
        .where(runs.c.run < latest.c.run, func.coalesce(runs.c.last_commit, runs.c.started) < before)
        .group_by(runs.c.sensor)
    ).all()
    gone = 0
    for sensor, last in over:
        # The bounds are summed as well as the counts: the earliest and the latest sighting.
        gone += _folded(connection, schema.finding_counts, sensor, last)
        gone += _folded(connection, schema.flow_days, sensor, last)
        gone += connection.execute(delete(runs).where(runs.c.sensor == sensor, runs.c.run <= last)).rowcount
    return gone


def _folded(connection: Connection, table: Table, sensor: str, last: int) -> int:
    these = and_(table.c.sensor == sensor, or_(table.c.run == FOLDED, table.c.run <= last))
    keys = [column for column in table.primary_key if column.name != "run"]
    folds: dict[str, Any] = {"first_seen": func.min, "last_seen": func.max}
    values = [
        folds.get(column.name, func.sum)(column).label(column.name)
        for column in table.columns
        if not column.primary_key
    ]
    rows = connection.execute(select(*keys, *values).where(these).group_by(*keys)).mappings().all()
    gone = connection.execute(delete(table).where(these)).rowcount
    if rows:
        connection.execute(
            insert(table),
            [
                {
                    name: int(value) if name not in {key.name for key in keys} else value
                    for name, value in row.items()
                }
                | {"run": FOLDED}
                for row in rows
            ],
        )
    return gone - len(rows)


def _day(time: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000)
    return moment.date().isoformat()
