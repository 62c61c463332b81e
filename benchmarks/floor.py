"""The floor of the webhook route: the fastest plain way to accept the same bytes durably.

A bare Flask route, the same HMAC over the raw bytes, one INSERT and its commit through a bare
psycopg pool. A delivery of one entry is stored as it came, without looking into it; of several, a
row an entry, as any journal needs them, in one INSERT as well.
"""

import hashlib
import hmac
import os

import msgspec
from flask import Flask, request
from psycopg_pool import ConnectionPool

SECRET = os.environ["META_APP_SECRET"].encode()
DSN = os.environ["BENCH_DATABASE_URL"].replace("postgresql+psycopg", "postgresql")
INSERT_ONE = "INSERT INTO floor_entries (raw) VALUES (%s)"
INSERT_MANY = "INSERT INTO floor_entries (raw) SELECT unnest(%b::bytea[])"
LARGEST_OF_ONE = 1000
"""Bytes of a body that can only be one entry of these runs."""


class Delivery(msgspec.Struct):
    """What a delivery holds: the entries are cut out of it as the bytes they are."""

    entry: list[msgspec.Raw]


DELIVERY = msgspec.json.Decoder(Delivery)

app = Flask("floor")
_pools: dict[int, ConnectionPool] = {}


def _pool() -> ConnectionPool:
    """Return this process's pool: connections do not survive gunicorn's fork."""
    pool = _pools.get(os.getpid())
    if pool is None:
        pool = ConnectionPool(DSN, min_size=4, max_size=8, kwargs={"autocommit": True}, open=True)
        pool = _pools.setdefault(os.getpid(), pool)
    return pool


@app.post("/webhooks/meta")
def receive() -> tuple[str, int]:
    """Check, store, answer."""
    body = request.get_data()
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("X-Hub-Signature-256", "")):
        return "", 401
    with _pool().connection() as connection:
        if len(body) <= LARGEST_OF_ONE:
            connection.execute(INSERT_ONE, (body,))
        else:
            entries = DELIVERY.decode(body).entry
            connection.execute(INSERT_MANY, ([bytes(each) for each in entries],))
    return "", 200
