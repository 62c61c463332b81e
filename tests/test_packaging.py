"""The wheel, as a host gets it: built, installed into an empty environment, and used."""

import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

pytestmark = [pytest.mark.packaging, pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parent.parent
HOST = """\
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_messenger import Messenger

app = Flask(__name__)
app.config.from_prefixed_env()
db = SQLAlchemy(app)
messenger = Messenger(app, db)
"""
APP_SECRET = "secret-of-the-ten-line-host"
VERIFY_TOKEN = "token-of-the-ten-line-host"


def run(*command: str | Path, **options) -> str:
    """Run a program to its end; return what it printed, and show it where it fails."""
    result = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that `python -m build` makes, by way of the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Return the names of the files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has the wheel and what it asks for, no more."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "install", "--constraint", ROOT / "constraints.txt", wheel)
    return python


@pytest.fixture(scope="module")
def host(python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return a folder with a ten-line host application, and the environment it runs in."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "host.py").write_text(HOST, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "FLASK_APP": "host",
        "FLASK_SECRET_KEY": "a-session-key",
        "FLASK_SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'host.db'}",
        "META_APP_ID": "1",
        "META_APP_SECRET": APP_SECRET,
        "META_VERIFY_TOKEN": VERIFY_TOKEN,
        "MESSENGER_ENCRYPTION_KEYS": "k1:" + base64.b64encode(bytes(32)).decode(),
        "MESSENGER_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",  # nobody is there
    }
    run(python, "-m", "flask", "messenger", "db", "upgrade", cwd=folder, env=environment)
    return folder, environment


@pytest.fixture(scope="module")
def address(python: Path, host: tuple[Path, dict[str, str]]) -> Iterator[str]:
    """Return the address the host application answers at."""
    folder, environment = host
    with serve(python, folder, environment) as address:
        yield address


@contextmanager
def serve(python: Path, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    port = free_port()
    log_path = folder / "server.log"
    with log_path.open("wb") as log:
        server = subprocess.Popen(
            [python, "-m", "flask", "run", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(port, server, log_path)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


def wait_for(port: int, server: subprocess.Popen, log_path: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"the host did not start: {log_path.read_text()}")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_wheel_has_the_migrations(names: set[str]) -> None:
    versions = {
        f"flask_messenger/migrations/versions/{path.name}"
        for path in (ROOT / "migrations" / "versions").glob("*.py")
    }

    assert versions
    assert names >= versions | {
        "flask_messenger/migrations/env.py",
        "flask_messenger/migrations/script.py.mako",
    }


def test_wheel_has_the_built_assets(names: set[str]) -> None:
    static = ROOT / "flask_messenger" / "ui" / "static"
    manifest = json.loads((static / "manifest.json").read_text(encoding="utf-8"))

    needed = {"manifest.json", *manifest.values()}

    assert names >= {f"flask_messenger/ui/static/{name}" for name in needed}


def test_wheel_has_every_file_of_the_package(names: set[str]) -> None:
    left_out = {"__pycache__", "assets"}  # the assets are built into static/
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "flask_messenger").rglob("*")
        if path.is_file() and not left_out & set(path.parts)
        if path.suffix != ".md" and not path.name.startswith(".")
    }

    assert files - names == set()


def test_wheel_is_typed_and_licensed(names: set[str]) -> None:
    assert "flask_messenger/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_wheel_has_nothing_else(names: set[str]) -> None:
    rooms = {name.split("/")[0] for name in names}
    info = {room for room in rooms if room.endswith(".dist-info")}

    assert rooms - info == {"flask_messenger"}
    assert len(info) == 1
    assert [name for name in names if "/tests/" in name or "/assets/" in name] == []


def test_modules_import_without_the_extras(python: Path, tmp_path: Path) -> None:
    script = """
import importlib, pkgutil, flask_messenger
skipped = (
    "flask_messenger.migrations",
    "flask_messenger.testing",
    # Of an extra each, and imported only where it is used.
    "flask_messenger.ingest.express",
    "flask_messenger.monitor.exposition",
)
for module in pkgutil.walk_packages(flask_messenger.__path__, "flask_messenger."):
    if not module.name.startswith(skipped) and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(flask_messenger.__file__)
"""

    where = run(python, "-W", "error", "-c", script, cwd=tmp_path)

    assert "site-packages" in where


def test_upgrade_brings_the_tables(python: Path, host: tuple[Path, dict[str, str]]) -> None:
    folder, environment = host

    said = run(python, "-m", "flask", "messenger", "db", "current", cwd=folder, env=environment)

    at = dict(part.split(": ") for part in said.strip().split(", "))
    assert at["database"] == at["package"]


def test_host_answers_a_verification(address: str) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "4711"}

    answer = requests.get(f"{address}/webhooks/meta", params=query, timeout=10)

    assert (answer.status_code, answer.text) == (200, "4711")


def test_host_refuses_a_wrong_verification(address: str) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "guessed", "hub.challenge": "4711"}

    answer = requests.get(f"{address}/webhooks/meta", params=query, timeout=10)

    assert answer.status_code == 403


def test_host_accepts_a_signed_delivery_though_redis_is_away(address: str) -> None:
    body = b'{"object":"page","entry":[{"id":"1","time":1,"messaging":[]}]}'
    signature = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={signature}", "Content-Type": "application/json"}

    answer = requests.post(f"{address}/webhooks/meta", data=body, headers=headers, timeout=20)

    assert answer.status_code == 200


def test_host_serves_the_pages_assets(address: str) -> None:
    static = ROOT / "flask_messenger" / "ui" / "static"
    manifest = json.loads((static / "manifest.json").read_text(encoding="utf-8"))

    answer = requests.get(f"{address}/messenger/static/{manifest['messenger.css']}", timeout=10)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/css")
