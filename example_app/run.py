"""`make run`: start the whole example, and stop all of it with Ctrl-C."""

import contextlib
import fcntl
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from example_app.demo import AGENCIES
from example_app.environment import (
    LOCAL_HOST,
    MAX_PORT,
    REAL_META_SETTINGS,
    SettingError,
    crm_url,
    demo_password,
    simulator_url,
    uses_simulator,
    var_dir,
)
from example_app.services import Services, plan_services, used_ports
from example_app.supervisor import Child, ChildError, start_together, stop_together

POLL_SECONDS: Final = 0.05
WATCH_SECONDS: Final = 0.3
WORKER_RESTARTS: Final = 3
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run the example until it is told to stop; return the exit status."""
    stopping = threading.Event()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: stopping.set())
    try:
        check_meta(environ)
        with hold_lock(var_dir(environ)):
            check_ports(used_ports(environ))
            return run(environ, plan_services(environ), stopping)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 1


def run(environ: Mapping[str, str], services: Services, stopping: threading.Event) -> int:
    """Start everything, say where it is, watch it, and stop it; return the exit status."""
    started_at = time.monotonic()
    (var_dir(environ) / "log").mkdir(parents=True, exist_ok=True)
    say(f"Starting the example CRM; its data is in {_short(var_dir(environ))}.")
    try:
        for children in (services.below, services.above):
            for _ in start_together(children, say_ready):
                if stopping.wait(POLL_SECONDS):
                    return 0
        say(f"Ready in {time.monotonic() - started_at:.1f} s.\n")
        say_addresses(environ)
        for child in services.showcase:
            child.start()  # nobody waits for it: its conversations come in while people look
        watch(services, stopping)
    except ChildError as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    else:
        return 0
    finally:
        stop(services)


def watch(services: Services, stopping: threading.Event) -> None:
    """Wait until told to stop. The worker is started again when it ends; nothing is lost by that.

    Raises:
        ChildError: another process ended, or the worker did again and again.
    """
    restarts = 0
    while not stopping.wait(WATCH_SECONDS):
        for child in (*services.below, *services.above):
            if child.is_step or child.is_alive:
                continue
            if child is not services.worker or restarts == WORKER_RESTARTS:
                raise ChildError(child.describe_end() + "\nStopping everything.")
            restarts += 1
            print(f"{child.describe_end()}\nStarting it again.", file=sys.stderr, flush=True)
            child.start()


def stop(services: Services) -> None:
    """Stop everything, who uses a thing before the thing."""
    started_at = time.monotonic()
    say("\nStopping …")
    for children in services.in_order_of_stopping:
        stop_together(children)
    say(f"Stopped in {time.monotonic() - started_at:.1f} s. The data is kept.")


def check_meta(environ: Mapping[str, str]) -> None:
    """Refuse to talk to Meta without an app, and say so where the simulator hides one.

    Raises:
        SettingError: the simulator is off and a setting it stood in for is missing.
    """
    if uses_simulator(environ):
        given = [name for name in REAL_META_SETTINGS if environ.get(name)]
        if given:
            say(
                f"The simulated Meta is on, so {', '.join(given)} are not used."
                " Set MESSENGER_SIMULATOR=off to talk to Meta."
            )
        return
    needed = ("META_APP_ID", "META_APP_SECRET", "META_VERIFY_TOKEN")
    missing = [name for name in needed if not environ.get(name)]
    if missing and not environ.get("META_APPS"):
        raise SettingError(f"MESSENGER_SIMULATOR is off, so please set {', '.join(missing)}.")


@contextlib.contextmanager
def hold_lock(var: Path) -> Iterator[None]:
    """Hold the data folder for this process alone, as long as it lives.

    Raises:
        SettingError: another run holds it.
    """
    var.mkdir(parents=True, exist_ok=True)
    with (var / "run.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise SettingError(
                f"The example is running already (process {file.read().strip() or 'unknown'},"
                f" data in {_short(var)}). Stop it with Ctrl-C where it was started."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def check_ports(ports: Mapping[str, int]) -> None:
    """Make sure that nobody listens on our ports, before anything is started.

    Raises:
        SettingError: somebody does; the message says which setting to change, and to what.
    """
    busy = {setting: port for setting, port in ports.items() if is_busy(port)}
    if busy:
        taken = set(ports.values())
        lines = [
            f"Port {port} is busy. Choose another one with {setting},"
            f" for example: {setting}={find_free_port(port, taken)} make run"
            for setting, port in busy.items()
        ]
        raise SettingError("\n".join(lines))


def is_busy(port: int) -> bool:
    """Say whether somebody listens on `port`, here or on all addresses of this machine.

    Raises:
        SettingError: the system keeps the port for itself.
    """
    with contextlib.suppress(OSError), socket.create_connection((LOCAL_HOST, port), 1.0):
        return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCAL_HOST, port))
        except PermissionError:
            raise SettingError(f"This system does not let you listen on port {port}.") from None
        except OSError:
            return True
    return False


def find_free_port(after: int, taken: set[int]) -> int:
    """Return the next port after `after` that nobody has."""
    for port in range(after + 10, MAX_PORT):
        if port not in taken and not is_busy(port):
            return port
    return after


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def say_ready(child: Child) -> None:
    """Say that a process does its work."""
    word = "is up to date" if child.is_step else "answers"
    say(f"  {child.name:<10} {word} ({time.monotonic() - child.started_at:.1f} s)")


def say_addresses(environ: Mapping[str, str]) -> None:
    """Print where to go and whom to log in as."""
    say(f"  CRM                 {crm_url(environ)}/")
    if uses_simulator(environ):
        say(f"  Simulated Meta      {simulator_url(environ)}/chat/     (be a customer)")
        say(f"                      {simulator_url(environ)}/control/  (make it misbehave)")
    say(f"\n  Log in with the password: {demo_password(environ)}")
    for agency in AGENCIES:
        for person in agency.users:
            places = ", ".join(person.locations) or "all locations"
            what = f"{agency.name} ({agency.plan}), {person.role}, {places}"
            say(f"    {person.email:<24} {what}")
    say(f"\nLogs are in {_short(var_dir(environ) / 'log')}. Ctrl-C stops everything.")


def _short(path: Path) -> str:
    """Return `path` as a person in the current folder would write it."""
    return f"./{path.relative_to(Path.cwd())}" if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main())
