"""Opening a store: locked, checked, set aside when it is damaged, and brought to the present schema."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, select, text

from zoneguard.errors import InputRefusedError, MachineLacksError, StoreCorruptError, why
from zoneguard.store.engine import connect, file_of, read_url, shown, told
from zoneguard.store.lock import FolderLock
from zoneguard.store.records import Began, OpenNotes, Retention
from zoneguard.store.schema import identity
from zoneguard.store.store import Store
from zoneguard.text import Text

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import URL, Connection, Engine

    from zoneguard.store.outbox import Digest

_MIGRATING = 0x5A47  # an advisory lock: sensors of a fleet that start together migrate one after the other


def open_store(
    url: str,
    *,
    now: int,
    password: str | None = None,
    state: Path | None = None,
    most_bytes: int | None = None,
    retention: Retention | None = None,
    digest: Digest | None = None,
) -> tuple[Store, OpenNotes]:
    """Open the store of a sensor, or begin one; `now` is ns since 1970.

    With `digest` (sensor/messages.py), messages that fill a store are drawn together as the last way to make
    room. The folder of an SQLite file and the `state` folder are locked until the store is closed. A damaged file is
    set aside as NAME.corrupt-TIME with its journal, and said. Raises MachineLacksError when another
    sensor holds the folder or the schema is newer than this program, StoreUnavailableError when the database does not answer.
    """
    where = read_url(url, password)
    path = file_of(where)
    locks: list[FolderLock] = []
    engine = None
    try:
        for folder in sorted({one.resolve() for one in (state, path and path.parent) if one is not None}):
            _make_folder(folder)
            locks.append(FolderLock(folder))
        began, notices = _checked(where, path, now)
        engine = connect(where, most_bytes=most_bytes)
        with told(where):
            made = _migrated(where, engine, now)
    except BaseException:
        if engine is not None:
            engine.dispose()
        for lock in locks:
            lock.close()
        raise
    if made and began is Began.FOUND:
        began = Began.NEW
    return Store(where, engine, locks=locks, retention=retention or Retention(), digest=digest), OpenNotes(
        began=began, notices=notices
    )


def visit_store(url: str, *, password: str | None = None) -> Store:
    """Open a store beside the sensor that owns it: to read it, or to acknowledge a finding.

    Raises InputRefusedError when there is none, MachineLacksError when its schema is not this program's.
    """
    where = read_url(url, password)
    path = file_of(where)
    if path is not None and not path.is_file():
        raise InputRefusedError(
            Text(
                ja=f"{path} がありません。センサーの設定にある保存先を指定してください。",
                en=f"{path} does not exist; name the store that the sensor's configuration names.",
            )
        )
    engine = connect(where, most_bytes=None)
    try:
        with told(where), engine.connect() as connection:
            _refuse_other_schema(where, _revision(connection))
    except BaseException:
        engine.dispose()
        raise
    return Store(where, engine, locks=(), retention=Retention(), digest=None)


def _refuse_other_schema(url: URL, found: str | None) -> None:
    if found != _head():
        raise _other_schema(url, found)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        reason = why(error)
        raise MachineLacksError(
            Text(
                ja=f"保存用のフォルダー {folder} を作れません（{reason.ja}）。",
                en=f"The folder {folder} for the store cannot be made: {reason.en}.",
            )
        ) from error


def _checked(url: URL, path: Path | None, now: int) -> tuple[Began, tuple[Text, ...]]:
    """See that the file is sound; a damaged one is set aside."""
    if path is None or not path.exists():
        return Began.FOUND, ()
    engine = connect(url, most_bytes=None)
    try:
        with told(url), engine.connect() as connection:
            said = [str(row[0]) for row in connection.execute(text("PRAGMA quick_check(3)"))]
    except StoreCorruptError as error:
        said = [str(getattr(error.__cause__, "orig", error))]
    finally:
        engine.dispose()
    if said == ["ok"]:
        return Began.FOUND, ()
    aside = _set_aside(path, now)
    reason = " ".join(said[0].split())[:200]
    return Began.ANEW, (
        Text(
            ja=f"保存ファイル {path} が壊れていたため（{reason}）、{aside.name} として残し、"
            "新しいファイルで始めました。これまでの確認済みの印は失われ、続いている指摘は新規として"
            "もう一度通知されます。",
            en=f"The store {path} was damaged ({reason}); it was set aside as {aside.name} and a new one begun."
            " Acknowledgements are lost with it, and findings that still hold will be told again as new.",
        ),
    )


def _set_aside(path: Path, now: int) -> Path:
    """Rename the file and its journal; the journal first, so that it can never be applied to the new file."""
    stamp = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now // 1000)).strftime(
        "%Y%m%dT%H%M%SZ"
    )
    name, count = f"{path.name}.corrupt-{stamp}", 1
    while path.with_name(name).exists():
        count += 1
        name = f"{path.name}.corrupt-{stamp}-{count}"
    for suffix in ("-wal", "-shm", ""):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.rename(path.with_name(name + suffix))
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path.with_name(name)


def _migrated(url: URL, engine: Engine, now: int) -> bool:
    """Bring the schema up to date in one transaction; tell whether there was none before."""
    from alembic import command

    with engine.execution_options(begin="IMMEDIATE").begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        found = _revision(connection)
        if found is None and {"findings", "runs", "outbox"} & set(inspect(connection).get_table_names()):
            raise _other_schema(url, found)
        if found is not None and found not in _revisions():
            raise _other_schema(url, found)
        if found != _head():
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        if connection.execute(select(identity.c.value).where(identity.c.name == "store")).first() is None:
            connection.execute(insert(identity).values(name="store", value=f"{now:x}"))
    return found is None


def _revision(connection: Connection) -> str | None:
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _head() -> str | None:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config()).get_current_head()


def _other_schema(url: URL, found: str | None) -> MachineLacksError:
    name = found or "?"
    return MachineLacksError(
        Text(
            ja=f"{shown(url)} の形式（{name}）はこの版の ZoneGuard のもの（{_head()}）ではありません。"
            "同じか新しい版の ZoneGuard を使うか、別の保存先を指定してください。",
            en=f"{shown(url)} has schema {name}, and this ZoneGuard knows {_head()};"
            " use a ZoneGuard that is as new as the store, or name another store.",
        )
    )
