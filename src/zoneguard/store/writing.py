"""What a commit writes, in one transaction that the caller holds open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from zoneguard.findings.lifecycle import Status
from zoneguard.findings.record import finding_record
from zoneguard.store import schema
from zoneguard.store.records import Committed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Table

    from zoneguard.findings.lifecycle import Acknowledgement, Key, Known
    from zoneguard.store.records import Commit, CoverageWindow, Message, Part

Row = dict[str, Any]


def begin_run(
    connection: Connection, sensor: str, *, started: int, policy_sha256: str, tool_version: str
) -> int:
    """Write the row of a new run and give its number."""
    run = _count_on(connection, sensor, "run")
    connection.execute(
        insert(schema.runs).values(
            sensor=sensor,
            run=run,
            started=started,
            serial=0,
            policy_sha256=policy_sha256,
            tool_version=tool_version,
        )
    )
    return run


def commit(connection: Connection, one: Commit) -> Committed:
    """Write everything; a serial that the run has reached already is answered and not written.

    Raises ValueError for a run that was not begun, or a serial that leaves a gap.
    """
    runs = schema.runs
    this_run = (runs.c.sensor == one.sensor) & (runs.c.run == one.run)
    # Locked: of two that commit for one run (an answer was lost), the second sees what the first wrote.
    row = connection.execute(select(runs.c.serial).where(this_run).with_for_update()).first()
    if row is None or one.serial > row.serial + 1:
        raise ValueError(f"Commit {one.serial} of run {one.run} of {one.sensor} follows nothing.")
    if one.serial <= row.serial:
        return Committed(number=_counter(connection, one.sensor, "commit"))
    number = _count_on(connection, one.sensor, "commit")
    connection.execute(update(runs).where(this_run).values(serial=one.serial, last_commit=one.at))
    _write_findings(connection, one, number)
    _upsert(connection, schema.coverage, [_window(one, window) for window in one.coverage])
    _upsert(connection, schema.flow_days, _flow_days(one))
    _upsert(
        connection,
        schema.files,
        (
            {
                "sensor": one.sensor,
                "path": storable(file.path),
                "size": file.size,
                "mtime": file.mtime,
                "sha256": file.sha256,
                "commit_number": number,
                "done": one.at,
            }
            for file in one.files
        ),
    )
    _upsert(connection, schema.parts, (_part(one.sensor, part, number) for part in one.parts))
    post(connection, one.sensor, one.messages, one.at)
    connection.execute(
        insert(schema.commits).values(
            sensor=one.sensor,
            number=number,
            run=one.run,
            at=one.at,
            findings=len(one.findings),
            messages=len(one.messages),
        )
    )
    return Committed(number=number)


def acknowledge(connection: Connection, key: Key, given: Acknowledgement | None) -> None:
    """Put an acknowledgement on a finding that is open, or take it back."""
    table = schema.findings
    changed = connection.execute(
        update(table)
        .where(
            table.c.sensor == key.sensor,
            table.c.fingerprint == key.fingerprint,
            table.c.status != Status.GONE.value,
        )
        .values(**_acknowledgement(given))
    )
    if not changed.rowcount:
        raise ValueError(f"There is no open finding {key.fingerprint} of {key.sensor} to acknowledge.")


def post(connection: Connection, sensor: str, messages: Iterable[Message], at: int) -> None:
    """Put messages into the outbox, each with the next number of its sink."""
    store = connection.execute(
        select(schema.identity.c.value).where(schema.identity.c.name == "store")
    ).scalar_one()
    for message in messages:
        sequence = _count_on(connection, sensor, f"outbox:{message.sink}")
        connection.execute(
            insert(schema.outbox).values(
                sensor=sensor,
                sink=message.sink,
                sequence=sequence,
                # A store that was begun anew counts from one again; its identity keeps the keys apart.
                message_key=f"{sensor}/{store}/{message.sink}/{sequence}",
                kind=message.kind,
                body=json.dumps(message.body),
                items=message.items,
                created=at,
                attempts=0,
                next_attempt=0,
            )
        )


def replace_parts(connection: Connection, sensor: str, old: Sequence[Part], new: Sequence[Part]) -> None:
    """Let the old parts go and vouch for the new ones."""
    parts = schema.parts
    for part in old:
        connection.execute(delete(parts).where(parts.c.sensor == sensor, parts.c.number == part.number))
    number = _counter(connection, sensor, "commit")
    _upsert(connection, parts, (_part(sensor, part, number) for part in new))


def storable(text: str) -> str:
    r"""Write what no database takes (NUL, octets of a name that are no UTF-8) as \x00 or \udc80."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _write_findings(connection: Connection, one: Commit, number: int) -> None:
    ended = _ended(connection, one)
    _upsert(
        connection,
        schema.findings,
        (_finding(known, number) for known in one.known),
        keep=("ack_by", "ack_at", "ack_note", "ack_until"),
    )
    table = schema.findings
    for key in sorted(ended):
        connection.execute(
            update(table)
            .where(table.c.sensor == key.sensor, table.c.fingerprint == key.fingerprint)
            .values(**_acknowledgement(None))
        )
    held = {finding.fingerprint: finding for finding in one.findings}
    _upsert(
        connection,
        schema.finding_counts,
        (
            {
                "sensor": one.sensor,
                "fingerprint": finding.fingerprint,
                "run": one.run,
                "flows": finding.flows or 0,
                "packets": finding.packets or 0,
                "bytes": finding.bytes or 0,
                "first_seen": one.at if finding.first_seen is None else finding.first_seen,
                "last_seen": one.at if finding.last_seen is None else finding.last_seen,
            }
            for finding in held.values()
        ),
    )


