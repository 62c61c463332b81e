"""What shows that a fault was really there: connections that broke, servers that were gone."""

import contextlib
import json
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from typing import Any, cast

import psycopg
import redis

from flask_messenger.ingest.spool import STREAM
from flask_messenger.monitor import beats
from tests.faults.load import Target
from tests.faults.postgres import DATABASE, Postgres
from tests.faults.run import Run
from tests.faults.valkey import Valkey

CLIENTS = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    " AND datname = %s AND pid <> pg_backend_pid()"
)
TIMELINE = "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"
NEAR_SECONDS = 600
"""Of a moved clock: it is off by hours, and a machine is slow by minutes at most."""


def count_clients(server: Postgres, address: str | None = None) -> int:
    """Return how many connections the application has, all of them or those from one address."""
    statement, values = CLIENTS, [DATABASE]
    if address is not None:
        statement, values = f"{CLIENTS} AND host(client_addr) = %s", [DATABASE, address]
    return int(server.execute(statement, values)[0][0])


def count_promotions(server: Postgres) -> int:
    """Return how often a server, or one it was copied from, became the primary."""
    return int(server.execute(TIMELINE)[0][0]) - 1


def count_spooled(valkey: Valkey) -> int:
    with contextlib.suppress(redis.RedisError), valkey.client() as client:
        return int(cast("Any", client.xlen(STREAM)))
    return 0


def count_refused(run: Run) -> int:
    """Return how many webhooks were not answered with 200, and calls of the API with no 2xx."""
    answers = run.inbound.answers + run.outbound.answers
    return sum(count for answer, count in answers.items() if not answer.startswith("2"))


@contextlib.contextmanager
def watch_postgres(run: Run, server: Postgres) -> Iterator[None]:
    """Prove that the application had connections, and lost every one of them."""
    before = count_clients(server)
    yield
    with contextlib.suppress(psycopg.Error):
        server.execute("SELECT 1", database="postgres")
        return
    run.prove("connections to PostgreSQL broken", before)


@contextlib.contextmanager
def watch_valkey(run: Run, valkey: Valkey) -> Iterator[None]:
    """Prove the same of Valkey."""
    with valkey.client() as client:
        before = int(cast("Any", client.info("clients"))["connected_clients"]) - 1
    yield
    if not valkey.answers:
        run.prove("connections to Valkey broken", before)


def is_web_clock_off(target: Target, seconds: int) -> bool:
    """Say whether the web tells a time that is off by so much."""
    connection = HTTPConnection(target.host, target.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/webhooks/meta")
        told = parsedate_to_datetime(str(connection.getresponse().getheader("Date")))
    return abs(told.timestamp() - time.time() - seconds) < NEAR_SECONDS


def is_worker_clock_off(valkey: Valkey, seconds: int) -> bool:
    """Say whether a worker's process gave a sign of life at a time that is off by so much."""
    with contextlib.suppress(redis.RedisError), valkey.client() as client:
        held = cast("dict[bytes, bytes]", client.hgetall(beats.KEY))
        times = [json.loads(each)["at"] for each in held.values()]
        return any(abs(at - time.time() - seconds) < NEAR_SECONDS for at in times)
    return False
