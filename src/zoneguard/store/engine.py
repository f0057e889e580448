"""The connection to SQLite or PostgreSQL: how it is set up, and what its errors mean to the user."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from zoneguard.errors import (
    InputRefusedError,
    MachineLacksError,
    StoreCorruptError,
    StoreFullError,
    StoreUnavailableError,
)
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Engine

BUSY_SECONDS = 10
CONNECT_SECONDS = 10
WAL_PAGES = 1000  # 4 MB at pages of 4 KiB: then it is carried into the database
WAL_BYTES = 16 << 20  # what the journal keeps of the disk after a large transaction

# Primary result codes, https://www.sqlite.org/rescode.html
_SQLITE_FULL, _SQLITE_CORRUPT, _SQLITE_NOT_A_DATABASE = 13, 11, 26
# SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
_PG_NO_ROOM = ("53100",)
_PG_PASSING = ("08", "40", "53", "55P03", "57")


def read_url(text: str, password: str | None = None) -> URL:
    """Read sqlite:///PATH or postgresql://USER@HOST/DATABASE; raises InputRefusedError for anything else.

    A password that stands elsewhere is put in; without one, PostgreSQL's own ways hold (PGPASSFILE, peer).
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise _not_a_url() from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        url = url.set(drivername="postgresql+psycopg")
        return url if password is None else url.set(password=password)
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:") and not url.query:
        return url
    raise _not_a_url()


def file_of(url: URL) -> Path | None:
    """Give the file of an SQLite store, None for PostgreSQL."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def connect(url: URL, *, most_bytes: int | None) -> Engine:
    """Make an engine; nothing is opened yet. `most_bytes` caps an SQLite file, its journal not counted."""
    if file_of(url) is not None:
        return _sqlite(url, most_bytes)
    try:
        return create_engine(
            url,
            pool_pre_ping=True,  # a server that was restarted costs one new connection and no error
            pool_size=2,
            connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "zoneguard"},
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise MachineLacksError(
            Text(
                ja="PostgreSQL への保存には psycopg が必要です。"
                "`pip install 'zoneguard[sensor,postgresql]'` で導入してください。",
                en="A store in PostgreSQL needs psycopg;"
                " install it with `pip install 'zoneguard[sensor,postgresql]'`.",
            )
        ) from error


def _sqlite(url: URL, most_bytes: int | None) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:  # noqa: ANN401 - as SQLAlchemy calls it
        # The driver's own idea of when a transaction begins is switched off; `begin` below says it.
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",  # a commit that was answered survives the loss of power
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            f"wal_autocheckpoint = {WAL_PAGES}",
            f"journal_size_limit = {WAL_BYTES}",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if most_bytes is not None:
            (page,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {max(most_bytes // page, 1)}").fetchall()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:  # noqa: ANN401
        # A transaction that will write takes its lock at once: upgraded later, it could not wait for another.
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")

    return engine


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Turn what the database says into what the user can do; a mistake of ours passes as it is."""
    try:
        yield
    except PoolTimeoutError as error:
        raise _unavailable(url, "no free connection") from error
    except DBAPIError as error:
        translated = _translated(url, error)
        if translated is None:
            raise
        raise translated from error


def _translated(url: URL, error: DBAPIError) -> StoreUnavailableError | None:
    said = " ".join(str(error.orig).split())
    if file_of(url) is not None:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code == _SQLITE_FULL:
            return _full(url, said)
        if code in (_SQLITE_CORRUPT, _SQLITE_NOT_A_DATABASE):
            return _corrupt(url, said)
        return _unavailable(url, said) if isinstance(error, OperationalError) else None
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _PG_NO_ROOM:
        return _full(url, said)
    if error.connection_invalidated or state.startswith(_PG_PASSING):
        return _unavailable(url, said)
    # Without a SQLSTATE the server was not reached, or went away in mid-sentence.
    return _unavailable(url, said) if isinstance(error, OperationalError | InterfaceError) else None


def shown(url: URL) -> str:
    """Write a URL without its password."""
    return url.render_as_string(hide_password=True)


def _not_a_url() -> InputRefusedError:
    # The text itself is not repeated: it may hold a password.
    return InputRefusedError(
        Text(
            ja="保存先の URL を解釈できません。sqlite:///パス または postgresql://利用者@ホスト/データベース"
            " の形で指定してください。",
            en="The URL of the store was not understood;"
            " write sqlite:///PATH or postgresql://USER@HOST/DATABASE.",
        )
    )


def _full(url: URL, said: str) -> StoreFullError:
    return StoreFullError(
        Text(
            ja=f"{shown(url)} に空きがありません（{said}）。ディスクを空けるか、上限を上げるか、"
            "保存期間を短くしてください。",
            en=f"{shown(url)} has no room left ({said});"
            " free the disk, raise the cap, or keep things for fewer days.",
        )
    )


def _corrupt(url: URL, said: str) -> StoreCorruptError:
    return StoreCorruptError(
        Text(
            ja=f"{shown(url)} が壊れています（{said}）。開き直すと、壊れたファイルは別名で残されます。",
            en=f"{shown(url)} is damaged ({said}); when it is opened again the damaged file is set aside.",
        )
    )


def _unavailable(url: URL, said: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        Text(
            ja=f"{shown(url)} を使えません（{said}）。データベースが動いているか、権限があるかを"
            "確認してください。",
            en=f"{shown(url)} cannot be used ({said}); see that the database runs and that you may use it.",
        )
    )


def is_no_room(error: OSError) -> bool:
    """Tell whether the operating system refused for want of room."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
