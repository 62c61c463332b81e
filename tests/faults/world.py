"""Everything one run needs, as real processes: databases, web, worker, and Meta."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, schema
from flask_messenger.models.accounts import ACTIVE
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.faults import simulated
from tests.faults.clocks import Clocks
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
from tests.faults.postgres import Postgres, SmallDisk, application_url
from tests.faults.processes import Process, find_free_port, is_listening, wait_until
from tests.faults.simulated import SimulatedInbound, Simulator
from tests.faults.valkey import Valkey
from tests.faults.verify import count_stored
from tests.support.app import (
    APP_ID,
    APP_SECRET,
    PAGE_TOKEN,
    Factory,
    make_app,
    make_config,
)

UNKNOWN_AFTER_SECONDS = 15
"""How long a run waits for an echo; the default is two minutes."""
DISK_MEGABYTES = {"tables": 96, "everything": 320}
GUNICORN = ("--worker-class", "gthread", "--log-level", "warning", "--no-control-socket")


def clock_of(clocks: Clocks | None, name: str) -> dict[str, str]:
    return clocks.environment(name) if clocks else {}


@dataclass
class World:
    """The processes of one run, and where they are.

    Attributes:
        web, worker, meta: processes.
        target: where the web is.
        replica: of `postgres`, where the run has one.
        simulator: where Meta is the simulator.
        clocks: of the web and the worker, where they can be moved.
        account_ids: of the connected Pages.
    """

    folder: Path
    postgres: Postgres
    valkey: Valkey
    web: Process
    worker: Process
    meta: Process
    target: Target
    replica: Postgres | None = None
    simulator: Simulator | None = None
    clocks: Clocks | None = None
    account_ids: dict[str, str] = field(default_factory=dict)

    @property
    def addresses(self) -> list[Address]:
        """Return everybody who may be written to."""
        if self.simulator is not None:
            return simulated.addresses(self.account_ids)
        return [
            Address(self.account_ids[page_of(person)], person_id(person))
            for person in range(PEOPLE)
        ]

    def make_inbound(
        self, total: int, per_second: float, *, repeats: int = 1
    ) -> Inbound | SimulatedInbound:
        """Return the load of customers who write."""
        if self.simulator is not None:
            return SimulatedInbound(self.simulator, total, per_second)
        return Inbound(total, per_second, CONNECTIONS_IN, target=self.target, repeats=repeats)

    def make_outbound(self, total: int, per_second: float) -> Outbound:
        """Return the load of agents who answer: few people, so that lanes have several to send."""
        people = self.addresses[: max(CONNECTIONS_OUT * 4, total // 20)]
        return Outbound(total, per_second, CONNECTIONS_OUT, target=self.target, addresses=people)

    def read_got(self) -> list[dict[str, Any]]:
        """Return what the customers got, in its order."""
        if self.simulator is not None:
            return self.simulator.read_got()
        return read_got(self.folder / "got.jsonl")

    def start_web(self) -> None:
        self.web.start()
        wait_until(lambda: is_listening(self.target.host, self.target.port), "the web answers")

    def worker_processes(self) -> list[psutil.Process]:
        """Return the processes that do the work, without the one that watches them."""
        return self.worker.children()

    def let_people_write(self) -> None:
        """Let everybody write once, so that agents may answer; wait until all is stored."""
        hello = self.make_inbound(len(self.addresses), 400.0)
        hello.start()
        hello.join()
        wait_until(
            lambda: count_stored(self.postgres, hello.accepted) == len(self.addresses),
            "everybody has written",
        )


@contextlib.contextmanager
def run_world(**options: Any) -> Iterator[World]:
    """Start a world and end it; its folder is kept where the environment says KEEP_FAULTS.

    Args:
        options: of `build_world`.
    """
    folder = Path(tempfile.mkdtemp(prefix="messenger-faults-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    with contextlib.ExitStack() as stack:
        yield build_world(folder, stack, **options)
    if "KEEP_FAULTS" not in os.environ:
        shutil.rmtree(folder, ignore_errors=True)


def build_world(
    folder: Path,
    stack: contextlib.ExitStack,
    *,
    with_replica: bool = False,
    is_simulated: bool = False,
    disk: str | None = None,
    with_clocks: bool = False,
    environment: Mapping[str, str] | None = None,
) -> World:
    """Start everything; `stack` ends it.

    Args:
        folder: for data and logs.
        stack: ends what was started.
        with_replica: give PostgreSQL a replica that every commit waits for.
        is_simulated: let Meta be the simulator.
        disk: put PostgreSQL's `tables`, or `everything` of it, on a small disk.
        with_clocks: let the web and the worker have clocks that can be moved.
        environment: more settings of the web and the worker.
    """
    postgres, replica = start_postgres(folder, stack, with_replica=with_replica, disk=disk)
    valkey = Valkey("main", folder, port=find_free_port())
    stack.callback(valkey.kill)
    valkey.start()
    target, meta_port = Target("127.0.0.1", find_free_port()), find_free_port()
    servers = [each for each in (postgres, replica) if each is not None]
    application = {
        **make_environment(application_url(*servers), valkey.url, f"http://127.0.0.1:{meta_port}"),
        **(simulated.app_environment() if is_simulated else {}),
        **(environment or {}),
    }
    simulator = Simulator(folder, meta_port, target) if is_simulated else None
    meta = simulator.process if simulator else make_meta(folder, meta_port, target)
    stack.callback(meta.kill)
    meta.start()
    wait_until(lambda: is_listening("127.0.0.1", meta_port), "Meta answers")
    clocks = Clocks(folder) if with_clocks else None
    web = make_web(folder, target, application | clock_of(clocks, "web"))
    worker = make_worker(folder, application | clock_of(clocks, "worker"))
    world = World(folder, postgres, valkey, web, worker, meta, target, replica, simulator, clocks)
    stack.callback(web.kill)
    stack.callback(worker.kill)
    tokens = simulator.connect_pages() if simulator else dict.fromkeys(PAGES, PAGE_TOKEN)
    world.account_ids = plant_accounts(application_url(postgres), valkey.url, tokens)
    world.start_web()
    worker.start()
    return world


def start_postgres(
    folder: Path, stack: contextlib.ExitStack, *, with_replica: bool, disk: str | None
) -> tuple[Postgres, Postgres | None]:
    """Start PostgreSQL with an empty database, and its replica where one is wanted."""
    small = None
    if disk is not None:
        small = SmallDisk(folder / "disk", DISK_MEGABYTES[disk])
        small.mount(stack)
    primary = Postgres(
        "primary",
        folder,
        port=find_free_port(),
        disk=small,
        is_all_on_disk=disk == "everything",
        settings={"max_wal_size": "64MB"} if disk else None,
    )
    stack.callback(primary.kill)
    primary.init()
    primary.start()
    primary.create_database()
    if not with_replica:
        return primary, None
    replica = Postgres("replica", folder, port=find_free_port())
    stack.callback(replica.kill)
    replica.copy_from(primary)
    replica.start()
    primary.require_replica()
    return primary, replica


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


def make_meta(folder: Path, port: int, target: Target, *, host: str = "127.0.0.1") -> Process:
    command = [sys.executable, "-m", "tests.faults.meta", "--host", host, "--port", str(port)]
    command += ["--log", str(folder / "got.jsonl"), "--callback", target.webhook_url]
    known = {"FAULTS_APP_ID": APP_ID, "FAULTS_APP_SECRET": APP_SECRET}
    return Process("meta", command, folder=folder, environment=known)


def make_web(
    folder: Path,
    target: Target,
    environment: Mapping[str, str],
    *,
    name: str = "web",
    within: Sequence[str] = (),
) -> Process:
    command = [sys.executable, "-m", "gunicorn", "tests.faults.host:create_app()", *GUNICORN]
    command += ["--workers", "2", "--threads", "6", "--keep-alive", "60"]
    command += ["--bind", f"{target.host}:{target.port}"]
    return Process(name, command, folder=folder, environment=environment, within=within)


def make_worker(
    folder: Path,
    environment: Mapping[str, str],
    *,
    name: str = "worker",
    within: Sequence[str] = (),
) -> Process:
    command = [sys.executable, "-m", "flask", "messenger", "worker"]
    return Process(name, command, folder=folder, environment=environment, within=within)


def plant_accounts(database_url: str, redis_url: str, tokens: Mapping[str, str]) -> dict[str, str]:
    """Migrate the database and connect the Pages; return the id of each Page's account."""
    app = make_app(make_config(database_url, redis_url, SERVER_NAME=None))
    with app.app_context():
        schema.upgrade(state_of(app).db.engine)
        factory = Factory(app)
        accounts = {
            page: factory.account(WORKSPACE, external_id=page, location_id=None, token=token)
            for page, token in tokens.items()
        }
        found = {page: str(account.id) for page, account in accounts.items()}
        state_of(app).db.session.remove()
        state_of(app).db.engine.dispose()
    return found


def reconnect_accounts(world: World, tokens: Mapping[str, str]) -> None:
    """Give the accounts new tokens, as connecting them again does."""
    app = make_app(make_config(application_url(world.postgres), world.valkey.url, SERVER_NAME=None))
    with app.app_context(), system_scope("faults"):
        session = state_of(app).db.session
        for account in session.query(Account):
            account.seal_token(state_of(app).get(KeyRing), tokens[account.external_id])
            account.status = ACTIVE
            account.status_reason = None
        session.commit()
        session.remove()
        state_of(app).db.engine.dispose()


def read_got(log: Path) -> list[dict[str, Any]]:
    """Return what Meta wrote down; a line cut short by a kill was not answered either."""
    lines = []
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    return lines