def _ended(connection: Connection, one: Commit) -> set[Key]:
    """Find acknowledgements that this commit ends.

    One that was given after the sensor read what it knows is not among them, unless what it was given for has changed.
    """
    table = schema.findings
    given = connection.execute(
        select(table.c.fingerprint, table.c.told, table.c.ack_until).where(
            table.c.sensor == one.sensor, table.c.ack_by.is_not(None)
        )
    )
    rows = {row.fingerprint: row for row in given}
    return {
        known.key
        for known in one.known
        if known.acknowledged is None
        and (row := rows.get(known.key.fingerprint)) is not None
        and (
            known.status is not Status.ONGOING
            or row.told != (known.told and known.told.value)
            or (row.ack_until is not None and row.ack_until <= one.at)
        )
    }


def _finding(known: Known, number: int) -> Row:
    finding = known.finding
    return {
        "sensor": known.key.sensor,
        "fingerprint": known.key.fingerprint,
        "rule": finding.rule,
        "verdict": finding.verdict.value,
        "severity": finding.severity.value,
        "status": known.status.value,
        "told": known.told and known.told.value,
        "spell": known.spell,
        "first_seen": known.first_seen,
        "last_seen": known.last_seen,
        "orig_zone": finding.orig and storable(finding.orig.zone),
        "resp_zone": finding.resp and storable(finding.resp.zone),
        "waiver": finding.waiver and storable(finding.waiver.id),
        **_acknowledgement(known.acknowledged),
        "commit_number": number,
        "record": json.dumps(finding_record(finding)),
    }


def _acknowledgement(given: Acknowledgement | None) -> Row:
    return {
        "ack_by": given and storable(given.by),
        "ack_at": given and given.at,
        "ack_note": given and storable(given.note),
        "ack_until": given and given.until,
    }


def _window(one: Commit, window: CoverageWindow) -> Row:
    return {
        "sensor": one.sensor,
        "run": one.run,
        "started": window.start,
        "ended": window.end,
        "packets": window.packets,
        "bytes": window.bytes,
        "dropped": window.dropped,
        "truncated": window.truncated,
        "not_decoded": json.dumps(dict(window.not_decoded)),
        "blind": json.dumps(
            [[blind.start, blind.end, blind.reason, blind.interface] for blind in window.blind]
        ),
    }


def _flow_days(one: Commit) -> Iterable[Row]:
    return (
        {
            "sensor": one.sensor,
            "day": day.day,
            "orig_zone": storable(day.orig_zone),
            "resp_zone": storable(day.resp_zone),
            "service": storable(day.service),
            "run": one.run,
            "flows": day.flows,
            "packets": day.packets,
            "bytes": day.bytes,
            "violations": day.violations,
        }
        for day in one.flow_days
    )


def _part(sensor: str, part: Part, number: int) -> Row:
    return {
        "sensor": sensor,
        "number": part.number,
        "day": part.day,
        "flows": part.flows,
        "bytes": part.bytes,
        "sha256": part.sha256,
        "commit_number": number,
    }


def _counter(connection: Connection, sensor: str, name: str) -> int:
    table = schema.counters
    found = connection.execute(
        select(table.c.value).where(table.c.sensor == sensor, table.c.name == name)
    ).scalar()
    return int(found or 0)


def _count_on(connection: Connection, sensor: str, name: str) -> int:
    """Give the next number of a counter, in one statement: threads and sensors count side by side.

    Deleted rows never give theirs back, and until this transaction ends nobody else gets a number.
    """
    table = schema.counters
    statement = _insert(connection, table).values(sensor=sensor, name=name, value=1)
    counted = statement.on_conflict_do_update(
        index_elements=["sensor", "name"], set_={"value": table.c.value + 1}
    ).returning(table.c.value)
    return int(connection.execute(counted).scalar_one())


def _upsert(
    connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]], *, keep: Sequence[str] = ()
) -> None:
    """Insert rows, or put them in place of those with the same key; columns in `keep` stay as they were."""
    ready = list(rows)
    if not ready:
        return
    statement = _insert(connection, table)
    keys = [column.name for column in table.primary_key]
    fresh = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in keys and column.name not in keep
    }
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=fresh), ready)


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
