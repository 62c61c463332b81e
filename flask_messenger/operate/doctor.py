"""A check of everything an operator can get wrong, one finding a line."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import redis
from flask import Flask
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from flask_messenger.crypto import KeyRing
from flask_messenger.models import schema
from flask_messenger.models.walls import ASK_SYSTEM
from flask_messenger.monitor.beats import read_beats
from flask_messenger.monitor.figures import load_figures
from flask_messenger.monitor.health import SIDE_GROUPS, WORK_GROUPS
from flask_messenger.operate.accounts import check_accounts
from flask_messenger.operate.findings import WRONG, Finding, note, ok, wrong
from flask_messenger.operate.keys import count_keys, find_unreadable
from flask_messenger.operate.walls import check_walls
from flask_messenger.settings import Settings
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tenancy import system_scope

CLOCK_SECONDS: Final = 5.0


def examine(app: Flask, *, process: str) -> list[Finding]:
    """Return what was found; nothing is changed. Whatever is away is a finding, not an error.

    Args:
        app: the application.
        process: what this connection is for, `web` or `worker`.
    """
    held = state_of(app)
    findings = list(_check_settings(app, held.settings))
    try:
        with held.db.engine.connect() as connection:
            findings += _check_schema(connection)
            findings += _check_clock(connection)
            findings += check_walls(connection, process=process)
            is_allowed = _may_see_everything(connection)
        findings += _check_keys(held, is_allowed=is_allowed)
        findings += check_accounts(held) if is_allowed else ()
    except SQLAlchemyError as error:
        if not _is_said(findings, "migrations"):  # it answered: these tables it does not have
            says = f"PostgreSQL or SQLite does not answer ({type(error).__name__})."
            findings.append(wrong("database", says, "See SQLALCHEMY_DATABASE_URI, and the server."))
    try:
        findings += _check_redis(held)
    except redis.RedisError as error:
        name = type(error).__name__
        says = f"Redis does not answer ({name}): the tables are worked through, more slowly."
        findings.append(wrong("redis", says, "See MESSENGER_REDIS_URL, and the server."))
    return findings


def _is_said(findings: Sequence[Finding], check: str) -> bool:
    return any(each.check == check and each.state == WRONG for each in findings)


def _check_settings(app: Flask, settings: Settings) -> Iterator[Finding]:
    is_production = not (app.debug or app.testing)
    if settings.simulator_url and is_production:
        says = "MESSENGER_SIMULATOR_URL is set: a simulated Meta answers, not Meta."
        yield wrong("simulator", says, "Remove it, and set META_APP_ID and META_APP_SECRET.")
    if settings.public_url is None:
        says = "MESSENGER_PUBLIC_URL is not set: the address is taken from each request."
        yield note(
            "public url", says, "Set it to the https address that Meta sends people back to."
        )
    elif not settings.public_url.startswith("https://") and is_production:
        says = "MESSENGER_PUBLIC_URL is not https: Meta refuses it, and tokens would be readable."
        yield wrong("public url", says, "Serve the application over https, and say so there.")
    else:
        yield ok("public url", settings.public_url)


def _check_schema(connection: Connection) -> Iterator[Finding]:
    at, newest = schema.revision_of(connection), schema.newest_revision()
    if at == newest:
        yield ok("migrations", f"The tables are at {at}, the newest.")
    else:
        says = f"The tables are at {at or 'nothing'}; this version needs {newest}."
        yield wrong("migrations", says, "As the owner of the tables: `flask messenger db upgrade`.")


def _check_clock(connection: Connection) -> Iterator[Finding]:
    if connection.dialect.name != "postgresql":
        return
    moment = connection.scalar(select(func.clock_timestamp()))
    apart = abs((datetime.now(UTC) - moment).total_seconds()) if moment else 0.0
    if apart > CLOCK_SECONDS:
        says = f"The clocks of this host and of the database are {apart:.0f} s apart."
        yield wrong("clock", says, "Let both follow the same time server (NTP).")
    else:
        yield ok("clock", f"This host and the database are {apart:.1f} s apart.")


def _may_see_everything(connection: Connection) -> bool:
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.scalar(text(ASK_SYSTEM)))


def _check_keys(held: MessengerState, *, is_allowed: bool) -> Iterator[Finding]:
    if not is_allowed:
        yield note("keys", "Sealed values are not looked at: this role sees no workspace's.")
        return
    ring, session = held.get(KeyRing), held.db.session
    with system_scope("doctor"):
        unreadable = find_unreadable(session, ring)
        columns = count_keys(session, ring)
    for column, count in unreadable.items():
        says = f"{column}: {count} of the newest values do not open."
        yield wrong(
            "keys", says, "Bring back the key that is missing in MESSENGER_ENCRYPTION_KEYS."
        )
    unknown = sum(each.unknown for each in columns)
    if unknown and not unreadable:
        says = f"{unknown} older values are of no key that is configured."
        yield wrong("keys", says, "Bring the key back, or have those accounts connected again.")
    newest, *older = ring.key_ids
    for key_id in older:
        count = sum(each.by_key[key_id] for each in columns)
        says = f"{key_id} still opens {count} values." if count else f"{key_id} opens nothing here."
        mend = "`flask messenger keys rotate`." if count else "It can be removed."
        yield note("keys", says, mend)
    if not unreadable and not unknown:
        yield ok("keys", f"{newest} seals, and all that was tried opens.")


def _check_redis(held: MessengerState) -> Iterator[Finding]:
    client = held.get(redis.Redis)
    persistence, memory = client.info("persistence"), client.info("memory")
    if not persistence.get("aof_enabled"):
        says = "Redis keeps no append-only file: a delivery could not wait there for the database."
        yield wrong("redis", says, "Set `appendonly yes`.")
    policy = str(memory.get("maxmemory_policy"))
    if memory.get("maxmemory") and policy != "noeviction":
        says = f"Redis may throw jobs away when it is full ({policy})."
        yield wrong("redis", says, "Set `maxmemory-policy noeviction`.")
    elif persistence.get("aof_enabled"):
        yield ok("redis", "It answers, and keeps what it was given on disk.")
    yield from _check_work(client)


def _check_work(client: "redis.Redis") -> Iterator[Finding]:
    working = {each.group for each in read_beats(client)}
    missing = [group for group in (*WORK_GROUPS, *SIDE_GROUPS) if group not in working]
    if missing:
        says = f"No worker was heard of lately for: {', '.join(missing)}."
        yield wrong("workers", says, "Start `flask messenger worker`.")
    else:
        yield ok("workers", f"At work: {', '.join(sorted(working))}.")
    figures = load_figures(client)
    if "schedule" in working and not (figures and figures.is_fresh(time.time())):
        says = "The schedule is at work, and has measured nothing lately: it hangs."
        mend = "Its log names the part that fails (`sweep_failed`); else restart the worker."
        yield wrong("schedule", says, mend)
