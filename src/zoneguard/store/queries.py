"""What the sensor, its status page and the console ask: findings, counts, coverage, daily flows."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select

from zoneguard.findings.finding import SEVERITY_ORDER, Severity
from zoneguard.findings.lifecycle import Acknowledgement, Key, Known, Status
from zoneguard.findings.record import finding_of
from zoneguard.store import schema
from zoneguard.store.records import (
    Blindness,
    CommitDone,
    CoverageSum,
    FileDone,
    FlowDay,
    Part,
    RunRecord,
    StoredFinding,
    Tally,
)
from zoneguard.store.writing import storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Row, Table

OPEN = (Status.NEW, Status.ONGOING)


def known(connection: Connection, sensor: str) -> dict[Key, Known]:
    """Give the life of every finding of a sensor."""
    table = schema.findings
    return {
        (key := Key(row.sensor, row.fingerprint)): Known(
            key=key,
            finding=finding_of(json.loads(row.record)),
            status=Status(row.status),
            first_seen=row.first_seen,
            last_seen=row.last_seen,
            spell=row.spell,
            told=row.told and Severity(row.told),
            acknowledged=_acknowledged(row),
        )
        for row in connection.execute(select(table).where(table.c.sensor == sensor))
    }


def acknowledgements(connection: Connection, sensor: str) -> dict[Key, Acknowledgement]:
    """Give who deals with what."""
    table = schema.findings
    query = select(table).where(table.c.sensor == sensor, table.c.ack_by.is_not(None))
    return {
        Key(row.sensor, row.fingerprint): given
        for row in connection.execute(query)
        if (given := _acknowledged(row)) is not None
    }


def is_done(connection: Connection, sensor: str, *, path: str, size: int, mtime: int) -> bool:
    """Look a file up by name, size and time."""
    table = schema.files
    found = connection.execute(
        select(table.c.size).where(
            table.c.sensor == sensor,
            table.c.path == storable(path),
            table.c.size == size,
            table.c.mtime == mtime,
        )
    )
    return found.first() is not None


def done_as(connection: Connection, sensor: str, sha256: str) -> FileDone | None:
    """Look a file up by content."""
    table = schema.files
    row = connection.execute(
        select(table).where(table.c.sensor == sensor, table.c.sha256 == sha256).order_by(table.c.done)
    ).first()
    if row is None:
        return None
    return FileDone(path=row.path, size=row.size, mtime=row.mtime, sha256=row.sha256)


def parts(connection: Connection, sensor: str, *, first_day: str | None, last_day: str | None) -> list[Part]:
    """Give the parts of the history in the order they were made."""
    table = schema.parts
    query = select(table).where(table.c.sensor == sensor).order_by(table.c.number)
    if first_day is not None:
        query = query.where(table.c.day >= first_day)
    if last_day is not None:
        query = query.where(table.c.day <= last_day)
    return [
        Part(day=row.day, number=row.number, flows=row.flows, bytes=row.bytes, sha256=row.sha256)
        for row in connection.execute(query)
    ]


def findings(
    connection: Connection, sensor: str | None, statuses: Sequence[Status] | None, most: int
) -> list[StoredFinding]:
    """Give findings with their totals over all runs."""
    table, counts = schema.findings, schema.finding_counts
    total = (
        select(
            counts.c.sensor,
            counts.c.fingerprint,
            *(func.sum(counts.c[name]).label(name) for name in ("flows", "packets", "bytes")),
        )
        .group_by(counts.c.sensor, counts.c.fingerprint)
        .subquery()
    )
    query = (
        select(
            table, *(func.coalesce(total.c[name], 0).label(name) for name in ("flows", "packets", "bytes"))
        )
        .outerjoin(total, (total.c.sensor == table.c.sensor) & (total.c.fingerprint == table.c.fingerprint))
        .where(table.c.status.in_([status.value for status in (OPEN if statuses is None else statuses)]))
        .order_by(_rank(table), table.c.last_seen.desc(), table.c.sensor, table.c.fingerprint)
        .limit(most)
    )
    return [
        StoredFinding(
            finding=finding_of(json.loads(row.record)),
            sensor=row.sensor,
            status=Status(row.status),
            first_seen=row.first_seen,
            last_seen=row.last_seen,
            spell=row.spell,
            acknowledged=_acknowledged(row),
            flows=int(row.flows),
            packets=int(row.packets),
            bytes=int(row.bytes),
        )
        for row in connection.execute(_of(query, table, sensor))
    ]


def tallies(connection: Connection, sensor: str | None) -> list[Tally]:
    """Count findings by sensor, severity and status."""
    table = schema.findings
    query = (
        select(
            table.c.sensor,
            table.c.severity,
            table.c.status,
            func.count(table.c.ack_by).label("acknowledged"),
            func.count(table.c.waiver).label("waived"),
            func.count().label("findings"),
        )
        .group_by(table.c.sensor, table.c.severity, table.c.status)
        .order_by(table.c.sensor, _rank(table), table.c.status)
    )
    return [
        Tally(
            sensor=row.sensor,
            severity=Severity(row.severity),
            status=Status(row.status),
            acknowledged=row.acknowledged,
            waived=row.waived,
            findings=row.findings,
        )
        for row in connection.execute(_of(query, table, sensor))
    ]


def gravest_open(connection: Connection, sensor: str | None) -> Severity | None:
    """Give the gravest severity of what is open and not waived."""
    table = schema.findings
    query = (
        select(table.c.severity)
        .where(table.c.status != Status.GONE.value, table.c.waiver.is_(None))
        .order_by(_rank(table))
        .limit(1)
    )
    found = connection.execute(_of(query, table, sensor)).scalar()
    return None if found is None else Severity(found)


def last_commits(connection: Connection, sensor: str | None, most: int) -> list[CommitDone]:
    """Give the latest commits, newest first."""
    table = schema.commits
    query = _of(select(table).order_by(table.c.at.desc(), table.c.number.desc()).limit(most), table, sensor)
    return [
        CommitDone(
            sensor=row.sensor,
            number=row.number,
            run=row.run,
            at=row.at,
            findings=row.findings,
            messages=row.messages,
        )
        for row in connection.execute(query)
    ]


def last_runs(connection: Connection, sensor: str | None, most: int) -> list[RunRecord]:
    """Give the latest runs, newest first."""
    table = schema.runs
    query = _of(select(table).order_by(table.c.started.desc(), table.c.run.desc()).limit(most), table, sensor)
    return [
        RunRecord(
            sensor=row.sensor,
            run=row.run,
            started=row.started,
            last_commit=row.last_commit,
            serial=row.serial,
            policy_sha256=row.policy_sha256,
            tool_version=row.tool_version,
        )
        for row in connection.execute(query)
    ]


def coverage(connection: Connection, sensor: str | None, first: int, last: int) -> list[CoverageSum]:
    """Sum the windows that touch a period; a window is counted whole."""
    table = schema.coverage
    query = (
        select(table)
        .where(table.c.ended > first, table.c.started < last)
        .order_by(table.c.sensor, table.c.started)
    )
    by_sensor: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(_of(query, table, sensor)):
        by_sensor.setdefault(row.sensor, []).append(row)
    asked = sensors(connection) if sensor is None else [sensor]
    return [_summed(name, by_sensor.get(name, []), first, last) for name in asked]


def flow_days(connection: Connection, sensor: str | None, first: str, last: str) -> list[tuple[str, FlowDay]]:
    """Give daily totals, summed over runs."""
    table = schema.flow_days
    key = (table.c.sensor, table.c.day, table.c.orig_zone, table.c.resp_zone, table.c.service)
    sums = ("flows", "packets", "bytes", "violations")
    query = (
        select(*key, *(func.sum(table.c[name]).label(name) for name in sums))
        .where(table.c.day >= first, table.c.day <= last)
        .group_by(*key)
        .order_by(*key)
    )
    return [
        (
            row.sensor,
            FlowDay(
                day=row.day,
                orig_zone=row.orig_zone,
                resp_zone=row.resp_zone,
                service=row.service,
                flows=int(row.flows),
                packets=int(row.packets),
                bytes=int(row.bytes),
                violations=int(row.violations),
            ),
        )
        for row in connection.execute(_of(query, table, sensor))
    ]


def sensors(connection: Connection) -> list[str]:
    """Name all sensors."""
    table = schema.counters
    query = select(table.c.sensor).where(table.c.name == "run").order_by(table.c.sensor)
    return list(connection.execute(query).scalars())


def _of(query: Any, table: Table, sensor: str | None) -> Any:  # noqa: ANN401 - any select, given back
    return query if sensor is None else query.where(table.c.sensor == sensor)


def _rank(table: Table) -> ColumnElement[int]:
    return case({one.value: at for at, one in enumerate(SEVERITY_ORDER)}, value=table.c.severity)


def _acknowledged(row: Row[Any]) -> Acknowledgement | None:
    if row.ack_by is None:
        return None
    return Acknowledgement(by=row.ack_by, at=row.ack_at, note=row.ack_note, until=row.ack_until)


def _summed(sensor: str, rows: Sequence[Row[Any]], first: int, last: int) -> CoverageSum:
    not_decoded: Counter[str] = Counter()
    blind = []
    for row in rows:
        not_decoded.update(json.loads(row.not_decoded))
        blind += [
            Blindness(start=start, end=end, reason=reason, interface=interface)
            for start, end, reason, interface in json.loads(row.blind)
        ]
    return CoverageSum(
        sensor=sensor,
        windows=len(rows),
        packets=sum(row.packets for row in rows),
        bytes=sum(row.bytes for row in rows),
        dropped=sum(row.dropped for row in rows),
        truncated=sum(row.truncated for row in rows),
        not_decoded=dict(sorted(not_decoded.items())),
        blind=tuple(sorted(blind, key=lambda one: (one.start, one.end, one.interface, one.reason))),
        gaps=tuple(_gaps(((row.started, row.ended) for row in rows), first, last)),
    )


def _gaps(windows: Iterable[tuple[int, int]], first: int, last: int) -> Iterator[tuple[int, int]]:
    reached = first
    for start, end in windows:  # in order of their start
        if start > reached:
            yield reached, start
        reached = max(reached, end)
    if reached < last:
        yield reached, last
