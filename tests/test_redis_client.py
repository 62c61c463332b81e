"""Redis behind Sentinel: the address, and a failover of real servers."""

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Self

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from flask_messenger.errors import ConfigurationError
from flask_messenger.redis_client import open_redis
from tests.faults.processes import find_free_port, wait_until
from tests.faults.valkey import Sentinel, Valkey
from tests.hosts.network import Network, cannot_make_hosts

SECRET = "hunter2-do-not-log"


def open_client(url: str) -> redis.Redis:
    return open_redis(url, connect_seconds=2.0, answer_seconds=2.0, retry=Retry(NoBackoff(), 0))


def test_a_plain_address_is_read_by_redis_py(redis_url: str) -> None:
    with open_client(redis_url) as client:
        assert client.ping()


@pytest.mark.network
def test_a_server_behind_a_cut_cable_is_given_up_long_before_the_wait_for_its_answer(
    tmp_path: Path,
) -> None:
    reason = cannot_make_hosts()
    if reason is not None:
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        host = Network(stack).add_host("valkey")
        open_ = ["--protected-mode", "no"]
        valkey = Valkey(
            "cut",
            tmp_path,
            port=find_free_port(),
            host=host.address,
            within=host.within,
            settings=open_,
        )
        stack.callback(valkey.kill)
        valkey.start()
        client = open_redis(
            valkey.url, connect_seconds=2.0, answer_seconds=90.0, retry=Retry(NoBackoff(), 0)
        )
        stack.enter_context(client)
        client.ping()
        host.cut()
        began = time.monotonic()
        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            client.blpop(["nothing"], timeout=60)
        assert time.monotonic() - began < 45


def test_a_local_socket_needs_no_signs_of_life() -> None:
    client = open_client("unix:///tmp/nobody-listens-here.sock")
    with pytest.raises(redis.ConnectionError):
        client.ping()


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{SECRET}@a:1",
        f"redis+sentinel://:{SECRET}@a:1,b:2",
        f"redis+sentinel://:{SECRET}@a:1/name/zero",
        f"redis+sentinel://:{SECRET}@a:port/name",
        f"redis+sentinel://:{SECRET}@a:1,,b:2/name",
        f"redis+sentinel://:{SECRET}@a:1/name?colour=red",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="redis\\+sentinel://host:port") as refused:
        open_client(url)
    assert SECRET not in str(refused.value)


def test_every_part_of_the_address_is_used() -> None:
    url = "rediss+sentinel://me:p%40ss@10.0.0.1:26380,[::1]/main/3?sentinel_password=s"
    client = open_client(url)
    pool = client.connection_pool
    assert (pool.service_name, pool.is_master) == ("main", True)
    kept = pool.connection_kwargs
    assert (kept["db"], kept["username"], kept["password"]) == (3, "me", "p@ss")
    sentinels = [each.connection_pool for each in pool.sentinel_manager.sentinels]
    assert [(each.connection_kwargs["host"], each.connection_kwargs["port"]) for each in sentinels]
    assert [each.connection_kwargs["host"] for each in sentinels] == ["10.0.0.1", "::1"]
    assert [each.connection_kwargs["port"] for each in sentinels] == [26380, 26379]
    assert {each.connection_kwargs["password"] for each in sentinels} == {"s"}
    assert issubclass(pool.connection_class, redis.SSLConnection)


class HangUp:
    """A Sentinel that is no good: whoever calls is hung up on."""

    def __init__(self) -> None:
        self.calls = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                caller, _ = self._listener.accept()
                self.calls += 1
                caller.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def test_a_client_follows_the_master(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        master = Valkey("one", tmp_path, port=find_free_port())
        other = Valkey(
            "two",
            tmp_path,
            port=find_free_port(),
            settings=["--replicaof", master.host, str(master.port)],
        )
        sentinel = Sentinel("three", tmp_path, master, port=find_free_port(), quorum=1)
        for each in (master, other, sentinel):
            stack.callback(each.kill)
            each.start()
        broken = stack.enter_context(HangUp())
        places = f"127.0.0.1:{broken.port},127.0.0.1:{sentinel.port}"
        client = stack.enter_context(open_client(f"redis+sentinel://{places}/{sentinel.name}/0"))
        client.set("before", "1")
        assert broken.calls == 1  # each further try would be a wait, where it is out of reach
        with other.client() as replica:
            wait_until(lambda: replica.get("before") == b"1", "the replica has it")
        wait_until(lambda: sentinel.knows_replicas(1), "Sentinel knows the replica")
        master.kill()

        def is_written() -> bool:
            with contextlib.suppress(redis.RedisError):
                return bool(client.set("after", "1"))
            return False

        wait_until(is_written, "the client found the new master")
        with other.client() as promoted:
            assert promoted.get("after") == b"1"
