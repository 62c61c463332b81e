"""Several drains at once, each a process of its own, over the same conversations."""

import json
import os
import random
import subprocess
import sys
from contextlib import ExitStack

import pytest
from flask import Flask
from sqlalchemy import make_url

from flask_messenger.ingest.journal import insert_rows, make_rows
from flask_messenger.ingest.receive import Delivery
from flask_messenger.models import Conversation, Message
from flask_messenger.state import state_of
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import drain, journal_states, rows
from tests.support.roles import Roles

PROCESSES = 3
PAGES = ("551", "552")
PEOPLE = 12
MESSAGES = 240
WAIT_SECONDS = 100
OURS = ("META_", "MESSENGER_")


def entries() -> list[bytes]:
    """Return messages and answers of few people, each twice, with receipts, in any order."""
    events = []
    for number in range(MESSAGES):
        page, person = PAGES[number % 2], f"90{number % PEOPLE:02}"
        make = meta.echo if number % 4 == 0 else meta.message
        event = make(page, person, f"text {number}", at=meta.T0 + number)
        read = meta.receipt(page, person, "read", watermark=meta.T0 + number)
        events += [(page, event), (page, event), (page, read)]
    random.Random(7).shuffle(events)  # noqa: S311 - the same order in each run
    return [json.dumps(meta.entry(page, event)).encode() for page, event in events]


def start_drainer(app: Flask, url: str) -> "subprocess.Popen[str]":
    config = {name: value for name, value in app.config.items() if name.startswith(OURS)}
    config |= {"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "test"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.drainer"],
        env={**os.environ, "DRAINER_CONFIG": json.dumps(config)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.databases("postgresql")
@pytest.mark.timeout(2 * WAIT_SECONDS)
def test_drains_side_by_side_store_everything_once_without_deadlock(
    app: Flask, factory: Factory, postgres_roles: Roles, database_url: str
) -> None:
    as_worker = {"options": f"-c role={postgres_roles.worker}"}
    url = make_url(postgres_roles.url(database_url)).update_query_dict(as_worker)
    shown = url.render_as_string(hide_password=False)
    for page in PAGES:
        factory.account(external_id=page)
    with ExitStack() as stack:
        processes = [stack.enter_context(start_drainer(app, shown)) for _ in range(PROCESSES)]
        for each in processes:
            stack.callback(each.kill)
        assert [each.stdout.readline() for each in processes] == ["ready\n"] * PROCESSES
        with state_of(app).db.engine.begin() as connection:
            delivery = Delivery("page", tuple(entries()))
            insert_rows(connection, [make_rows(delivery, app_name="default")])

        said = [json.loads(each.communicate("go\n", timeout=WAIT_SECONDS)[0]) for each in processes]
    drain(app)  # what is left: receipts that crossed their message in another process

    assert sum(each["taken"] for each in said) == 3 * MESSAGES
    assert [each["collisions"] for each in said] == [0] * PROCESSES
    assert set(journal_states(app)) == {"done"}
    messages = rows(app, Message)
    assert len(messages) == MESSAGES
    assert len(rows(app, Conversation)) == PEOPLE
    assert {each.status for each in messages if each.direction == "outbound"} == {"read"}
    unread = sum(each.direction == "inbound" for each in messages)
    assert sum(each.unread_count for each in rows(app, Conversation)) == unread
