"""Everything one run needs, as real processes: databases, web, worker, and Meta."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from flask_messenger.state import state_of
from tests.faults.host import WORKSPACE
from tests.faults.load import (
    CONNECTIONS_IN,
    CONNECTIONS_OUT,
    PAGES,
    PEOPLE,
    Address,
    Inbound,
    Outbound,
    Target,
    page_of,
    person_id,
)
from tests.faults.postgres import DATABASE, Postgres, application_url
from tests.faults.processes import Process, find_free_port, is_listening, wait_until
from tests.faults.valkey import Valkey
from tests.faults.verify import count_stored
from tests.support.app import APP_ID, APP_SECRET, Factory, make_app, make_config, migrate

UNKNOWN_AFTER_SECONDS = 15
"""How long a run waits for an echo; the default is two minutes."""
GUNICORN = ("--worker-class", "gthread", "--log-level", "warning", "--no-control-socket")


@dataclass
class World:
    """The processes of one run, and where they are."""

    folder: Path
    postgres: Postgres
    valkey: Valkey
    web: Process
    worker: Process
    meta: Process
    target: Target
    replica: Postgres | None = None
    account_ids: dict[str, str] = field(default_factory=dict)

    @property
    def addresses(self) -> list[Address]:
        """Return everybody who may be written to."""
        return [
            Address(self.account_ids[page_of(person)], person_id(person))
            for person in range(PEOPLE)
        ]

    def make_inbound(self, total: int, per_second: float, *, repeats: int = 1) -> Inbound:
        """Return the load of customers who write."""
        return Inbound(total, per_second, CONNECTIONS_IN, target=self.target, repeats=repeats)

    def make_outbound(self, total: int, per_second: float) -> Outbound:
        """Return the load of agents who answer."""
        return Outbound(
            total, per_second, CONNECTIONS_OUT, target=self.target, addresses=self.addresses
        )

    def read_got(self) -> list[dict[str, Any]]:
        """Return what the customers got, in its order."""
        if not self.got_log.exists():
            return []
        lines = []
        for line in self.got_log.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):  # cut short by a kill, and not answered either
                lines.append(json.loads(line))
        return lines

    @property
    def got_log(self) -> Path:
        """What Meta wrote down: a line for each message a customer got."""
        return self.folder / "got.jsonl"

    def start_web(self) -> None:
        self.web.start()
        wait_until(lambda: is_listening(self.target.host, self.target.port), "the web answers")

    def worker_processes(self) -> list[psutil.Process]:
        """Return the processes that do the work, without the one that watches them."""
        return self.worker.children()

    def let_people_write(self) -> None:
        """Let everybody write once, so that agents may answer; wait until all is stored."""
        hello = Inbound(PEOPLE, 400.0, 4, target=self.target)
        hello.start()
        hello.join()
        wait_until(
            lambda: count_stored(self.postgres, hello.accepted) == PEOPLE, "everybody has written"
        )


@contextlib.contextmanager
def run_world(*, with_replica: bool = False) -> Iterator[World]:
    """Start a world and end it; its folder is kept where the environment says KEEP_FAULTS."""
    folder = Path(tempfile.mkdtemp(prefix="messenger-faults-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    with contextlib.ExitStack() as stack:
        world = build_world(folder, stack, with_replica=with_replica)
        yield world
    if "KEEP_FAULTS" not in os.environ:
        shutil.rmtree(folder, ignore_errors=True)


def build_world(folder: Path, stack: contextlib.ExitStack, *, with_replica: bool) -> World:
    postgres = Postgres("primary", folder, port=find_free_port())
    stack.callback(postgres.kill)
    postgres.init()
    postgres.start()
    postgres.execute(f"CREATE DATABASE {DATABASE}", database="postgres")
    replica = make_replica(folder, postgres, stack) if with_replica else None
    valkey = Valkey("main", folder, port=find_free_port())
    stack.callback(valkey.kill)
    valkey.start()
    meta_port, web_port = find_free_port(), find_free_port()
    target = Target("127.0.0.1", web_port)
    servers = [each for each in (postgres, replica) if each is not None]
    environment = make_environment(
        application_url(*servers), valkey.url, f"http://127.0.0.1:{meta_port}"
    )
    meta = make_meta(folder, meta_port, target, environment)
    stack.callback(meta.kill)
    meta.start()
    wait_until(lambda: is_listening("127.0.0.1", meta_port), "Meta answers")
    web, worker = make_web(folder, target, environment), make_worker(folder, environment)
    world = World(folder, postgres, valkey, web, worker, meta, target, replica)
    world.account_ids = plant_accounts(application_url(postgres), valkey.url)
    stack.callback(web.kill)
    stack.callback(worker.kill)
    world.start_web()
    worker.start()
    return world


def make_replica(folder: Path, primary: Postgres, stack: contextlib.ExitStack) -> Postgres:
    replica = Postgres("replica", folder, port=find_free_port())
    stack.callback(replica.kill)
    replica.copy_from(primary)
    replica.start()
    primary.require_replica()
    return replica


def make_environment(database_url: str, redis_url: str, meta_url: str) -> dict[str, str]:
    """Return the environment of the application's own processes."""
    return {
        "FAULTS_DATABASE_URL": database_url,
        "FAULTS_META_URL": meta_url,
        "FAULTS_APP_ID": APP_ID,
        "FAULTS_APP_SECRET": APP_SECRET,
        "MESSENGER_REDIS_URL": redis_url,
        "MESSENGER_SENDING_UNKNOWN_AFTER_SECONDS": str(UNKNOWN_AFTER_SECONDS),
        "MESSENGER_GRAPH_TIMEOUT_SECONDS": "5",
        "FLASK_APP": "tests.faults.host:create_app",
    }


def make_meta(folder: Path, port: int, target: Target, environment: dict[str, str]) -> Process:
    command = [sys.executable, "-m", "tests.faults.meta", "--port", str(port)]
    command += ["--log", str(folder / "got.jsonl"), "--callback", target.webhook_url]
    return Process("meta", command, folder=folder, environment=environment)


def make_web(folder: Path, target: Target, environment: dict[str, str]) -> Process:
    command = [sys.executable, "-m", "gunicorn", "tests.faults.host:create_app()", *GUNICORN]
    command += ["--workers", "2", "--threads", "6", "--keep-alive", "60"]
    command += ["--bind", f"{target.host}:{target.port}"]
    return Process("web", command, folder=folder, environment=environment)


def make_worker(folder: Path, environment: dict[str, str]) -> Process:
    command = [sys.executable, "-m", "flask", "messenger", "worker"]
    return Process("worker", command, folder=folder, environment=environment)


def plant_accounts(database_url: str, redis_url: str) -> dict[str, str]:
    """Migrate the database and connect the Pages; return the id of each Page's account."""
    app = make_app(make_config(database_url, redis_url, SERVER_NAME=None))
    migrate(app)
    with app.app_context():
        factory = Factory(app)
        accounts = {
            page: str(factory.account(WORKSPACE, external_id=page, location_id=None).id)
            for page in PAGES
        }
        state_of(app).db.session.remove()
        state_of(app).db.engine.dispose()
    return accounts
