"""The example as a person runs it: real processes, on free ports, in a folder of its own."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import requests

from tests.example_app.crm import child_environ

START_SECONDS = 60
LAST_WORDS = "Ctrl-C stops everything."
ROOT = Path(__file__).parents[2]


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens on, all held until all are known."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def port_settings() -> dict[str, str]:
    names = ("CRM_PORT", "SIMULATOR_PORT", "VALKEY_PORT")
    return dict(zip(names, map(str, free_ports(3)), strict=True))


def try_run(var: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the example where it is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "example_app.run"],
        cwd=ROOT,
        env=child_environ(var, **settings),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def is_left(process: psutil.Process) -> bool:
    """Say whether a process still runs; a zombie has ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Example:
    """One run of the example. Leaving the `with` block stops it and fails if anything is left."""

    def __init__(self, var: Path, **settings: str) -> None:
        self.settings = settings
        self.crm_url = f"http://127.0.0.1:{settings['CRM_PORT']}"
        self._lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "example_app.run"],
            cwd=ROOT,
            env=child_environ(var, **settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.children: list[psutil.Process] = []

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as output:
            self._lines.extend(output)

    @property
    def output(self) -> str:
        return "".join(self._lines)

    def __enter__(self) -> Self:
        self.wait_for(LAST_WORDS)
        self.children = self.family()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(10)
        self._reader.join(5)
        for process in self.children:
            # One that ended, and whose parent did too, waits for the machine's init to notice.
            if is_left(process) and kind is None:
                process.kill()
                raise AssertionError(f"left running: {process}")

    def family(self) -> list[psutil.Process]:
        """Return every process below the supervisor."""
        return psutil.Process(self._process.pid).children(recursive=True)

    def child(self, words: str) -> psutil.Process:
        """Return the direct child whose command has `words`."""
        for process in psutil.Process(self._process.pid).children():
            if words in " ".join(process.cmdline()):
                return process
        raise AssertionError(f"no child with {words}")

    def wait_for(self, words: str, seconds: float = START_SECONDS) -> None:
        """Wait until the example says `words`."""
        deadline = time.monotonic() + seconds
        while words not in self.output:
            ended = self._process.poll() is not None and not self._reader.is_alive()
            if ended or time.monotonic() > deadline:
                self._process.kill()
                raise AssertionError(f"{words!r} was never said:\n{self.output}")
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait_until_ended(self, seconds: float) -> int:
        """Return the exit status; all of the output is there then."""
        status = self._process.wait(seconds)
        self._reader.join(5)
        return status

    def wait_until_alone(self, seconds: float) -> None:
        """Wait until nothing that was started is left."""
        _, left = psutil.wait_procs(self.children, seconds)
        assert left == []

    def measured_start_seconds(self) -> float:
        found = re.search(r"Ready in ([\d.]+) s", self.output)
        assert found
        return float(found[1])

    @contextmanager
    def browse(self, email: str) -> Iterator[requests.Session]:
        """A session in which somebody is logged in."""
        with requests.Session() as session:
            answer = self.post(session, "/login", "/login", email=email, password="demo")
            assert answer.status_code == 200, answer.text
            yield session

    def post(
        self, session: requests.Session, page: str, path: str, **form: str
    ) -> requests.Response:
        """Send a form of `page` to `path`, with the page's token."""
        text = session.get(self.crm_url + page, timeout=10).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text)
        assert token, text
        form["csrf_token"] = token[1]
        # Only as far as the redirect: what stands behind it is another test's.
        answer = session.post(self.crm_url + path, data=form, timeout=10, allow_redirects=False)
        if answer.is_redirect:
            answer = session.get(self.crm_url + "/leads", timeout=10)
        return answer
