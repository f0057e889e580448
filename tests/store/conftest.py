from __future__ import annotations

import pytest

from tests.store.made import NOW
from tests.store.postgres import Server, program
from zoneguard.store.opening import open_store


@pytest.fixture(scope="session")
def server():
    if program("initdb") is None or program("pg_ctl") is None:
        pytest.skip("needs PostgreSQL: make store-programs installs it as root")
    made = Server()
    yield made
    made.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A new and empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/zoneguard.db"
    import psycopg

    server = request.getfixturevalue("server")
    name = f"t{abs(hash(tmp_path)):x}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.url.replace("/postgres", f"/{name}")


@pytest.fixture
def store(url):
    store, _ = open_store(url, now=NOW)
    yield store
    store.close()
